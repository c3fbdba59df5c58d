"""What the cells of a table say of their means, whether a count is exact or an upper bound.

A censored cell holds persons known to be in the population and doubtful ones; see `loglinear.censored`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from mse.models.loglinear.censored import best_log_probability, moments

__all__ = ["CellCounts", "Seen"]

Vector = NDArray[np.float64]


class Seen(NamedTuple):
    """What the cells say at given means, shape (n_cells,) each.

    `expected` persons of the population, `variance` of that number where it is not known, and `log_likelihood` up to
    the factorials of the exact counts.
    """

    expected: Vector
    variance: Vector
    log_likelihood: Vector


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Persons known to be in the population and doubtful ones, shape (n_cells,) each."""

    known: Vector
    doubtful: Vector

    @classmethod
    def exact(cls, counts: Vector) -> "CellCounts":
        """Counts that nobody doubts."""
        return cls(counts, np.zeros_like(counts))

    @cached_property
    def censored(self) -> NDArray[np.int64]:
        """The cells with doubtful persons."""
        return np.flatnonzero(self.doubtful)

    @property
    def is_censored(self) -> bool:
        return len(self.censored) > 0

    def seen(self, means: Vector) -> Seen:
        """What the cells say at these means."""
        expected, variance = self.known, np.zeros_like(means)
        log_likelihood = xlogy(self.known, means) - means
        if self.is_censored:
            expected = self.known.copy()
            for cell in self.censored:
                found = moments(self.known[cell], self.doubtful[cell], means[cell])
                expected[cell], variance[cell], log_likelihood[cell] = found[0], found[1], found[3]
        return Seen(expected, variance, log_likelihood)

    def deviance(self, means: Vector) -> float:
        """Twice the log-likelihood below that of a model which gives each cell its most likely mean."""
        exact = self.doubtful == 0
        known, at = self.known[exact & (self.known > 0)], means[exact & (self.known > 0)]
        of_exact = (known * np.log(known / at)).sum() - (self.known[exact] - means[exact]).sum()
        log_likelihood = self.seen(means).log_likelihood
        of_censored = sum(
            best_log_probability(self.known[cell], self.doubtful[cell]) - log_likelihood[cell] for cell in self.censored
        )
        return float(2 * (of_exact + of_censored))
