"""Persons unlike, simulated one by one: the observable ones are estimated more exactly than all."""

import numpy as np
import pytest
from scipy import stats

import mse
from mse.histories import CaptureHistories

pytestmark = pytest.mark.slow

THRESHOLD = 0.1


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
