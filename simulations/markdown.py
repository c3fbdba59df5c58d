"""Tables in Markdown, and figures with their Monte Carlo error in brackets."""

from collections.abc import Sequence

from simulations.accuracy import Figure

__all__ = ["table", "with_error"]


def with_error(figure: Figure, digits: int, *, sign: bool = False) -> str:
    """For example ``0.190 (0.007)``; with `sign`, a plus before what is positive."""
    return f"{figure.value:{'+' if sign else ''},.{digits}f} ({figure.se:,.{digits}f})"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells under a head."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))
