"""Own chances: how likely another person's record is to have, or be like, the value that a record has.

A shared name says the more, the fewer have it. Each record has its own chance of a level, from how many others that are
not the same person are on it with the record; that serves filters, whose values nobody can read, as well as names.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mse.linkage.all_pairs import Counts, Listed
from mse.linkage.ladders import (
    AGREES,
    DIFFERS,
    UNKNOWN,
    Ladders,
    OwnChances,
    columns_by_place,
    slices_of,
    states_of,
    with_unknown,
)
from mse.linkage.weights import Weights

__all__ = ["Matched", "own_chances", "recounted"]

LEAST_SHAPE, LARGEST_SHAPE = 0.05, 10.0
SHAPE_STRENGTH = 20.0  # pseudo-records behind an exponential prior
LARGEST_CHANCE = 0.9

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """What a first look at the pairs says of who is one person.

    Attributes
    ----------
    listed : Listed
        Sorted by left, then right.
    probability : ndarray of float64, shape (n_pairs,)
        Of each listed pair to be one person; of all others it is taken to be 0.
    is_rare : ndarray of bool, shape (n_columns,)
        Levels whose pairs are in `Counts.alike`.
    """

    listed: Listed
    probability: Floats
    is_rare: NDArray[np.bool_]

    def persons(self, n_records: int) -> Floats:
        """Share of a person that each record is: one divided by how many records its person is expected to have."""
        others = np.zeros(n_records)
        for ends in (self.listed.left, self.listed.right):
            others += np.bincount(ends, self.probability, minlength=n_records)
        return np.asarray(1.0 / (1.0 + others))

    def probability_of(self, pairs: Listed, n_records: int) -> Floats:
        """Of any pairs to be one person."""
        keys, wanted = (own.left * n_records + own.right for own in (self.listed, pairs))
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        return np.where(keys[place] == wanted, self.probability[place], 0.0) if len(keys) else np.zeros(len(pairs))


def own_chances(
    weights: Weights, ladder: Ladders, counts: Counts, origin: Ints, matched: Matched | None = None
) -> Weights:
    """The weights with each record's own chances.

    A chance has a gamma prior around that of all records of its origin, where the origins of a pair agree, and around
    that of all records where they do not: some origins have few names. The chance of an origin is itself shrunk to that
    of all, by one pair at it. The shape of the prior is the one that foretells how many records are on the level with
    one other person, of those with one or none (Robbins): most names are like no other, and some are like many.

    On rare levels the others are counted as persons, as far as `matched` says who is one: where two records bear a name
    that nobody else has, they are two persons of one record each or one person of two, and not any two records.

    Comparisons beside (`Comparison.beside`) multiply the chances of all records of an origin alike, by what pairs
    within lists say of it: in an agreeing state there are too few pairs to count for each record.

    Parameters
    ----------
    origin : ndarray of int64, shape (n_records,)
        Number of the origin of each record, -1 where it is missing: what the first group that a comparison's chances
        depend on speaks of.
    matched : Matched, optional
        Expected pairs of one person do not count as chance; all pairs do when left out.

    References
    ----------
    Robbins (1956), An empirical Bayes approach to statistics, Proc. Third Berkeley Symp. 1, 157-163.
    """
    n_records = len(origin)
    within, between = counts.within, counts.between
    if matched is not None:
        by_level = _by_level(matched.listed, matched.probability, matched.probability, ladder, n_records)
        between = np.maximum(between - by_level, 0.0)
    pairs, within = with_unknown(within + between, ladder), with_unknown(within, ladder)
    persons, per_record = pairs, 1.0
    if matched is not None:
        share = matched.persons(n_records)
        chance = 1.0 - matched.probability_of(counts.alike, n_records)
        of_left, of_right = share[counts.alike.right] * chance, share[counts.alike.left] * chance
        persons = with_unknown(_by_level(counts.alike, of_left, of_right, ladder, n_records), ladder)
        per_record = float(share.mean())
    old = weights.own
    own = OwnChances(np.empty_like(old.found), np.empty_like(old.per_pair), np.empty_like(old.shape))
    for place, columns in enumerate(columns_by_place(ladder)):
        first = int(np.searchsorted(ladder.first, columns[0], side="right")) - 1
        found, known = _found_and_known(pairs, ladder, columns)
        if matched is not None and matched.is_rare[columns[0]]:
            found, known = persons[:, columns].sum(axis=1), known * per_record
        own.shape[place], own.found[:, place], own.per_pair[:, place] = _of_place(
            weights.u[columns[0]], int(ladder.n_given[first]), bool(ladder.is_beside[first]),
            (found, known), _found_and_known(within, ladder, columns), origin,
        )  # fmt: skip
    return replace(weights, own=own)


def recounted(
    counts: Counts, ladder: Ladders, alike: Listed, two_persons: Floats, is_rare: NDArray[np.bool_]
) -> Counts:
    """The counts with pairs within lists on rare levels counted anew, each by the probability that it is two persons.

    Parameters
    ----------
    alike : Listed
        All pairs within lists on these levels.
    """
    within = counts.within.copy()
    within[:, is_rare] = _by_level(alike, two_persons, two_persons, ladder, len(within))[:, is_rare]
    return replace(counts, within=within)


def _by_level(pairs: Listed, of_left: Floats, of_right: Floats, ladder: Ladders, n_records: int) -> Floats:
    """Sums over pairs on each level, by record, shape (n_records, n_columns, n_states)."""
    shape = (n_records, int(ladder.first[-1]), ladder.n_states)
    found = np.zeros(int(np.prod(shape)))
    states = states_of(ladder, pairs.levels.astype(np.int64))
    for number, own in enumerate(slices_of(ladder)):
        known = pairs.levels[:, number] >= 0
        column = own.start + pairs.levels[known, number].astype(np.int64)
        for ends, values in ((pairs.left, of_left), (pairs.right, of_right)):
            place = np.ravel_multi_index((ends[known], column, states[known, number]), shape)
            found += np.bincount(place, values[known], minlength=len(found))
    return found.reshape(shape)


def _found_and_known(pairs: Floats, ladder: Ladders, columns: Ints) -> tuple[Floats, Floats]:
    """Pairs of each record on any of these levels, and on any level of their comparisons, (n_records, n_states)."""
    slices = slices_of(ladder)
    numbers = np.searchsorted(ladder.first, columns, side="right") - 1
    known = np.sum([pairs[:, slices[number]].sum(axis=1) for number in numbers], axis=0)
    return pairs[:, columns].sum(axis=1), known


def _of_place(
    u: Floats,
    n_groups: int,
    is_beside: bool,
    pairs: tuple[Floats, Floats],
    within: tuple[Floats, Floats],
    origin: Ints,
) -> tuple[float, Floats, Floats]:
    """Shape, and by state what each record has found and its chance per pair."""
    found, known = pairs
    states = np.arange(3 ** (n_groups - is_beside))
    agreeing = states[: len(states) // 3]  # the first group agrees
    if is_beside:
        states, agreeing = 3 * states + UNKNOWN, 3 * agreeing + UNKNOWN
    chance = np.repeat(u[None], len(found), axis=0)
    here = _of_group(found[:, agreeing], known[:, agreeing], 1.0 / u[agreeing], origin)
    chance[:, agreeing] = np.where(origin[:, None] >= 0, here, chance[:, agreeing])
    typical, speaks = (agreeing[-1], origin >= 0) if len(agreeing) else (states[-1], np.full(len(found), True))
    shape = _shape(found[speaks, typical], (known * chance)[speaks, typical])
    found, per_pair = found.copy(), 1.0 / (known + shape / chance)
    if is_beside:
        for state in states:
            for kind in (AGREES, DIFFERS):
                own = state - UNKNOWN + kind
                times = np.full(len(found), u[own] / u[state])
                if state in agreeing:
                    expected = within[1][:, own] * chance[:, state] * times
                    times *= np.where(origin >= 0, _more_than(within[0][:, own], expected, origin), 1.0)
                found[:, own] = found[:, state]
                per_pair[:, own] = np.minimum(per_pair[:, state] * times, LARGEST_CHANCE / (found[:, own] + shape))
    return shape, found, per_pair


def _shape(count: Floats, expected: Floats) -> float:
    """Shape of the gamma prior of chances, at which as many records agree with one other as do."""
    none, one = (count < 0.5) & (expected > 0.0), (count >= 0.5) & (count < 1.5) & (expected > 0.0)
    if not none.any():
        return 1.0
    mean = expected[none]
    exponential = SHAPE_STRENGTH * float((mean / (1.0 + mean)).mean())
    target = (float(one.sum()) + exponential) / (float(none.sum()) + SHAPE_STRENGTH) * len(mean)

    def too_many(log_shape: float) -> float:
        return float((mean / (1.0 + mean / np.exp(log_shape))).sum()) - target

    low, high = np.log(LEAST_SHAPE), np.log(LARGEST_SHAPE)
    if too_many(low) >= 0.0:
        return LEAST_SHAPE
    return LARGEST_SHAPE if too_many(high) <= 0.0 else float(np.exp(brentq(too_many, low, high)))


def _more_than(found: Floats, expected: Floats, group: Ints) -> Floats:
    """For each record how many times the expected pairs of its group were found, with one pair for each."""
    found_here, expected_here = (
        np.bincount(group[group >= 0], values[group >= 0], minlength=int(group.max(initial=0)) + 1) / 2
        for values in (found, expected)
    )
    return np.asarray(((found_here + 1.0) / (expected_here + 1.0))[np.maximum(group, 0)])


def _of_group(found: Floats, known: Floats, one_pair: Floats, group: Ints) -> Floats:
    """For each record the share of pairs found among those known, over its group; one pair more for `one_pair` known.

    Every pair counts for both of its records.
    """
    sums = np.zeros((2, int(group.max(initial=-1)) + 2, found.shape[1]))
    for own, values in zip(sums, (found, known), strict=True):
        np.add.at(own, group, values)
    return np.asarray(((sums[0] / 2 + 1.0) / (sums[1] / 2 + one_pair))[group])
