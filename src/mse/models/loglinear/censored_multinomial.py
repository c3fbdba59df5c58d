"""The multinomial profile likelihood of the total when some counts are upper bounds.

Cormack (1992), doi:10.2307/2532306, with what is known of a censored cell in the place of its count: for a total N the
likelihood is the multinomial one, summed over how many of the doubtful persons belong to the population.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, lgamma, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, logsumexp, xlogy

from mse.interval import Interval
from mse.models.loglinear.censored_fit import RISING, CensoredFit
from mse.models.profiles import SMALLEST_HIDDEN, highest, interval_of

__all__ = ["CensoredMultinomial", "ProfilePoint", "Split", "split_of"]

TOLERANCE = 1e-10  # of the score, relative to max(1, N)
MAX_STEPS = 500
SMOOTH = 100  # persons in the missing cell; from there on the gamma function joins whole totals smoothly

Vector = NDArray[np.float64]


class Split(NamedTuple):
    """How the persons who are not known fall to the censored cells and the missing cell, which is the last.

    `expected` persons beyond those known, shape (n_censored + 1,), and their `covariance`; the log of the summed
    `weight`; and the expected `digamma` of the number in the missing cell plus 1.
    """

    expected: Vector
    covariance: Vector
    weight: float
    digamma: float


def split_of(known: Vector, doubtful: Vector, means: Vector, hidden: float) -> Split:
    """Sum over all numbers m of the doubtful who belong; the rest of the hidden are in the missing cell.

    The weight of m is the product of mean^count / count! over the censored cells and the missing one. Where `hidden`
    is no whole number the factorial is a gamma function, and a count of -1 or less has weight 0.

    Parameters
    ----------
    known, doubtful : ndarray, shape (n_censored,)
    means : ndarray, shape (n_censored + 1,)
        The missing cell last.
    hidden : float
        Persons beyond those known.
    """
    n_cells, total = len(known), hidden + float(known.sum())
    # Means that sum to the persons they are means of: the weights then peak where the sum does.
    shift = log(total) - log(means.sum())
    log_means = np.log(means) + shift
    of_sum, height = np.ones(1), 0.0
    first: list[Vector] = []
    second: dict[tuple[int, int], Vector] = {}
    for c in range(n_cells):
        number = np.arange(doubtful[c] + 1)
        log_weight = (known[c] + number) * log_means[c] - gammaln(known[c] + number + 1)
        height += float(log_weight.max())
        weight = np.exp(log_weight - log_weight.max())
        second = {pair: np.convolve(of, weight) for pair, of in second.items()}
        second |= {(a, c): np.convolve(of, number * weight) for a, of in enumerate(first)}
        second[c, c] = np.convolve(of_sum, number**2 * weight)
        first = [*(np.convolve(of, weight) for of in first), np.convolve(of_sum, number * weight)]
        of_sum = np.convolve(of_sum, weight)
    left = hidden - np.arange(len(of_sum))
    possible = left > -1
    log_left = np.where(possible, left * log_means[-1] - gammaln(np.where(possible, left, 0.0) + 1), -np.inf)
    with np.errstate(divide="ignore"):
        log_total = logsumexp(np.log(of_sum) + log_left)
    share = np.exp(np.where(of_sum > 0, log_left - log_total, -np.inf))
    expected = np.array([of @ share for of in first])
    covariance = np.zeros((n_cells + 1, n_cells + 1))
    for (a, b), of in second.items():
        covariance[a, b] = covariance[b, a] = of @ share - expected[a] * expected[b]
    covariance[-1] = -covariance[:-1].sum(axis=0)
    covariance[:, -1] = -covariance[:, :-1].sum(axis=1)
    of_missing = float((of_sum * share)[possible] @ digamma(left[possible] + 1))
    return Split(
        np.append(expected, hidden - expected.sum()), covariance, log_total + height - total * shift, of_missing
    )


class ProfilePoint(NamedTuple):
    """The highest log-likelihood for one total, and its derivative in the total."""

    log_likelihood: float
    score: float


@dataclass(frozen=True, eq=False)
class CensoredMultinomial:
    """The multinomial profile likelihood of the total; a rule for intervals. `note` goes into every one.

    For each total the maximum is reached by ascent from the Poisson one: the sum is over the product of the censored
    cells, and the likelihood need not be concave far from its maximum. Where so few are hidden that the missing cell
    may hold nobody, the profile joins those of whole totals by straight lines, since factorials of fractions that
    enter one after the other would make waves between them.
    """

    fit: CensoredFit
    note: str = ""

    @cached_property
    def best_log_hidden(self) -> float:
        """Log of the persons beyond those known at which the profile is highest."""
        known, means = self.fit.known, np.exp(self.fit.design @ self.fit.beta)
        start = exp(self.fit.beta[0]) + float((means - known)[self._censored].clip(0, self._doubtful).sum())
        return highest(lambda log_hidden: self.profile(log_hidden).score, log(start))

    @property
    def n_hat(self) -> float:
        """The total at which the profile is highest."""
        return self.fit.n_observed + exp(self.best_log_hidden)

    def at(self, level: float) -> Interval:
        """Totals whose log-likelihood is within half a chi-squared quantile of the highest."""
        return interval_of(
            lambda log_hidden: self.profile(log_hidden).log_likelihood,
            self.best_log_hidden,
            self.fit.n_observed,
            level,
            self.note,
        )

    def profile(self, log_hidden: float) -> ProfilePoint:
        """The profile log-likelihood, up to a constant, and its derivative in the total."""
        hidden = exp(log_hidden)
        if hidden >= self._doubtful.sum() + SMOOTH:
            return self._best(hidden)
        below = int(hidden)
        low, high = self._at_whole(below), self._at_whole(below + 1)
        slope = high.log_likelihood - low.log_likelihood
        return ProfilePoint(low.log_likelihood + (hidden - below) * slope, slope)

    def _at_whole(self, hidden: int) -> ProfilePoint:
        if hidden not in self._whole:
            self._whole[hidden] = self._best(max(float(hidden), SMALLEST_HIDDEN))
        return self._whole[hidden]

    @cached_property
    def _whole(self) -> dict[int, ProfilePoint]:
        """What was found for whole totals."""
        return {}

    @cached_property
    def _censored(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.fit.doubtful)

    @property
    def _doubtful(self) -> Vector:
        return self.fit.doubtful[self._censored]

    @cached_property
    def _columns(self) -> Vector:
        """The columns of the cells in the fit, then of the missing cell."""
        return np.vstack([self.fit.columns, np.eye(1, len(self.fit.beta)) / self.fit.scale[0]])

    @cached_property
    def _open(self) -> NDArray[np.int64]:
        """Rows of `_columns` whose number is not known: censored cells, and the missing one."""
        return np.append(self._censored, len(self.fit.known))

    def _best(self, hidden: float) -> ProfilePoint:
        """The maximum for this total, with no kink negative."""
        total = self.fit.n_observed + hidden
        beta, zero = self.fit.scaled_beta, self.fit.zero
        for _ in range(1 + 2 * len(self.fit.kinks)):
            found = self._on_face(beta, hidden, zero)
            negative = [j for j in self.fit.kinks if j not in zero and found[j] < 0]
            if negative:
                zero |= frozenset(negative)
                beta = np.where(np.isin(np.arange(len(found)), negative), 0.0, beta)
                continue
            value, score, _, _, split = self._terms(found, hidden)
            leaving = max(zero, key=lambda j: float(score[j]), default=None)
            if leaving is None or score[leaving] <= RISING * max(1.0, total):
                log_share = float(self._columns[-1] @ found) - log(total)
                slope = float(digamma(total + 1)) + log_share - split.digamma
                # The means sum to N at the maximum, which makes the Poisson likelihood the multinomial one.
                return ProfilePoint(value + total + lgamma(total + 1) - total * log(total), slope)
            beta, zero = found, zero - {leaving}
        raise self.fit.lost()

    def _on_face(self, beta: Vector, hidden: float, zero: frozenset[int]) -> Vector:
        """The coefficients at the maximum with these kinks 0, by Newton's method with step halving.

        Where the observed information is not positive, the step is that of the completed table, along which the
        likelihood rises always.
        """
        kept = [j for j in range(len(beta)) if j not in zero]
        tolerance = TOLERANCE * max(1.0, self.fit.n_observed + hidden)
        value, score, observed, completed, _ = self._terms(beta, hidden)
        polished = False
        for _ in range(MAX_STEPS):
            converged = bool(np.abs(score[kept]).max() <= tolerance)
            if converged and polished:
                return beta
            polished, step = converged, np.zeros(len(beta))
            try:
                np.linalg.cholesky(observed[np.ix_(kept, kept)])
                step[kept] = np.linalg.solve(observed[np.ix_(kept, kept)], score[kept])
            except np.linalg.LinAlgError:
                step[kept] = np.linalg.lstsq(completed[np.ix_(kept, kept)], score[kept], rcond=1e-14)[0]
            gain, size = float(step @ score), min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
            while True:
                there = self._terms(beta + size * step, hidden)
                # Close to the top the rise drowns in rounding, and a full Newton step is safe.
                if gain < 1e-6 or size < 1e-9 or there[0] - value >= 1e-4 * size * gain:
                    break
                size /= 2
            beta = beta + size * step
            value, score, observed, completed, _ = there
        raise self.fit.lost()

    def _terms(self, beta: Vector, hidden: float) -> tuple[float, Vector, Vector, Vector, Split]:
        """Log-likelihood of Poisson means that may sum to any total, score, and two informations.

        The observed one, and that of the table completed with what is expected in the open cells.
        """
        known, censored = self.fit.known, self._censored
        means = np.exp(np.clip(self._columns @ beta, -690.0, 60.0))
        split = split_of(known[censored], self._doubtful, means[self._open], hidden)
        persons = np.append(known, 0.0)
        exact = np.ones(len(persons), dtype=np.bool_)
        exact[self._open] = False
        value = float(xlogy(persons[exact], means[exact]).sum() - means.sum()) + split.weight
        persons[self._open] += split.expected
        of_open = self._columns[self._open]
        completed = (self._columns.T * means) @ self._columns
        observed = completed - of_open.T @ split.covariance @ of_open
        return value, self._columns.T @ (persons - means), observed, completed, split
