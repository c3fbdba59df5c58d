"""The evidence on pairs of records, as the clustering and the sampler read it.

Pairs that are likely to be one person are listed with their levels. Of all other pairs the levels are worked out when
they are asked for, if the comparisons are at hand in compiled code; if not, such a pair cannot be one person.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.all_pairs import Listed
from mse.linkage.compiled import Compiled, levels_of, nothing_compiled
from mse.linkage.ladders import Ladders, Scales, add_ratios, log_chance
from mse.linkage.weights import Weights

__all__ = [
    "DIFFERENT",
    "LARGEST_SIZE",
    "SAME",
    "Evidence",
    "Pairs",
    "Scratch",
    "field_mean",
    "group_evidence",
    "hubs",
    "pair_levels",
    "ratios_within",
    "scratch_for",
    "weigh",
    "weigh_chances",
]

SAME, DIFFERENT = 1, -1
LARGEST_SIZE = 12  # of groups that are told apart by their size
SURE = 100.0  # log-likelihood ratio of an answer, which no other evidence of a pair comes near

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """The evidence in arrays, for compiled code.

    Attributes
    ----------
    start, right : ndarray of int64
        Listed pairs of record a with later ones: ``right[start[a]:start[a + 1]]``, ascending.
    levels : ndarray of int8, shape (n_pairs, n_comparisons)
    answer : ndarray of int8, shape (n_pairs,)
        1 where an agency says that the two are one person, -1 where it says that they are not, else 0.
    counted : ndarray of float64, shape (n_pairs,)
        How much of each listed pair was counted as one of two persons, when own chances were; of all others all was.
    chance : ndarray of float64, shape (n_pairs, n_fields + 1)
        Log-probability of each field's levels for two persons; `weigh_chances` fills it in.
    ratios : ndarray of float64, shape (n_pairs, n_fields + 1)
        Log-likelihood ratio of each field, and of the answer; `weigh` fills it in.
    total : ndarray of float64, shape (n_pairs,)
        Sum of the ratios; -inf where the answer is that the two are not one person.
    column : ndarray of int16, shape (n_pairs, n_fields + 1)
        Column of the ladders on which the pair stands in each field, -1 where it says nothing.
    by_size : ndarray of float64, shape (LARGEST_SIZE + 1, n_columns)
        What is added to the log m-probability of a column in groups of more than two that know the field, by their
        number; `weigh` fills it in.
    detail : ndarray of int64, shape (n_records, n_fields + 1)
        How finely a record tells a field: above 0 for a full date beside a mere year, say.
    ladder : Ladders
    scales : Scales
    compared : Compiled
        Without steps when pairs that are not listed cannot be compared.
    """

    start: Ints
    right: Ints
    levels: NDArray[np.int8]
    answer: NDArray[np.int8]
    counted: Floats
    chance: Floats
    ratios: Floats
    total: Floats
    column: NDArray[np.int16]
    by_size: Floats
    detail: Ints
    ladder: Ladders
    scales: Scales
    compared: Compiled


@dataclass(frozen=True)
class Evidence:
    """What is known of pairs of records before anybody is joined.

    Attributes
    ----------
    list_of_record : ndarray of int64, shape (n_records,)
        Number of the list of each record, from 0.
    is_clean : ndarray of bool, shape (n_lists,)
        Whether a person is on the list at most once.
    listed : Listed
        Sorted by left, then right.
    answer : ndarray of int8, shape (n_pairs,)
    counted : ndarray of float64, shape (n_pairs,)
    detail : ndarray of int64, shape (n_records, n_fields + 1)
    ladder : Ladders
    weights : Weights
    prior : float
        Probability that a pair of records of two lists is one person.
    compared : Compiled or None
    """

    list_of_record: Ints
    is_clean: NDArray[np.bool_]
    listed: Listed
    answer: NDArray[np.int8]
    counted: Floats
    detail: Ints
    ladder: Ladders
    weights: Weights
    prior: float
    compared: Compiled | None = None

    @property
    def n_records(self) -> int:
        return len(self.list_of_record)

    @property
    def has_all(self) -> bool:
        """Whether pairs that are not listed can be compared."""
        return self.compared is not None

    @cached_property
    def ratio(self) -> Floats:
        """Log-likelihood ratio of each listed pair, shape (n_pairs,)."""
        return np.asarray(self.pairs().ratios.sum(axis=1))

    def pairs(self) -> Pairs:
        """The arrays, with scales of their own that may be changed."""
        scales = self.weights.scales
        pairs = Pairs(
            np.searchsorted(self.listed.left, np.arange(self.n_records + 1)).astype(np.int64),
            self.listed.right,
            self.listed.levels,
            self.answer,
            self.counted,
            np.zeros((len(self.listed), self.detail.shape[1])),  # the last is that of the answers
            np.zeros((len(self.listed), self.detail.shape[1])),
            np.zeros(len(self.listed)),
            self._columns(),
            np.zeros((LARGEST_SIZE + 1, len(self.weights.m))),
            self.detail,
            self.ladder,
            scales,
            self.compared or nothing_compiled(),
        )
        weigh_chances(pairs)
        weigh(pairs)
        return pairs

    def _columns(self) -> NDArray[np.int16]:
        column = np.full((len(self.listed), self.detail.shape[1]), -1, np.int16)
        for comparison, field in enumerate(self.ladder.field):
            level = self.listed.levels[:, comparison]
            column[level >= 0, field] = self.ladder.first[comparison] + level[level >= 0]
        return column


@njit(cache=True, nogil=True)
def weigh_chances(pairs):  # type: ignore[no-untyped-def]
    """Fill in how likely the levels of the listed pairs are by chance, under the u-probabilities as they are now."""
    levels = np.zeros(pairs.levels.shape[1], np.int64)
    pairs.chance[:] = 0.0
    for a in range(len(pairs.start) - 1):
        for pair in range(pairs.start[a], pairs.start[a + 1]):
            for comparison in range(len(levels)):
                levels[comparison] = pairs.levels[pair, comparison]
            for comparison in range(len(levels)):
                if levels[comparison] >= 0:
                    b, counted = pairs.right[pair], pairs.counted[pair]
                    chance = log_chance(pairs.ladder, pairs.scales, levels, comparison, a, b, counted)
                    pairs.chance[pair, pairs.ladder.field[comparison]] += chance


@njit(cache=True, nogil=True)
def weigh(pairs):  # type: ignore[no-untyped-def]
    """Fill in the ratios of the listed pairs under the m-probabilities as they are now."""
    first, field, log_m = pairs.ladder.first, pairs.ladder.field, pairs.scales.log_m
    for pair in range(len(pairs.right)):
        for own in range(pairs.ratios.shape[1]):
            pairs.ratios[pair, own] = -pairs.chance[pair, own]
        for comparison in range(len(field)):
            level = pairs.levels[pair, comparison]
            if level >= 0:
                pairs.ratios[pair, field[comparison]] += log_m[first[comparison] + level]
        if pairs.answer[pair] == SAME:
            pairs.ratios[pair, -1] = SURE
        total = 0.0
        for own in range(pairs.ratios.shape[1]):
            total += pairs.ratios[pair, own]
        pairs.total[pair] = -np.inf if pairs.answer[pair] == DIFFERENT else total
    for size in range(3, LARGEST_SIZE + 1):
        share = size / (2.0 * (size - 1.0))
        for comparison in range(len(field)):
            agrees = np.exp(log_m[first[comparison]])
            error = share * (1.0 - agrees)
            pairs.by_size[size, first[comparison]] = np.log(1.0 - error) - log_m[first[comparison]]
            pairs.by_size[size, first[comparison] + 1 : first[comparison + 1]] = np.log(share)


class Scratch(NamedTuple):
    """Room to work in, so that none is asked for again and again.

    Attributes
    ----------
    levels : ndarray of int64, shape (n_comparisons,)
    ratios : ndarray of float64, shape (n_fields + 1,)
    of_hub : ndarray of float64, shape (n_fields + 1, most)
        Sum of the ratios of each record of a group with the others.
    n_known : ndarray of float64, shape (n_fields + 1, most)
        How many of those ratios say something.
    columns : ndarray of int16, shape (n_fields + 1,)
    shown : ndarray of int16, shape (n_fields + 1, most, most)
        Column on which two records of a group stand.
    """

    levels: Ints
    ratios: Floats
    of_hub: Floats
    n_known: Floats
    columns: NDArray[np.int16]
    shown: NDArray[np.int16]


@njit(cache=True, nogil=True)
def scratch_for(pairs, most):  # type: ignore[no-untyped-def]
    """Room for groups of at most this many records."""
    n_fields = pairs.ratios.shape[1]
    return Scratch(
        np.zeros(pairs.levels.shape[1], np.int64),
        np.zeros(n_fields),
        np.zeros((n_fields, most)),
        np.zeros((n_fields, most)),
        np.zeros(n_fields, np.int16),
        np.zeros((n_fields, most, most), np.int16),
    )


@njit(cache=True, nogil=True, inline="always")
def _place(start, right, a, b):  # type: ignore[no-untyped-def]
    """Position of the pair of two records among those listed, -1 where it is not."""
    low, high = start[min(a, b)], start[min(a, b) + 1]
    end, wanted = high, max(a, b)
    while low < high:
        middle = (low + high) // 2
        if right[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < end and right[low] == wanted else -1


@njit(cache=True, nogil=True)
def pair_levels(pairs, a, b, levels):  # type: ignore[no-untyped-def]
    """Write the levels of two records; False where they cannot be one person."""
    place = _place(pairs.start, pairs.right, a, b)
    if place >= 0:
        for comparison in range(len(levels)):
            levels[comparison] = pairs.levels[place, comparison]
        return pairs.answer[place] != DIFFERENT
    if len(pairs.compared.steps) == 0:
        return False
    levels_of(pairs.compared, a, b, levels)
    return True


@njit(cache=True, nogil=True, inline="always")
def pair_ratios(pairs, a, b, levels, ratios, columns):  # type: ignore[no-untyped-def]
    """Write log-likelihood ratios and columns of two records by field; False where they cannot be one person."""
    place = _place(pairs.start, pairs.right, a, b)
    is_possible = True
    if place >= 0:
        for field in range(len(ratios)):
            ratios[field] = pairs.ratios[place, field]
            columns[field] = pairs.column[place, field]
        is_possible = pairs.answer[place] != DIFFERENT
    elif len(pairs.compared.steps) == 0:
        is_possible = False
    else:
        levels_of(pairs.compared, a, b, levels)
        ratios[:] = 0.0
        columns[:] = -1
        add_ratios(pairs.ladder, pairs.scales, levels, a, b, 1.0, ratios)
        for comparison in range(len(levels)):
            if levels[comparison] >= 0:
                columns[pairs.ladder.field[comparison]] = pairs.ladder.first[comparison] + levels[comparison]
    return is_possible


@njit(cache=True, nogil=True, inline="always")
def ratios_within(pairs, members, n_members, scratch):  # type: ignore[no-untyped-def]
    """Write each record's sums of ratios with the others of its group; False where they cannot be one person."""
    of_hub, n_known, ratios = scratch.of_hub, scratch.n_known, scratch.ratios
    columns, shown = scratch.columns, scratch.shown
    is_possible = True
    for field in range(len(ratios)):
        for i in range(n_members):
            of_hub[field, i], n_known[field, i] = 0.0, 0.0
    for i in range(n_members):
        for j in range(i):
            if is_possible and pair_ratios(pairs, members[i], members[j], scratch.levels, ratios, columns):
                for field in range(len(ratios)):
                    shown[field, i, j] = shown[field, j, i] = columns[field]
                    if ratios[field] != 0.0:
                        of_hub[field, i] += ratios[field]
                        of_hub[field, j] += ratios[field]
                        n_known[field, i] += 1.0
                        n_known[field, j] += 1.0
            else:
                is_possible = False
    if is_possible and n_members > 2:
        for field in range(len(ratios)):
            for i in range(n_members):
                size = min(int(n_known[field, i]) + 1, LARGEST_SIZE)
                if size > 2:
                    for j in range(n_members):
                        if j != i and shown[field, i, j] >= 0:
                            of_hub[field, i] += pairs.by_size[size, shown[field, i, j]]
    return is_possible


