"""The prior density of r, the log of hidden persons per person seen: stated on r itself, or on log N."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["log_hidden_prior", "log_hidden_priors"]

type Array = NDArray[np.float64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def log_hidden_prior(r: float, normal: Array, log_n: Array) -> tuple[float, float]:
    """Log density of r up to a constant, and its slope.

    `normal` holds mean and standard deviation of r. `log_n` is empty, or holds mean and standard deviation of a normal
    log N, which then takes its place, and the log of the number seen: N is that number times 1 + exp(r).
    """
    if log_n.size == 0:
        surprise = (r - normal[0]) / normal[1]
        return -0.5 * surprise**2, -surprise / normal[1]
    # The log of 1 + exp(r), and the share of all persons that is hidden; neither may overflow.
    log_ratio = r + np.log1p(np.exp(-r)) if r > 0 else np.log1p(np.exp(r))
    hidden = np.exp(r - log_ratio)
    surprise = (log_n[2] + log_ratio - log_n[0]) / log_n[1]
    return r - log_ratio - 0.5 * surprise**2, 1 - hidden - surprise / log_n[1] * hidden


def log_hidden_priors(values: Array, normal: Array, log_n: Array) -> Array:
    """The log density at values of any shape."""
    return np.array([log_hidden_prior(r, normal, log_n)[0] for r in values.ravel()]).reshape(values.shape)
