"""Profile-likelihood intervals of the total under a log-linear model.

Poisson: the likelihood with the missing cell's mean held fixed. Multinomial: Cormack (1992),
doi:10.2307/2532306, the likelihood of the completed table as a function of N.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, ndtri, xlogy

from mse.errors import Refused
from mse.interval import Interval, check_level
from mse.models.loglinear.extended import ExtendedMLE
from mse.models.loglinear.poisson import CONVERGED, fit_cells

__all__ = ["ProfileLikelihood"]

SMALLEST_HIDDEN = 1e-7  # persons; below it the profile no longer changes
LARGEST_RATIO = 1e9  # hidden persons per person observed; beyond it the end is inf


@dataclass(frozen=True, eq=False)
class ProfileLikelihood:
    """The profile likelihood of the number of hidden persons; a rule for intervals.

    `likelihood` is ``poisson`` or ``multinomial``; `note` goes into every interval.
    """

    mle: ExtendedMLE
    likelihood: str
    note: str = ""

    @cached_property
    def best_log_hidden(self) -> float:
        """Log of the number of hidden persons at which the profile is highest."""
        start = log(self.mle.n_hidden)
        if self.likelihood == "poisson":
            return start
        low, high = start - 0.1, start + 0.1
        while self._multinomial_score(low) < 0:
            low -= 1.0
            if low < log(SMALLEST_HIDDEN):
                return low
        while self._multinomial_score(high) > 0:
            high += 1.0
        return float(brentq(self._multinomial_score, low, high, xtol=1e-13, rtol=1e-14))

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.mle.n_observed + exp(self.best_log_hidden)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        drop = float(ndtri(0.5 + check_level(level) / 2)) ** 2 / 2
        floor = self._log_likelihood(self.best_log_hidden) - drop
        low = self._end(lambda x: self._log_likelihood(x) - floor, -1)
        high = self._end(lambda x: self._log_likelihood(x) - floor, +1)
        n = self.mle.n_observed
        return Interval(n + exp(low), n + exp(high) if high < inf else inf, level, "profile", note=self.note)

    def _end(self, above: Callable[[float], float], side: int) -> float:
        """Where the profile crosses the floor on one side, on the log scale; -inf or inf if it does not."""
        inner, step = self.best_log_hidden, 0.1
        limit = log(SMALLEST_HIDDEN) if side < 0 else log(LARGEST_RATIO * self.mle.n_observed)
        while side * (limit - inner) > 0:
            outer = inner + side * step
            if above(outer) <= 0:
                return float(brentq(above, min(inner, outer), max(inner, outer), xtol=1e-11, rtol=1e-13))
            inner, step = outer, step * 1.7
        return side * inf

    def _log_likelihood(self, log_hidden: float) -> float:
        """Up to a constant, the likelihood maximised over everything else."""
        return self._poisson(log_hidden) if self.likelihood == "poisson" else self._multinomial(log_hidden)

    def _poisson(self, log_hidden: float) -> float:
        support, counts = self.mle.support, self.mle.counts
        fit = fit_cells(support.masks[1:], support.active, counts, offset=log_hidden)
        mu, y = self._checked(fit.means, fit.status, support.active), counts[support.active]
        return float(np.sum(xlogy(y, mu) - mu))

    def _multinomial(self, log_hidden: float) -> float:
        hidden, mu, y = self._completed(log_hidden)
        total = self.mle.n_observed + hidden
        return float(gammaln(total + 1) - gammaln(hidden + 1) + np.sum(xlogy(y, mu / total)))

    def _multinomial_score(self, log_hidden: float) -> float:
        """Derivative of the multinomial profile in N; at its root the maximum is known to full precision."""
        hidden, mu, _ = self._completed(log_hidden)
        total = self.mle.n_observed + hidden
        return float(digamma(total + 1) - digamma(hidden + 1) + log(mu[0] / total))

    def _completed(self, log_hidden: float) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """The missing cell's count, and means and counts of the table completed with it, missing cell first."""
        support, hidden = self.mle.support, exp(log_hidden)
        active, counts = support.active.copy(), self.mle.counts.copy()
        active[0], counts[0] = True, hidden
        fit = fit_cells(support.masks, active, counts)
        return hidden, self._checked(fit.means, fit.status, active), counts[active]

    def _checked(self, means: NDArray[np.float64], status: int, active: NDArray[np.bool_]) -> NDArray[np.float64]:
        if status != CONVERGED:
            raise Refused(
                f"the profile likelihood of {self.mle.model} could not be followed; ask for interval='log-normal'"
            )
        return means[active]
