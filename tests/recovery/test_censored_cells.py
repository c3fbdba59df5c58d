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


def four_lists(chances: np.ndarray, true_n: int, n_outside: int, seed: int) -> list[CaptureHistories]:
    """Tables drawn with these shares of the 16 histories; the fourth list alone holds a Poisson number of others."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(true_n, chances / chances.sum(), size=N_SETS)[:, 1:]
    counts[:, 0] += rng.poisson(n_outside, size=N_SETS)
    return [CaptureHistories(tuple("abcd"), row, censored_cells=frozenset({(0, 0, 0, 1)})) for row in counts]


FOUR = np.array([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)])


@pytest.mark.slow
@pytest.mark.parametrize(("likelihood", "lowest"), [("poisson", 0.93), ("multinomial", 0.95)])
def test_where_few_are_hidden_the_multinomial_profile_covers(likelihood: str, lowest: float) -> None:
    """Four lists of 40 %, 1,000 persons, 150 outside: one person in eight hidden, and the count itself varies."""
    tables = four_lists(np.where(FOUR == 1, 0.4, 0.6).prod(axis=1), 1000, 150, seed=41)
    estimates = [mse.closed_population(table, model="Mt", likelihood=likelihood) for table in tables]
    covered = np.mean([e.interval().low <= 1000 <= e.interval().high for e in estimates])
    ratio = np.median([e.n_hat for e in estimates]) / 1000
    spread = np.std([e.n_hat for e in estimates])
    told = np.median([e.diagnostics["standard_error"] for e in estimates])
    print(f"{likelihood}: median {ratio:.3f}, covered {covered:.3f}, spread {spread:.1f}, standard error {told:.1f}")
    assert covered > lowest - 3 * (0.95 * 0.05 / N_SETS) ** 0.5
    assert 0.98 < ratio < 1.02
    assert told == pytest.approx(spread, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("n_outside", [0, 300])
def test_heterogeneity_is_found_beside_over_coverage(n_outside: int) -> None:
    """Persons unlike as Darroch's form says: its interval covers, Chao's bound lies below, independence further."""
    log_odds = np.log(np.array([0.1, 0.3, 0.2, 0.15]) / (1 - np.array([0.1, 0.3, 0.2, 0.15])))
    share = np.exp(FOUR @ log_odds + 0.8 * FOUR.sum(axis=1) ** 2 / 2)
    tables = four_lists(share, 10_000, n_outside, seed=42 + n_outside)
    median = {}
    for model, form in (("Mt", "chao"), ("Mth", "chao"), ("Mth", "darroch")):
        found = [mse.closed_population(table, model=model, heterogeneity=form) for table in tables]
        median[model, form] = np.median([e.n_hat for e in found]) / 10_000
        covered = np.mean([e.interval().low <= 10_000 <= e.interval().high for e in found])
        print(f"{n_outside} outside, {model} {form}: median {median[model, form]:.3f}, covered {covered:.3f}")
    assert median["Mt", "chao"] < median["Mth", "chao"] < 0.98
    assert median["Mth", "darroch"] == pytest.approx(1, abs=0.03)
    assert covered > 0.93 - 3 * (0.95 * 0.05 / N_SETS) ** 0.5
