"""Exact draws from the posterior of a Poisson log-linear model with normal or flat priors.

The posterior is log-concave with at most some forty coefficients, so that a multivariate t around it, first at the mode
and then at the moments that the first proposals find, is a good proposal; each draw is accepted or refused
independently of the place of the last. The tails of the t are the heavier ones, so that no draw can hold a chain for
ever.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.models.bayes.independence_chains import independence_chains

__all__ = ["PoissonPosterior", "draws_of"]

type Array = NDArray[np.float64]

DEGREES = 5.0  # of freedom of the proposals
N_PILOT = 20_000
LEAST_PILOT = 200.0  # effective draws from which moments are taken
NEWTON_STEPS = 200


@dataclass(frozen=True, eq=False, slots=True)
class PoissonPosterior:
    """Design (n_cells, n_columns), counts (n_cells,), prior precision of each coefficient (n_columns,), 0 for flat."""

    design: Array
    counts: Array
    precision: Array

    def log_density(self, coefficients: Array) -> Array:
        """Of coefficients (..., n_columns), up to a constant."""
        linear = coefficients @ self.design.T
        with np.errstate(over="ignore"):
            likelihood = linear @ self.counts - np.exp(linear).sum(axis=-1)
        return np.asarray(likelihood - (self.precision * coefficients**2).sum(axis=-1) / 2)

    def mode(self) -> tuple[Array, Array]:
        """Mode and covariance of the normal approximation at it, by Newton steps that are halved until they rise."""
        start = np.log(self.counts + 0.5)
        at = np.linalg.lstsq(self.design, start, rcond=None)[0]
        value = float(self.log_density(at))
        for _ in range(NEWTON_STEPS):
            means = np.exp(self.design @ at)
            slope = self.design.T @ (self.counts - means) - self.precision * at
            curvature = self.design.T @ (means[:, None] * self.design) + np.diag(self.precision)
            step = np.linalg.solve(curvature, slope)
            gain = float(slope @ step)
            size = 1.0
            while size > 1e-8 and not float(self.log_density(at + size * step)) >= value:
                size /= 2
            at = at + size * step
            value = float(self.log_density(at))
            if gain < 1e-12:
                break
        return at, np.linalg.inv(curvature)


def draws_of(
    posterior: PoissonPosterior, n_draws: int, n_chains: int, length: int, *, seed: tuple[int, int]
) -> tuple[Array, float]:
    """Draws (n_chains, n_draws, n_columns) and the share of proposals accepted; `length` times as long as usual."""
    random = np.random.default_rng(seed)
    centre, covariance = posterior.mode()
    pilot, weights = _proposals(posterior, centre, covariance, N_PILOT, random)
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    if 1 / (weights**2).sum() > LEAST_PILOT + 10 * len(centre):
        centre = weights @ pilot
        apart = pilot - centre
        covariance = (weights[:, None] * apart).T @ apart

    def proposals(n: int, random: np.random.Generator) -> tuple[Array, Array]:
        return _proposals(posterior, centre, covariance, n, random)

    return independence_chains(proposals, n_draws, n_chains, length, random)


def _proposals(
    posterior: PoissonPosterior, centre: Array, covariance: Array, n: int, random: np.random.Generator
) -> tuple[Array, Array]:
    """Draws (n, n_columns) from a multivariate t, and the log of their weights (n,)."""
    root = np.linalg.cholesky(covariance)
    normal = random.standard_normal((n, len(centre)))
    scale = np.sqrt(DEGREES / random.chisquare(DEGREES, n))
    apart = normal * scale[:, None]
    proposals = centre + apart @ root.T
    log_proposal = -(DEGREES + len(centre)) / 2 * np.log1p((apart**2).sum(axis=1) / DEGREES)
    return proposals, posterior.log_density(proposals) - log_proposal
