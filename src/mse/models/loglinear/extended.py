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
from mse.models.loglinear.poisson import CONVERGED, Fit, fit_cells, superset_sums
from mse.models.loglinear.terms import LogLinear

__all__ = [
    "STATUSES",
    "ExtendedMLE",
    "Support",
    "extended_mle",
    "full_table",
    "log_likelihood_of_counts",
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
        Index 0 is the missing cell, and is 0.
    support : Support
    fit : Fit
    n_impossible : int
        Number of structural zeros.
    """

    model: LogLinear
    counts: NDArray[np.float64]
    support: Support
    fit: Fit
    n_impossible: int

    @property
    def n_observed(self) -> int:
        return int(self.counts.sum())

    @property
    def n_hidden(self) -> float:
        """Expected persons on no list: exp(intercept), under no highest-order interaction."""
        return exp(self.fit.beta[0])

    @property
    def se_log_hidden(self) -> float:
        return float(np.sqrt(self.fit.intercept_variance))

    @cached_property
    def deviance(self) -> float:
        y, mu = self.counts[self.support.active], self.fit.means[self.support.active]
        return float(2 * np.sum(xlogy(y, y / mu) - (y - mu)))

    @property
    def df(self) -> int:
        return len(self.counts) - 1 - self.n_impossible - self.support.n_parameters

    def diagnostics(self) -> dict[str, float]:
        """Deviance, df, AIC, BIC (penalty log n persons) and number of parameters; -2 log L with the factorials."""
        p = self.support.n_parameters
        minus_two_log = self.deviance - 2 * log_likelihood_of_counts(self.counts)
        return {
            "deviance": self.deviance,
            "df": float(self.df),
            "aic": minus_two_log + 2 * p,
            "bic": minus_two_log + log(self.n_observed) * p,
            "n_parameters": float(p),
            "n_zero_terms": float(len(self.support.zero_terms)),
        }


def extended_mle(histories: CaptureHistories, model: LogLinear) -> ExtendedMLE:
    """Fit one model.

    Raises
    ------
    NoFiniteMLE, NotIdentified
        Where the counts do not determine the answer.
    """
    counts, possible = full_table(histories)
    support = support_of(model, counts, possible)
    fit = fit_cells(support.masks, support.active, counts)
    if fit.status != CONVERGED or not fit.margin > 1:
        status = support.status(counts[support.active] > 0)
        if status.startswith("no_mle"):
            raise NoFiniteMLE.of(str(model))
        if status == "not_identified":
            raise NotIdentified.of(str(model))
        if fit.status != CONVERGED:
            support, fit = _without_redundant_columns(support, counts)
    n_impossible = int((~possible[1:]).sum())
    return ExtendedMLE(model, counts, support, fit, n_impossible)


def full_table(histories: CaptureHistories) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Counts and possible cells over all 2**K cells, the missing cell first (count 0, not possible)."""
    counts = np.concatenate([[0], histories.single_stratum()]).astype(np.float64)
    return counts, np.concatenate([[False], histories.cells_that_can_occur])


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


def _without_redundant_columns(support: Support, counts: NDArray[np.float64]) -> tuple[Support, Fit]:
    """Refit on independent columns: the means and the intercept are the same whichever are chosen."""
    design = support.design
    _, order = qr(design[:, 1:] - design[:, 1:].mean(axis=0), mode="r", pivoting=True)
    rank = np.linalg.matrix_rank(design) - 1
    masks = support.masks[np.sort(np.concatenate([[0], 1 + order[:rank]]))]
    smaller = Support(support.active, masks, support.zero_terms, support.n_parameters)
    fit = fit_cells(masks, support.active, counts)
    if fit.status != CONVERGED:
        raise RuntimeError("Newton's method did not converge although the MLE exists")
    return smaller, fit
