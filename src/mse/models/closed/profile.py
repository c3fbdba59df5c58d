"""Profile-likelihood intervals of the total under a closed-population model.

Poisson: the likelihood with the missing cell's mean held fixed. Multinomial: Cormack (1992),
doi:10.2307/2532306, the likelihood of the completed table as a function of N.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, xlogy

from mse.errors import Refused
from mse.interval import Interval
from mse.models.closed.cell_counts import CellCounts
from mse.models.closed.fitting import ClosedMLE, constrained_fit
from mse.models.profiles import highest, interval_of

__all__ = ["HiddenProfile", "profile_of"]


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
        return highest(self.score, self.start)

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.n_observed + exp(self.best)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        return interval_of(self.log_likelihood, self.best, self.n_observed, level, self.note)


def profile_of(mle: ClosedMLE, likelihood: str, name: str, note: str) -> HiddenProfile:
    """The profile of a log-linear closed-population model; which kinks are zero is settled anew for each total."""
    columns, kinks, counts, n = mle.whole.columns, mle.whole.kinks, mle.counts.known, mle.n_observed

    def means_of(
        columns: NDArray[np.float64], kinks: Collection[int], counts: NDArray[np.float64], offset: float = 0.0
    ) -> NDArray[np.float64]:
        fit, _ = constrained_fit(columns, kinks, CellCounts.exact(counts), offset)
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
