"""Profile-likelihood intervals of the total under a log-linear model.

Poisson: the likelihood with the missing cell's mean held fixed. Multinomial: Cormack (1992),
doi:10.2307/2532306, the likelihood of the completed table as a function of N.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, xlogy

from mse.errors import Refused
from mse.interval import Interval
from mse.models.loglinear.extended import ExtendedMLE
from mse.models.loglinear.poisson import CONVERGED, fit_cells
from mse.models.profiles import highest, interval_of

__all__ = ["ProfileLikelihood"]


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
        return start if self.likelihood == "poisson" else highest(self._multinomial_score, start)

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.mle.n_observed + exp(self.best_log_hidden)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        return interval_of(self._log_likelihood, self.best_log_hidden, self.mle.n_observed, level, self.note)

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
