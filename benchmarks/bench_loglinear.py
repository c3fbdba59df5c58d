"""The log-linear engine: fits, rankings, exact search, and intervals that repeat the selection."""

from collections.abc import Callable

import numpy as np

import mse
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import choose_in_resamples, resample_counts
from mse.models.loglinear.choosing import AllModels
from mse.models.loglinear.existence import KnownExistence
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.poisson import fit_batch
from mse.models.loglinear.ranking import rank_models
from mse.models.loglinear.terms import all_terms, hierarchical_models

Measured = Callable[..., None]
SEED = 1


def fits() -> Callable[[], object]:
    models, (counts, possible) = hierarchical_models(5), full_table(mse.load_dataset("UKdat_5"))
    terms = np.array(all_terms(5), dtype=np.int64)
    return lambda: fit_batch(models, terms, possible, counts, 5)


def ranking_from_nothing() -> Callable[[], object]:
    models, table = hierarchical_models(5), mse.load_dataset("UKdat_5")
    return lambda: rank_models(table, models)


def ranking_again() -> Callable[[], object]:
    models, table, known = hierarchical_models(5), mse.load_dataset("UKdat_5"), KnownExistence()
    rank_models(table, models, known=known)
    return lambda: rank_models(table, models, known=known)


def stepwise_bca() -> Callable[[], object]:
    table = mse.load_dataset("UKdat_5")
    return lambda: mse.select_loglinear(table, search="stepwise", n_boot=1000, seed=SEED)


def exhaustive_bca() -> Callable[[], object]:
    table = mse.load_dataset("UKdat_5")
    return lambda: mse.select_loglinear(table, n_boot=1000, seed=SEED, n_jobs=2)


def best_hundred() -> Callable[[], object]:
    table = mse.load_dataset("UKdat")
    return lambda: mse.select_loglinear(table)


def exact_resamples() -> Callable[[], object]:
    table = mse.load_dataset("UKdat")
    return lambda: mse.select_loglinear(table, n_boot=200, interval="percentile", seed=SEED, n_jobs=2)


def exact_resamples_bca() -> Callable[[], object]:
    table = mse.load_dataset("UKdat")
    return lambda: mse.select_loglinear(table, n_boot=200, seed=SEED, n_jobs=2)


def sparse_nested_resamples() -> Callable[[], object]:
    counts, possible = full_table(_nested_registers())
    chooser = AllModels(np.array(all_terms(6), dtype=np.int64), possible, 6)
    resamples = resample_counts(counts, 20, seed=SEED)
    return lambda: choose_in_resamples(chooser, resamples)


def profile_interval() -> Callable[[], object]:
    table = mse.load_dataset("UKdat")
    return lambda: mse.fit_loglinear(table, "[12,13,25,35,36,45]").interval(0.95)


def _nested_registers() -> CaptureHistories:
    """Six sparse registers, the third within the first, drawn with a seed."""
    rng = np.random.default_rng(SEED)
    reach = rng.beta(1, 3, size=300)[:, None]
    on = rng.random((300, 6)) < reach * np.array([1.0, 0.6, 0.5, 0.4, 0.4, 0.3])
    on[:, 2] &= on[:, 0]
    value = on @ (1 << np.arange(5, -1, -1))
    return CaptureHistories(tuple("ABCDEF"), np.bincount(value, minlength=64)[1:])


def test_fits(measured: Measured) -> None:
    measured(
        "cold Newton fits, five lists (all 6,893 models of UKdat_5)",
        fits,
        target=80_000,
        per=6893,
        unit="fits",
        elsewhere="R: 2 to 5 ms a fit",
        rounds=20,
    )


def test_ranking_from_nothing(measured: Measured) -> None:
    measured(
        "all 6,893 models of UKdat_5 with checks, nothing known of existence",
        ranking_from_nothing,
        target=0.3,
        elsewhere="R: 10 to 39 CPU s",
        rounds=10,
    )


def test_ranking_again(measured: Measured) -> None:
    measured(
        "all 6,893 models of UKdat_5 with checks, existence known",
        ranking_again,
        target=0.1,
        elsewhere="R: 10 to 39 CPU s",
        rounds=10,
    )


def test_stepwise_bca(measured: Measured) -> None:
    measured("stepwise BCa, 1,000 resamples, UKdat_5", stepwise_bca, target=1, elsewhere="R: about 100 s", rounds=5)


def test_exhaustive_bca(measured: Measured) -> None:
    measured(
        "BCa over all 6,893 models, 1,000 resamples, UKdat_5, 2 cores",
        exhaustive_bca,
        target=10,
        elsewhere="R: 6.8 CPU s a resample, two hours",
        rounds=3,
    )


def test_best_hundred(measured: Measured) -> None:
    measured(
        "exact 100 best of all 7,785,061 six-list models, UKdat", best_hundred, target=3, elsewhere="none", rounds=5
    )


def test_exact_resamples(measured: Measured) -> None:
    measured(
        "200 resamples, exact choice among all six-list models in each, UKdat, 2 cores",
        exact_resamples,
        target=60,
        elsewhere="none",
        rounds=1,
    )


def test_exact_resamples_bca(measured: Measured) -> None:
    measured("the same with the jackknife of BCa, UKdat, 2 cores", exact_resamples_bca, elsewhere="none", rounds=1)


def test_sparse_nested_resamples(measured: Measured) -> None:
    measured(
        "20 resamples, exact choice, six sparse registers of which one lies within another",
        sparse_nested_resamples,
        elsewhere="none",
        rounds=3,
    )


def test_profile_interval(measured: Measured) -> None:
    measured("one fit with its profile interval, UKdat", profile_interval, rounds=10)
