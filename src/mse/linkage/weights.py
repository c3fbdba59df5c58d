"""Weights: how much each way of agreeing says, from typing-error rates, within-list pairs and the lists themselves.

Small lists cannot teach a free model: an expectation-maximisation over all pairs takes the commonest agreement, such
as a shared nationality, for the mark of one person. So the m-probabilities start at fixed rates and move at most half
way; the u-probabilities are counted on pairs within lists, which are two persons but for a few duplicates; and the
prior is a fixed point that starts at one match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison

__all__ = ["Agreements", "Weights", "compete", "fit_m_and_prior", "log_odds", "measure_u", "starting_weights"]

MISSING = -1
MIN_M_STRENGTH = 50.0  # pseudo-matches behind the starting m-probabilities
DUPLICATES_WITHIN = 0.01  # expected duplicates per record of a list, before any data
MIN_CONDITIONAL_PAIRS = 200.0  # fewer pairs of one origin do not tell how often names agree among them
N_ITERATIONS = 50


@dataclass(frozen=True)
class Agreements:
    """How often each combination of levels occurs among pairs of records.

    Attributes
    ----------
    levels : ndarray of int64, shape (n_patterns, n_comparisons)
        Level of each comparison, 0 for the most telling, -1 where the field says nothing.
    n_pairs : ndarray of float64, shape (n_patterns,)
    """

    levels: NDArray[np.int64]
    n_pairs: NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """The m- and u-probabilities of each comparison (its levels, then disagreement) and the prior of a pair."""

    m: tuple[NDArray[np.float64], ...]
    u: tuple[NDArray[np.float64], ...]
    prior: float


def starting_weights(comparisons: Sequence[Comparison], *, n_records: int) -> Weights:
    """The weights before any data; the prior takes the population to be twice the number of records."""
    m = tuple(np.array([start[0] for start in comparison.starts]) for comparison in comparisons)
    u = tuple(np.array([start[1] for start in comparison.starts]) for comparison in comparisons)
    return Weights(m, u, 1 / (2 * max(n_records, 1)))


def log_odds(agreements: Agreements, weights: Weights) -> NDArray[np.float64]:
    """Natural log of the odds that a pair is one person, prior included, shape (n_patterns,)."""
    total = np.full(len(agreements.levels), np.log(weights.prior) - np.log1p(-weights.prior))
    for column, (m, u) in enumerate(zip(weights.m, weights.u, strict=True)):
        ratio = np.append(np.log(m) - np.log(u), 0.0)  # the last entry is read by -1: a missing value says nothing
        total += ratio[agreements.levels[:, column]]
    return total


def measure_u(
    within: Agreements, comparisons: Sequence[Comparison], start: Weights, *, n_records: int
) -> tuple[NDArray[np.float64], ...]:
    """The u-probabilities from pairs within lists, each with one pseudo-pair at its starting value.

    Pairs that look like a duplicate are left out in proportion to how much they do.

    Parameters
    ----------
    within : Agreements
        Pairs of records of the same list.
    n_records : int
        Number of records that the pairs were made of.
    """
    n_within = within.n_pairs.sum()
    if not n_within:
        return _discounted(start.u, comparisons)
    prior = min(DUPLICATES_WITHIN * n_records / n_within, 0.1)
    weights = replace(start, prior=prior)
    for _ in range(3):
        different = within.n_pairs * (1 - _probability(log_odds(within, weights)))
        u = tuple(
            _smoothed(_level_counts(within.levels[:, column], different * counted, len(first)), first)
            for column, (first, counted) in enumerate(zip(start.u, _counted(within, comparisons), strict=True))
        )
        u = tuple(first if own.chance_of else x for own, first, x in zip(comparisons, start.u, u, strict=True))
        weights = replace(weights, u=u)
    is_by_origin = any(not counted.all() for counted in _counted(within, comparisons))
    return _taken_over(_discounted(weights.u, comparisons), comparisons, is_by_origin=is_by_origin)


def fit_m_and_prior(candidates: Agreements, start: Weights, *, n_cross: float, max_matches: float) -> Weights:
    """Move m and the prior towards the candidate pairs, m at most half way from where it started.

    Parameters
    ----------
    candidates : Agreements
        Pairs of records of two lists that were worth comparing; all other pairs are taken to be two persons.
    n_cross : float
        Number of all pairs of records of two lists.
    max_matches : float
        The most pairs that can match when a person is on a list once.
    """
    weights = start
    for _ in range(N_ITERATIONS):
        matches = candidates.n_pairs * _probability(log_odds(candidates, weights))
        m = []
        for column, first in enumerate(start.m):
            counts = _level_counts(candidates.levels[:, column], matches, len(first))
            strength = max(MIN_M_STRENGTH, counts.sum())
            m.append((strength * first + counts) / (strength + counts.sum()))
        prior = prior_from(matches.sum(), n_cross=n_cross, start=start.prior, max_matches=max_matches)
        steps = [
            abs(prior / weights.prior - 1),
            *(np.abs(new - old).max() for new, old in zip(m, weights.m, strict=True)),
        ]
        weights = replace(weights, m=tuple(m), prior=prior)
        if max(steps) < 1e-6:
            break
    return weights


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


def _probability(log_of_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_of_odds, -60.0, 60.0))))


def _level_counts(levels: NDArray[np.int64], n_pairs: NDArray[np.float64], n_levels: int) -> NDArray[np.float64]:
    """Pairs on each level of one comparison, shape (n_levels,); pairs on which it says nothing are not counted."""
    known = levels != MISSING
    return np.bincount(levels[known], n_pairs[known], minlength=n_levels).astype(np.float64)


def _counted(within: Agreements, comparisons: Sequence[Comparison]) -> list[NDArray[np.bool_]]:
    """For each comparison the patterns whose pairs count in its u: all, or those that agree on the origin."""
    place = {comparison.name: column for column, comparison in enumerate(comparisons)}
    counted = []
    for comparison in comparisons:
        columns = [place[name] for name in comparison.within if name in place]
        agree = (within.levels[:, columns] == 0).any(axis=1)
        enough = within.n_pairs[agree].sum() >= MIN_CONDITIONAL_PAIRS
        counted.append(agree if enough else np.ones(len(agree), np.bool_))
    return counted


def _taken_over(
    u: tuple[NDArray[np.float64], ...], comparisons: Sequence[Comparison], *, is_by_origin: bool
) -> tuple[NDArray[np.float64], ...]:
    """The u-probabilities with those of another comparison where one stands in for it.

    Where names were counted among all pairs, whatever their origin, a shared name has said already what it says.
    """
    place = {comparison.name: column for column, comparison in enumerate(comparisons)}
    return tuple(
        u[place[comparison.chance_of]] if comparison.chance_of and is_by_origin else own
        for own, comparison in zip(u, comparisons, strict=True)
    )


def _smoothed(counts: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each level's share with one pseudo-pair at its start; disagreement takes the rest."""
    shares = (counts[:-1] + 1) / (counts.sum() + 1 / start[:-1])
    shares *= min(1.0, 0.98 / shares.sum())
    return np.append(shares, 1 - shares.sum())


def _discounted(
    u: tuple[NDArray[np.float64], ...], comparisons: Sequence[Comparison]
) -> tuple[NDArray[np.float64], ...]:
    """A field that goes with another one agrees by chance more often, once the other one does."""
    found = []
    for own, comparison in zip(u, comparisons, strict=True):
        levels = own[:-1] ** comparison.discount
        levels *= min(1.0, 0.98 / levels.sum())
        found.append(np.append(levels, 1 - levels.sum()))
    return tuple(found)
