"""Estimates as a report may show them: rounded so that no hidden count can be computed back, or withheld."""

import re
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor, inf, log10

from mse.estimate import Estimate
from mse.interval import Interval
from mse.report.suppression import Shown

__all__ = ["ShownEstimate", "brackets", "rounded", "show_estimate", "step"]

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ShownEstimate:
    """An estimate for the report; `n_hat`, `low` and `high` are rounded, in persons, and None when withheld.

    `low` and `high` are rounded outwards; `high` may be infinite. `interval` tells level and kind, its ends are exact
    and are not to be shown.
    """

    model: str
    n_hat: int | None
    low: int | None
    high: float | None
    interval: Interval
    is_coarse: bool
    is_main: bool
    notes: tuple[str, ...]


def step(value: float, *, coarse: bool) -> int:
    """The unit to which a number of this size is rounded.

    Examples
    --------
    >>> [step(707, coarse=False), step(13444, coarse=False), step(707, coarse=True), step(13444, coarse=True)]
    [10, 100, 50, 1000]
    """
    digits = 2 if coarse else 3
    smallest = 50 if coarse else 10
    if value < 1000:
        return smallest
    return int(max(10 ** (floor(log10(value)) - digits + 1), smallest))


def rounded(value: float, *, coarse: bool = False, at_least: int = 0) -> int:
    """A number of persons to the nearest step, never below `at_least`."""
    unit = step(value, coarse=coarse)
    return max(unit * round(value / unit), at_least)


def brackets(model: str) -> tuple[tuple[str, ...], ...]:
    """The terms of a model in names form, with or without words before them.

    Examples
    --------
    >>> brackets("[police,rosa][udi]")
    (('police', 'rosa'), ('udi',))
    """
    return tuple(tuple(term.split(",")) for term in re.findall(r"\[([^\[\]]+)\]", model))


def show_estimate(estimate: Estimate, shown: Shown, lists: tuple[str, ...], *, is_main: bool) -> ShownEstimate:
    """What a report shows of an estimate.

    Parameters
    ----------
    estimate : Estimate
    shown : Shown
        The counts that are shown; when the estimate depends on others it is rounded coarsely or withheld.
    lists : tuple of str
        The lists of the table that the counts come from.
    """
    interval = estimate.interval(LEVEL)
    notes = (interval.note, *getattr(estimate, "notes", ()))
    is_withheld, coarse = _disclosure(estimate, shown, lists)
    if is_withheld:
        return ShownEstimate(estimate.model, None, None, None, interval, False, is_main, notes)
    floor_at = estimate.n_observed
    low_step = step(interval.low, coarse=coarse)
    low = max(low_step * floor(interval.low / low_step), floor_at)
    high: float = inf
    if interval.high < inf:
        high_step = step(interval.high, coarse=coarse)
        high = max(high_step * ceil(interval.high / high_step), floor_at)
    n_hat = rounded(estimate.n_hat, coarse=coarse, at_least=floor_at)
    return ShownEstimate(estimate.model, n_hat, low, high, interval, coarse, is_main, notes)


def _disclosure(estimate: Estimate, shown: Shown, lists: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether the estimate is withheld, and whether it is rounded coarsely.

    A log-linear model depends on the counts only through the totals of its terms. When all of those are shown, its
    estimate says nothing new.
    """
    if not shown.allows_estimates:
        return True, False
    if not shown.hidden:
        return False, False
    terms = brackets(estimate.model)
    named = {name for term in terms for name in term}
    is_log_linear = estimate.model == "".join(f"[{','.join(term)}]" for term in terms) and named == set(lists)
    is_of_two = len(named) == 2 and named <= set(lists)
    if is_of_two and len(lists) > 2:
        a, b = sorted(named, key=lists.index)
        return None in (shown.overlap(a, b), shown.overlap(a, a), shown.overlap(b, b)), False
    if is_log_linear:
        return False, not all(_is_shown(term, shown, lists) for term in terms)
    if estimate.n_observed != shown.get("n_observed"):
        return True, False
    return False, True


def _is_shown(term: tuple[str, ...], shown: Shown, lists: tuple[str, ...]) -> bool:
    """Whether the totals that a term brings in are all shown; those of three lists and more never are."""
    names = sorted(term, key=lists.index)
    pairs = [(a, a) for a in names] + list(combinations(names, 2))
    return len(names) <= 2 and all(shown.overlap(a, b) is not None for a, b in pairs)
