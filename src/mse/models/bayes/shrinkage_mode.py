"""Where the posterior has its mode, and how sharp it is there: a guide for the sampler's coordinates, and no more."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["MODE_SD", "mode_and_curvature"]

type Array = NDArray[np.float64]

# Interactions of this size are plausible before any count is seen; used to find the mode, not in the posterior.
MODE_SD = 1.0


def mode_and_curvature(
    counts: Array,
    counted: Array,
    incidence: Array,
    n_lists: int,
    *,
    hidden: tuple[float, float],
    effect_sd: float,
    spread_scale: float | None,
) -> tuple[Array, Array]:
    """Mode (K + P,) of Poisson counts under normal interactions, and the curvature there without their prior.

    Under negative-binomial counts, with a scale of the spread, the counts say less, and the curvature is theirs.
    """
    n_counted = counts.sum()
    centring = np.eye(n_lists) - 1 / n_lists
    ridge = np.zeros((incidence.shape[1], incidence.shape[1]))
    ridge[:n_lists, :n_lists] = centring / effect_sd**2
    interactions = np.diag([0.0] * n_lists + [MODE_SD**-2] * (incidence.shape[1] - n_lists))
    hidden_mean, hidden_sd = hidden

    def shares(theta: Array) -> tuple[Array, float]:
        log_means = incidence @ theta
        means = np.exp(log_means - (top := log_means.max()))
        return means / means.sum(), float(top + np.log(means.sum()))

    def objective(theta: Array) -> tuple[float, Array]:
        share, log_total = shares(theta)
        off = log_total + hidden_mean
        seen = share @ counted
        penalty = (ridge + interactions) @ theta
        value = n_counted * (log_total + np.log(seen)) - counts @ (incidence @ theta) + 0.5 * (off / hidden_sd) ** 2
        slope = (n_counted * counted * share / seen + off / hidden_sd**2 * share) @ incidence - counts @ incidence
        return float(value + 0.5 * theta @ penalty), slope + penalty

    def curvature(theta: Array, spread: float = 0.0) -> Array:
        share, _ = shares(theta)
        means = n_counted * counted * share / (share @ counted)
        weight = means / (1 + spread**2 * means)
        mean = weight @ incidence / weight.sum()
        around = (incidence * weight[:, None]).T @ incidence - weight.sum() * np.outer(mean, mean)
        of_all = share @ incidence
        return np.asarray(around + np.outer(of_all, of_all) / hidden_sd**2 + ridge)

    start = np.concatenate([np.full(n_lists, -1.0), np.zeros(incidence.shape[1] - n_lists)])
    found = minimize(  # type: ignore[call-overload]
        objective, start, jac=True, hess=lambda theta: curvature(theta) + interactions, method="trust-exact"
    )
    if spread_scale is None:
        return found.x, curvature(found.x)
    share, _ = shares(found.x)
    return found.x, curvature(found.x, _spread(counts, n_counted * share / (share @ counted), counted, spread_scale))


def _spread(counts: Array, means: Array, counted: Array, scale: float) -> float:
    """Relative standard deviation beyond Poisson by moments, kept where the prior finds it plausible."""
    excess = float((counted * ((counts - means) ** 2 - means)).sum() / (counted * means**2).sum())
    return float(np.sqrt(np.clip(excess, (scale / 4) ** 2, (2 * scale) ** 2)))
