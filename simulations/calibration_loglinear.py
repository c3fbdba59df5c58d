"""Calibration of `bayes_loglinear`: interactions from the regularised horseshoe, lists, and hidden persons per seen.

One compiled density serves all data sets; nothing is compiled for a data set.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.prior_of_hidden import log_hidden_of
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap

__all__ = ["LOGLINEAR", "histories_of", "level_of", "log_linear_cells"]

type Array = np.ndarray

LISTS = tuple("ABC")
ENDS = (125, 2_000)
PRIOR_HIDDEN, INTERACTION_SCALE = (0.05, 20.0), 0.5
LIST_EFFECT_SD, GLOBAL_DF, SLAB_SCALE, SLAB_DF = 1.5, 3, 2.0, 4.0
N_DRAWS = 500
SEED = 20276


def histories_of(n_lists: int) -> Array:
    """0/1 of every history on each list, that on no list first, shape (2**K, K)."""
    return (np.arange(2**n_lists)[:, None] >> np.arange(n_lists)[::-1]) & 1


def log_linear_cells(apart: Array, interactions: Array, log_ratio: float) -> Array:
    """Shares of all histories, that on no list first, with lists `apart` (K,) and interactions of pairs (P,).

    All lists together are moved until there are exp(log_ratio) hidden persons for each that is seen.
    """
    on = histories_of(len(apart))
    pairs = np.column_stack([on[:, a] * on[:, b] for a, b in combinations(range(len(apart)), 2)])
    rest = on @ apart + pairs @ interactions
    sizes = on.sum(axis=1)
    level = level_of(rest[1:], sizes[1:], log_ratio)
    log_means = rest + level * sizes
    return np.asarray(np.exp(log_means - logsumexp(log_means)))


def level_of(rest: Array, sizes: Array, log_ratio: float) -> float:
    """The level of all lists at which the log of hidden persons per person seen is this; of the histories seen."""
    return float(brentq(lambda level: logsumexp(level * sizes + rest) + log_ratio, -500, 500))


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    mean, sd = log_hidden_of(PRIOR_HIDDEN)
    n_pairs = len(LISTS) * (len(LISTS) - 1) // 2
    while True:
        total = from_one_over_n(ENDS, random)
        tau = INTERACTION_SCALE * abs(random.standard_t(GLOBAL_DF))
        local = np.abs(random.standard_cauchy(n_pairs))
        slab = SLAB_SCALE**2 * SLAB_DF / random.chisquare(SLAB_DF)
        interactions = random.normal(0, 1 / np.sqrt(1 / (tau * local) ** 2 + 1 / slab))
        apart = random.normal(0, LIST_EFFECT_SD, len(LISTS))
        shares = log_linear_cells(apart - apart.mean(), interactions, random.normal(mean, sd))
        counts = random.multinomial(total, shares)
        if has_overlap(counts):
            truth = {"n": total, "tau": tau, "interaction": interactions[0]}
            return truth, CaptureHistories(LISTS, counts[1:])


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    posterior = mse.bayes_loglinear(
        histories,
        seed=seed,
        prior_hidden=PRIOR_HIDDEN,
        interaction_scale=INTERACTION_SCALE,
        n_draws=N_DRAWS * length,
        allow_unconverged=allow_unconverged,
    )
    interactions = posterior.idata.posterior["interactions"].to_numpy()
    draws = {
        "n": posterior.draws[:, 0],
        "tau": posterior.idata.posterior["tau"].to_numpy().ravel(),
        "interaction": interactions.reshape(-1, interactions.shape[-1])[:, 0],
    }
    return Sample(draws, posterior.draws, posterior.diagnostics)


LOGLINEAR = Calibration(
    name="loglinear",
    says="`bayes_loglinear`, horseshoe",
    ranked={"n": "N", "tau": "common size of the interactions", "interaction": "an interaction"},
    ends=ENDS,
    seed=SEED,
    settings={
        "lists": len(LISTS),
        "prior_hidden": list(PRIOR_HIDDEN),
        "interaction_scale": INTERACTION_SCALE,
        "n_draws": N_DRAWS,
    },
    data_set=_data_set,
    sample=_sample,
)
