"""Calibration of `heterogeneity`: lists and persons from their prior, persons simulated one by one.

The chance of an average person is what makes hidden persons per person seen as many as the prior drew; it is found on a
fine grid of persons, not by the integral of the package.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.prior_of_hidden import log_hidden_of
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap

__all__ = ["HETEROGENEITY"]

LISTS = tuple("ABCD")
ENDS = (125, 2_000)
THRESHOLD = 0.1
PRIOR_HIDDEN, SPREAD_SCALE, LIST_EFFECT_SD = (0.05, 20.0), 1.5, 1.5
N_DRAWS = 1_000
SEED = 20275
GRID = np.linspace(-9, 9, 4001)
WEIGHTS = norm.pdf(GRID) * (GRID[1] - GRID[0])


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    mean, sd = log_hidden_of(PRIOR_HIDDEN)
    while True:
        total = from_one_over_n(ENDS, random)
        spread, log_ratio = abs(random.normal(0, SPREAD_SCALE)), random.normal(mean, sd)
        apart = random.normal(0, LIST_EFFECT_SD, len(LISTS))
        apart -= apart.mean()
        effects = apart + _level(apart, spread, log_ratio)
        captured = expit(effects + spread * random.normal(size=total)[:, None])
        on = random.uniform(size=captured.shape) < captured
        counts = np.bincount(on @ (1 << np.arange(len(LISTS))[::-1]), minlength=2 ** len(LISTS))
        if has_overlap(counts):
            observable = int((1 - (1 - captured).prod(axis=1) > THRESHOLD).sum())
            return {"n": total, "observable": observable, "spread": spread}, CaptureHistories(LISTS, counts[1:])


def _level(apart: np.ndarray, spread: float, log_ratio: float) -> float:
    """The log-odds at which this many persons are hidden for each that is seen."""

    def too_many(level: float) -> float:
        unseen = (WEIGHTS * expit(-(level + apart[:, None] + spread * GRID)).prod(axis=0)).sum()
        return float(unseen - expit(log_ratio))

    return float(brentq(too_many, -60, 60))


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    posterior = mse.heterogeneity(
        histories,
        threshold=THRESHOLD,
        seed=seed,
        prior_hidden=PRIOR_HIDDEN,
        spread_scale=SPREAD_SCALE,
        n_draws=N_DRAWS * length,
        allow_unconverged=allow_unconverged,
    )
    assert posterior.observable is not None
    draws = {
        "n": posterior.draws[:, 0],
        "observable": posterior.observable.draws,
        "spread": posterior.idata.posterior["spread"].to_numpy().ravel(),
    }
    return Sample(draws, posterior.draws, posterior.diagnostics)


HETEROGENEITY = Calibration(
    name="heterogeneity",
    says="`heterogeneity`",
    ranked={
        "n": "N",
        "observable": f"persons above a chance of {THRESHOLD:g}",
        "spread": "standard deviation of the persons",
    },
    ends=ENDS,
    seed=SEED,
    settings={
        "lists": len(LISTS),
        "threshold": THRESHOLD,
        "prior_hidden": list(PRIOR_HIDDEN),
        "spread_scale": SPREAD_SCALE,
        "n_draws": N_DRAWS,
    },
    data_set=_data_set,
    sample=_sample,
)
