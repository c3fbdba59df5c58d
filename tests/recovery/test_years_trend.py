"""A smooth trend of what is hidden over unequally spaced years, as a Gaussian process and as unrelated years."""

import numpy as np
import pytest
from scipy.stats import binom

from mse.errors import NotConverged
from mse.histories import CaptureHistories
from mse.models.bayes.partial_pooling import multilevel
from mse.models.loglinear.terms import all_terms, design_matrix

pytestmark = pytest.mark.slow

N_TABLES = 16
YEARS = (2010, 2011, 2012, 2014, 2015, 2018, 2019, 2020)
TRUE_N = 160
LISTS = ("a", "b", "c", "d")
LIST_EFFECTS = np.array([-1.9, -1.5, -2.2, -1.7])
INTERACTIONS = np.array([0.8, 0.0, 0.0, 0.0, 0.0, -0.5])


def _simulated(seed):
    """One stratum a year; all lists reach more, then fewer, on a half wave of ten years with a phase of its own."""
    random = np.random.default_rng([5, seed])
    design = design_matrix([8, 4, 2, 1, *all_terms(4, 2)], 4)[:, 1:]
    phase = random.uniform(0, 2 * np.pi)
    counts = []
    for year in YEARS:
        reach = 0.6 * np.sin(phase + np.pi * (year - 2010) / 10)
        means = np.exp(design @ np.concatenate([LIST_EFFECTS + reach, INTERACTIONS]))
        counts.append(random.multinomial(TRUE_N, np.append(means, 1) / (means.sum() + 1))[:-1])
    return CaptureHistories(LISTS, np.array(counts).T, strata=tuple(map(str, YEARS)), covariates=("year",))


def _errors(trend):
    """Errors of log N of every year, NaN where the chains did not converge, and whether the 90 % interval holds it.

    Both (N_TABLES, n_years).
    """
    options = {} if trend is None else {"years": "year", "trend": trend}
    found = []
    for k in range(N_TABLES):
        try:
            draws = multilevel(_simulated(k), seed=k, n_draws=500, n_chains=3, sampler="nutpie", **options).draws
        except NotConverged:
            draws = np.full((1, len(YEARS)), np.nan)
        low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95), axis=0)
        found.append((np.log(middle / TRUE_N), (low <= TRUE_N) & (high >= TRUE_N)))
    errors, held = zip(*found, strict=True)
    return np.array(errors), np.array(held)


def test_a_process_follows_a_smooth_trend():
    """Its intervals cover about as often as they say, and it is nearer than years that know nothing of each other."""
    errors, held = _errors("gaussian_process")
    apart, _ = _errors(None)
    answered = ~np.isnan(errors + apart).any(axis=1)
    assert answered.sum() >= N_TABLES - 3
    errors, apart, held = errors[answered], apart[answered], held[answered]
    # Years of one table are estimated together; as many independent ones as half of all are taken.
    n = held.size // 2
    assert held.mean() >= binom(n, 0.9).ppf(0.001) / n
    gains = (apart**2).mean(axis=1) - (errors**2).mean(axis=1)
    assert gains.mean() > 0
    assert np.sqrt((errors**2).mean()) < 0.25
