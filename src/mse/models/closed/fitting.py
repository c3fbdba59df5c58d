"""The maximum-likelihood fit of a closed-population model, and whether there is one."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from mse.errors import NoFiniteMLE, NotIdentified
from mse.estimability import mle_exists, total_is_identified
from mse.histories import CaptureHistories
from mse.models.closed.cell_counts import CellCounts
from mse.models.closed.dense_poisson import TOLERANCE, DenseFit, fit_dense, variance_along
from mse.models.closed.design import ClosedDesign
from mse.models.loglinear.extended import log_likelihood_of_cells

__all__ = ["ClosedMLE", "constrained_fit", "fit_closed", "fit_statistics"]

# A kink enters only where the likelihood rises in it by more than rounding, relative to max(1, max X'y).
RISING = 1e-8
# The share of its mean that a cell adds to the information; below it the bounds of its count say nothing.
SILENT = 1e-8


@dataclass(frozen=True, eq=False)
class ClosedMLE:
    """A fit whose MLE exists and whose total is identified.

    Attributes
    ----------
    whole : ClosedDesign
    design : ClosedDesign
        Without the kinks that are zero at the maximum.
    counts : CellCounts, of n_active
        Of the cells in the fit.
    fit : DenseFit
        Its `beta` is for the columns of `whole`.
    n_cells : int
        Cells that can occur.
    n_doubtful : int
        Persons in censored cells, in the fit or not, who may be in the population or not.
    """

    whole: ClosedDesign
    design: ClosedDesign
    counts: CellCounts
    fit: DenseFit
    n_cells: int
    n_doubtful: int

    @property
    def n_observed(self) -> int:
        return int(self.counts.known.sum())

    @property
    def n_in_missing_cell(self) -> float:
        """Expected persons on no list."""
        return exp(self.fit.beta[0])

    @property
    def n_expected_among_doubtful(self) -> float:
        return float((self.fit.seen.expected - self.counts.known).sum())

    @property
    def n_hidden(self) -> float:
        """Expected persons beyond those known: on no list, and among the doubtful."""
        return self.n_in_missing_cell + self.n_expected_among_doubtful

    @cached_property
    def se_log_hidden(self) -> float:
        """Standard error of the log of `n_hidden`, by the delta method."""
        slope = self.design.columns.T @ self.fit.seen.variance
        slope[0] += self.n_in_missing_cell
        return sqrt(variance_along(self.design.columns, self.fit.information, slope)) / self.n_hidden

    @cached_property
    def standard_error(self) -> float:
        """Of N-hat for a population of given size: the variance of N-hat as a sum of Poisson means, less N-hat.

        Without censored cells that is n_hidden + n_hidden^2 times the variance of its log (Rivest and Baillargeon).
        """
        if not self.counts.is_censored:
            return sqrt((self.n_hidden * self.se_log_hidden) ** 2 + self.n_hidden)
        slope = self.design.columns.T @ self.fit.means
        slope[0] += self.n_in_missing_cell
        variance = variance_along(self.design.columns, self.fit.information, slope)
        return sqrt(variance - self.n_observed - self.n_hidden)

    @property
    def n_parameters(self) -> int:
        return len(self.design.names) + len(self.design.empty_lists)

    @property
    def coefficients(self) -> dict[str, float]:
        """By name, on the scale of the log mean; minus infinity for a list without persons."""
        finite = dict(zip(self.whole.names, self.fit.beta.tolist(), strict=True))
        return finite | dict.fromkeys(self.design.empty_lists, -inf)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the kinks that are zero."""
        return tuple(name for name in self.whole.names if name not in self.design.names)

    def diagnostics(self) -> dict[str, float]:
        """Deviance, df, AIC, BIC, number of parameters and standard error of N-hat; with censored cells, who is who."""
        statistics = fit_statistics(self.counts, self.fit.means, n_parameters=self.n_parameters, n_cells=self.n_cells)
        statistics["standard_error"] = self.standard_error
        if not self.n_doubtful:
            return statistics
        return statistics | {
            "n_doubtful": float(self.n_doubtful),
            "n_expected_among_doubtful": self.n_expected_among_doubtful,
            "n_on_no_list": self.n_in_missing_cell,
        }


def fit_closed(histories: CaptureHistories, design: ClosedDesign, name: str) -> ClosedMLE:
    """Fit, under the constraint that no kink is negative.

    Raises
    ------
    NoFiniteMLE, NotIdentified
        Where the counts do not determine the answer.
    """
    known = histories.known_counts[design.active].astype(np.float64)
    counts = CellCounts(known, histories.counts[design.active] - known)
    fit, dropped = constrained_fit(design.columns, design.kinks, counts)
    if not fit.converged or not _is_proof(design, fit, counts):
        if not _exists(design, known > 0):
            raise NoFiniteMLE.of(name)
        if not fit.converged:
            raise RuntimeError(f"Newton's method did not converge for {name} although the MLE exists")
    smaller = design.without(dropped)
    if not total_is_identified(smaller.columns):
        raise NotIdentified.of(name)
    _refuse_wide_bounds(smaller.columns, counts, fit, name)
    n_cells = int(histories.cells_that_can_occur.sum())
    n_doubtful = histories.n_listed - histories.n_observed
    return ClosedMLE(design, smaller, counts, fit, n_cells, n_doubtful)


