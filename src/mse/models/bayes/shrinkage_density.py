"""The posterior density of a log-linear model with shrunken interactions, in coordinates made for a sampler.

The model, for the persons with history w: log mean(w) = intercept + list effects + interactions contained in w, with
Poisson or negative-binomial counts (`count_likelihood`). Its prior is stated on what a reader can judge. The log of the
expected number of persons seen has a flat prior, and these remain:

- r, the log of hidden persons per person seen, is normal. It is a function of list effects and interactions; given the
  differences between lists and the interactions it rises as all list effects fall together, so that its density carries
  over with |dr/dc| = the mean number of lists per person seen. No other prior has a say in it.
- d, the list effects minus their mean, is normal.
- u, the interactions, are normal with precisions D (`interaction_scales`).
- under negative-binomial counts, the spread is half-normal.

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

from mse.models.bayes.count_likelihood import count_likelihood
from mse.models.bayes.interaction_scales import (
    KINDS,
    add_scale_gradient,
    common_scale,
    n_scales,
    precisions,
    scale_prior,
)
from mse.models.bayes.shrinkage_mode import MODE_SD, mode_and_curvature

__all__ = ["Parameters", "ShrinkagePrior", "Target", "log_density", "parameters"]

type Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShrinkagePrior:
    """Prior of one model.

    Attributes
    ----------
    shrinkage : str
        ``horseshoe``, ``normal`` or ``r2``.
    log_hidden_mean, log_hidden_sd : float
        Normal prior of the log of hidden persons per person seen.
    list_effect_sd : float
        Standard deviation of a list effect (capture log-odds) around the mean of the lists.
    global_scale : float
        Scale of the half-Student-t prior (3 df) of tau.
    slab_scale, slab_df : float
        Of the Student-t that bounds large interactions under the horseshoe.
    r2 : tuple of float
        Shapes of the beta prior of R2.
    r2_split : float
        Concentration of the Dirichlet that splits it.
    spread_scale : float or None
        Scale of the half-normal prior of the spread of negative-binomial counts; None for Poisson counts.
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
    r2: tuple[float, float] = (1.0, 3.0)
    r2_split: float = 0.5
    spread_scale: float | None = None
    log_n: tuple[float, float, float] | None = None

    @property
    def of_scales(self) -> Array:
        """The constants of `scale_prior`."""
        return np.array([self.global_scale, self.slab_scale, self.slab_df, *self.r2, self.r2_split])


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
    counted : ndarray of float, shape (n_cells,)
        1, or 0 for a history whose count is not told.
    term_sizes : ndarray of float, shape (P,)
        Lists in each interaction.
    design : ndarray, shape (n_cells, K + P); offset : ndarray, shape (n_cells,)
        Log mean of a cell relative to the missing cell is offset + design @ (z, u).
    effects_design : ndarray, shape (K, K + P); effects_offset : ndarray, shape (K,)
        List effects likewise.
    curvature : ndarray, shape (P, P); pull : ndarray, shape (P,)
        G and b above.
    log_seen : float; log_seen_step : float
        Where the log of the expected number seen is looked for, and its unit there; negative-binomial counts only.
    """

    prior: ShrinkagePrior
    n_lists: int
    n_interactions: int
    counts: Array
    sizes: Array
    counted: Array
    term_sizes: Array
    design: Array
    offset: Array
    effects_design: Array
    effects_offset: Array
    curvature: Array
    pull: Array
    log_seen: float
    log_seen_step: float

    @property
    def n_scales(self) -> int:
        """Coordinates of the scales."""
        return n_scales(self.prior.shrinkage, self.n_interactions)

    @property
    def n_coordinates(self) -> int:
        """K + P standardised effects, the scales, and log expected seen and log spread if the counts have one."""
        return self.n_lists + self.n_interactions + self.n_scales + (0 if self.prior.spread_scale is None else 2)

    @classmethod
    def of(
        cls, counts: Array, incidence: Array, term_sizes: Array, prior: ShrinkagePrior, *, counted: Array | None = None
    ) -> "Target":
        """Whitened coordinates for counts (n_cells,) and their 0/1 design (n_cells, K + P), without an intercept.

        `term_sizes` (K + P,) are the lists in each term, single lists first. `counted` is 1 for
        histories whose count is used and 0 for one that is left out; None uses all.
        """
        n_lists = int((term_sizes == 1).sum())
        counted = np.ones(counts.size) if counted is None else counted
        counts = counts * counted
        mode, hessian = mode_and_curvature(
            counts,
            counted,
            incidence,
            n_lists,
            hidden=(prior.log_hidden_mean, prior.log_hidden_sd),
            effect_sd=prior.list_effect_sd,
            spread_scale=prior.spread_scale,
        )
        sizes = incidence[:, :n_lists].sum(axis=1)
        shares = np.exp(incidence @ mode)
        shares /= shares.sum()
        # Large histories carry most of the noise of their sum.
        noise = 0.0 if prior.spread_scale is None else prior.spread_scale**2 * (shares**2).sum()
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
            counted=counted,
            term_sizes=np.asarray(term_sizes[interactions], dtype=np.float64),
            design=np.ascontiguousarray(design),
            offset=incidence[:, effects] @ effects_offset,
            effects_design=effects_design,
            effects_offset=effects_offset,
            curvature=curvature,
            pull=curvature @ mode[interactions] + mode[interactions] / MODE_SD**2,
            log_seen=float(np.log(counts.sum() / (counted @ shares))),
            log_seen_step=float(np.sqrt(1 / counts.sum() + noise)),
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
    common: tuple[str, Array]
    log_hidden: Array
    log_shares: Array
    log_seen: Array | None
    spread: Array | None


def log_density(target: Target, position: Array) -> tuple[float, Array]:
    """Log posterior density up to a constant, and its gradient; shape (n_coordinates,)."""
    prior = target.prior
    value, gradient = _log_density(
        np.ascontiguousarray(position, dtype=np.float64),
        KINDS.index(prior.shrinkage),
        prior.of_scales,
        -1.0 if prior.spread_scale is None else prior.spread_scale,
        np.array([target.log_seen, target.log_seen_step]),
        prior.list_effect_sd,
        np.array([prior.log_hidden_mean, prior.log_hidden_sd]),
        np.array(prior.log_n or (), dtype=np.float64),
        target.counts,
        target.counted,
        target.sizes,
        target.term_sizes,
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
    n_effects, n_own = target.n_lists + target.n_interactions, target.n_scales
    scales = positions[..., n_effects : n_effects + n_own]
    precision = precisions(target.prior.shrinkage, scales, target.term_sizes, target.n_lists)
    lower = np.linalg.cholesky(target.curvature + precision[..., None] * np.eye(target.n_interactions))
    pull = np.linalg.solve(lower, np.broadcast_to(target.pull[:, None], (*lower.shape[:-1], 1)))
    noise = positions[..., target.n_lists : n_effects, None]
    u = np.linalg.solve(np.swapaxes(lower, -1, -2), pull + noise)[..., 0]
    both = np.concatenate([positions[..., : target.n_lists], u], axis=-1)
    log_means = target.offset + both @ target.design.T
    top = log_means.max(axis=-1, keepdims=True)
    log_total = top + np.log(np.exp(log_means - top).sum(axis=-1, keepdims=True))
    own = None if target.prior.spread_scale is None else positions[..., n_effects + n_own :]
    return Parameters(
        list_effects=target.effects_offset + both @ target.effects_design.T,
        interactions=u,
        interaction_sd=1 / np.sqrt(precision),
        common=common_scale(target.prior.shrinkage, scales),
        log_hidden=-log_total[..., 0],
        log_shares=log_means - log_total,
        log_seen=None if own is None else target.log_seen + target.log_seen_step * own[..., 0],
        spread=None if own is None else np.exp(own[..., 1]),
    )


@njit(cache=True)  # type: ignore[untyped-decorator]
def _log_density(
    position: Array,
    kind: int,
    of_scales: Array,
    spread_scale: float,
    seen_at: Array,
    effect_sd: float,
    hidden: Array,
    log_n: Array,
    counts: Array,
    counted: Array,
    sizes: Array,
    term_sizes: Array,
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
    n_before = position.size if spread_scale < 0 else position.size - 2
    gradient = np.zeros(position.size)
    scales, dispersion = position[n_effects:n_before], position[n_before:].copy()
    precision, value = scale_prior(kind, scales, term_sizes, n_lists, of_scales, gradient[n_effects:n_before])
    root, inverse = _cholesky(curvature, precision)
    if not np.isfinite(root).all():
        return -np.inf, np.zeros(position.size)
    noise = position[n_lists:n_effects]
    pulled = inverse @ pull
    u = inverse.T @ (pulled + noise)
    both = np.concatenate((position[:n_lists], u))
    if dispersion.size > 0:
        dispersion[0] = seen_at[0] + seen_at[1] * dispersion[0]
    likelihood, by_effect, to_dispersion = count_likelihood(
        both,
        dispersion,
        effect_sd,
        hidden,
        log_n,
        counts,
        counted,
        sizes,
        design,
        offset,
        effects_design,
        effects_offset,
    )
    value += likelihood
    if dispersion.size > 0:
        squared = np.exp(2 * dispersion[1]) / spread_scale**2
        value += dispersion[1] - 0.5 * squared
        gradient[n_before] = seen_at[1] * to_dispersion[0]
        gradient[n_before + 1] = to_dispersion[1] + 1 - squared
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
    add_scale_gradient(kind, gradient[n_effects:n_before], scales, precision, to_precision)
    return value, gradient


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
