"""The number of persons in the population, given who is whom on the lists.

Lists that are independent random samples of N persons, of given lengths, say of N what Darroch's likelihood says:
N!/(N - D)! times the product over lists of (N - n)!/N!, for D distinct persons. The prior of N is 1/N.

Agencies refer persons to each other, and some persons come to every list. Those on many lists then say that nearly all
persons are listed. Persons on one list and on two are led astray less, as in Chao's lower bound: with
`draw_size_of_few` only they tell how many are on no list. Both numbers are too small when lists depend on each other.
"""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SizeGrid", "draw_size", "draw_size_of_few", "expected_unlisted", "independence_estimate", "size_grid"]

PER_RECORD = 100  # the population is at most this many times the records: without a common person nothing bounds it
FINENESS = 0.01  # step of the grid above the numbers that it holds one by one
LEAST = 1e-12  # of what is divided by
N_INNER = 3  # rounds over the expected numbers, for one draw

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


@njit(cache=True, nogil=True)
def draw_size_of_few(members, n_members, list_of_record, expected, most, rng):  # type: ignore[no-untyped-def]
    """One number of persons, given those who are on one list or on two; lists are independent and hold nobody twice.

    With h persons expected on no list and e on each list alone, e e'/h are expected on two. The priors are 1/h and 1/e,
    so that given the e, h is inverse gamma, and each e gamma given h and the others.

    Parameters
    ----------
    members : ndarray of int64, shape (n_records, most members)
    n_members : ndarray of int64, shape (n_records,)
    list_of_record : ndarray of int64, shape (n_records,)
    expected : ndarray of float64, shape (n_lists,)
        Persons expected on each list alone, as last drawn; drawn anew in place.
    most : float
        The largest number of persons, which is returned when nobody is on two lists and nothing else bounds it.

    References
    ----------
    Chao (1987), https://doi.org/10.2307/2531532.
    """
    n_lists = len(expected)
    n_persons, n_on_two = 0, 0
    n_of_few = np.zeros(n_lists)
    for own in range(len(n_members)):
        n = n_members[own]
        n_persons += n > 0
        if n == 1 or n == 2:
            n_on_two += n - 1
            for i in range(n):
                n_of_few[list_of_record[members[own, i]]] += 1.0
    for own in range(n_lists):
        if n_of_few[own] == 0.0 or expected[own] == 0.0:
            expected[own] = n_of_few[own]
    hidden = most
    for _ in range(N_INNER):
        total = np.sum(expected)
        on_two = (total**2 - np.sum(expected**2)) / 2
        hidden = min(on_two / max(rng.standard_gamma(n_on_two), LEAST), most) if n_on_two else most
        for own in range(n_lists):
            if n_of_few[own]:
                others = np.sum(expected) - expected[own]
                expected[own] = max(rng.standard_gamma(n_of_few[own]) / (1.0 + others / hidden), LEAST)
    return min(n_persons + float(rng.poisson(hidden)), most)


@njit(cache=True, nogil=True)
def expected_unlisted(size, list_sizes):  # type: ignore[no-untyped-def]
    """Persons of so many who are expected on no list, where lists of these lengths are independent."""
    unlisted = size
    for n in list_sizes:
        unlisted *= max(1.0 - n / size, 0.0)
    return max(unlisted, LEAST)


def _log_factorial(numbers: Floats) -> Floats:
    return np.array([lgamma(number + 1.0) for number in numbers])
