"""Priors of the sizes of interactions: normal, regularised horseshoe, and R2; on the log scale, for a sampler.

An interaction u_t is normal with precision D_t, and the prior is one of D:

- normal: D = 1 / tau^2, one size for all.
- horseshoe: D = 1 / (tau lambda_t)^2 + 1 / c^2 (Piironen and Vehtari 2017, doi:10.1214/17-EJS1337SI).
- r2: a person on all other lists and one on none differ in their log-odds of being on list j by the sum of the
  interactions that hold j, a priori with variance W_j, the sum of 1 / D_t over them. R2 is W / (W + pi^2 / 3), with W
  the mean of W_j over lists and pi^2 / 3 the variance of the logistic distribution: the share of who is on a list that
  the other lists tell (McKelvey and Zavoina 1975, doi:10.1080/0022250X.1975.9989847). R2 is beta, and W is split among
  the terms by a Dirichlet (Zhang, Naughton, Bondell and Reich 2022, doi:10.1080/01621459.2020.1825449):
  1 / D_t = K W phi_t / |t|, so that the mean of W_j is W whatever the split.
"""

from math import pi

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import beta, norm

from mse.errors import BadInput

__all__ = [
    "KINDS",
    "R2_RANGE",
    "add_scale_gradient",
    "beta_of",
    "common_scale",
    "log_scale_draws",
    "n_scales",
    "precisions",
    "scale_prior",
]

type Array = NDArray[np.float64]

KINDS = ("horseshoe", "normal", "r2")
HORSESHOE, NORMAL, R2 = range(3)
GLOBAL_DF = 3.0
LOCAL_DF = 1.0
LOGISTIC_VARIANCE = pi**2 / 3
R2_RANGE = (0.01, 0.75)


def n_scales(kind: str, n_interactions: int) -> int:
    """Coordinates: log lambda, log tau, log c^2 | log tau | logs of the Dirichlet's gammas, logit R2."""
    return {"horseshoe": n_interactions + 2, "normal": 1, "r2": n_interactions + 1}[kind]


def beta_of(name: str, ends: tuple[float, float]) -> tuple[float, float]:
    """Shapes of the beta distribution whose central 95 % are this range."""
    low, high = ends
    if not 0 < low < high < 1:
        raise BadInput(f"{name}={ends!r} is not a range of a share; give two ends between 0 and 1, such as {R2_RANGE}")
    scores = norm.ppf([0.025, 0.975])

    def off(log_shapes: Array) -> Array:
        below = np.clip(beta(*np.exp(log_shapes)).cdf([low, high]), 1e-12, 1 - 1e-12)
        return np.asarray(norm.ppf(below) - scores)

    found = least_squares(off, np.zeros(2), xtol=1e-12, ftol=1e-12, gtol=1e-12)
    if np.abs(found.fun).max() > 1e-3:
        raise BadInput(f"no beta distribution has its central 95 % at {name}={ends!r}; give a wider range")
    first, second = np.exp(found.x)
    return float(first), float(second)


def precisions(kind: str, scales: Array, sizes: Array, n_lists: int) -> Array:
    """D for log scales (..., n_scales) and the number of lists in each term (P,); shape (..., P)."""
    if kind == "normal":
        return np.exp(-2 * scales[..., -1:]) * np.ones(sizes.size)
    if kind == "horseshoe":
        log_lambda, log_tau, log_slab = scales[..., :-2], scales[..., -2:-1], scales[..., -1:]
        return np.asarray(np.exp(-2 * (log_tau + log_lambda)) + np.exp(-log_slab))
    log_share = scales[..., :-1] - np.log(np.exp(scales[..., :-1]).sum(axis=-1, keepdims=True))
    return np.asarray(sizes / n_lists * np.exp(-scales[..., -1:] - log_share) / LOGISTIC_VARIANCE)


def common_scale(kind: str, scales: Array) -> tuple[str, Array]:
    """Name and values of what all interactions share: tau, or R2."""
    if kind == "r2":
        return "r2", 1 / (1 + np.exp(-scales[..., -1]))
    return "tau", np.exp(scales[..., -2 if kind == "horseshoe" else -1])


