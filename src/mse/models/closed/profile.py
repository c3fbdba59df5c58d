"""Profile-likelihood intervals of the total under a closed-population model.

Poisson: the likelihood with the missing cell's mean held fixed. Multinomial: Cormack (1992),
doi:10.2307/2532306, the likelihood of the completed table as a function of N.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, ndtri, xlogy

from mse.errors import Refused
from mse.interval import Interval, check_level
from mse.models.closed.fitting import ClosedMLE, constrained_fit

__all__ = ["HiddenProfile", "profile_of"]

SMALLEST_HIDDEN = 1e-7  # persons; below it the profile no longer changes
LARGEST_RATIO = 1e9  # hidden persons per person observed; beyond it the end is inf


@dataclass(frozen=True, eq=False)
class HiddenProfile:
    """A profile likelihood of the number of hidden persons; a rule for intervals.

    Attributes
    ----------
    n_observed : int
    start : float
        Log of the hidden persons at the Poisson maximum.
    log_likelihood : callable
        Of the log of the hidden persons; maximised over everything else, up to a constant.
    score : callable or None
        Its derivative up to a positive factor; None where `start` is the maximum.
    note : str
        Goes into every interval.
    """

    n_observed: int
    start: float
    log_likelihood: Callable[[float], float]
    score: Callable[[float], float] | None
    note: str = ""

    @cached_property
    def best(self) -> float:
        """Log of the hidden persons at which the profile is highest; at the floor it is as good as none."""
        if self.score is None:
            return self.start
        low, high = self.start - 0.1, self.start + 0.1
        while self.score(low) < 0:
            low -= 1.0
            if low < log(SMALLEST_HIDDEN):
                return log(SMALLEST_HIDDEN)
        while self.score(high) > 0:
            high += 1.0
        return float(brentq(self.score, low, high, xtol=1e-13, rtol=1e-14))

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.n_observed + exp(self.best)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        floor = self.log_likelihood(self.best) - float(ndtri(0.5 + check_level(level) / 2)) ** 2 / 2
        low, high = self._end(floor, -1), self._end(floor, +1)
        n = self.n_observed
        return Interval(n + exp(low), n + exp(high) if high < inf else inf, level, "profile", note=self.note)

    def _end(self, floor: float, side: int) -> float:
        """Where the profile crosses the floor on one side, on the log scale; -inf or inf if it does not."""
        inner, step = self.best, 0.1
        limit = log(SMALLEST_HIDDEN) if side < 0 else log(LARGEST_RATIO * self.n_observed)
        while side * (limit - inner) > 0:
            outer = inner + side * min(step, abs(limit - inner))
            if self.log_likelihood(outer) <= floor:
                ends = min(inner, outer), max(inner, outer)
                return float(brentq(lambda x: self.log_likelihood(x) - floor, *ends, xtol=1e-11, rtol=1e-13))
            inner, step = outer, step * 1.7
        return side * inf


def profile_of(mle: ClosedMLE, likelihood: str, name: str, note: str) -> HiddenProfile:
    """The profile of a log-linear closed-population model; which kinks are zero is settled anew for each total."""
    columns, kinks, counts, n = mle.whole.columns, mle.whole.kinks, mle.counts, mle.n_observed

    def means_of(
        columns: NDArray[np.float64], kinks: Collection[int], counts: NDArray[np.float64], offset: float = 0.0
    ) -> NDArray[np.float64]:
        fit, _ = constrained_fit(columns, kinks, counts, offset)
        if not fit.converged:
            raise Refused(f"the profile likelihood of {name} could not be followed; ask for interval='log-normal'")
        return fit.means

    def poisson(log_hidden: float) -> float:
        means = means_of(columns[:, 1:], [j - 1 for j in kinks], counts, log_hidden)
        return float(np.sum(xlogy(counts, means) - means))

    completed = np.vstack([np.eye(1, columns.shape[1]), columns])

    def completed_means(log_hidden: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        table = np.concatenate([[exp(log_hidden)], counts])
        return table, means_of(completed, kinks, table)

    def multinomial(log_hidden: float) -> float:
        table, means = completed_means(log_hidden)
        total = table.sum()
        return float(gammaln(total + 1) - gammaln(table[0] + 1) + np.sum(xlogy(table, means / total)))

    def score(log_hidden: float) -> float:
        table, means = completed_means(log_hidden)
        total = n + table[0]
        return float(digamma(total + 1) - digamma(table[0] + 1) + log(means[0] / total))

    start = log(mle.n_hidden)
    if likelihood == "poisson":
        return HiddenProfile(n, start, poisson, None, note)
    return HiddenProfile(n, start, multinomial, score, note)
