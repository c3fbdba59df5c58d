"""Log likelihood of the counts by history, Poisson or negative binomial, with the priors of r and of the list effects.

Poisson: with a flat prior on the log of the expected number seen, that number integrates out, and what is left is
multinomial in the shares of the histories. Negative binomial: a count has mean m and variance m + (spread m)^2, which
is Poisson around a gamma number of relative standard deviation `spread`; the expected number seen stays a coordinate.
A history that is not counted has a share like any other, and no say.
"""

from math import lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.bayes.hidden_prior import log_hidden_prior

__all__ = ["count_likelihood"]

type Array = NDArray[np.float64]

# Beyond this size the negative binomial is Poisson plus one term, and its own formula loses digits.
NEARLY_POISSON = 1e8


@njit(cache=True)  # type: ignore[untyped-decorator]
def count_likelihood(
    both: Array,
    dispersion: Array,
    effect_sd: float,
    hidden: Array,
    log_n: Array,
    counts: Array,
    counted: Array,
    sizes: Array,
    design: Array,
    offset: Array,
    effects_design: Array,
    effects_offset: Array,
) -> tuple[float, Array, Array]:
    """Value, and its gradients in (z, u) and in `dispersion`.

    `dispersion` is empty (Poisson), or holds the log of the expected number seen and the log of the spread.
    """
    log_means = offset + design @ both
    top = log_means.max()
    shares = np.exp(log_means - top)
    log_total = top + np.log(shares.sum())
    shares /= shares.sum()
    lists_per_person = (sizes * shares).sum()
    of_hidden, slope = log_hidden_prior(-log_total, hidden, log_n)
    effects = effects_offset + effects_design @ both
    d = (effects - effects.mean()) / effect_sd
    value = np.log(lists_per_person) + of_hidden - 0.5 * (d**2).sum()
    by_cell = (sizes / lists_per_person - slope - 1) * shares
    to_dispersion = np.zeros(dispersion.size)
    if dispersion.size == 0:
        n_counted, share_counted = counts.sum(), (counted * shares).sum()
        value += (counts * (log_means - log_total)).sum() - n_counted * np.log(share_counted)
        by_cell += counts - n_counted / share_counted * counted * shares
    else:
        of_counts, by_count = _negative_binomial(
            counts, counted, log_means - log_total + dispersion[0], dispersion[1], to_dispersion
        )
        value += of_counts
        by_cell += by_count - by_count.sum() * shares
    return value, design.T @ by_cell - effects_design.T @ (d / effect_sd), to_dispersion


@njit(cache=True)  # type: ignore[untyped-decorator]
def _negative_binomial(
    counts: Array, counted: Array, log_means: Array, log_spread: float, to_dispersion: Array
) -> tuple[float, Array]:
    """Log likelihood up to a constant, and its slope in each log mean; fills the slopes in both of `dispersion`."""
    size = np.exp(-2 * log_spread)
    value, to_size = 0.0, 0.0
    slopes = np.zeros(counts.size)
    for w in range(counts.size):
        if counted[w] == 0:
            continue
        n, mean = counts[w], np.exp(log_means[w])
        if size > NEARLY_POISSON:
            excess = (n - mean) ** 2 - n
            value += n * log_means[w] - mean + excess / (2 * size)
            to_size -= excess / (2 * size**2)
            slopes[w] = (n - mean) * (1 - mean / size)
        else:
            log_both = np.log(mean + size)
            value += lgamma(n + size) - lgamma(size) + size * (np.log(size) - log_both) + n * (log_means[w] - log_both)
            to_size += _digamma(n + size) - _digamma(size) + np.log(size) - log_both + 1 - (n + size) / (mean + size)
            slopes[w] = n - (n + size) * mean / (mean + size)
    to_dispersion[0] = slopes.sum()
    to_dispersion[1] = -2 * size * to_size
    return value, slopes


@njit(cache=True)  # type: ignore[untyped-decorator]
def _digamma(x: float) -> float:
    """For x above 0: by recurrence up to 8 and then by the asymptotic series, to 1e-13."""
    value = 0.0
    while x < 8:
        value -= 1 / x
        x += 1
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * 691 / 32760)))))
    return float(value + np.log(x) - 0.5 / x - series)