@njit(cache=True, nogil=True)
def group_evidence(pairs, members, n_members, scratch):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of a group of records: one person against all different; -inf where they cannot be one.

    In each field one of its records is the hub that tells the person's value, and the others are copies of the hub's:
    the product of their likelihood ratios with the hub, averaged over the records that could be the hub.

    Parameters
    ----------
    pairs : Pairs
    members : ndarray of int64, shape (at least n_members,)
    n_members : int
    scratch : Scratch
    """
    if n_members < 2:
        return 0.0
    if n_members == 2:
        place = _place(pairs.start, pairs.right, members[0], members[1])
        if place >= 0:
            return pairs.total[place]
    if not ratios_within(pairs, members, n_members, scratch):
        return -np.inf
    of_hub, n_known = scratch.of_hub, scratch.n_known
    evidence = 0.0
    for field in range(len(of_hub)):
        if n_members == 2:
            evidence += of_hub[field, 0]
            continue
        largest, n_hubs = hubs(pairs.detail, of_hub, n_known, field, members, n_members)
        if n_hubs:
            total = 0.0
            for i in range(n_members):
                total += np.exp(of_hub[field, i] - largest) if n_known[field, i] > 0.0 else 0.0
            evidence += largest + np.log(total / n_hubs)
    return evidence


@njit(cache=True, nogil=True)
def field_mean(pairs, record, members, n_members, scratch):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of a record and a group: in each field the mean over the group's records that know it.

    Plausible for one record given all others, but no joint distribution of groups has these conditionals.
    """
    total, n_known, ratios = scratch.of_hub, scratch.n_known, scratch.ratios
    for field in range(len(ratios)):
        total[field, 0], n_known[field, 0] = 0.0, 0.0
    for i in range(n_members):
        if not pair_ratios(pairs, record, members[i], scratch.levels, ratios, scratch.columns):
            return -np.inf
        for field in range(len(ratios)):
            if ratios[field] != 0.0:
                total[field, 0] += ratios[field]
                n_known[field, 0] += 1.0
    evidence = 0.0
    for field in range(len(ratios)):
        evidence += total[field, 0] / max(n_known[field, 0], 1.0)
    return evidence


@njit(cache=True, nogil=True)
def hubs(detail, of_hub, n_known, field, members, n_members):  # type: ignore[no-untyped-def]
    """The largest sum of ratios of a possible hub, and how many hubs are possible; the others know nothing from now on.

    Only those that tell the field most finely can be the hub: two full dates that differ are not reconciled by a third
    record with the year alone.
    """
    finest = -1
    for i in range(n_members):
        if n_known[field, i] > 0.0:
            finest = max(finest, detail[members[i], field])
    largest, n_hubs = -np.inf, 0
    for i in range(n_members):
        if n_known[field, i] > 0.0 and detail[members[i], field] == finest:
            largest = max(largest, of_hub[field, i])
            n_hubs += 1
        else:
            n_known[field, i] = 0.0
    return largest, n_hubs
