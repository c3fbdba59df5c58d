"""Bayesian models: effective draws of log(N - n), from four dispersed chains, for each CPU second of a whole call.

Decomposable graphs are summed without draws: CPU seconds of a call.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from tempfile import TemporaryDirectory

import arviz as az
import numpy as np
import pytest

import mse
from mse.estimate import Posterior
from mse.histories import CaptureHistories

Measured = Callable[..., None]
Workload = Callable[[], Callable[[], Posterior]]
SEED = 1
MAX_R_HAT = 1.01
pytestmark = pytest.mark.benchmark(timer=time.process_time)


@dataclass(frozen=True)
class Case:
    """A row: what is measured, the call, the project's target, and what others need."""

    what: str
    workload: Workload
    target: float
    elsewhere: str
    rounds: int = 3


def _injectors(*, censored: bool) -> CaptureHistories:
    table = mse.load_dataset("ScotPWID", covariates=["Region", "Gender", "Age"])
    return replace(table, censored_cells=frozenset({(0, 0, 0, 1)}) if censored else frozenset())


def spina() -> Callable[[], Posterior]:
    table = mse.load_dataset("spina", covariates=["eth"])
    return lambda: mse.bayes_averaging(table, seed=SEED)


def injectors() -> Callable[[], Posterior]:
    table = _injectors(censored=False)
    return lambda: mse.bayes_averaging(table, seed=SEED)


def injectors_censored() -> Callable[[], Posterior]:
    table = _injectors(censored=True)
    return lambda: mse.bayes_averaging(table, seed=SEED)


def united_kingdom() -> Callable[[], Posterior]:
    table = mse.load_dataset("UKdat_5")
    return lambda: mse.bayes_loglinear(table, seed=SEED)


def united_kingdom_cold() -> Callable[[], None]:
    """A new process without a compiled function of ours or of PyTensor's."""
    call = f"import mse; mse.bayes_loglinear(mse.load_dataset('UKdat_5'), seed={SEED})"

    def run() -> None:
        with TemporaryDirectory() as folder:
            caches = {"NUMBA_CACHE_DIR": folder, "PYTENSOR_FLAGS": f"base_compiledir={folder}"}
            subprocess.run([sys.executable, "-c", call], check=True, env=os.environ | caches)

    return run


def latent_kosovo() -> Callable[[], Posterior]:
    table = mse.load_dataset("Kosovo")
    return lambda: mse.latent_class(table, seed=SEED, n_draws=4000)


def latent_uk() -> Callable[[], Posterior]:
    table = mse.load_dataset("UKdat_5")
    return lambda: mse.latent_class(table, seed=SEED, n_draws=4000)


def graphs_of_five() -> Callable[[], Posterior]:
    table = mse.load_dataset("UKdat_5")
    return lambda: mse.decomposable(table)


def graphs_of_six() -> Callable[[], Posterior]:
    table = mse.load_dataset("UKdat")
    return lambda: mse.decomposable(table)


def graphs_of_seven() -> Callable[[], Posterior]:
    table = mse.load_dataset("NewOrl").drop_lists("H")
    return lambda: mse.decomposable(table)


AVERAGING = "averaging over log-linear models, spina with eth: effective draws of log(N - n)"
LATENT = "latent classes, Kosovo, 4,000 draws kept of each chain: effective draws of log(N - n)"
LOGLINEAR = "log-linear model with shrunken interactions, UKdat_5: effective draws of log(N - n)"
SAMPLED = (
    Case(AVERAGING, spina, 100, "conting: 10 a CPU second"),
    Case("the same, ScotPWID with region, gender and age", injectors, 100, "conting: 0.24 a CPU second"),
    Case("the same, ScotPWID with its censored cell", injectors_censored, 100, "conting: 0.4 a CPU second"),
    Case(LATENT, latent_kosovo, 100, "LCMCR: 81 a CPU second"),
    Case("the same, UKdat_5", latent_uk, 100, "LCMCR: 39 to 47 a CPU second, seeds on different modes"),
    Case(LOGLINEAR, united_kingdom, 300, "corner coding in PyMC: nutpie 42-92, NumPyro 111-169 a CPU second"),
)
EXACT = (
    Case("all 822 decomposable graphs of five lists, UKdat_5", graphs_of_five, 0.1, "dga: 0.8 s"),
    Case("all 18,154 decomposable graphs of six lists, UKdat", graphs_of_six, 2, "none"),
    Case("all 617,675 decomposable graphs of seven lists, NewOrl without H", graphs_of_seven, 60, "none", rounds=1),
)


@cache
def effective_draws(workload: Workload) -> int:
    """Bulk effective size of log(N - n); the call repeats its draws, so that it is the same in every round."""
    estimate = workload()()
    log_hidden = np.log(estimate.idata.posterior["n_hidden"].to_numpy())
    assert float(az.rhat(log_hidden)) <= MAX_R_HAT
    return int(az.ess(log_hidden, method="bulk"))


@pytest.mark.parametrize("case", SAMPLED, ids=lambda case: case.workload.__name__)
def test_draws(measured: Measured, case: Case) -> None:
    measured(
        case.what,
        case.workload,
        target=case.target,
        per=effective_draws(case.workload),
        rounds=case.rounds,
        unit="draws",
        elsewhere=case.elsewhere,
    )


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.workload.__name__)
def test_exact_sums(measured: Measured, case: Case) -> None:
    measured(case.what, case.workload, target=case.target, rounds=case.rounds, elsewhere=case.elsewhere)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_log_linear_from_a_cold_start(measured: Measured) -> None:
    measured(
        "a log-linear model with shrunken interactions, UKdat_5, from a cold start, compilation included",
        united_kingdom_cold,
        target=40,
        rounds=1,
        elsewhere="a PyMC model of this size, cold: 26-38 s",
    )
