"""The observable population: the persons whose chance of being on any list is above a threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.interval import EqualTailed, Interval
from mse.models.bayes.rasch_density import FURTHEST, persons_at

__all__ = ["Observable", "observable_draws"]

type Array = NDArray[np.float64]

HALVINGS = 50
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(80)
BATCH = 1000
NARROWEST = 1e-6  # of a range of persons, in standard deviations


@dataclass(frozen=True, eq=False)
class Observable:
    """Persons with a chance above `threshold` of being on one list or more, seen or not.

    Attributes
    ----------
    threshold : float
        Between 0 and 1.
    draws : ndarray of float, shape (n_draws,)
        In persons; not more than N, and less than the persons seen where some of these are hard to find.
    """

    threshold: float
    draws: Array

    @property
    def n_hat(self) -> float:
        """Posterior median, in persons."""
        return float(np.median(self.draws))

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed credible interval at this level, in persons."""
        return EqualTailed(self.draws).at(level)

    def __str__(self) -> str:
        return f"above a chance of {self.threshold:g}: {self.n_hat:,.0f}, {self.interval()}"


def observable_draws(
    effects: Array, spread: Array, n_hidden: Array, by_size: Array, threshold: float, random: np.random.Generator
) -> Array:
    """Persons above the threshold, one number for each draw of effects (n, K), spread (n,) and n_hidden (n,).

    `by_size` (K + 1,) are the persons seen by number of lists. A person on s lists, or on none, is above the threshold
    with a probability that follows from the persons that such a history comes from.
    """
    found = np.empty(len(spread))
    for start in range(0, len(spread), BATCH):
        rows = slice(start, start + BATCH)
        above = _above(effects[rows], spread[rows], threshold)
        seen = random.binomial(by_size.astype(np.int64)[1:], above[:, 1:]).sum(axis=1)
        found[rows] = seen + random.binomial(n_hidden[rows].astype(np.int64), above[:, 0])
    return found


def _above(effects: Array, spread: Array, threshold: float) -> Array:
    """Probability of being above the threshold by number of lists that a person is on, shape (n, K + 1)."""
    low, high = np.full(spread.shape, -FURTHEST), np.full(spread.shape, FURTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        on = effects + (spread * middle)[:, None]
        too_low = np.logaddexp(0, on).sum(axis=1) <= -np.log1p(-threshold)
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    half = np.maximum(low + FURTHEST, NARROWEST)[:, None] / 2
    nodes = half * (POINTS + 1) - FURTHEST
    log_weights = -(nodes**2) / 2 - np.log(2 * np.pi) / 2 + np.log(half * POINT_WEIGHTS)
    below = persons_at(effects, spread, nodes, log_weights).log_masses
    return np.asarray(np.clip(-np.expm1(below - persons_at(effects, spread).log_masses), 0, 1))
