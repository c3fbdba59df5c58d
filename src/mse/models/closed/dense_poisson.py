"""Poisson maximum likelihood for a log-linear model with any design, by damped Newton steps.

The compiled fits of `poisson` take 0/1 columns of hierarchical terms only; the columns here are any numbers, and may
span several orders of magnitude.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mse.models.closed.cell_counts import CellCounts, Seen

__all__ = ["DenseFit", "fit_dense", "score_tolerance", "variance_along"]

TOLERANCE = 1e-10  # of max |X'(y - mu)|, relative to max(1, max X'y)
MAX_STEPS = 200
SMALLEST_LOG_MEAN, LARGEST_LOG_MEAN = -690.0, 60.0  # a trial step may not leave the range in which means can be summed


class DenseFit(NamedTuple):
    """`beta` (n_columns,), `means` and `seen` (n_cells,), and whether the score equations hold to `TOLERANCE`."""

    beta: NDArray[np.float64]
    means: NDArray[np.float64]
    seen: Seen
    converged: bool

    @property
    def residual(self) -> NDArray[np.float64]:
        """Expected persons of each cell, given what is known of them, less the mean."""
        return self.seen.expected - self.means

    @property
    def information(self) -> NDArray[np.float64]:
        """The weight of each cell in the information: its mean, less what is not known of a censored count."""
        return np.maximum(self.means - self.seen.variance, 0.0)


def fit_dense(design: NDArray[np.float64], counts: CellCounts, offset: float | NDArray[np.float64] = 0.0) -> DenseFit:
    """Maximise the likelihood of Poisson counts with log mean ``design @ beta + offset``.

    Parameters
    ----------
    design : ndarray, shape (n_cells, n_columns)
    counts : CellCounts, of n_cells
        Persons; the completed table of a profile holds a fraction of a person too.
    offset : float or ndarray, shape (n_cells,)
        Known part of the log mean.

    Returns
    -------
    DenseFit
        Where the MLE does not exist, the last of a sequence that runs away, often with `converged` true: whether it
        exists must be asked of the design.
    """
    scale = np.sqrt((design**2).mean(axis=0))
    scaled = design / np.where(scale > 0, scale, 1.0)
    tolerance = score_tolerance(design, counts.known)
    start = counts.known + counts.doubtful + 0.1
    fit = _at(scaled, counts, offset, _step(scaled, start, np.log(start) - offset))
    polished = False
    for _ in range(MAX_STEPS):
        converged = bool(np.abs(design.T @ fit.residual).max() <= tolerance)
        if converged and polished:
            break
        polished = converged
        step = _step(scaled, fit.information, fit.residual / np.maximum(fit.information, 1e-300))
        fit = _moved(scaled, counts, offset, fit, step)
    return fit._replace(beta=fit.beta / np.where(scale > 0, scale, 1.0), converged=converged)


def score_tolerance(design: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The largest |X'(y - mu)| that counts as zero."""
    return float(TOLERANCE * max(1.0, np.abs(design.T @ counts).max()))


def variance_along(design: NDArray[np.float64], information: NDArray[np.float64], slope: NDArray[np.float64]) -> float:
    """Variance of a function of the coefficients with this gradient, by the inverse information.

    Parameters
    ----------
    design : ndarray, shape (n_cells, n_columns)
    information : ndarray, shape (n_cells,)
        The weight of each cell.
    slope : ndarray, shape (n_columns,)
        The function must be identified; defined also where other coefficients are not.
    """
    root = np.sqrt(information)[:, None] * design
    scale = np.sqrt((root**2).sum(axis=0))
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv(root / scale, rcond=1e-13)
    return float(((slope / scale) @ inverse) @ ((slope / scale) @ inverse))


def _at(
    design: NDArray[np.float64],
    counts: CellCounts,
    offset: float | NDArray[np.float64],
    beta: NDArray[np.float64],
) -> DenseFit:
    means = np.exp(np.clip(design @ beta + offset, SMALLEST_LOG_MEAN, LARGEST_LOG_MEAN))
    return DenseFit(beta, means, counts.seen(means), False)


def _step(
    design: NDArray[np.float64], weights: NDArray[np.float64], response: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted least squares; the normal equations would square the spread of the columns."""
    root = np.sqrt(weights)
    step: NDArray[np.float64] = np.linalg.lstsq(root[:, None] * design, root * response, rcond=1e-14)[0]
    return step


def _moved(
    design: NDArray[np.float64],
    counts: CellCounts,
    offset: float | NDArray[np.float64],
    fit: DenseFit,
    step: NDArray[np.float64],
) -> DenseFit:
    """The point after one step, halved until the likelihood rises."""
    gain = float((design @ step) @ fit.residual)
    size = 1.0
    while True:
        moved = _at(design, counts, offset, fit.beta + size * step)
        # Close to the top the rise drowns in rounding, and a full Newton step is safe.
        rise = float((moved.seen.log_likelihood - fit.seen.log_likelihood).sum())
        if gain < 1e-6 or size < 1e-9 or rise >= 1e-4 * size * gain:
            return moved
        size /= 2
