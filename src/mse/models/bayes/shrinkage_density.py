"""The posterior density of a log-linear model with shrunken interactions, in coordinates made for a sampler.

The model, for the persons with history w: log mean(w) = intercept + list effects + interactions contained in w, Poisson
counts. Its prior is stated on what a reader can judge. With a flat prior on the log of the expected number of persons
seen, that number integrates out, and these remain:

- r, the log of hidden persons per person seen, is normal. It is a function of list effects and interactions; given the
  differences between lists and the interactions it rises as all list effects fall together, so that its density carries
  over with |dr/dc| = the mean number of lists per person seen. No other prior has a say in it.
- d, the list effects minus their mean, is normal.
- u, the interactions, have precision D: 1/tau^2 under the normal prior, 1/(tau lambda)^2 + 1/c^2 under the regularised
  horseshoe (Piironen and Vehtari 2017, doi:10.1214/17-EJS1337SI).

Coordinates: around a mode, with G the curvature of the log likelihood in u after the list effects are profiled out,
u = Q^-1 b + L^-T w with Q = G + diag(D) = L L'; list effects follow their regression on u. Whatever the scales, w is
then nearly standard normal: centred where the counts speak, non-centred where the prior does. `log_density` returns the
gradient with the value, worked out by hand: one compiled function serves every table, and a new number of lists
compiles nothing.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import minimize

from mse.models.bayes.hidden_prior import log_hidden_prior

__all__ = ["Parameters", "ShrinkagePrior", "Target", "log_density", "parameters"]

type Array = NDArray[np.float64]

GLOBAL_DF = 3.0
LOCAL_DF = 1.0
# Interactions of this size are plausible before any count is seen; used to find the mode, not in the posterior.
MODE_SD = 1.0


@dataclass(frozen=True, slots=True)
class ShrinkagePrior:
    """Prior of one model.

    Attributes
    ----------
    shrinkage : str
        ``horseshoe`` or ``normal``.
    log_hidden_mean, log_hidden_sd : float
        Normal prior of the log of hidden persons per person seen.
    list_effect_sd : float
        Standard deviation of a list effect (capture log-odds) around the mean of the lists.
    global_scale : float
        Scale of the half-Student-t prior (3 df) of tau.
    slab_scale, slab_df : float
        Of the Student-t that bounds large interactions under the horseshoe.
    log_n : tuple of float or None
        Mean and standard deviation of a normal prior of log N, which takes the place of the prior of r, and the log of
        the number seen.
    """

    shrinkage: str
    log_hidden_mean: float
    log_hidden_sd: float
    list_effect_sd: float = 1.5
    global_scale: float = 0.5
    slab_scale: float = 2.0
    slab_df: float = 4.0
    log_n: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """Everything that `log_density` needs, computed once per table.

    Attributes
    ----------
    prior : ShrinkagePrior
    n_lists, n_interactions : int
        K and P.
    counts, sizes : ndarray of float, shape (n_cells,)
        Persons, and lists per history, of the cells that can occur.
    design : ndarray, shape (n_cells, K + P); offset : ndarray, shape (n_cells,)
        Log mean of a cell relative to the missing cell is offset + design @ (z, u).
    effects_design : ndarray, shape (K, K + P); effects_offset : ndarray, shape (K,)
        List effects likewise.
    curvature : ndarray, shape (P, P); pull : ndarray, shape (P,)
        G and b above.
    """

    prior: ShrinkagePrior
    n_lists: int
    n_interactions: int
    counts: Array
    sizes: Array
    design: Array
    offset: Array
    effects_design: Array
    effects_offset: Array
    curvature: Array
    pull: Array

    @property
    def n_coordinates(self) -> int:
        """K + P standardised effects, then tau, and lambda and c^2 under the horseshoe, all on the log scale."""
        scales = self.n_interactions + 2 if self.prior.shrinkage == "horseshoe" else 1
        return self.n_lists + self.n_interactions + scales

    @classmethod
    def of(cls, counts: Array, incidence: Array, n_lists: int, prior: ShrinkagePrior) -> "Target":
        """Whitened coordinates for counts (n_cells,) and their 0/1 design (n_cells, K + P), without an intercept."""
        sizes = incidence[:, :n_lists].sum(axis=1)
        mode, hessian = _mode(counts, incidence, sizes, n_lists, prior)
        effects, interactions = slice(0, n_lists), slice(n_lists, None)
        n_interactions = incidence.shape[1] - n_lists
        regression = -np.linalg.solve(hessian[effects, effects], hessian[effects, interactions])
        root = np.linalg.inv(np.linalg.cholesky(hessian[effects, effects])).T
        curvature = hessian[interactions, interactions] + hessian[interactions, effects] @ regression
        curvature = (curvature + curvature.T) / 2
        effects_design = np.hstack([root, regression])
        effects_offset = mode[effects] - regression @ mode[interactions]
        design = incidence[:, effects] @ effects_design
        design[:, n_lists:] += incidence[:, interactions]
        return cls(
            prior=prior,
            n_lists=n_lists,
            n_interactions=n_interactions,
            counts=counts,
            sizes=sizes,
            design=np.ascontiguousarray(design),
            offset=incidence[:, effects] @ effects_offset,
            effects_design=effects_design,
            effects_offset=effects_offset,
            curvature=curvature,
            pull=curvature @ mode[interactions] + mode[interactions] / MODE_SD**2,
        )


@dataclass(frozen=True, eq=False, slots=True)
class Parameters:
    """The model's own parameters for many positions; leading shape (...,) as the positions have.

    `log_hidden` is r, the log of expected hidden persons per expected person seen; `log_shares` (..., n_cells) the log
    share of each cell among persons seen.
    """

    list_effects: Array
    interactions: Array
    interaction_sd: Array
    tau: Array
    log_hidden: Array
    log_shares: Array


def log_density(target: Target, position: Array) -> tuple[float, Array]:
    """Log posterior density at a position, up to a constant, and its gradient; shape (n_coordinates,)."""
    prior = target.prior
    constants = np.array(
        [
            prior.log_hidden_mean,
            prior.log_hidden_sd,
            prior.list_effect_sd,
            prior.global_scale,
            prior.slab_scale,
            prior.slab_df,
        ]
    )
    value, gradient = _log_density(
        np.ascontiguousarray(position, dtype=np.float64),
        prior.shrinkage == "horseshoe",
        constants,
        np.array(prior.log_n or (), dtype=np.float64),
        target.counts,
        target.sizes,
        target.design,
        target.offset,
        target.effects_design,
        target.effects_offset,
        target.curvature,
        target.pull,
    )
    return value, gradient


def parameters(target: Target, positions: Array) -> Parameters:
    """The model's parameters at positions of shape (..., n_coordinates)."""
    n_effects = target.n_lists + target.n_interactions
    scales = positions[..., n_effects:]
    precision = _precision(target, scales)
    lower = np.linalg.cholesky(target.curvature + precision[..., None] * np.eye(target.n_interactions))
    pull = np.linalg.solve(lower, np.broadcast_to(target.pull[:, None], (*lower.shape[:-1], 1)))
    noise = positions[..., target.n_lists : n_effects, None]
    u = np.linalg.solve(np.swapaxes(lower, -1, -2), pull + noise)[..., 0]
    both = np.concatenate([positions[..., : target.n_lists], u], axis=-1)
    log_means = target.offset + both @ target.design.T
    top = log_means.max(axis=-1, keepdims=True)
    log_total = top + np.log(np.exp(log_means - top).sum(axis=-1, keepdims=True))
    return Parameters(
        list_effects=target.effects_offset + both @ target.effects_design.T,
        interactions=u,
        interaction_sd=1 / np.sqrt(precision),
        tau=np.exp(scales[..., -2 if target.prior.shrinkage == "horseshoe" else -1]),
        log_hidden=-log_total[..., 0],
        log_shares=log_means - log_total,
    )


