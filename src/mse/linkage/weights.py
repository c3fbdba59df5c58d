"""Weights: how much each way of agreeing says, from typing-error rates, within-list pairs and the lists themselves.

The u-probabilities, of agreeing by chance, are counted on pairs within lists, which are two persons but for a few
duplicates. They depend on what else agrees (names on origin and sex), and where a value is the same or alike, on the
record, see `mse.linkage.own_chances`. The m-probabilities, of agreeing as one person, start at typing-error rates that
were fixed before any list was seen, and have a Dirichlet prior around them; the prior of a pair starts at one match and
is a fixed point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison
from mse.linkage.ladders import AGREES, UNKNOWN, Ladders, OwnChances, Scales, columns_by_place, slices_of, with_unknown

__all__ = [
    "M_STRENGTH",
    "Weights",
    "compete",
    "counted_weights",
    "prior_from",
    "starting_weights",
    "with_m",
]

M_STRENGTH = 20.0  # pseudo-pairs of one person behind the starting m-probabilities of a comparison

BESIDE_AT_START = 2.0  # times as often two agree by chance who agree on what stands beside, before any data
RARE = 0.02  # of all pairs, on a level where persons are told apart from records

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
    own : OwnChances
        Each record's own chance of the columns that have one.
    """

    m_start: Floats
    m: Floats
    u: Floats
    u_spread: Floats
    own: OwnChances

    @property
    def scales(self) -> Scales:
        """The logarithms."""
        return Scales(np.log(self.m), np.log(self.u), self.own)

    def is_rare(self, ladder: Ladders) -> NDArray[np.bool_]:
        """Columns, shape (n_columns,), with own chances on which few pairs are, before any data."""
        return np.asarray((ladder.by_record >= 0) & (self.u[:, -1] <= RARE))

    @property
    def ratios_at_start(self) -> Floats:
        """Log-likelihood ratio of each column before any data, when chances are those of all states together."""
        return np.asarray(np.log(self.m_start) - np.log(self.u[:, -1]))


def starting_weights(comparisons: Sequence[Comparison], ladder: Ladders, *, n_records: int) -> Weights:
    """The weights before any data."""
    m, u = (np.array([start[which] for own in comparisons for start in own.starts]) for which in (0, 1))
    by_state = np.repeat(u[:, None], ladder.n_states, axis=1)
    first = [columns[0] for columns in columns_by_place(ladder)]
    per_pair = np.repeat(by_state[first][None].astype(np.float32), n_records, axis=0)
    own = OwnChances(np.zeros_like(per_pair), per_pair, np.ones(len(first)))
    return Weights(m, m, by_state, np.ones_like(by_state), own)


def counted_weights(start: Weights, ladder: Ladders, counts: Floats) -> Weights:
    """The u-probabilities of pairs within lists, with one pseudo-pair on each level at its starting value, and one in
    each state at the share of all states together, or of those with the same groups and whatever stands beside.

    Parameters
    ----------
    counts : ndarray of float64, shape (n_records, n_columns, n_states)
        Pairs within lists on each level, by record. The spread is that of a jackknife over records: pairs of one record
        go together.
    """
    pairs = with_unknown(counts, ladder)
    first_u = start.u[:, 0]
    u, spread = np.empty_like(start.u), np.empty_like(start.u)
    for number, own in enumerate(slices_of(ladder)):
        of_all = pairs[:, own, -1]
        base = _share(of_all.sum(axis=0) / 2, first_u[own], 1.0 / first_u[own])
        # From the end: a state without what stands beside comes before those with it, which are around it.
        for state in reversed(range(ladder.n_states)):
            found = pairs[:, own, state]
            level, total = found.sum(axis=0) / 2, found.sum() / 2
            is_finer = bool(ladder.is_beside[number]) and state % 3 != UNKNOWN
            around = u[own, state - state % 3 + UNKNOWN] if is_finer else base
            if is_finer and state % 3 == AGREES:
                around = np.append(more := BESIDE_AT_START * around[:-1], max(1.0 - more.sum(), 0.02))
            here = _share(level, around, 1.0 / around) if state < ladder.n_states - 1 else base
            moved = found - here * found.sum(axis=1, keepdims=True)
            error = np.sqrt(np.maximum((moved**2).sum(axis=0), 2 * level) + 1.0) / max(total, 1.0)
            u[own, state], spread[own, state] = here, np.minimum(error / here, 1.0)
    return replace(start, u=u, u_spread=spread)


def with_m(weights: Weights, ladder: Ladders, levels: NDArray[np.int8], probability: Floats) -> Weights:
    """The m-probabilities that these pairs make likely, with the Dirichlet prior around their start."""
    m = np.empty_like(weights.m)
    for number, own in enumerate(slices_of(ladder)):
        known = levels[:, number] >= 0
        found = np.bincount(levels[known, number], probability[known], minlength=own.stop - own.start)
        m[own] = (M_STRENGTH * weights.m_start[own] + found) / (M_STRENGTH + found.sum())
    return replace(weights, m=m)


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


def _share(level: Floats, start: Floats, strength: Floats) -> Floats:
    """Each level's share, with this many pseudo-pairs at its start; disagreement takes the rest."""
    shares = ((level + strength * start) / (level.sum() + strength))[:-1]
    shares *= min(1.0, 0.98 / shares.sum())
    return np.append(shares, 1 - shares.sum())
