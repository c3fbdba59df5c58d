"""Histories as values, and the two things that can be declared of a cell: that it cannot occur, that it is censored."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput

__all__ = [
    "CENSORED",
    "COUNTED",
    "STRUCTURAL_ZERO",
    "History",
    "as_text",
    "checked_confirmed",
    "declared_cells",
    "history_of",
]

COUNTED, STRUCTURAL_ZERO, CENSORED = "counted", "structural zero", "censored"
type History = tuple[int, ...]


def history_of(value: int, n_lists: int) -> History:
    """The history with this binary value, first list most significant."""
    return tuple(value >> (n_lists - 1 - j) & 1 for j in range(n_lists))


def as_text(history: Sequence[int]) -> str:
    """A history as it is printed, for example ``101``."""
    return "".join(map(str, history))


def declared_cells(cells: Iterable[Sequence[int] | str], lists: tuple[str, ...]) -> frozenset[History]:
    """The histories that are declared, given as tuples or as text.

    Raises
    ------
    BadInput
        For one text instead of several, and for what is not a history over the lists.
    """
    if isinstance(cells, str):
        raise BadInput(f"{cells!r} is one text; give a list of histories, for example [{cells!r}]")
    found = set()
    for cell in cells:
        signs = [str(sign) for sign in cell]
        if len(signs) != len(lists) or not set(signs) <= {"0", "1"} or "1" not in signs:
            raise BadInput(f"{cell!r} is not a history over the lists {lists}; give a 0 or 1 for each list")
        found.add(tuple(map(int, signs)))
    return frozenset(found)


def checked_confirmed(
    confirmed: NDArray[np.int64], counts: NDArray[np.int64], rows: Sequence[int]
) -> NDArray[np.int64]:
    """The persons confirmed, read-only, and 0 where the cell is not censored."""
    given = np.asarray(confirmed, dtype=np.int64)
    if given.shape != counts.shape:
        raise BadInput(f"confirmed has the shape {given.shape} and counts {counts.shape}; give one number for each")
    kept = np.zeros_like(counts)
    kept[list(rows)] = given[list(rows)]
    if kept.min() < 0 or (kept > counts).any():
        raise BadInput("confirmed holds a number below 0 or above its count; it is a part of the persons counted")
    kept.setflags(write=False)
    return kept
