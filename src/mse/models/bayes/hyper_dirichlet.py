"""Marginal likelihoods of decomposable graphs with a hyper-Dirichlet prior, as functions of the hidden number.

With `delta` in each of the 2**K cells, the table of a set S of lists has a Dirichlet prior with
``delta * 2**(K - |S|)`` in each of its cells (Dawid and Lauritzen 1993, doi:10.1214/aos/1176349260). Only its cell
"on none of S" holds hidden persons, so that log marginal likelihoods are a constant and gamma functions of the hidden
number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["HyperDirichlet"]

type Array = NDArray[np.float64]

SERIES_FROM = 1024.0


@dataclass(frozen=True, eq=False)
class HyperDirichlet:
    """What the counts of one table contribute, for every set of lists.

    Attributes
    ----------
    n_lists, n_observed : int
    total : float
        Sum of the Dirichlet parameters, ``delta * 2**n_lists``.
    constant : ndarray of float, shape (2**n_lists,)
        Of the log marginal likelihood of each set of lists (bits of a history), what does not depend on hidden persons.
    zero_cell : ndarray of float, shape (2**n_lists,)
        Dirichlet parameter plus persons seen, of the cell "on none of the set".
    """

    n_lists: int
    n_observed: int
    total: float
    constant: Array
    zero_cell: Array

    @classmethod
    def of(cls, counts: NDArray[np.int64], n_lists: int, delta: float) -> "HyperDirichlet":
        """From the counts of the histories, shape (2**n_lists - 1,)."""
        n_cells = 2**n_lists
        histories = np.arange(1, n_cells)
        total = delta * n_cells
        constant, zero_cell = np.empty(n_cells), np.empty(n_cells)
        for lists in range(n_cells):
            n_in_set = lists.bit_count()
            alpha = delta * 2.0 ** (n_lists - n_in_set)
            margin = np.bincount(histories & lists, weights=counts, minlength=n_cells)
            seen = margin[1:][margin[1:] > 0]
            constant[lists] = np.sum(gammaln(alpha + seen) - gammaln(alpha)) - gammaln(alpha) + gammaln(total)
            zero_cell[lists] = alpha + margin[0]
        return cls(n_lists, int(counts.sum()), total, constant, zero_cell)

    def factor_table(self, hidden: Array) -> Array:
        """Log marginal likelihood of each list given each set of others.

        Parameters
        ----------
        hidden : ndarray of float, shape (n_nodes,)
            Numbers of hidden persons.

        Returns
        -------
        ndarray of float, shape (n_lists * 2**n_lists, n_nodes)
            Row ``list * 2**n_lists + set``; rows whose set holds the list itself have no meaning and are zero.
        """
        n_cells = 2**self.n_lists
        of_set = self.constant[:, None] + _log_rising(self.zero_cell[:, None], hidden)
        of_set -= _log_rising(np.array(self.total + self.n_observed), hidden)
        table = np.zeros((self.n_lists, n_cells, len(hidden)))
        sets = np.arange(n_cells)
        for j in range(self.n_lists):
            bit = 1 << (self.n_lists - 1 - j)
            without = sets[sets & bit == 0]
            table[j, without] = of_set[without | bit] - of_set[without]
        return table.reshape(self.n_lists * n_cells, len(hidden))

    def log_ways(self, hidden: Array) -> Array:
        """Log of the number of ways to choose the hidden among all persons, up to a constant, shape (n_nodes,)."""
        return _log_rising(np.array(self.n_observed + 1.0), hidden)


def _log_rising(shift: Array, hidden: Array) -> Array:
    """Log gamma(hidden + shift) - log gamma(hidden + 1), by Stirling's series where the difference would cancel."""
    shift = np.asarray(shift, dtype=np.float64)
    far = hidden >= SERIES_FROM
    answer = np.empty(np.broadcast_shapes(shift.shape, hidden.shape))
    near = hidden[~far]
    answer[..., ~far] = gammaln(near + shift) - gammaln(near + 1)
    x = hidden[far]
    answer[..., far] = _log_gamma_ratio(x, shift) - np.log(x)
    return answer


def _log_gamma_ratio(x: Array, shift: Array) -> Array:
    """Log gamma(x + shift) - log gamma(x), for x of 1,024 or more."""
    y = x + shift
    leading = (y - 0.5) * np.log1p(shift / x) + shift * np.log(x) - shift
    return leading + (1 / y - 1 / x) / 12 - (1 / y**3 - 1 / x**3) / 360