def _precision(target: Target, scales: Array) -> Array:
    """D from the log scales (log lambda, log tau, log c^2) or (log tau,), shape (..., P)."""
    if target.prior.shrinkage == "normal":
        return np.exp(-2 * scales[..., -1:]) * np.ones(target.n_interactions)
    log_lambda, log_tau, log_slab = scales[..., :-2], scales[..., -2:-1], scales[..., -1:]
    return np.exp(-2 * (log_tau + log_lambda)) + np.exp(-log_slab)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _log_density(
    position: Array,
    is_horseshoe: bool,
    constants: Array,
    log_n: Array,
    counts: Array,
    sizes: Array,
    design: Array,
    offset: Array,
    effects_design: Array,
    effects_offset: Array,
    curvature: Array,
    pull: Array,
) -> tuple[float, Array]:
    """`log_density` on bare arrays; -inf with a zero gradient where the scales leave the range of a float."""
    n_lists, n_interactions = effects_offset.size, pull.size
    n_effects = n_lists + n_interactions
    gradient = np.zeros(position.size)
    scales = position[n_effects:]
    precision, value = _scales(scales, n_interactions, is_horseshoe, constants, gradient[n_effects:])
    root, inverse = _cholesky(curvature, precision)
    if not np.isfinite(root).all():
        return -np.inf, np.zeros(position.size)
    noise = position[n_lists:n_effects]
    pulled = inverse @ pull
    u = inverse.T @ (pulled + noise)
    both = np.concatenate((position[:n_lists], u))
    likelihood, by_effect = _log_likelihood(
        both, constants, log_n, counts, sizes, design, offset, effects_design, effects_offset
    )
    value += likelihood
    for t in range(n_interactions):
        value += 0.5 * np.log(precision[t]) - np.log(root[t, t]) - 0.5 * u[t] ** 2 * precision[t]
    if not np.isfinite(value):
        return -np.inf, np.zeros(position.size)
    back = inverse @ (by_effect[n_lists:] - u * precision)
    gradient[:n_lists] = by_effect[:n_lists]
    gradient[n_lists:n_effects] = back
    to_precision = 0.5 / precision - 0.5 * u**2 - (inverse.T @ back) * (inverse.T @ pulled)
    # Reverse derivative of the Cholesky factor: Murray (2016), arXiv:1602.07527.
    for t in range(n_interactions):
        for i in range(t, n_interactions):
            below = 0.5 * noise[i] * back[i] * inverse[i, t] + 0.5 * inverse[i, t]
            for j in range(t, i):
                below += noise[i] * back[j] * inverse[j, t]
            to_precision[t] -= inverse[i, t] * below
    _add_scale_gradient(gradient[n_effects:], scales, precision, to_precision, is_horseshoe)
    return value, gradient


