"""The posterior density of log-linear models of several strata that share hyperparameters.

In stratum s, log mean(w) = level + list effects + interactions contained in w, Poisson counts. With a flat prior on the
log of the expected number of persons seen in each stratum, that number integrates out, and the shares of the histories
remain. They depend on three families of quantities, each with a common value and deviations of the strata:

- r, the log of hidden persons per person seen; its common value has the stated prior on N;
- e, the differences between lists (log-odds), as K - 1 orthonormal contrasts, so that no list comes first;
- u, the interactions, whose common values have the standard deviation tau.

The level is what makes hidden persons per person seen equal to exp(r): sum over w of exp(level |w| + rest(w)) =
exp(-r), one increasing equation per stratum. Solving it, in place of a prior on the level, leaves the prior of r what
it was said to be whatever the other priors are. Its derivatives are those of an implicit function: with L the mean
number of lists per person seen, d level / d r = -1 / L and d level / d rest(w) = -share(w) / L.

Deviations are non-centred, ``basis @ (sd * z)``. The sampler moves in coordinates whitened by the mode and the
curvature at fixed standard deviations.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import minimize

from mse.models.bayes.strata_effects import StrataEffects

__all__ = ["FAMILIES", "PooledPrior", "PooledTarget", "StrataParameters", "log_density", "parameters"]

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
    """

    log_hidden_mean: float
    log_hidden_sd: float
    interaction_scale: float = 0.5
    difference_scale: float = 0.5
    list_effect_sd: float = 1.5


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
        """Common values and deviations, all standardised; then log tau and the log standard deviations."""
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
        n_scales = 1 + 3 * len(effects.parts)
        centre = np.zeros(n_effects + n_scales)
        centre[n_effects] = np.log(prior.interaction_scale)
        centre[n_effects + 1 :] = np.log(prior.difference_scale / 2)
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
    `tau` (...,).
    """

    log_hidden: Array
    list_effects: Array
    interactions: Array
    log_shares: Array
    typical_log_hidden: Array
    sds: Array
    tau: Array


def log_density(target: PooledTarget, position: Array) -> tuple[float, Array]:
    """Log posterior density at a position, up to a constant, and its gradient; shape (n_coordinates,)."""
    value, gradient = _at(target, target.centre + target.root @ position)
    return value, gradient @ target.root


def parameters(target: PooledTarget, positions: Array) -> StrataParameters:
    """The model's parameters at positions of shape (..., n_coordinates)."""
    own = target.centre + positions @ target.root.T
    prior, n_lists, n_quantities = target.prior, len(target.contrasts), len(target.family)
    n_columns, n = target.effects.basis.shape[1], target.n_effects
    tau = np.exp(own[..., n])
    sds = np.exp(own[..., n + 1 :]).reshape(*own.shape[:-1], 3, len(target.effects.parts))
    common = own[..., :n_quantities] * np.where(target.family == 2, tau[..., None], 1.0)
    common[..., 0] = prior.log_hidden_mean + prior.log_hidden_sd * common[..., 0]
    common[..., 1:n_lists] *= prior.list_effect_sd
    z = own[..., n_quantities:n].reshape(*own.shape[:-1], n_quantities, n_columns)
    deviations = z * sds[..., target.family, :][..., target.effects.part]
    values = common[..., None, :] + target.effects.basis @ np.swapaxes(deviations, -1, -2)
    rest = values[..., 1:] @ target.design.T
    levels = np.empty(values.shape[:-1])
    flat = levels.reshape(-1)
    for i, (r, row) in enumerate(zip(values[..., 0].ravel(), rest.reshape(-1, rest.shape[-1]), strict=True)):
        flat[i] = _level(r, row, target.sizes, n_lists)
    return StrataParameters(
        log_hidden=values[..., 0],
        list_effects=values[..., 1:n_lists] @ target.contrasts.T,
        interactions=values[..., n_lists:],
        log_shares=levels[..., None] * target.sizes + rest + values[..., :1],
        typical_log_hidden=common[..., 0],
        sds=sds,
        tau=tau,
    )


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
            ]
        ),
        target.counts,
        target.sizes,
        target.design,
        target.family,
        target.effects.basis,
        target.effects.part,
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
    n_lists: int,
) -> tuple[float, Array]:
    """Density and gradient on bare arrays; -inf with a zero gradient where a scale leaves the range of a float."""
    n_quantities, n_columns = family.size, part.size
    n = n_quantities * (1 + n_columns)
    n_parts = (own.size - n - 1) // 3
    gradient = np.zeros(own.size)
    tau, sds = np.exp(own[n]), np.exp(own[n + 1 :])
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
    values = common + basis @ scaled.T
    if not np.isfinite(values).all():
        return -np.inf, np.zeros(own.size)
    likelihood, by_value = _log_likelihood(values, counts, sizes, design, n_lists)
    by_scaled = by_value.T @ basis
    value = likelihood - 0.5 * (own[:n] ** 2).sum()
    gradient[:n] = -own[:n]
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


