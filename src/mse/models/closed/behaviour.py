"""Mb and Mbh: the first capture of a person changes the chance of the next, on occasions that follow one another.

Only first captures speak of those never captured: occasion after occasion they fall off by the same share (removal).
Under Mbh the first occasion has a chance of its own. Zippin (1956), doi:10.2307/3001654; Otis, Burnham, White and
Anderson (1978); Mbh as Pollock and Otto (1983), doi:10.2307/2531330, and as a log-linear model in Rivest and
Baillargeon (2007), doi:10.1111/j.1541-0420.2007.00779.x.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, expm1, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, xlogy

from mse.errors import NoFiniteMLE, Refused
from mse.histories import CaptureHistories
from mse.models.closed.cell_counts import CellCounts
from mse.models.closed.fitting import fit_statistics
from mse.models.closed.profile import HiddenProfile

__all__ = ["BEHAVIOUR_MODELS", "RemovalMLE", "fit_behaviour", "removal_profile"]

BEHAVIOUR_MODELS = ("Mb", "Mbh")


@dataclass(frozen=True, eq=False)
class RemovalMLE:
    """A removal model whose MLE exists.

    Attributes
    ----------
    counts : ndarray of float64, shape (2**K - 1,)
    first_captures : ndarray of float64, shape (n_occasions,)
        Persons captured for the first time on each occasion that takes part in the removal.
    n_apart : int
        Persons first captured on the occasion that has a chance of its own; 0 under Mb.
    log_escape : float
        Log of the chance not to be captured on one occasion.
    means : ndarray of float64, shape (2**K - 1,)
    n_parameters : int
    """

    counts: NDArray[np.float64]
    first_captures: NDArray[np.float64]
    n_apart: int
    log_escape: float
    means: NDArray[np.float64]
    n_parameters: int

    @property
    def n_observed(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def n_removed(self) -> float:
        return float(self.first_captures.sum())

    @property
    def n_occasions(self) -> int:
        return len(self.first_captures)

    @cached_property
    def n_waited(self) -> float:
        """Occasions that the captured let pass before their first capture, summed."""
        return float(np.arange(self.n_occasions) @ self.first_captures)

    @cached_property
    def n_hidden(self) -> float:
        return self.n_removed / expm1(-self.n_occasions * self.log_escape)

    @cached_property
    def se_log_hidden(self) -> float:
        """Delta method: the number removed and the share of its occasions are independent."""
        occasion = np.arange(self.n_occasions)
        share = np.exp(occasion * self.log_escape)
        share /= share.sum()
        spread = share @ occasion**2 - (share @ occasion) ** 2
        slope = self.n_occasions / -expm1(self.n_occasions * self.log_escape)
        return sqrt((1 + slope**2 / spread) / self.n_removed)

    @property
    def standard_error(self) -> float:
        """Of N-hat for a population of given size."""
        return sqrt((self.n_hidden * self.se_log_hidden) ** 2 + self.n_hidden)

    def diagnostics(self) -> dict[str, float]:
        """Deviance, df, AIC, BIC, number of parameters and standard error of N-hat."""
        statistics = fit_statistics(
            CellCounts.exact(self.counts), self.means, n_parameters=self.n_parameters, n_cells=len(self.counts)
        )
        return statistics | {"standard_error": self.standard_error}


def fit_behaviour(histories: CaptureHistories, model: str) -> RemovalMLE:
    """Fit Mb or Mbh; the lists of the table are the occasions, in their order.

    Raises
    ------
    NoFiniteMLE
        When first captures do not fall off, or nobody is first captured after the first occasion of the removal.
    Refused
        When histories are declared impossible or censored, or there are too few occasions.
    """
    if histories.structural_zeros:
        raise Refused(f"{model} needs every history to be possible, and some are declared impossible")
    if histories.is_censored:
        raise Refused(f"{model} takes every count as exact, and some are upper bounds; choose M0, Mt, Mh or Mth")
    counts = histories.single_stratum().astype(np.float64)
    n_lists, n_skipped = histories.n_lists, 1 if model == "Mbh" else 0
    if n_lists - n_skipped < 2:
        raise Refused(f"{model} needs {2 + n_skipped} occasions or more, and there are {n_lists}")
    on_list = np.array(histories.histories)
    first = on_list.argmax(axis=1)
    captures_after = on_list.sum(axis=1) - 1
    first_captures = np.bincount(first, weights=counts, minlength=n_lists)
    log_escape = _log_escape(first_captures[n_skipped:], model)
    share = np.exp(np.arange(n_lists - n_skipped) * log_escape)
    expected = first_captures.copy()
    expected[n_skipped:] = share / share.sum() * first_captures[n_skipped:].sum()
    chances_after = n_lists - 1 - first
    again = (counts @ captures_after) / (counts @ chances_after)
    history_given_first = np.exp(xlogy(captures_after, again) + xlogy(chances_after - captures_after, 1 - again))
    return RemovalMLE(
        counts=counts,
        first_captures=first_captures[n_skipped:],
        n_apart=int(first_captures[:n_skipped].sum()),
        log_escape=log_escape,
        means=expected[first] * history_given_first,
        n_parameters=3 + n_skipped,
    )


def removal_profile(mle: RemovalMLE, likelihood: str) -> HiddenProfile:
    """The profile likelihood of the number never captured."""
    removed, waited, n_occasions = mle.n_removed, mle.n_waited, mle.n_occasions

    def poisson(log_hidden: float) -> float:
        hidden = exp(log_hidden)

        def slope(log_q: float) -> float:
            odds = 1 / expm1(-log_q)
            return waited - removed * (odds + n_occasions) + hidden * n_occasions * exp(-n_occasions * log_q)

        nearest_0 = -min(1e-14, 1e-3 * removed / (hidden * n_occasions))
        log_q = float(brentq(slope, -600 / n_occasions, nearest_0, xtol=1e-15, rtol=1e-14))
        log_first = log_hidden + log(-expm1(log_q)) - n_occasions * log_q
        return removed * log_first + waited * log_q - hidden * expm1(-n_occasions * log_q)

    def multinomial(log_hidden: float) -> float:
        hidden = exp(log_hidden)
        total = mle.n_observed + hidden
        escaped = waited + n_occasions * hidden
        chance = removed / (removed + escaped)
        apart = xlogy(mle.n_apart, mle.n_apart / total) + xlogy(total - mle.n_apart, 1 - mle.n_apart / total)
        among_rest = removed * log(chance) + escaped * log1p(-chance)
        return float(gammaln(total + 1) - gammaln(hidden + 1) + apart + among_rest)

    def score(log_hidden: float) -> float:
        hidden = exp(log_hidden)
        total = mle.n_observed + hidden
        chance = removed / (removed + waited + n_occasions * hidden)
        log_never = log1p(-mle.n_apart / total) + n_occasions * log1p(-chance)
        return float(digamma(total + 1) - digamma(hidden + 1) + log_never)

    start = log(mle.n_hidden)
    if likelihood == "poisson":
        return HiddenProfile(mle.n_observed, start, poisson, None)
    return HiddenProfile(mle.n_observed, start, multinomial, score)


def _log_escape(first_captures: NDArray[np.float64], model: str) -> float:
    """Log of the share by which first captures fall off from one occasion to the next, below 0."""
    occasion = np.arange(len(first_captures))
    removed = first_captures.sum()
    mean = occasion @ first_captures / removed if removed else 0.0
    if not 0 < mean < occasion.mean():
        told = ", ".join(f"{count:.0f}" for count in first_captures)
        raise NoFiniteMLE(
            f"the maximum-likelihood estimate of {model} does not exist on these counts: first captures must fall off "
            f"from occasion to occasion, and stop nowhere at once, and they are {told}; choose another model"
        )

    def excess(log_q: float) -> float:
        weights = np.exp(occasion * log_q)
        return float(occasion @ weights / weights.sum() - mean)

    return float(brentq(excess, log(mean) - 50, 0.0, xtol=1e-15, rtol=1e-14))
