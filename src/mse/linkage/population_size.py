"""The number of persons in the population, given how many are on the lists and how long the lists are.

Lists that are independent random samples of N persons, of given lengths, say of N what Darroch's likelihood says:
N!/(N - D)! times the product over lists of (N - n)!/N!, for D distinct persons. The prior of N is 1/N.
"""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SizeGrid", "draw_size", "independence_estimate", "size_grid"]

PER_RECORD = 100  # the population is at most this many times the records: without a common person nothing bounds it
FINENESS = 0.01  # step of the grid above the numbers that it holds one by one

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SizeGrid:
    """Numbers of persons that are tried, and the part of their log probability that no partition changes.

    Attributes
    ----------
    sizes : ndarray of float64, shape (n_sizes,)
        Whole numbers, ascending: each one at first, then the lower ends of bins that are 1 % wide.
    log_weight : ndarray of float64, shape (n_sizes,)
        Log of N! times the product over lists of (N - n)!/N!, times the prior 1/N, times the width of the bin. With
        -log (N - D)! added it is the log posterior of N.
    """

    sizes: Floats
    log_weight: Floats


def size_grid(list_sizes: NDArray[np.int64], n_repeatable: int = 0) -> SizeGrid:
    """The grid for lists of these lengths, from the longest list up.

    Parameters
    ----------
    list_sizes : ndarray of int64, shape (n_lists,)
        Of lists that hold nobody twice.
    n_repeatable : int
        Records of all other lists, each of which may be of any person: their likelihood is N to minus this number.

    Examples
    --------
    >>> size_grid(np.array([2, 3])).sizes[:3].tolist()
    [3.0, 4.0, 5.0]
    """
    least = int(list_sizes.max(initial=1))
    most = PER_RECORD * (int(list_sizes.sum()) + n_repeatable)
    n_steps = int(np.ceil(np.log(most / least) / np.log1p(FINENESS))) + 1
    coarse = np.floor(np.geomspace(least, most + 1, n_steps))
    edges = np.unique(np.concatenate([np.arange(least, min(least + int(1 / FINENESS), most) + 2), coarse]))
    sizes, widths = edges[:-1].astype(np.float64), np.diff(edges)
    log_weight = np.log(widths) - (1 + n_repeatable) * np.log(sizes) + _log_factorial(sizes)
    for n in list_sizes:
        log_weight += _log_factorial(sizes - n) - _log_factorial(sizes)
    return SizeGrid(sizes, log_weight)


def independence_estimate(list_sizes: NDArray[np.int64], n_persons: float) -> float:
    """N at which independent lists of these lengths hold this many distinct persons: 1 - D/N = prod(1 - n/N).

    Parameters
    ----------
    list_sizes : ndarray of int64, shape (n_lists,)
    n_persons : float
        Distinct persons on the lists. When no person is on two lists, nothing bounds N, and the end of the grid is
        returned.

    References
    ----------
    Darroch (1958), https://doi.org/10.1093/biomet/45.3-4.343.

    Examples
    --------
    >>> round(independence_estimate(np.array([20, 30]), 44))
    100
    """
    low, high = max(float(list_sizes.max()), n_persons), float(PER_RECORD * list_sizes.sum())
    if n_persons == list_sizes.sum():
        return high
    for _ in range(100):
        middle = (low + high) / 2
        if middle * (1 - np.prod(1 - list_sizes / middle)) < n_persons:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@njit(cache=True, nogil=True)
def draw_size(sizes, log_weight, n_persons, uniform, cumulated):  # type: ignore[no-untyped-def]
    """One number of persons from its posterior, given the distinct persons; `cumulated` is scratch, (n_sizes,)."""
    largest = -np.inf
    for i in range(len(sizes)):
        hidden = sizes[i] - n_persons
        cumulated[i] = log_weight[i] - lgamma(hidden + 1.0) if hidden >= 0.0 else -np.inf
        largest = max(largest, cumulated[i])
    total = 0.0
    for i in range(len(sizes)):
        total += np.exp(cumulated[i] - largest)
        cumulated[i] = total
    return sizes[min(np.searchsorted(cumulated, uniform * total, side="right"), len(sizes) - 1)]


def _log_factorial(numbers: Floats) -> Floats:
    return np.array([lgamma(number + 1.0) for number in numbers])
