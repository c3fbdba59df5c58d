"""Ladders: the comparisons as arrays, and the likelihood ratio that levels on them bear.

All levels of all comparisons stand in one row of columns, each comparison's disagreement last. A chance agreement
depends on the state of a pair: for each group of other comparisons whether the first of them that says something is on
any level of agreement (0), differs (1), or none says anything (2).
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
    "OwnChances",
    "Scales",
    "add_ratios",
    "columns_by_place",
    "ladders",
    "log_chance",
    "ratios_of",
    "slices_of",
    "state_of",
    "states_of",
    "with_unknown",
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
    is_beside : ndarray of bool, shape (n_comparisons,)
        Whether the last of them changes the chances of all values alike.
    by_record : ndarray of int64, shape (n_columns,)
        Place of the columns whose chance each record has for itself, -1 for the others. Comparisons of one field share
        the place of a level that they have in common: how rare a name is does not depend on whether it stands alone.
    n_states : int
    """

    first: Ints
    field: Ints
    given: Ints
    n_given: Ints
    is_beside: NDArray[np.bool_]
    by_record: Ints
    n_states: int


class OwnChances(NamedTuple):
    """Each record's own chance of a level, from how many others that are not the same person are on it.

    Attributes
    ----------
    found : ndarray of float32, shape (n_records, n_places, n_states)
        Pairs of the record on the level, which the judged pair is taken out of.
    per_pair : ndarray of float32, shape (n_records, n_places, n_states)
        Chance that one of these pairs adds.
    shape : ndarray of float64, shape (n_places,)
        Of the gamma prior of the chance: what a record has in pairs before any is counted.
    """

    found: NDArray[np.float32]
    per_pair: NDArray[np.float32]
    shape: Floats

    @classmethod
    def nothing(cls, n_records: int) -> "OwnChances":
        """Of ladders that have none."""
        empty = np.zeros((n_records, 0, 1), np.float32)
        return cls(empty, empty, np.zeros(0))

    def of(self, records: Ints) -> "OwnChances":
        """Those of some records, or of records again and again."""
        return self._replace(found=self.found[records], per_pair=self.per_pair[records])


class Scales(NamedTuple):
    """What the columns weigh.

    Attributes
    ----------
    log_m : ndarray of float64, shape (n_columns,)
    log_u : ndarray of float64, shape (n_columns, n_states)
    own : OwnChances
    """

    log_m: Floats
    log_u: Floats
    own: OwnChances


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
    is_beside = np.array([any(name in place for name in comparison.beside) for comparison in comparisons])
    groups = [
        [known for group in (*own.given, own.beside) if (known := [place[name] for name in group if name in place])]
        for own in comparisons
    ]
    n_groups = max(map(len, groups), default=0)
    longest = max((len(group) for own in groups for group in own), default=1)
    given = np.full((len(comparisons), n_groups, longest), -1, np.int64)
    for number, own in enumerate(groups):
        for at, group in enumerate(own):
            given[number, at, : len(group)] = group
    by_record: list[int] = []
    place_of: dict[tuple[object, ...], int] = {}
    for comparison in comparisons:
        for level in comparison.levels:
            is_own = bool(level.frequency_of) or level.is_by_record
            key = (comparison.counts_as, level.condition, comparison.given, comparison.beside)
            by_record.append(place_of.setdefault(key, len(place_of)) if is_own else -1)
        by_record.append(-1)
    return Ladders(
        np.cumsum([0, *(len(comparison.levels) + 1 for comparison in comparisons)]).astype(np.int64),
        np.array([fields.index(comparison.counts_as) for comparison in comparisons], np.int64),
        given,
        np.array([len(own) for own in groups], np.int64),
        is_beside,
        np.array(by_record, np.int64),
        3**n_groups,
    )


def slices_of(ladder: Ladders) -> list[slice]:
    """The columns of each comparison."""
    return [slice(int(a), int(b)) for a, b in zip(ladder.first[:-1], ladder.first[1:], strict=True)]


def columns_by_place(ladder: Ladders) -> list[Ints]:
    """The columns that share each place of the own chances, ascending."""
    return [np.flatnonzero(ladder.by_record == place) for place in range(int(ladder.by_record.max(initial=-1)) + 1)]