def log_scale_draws(kind: str, constants: Array, n_interactions: int, n: int, random: np.random.Generator) -> Array:
    """Draws of the scales from their prior, shape (n, n_scales)."""
    global_scale, slab_scale, slab_df, first, second, concentration = constants
    tau = np.log(np.abs(global_scale * random.standard_t(GLOBAL_DF, (n, 1))))
    if kind == "normal":
        return np.asarray(tau)
    if kind == "horseshoe":
        local = np.log(np.abs(random.standard_t(LOCAL_DF, (n, n_interactions))))
        slab = np.log(slab_df / 2 * slab_scale**2 / random.gamma(slab_df / 2, size=(n, 1)))
        return np.hstack([local, tau, slab])
    # A gamma below 1 can underflow; its log is that of a gamma one higher and of a uniform to the power 1 / shape.
    shape = (n, n_interactions)
    gammas = np.log(random.gamma(concentration + 1, size=shape)) + np.log(random.uniform(size=shape)) / concentration
    shares = random.beta(first, second, size=(n, 1))
    return np.hstack([gammas, np.log(shares) - np.log1p(-shares)])


@njit(cache=True)  # type: ignore[untyped-decorator]
def scale_prior(
    kind: int, scales: Array, sizes: Array, n_lists: int, constants: Array, gradient: Array
) -> tuple[Array, float]:
    """D and the log prior of the log scales; adds the gradient of the latter to `gradient`.

    `constants` are the global scale, the slab's scale and df, the two shapes of R2, and the Dirichlet's concentration.
    """
    n_interactions = sizes.size
    if kind == R2:
        concentration, value, total = constants[5], 0.0, 0.0
        for t in range(n_interactions):
            weight = np.exp(scales[t])
            total += weight
            value += concentration * scales[t] - weight
            gradient[t] += concentration - weight
        logit = scales[n_interactions]
        # Logs of R2 and of the rest; neither may overflow.
        log_rest = -np.log1p(np.exp(-abs(logit))) - max(logit, 0.0)
        value += constants[3] * (logit + log_rest) + constants[4] * log_rest
        gradient[n_interactions] += constants[3] - (constants[3] + constants[4]) * np.exp(logit + log_rest)
        log_precision = np.log(total) - logit - np.log(n_lists * LOGISTIC_VARIANCE)
        return sizes * np.exp(log_precision - scales[:n_interactions]), value
    tau_at = n_interactions if kind == HORSESHOE else 0
    value, gradient[tau_at] = _half_student(scales[tau_at], GLOBAL_DF, constants[0])
    precision = np.full(n_interactions, np.exp(-2 * scales[tau_at]))
    if kind == HORSESHOE:
        shape, inverse_slab = constants[2] / 2, np.exp(-scales[tau_at + 1])
        rate = shape * constants[1] ** 2 * inverse_slab
        value -= shape * scales[tau_at + 1] + rate
        gradient[tau_at + 1] = rate - shape
        for t in range(n_interactions):
            local, gradient[t] = _half_student(scales[t], LOCAL_DF, 1.0)
            value += local
            precision[t] = precision[t] * np.exp(-2 * scales[t]) + inverse_slab
    return precision, value


@njit(cache=True)  # type: ignore[untyped-decorator]
def add_scale_gradient(kind: int, gradient: Array, scales: Array, precision: Array, to_precision: Array) -> None:
    """Carries a gradient in D over to the log scales."""
    n_interactions = precision.size
    if kind == R2:
        moved = to_precision * precision
        weights = np.exp(scales[:n_interactions])
        gradient[:n_interactions] += weights / weights.sum() * moved.sum() - moved
        gradient[n_interactions] -= moved.sum()
        return
    tau_at = n_interactions if kind == HORSESHOE else 0
    inverse_slab = np.exp(-scales[tau_at + 1]) if kind == HORSESHOE else 0.0
    for t in range(n_interactions):
        shrunk = -2 * to_precision[t] * (precision[t] - inverse_slab)
        gradient[tau_at] += shrunk
        if kind == HORSESHOE:
            gradient[t] += shrunk
            gradient[tau_at + 1] -= inverse_slab * to_precision[t]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _half_student(log_x: float, df: float, scale: float) -> tuple[float, float]:
    """Log density, up to a constant, of log x for half-Student-t x, and its slope."""
    ratio = np.exp(2 * log_x) / (df * scale**2)
    slope = 1 - (df + 1) / (1 + 1 / ratio) if ratio > 0 else 1.0
    return log_x - (df + 1) / 2 * np.log1p(ratio), slope
