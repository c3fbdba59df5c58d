"""The posterior density of log-linear models of several strata that share hyperparameters.

In stratum s, log mean(w) = level + list effects + interactions contained in w, Poisson counts. With a flat prior on the
log of the expected number of persons seen in each stratum, that number integrates out, and the shares of the histories
remain. They depend on three families of quantities, each with a common value and deviations of the strata:

- r, the log of hidden persons per person seen; its common value has the stated prior on N;
- e, the differences between lists (log-odds), as K - 1 orthonormal contrasts, so that no list comes first;
- u, the interactions, whose common values have the standard deviation tau.

The level is solved for, as what makes hidden persons per person seen equal to exp(r), in place of a prior on it. That
leaves the prior of r what it was said to be whatever the other priors are.

Deviations are non-centred, ``basis @ (sd * z)``; under a Gaussian process over years the part of the years is
``basis @ (sd * root @ z)``, with the root of the correlations at one length scale for all families. The sampler moves
in coordinates whitened by the mode and the curvature at fixed standard deviations and length scale.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import minimize

from mse.models.bayes.pooled_likelihood import level_of, log_likelihood
from mse.models.bayes.strata_effects import StrataEffects
from mse.models.bayes.years_process import process_root, process_roots

__all__ = ["FAMILIES", "PooledPrior", "PooledTarget", "StrataParameters", "along_years", "log_density", "parameters"]

type Array = NDArray[np.float64]

FAMILIES = ("hidden", "lists", "interactions")
TAU_DF = 3.0
# Of the curvature at the mode; where the equation of the level bends the density the other way it may be negative.
LEAST_CURVATURE = 0.2


@dataclass(frozen=True, slots=True)
class PooledPrior:
    """Prior of one model.

    Attributes
    ----------
    log_hidden_mean, log_hidden_sd : float
        Normal prior of the common value of r.
    interaction_scale : float
        Scale of the half-Student-t prior (3 df) of tau.
    difference_scale : float
        Scale of the half-normal prior of every standard deviation between strata.
    list_effect_sd : float
        Standard deviation of a contrast between lists.
    log_length_mean, log_length_sd : float
        Normal prior of the log of the length scale of a Gaussian process, in years.
    """

    log_hidden_mean: float
    log_hidden_sd: float
    interaction_scale: float = 0.5
    difference_scale: float = 0.5
    list_effect_sd: float = 1.5
    log_length_mean: float = 0.0
    log_length_sd: float = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class PooledTarget:
    """Everything that `log_density` needs, computed once per table.

    Attributes
    ----------
    prior : PooledPrior
    counts : ndarray of float, shape (n_strata, n_cells); sizes : ndarray of int, shape (n_cells,)
        Persons, and lists per history, of the cells that can occur.
    contrasts : ndarray, shape (K, K - 1)
        Orthonormal, each with the sum 0.
    design : ndarray, shape (n_cells, K - 1 + P)
        Of contrasts and interactions.
    family : ndarray of int, shape (1 + K - 1 + P,)
        Of each quantity: r, the contrasts, the interactions.
    effects : StrataEffects
    centre : ndarray, shape (n_coordinates,); root : ndarray, shape (n_coordinates, n_coordinates)
        The model's own coordinates are ``centre + root @ position``.
    """

    prior: PooledPrior
    counts: Array
    sizes: NDArray[np.int64]
    contrasts: Array
    design: Array
    family: NDArray[np.int64]
    effects: StrataEffects
    centre: Array
    root: Array

    @property
    def n_coordinates(self) -> int:
        """Common values and deviations, standardised; log tau; log standard deviations; the standardised log length."""
        return len(self.centre)

    @property
    def n_effects(self) -> int:
        """How many coordinates are standardised effects."""
        return len(self.family) * (1 + len(self.effects.part))

    @classmethod
    def of(
        cls, counts: Array, incidence: Array, n_lists: int, effects: StrataEffects, prior: PooledPrior
    ) -> "PooledTarget":
        """From counts (n_strata, n_cells) and their 0/1 design (n_cells, K + P), lists first."""
        contrasts = np.linalg.svd(np.eye(n_lists) - 1 / n_lists)[0][:, : n_lists - 1]
        design = np.hstack([incidence[:, :n_lists] @ contrasts, incidence[:, n_lists:]])
        n_interactions = incidence.shape[1] - n_lists
        family = np.repeat(np.arange(3), [1, n_lists - 1, n_interactions])
        n_effects = len(family) * (1 + effects.basis.shape[1])
        n_scales = 1 + 3 * len(effects.parts) + effects.is_process
        centre = np.zeros(n_effects + n_scales)
        centre[n_effects] = np.log(prior.interaction_scale)
        centre[n_effects + 1 : n_effects + 1 + 3 * len(effects.parts)] = np.log(prior.difference_scale / 2)
        plain = cls(
            prior=prior,
            counts=np.ascontiguousarray(counts),
            sizes=incidence[:, :n_lists].sum(axis=1).astype(np.int64),
            contrasts=contrasts,
            design=np.ascontiguousarray(design),
            family=family,
            effects=effects,
            centre=centre,
            root=np.eye(len(centre)),
        )
        return plain._whitened()

    def _whitened(self) -> "PooledTarget":
        """The same density in coordinates that are nearly standard normal at the standard deviations of `centre`."""
        n, scales = self.n_effects, self.centre[self.n_effects :]

        def fall(effects: Array) -> tuple[float, Array]:
            value, gradient = _at(self, np.concatenate([effects, scales]))
            return -value, -gradient[:n]

        mode = minimize(fall, np.zeros(n), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
        step = 1e-4
        moved = [mode + step * sign * unit for unit in np.eye(n) for sign in (1, -1)]
        slopes = np.array([fall(effects)[1] for effects in moved])
        curvature = (slopes[::2] - slopes[1::2]) / (2 * step)
        size, axes = np.linalg.eigh((curvature + curvature.T) / 2)
        root = np.eye(self.n_coordinates)
        root[:n, :n] = axes / np.sqrt(np.maximum(size, LEAST_CURVATURE))
        return PooledTarget(
            self.prior,
            self.counts,
            self.sizes,
            self.contrasts,
            self.design,
            self.family,
            self.effects,
            np.concatenate([mode, scales]),
            root,
        )


@dataclass(frozen=True, eq=False, slots=True)
class StrataParameters:
    """The model's own parameters for many positions, leading shape (...,).

    `log_hidden` (..., n_strata) is r; `list_effects` (..., n_strata, K) log-odds around the mean of the lists;
    `interactions` (..., n_strata, P); `log_shares` (..., n_strata, n_cells) among persons seen; `typical_log_hidden`
    (...,) the common value of r; `sds` (..., 3, n_parts) the standard deviations between strata by family and part;
    `tau` (...,); `length_scale` (..., 1) in years, or (..., 0) where no part is a Gaussian process.
    """

    log_hidden: Array
    list_effects: Array
    interactions: Array
    log_shares: Array
    typical_log_hidden: Array
    sds: Array
    tau: Array
    length_scale: Array


def log_density(target: PooledTarget, position: Array) -> tuple[float, Array]:
    """Log posterior density at a position, up to a constant, and its gradient; shape (n_coordinates,)."""
    value, gradient = _at(target, target.centre + target.root @ position)
    return value, gradient @ target.root


def parameters(target: PooledTarget, positions: Array) -> StrataParameters:
    """The model's parameters at positions of shape (..., n_coordinates)."""
    own = target.centre + positions @ target.root.T
    prior, n_lists, n_quantities = target.prior, len(target.contrasts), len(target.family)
    n_columns, n, n_sds = target.effects.basis.shape[1], target.n_effects, 3 * len(target.effects.parts)
    tau = np.exp(own[..., n])
    sds = np.exp(own[..., n + 1 : n + 1 + n_sds]).reshape(*own.shape[:-1], 3, len(target.effects.parts))
    length_scale = np.exp(prior.log_length_mean + prior.log_length_sd * own[..., n + 1 + n_sds :])
    common = own[..., :n_quantities] * np.where(target.family == 2, tau[..., None], 1.0)
    common[..., 0] = prior.log_hidden_mean + prior.log_hidden_sd * common[..., 0]
    common[..., 1:n_lists] *= prior.list_effect_sd
    z = own[..., n_quantities:n].reshape(*own.shape[:-1], n_quantities, n_columns)
    deviations = z * sds[..., target.family, :][..., target.effects.part]
    deviations = along_years(target.effects, deviations, length_scale)
    values = common[..., None, :] + target.effects.basis @ np.swapaxes(deviations, -1, -2)
    rest = values[..., 1:] @ target.design.T
    levels = np.empty(values.shape[:-1])
    flat = levels.reshape(-1)
    for i, (r, row) in enumerate(zip(values[..., 0].ravel(), rest.reshape(-1, rest.shape[-1]), strict=True)):
        flat[i] = level_of(r, row, target.sizes, n_lists)
    return StrataParameters(
        log_hidden=values[..., 0],
        list_effects=values[..., 1:n_lists] @ target.contrasts.T,
        interactions=values[..., n_lists:],
        log_shares=levels[..., None] * target.sizes + rest + values[..., :1],
        typical_log_hidden=common[..., 0],
        sds=sds,
        tau=tau,
        length_scale=length_scale,
    )


