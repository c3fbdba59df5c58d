"""The likelihood of several strata, given hidden persons per person seen, list effects and interactions of each.

The level of a stratum is what makes hidden persons per person seen equal to exp(r): sum over w of exp(level |w| +
rest(w)) = exp(-r), one increasing equation. Its derivatives are those of an implicit function: with L the mean number
of lists per person seen, d level / d r = -1 / L and d level / d rest(w) = -share(w) / L.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["level_of", "log_likelihood"]

type Array = NDArray[np.float64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def log_likelihood(
    values: Array, counts: Array, sizes: NDArray[np.int64], design: Array, n_lists: int
) -> tuple[float, Array]:
    """Multinomial log likelihood of all strata, and its gradient in r, contrasts and interactions of each."""
    rest = np.ascontiguousarray(values[:, 1:]) @ design.T
    by_value, by_rest = np.empty(values.shape), np.empty(rest.shape)
    total = 0.0
    for s in range(counts.shape[0]):
        r = values[s, 0]
        level = level_of(r, rest[s], sizes, n_lists)
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
def level_of(r: float, rest: Array, sizes: NDArray[np.int64], n_lists: int) -> float:
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
