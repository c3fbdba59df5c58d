"""Profile-likelihood interval of the total when some counts are upper bounds.

What is not known is a sum: persons on no list, and those of the doubtful persons in censored cells who belong. Its
profile is followed from the maximum outwards: the stationary points of the likelihood with the sum held fixed solve
Lagrange's equations, by Newton's method from the point before.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import xlogy

from mse.interval import Interval
from mse.models.loglinear.censored import moments
from mse.models.loglinear.censored_fit import RISING, CensoredFit
from mse.models.profiles import LARGEST_RATIO, SMALLEST_HIDDEN, fall

__all__ = ["CensoredProfile"]

FIRST_STEP, LARGEST_STEP, SMALLEST_STEP = 0.05, 0.4, 1e-6  # of the log of the sum
MAX_STEPS = 30

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Point:
    """The best coefficients for one value of the log of the sum, with Lagrange's multiplier.

    `zero` holds the columns of `kinks` whose coefficient is 0 here.
    """

    log_hidden: float
    beta: Vector
    multiplier: float
    log_likelihood: float
    zero: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class CensoredProfile:
    """The profile likelihood of the persons beyond those known; a rule for intervals. `note` goes into every one."""

    fit: CensoredFit
    note: str = ""

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.fit.n_observed + exp(self._best.log_hidden)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        floor, n = self._best.log_likelihood - fall(level), self.fit.n_observed
        low, high = self._end(floor, -1), self._end(floor, +1)
        return Interval(n + exp(low), n + exp(high) if high < inf else inf, level, "profile", note=self.note)

    @cached_property
    def _best(self) -> _Point:
        beta = self.fit.scaled_beta
        value, _, _, hidden, _, _ = self._terms(beta)
        return _Point(log(hidden), beta, 0.0, value, self.fit.zero)

    def _end(self, floor: float, side: int) -> float:
        """Where the profile crosses the floor on one side, on the log scale; -inf or inf if it does not."""
        here, step = self._best, FIRST_STEP
        limit = log(SMALLEST_HIDDEN) if side < 0 else log(LARGEST_RATIO * self.fit.n_observed)
        while side * (limit - here.log_hidden) > 0:
            there = self._moved(here, here.log_hidden + side * step)
            if there is None:
                step /= 4
                if step < SMALLEST_STEP:
                    raise self.fit.lost()
                continue
            if there.log_likelihood <= floor:
                return self._crossing(here, there, floor)
            here, step = there, min(1.7 * step, LARGEST_STEP)
        return side * inf

    def _crossing(self, inner: _Point, outer: _Point, floor: float) -> float:
        def above(log_hidden: float) -> float:
            near = min(inner, outer, key=lambda point: abs(point.log_hidden - log_hidden))
            point = near if near.log_hidden == log_hidden else self._moved(near, log_hidden)
            if point is None:
                raise self.fit.lost()
            return point.log_likelihood - floor

        low, high = sorted((inner.log_hidden, outer.log_hidden))
        return float(brentq(above, low, high, xtol=1e-11, rtol=1e-13))

    def _moved(self, start: _Point, log_hidden: float) -> _Point | None:
        """The point for this value of the sum, or None where it is not reached from `start`.

        A kink that would turn negative becomes 0, and one that is 0 leaves where the likelihood rises in it.
        """
        rising = RISING * max(1.0, self.fit.n_observed)
        for _ in range(1 + 2 * len(self.fit.kinks)):
            point = self._on_face(start, log_hidden, start.zero)
            if point is None:
                return None
            negative = [j for j in self.fit.kinks if j not in point.zero and point.beta[j] < 0]
            if negative:
                beta = start.beta.copy()
                beta[negative] = 0.0
                start = replace(start, beta=beta, zero=start.zero | frozenset(negative))
                continue
            _, score, _, hidden, slope, _ = self._terms(point.beta)
            along = score + point.multiplier * slope / hidden
            leaving = max(point.zero, key=lambda j: float(along[j]), default=None)
            if leaving is None or along[leaving] <= rising:
                return point
            start = replace(point, zero=point.zero - {leaving})
        return None

    def _on_face(self, start: _Point, log_hidden: float, zero: frozenset[int]) -> _Point | None:
        """The same with these kinks 0, by Newton's method from `start`."""
        kept = [j for j in range(len(start.beta)) if j not in zero]
        beta, multiplier = start.beta.copy(), start.multiplier
        size = len(kept)
        for _ in range(MAX_STEPS):
            value, score, information, hidden, slope, bend = self._terms(beta)
            gap = log_hidden - log(hidden)
            gradient = slope[kept] / hidden
            curvature = bend[np.ix_(kept, kept)] / hidden - np.outer(gradient, gradient)
            residual = score[kept] + multiplier * gradient
            if abs(gap) < 1e-11 and np.abs(residual).max() < 1e-8 * max(1.0, self.fit.n_observed):
                return _Point(log_hidden, beta, multiplier, value, zero)
            system = np.zeros((size + 1, size + 1))
            system[:size, :size] = information[np.ix_(kept, kept)] - multiplier * curvature
            system[:size, size] = system[size, :size] = -gradient
            # The last row is minus the constraint, so that the system is symmetric.
            try:
                step = np.linalg.solve(system, np.concatenate([residual, [-gap]]))
            except np.linalg.LinAlgError:
                return None
            if not np.abs(step[:size]).max() < 5.0:
                return None
            beta[kept] += step[:size]
            multiplier += step[size]
        return None

    def _terms(self, beta: Vector) -> tuple[float, Vector, Vector, float, Vector, Vector]:
        """Log-likelihood with score and information, and the sum with its gradient and its second derivative."""
        design, known, doubtful = self.fit.columns, self.fit.known, self.fit.doubtful
        means = np.exp(np.minimum(design @ beta, 300.0))
        residual, weights = known - means, means.copy()
        exact = doubtful == 0
        value = float(np.sum(xlogy(known[exact], means[exact]) - means[exact]))
        hidden = exp(min(beta[0], 300.0))
        total, slope, bend = hidden, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        slope[0] = bend[0, 0] = hidden
        for row in np.flatnonzero(~exact):
            expected, variance, skew, log_probability = moments(known[row], doubtful[row], means[row])
            value += log_probability
            residual[row], weights[row] = expected - means[row], means[row] - variance
            total += expected - known[row]
            slope += variance * design[row]
            bend += skew * np.outer(design[row], design[row])
        return value, design.T @ residual, (design.T * weights) @ design, total, slope, bend
