"""Exact draws from the Rasch posterior: the spread from its own curve, the lists from a multivariate t given it.

Given the spread the posterior of the list effects is close to normal, with a centre that bends and a width that grows
with the spread; one normal approximation around the mode fits neither. So the centre and the curvature are found along
a grid of spreads (nested Laplace approximation, Tierney and Kadane 1986, doi:10.1080/01621459.1986.10478240), and serve
as proposals that are accepted or refused by the exact density.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.models.bayes.independence_chains import independence_chains
from mse.models.bayes.rasch_density import RaschPosterior, log_of_rest, persons_at

__all__ = ["rasch_draws"]

type Array = NDArray[np.float64]

N_SPREADS, FURTHEST_SPREAD = 49, 4.5  # in scales of its prior
NEWTON_STEPS = 60
LARGEST_STEP = 2.0
DEGREES = 5.0  # of freedom of the proposals of list effects
FROM_PRIOR = 0.1  # share of the spreads that are proposed from their prior, whose tail nothing exceeds
SMALLEST_CURVATURE = 0.05


def rasch_draws(
    posterior: RaschPosterior, n_draws: int, n_chains: int, length: int, *, seed: tuple[int, int]
) -> tuple[Array, float]:
    """Positions (n_chains, n_draws, K + 1) and the share of proposals accepted; `length` times as long as usual."""
    curve = _Curve.of(posterior)
    return independence_chains(curve.propose, n_draws, n_chains, length, np.random.default_rng(seed))


@dataclass(frozen=True, eq=False, slots=True)
class _Curve:
    """Along spreads (n_spreads,): share of the posterior, centre (n_spreads, K) and root of the covariance."""

    posterior: RaschPosterior
    spreads: Array
    density: Array
    centres: Array
    roots: Array

    @classmethod
    def of(cls, posterior: RaschPosterior) -> "_Curve":
        # Dense near 0, where the posterior turns within a few tenths.
        spreads = posterior.prior.spread_scale * FURTHEST_SPREAD * np.linspace(0, 1, N_SPREADS) ** 1.5
        centres, covariances = _given(posterior, spreads)
        roots = np.linalg.cholesky(covariances)
        heights = posterior.log_density(np.column_stack([centres, spreads]))
        heights += np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        density = np.exp(heights - heights.max())
        density /= np.trapezoid(density, spreads)
        return cls(posterior, spreads, density, centres, roots)

    def propose(self, n: int, random: np.random.Generator) -> tuple[Array, Array]:
        """Positions (n, K + 1) and the log of their weights (n,)."""
        scale = self.posterior.prior.spread_scale
        masses = np.concatenate([[0], np.cumsum(np.diff(self.spreads) * (self.density[1:] + self.density[:-1]) / 2)])
        spread = self._inverse(random.uniform(size=n), masses / masses[-1])
        spread = np.where(random.uniform(size=n) < FROM_PRIOR, np.abs(random.normal(0, scale, n)), spread)
        n_lists = self.centres.shape[1]
        apart = random.standard_normal((n, n_lists)) * np.sqrt(DEGREES / random.chisquare(DEGREES, n))[:, None]
        below = np.clip(np.searchsorted(self.spreads, spread, side="right") - 1, 0, len(self.spreads) - 2)
        share = np.clip((spread - self.spreads[below]) / (self.spreads[below + 1] - self.spreads[below]), 0, 1)
        root = self.roots[below] + share[:, None, None] * (self.roots[below + 1] - self.roots[below])
        centre = self.centres[below] + share[:, None] * (self.centres[below + 1] - self.centres[below])
        positions = np.column_stack([centre + np.einsum("nij,nj->ni", root, apart), spread])
        inside = self.density[below] + share * (self.density[below + 1] - self.density[below])
        inside = np.where(spread <= self.spreads[-1], inside, 0.0)
        prior = np.exp(-((spread / scale) ** 2) / 2) * np.sqrt(2 / np.pi) / scale
        log_proposal = np.log((1 - FROM_PRIOR) * inside + FROM_PRIOR * prior)
        log_proposal -= np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        log_proposal -= (DEGREES + n_lists) / 2 * np.log1p((apart**2).sum(axis=1) / DEGREES)
        return positions, self.posterior.log_density(positions) - log_proposal

    def _inverse(self, uniform: Array, masses: Array) -> Array:
        """Where the piecewise linear density has this mass below."""
        below = np.clip(np.searchsorted(masses, uniform, side="right") - 1, 0, len(masses) - 2)
        low, high = self.density[below], self.density[below + 1]
        width = self.spreads[below + 1] - self.spreads[below]
        wanted = (uniform - masses[below]) / np.maximum(masses[below + 1] - masses[below], 1e-300)
        # Of a trapezoid with sides low and high: the root of (high - low) x^2 / 2 + low x = wanted (low + high) / 2.
        under = np.sqrt(low**2 + wanted * (high**2 - low**2))
        return np.asarray(self.spreads[below] + width * wanted * (low + high) / np.maximum(low + under, 1e-300))


def _given(posterior: RaschPosterior, spreads: Array) -> tuple[Array, Array]:
    """Centre (n_spreads, K) and covariance of level and contrasts given each spread, by Newton steps."""
    n = posterior.by_size.sum()
    odds = (posterior.on_list + 0.5) / (2 * n - posterior.on_list + 0.5)
    log_odds = np.log(odds) - spreads[:, None] / 2
    at = np.linalg.solve(posterior.basis, log_odds.T).T
    for _ in range(NEWTON_STEPS):
        slope, curvature = _slopes(posterior, at, spreads)
        values, vectors = np.linalg.eigh(curvature)
        values = np.maximum(values, SMALLEST_CURVATURE)
        step = np.einsum("gij,gj,gkj,gk->gi", vectors, 1 / values, vectors, slope)
        length = np.sqrt((step**2).sum(axis=1, keepdims=True))
        at = at + step * np.minimum(1, LARGEST_STEP / np.maximum(length, 1e-300))
        if length.max() < 1e-6:
            break
    _, curvature = _slopes(posterior, at, spreads)
    values, vectors = np.linalg.eigh(curvature)
    return at, np.einsum("gij,gj,gkj->gik", vectors, 1 / np.maximum(values, SMALLEST_CURVATURE), vectors)


def _slopes(posterior: RaschPosterior, at: Array, spreads: Array) -> tuple[Array, Array]:
    """Gradient (n, K) and minus the curvature (n, K, K) in level and contrasts, but for the Jacobian of the level.

    A proposal need not stand exactly on the mode. Of log M_s the gradient in the effects is minus the mean of the
    capture probabilities over the persons with such a history, and the curvature their covariance less the mean of
    p (1 - p) on the diagonal.
    """
    prior, basis = posterior.prior, posterior.basis
    persons = persons_at(at @ basis.T, spreads)
    shares = np.exp(persons.log_terms - persons.log_masses[..., None])
    means = np.einsum("gsq,gjq->gsj", shares, persons.captured)
    products = np.einsum("gsq,gjq,gkq->gsjk", shares, persons.captured, persons.captured, optimize=True)
    own = np.einsum("gsq,gjq->gsj", shares, persons.captured * (1 - persons.captured))
    bends = products - means[..., :, None] * means[..., None, :]
    bends[..., range(len(basis)), range(len(basis))] -= own
    log_unseen = persons.log_masses[:, 0]
    log_seen = log_of_rest(log_unseen)
    hidden = np.exp(log_unseen - log_seen)  # expected hidden persons per person seen
    n = posterior.by_size.sum()
    # Of -n log(1 - P0): its gradient is n r times that of log P0, and r itself has the gradient r / (1 - P0).
    slope_unseen = -means[:, 0]
    slope = posterior.on_list - np.einsum("s,gsj->gj", posterior.by_size, means) + n * hidden[:, None] * slope_unseen
    outer = slope_unseen[:, :, None] * slope_unseen[:, None, :]
    curvature = np.einsum("s,gsjk->gjk", posterior.by_size, bends)
    curvature += n * (hidden[:, None, None] * bends[:, 0] + (hidden * np.exp(-log_seen))[:, None, None] * outer)
    # The normal prior of log r, by Gauss and Newton.
    slope_hidden = slope_unseen * np.exp(-log_seen)[:, None]
    apart = (log_unseen - log_seen - prior.log_hidden_mean) / prior.log_hidden_sd**2
    slope = slope - apart[:, None] * slope_hidden
    curvature -= slope_hidden[:, :, None] * slope_hidden[:, None, :] / prior.log_hidden_sd**2
    of_contrasts = np.full(len(basis), 1 / prior.list_effect_sd**2)
    of_contrasts[0] = 0
    return slope @ basis - of_contrasts * at, np.diag(of_contrasts) - basis.T @ curvature @ basis
