"""A fit with censored cells as the profiles of its total take it: any design, and kinks that may not be negative."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mse.errors import Refused

__all__ = ["RISING", "CensoredFit"]

RISING = 1e-8  # relative to the persons known; a kink leaves 0 only where the likelihood rises by more than rounding

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CensoredFit:
    """The maximum of the Poisson likelihood.

    Attributes
    ----------
    model : str
    design : ndarray, shape (n_cells, n_columns)
        The cells in the fit; the intercept, first, is the log of the persons on no list.
    known, doubtful : ndarray, shape (n_cells,)
        Persons known to be in the population, and those of whom it is not known.
    beta : ndarray, shape (n_columns,)
    kinks : tuple of int
        Columns whose coefficient may not be negative; which are 0 is settled anew for each total.
    """

    model: str
    design: Vector
    known: Vector
    doubtful: Vector
    beta: Vector
    kinks: tuple[int, ...] = ()

    @cached_property
    def n_observed(self) -> int:
        return int(self.known.sum())

    @cached_property
    def scale(self) -> Vector:
        """The largest entry of each column, by which it is divided, so that a step is one of log means."""
        scale: Vector = np.abs(self.design).max(axis=0)
        return scale

    @cached_property
    def columns(self) -> Vector:
        return self.design / self.scale

    @property
    def scaled_beta(self) -> Vector:
        return self.beta * self.scale

    @property
    def zero(self) -> frozenset[int]:
        """The kinks that are 0 at the maximum."""
        return frozenset(j for j in self.kinks if self.beta[j] == 0)

    def lost(self) -> Refused:
        """A profile that could not be followed."""
        return Refused(f"the profile likelihood of {self.model} could not be followed; ask for interval='log-normal'")
