"""Ladders: the comparisons as arrays, and the likelihood ratio that levels on them bear.

All levels of all comparisons stand in one row of columns, each comparison's disagreement last. A chance agreement
depends on the state of a pair: for each group of other comparisons whether the first of them that says something agrees
(0), differs (1), or none says anything (2).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison

__all__ = [
    "AGREES",
    "DIFFERS",
    "UNKNOWN",
    "Ladders",
    "Scales",
    "add_ratios",
    "ladders",
    "log_chance",
    "ratios_of",
    "state_of",
    "states_of",
]

AGREES, DIFFERS, UNKNOWN = range(3)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Ladders(NamedTuple):
    """What does not depend on any data.

    Attributes
    ----------
    first : ndarray of int64, shape (n_comparisons + 1,)
        Column of the first level of each comparison.
    field : ndarray of int64, shape (n_comparisons,)
        Field that each comparison speaks of.
    given : ndarray of int64, shape (n_comparisons, n_groups, longest)
        Comparisons on which a comparison's chance agreements depend, -1 to fill up.
    n_given : ndarray of int64, shape (n_comparisons,)
        Groups of each comparison.
    by_record : ndarray of int64, shape (n_columns,)
        Place of the columns whose chance each record has for itself, -1 for the others.
    n_states : int
    """

    first: Ints
    field: Ints
    given: Ints
    n_given: Ints
    by_record: Ints
    n_states: int


class Scales(NamedTuple):
    """What the columns weigh.

    Attributes
    ----------
    log_m : ndarray of float64, shape (n_columns,)
    log_u : ndarray of float64, shape (n_columns, n_states)
    own : ndarray of float64, shape (n_records, n_by_record, n_states)
        Each record's own chance of a level; that of a pair is the mean of two.
    """

    log_m: Floats
    log_u: Floats
    own: Floats


def ladders(comparisons: Sequence[Comparison]) -> Ladders:
    """The structure of these comparisons.

    Examples
    --------
    >>> from mse.linkage.comparison import birth_date_comparison, birth_year_comparison
    >>> ladders([birth_date_comparison(), birth_year_comparison()]).first.tolist()
    [0, 4, 7]
    """
    place = {comparison.name: number for number, comparison in enumerate(comparisons)}
    fields = list(dict.fromkeys(comparison.counts_as for comparison in comparisons))
    groups = [
        [known for group in comparison.given if (known := [place[name] for name in group if name in place])]
        for comparison in comparisons
    ]
    n_groups = max(map(len, groups), default=0)
    longest = max((len(group) for own in groups for group in own), default=1)
    given = np.full((len(comparisons), n_groups, longest), -1, np.int64)
    for number, own in enumerate(groups):
        for at, group in enumerate(own):
            given[number, at, : len(group)] = group
    flags = [
        flag
        for comparison in comparisons
        for flag in (*(bool(level.frequency_of) or level.is_by_record for level in comparison.levels), False)
    ]
    by_record = np.where(flags, np.cumsum(flags) - 1, -1)
    return Ladders(
        np.cumsum([0, *(len(comparison.levels) + 1 for comparison in comparisons)]).astype(np.int64),
        np.array([fields.index(comparison.counts_as) for comparison in comparisons], np.int64),
        given,
        np.array([len(own) for own in groups], np.int64),
        by_record.astype(np.int64),
        3**n_groups,
    )


@njit(cache=True, nogil=True, inline="always")
def state_of(ladder, comparison, levels):  # type: ignore[no-untyped-def]
    """State of a pair for one comparison, below 3 to the number of groups."""
    state = 0
    for group in range(ladder.n_given[comparison]):
        own = UNKNOWN
        for place in range(ladder.given.shape[2]):
            other = ladder.given[comparison, group, place]
            if other >= 0 and levels[other] >= 0:
                own = AGREES if levels[other] == 0 else DIFFERS
                break
        state = 3 * state + own
    return state


@njit(cache=True, nogil=True, inline="always")
def log_chance(ladder, scales, levels, comparison, a, b):  # type: ignore[no-untyped-def]
    """Log-probability of the level of one comparison that says something of records a and b, of two persons."""
    column = ladder.first[comparison] + levels[comparison]
    state = state_of(ladder, comparison, levels)
    own = ladder.by_record[column]
    if own >= 0:
        chance = np.log((scales.own[a, own, state] + scales.own[b, own, state]) / 2)
    else:
        chance = scales.log_u[column, state]
    return chance


@njit(cache=True, nogil=True, inline="always")
def ratio_of(ladder, scales, levels, comparison, a, b):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of one comparison that says something of records a and b: one person against two."""
    column = ladder.first[comparison] + levels[comparison]
    return scales.log_m[column] - log_chance(ladder, scales, levels, comparison, a, b)


@njit(cache=True, nogil=True, inline="always")
def add_ratios(ladder, scales, levels, a, b, ratios):  # type: ignore[no-untyped-def]
    """Add to each field the log-likelihood ratio of these levels for records a and b."""
    for comparison in range(len(levels)):
        if levels[comparison] >= 0:
            ratios[ladder.field[comparison]] += ratio_of(ladder, scales, levels, comparison, a, b)


@njit(cache=True, nogil=True)
def states_of(ladder, levels):  # type: ignore[no-untyped-def]
    """State of each pair for each comparison, shape (n_pairs, n_comparisons), from levels of that shape."""
    states = np.zeros(levels.shape, np.int64)
    for pair in range(len(levels)):
        for comparison in range(levels.shape[1]):
            states[pair, comparison] = state_of(ladder, comparison, levels[pair])
    return states


@njit(cache=True, nogil=True)
def ratios_of(ladder, scales, levels, left, right):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of each comparison of each pair, from levels, both of shape (n_pairs, n_comparisons)."""
    found = np.zeros(levels.shape)
    for pair in range(len(levels)):
        for comparison in range(levels.shape[1]):
            if levels[pair, comparison] >= 0:
                found[pair, comparison] = ratio_of(ladder, scales, levels[pair], comparison, left[pair], right[pair])
    return found