def fit_statistics(
    counts: CellCounts, means: NDArray[np.float64], *, n_parameters: int, n_cells: int
) -> dict[str, float]:
    """Deviance, df, AIC and BIC (penalty log n persons); -2 log L with the factorials."""
    deviance = counts.deviance(means)
    minus_two_log = deviance - 2 * log_likelihood_of_cells(counts.known, counts.doubtful)
    return {
        "deviance": deviance,
        "df": float(n_cells - n_parameters),
        "aic": minus_two_log + 2 * n_parameters,
        "bic": minus_two_log + log(counts.known.sum()) * n_parameters,
        "n_parameters": float(n_parameters),
    }


def constrained_fit(
    columns: NDArray[np.float64], kinks: Collection[int], counts: CellCounts, offset: float = 0.0
) -> tuple[DenseFit, set[int]]:
    """The maximum with no kink negative, and the kinks that are zero there; `beta` has one entry for every column.

    An active-set method (Lawson and Hanson 1974, chapter 23) on a concave likelihood: kinks enter one at a time where
    the likelihood rises in them, and on the way to the maximum of a face those that would turn negative leave.
    """
    zero = set(kinks)
    rising = RISING * max(1.0, float(np.abs(columns.T @ counts.known).max()))
    fit = _on_face(columns, counts, offset, zero)
    while zero:
        score = columns.T @ fit.residual
        entering = max(zero, key=lambda j: float(score[j]))
        if score[entering] <= rising:
            break
        zero.discard(entering)
        here, fit = fit.beta, _on_face(columns, counts, offset, zero)
        while negative := [j for j in kinks if j not in zero and fit.beta[j] < 0]:
            share = min(here[j] / (here[j] - fit.beta[j]) for j in negative)
            here = here + share * (fit.beta - here)
            zero |= {j for j in negative if here[j] <= 1e-12}
            here[sorted(zero)] = 0.0
            fit = _on_face(columns, counts, offset, zero)
        if entering in zero:  # its rise was rounding
            break
    return fit, zero


def _on_face(columns: NDArray[np.float64], counts: CellCounts, offset: float, zero: set[int]) -> DenseFit:
    """The fit with these coefficients 0."""
    kept = [j for j in range(columns.shape[1]) if j not in zero]
    fit = fit_dense(columns[:, kept], counts, offset)
    beta = np.zeros(columns.shape[1])
    beta[kept] = fit.beta
    return fit._replace(beta=beta)


def _is_proof(design: ClosedDesign, fit: DenseFit, counts: CellCounts) -> bool:
    """Whether a converged fit proves by its information that the MLE exists.

    If it did not, some direction d would have X d at most 0 in every cell and 0 where there are persons, and lower no
    kink. With columns of length 1 and max |X d| = 1, the score along d, the sum of mu |X d|, is at most
    t |d|_1 with t the tolerance of a score, and at least d'X'WX d. As 1 <= r |d| with r the longest row, the smallest
    eigenvalue of X'WX is then at most t r sqrt(p): see `loglinear.poisson` for the same with 0/1 columns. A censored
    cell with nobody known weakens the bound by 1 and its doubtful persons at most (`loglinear.censored`).
    """
    bound = 1 + float(np.max(counts.doubtful[counts.known == 0], initial=0.0))
    length = np.sqrt((design.columns**2).sum(axis=0))
    scaled = design.columns / length
    tolerance = RISING if design.kinks else TOLERANCE
    largest_score = 2 * tolerance * max(1.0, float(np.abs(design.columns.T @ counts.known).max())) / length.min()
    longest_row = float(np.sqrt((scaled**2).sum(axis=1)).max())
    smallest = float(np.linalg.eigvalsh((scaled.T * fit.information) @ scaled)[0])
    return bool(smallest > bound * largest_score * longest_row * sqrt(scaled.shape[1]))


def _refuse_wide_bounds(columns: NDArray[np.float64], counts: CellCounts, fit: DenseFit, name: str) -> None:
    """Refuse where the persons hidden are seen through cells only whose bounds are too wide to say anything."""
    if not counts.is_censored:
        return
    speaking = columns[fit.information > SILENT * fit.means]
    needed = np.vstack([np.eye(1, columns.shape[1]), columns[counts.censored]])
    if np.linalg.matrix_rank(np.vstack([speaking, needed])) > np.linalg.matrix_rank(speaking):
        raise NotIdentified.of_wide_bounds(name)


def _exists(design: ClosedDesign, positive: NDArray[np.bool_]) -> bool:
    """Whether the likelihood has a maximum at finite coefficients with no kink negative.

    A coefficient that may not fall is a cell without persons whose log mean is minus that coefficient: no direction
    of ascent may raise it. The columns are independent, so none lowers these alone.
    """
    if not design.kinks:
        return mle_exists(design.columns, positive)
    signs = np.zeros((len(design.kinks), design.columns.shape[1]))
    signs[np.arange(len(design.kinks)), list(design.kinks)] = -1.0
    return mle_exists(np.vstack([design.columns, signs]), np.concatenate([positive, np.zeros(len(signs), np.bool_)]))
