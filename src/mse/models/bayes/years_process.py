"""A Gaussian process over years: the root of its correlations, and how that moves with the length scale.

The correlation of two years a distance d apart is Matérn's with smoothness 5/2 (Rasmussen and Williams 2006, Gaussian
Processes for Machine Learning, ISBN 026218253X, equation 4.17): trends have a slope and a curvature, and need not be
smoother than that. With a = sqrt(5) d / length, it is (1 + a + a^2 / 3) exp(-a), and its derivative in the log of the
length is a^2 (1 + a) exp(-a) / 3.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["process_root", "process_roots"]

type Array = NDArray[np.float64]

# Added to the variance of one of every year, so that years which the length scale makes equal keep a root.
NUGGET = 1e-9


def process_roots(distances: Array, length_scales: Array) -> Array:
    """Lower roots (..., n_years, n_years) of the correlations at length scales (...,); distances (n_years, n_years)."""
    found = [process_root(distances, length)[0] for length in np.ravel(length_scales)]
    return np.array(found).reshape(*np.shape(length_scales), *distances.shape)


@njit(cache=True)  # type: ignore[untyped-decorator]
def process_root(distances: Array, length_scale: float) -> tuple[Array, Array]:
    """Lower root of the correlations, and its derivative in the log of the length scale; both (n_years, n_years)."""
    n = distances.shape[0]
    root, slope = np.zeros((n, n)), np.zeros((n, n))
    for j in range(n):
        for i in range(j, n):
            correlation, by_log_length = 1.0 + NUGGET, 0.0
            if i != j:
                a = np.sqrt(5.0) * distances[i, j] / length_scale if length_scale > 0 else np.inf
                # Beyond this the exponential is no float any more, and what multiplies it may be infinite.
                fall = np.exp(-a) if a < 700 else 0.0
                correlation = (1 + a + a * a / 3) * fall if fall > 0 else 0.0
                by_log_length = a * a * (1 + a) / 3 * fall if fall > 0 else 0.0
            for k in range(j):
                correlation -= root[i, k] * root[j, k]
                by_log_length -= slope[i, k] * root[j, k] + root[i, k] * slope[j, k]
            if i == j:
                root[j, j] = np.sqrt(correlation)
                slope[j, j] = by_log_length / (2 * root[j, j])
            else:
                root[i, j] = correlation / root[j, j]
                slope[i, j] = (by_log_length - root[i, j] * slope[j, j]) / root[j, j]
    return root, slope
