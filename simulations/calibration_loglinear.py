"""Calibration of `bayes_loglinear`: interactions from each of its priors, lists, and hidden persons per seen.

One compiled density serves all data sets; nothing is compiled for a data set. Negative-binomial counts have a flat
prior on the log of the expected number of all persons: that number is drawn between the ends in place of N, and of the
posterior the draws are taken whose expected number lies there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.interaction_scales import LOGISTIC_VARIANCE, R2_RANGE, beta_of
from mse.models.bayes.prior_of_hidden import log_hidden_of
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap

__all__ = ["LOGLINEARS", "histories_of", "level_of", "log_linear_cells"]

type Array = np.ndarray

LISTS = tuple("ABCD")
ENDS = (125, 2_000)
PRIOR_HIDDEN, INTERACTION_SCALE = (0.05, 20.0), 0.5
LIST_EFFECT_SD, GLOBAL_DF, SLAB_SCALE, SLAB_DF = 1.5, 3, 2.0, 4.0
R2_SPLIT, COUNT_SPREAD = 0.5, 0.3
N_DRAWS = 500


@dataclass(frozen=True)
class _Variant:
    """A prior of the interactions and a likelihood, on so many lists.

    `interactions` draws what they share, called `common`, and the interactions.
    """

    prior: str
    common: str
    interactions: Callable[[int, np.random.Generator], tuple[float, Array]]
    n_lists: int
    seed: int
    likelihood: str = "poisson"

    @property
    def lists(self) -> tuple[str, ...]:
        return LISTS[: self.n_lists]

    @property
    def is_spread(self) -> bool:
        return self.likelihood != "poisson"

    def data_set(self, number: int) -> tuple[Mapping[str, float], CaptureHistories]:
        random = np.random.default_rng([self.seed, number])
        mean, sd = log_hidden_of(PRIOR_HIDDEN)
        while True:
            total = from_one_over_n(ENDS, random)
            common, interactions = self.interactions(self.n_lists * (self.n_lists - 1) // 2, random)
            apart = random.normal(0, LIST_EFFECT_SD, self.n_lists)
            shares = log_linear_cells(apart - apart.mean(), interactions, random.normal(mean, sd))
            truth = {"n": float(total), self.common: common, "interaction": interactions[0]}
            if self.is_spread:
                spread = max(COUNT_SPREAD * abs(random.normal()), 1e-9)
                counts = random.poisson(total * shares * random.gamma(spread**-2, spread**2, shares.shape))
                truth |= {"n": float(counts.sum()), "spread": spread}
            else:
                counts = random.multinomial(total, shares)
            if has_overlap(counts):
                return truth, CaptureHistories(self.lists, counts[1:])

    def sample(self, histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
        options = {"interaction_scale": INTERACTION_SCALE} if self.common == "tau" else {}
        estimate = mse.bayes_loglinear(
            histories,
            prior=self.prior,
            likelihood=self.likelihood,
            seed=seed,
            prior_hidden=PRIOR_HIDDEN,
            n_draws=N_DRAWS * length,
            allow_unconverged=allow_unconverged,
            **options,
        )
        posterior = estimate.idata.posterior
        interactions = posterior["interactions"].to_numpy()
        draws = {
            "n": estimate.draws[:, 0],
            self.common: posterior[self.common].to_numpy().ravel(),
            "interaction": interactions.reshape(-1, interactions.shape[-1])[:, 0],
        }
        totals = estimate.draws
        if self.is_spread:
            draws["spread"] = posterior["spread"].to_numpy().ravel()
            expected = np.exp(posterior["log_expected_hidden"]) * (1 + 1 / posterior["hidden_per_seen"])
            totals = expected.to_numpy().reshape(-1, 1)
        return Sample(draws, totals, estimate.diagnostics)

    def calibration(self, name: str, says: str) -> Calibration:
        shared = {"tau": "common size of the interactions", "r2": "R2"}[self.common]
        ranked = {"n": "N", self.common: shared, "interaction": "an interaction"}
        return Calibration(
            name=name,
            says=says,
            ranked=ranked | ({"spread": "spread of the counts"} if self.is_spread else {}),
            ends=ENDS,
            seed=self.seed,
            settings={
                "lists": self.n_lists,
                "prior_hidden": list(PRIOR_HIDDEN),
                **({"interaction_scale": INTERACTION_SCALE} if self.common == "tau" else {"r2": list(R2_RANGE)}),
                "n_draws": N_DRAWS,
            },
            data_set=self.data_set,
            sample=self.sample,
        )


def _horseshoe(n_pairs: int, random: np.random.Generator) -> tuple[float, Array]:
    tau = INTERACTION_SCALE * abs(random.standard_t(GLOBAL_DF))
    local = np.abs(random.standard_cauchy(n_pairs))
    slab = SLAB_SCALE**2 * SLAB_DF / random.chisquare(SLAB_DF)
    return tau, random.normal(0, 1 / np.sqrt(1 / (tau * local) ** 2 + 1 / slab))


def _normal(n_pairs: int, random: np.random.Generator) -> tuple[float, Array]:
    tau = INTERACTION_SCALE * abs(random.standard_t(GLOBAL_DF))
    return tau, random.normal(0, tau, n_pairs)


def _r2(n_pairs: int, random: np.random.Generator) -> tuple[float, Array]:
    """A pair is on two lists, and each of K lists is in K - 1 pairs, so that there are K (K - 1) / 2 of them."""
    n_lists = round((1 + np.sqrt(1 + 8 * n_pairs)) / 2)
    share = random.beta(*beta_of("r2", R2_RANGE))
    split = random.dirichlet(np.full(n_pairs, R2_SPLIT))
    variance = n_lists / 2 * split * LOGISTIC_VARIANCE * share / (1 - share)
    return share, random.normal(0, np.sqrt(variance))


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


LOGLINEAR = _Variant("horseshoe", "tau", _horseshoe, 3, 20276).calibration("loglinear", "`bayes_loglinear`, horseshoe")
LOGLINEAR_NORMAL = _Variant("normal", "tau", _normal, 3, 20281).calibration(
    "loglinear-normal", "`bayes_loglinear`, normal"
)
LOGLINEAR_R2 = _Variant("r2", "r2", _r2, 3, 20282).calibration("loglinear-r2", "`bayes_loglinear`, R2")
LOGLINEAR_NEGATIVE_BINOMIAL = _Variant("normal", "tau", _normal, 4, 20283, "negative_binomial").calibration(
    "loglinear-negative-binomial", "`bayes_loglinear`, normal, negative-binomial counts"
)
LOGLINEARS = (LOGLINEAR, LOGLINEAR_NORMAL, LOGLINEAR_R2, LOGLINEAR_NEGATIVE_BINOMIAL)
