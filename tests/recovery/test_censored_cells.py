"""Censored cells on simulated lists with a known total, one of which also holds persons outside the population."""

import numpy as np
import pytest

import mse
from mse.histories import CaptureHistories

TRUE_N, N_SETS = 2000, 200
CAPTURE = np.array([0.2, 0.15, 0.25])


def tables(n_outside: int, seed: int) -> list[CaptureHistories]:
    """Independent lists of a fixed population, with a Poisson number of others on the third list alone."""
    rng = np.random.default_rng(seed)
    on = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    chances = np.where(on == 1, CAPTURE, 1 - CAPTURE).prod(axis=1)
    counts = rng.multinomial(TRUE_N, chances, size=N_SETS)[:, 1:]
    counts[:, 0] += rng.poisson(n_outside, size=N_SETS)
    return [CaptureHistories(("a", "b", "c"), row, censored_cells=frozenset({(0, 0, 1)})) for row in counts]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_outside", "lowest", "nominal"), [(0, 0.92, 0.90), (50, 0.96, 0.95), (200, 0.98, 0.95), (1000, 0.98, 0.95)]
)
def test_the_true_total_is_covered_whatever_the_over_coverage(n_outside: int, lowest: float, nominal: float) -> None:
    """The interval covers near its level, and those outside do not draw the estimate up.

    Where nobody is outside, a bound taken for a count that it is draws it down, and the interval covers less than it
    says: 0.895 was measured.
    """
    estimates = [mse.fit_loglinear(table, "independence") for table in tables(n_outside, seed=17 + n_outside)]
    naive = [mse.fit_loglinear(table.at_bound("upper"), "independence") for table in tables(n_outside, 17 + n_outside)]
    covered = np.mean([e.interval().low <= TRUE_N <= e.interval().high for e in estimates])
    naive_covered = np.mean([e.interval().low <= TRUE_N <= e.interval().high for e in naive])
    ratio = np.median([e.n_hat for e in estimates]) / TRUE_N
    print(
        f"{n_outside} outside: median {ratio:.3f} of the truth, 95 % covered {covered:.3f}; "
        f"count taken as exact {np.median([e.n_hat for e in naive]) / TRUE_N:.3f}, covered {naive_covered:.3f}"
    )
    assert covered > nominal - 3 * (nominal * (1 - nominal) / N_SETS) ** 0.5
    assert lowest < ratio < 1.03
    assert naive_covered < 0.7 or n_outside == 0