def along_years(effects: StrataEffects, scaled: Array, length_scale: Array) -> Array:
    """Scaled deviations (..., n_quantities, n_columns) with those of a Gaussian process correlated over the years."""
    if not effects.is_process:
        return scaled
    roots = process_roots(effects.distances, length_scale[..., 0])
    mixed = scaled.copy()
    mixed[..., effects.process] = scaled[..., effects.process] @ np.swapaxes(roots, -1, -2)
    return mixed


def _at(target: PooledTarget, own: Array) -> tuple[float, Array]:
    """Density and gradient in the model's own coordinates."""
    prior = target.prior
    value, gradient = _log_density(
        own,
        np.array(
            [
                prior.log_hidden_mean,
                prior.log_hidden_sd,
                prior.interaction_scale,
                prior.difference_scale,
                prior.list_effect_sd,
                prior.log_length_mean,
                prior.log_length_sd,
            ]
        ),
        target.counts,
        target.sizes,
        target.design,
        target.family,
        target.effects.basis,
        target.effects.part,
        target.effects.distances,
        target.effects.process.start,
        len(target.contrasts),
    )
    return value, gradient


@njit(cache=True)  # type: ignore[untyped-decorator]
def _log_density(
    own: Array,
    constants: Array,
    counts: Array,
    sizes: NDArray[np.int64],
    design: Array,
    family: NDArray[np.int64],
    basis: Array,
    part: NDArray[np.int64],
    distances: Array,
    first_year: int,
    n_lists: int,
) -> tuple[float, Array]:
    """Density and gradient on bare arrays; -inf with a zero gradient where a scale leaves the range of a float."""
    n_quantities, n_columns = family.size, part.size
    n = n_quantities * (1 + n_columns)
    n_years = distances.shape[0]
    n_parts = (own.size - n - 1 - (n_years > 0)) // 3
    gradient = np.zeros(own.size)
    tau, sds = np.exp(own[n]), np.exp(own[n + 1 : n + 1 + 3 * n_parts])
    common = np.empty(n_quantities)
    unit = np.empty(n_quantities)
    for q in range(n_quantities):
        unit[q] = constants[1] if q == 0 else (constants[4] if q < n_lists else tau)
        common[q] = unit[q] * own[q]
    common[0] += constants[0]
    scaled = np.empty((n_quantities, n_columns))
    for q in range(n_quantities):
        for m in range(n_columns):
            scaled[q, m] = sds[family[q] * n_parts + part[m]] * own[n_quantities + q * n_columns + m]
    last_year = first_year + n_years
    mixed = scaled.copy()
    if n_years > 0:
        root, slope = process_root(distances, np.exp(constants[5] + constants[6] * own[-1]))
        in_years = np.ascontiguousarray(scaled[:, first_year:last_year])
        mixed[:, first_year:last_year] = in_years @ root.T
    values = common + basis @ mixed.T
    if not np.isfinite(values).all():
        return -np.inf, np.zeros(own.size)
    likelihood, by_value = log_likelihood(values, counts, sizes, design, n_lists)
    by_scaled = by_value.T @ basis
    value = likelihood - 0.5 * (own[:n] ** 2).sum()
    gradient[:n] = -own[:n]
    if n_years > 0:
        # A copy even where years are the only part, since by_scaled is written over.
        by_mixed = by_scaled[:, first_year:last_year].copy()
        by_scaled[:, first_year:last_year] = by_mixed @ root
        value -= 0.5 * own[-1] ** 2
        gradient[-1] = constants[6] * (by_mixed * (in_years @ slope.T)).sum() - own[-1]
    for q in range(n_quantities):
        by_common = by_value[:, q].sum()
        gradient[q] += unit[q] * by_common
        if family[q] == 2:
            gradient[n] += by_common * common[q]
        for m in range(n_columns):
            which = family[q] * n_parts + part[m]
            gradient[n_quantities + q * n_columns + m] += sds[which] * by_scaled[q, m]
            gradient[n + 1 + which] += by_scaled[q, m] * scaled[q, m]
    ratio = (tau / constants[2]) ** 2 / TAU_DF
    value += own[n] - (TAU_DF + 1) / 2 * np.log1p(ratio)
    gradient[n] += 1 - (TAU_DF + 1) * ratio / (1 + ratio)
    for i in range(sds.size):
        surprise = (sds[i] / constants[3]) ** 2
        value += own[n + 1 + i] - 0.5 * surprise
        gradient[n + 1 + i] += 1 - surprise
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return -np.inf, np.zeros(own.size)
    return value, gradient