@njit(cache=True)  # type: ignore[untyped-decorator]
def _log_likelihood(
    values: Array, counts: Array, sizes: NDArray[np.int64], design: Array, n_lists: int
) -> tuple[float, Array]:
    """Multinomial log likelihood of all strata, and its gradient in r, contrasts and interactions of each."""
    rest = np.ascontiguousarray(values[:, 1:]) @ design.T
    by_value, by_rest = np.empty(values.shape), np.empty(rest.shape)
    total = 0.0
    for s in range(counts.shape[0]):
        r = values[s, 0]
        level = _level(r, rest[s], sizes, n_lists)
        lists_per_person, memberships, persons = 0.0, 0.0, 0.0
        for w in range(sizes.size):
            log_share = level * sizes[w] + rest[s, w] + r
            share = np.exp(log_share)
            by_rest[s, w] = share
            lists_per_person += share * sizes[w]
            memberships += counts[s, w] * sizes[w]
            persons += counts[s, w]
            if counts[s, w] > 0:
                total += counts[s, w] * log_share
        pull = memberships / lists_per_person
        by_value[s, 0] = persons - pull
        for w in range(sizes.size):
            by_rest[s, w] = counts[s, w] - by_rest[s, w] * pull
    by_value[:, 1:] = by_rest @ design
    return total, by_value


@njit(cache=True)  # type: ignore[untyped-decorator]
def _level(r: float, rest: Array, sizes: NDArray[np.int64], n_lists: int) -> float:
    """The level at which exp(r) hidden persons go with each person seen.

    Newton on the log of the sum, which is convex and rises: from where one number of lists alone suffices, at or above
    the root, the steps fall to it.
    """
    top, by_size = np.full(n_lists, -np.inf), np.zeros(n_lists)
    for w in range(sizes.size):
        top[sizes[w] - 1] = max(top[sizes[w] - 1], rest[w])
    for w in range(sizes.size):
        by_size[sizes[w] - 1] += np.exp(rest[w] - top[sizes[w] - 1])
    level = np.inf
    for k in range(n_lists):
        if by_size[k] > 0:
            by_size[k] = top[k] + np.log(by_size[k])
            level = min(level, (-r - by_size[k]) / (k + 1))
        else:
            by_size[k] = -np.inf
    for _ in range(60):
        highest = -np.inf
        for k in range(n_lists):
            highest = max(highest, level * (k + 1) + by_size[k])
        total, slope = 0.0, 0.0
        for k in range(n_lists):
            term = np.exp(level * (k + 1) + by_size[k] - highest)
            total += term
            slope += term * (k + 1)
        step = (highest + np.log(total) + r) * total / slope
        level -= step
        if abs(step) < 1e-13 * (1 + abs(level)):
            break
    return level
