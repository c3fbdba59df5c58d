"""Persons unlike, simulated one by one: the true numbers are ranked evenly among the draws, and intervals cover."""

import numpy as np
import pytest
from scipy import stats

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.prior_of_hidden import log_hidden_of

pytestmark = pytest.mark.slow

N_SETS, N_SEEN, N_LISTS, THRESHOLD, N_RANKS = 100, 300, 4, 0.1, 99
PRIOR_HIDDEN, SPREAD_SCALE = (0.1, 5.0), 1.5


def _simulated(random):
    """A table of 300 persons seen, and the true total, observable population and spread, from the prior.

    Persons come one by one until the last of 300 is seen: then the hidden ones are negative binomial, as under 1/N.
    """
    mean, sd = log_hidden_of(PRIOR_HIDDEN)
    spread, ratio = abs(random.normal(0, SPREAD_SCALE)), np.exp(random.normal(mean, sd))
    apart = random.normal(0, 1.5, N_LISTS)
    apart -= apart.mean()
    persons = random.normal(size=200_000)
    low, high = -40.0, 40.0
    nodes = np.linspace(-9, 9, 4001)
    weights = stats.norm.pdf(nodes) * (nodes[1] - nodes[0])
    for _ in range(60):
        level = (low + high) / 2
        unseen = (weights / (1 + np.exp(level + apart[:, None] + spread * nodes)).prod(axis=0)).sum()
        low, high = (level, high) if unseen / (1 - unseen) > ratio else (low, level)
    captured = 1 / (1 + np.exp(-(level + apart + spread * persons[:, None])))
    on = random.uniform(size=captured.shape) < captured
    last = np.flatnonzero(on.any(axis=1))[N_SEEN - 1]
    on, chance = on[: last + 1], 1 - (1 - captured[: last + 1]).prod(axis=1)
    seen, counts = np.unique(on[on.any(axis=1)], axis=0, return_counts=True)
    cells = {tuple(int(x) for x in w): int(c) for w, c in zip(seen, counts, strict=True)}
    table = CaptureHistories.from_counts(tuple("abcd"), cells)
    return table, {"N": len(on), "observable": int((chance > THRESHOLD).sum()), "spread": spread}


def test_the_truth_is_ranked_evenly_among_the_draws():
    """100 data sets from the prior: chi-squared in ten bins, and 95 % intervals that cover, within binomial bounds.

    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv:1804.06788.
    """
    random = np.random.default_rng(2019)
    ranks = {"N": [], "observable": [], "spread": []}
    covered = {"N": 0, "observable": 0}
    for number in range(N_SETS):
        table, truth = _simulated(random)
        told = mse.heterogeneity(
            table, threshold=THRESHOLD, seed=number, prior_hidden=PRIOR_HIDDEN, spread_scale=SPREAD_SCALE
        )
        draws = {
            "N": told.draws[:, 0],
            "observable": told.observable.draws,
            "spread": told.idata.posterior.spread.to_numpy().reshape(-1),
        }
        thinned = np.linspace(0, len(told.draws) - 1, N_RANKS).round().astype(int)
        for name, values in draws.items():
            kept = values[thinned]
            ties = (kept == truth[name]).sum()
            ranks[name].append((kept < truth[name]).sum() + random.integers(0, ties + 1))
        for name, interval in (("N", told.interval()), ("observable", told.observable.interval())):
            covered[name] += interval.low <= truth[name] <= interval.high
    for name, found in ranks.items():
        bins = np.bincount(np.array(found) // 10, minlength=10)
        print(name, bins, stats.chisquare(bins).pvalue, covered.get(name))
        assert stats.chisquare(bins).pvalue > 0.001, name
    least, most = stats.binom(N_SETS, 0.95).ppf([0.001, 0.999])
    assert all(least <= number <= most for number in covered.values())


def test_the_observable_population_is_nearer_than_the_total():
    """30 tables with many persons whom hardly any list finds: the interval of the observable ones is the shorter."""
    random = np.random.default_rng(7)
    lengths = {"N": [], "observable": []}
    hits = 0
    for number in range(30):
        persons = random.normal(size=3000)
        captured = 1 / (1 + np.exp(-(np.array([-3.0, -3.5, -2.5, -4.0]) + 1.5 * persons[:, None])))
        on = random.uniform(size=captured.shape) < captured
        seen, counts = np.unique(on[on.any(axis=1)], axis=0, return_counts=True)
        cells = {tuple(int(x) for x in w): int(c) for w, c in zip(seen, counts, strict=True)}
        told = mse.heterogeneity(CaptureHistories.from_counts(tuple("abcd"), cells), threshold=THRESHOLD, seed=number)
        true = int((1 - (1 - captured).prod(axis=1) > THRESHOLD).sum())
        interval = told.observable.interval()
        hits += interval.low <= true <= interval.high
        for name, values in (("N", told.draws[:, 0]), ("observable", told.observable.draws)):
            lengths[name].append(np.ptp(np.log(np.quantile(values, [0.025, 0.975]))))
    print("log lengths", np.median(lengths["N"]), np.median(lengths["observable"]), "covered", hits)
    assert np.median(lengths["observable"]) < np.median(lengths["N"])
    assert hits >= stats.binom(30, 0.95).ppf(0.001)
