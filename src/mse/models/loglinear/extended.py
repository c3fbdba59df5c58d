"""The extended maximum-likelihood estimate of one log-linear model, with its two checks.

A term whose sufficient statistic is zero is -inf exactly: the cells that contain it have mean 0 and leave the fit,
and the term counts as a parameter. Chan, Silverman and Vincent (2021), doi:10.1080/01621459.2019.1708748.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.special import gammaln, xlogy

from mse.errors import NoFiniteMLE, NotIdentified
from mse.estimability import mle_exists, total_is_identified
from mse.histories import CaptureHistories
from mse.models.loglinear.censored import best_log_probability, fit_censored_cells, moments
from mse.models.loglinear.poisson import CONVERGED, Fit, fit_cells, superset_sums
from mse.models.loglinear.terms import LogLinear

__all__ = [
    "STATUSES",
    "ExtendedMLE",
    "Support",
    "extended_mle",
    "full_table",
    "known_and_doubtful",
    "log_likelihood_of_cells",
    "log_likelihood_of_counts",
    "persons_of",
    "possible_cells",
    "support_of",
]

STATUSES = ("ok", "no_mle", "not_identified", "no_mle_not_identified")


@dataclass(frozen=True, eq=False)
class Support:
    """What is left of a model on given counts: cells that can have a positive mean, and terms that are finite.

    Attributes
    ----------
    active : ndarray of bool, shape (2**K,)
        The missing cell is never active.
    masks : ndarray of int64, shape (n_columns,)
        Columns of the design: 0 for the intercept, then the finite terms.
    zero_terms : tuple of int
        Terms with a zero sufficient statistic.
    n_parameters : int
        Intercept, finite terms and zero terms.
    """

    active: NDArray[np.bool_]
    masks: NDArray[np.int64]
    zero_terms: tuple[int, ...]
    n_parameters: int

    @property
    def design(self) -> NDArray[np.float64]:
        """Rows for the active cells, columns for `masks`."""
        cells = np.flatnonzero(self.active)[:, None]
        design: NDArray[np.float64] = ((cells & self.masks) == self.masks).astype(np.float64)
        return design

    def status(self, positive: NDArray[np.bool_]) -> str:
        """One of `STATUSES`, by linear programme and rank; `positive` over the active cells."""
        design = self.design
        exists, identified = mle_exists(design, positive), total_is_identified(design)
        return STATUSES[(not exists) + 2 * (not identified)]


@dataclass(frozen=True, eq=False)
class ExtendedMLE:
    """The fit of one model whose MLE exists and whose total is identified.

    Attributes
    ----------
    model : LogLinear
    counts : ndarray of float64, shape (2**K,)
        Persons known to be in the population. Index 0 is the missing cell, and is 0.
    support : Support
    fit : Fit
    n_impossible : int
        Number of structural zeros.
    doubtful : ndarray of float64, shape (2**K,)
        Persons in the censored cells who may be in the population or not.
    """

    model: LogLinear
    counts: NDArray[np.float64]
    support: Support
    fit: Fit
    n_impossible: int
    doubtful: NDArray[np.float64]

    @property
    def n_observed(self) -> int:
        return int(self.counts.sum())

    @property
    def is_censored(self) -> bool:
        return bool(self.doubtful.any())

    @property
    def persons(self) -> NDArray[np.float64]:
        """What a resample draws from: the counts, and behind them the doubtful persons where there are any."""
        return np.concatenate([self.counts, self.doubtful]) if self.is_censored else self.counts

    @property
    def n_in_missing_cell(self) -> float:
        """Expected persons on no list: exp(intercept), under no highest-order interaction."""
        return exp(self.fit.beta[0])

    @property
    def n_hidden(self) -> float:
        """Expected persons beyond those known: on no list, and among the doubtful."""
        return self.n_in_missing_cell + float(self.among_doubtful[0].sum())

    @cached_property
    def censored(self) -> NDArray[np.int64]:
        """The cells with doubtful persons that are left in the fit."""
        return np.flatnonzero(self.support.active & (self.doubtful > 0))

    @cached_property
    def among_doubtful(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected persons of the population among the doubtful of each of these cells, and their variance."""
        found = np.array([moments(self.counts[c], self.doubtful[c], self.fit.means[c]) for c in self.censored])
        return (found[:, 0] - self.counts[self.censored], found[:, 1]) if len(found) else (np.zeros(0), np.zeros(0))

    @property
    def se_log_hidden(self) -> float:
        """Standard error of the log of `n_hidden`, by the delta method."""
        if not self.is_censored:
            return float(np.sqrt(self.fit.intercept_variance))
        design, weights = self.support.design, self.fit.means[self.support.active].copy()
        rows = np.searchsorted(np.flatnonzero(self.support.active), self.censored)
        variance = self.among_doubtful[1]
        weights[rows] -= variance
        slope = variance @ design[rows]
        slope[0] += self.n_in_missing_cell
        spread = slope @ np.linalg.solve((design.T * weights) @ design, slope)
        return float(np.sqrt(spread)) / self.n_hidden

    @cached_property
    def deviance(self) -> float:
        exact = self.support.active & (self.doubtful == 0)
        y, mu = self.counts[exact], self.fit.means[exact]
        of_exact = float(2 * np.sum(xlogy(y, y / mu) - (y - mu)))
        of_censored = 2 * sum(
            best_log_probability(self.counts[c], self.doubtful[c])
            - moments(self.counts[c], self.doubtful[c], self.fit.means[c])[3]
            for c in self.censored
        )
        return of_exact + float(of_censored)

    @property
    def df(self) -> int:
        return len(self.counts) - 1 - self.n_impossible - self.support.n_parameters

    def diagnostics(self) -> dict[str, float]:
        """Deviance, df, AIC, BIC (penalty log n persons) and number of parameters; -2 log L with the factorials."""
        p = self.support.n_parameters
        minus_two_log = self.deviance - 2 * log_likelihood_of_cells(self.counts, self.doubtful)
        found = {} if not self.is_censored else self._about_censored()
        return {
            "deviance": self.deviance,
            "df": float(self.df),
            "aic": minus_two_log + 2 * p,
            "bic": minus_two_log + log(self.n_observed) * p,
            "n_parameters": float(p),
            "n_zero_terms": float(len(self.support.zero_terms)),
            **found,
        }

    def _about_censored(self) -> dict[str, float]:
        """How many persons are doubtful, how many of them are expected to belong, and how many are on no list."""
        return {
            "n_doubtful": float(self.doubtful.sum()),
            "n_expected_among_doubtful": float(self.among_doubtful[0].sum()),
            "n_on_no_list": self.n_in_missing_cell,
        }


