"""Two-list estimators and Chao's lower bound on simulated persons with a known total."""

import numpy as np
import pytest

from mse.errors import NoOverlap
from mse.histories import CaptureHistories
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman, lincoln_petersen

pytestmark = pytest.mark.slow

TRUE_N = 1000
N_TABLES = 2000
Z = 4  # standard errors of the simulation


def simulated(list_probabilities, *, factor_of_some, seed):
    """Tables of persons; a third of them have the odds of every list multiplied by a factor."""
    rng = np.random.default_rng(seed)
    odds = np.asarray(list_probabilities) / (1 - np.asarray(list_probabilities))
    factor = np.where(rng.random((N_TABLES, TRUE_N)) < 1 / 3, factor_of_some, 1.0)[:, :, None]
    on_list = rng.random((N_TABLES, TRUE_N, len(odds))) < factor * odds / (1 + factor * odds)
    n_lists = len(odds)
    value = on_list @ (1 << np.arange(n_lists)[::-1])
    names = tuple("abcde"[:n_lists])
    return [CaptureHistories(names, np.bincount(row, minlength=2**n_lists)[1:]) for row in value]


def summary(method, tables):
    """Mean of N-hat, its standard error, and the share of 95 % intervals that hold the truth."""
    n_hat, holds = [], []
    for h in tables:
        try:
            estimate = method(h)
        except NoOverlap:
            continue
        interval = estimate.interval()
        n_hat.append(estimate.n_hat)
        holds.append(interval.low <= TRUE_N <= interval.high)
    return np.mean(n_hat), np.std(n_hat) / np.sqrt(len(n_hat)), np.mean(holds)


def test_chapman_is_unbiased_and_covers():
    """With lists of 200 and 300 persons the mean is the truth within simulation error, coverage near 95 %."""
    tables = simulated((0.2, 0.3), factor_of_some=1.0, seed=20)
    mean, error, coverage = summary(chapman, tables)
    assert abs(mean - TRUE_N) < Z * error
    assert coverage == pytest.approx(0.95, abs=Z * (0.95 * 0.05 / N_TABLES) ** 0.5)
    assert summary(lincoln_petersen, tables)[0] > mean


def test_lower_bound_is_close_when_persons_are_alike():
    """With five lists of unequal size and persons alike the bound is near the truth, and its interval covers it."""
    tables = simulated((0.02, 0.05, 0.08, 0.2, 0.1), factor_of_some=1.0, seed=21)
    mean, _, coverage = summary(lambda h: chao_lower_bound(h, bias_corrected=True), tables)
    assert mean == pytest.approx(TRUE_N, rel=0.03)
    assert coverage > 0.92


def test_lower_bound_stays_below_when_persons_differ():
    """Where a third of the persons is four times as easy to find, the mean bound is below the truth."""
    tables = simulated((0.02, 0.05, 0.08, 0.2, 0.1), factor_of_some=4.0, seed=22)
    mean, error, _ = summary(chao_lower_bound, tables)
    assert mean + Z * error < TRUE_N


def test_form_for_lists_of_equal_size_is_no_bound_here():
    """With lists of unequal size and persons alike, the form for equal sizes is above the truth on average."""
    tables = simulated((0.02, 0.05, 0.08, 0.2, 0.1), factor_of_some=1.0, seed=23)
    mean, error, _ = summary(lambda h: chao_lower_bound(h, list_sizes="equal", bias_corrected=True), tables)
    assert mean - Z * error > TRUE_N
