"""Weights: how much each way of agreeing says, from typing-error rates, within-list pairs and the lists themselves.

The u-probabilities, of agreeing by chance, are counted on pairs within lists, which are two persons but for a few
duplicates. They depend on what else agrees (names on origin and sex), and where a value is the same, on the value: each
record has its own chance, from how many other persons share its value or are like it. The m-probabilities, of agreeing
as one person, start at typing-error rates that were fixed before any list was seen, and have a Dirichlet prior around
them; the prior of a pair starts at one match and is a fixed point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mse.linkage.all_pairs import Counts, Listed
from mse.linkage.comparison import Comparison
from mse.linkage.ladders import UNKNOWN, Ladders, Scales, states_of

__all__ = [
    "M_STRENGTH",
    "Weights",
    "compete",
    "counted_weights",
    "matched_levels",
    "own_chances",
    "prior_from",
    "starting_weights",
    "with_m",
]

M_STRENGTH = 20.0  # pseudo-pairs of one person behind the starting m-probabilities of a comparison

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Weights:
    """Probabilities of the columns of all ladders.

    Attributes
    ----------
    m_start : ndarray of float64, shape (n_columns,)
        Where the m-probabilities start: each comparison's sum to 1.
    m : ndarray of float64, shape (n_columns,)
    u : ndarray of float64, shape (n_columns, n_states)
    u_spread : ndarray of float64, shape (n_columns, n_states)
        Relative standard error of `u`.
    own : ndarray of float64, shape (n_records, n_by_record, n_states)
        Each record's own chance of the columns that have one.
    """

    m_start: Floats
    m: Floats
    u: Floats
    u_spread: Floats
    own: Floats

    @property
    def scales(self) -> Scales:
        """The logarithms."""
        return Scales(np.log(self.m), np.log(self.u), self.own)

    @property
    def ratios_at_start(self) -> Floats:
        """Log-likelihood ratio of each column before any data, when chances are those of all states together."""
        return np.asarray(np.log(self.m_start) - np.log(self.u[:, -1]))


def starting_weights(comparisons: Sequence[Comparison], ladder: Ladders, *, n_records: int) -> Weights:
    """The weights before any data."""
    m, u = (np.array([start[which] for own in comparisons for start in own.starts]) for which in (0, 1))
    by_state = np.repeat(u[:, None], ladder.n_states, axis=1)
    own = np.repeat(by_state[ladder.by_record >= 0][None], n_records, axis=0)
    return Weights(m, m, by_state, np.ones_like(by_state), own)


def counted_weights(start: Weights, ladder: Ladders, counts: Floats) -> Weights:
    """The u-probabilities of pairs within lists, with one pseudo-pair on each level at its starting value, and one in
    each state at the share of all states together.

    Parameters
    ----------
    counts : ndarray of float64, shape (n_records, n_columns, n_states)
        Pairs within lists on each level, by record. The spread is that of a jackknife over records: pairs of one record
        go together.
    """
    pairs = _with_unknown(counts, ladder)
    first_u = start.u[:, 0]
    u, spread = np.empty_like(start.u), np.empty_like(start.u)
    for own in _comparisons(ladder):
        of_all = pairs[:, own, -1]
        base = _share(of_all.sum(axis=0) / 2, first_u[own], 1.0 / first_u[own])
        for state in range(ladder.n_states):
            found = pairs[:, own, state]
            level, total = found.sum(axis=0) / 2, found.sum() / 2
            here = _share(level, base, 1.0 / base) if state < ladder.n_states - 1 else base
            moved = found - here * found.sum(axis=1, keepdims=True)
            error = np.sqrt(np.maximum((moved**2).sum(axis=0), 2 * level) + 1.0) / max(total, 1.0)
            u[own, state], spread[own, state] = here, np.minimum(error / here, 1.0)
    return replace(start, u=u, u_spread=spread)


def own_chances(weights: Weights, ladder: Ladders, counts: Counts, matched: Floats, origin: Ints) -> Weights:
    """Each record's own chances, from how many records that are not the same person agree with it.

    A chance has an exponential prior around that of all records of its origin, where the origins of a pair agree, and
    around that of all records where they do not: some origins have few names. The chance of an origin is itself shrunk
    to that of all, by one pair at it. The pair that is judged does not count, so that a value that only its two records
    have is as rare as a value can be known to be.

    Parameters
    ----------
    matched : ndarray of float64, shape (n_records, n_columns, n_states)
        Expected pairs of one person among the pairs between lists.
    origin : ndarray of int64, shape (n_records,)
        Number of the origin of each record, -1 where it is missing: what the first group that a comparison's chances
        depend on speaks of.
    """
    pairs = _with_unknown(counts.within + np.maximum(counts.between - matched, 0.0), ladder)
    own = np.empty_like(weights.own)
    for number, comparison in enumerate(_comparisons(ladder)):
        known, n_groups = pairs[:, comparison].sum(axis=1), int(ladder.n_given[number])
        agreeing = slice(0, 3 ** (n_groups - 1) if n_groups else 0)  # states in which the first group agrees
        for column in range(comparison.start, comparison.stop):
            place = ladder.by_record[column]
            if place >= 0:
                chance = np.repeat(weights.u[column][None], len(known), axis=0)
                one_pair = 1.0 / weights.u[column, agreeing]
                here = _of_group(pairs[:, column, agreeing], known[:, agreeing], one_pair, origin)
                chance[:, agreeing] = np.where(origin[:, None] >= 0, here, chance[:, agreeing])
                own[:, place] = np.maximum(pairs[:, column], 1.0) / (known + 1.0 / chance)
    return replace(weights, own=own)


def with_m(weights: Weights, ladder: Ladders, levels: NDArray[np.int8], probability: Floats) -> Weights:
    """The m-probabilities that these pairs make likely, with the Dirichlet prior around their start."""
    m = np.empty_like(weights.m)
    for number, own in enumerate(_comparisons(ladder)):
        known = levels[:, number] >= 0
        found = np.bincount(levels[known, number], probability[known], minlength=own.stop - own.start)
        m[own] = (M_STRENGTH * weights.m_start[own] + found) / (M_STRENGTH + found.sum())
    return replace(weights, m=m)


def matched_levels(pairs: Listed, probability: Floats, ladder: Ladders, *, n_records: int) -> Floats:
    """Expected pairs of one person on each level, by record, shape (n_records, n_columns, n_states)."""
    matched = np.zeros((n_records, int(ladder.first[-1]), ladder.n_states))
    states = states_of(ladder, pairs.levels.astype(np.int64))
    for number, own in enumerate(_comparisons(ladder)):
        known = pairs.levels[:, number] >= 0
        column = own.start + pairs.levels[known, number].astype(np.int64)
        for ends in (pairs.left[known], pairs.right[known]):
            np.add.at(matched, (ends, column, states[known, number]), probability[known])
    return matched


def prior_from(n_matches: float, *, n_cross: float, start: float, max_matches: float) -> float:
    """Share of pairs that match, with one pseudo-match at the starting prior; never above what is possible."""
    found = (n_matches + 1) / (n_cross + 1 / start)
    return float(min(found, max_matches / n_cross, 0.5)) if n_cross else start


def compete(
    log_ratio: NDArray[np.float64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    *,
    list_of_record: NDArray[np.int64],
    start: float,
    n_cross: float,
    max_matches: float,
) -> tuple[NDArray[np.float64], float]:
    """Match probabilities when a record has at most one partner in each other list, and the prior that fits them.

    A pair's odds are weighed against no partner and against all other partners that either record could have in the
    other's list: p = o / (1 + sum over a's partners + sum over b's partners - o). The prior is the fixed point of its
    share of matches.

    Parameters
    ----------
    log_ratio : ndarray of float64, shape (n_pairs,)
        Natural log of the likelihood ratio of each pair, without prior.
    left, right : ndarray of int64, shape (n_pairs,)
    list_of_record : ndarray of int64, shape (n_records,)
    start, n_cross, max_matches : float
        As for `fit_m_and_prior`.

    Returns
    -------
    probability : ndarray of float64, shape (n_pairs,)
    prior : float
    """
    n_lists = int(list_of_record.max(initial=0)) + 1
    of_left = np.unique(left * n_lists + list_of_record[right], return_inverse=True)[1]
    of_right = np.unique(right * n_lists + list_of_record[left], return_inverse=True)[1]
    ratio = np.exp(np.clip(log_ratio, -60.0, 60.0))
    sum_left = np.bincount(of_left, ratio)[of_left] if len(ratio) else ratio
    sum_right = np.bincount(of_right, ratio)[of_right] if len(ratio) else ratio
    rivals = np.maximum(sum_left + sum_right - ratio, ratio)
    prior = start
    probability = np.zeros(len(ratio))
    for _ in range(200):
        odds = prior / (1 - prior)
        probability = odds * ratio / (1 + odds * rivals)
        found = prior_from(probability.sum(), n_cross=n_cross, start=start, max_matches=max_matches)
        done = abs(found / prior - 1) < 1e-9
        prior = found
        if done:
            break
    return probability, prior


def _comparisons(ladder: Ladders) -> list[slice]:
    return [slice(int(a), int(b)) for a, b in zip(ladder.first[:-1], ladder.first[1:], strict=True)]


def _with_unknown(counts: Floats, ladder: Ladders) -> Floats:
    """Pairs by state, where not to know whether a group agrees takes in all pairs, whatever they do."""
    found = counts.copy()
    for number, own in enumerate(_comparisons(ladder)):
        n_groups = int(ladder.n_given[number])
        here = found[:, own, : 3**n_groups].reshape(-1, own.stop - own.start, *([3] * n_groups))
        for axis in range(2, 2 + n_groups):
            unknown = [slice(None)] * here.ndim
            unknown[axis] = slice(UNKNOWN, UNKNOWN + 1)
            here[tuple(unknown)] = here.sum(axis=axis, keepdims=True)
        found[:, own, : 3**n_groups] = here.reshape(-1, own.stop - own.start, 3**n_groups)
        found[:, own, 3**n_groups :] = found[:, own, 3**n_groups - 1 : 3**n_groups]
    return found


def _of_group(found: Floats, known: Floats, one_pair: Floats, group: Ints) -> Floats:
    """For each record the share of pairs found among those known, over its group; one pair more for `one_pair` known.

    Every pair counts for both of its records.
    """
    sums = np.zeros((2, int(group.max(initial=-1)) + 2, found.shape[1]))
    for own, values in zip(sums, (found, known), strict=True):
        np.add.at(own, group, values)
    return np.asarray(((sums[0] / 2 + 1.0) / (sums[1] / 2 + one_pair))[group])


def _share(level: Floats, start: Floats, strength: Floats) -> Floats:
    """Each level's share, with this many pseudo-pairs at its start; disagreement takes the rest."""
    shares = ((level + strength * start) / (level.sum() + strength))[:-1]
    shares *= min(1.0, 0.98 / shares.sum())
    return np.append(shares, 1 - shares.sum())