def with_unknown(counts: Floats, ladder: Ladders) -> Floats:
    """Pairs by state, where not to know whether a group agrees takes in all pairs, whatever they do."""
    found = counts.copy()
    for number, own in enumerate(slices_of(ladder)):
        n_groups = int(ladder.n_given[number])
        here = found[:, own, : 3**n_groups].reshape(-1, own.stop - own.start, *([3] * n_groups))
        for axis in range(2, 2 + n_groups):
            unknown = [slice(None)] * here.ndim
            unknown[axis] = slice(UNKNOWN, UNKNOWN + 1)
            here[tuple(unknown)] = here.sum(axis=axis, keepdims=True)
        found[:, own, : 3**n_groups] = here.reshape(-1, own.stop - own.start, 3**n_groups)
        found[:, own, 3**n_groups :] = found[:, own, 3**n_groups - 1 : 3**n_groups]
    return found


@njit(cache=True, nogil=True, inline="always")
def state_of(ladder, comparison, levels):  # type: ignore[no-untyped-def]
    """State of a pair for one comparison, below 3 to the number of groups."""
    state = 0
    for group in range(ladder.n_given[comparison]):
        own = UNKNOWN
        for place in range(ladder.given.shape[2]):
            other = ladder.given[comparison, group, place]
            if other >= 0 and levels[other] >= 0:
                n_levels = ladder.first[other + 1] - ladder.first[other]
                own = AGREES if levels[other] < n_levels - 1 else DIFFERS
                break
        state = 3 * state + own
    return state


@njit(cache=True, nogil=True, inline="always")
def log_chance(ladder, scales, levels, comparison, a, b, counted):  # type: ignore[no-untyped-def]
    """Log-probability of the level of one comparison that says something of records a and b, of two persons.

    Either record may be the one whose value the other has by chance: the mean of two likelihood ratios, so that the
    chance is a harmonic mean. `counted` is how much of this pair was counted as one of two persons, which is taken out.
    """
    column = ladder.first[comparison] + levels[comparison]
    state = state_of(ladder, comparison, levels)
    own = ladder.by_record[column]
    if own >= 0:
        found, per_pair, shape = scales.own.found, scales.own.per_pair, scales.own.shape[own]
        of_a = (max(found[a, own, state] - counted, 0.0) + shape) * per_pair[a, own, state]
        of_b = (max(found[b, own, state] - counted, 0.0) + shape) * per_pair[b, own, state]
        chance = np.log(2.0 / (1.0 / of_a + 1.0 / of_b))
    else:
        chance = scales.log_u[column, state]
    return chance


@njit(cache=True, nogil=True, inline="always")
def ratio_of(ladder, scales, levels, comparison, a, b, counted):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of one comparison that says something of records a and b: one person against two."""
    column = ladder.first[comparison] + levels[comparison]
    return scales.log_m[column] - log_chance(ladder, scales, levels, comparison, a, b, counted)


@njit(cache=True, nogil=True, inline="always")
def add_ratios(ladder, scales, levels, a, b, counted, ratios):  # type: ignore[no-untyped-def]
    """Add to each field the log-likelihood ratio of these levels for records a and b."""
    for comparison in range(len(levels)):
        if levels[comparison] >= 0:
            ratios[ladder.field[comparison]] += ratio_of(ladder, scales, levels, comparison, a, b, counted)


@njit(cache=True, nogil=True)
def states_of(ladder, levels):  # type: ignore[no-untyped-def]
    """State of each pair for each comparison, shape (n_pairs, n_comparisons), from levels of that shape."""
    states = np.zeros(levels.shape, np.int64)
    for pair in range(len(levels)):
        for comparison in range(levels.shape[1]):
            states[pair, comparison] = state_of(ladder, comparison, levels[pair])
    return states


@njit(cache=True, nogil=True)
def ratios_of(ladder, scales, levels, left, right, counted):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of each comparison of each pair, from levels, both of shape (n_pairs, n_comparisons)."""
    found = np.zeros(levels.shape)
    for pair in range(len(levels)):
        for comparison in range(levels.shape[1]):
            if levels[pair, comparison] >= 0:
                found[pair, comparison] = ratio_of(
                    ladder, scales, levels[pair], comparison, left[pair], right[pair], counted[pair]
                )
    return found