@njit(cache=True)  # type: ignore[untyped-decorator]
def _log_likelihood(
    both: Array,
    constants: Array,
    log_n: Array,
    counts: Array,
    sizes: Array,
    design: Array,
    offset: Array,
    effects_design: Array,
    effects_offset: Array,
) -> tuple[float, Array]:
    """Multinomial log likelihood with the priors of r and d, and its gradient in (z, u)."""
    effect_sd = constants[2]
    n_observed = counts.sum()
    log_means = offset + design @ both
    top = log_means.max()
    shares = np.exp(log_means - top)
    log_total = top + np.log(shares.sum())
    shares /= shares.sum()
    lists_per_person = (sizes * shares).sum()
    of_hidden, slope = log_hidden_prior(-log_total, constants[:2], log_n)
    effects = effects_offset + effects_design @ both
    d = (effects - effects.mean()) / effect_sd
    value = (counts * log_means).sum() - n_observed * log_total + np.log(lists_per_person)
    value += of_hidden - 0.5 * (d**2).sum()
    by_cell = counts + (sizes / lists_per_person - slope - n_observed - 1) * shares
    return value, design.T @ by_cell - effects_design.T @ (d / effect_sd)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _scales(
    scales: Array, n_interactions: int, is_horseshoe: bool, constants: Array, gradient: Array
) -> tuple[Array, float]:
    """D and the log prior of the log scales; adds the gradient of the latter to `gradient`."""
    global_scale, slab_scale, slab_df = constants[3], constants[4], constants[5]
    tau_at = n_interactions if is_horseshoe else 0
    value, gradient[tau_at] = _half_student(scales[tau_at], GLOBAL_DF, global_scale)
    precision = np.full(n_interactions, np.exp(-2 * scales[tau_at]))
    if is_horseshoe:
        shape, inverse_slab = slab_df / 2, np.exp(-scales[tau_at + 1])
        rate = shape * slab_scale**2 * inverse_slab
        value -= shape * scales[tau_at + 1] + rate
        gradient[tau_at + 1] = rate - shape
        for t in range(n_interactions):
            local, gradient[t] = _half_student(scales[t], LOCAL_DF, 1.0)
            value += local
            precision[t] = precision[t] * np.exp(-2 * scales[t]) + inverse_slab
    return precision, value


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_scale_gradient(
    gradient: Array, scales: Array, precision: Array, to_precision: Array, is_horseshoe: bool
) -> None:
    """Carries a gradient in D over to the log scales."""
    n_interactions = precision.size
    tau_at = n_interactions if is_horseshoe else 0
    inverse_slab = np.exp(-scales[tau_at + 1]) if is_horseshoe else 0.0
    for t in range(n_interactions):
        shrunk = -2 * to_precision[t] * (precision[t] - inverse_slab)
        gradient[tau_at] += shrunk
        if is_horseshoe:
            gradient[t] += shrunk
            gradient[tau_at + 1] -= inverse_slab * to_precision[t]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _cholesky(curvature: Array, precision: Array) -> tuple[Array, Array]:
    """L of G + diag(D) and its inverse; NaN where there is none. In loops, which are quickest for these few rows."""
    size = precision.size
    root, inverse = np.zeros((size, size)), np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            rest = curvature[i, j] + (precision[i] if i == j else 0.0)
            for k in range(j):
                rest -= root[i, k] * root[j, k]
            root[i, j] = (np.sqrt(rest) if rest > 0 else np.nan) if i == j else rest / root[j, j]
    for j in range(size):
        inverse[j, j] = 1 / root[j, j]
        for i in range(j + 1, size):
            for k in range(j, i):
                inverse[i, j] -= root[i, k] * inverse[k, j]
            inverse[i, j] /= root[i, i]
    return root, inverse