def extended_mle(histories: CaptureHistories, model: LogLinear) -> ExtendedMLE:
    """Fit one model.

    Raises
    ------
    NoFiniteMLE, NotIdentified
        Where the counts do not determine the answer.
    """
    counts, doubtful = known_and_doubtful(histories)
    possible = possible_cells(histories)
    support = support_of(model, counts, possible)
    fit = _fitted(support, counts, doubtful)
    if fit.status != CONVERGED or not fit.margin > 1:
        status = support.status(counts[support.active] > 0)
        if status.startswith("no_mle"):
            raise NoFiniteMLE.of(str(model))
        if status == "not_identified":
            raise NotIdentified.of(str(model))
        if fit.status != CONVERGED:
            support, fit = _without_redundant_columns(support, counts, doubtful)
        if fit.status != CONVERGED and doubtful.any():
            raise NotIdentified.of_wide_bounds(str(model))
        if fit.status != CONVERGED:
            raise RuntimeError("Newton's method did not converge although the MLE exists")
    n_impossible = int((~possible[1:]).sum())
    return ExtendedMLE(model, counts, support, fit, n_impossible, doubtful)


def full_table(histories: CaptureHistories) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Counts and possible cells over all 2**K cells, the missing cell first (count 0, not possible).

    For methods that take every count as exact: a table with censored cells is refused.
    """
    counts = np.concatenate([[0], histories.single_stratum()]).astype(np.float64)
    return counts, possible_cells(histories)


def possible_cells(histories: CaptureHistories) -> NDArray[np.bool_]:
    """Which of the 2**K cells can be observed; the missing cell and structural zeros cannot."""
    return np.concatenate([[False], histories.cells_that_can_occur])


def known_and_doubtful(histories: CaptureHistories) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Persons by cell, shape (2**K,) each: known to be in the population, and doubtful ones of censored cells."""
    histories.require_one_stratum()
    known = np.concatenate([[0], histories.known_counts]).astype(np.float64)
    return known, np.concatenate([[0], histories.counts]) - known


def persons_of(histories: CaptureHistories) -> NDArray[np.float64]:
    """The table as choosers and resamples take it: the counts, and doubtful persons behind them if there are any."""
    known, doubtful = known_and_doubtful(histories)
    return np.concatenate([known, doubtful]) if doubtful.any() else known


def support_of(model: LogLinear, counts: NDArray[np.float64], possible: NDArray[np.bool_]) -> Support:
    """Cells and terms that are left once the zero terms are -inf.

    A term all of whose cells are structural zeros is no parameter at all, and is left out.
    """
    n_lists = model.n_lists
    sufficient, cells_of = counts.copy(), possible.astype(np.float64)
    superset_sums(sufficient, n_lists)
    superset_sums(cells_of, n_lists)
    terms = [term for term in model.terms if cells_of[term] > 0]
    zero_terms = tuple(term for term in terms if sufficient[term] == 0)
    values = np.arange(len(counts))
    active = possible.copy()
    for term in zero_terms:
        active &= (values & term) != term
    masks = np.array([0, *(term for term in terms if sufficient[term] > 0)], dtype=np.int64)
    return Support(active, masks, zero_terms, 1 + len(terms))


def log_likelihood_of_counts(counts: NDArray[np.float64]) -> float:
    """Poisson log-likelihood, with factorials, of a model that fits every cell exactly."""
    return float(np.sum(xlogy(counts, counts) - counts - gammaln(counts + 1)))


def log_likelihood_of_cells(known: NDArray[np.float64], doubtful: NDArray[np.float64]) -> float:
    """The same with censored cells, each at the mean at which its bounds are most likely."""
    censored = np.flatnonzero(doubtful)
    of_censored = sum(best_log_probability(known[cell], doubtful[cell]) for cell in censored)
    return log_likelihood_of_counts(known[doubtful == 0]) + float(of_censored)


def _fitted(support: Support, counts: NDArray[np.float64], doubtful: NDArray[np.float64]) -> Fit:
    if doubtful.any():
        return fit_censored_cells(support.masks, support.active, counts, doubtful)
    return fit_cells(support.masks, support.active, counts)


def _without_redundant_columns(
    support: Support, counts: NDArray[np.float64], doubtful: NDArray[np.float64]
) -> tuple[Support, Fit]:
    """Refit on independent columns: the means and the intercept are the same whichever are chosen."""
    design = support.design
    _, order = qr(design[:, 1:] - design[:, 1:].mean(axis=0), mode="r", pivoting=True)
    rank = np.linalg.matrix_rank(design) - 1
    masks = support.masks[np.sort(np.concatenate([[0], 1 + order[:rank]]))]
    smaller = Support(support.active, masks, support.zero_terms, support.n_parameters)
    return smaller, _fitted(smaller, counts, doubtful)
