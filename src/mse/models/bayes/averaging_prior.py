"""What model averaging believes before the counts are looked at: models, coefficients, hidden per seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mse.errors import BadInput
from mse.models.bayes.cross_classified import CrossTable

__all__ = ["PRIORS", "CoefficientPrior", "prior_draws", "random_models"]

type Array = NDArray[np.float64]

N_SWEEPS = 30
LARGEST_LOG_VARIANCE = 600.0


@dataclass(frozen=True)
class CoefficientPrior:
    """Normal coefficients with variance 1, or with one that is inverse gamma(a/2, b/2)."""

    name: str
    a: float
    b: float

    @classmethod
    def named(cls, name: str) -> "CoefficientPrior":
        if name not in PRIORS:
            raise BadInput.option("prior", name, PRIORS)
        return PRIORS[name]

    @property
    def has_variance(self) -> bool:
        """Whether the variance is unknown."""
        return self.a > 0

    @property
    def numbers(self) -> tuple[float, float]:
        """For compiled code: a and b, or zeros."""
        return self.a, self.b

    def variances(self, random: np.random.Generator, shape: Array | float, squares: Array | float, n: int) -> Array:
        """Draws (n,) of the variance given the number of coefficients, `shape`, and the sum of their squares.

        With shape 0 the draws of a prior this wide run over hundreds of powers of ten, so that they are made on the
        log scale and cut at e**600.
        """
        half = (self.a + np.broadcast_to(shape, n)) / 2
        # gamma(s) is gamma(s + 1) U^(1/s); without that every draw at s = 0.0005 would round to 0
        log_gamma = np.log(random.gamma(half + 1)) + np.log(random.uniform(size=n)) / half
        log_variance = np.log((self.b + np.broadcast_to(squares, n)) / 2) - log_gamma
        return np.exp(np.minimum(log_variance, LARGEST_LOG_VARIANCE))


PRIORS = {
    "sbh": CoefficientPrior("sbh", 1e-3, 1e-3),
    "unit-information": CoefficientPrior("unit-information", 0.0, 0.0),
}


def random_models(table: CrossTable, n: int, random: np.random.Generator) -> NDArray[np.uint64]:
    """Hierarchical models, each as likely as any other: `n` Gibbs samplers over the terms, after some sweeps."""
    needed = table.term_sets.needed
    bit = np.uint64(1) << np.arange(len(needed), dtype=np.uint64)
    above = np.array([(bit[(needed & one) > 0]).sum(dtype=np.uint64) for one in bit])
    models = np.zeros(n, dtype=np.uint64)
    for _ in range(N_SWEEPS if needed.any() else 1):
        for one, within, over in zip(bit, needed, above, strict=True):
            free = ((models & within) == within) & ((models & over) == 0)
            heads = random.integers(0, 2, n).astype(np.bool_)
            models = np.where(free, np.where(heads, models | one, models & ~one), models)
    return models


def prior_draws(
    table: CrossTable, prior: CoefficientPrior, n: int, random: np.random.Generator
) -> tuple[NDArray[np.uint64], Array, Array]:
    """Models (n,), coefficients (n, n_columns) without an intercept, and log hidden persons per person seen (n,)."""
    models = random_models(table, n, random)
    owner = table.term_sets.owner
    inside = (models[:, None] >> np.maximum(owner, 0).astype(np.uint64)) & np.uint64(1) == 1
    inside = (inside | (owner < 0)).astype(np.float64)
    inside[:, 0] = 0
    spread = np.sqrt(prior.variances(random, 0.0, 0.0, n)) if prior.has_variance else np.ones(n)
    betas = inside * random.standard_normal(inside.shape) * spread[:, None]
    hidden = logsumexp(betas @ table.hidden.T, axis=1)
    seen = logsumexp(betas @ table.cells.columns, axis=1)
    return models, betas, np.asarray(hidden - seen)