@njit(cache=True)  # type: ignore[untyped-decorator]
def _half_student(log_x: float, df: float, scale: float) -> tuple[float, float]:
    """Log density, up to a constant, of log x for half-Student-t x, and its slope."""
    ratio = np.exp(2 * log_x) / (df * scale**2)
    slope = 1 - (df + 1) / (1 + 1 / ratio) if ratio > 0 else 1.0
    return log_x - (df + 1) / 2 * np.log1p(ratio), slope


def _mode(counts: Array, incidence: Array, sizes: Array, n_lists: int, prior: ShrinkagePrior) -> tuple[Array, Array]:
    """Mode under normal interactions, and the curvature there without their prior; a guide for the coordinates only."""
    n_observed = counts.sum()
    centring = np.eye(n_lists) - 1 / n_lists
    ridge = np.zeros((incidence.shape[1], incidence.shape[1]))
    ridge[:n_lists, :n_lists] = centring / prior.list_effect_sd**2
    interactions = np.diag([0.0] * n_lists + [MODE_SD**-2] * (incidence.shape[1] - n_lists))

    def shares(theta: Array) -> tuple[Array, float]:
        log_means = incidence @ theta
        means = np.exp(log_means - (top := log_means.max()))
        return means / means.sum(), float(top + np.log(means.sum()))

    def objective(theta: Array) -> tuple[float, Array]:
        share, log_total = shares(theta)
        off = log_total + prior.log_hidden_mean
        penalty = (ridge + interactions) @ theta
        value = n_observed * log_total - counts @ (incidence @ theta) + 0.5 * (off / prior.log_hidden_sd) ** 2
        slope = (n_observed + off / prior.log_hidden_sd**2) * (share @ incidence) - counts @ incidence
        return float(value + 0.5 * theta @ penalty), slope + penalty

    def curvature(theta: Array) -> Array:
        share, _ = shares(theta)
        mean = share @ incidence
        spread = (incidence * share[:, None]).T @ incidence - np.outer(mean, mean)
        return n_observed * spread + np.outer(mean, mean) / prior.log_hidden_sd**2 + ridge

    start = np.concatenate([np.full(n_lists, -1.0), np.zeros(incidence.shape[1] - n_lists)])
    found = minimize(  # type: ignore[call-overload]
        objective, start, jac=True, hess=lambda theta: curvature(theta) + interactions, method="trust-exact"
    )
    return found.x, curvature(found.x)
