"""How near the estimates of a simulation came to the truth, each figure with its Monte Carlo error."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Figure", "covered", "mean", "root_mean_square", "root_mean_square_difference"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A simulated figure and its standard error."""

    value: float
    se: float

    def times(self, factor: float) -> "Figure":
        return Figure(self.value * factor, self.se * factor)


def mean(values: NDArray[np.float64]) -> Figure:
    """Mean with its standard error; of differences within data sets, the paired comparison."""
    return Figure(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def root_mean_square(errors: NDArray[np.float64]) -> Figure:
    """Root of the mean square, its standard error by the delta method."""
    square = mean(errors**2)
    root = float(np.sqrt(square.value))
    return Figure(root, square.se / (2 * root))


def root_mean_square_difference(errors: NDArray[np.float64], other: NDArray[np.float64]) -> Figure:
    """Root mean square of the first less that of the second, on the same data sets."""
    roots = [root_mean_square(each).value for each in (errors, other)]
    influence = errors**2 / (2 * roots[0]) - other**2 / (2 * roots[1])
    return Figure(roots[0] - roots[1], mean(influence).se)


def covered(low: pd.Series, high: pd.Series, true_n: float) -> NDArray[np.float64]:
    """1 where the interval holds the truth, 0 where it does not or there is none."""
    return np.asarray((low <= true_n) & (true_n <= high), dtype=np.float64)
