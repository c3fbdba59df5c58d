"""Bayesian models: effective draws of log(N - n) for each CPU second of a whole call, four dispersed chains."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from tempfile import TemporaryDirectory

import arviz as az
import numpy as np
import pytest

import mse
from mse.estimate import Posterior
from mse.histories import CaptureHistories

Measured = Callable[..., None]
SEED = 1
MAX_R_HAT = 1.01
pytestmark = pytest.mark.benchmark(timer=time.process_time)


def _spina() -> CaptureHistories:
    return mse.load_dataset("spina", covariates=["eth"])


def _injectors(*, censored: bool) -> CaptureHistories:
    table = mse.load_dataset("ScotPWID", covariates=["Region", "Gender", "Age"])
    return replace(table, censored_cells=frozenset({(0, 0, 0, 1)}) if censored else frozenset())


def spina() -> Callable[[], Posterior]:
    table = _spina()
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


@cache
def effective_draws(workload: Callable[[], Callable[[], Posterior]]) -> int:
    """Bulk effective size of log(N - n); the call repeats its draws, so that it is the same in every round."""
    estimate = workload()()
    log_hidden = np.log(estimate.idata.posterior["n_hidden"].to_numpy())
    assert float(az.rhat(log_hidden)) <= MAX_R_HAT
    return int(az.ess(log_hidden, method="bulk"))


def test_spina(measured: Measured) -> None:
    measured(
        "averaging over log-linear models, spina with eth: effective draws of log(N - n)",
        spina,
        target=100,
        per=effective_draws(spina),
        rounds=3,
        unit="draws",
        elsewhere="conting: 10 a CPU second",
    )


def test_injectors(measured: Measured) -> None:
    measured(
        "the same, ScotPWID with region, gender and age",
        injectors,
        target=100,
        per=effective_draws(injectors),
        rounds=3,
        unit="draws",
        elsewhere="conting: 0.24 a CPU second",
    )


def test_injectors_censored(measured: Measured) -> None:
    measured(
        "the same, ScotPWID with its censored cell",
        injectors_censored,
        target=100,
        per=effective_draws(injectors_censored),
        rounds=3,
        unit="draws",
        elsewhere="conting: 0.4 a CPU second",
    )


def test_log_linear(measured: Measured) -> None:
    measured(
        "log-linear model with shrunken interactions, UKdat_5: effective draws of log(N - n)",
        united_kingdom,
        target=300,
        per=effective_draws(united_kingdom),
        rounds=3,
        unit="draws",
        elsewhere="corner coding in PyMC: nutpie 42-92, NumPyro 111-169 a CPU second",
    )


@pytest.mark.benchmark(timer=time.perf_counter)
def test_log_linear_from_a_cold_start(measured: Measured) -> None:
    measured(
        "the same, converged from a cold start, compilation included",
        united_kingdom_cold,
        target=40,
        rounds=1,
        elsewhere="a PyMC model of this size, cold: 26-38 s",
    )
