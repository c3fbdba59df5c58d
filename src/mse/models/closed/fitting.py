"""The maximum-likelihood fit of a closed-population model, and whether there is one."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from mse.errors import NoFiniteMLE, NotIdentified
from mse.estimability import mle_exists, total_is_identified
from mse.histories import CaptureHistories
from mse.models.closed.dense_poisson import TOLERANCE, DenseFit, fit_dense, intercept_variance
from mse.models.closed.design import ClosedDesign

__all__ = ["ClosedMLE", "constrained_fit", "fit_closed", "fit_statistics"]

# A kink enters only where the likelihood rises in it by more than rounding, relative to max(1, max X'y).
RISING = 1e-8


@dataclass(frozen=True, eq=False)
class ClosedMLE:
    """A fit whose MLE exists and whose total is identified.

    Attributes
    ----------
    whole : ClosedDesign
    design : ClosedDesign
        Without the kinks that are zero at the maximum.
    counts : ndarray of float64, shape (n_active,)
    fit : DenseFit
        Its `beta` is for the columns of `whole`.
    n_cells : int
        Cells that can occur.
    """

    whole: ClosedDesign
    design: ClosedDesign
    counts: NDArray[np.float64]
    fit: DenseFit
    n_cells: int

    @property
    def n_observed(self) -> int:
        return int(self.counts.sum())

    @property
    def n_hidden(self) -> float:
        return exp(self.fit.beta[0])

    @cached_property
    def se_log_hidden(self) -> float:
        return sqrt(intercept_variance(self.design.columns, self.fit.means))

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
        """Deviance, df, AIC, BIC, number of parameters and standard error of N-hat."""
        return fit_statistics(self.counts, self.fit.means, n_parameters=self.n_parameters, n_cells=self.n_cells) | {
            "standard_error": sqrt((self.n_hidden * self.se_log_hidden) ** 2 + self.n_hidden)
        }


def fit_closed(histories: CaptureHistories, design: ClosedDesign, name: str) -> ClosedMLE:
    """Fit, under the constraint that no kink is negative.

    Raises
    ------
    NoFiniteMLE, NotIdentified
        Where the counts do not determine the answer.
    """
    counts = histories.single_stratum()[design.active].astype(np.float64)
    fit, dropped = constrained_fit(design.columns, design.kinks, counts)
    if not fit.converged or not _is_proof(design, fit, counts):
        if not _exists(design, counts > 0):
            raise NoFiniteMLE.of(name)
        if not fit.converged:
            raise RuntimeError(f"Newton's method did not converge for {name} although the MLE exists")
    smaller = design.without(dropped)
    if not total_is_identified(smaller.columns):
        raise NotIdentified.of(name)
    n_cells = int(histories.cells_that_can_occur.sum())
    return ClosedMLE(design, smaller, counts, fit, n_cells)


def fit_statistics(
    counts: NDArray[np.float64], means: NDArray[np.float64], *, n_parameters: int, n_cells: int
) -> dict[str, float]:
    """Deviance, df, AIC and BIC (penalty log n persons); -2 log L with the factorials."""
    positive = counts > 0
    deviance = float(2 * (xlogy(counts[positive], counts[positive] / means[positive]).sum() - (counts - means).sum()))
    minus_two_log = deviance - 2 * float(np.sum(xlogy(counts, counts) - counts - gammaln(counts + 1)))
    return {
        "deviance": deviance,
        "df": float(n_cells - n_parameters),
        "aic": minus_two_log + 2 * n_parameters,
        "bic": minus_two_log + log(counts.sum()) * n_parameters,
        "n_parameters": float(n_parameters),
    }


def constrained_fit(
    columns: NDArray[np.float64], kinks: Collection[int], counts: NDArray[np.float64], offset: float = 0.0
) -> tuple[DenseFit, set[int]]:
    """The maximum with no kink negative, and the kinks that are zero there; `beta` has one entry for every column.

    An active-set method (Lawson and Hanson 1974, chapter 23) on a concave likelihood: kinks enter one at a time where
    the likelihood rises in them, and on the way to the maximum of a face those that would turn negative leave.
    """
    zero = set(kinks)
    rising = RISING * max(1.0, float(np.abs(columns.T @ counts).max()))
    fit = _on_face(columns, counts, offset, zero)
    while zero:
        score = columns.T @ (counts - fit.means)
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


def _on_face(columns: NDArray[np.float64], counts: NDArray[np.float64], offset: float, zero: set[int]) -> DenseFit:
    """The fit with these coefficients 0."""
    kept = [j for j in range(columns.shape[1]) if j not in zero]
    fit = fit_dense(columns[:, kept], counts, offset)
    beta = np.zeros(columns.shape[1])
    beta[kept] = fit.beta
    return DenseFit(beta, fit.means, fit.converged)


def _is_proof(design: ClosedDesign, fit: DenseFit, counts: NDArray[np.float64]) -> bool:
    """Whether a converged fit proves by its information that the MLE exists.

    If it did not, some direction d would have X d at most 0 in every cell and 0 where there are persons, and lower no
    kink. With columns of length 1 and max |X d| = 1, the score along d, the sum of mu |X d|, is at most
    t |d|_1 with t the tolerance of a score, and at least d'X'WX d. As 1 <= r |d| with r the longest row, the smallest
    eigenvalue of X'WX is then at most t r sqrt(p): see `loglinear.poisson` for the same with 0/1 columns.
    """
    length = np.sqrt((design.columns**2).sum(axis=0))
    scaled = design.columns / length
    tolerance = RISING if design.kinks else TOLERANCE
    largest_score = 2 * tolerance * max(1.0, float(np.abs(design.columns.T @ counts).max())) / length.min()
    longest_row = float(np.sqrt((scaled**2).sum(axis=1)).max())
    smallest = float(np.linalg.eigvalsh((scaled.T * fit.means) @ scaled)[0])
    return bool(smallest > largest_score * longest_row * sqrt(scaled.shape[1]))


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
