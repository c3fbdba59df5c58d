"""Poisson maximum likelihood for a log-linear model with any design, by damped Newton steps.

The compiled fits of `poisson` take 0/1 columns of hierarchical terms only; the columns here are any numbers, and may
span several orders of magnitude.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DenseFit", "fit_dense", "intercept_variance", "score_tolerance"]

TOLERANCE = 1e-10  # of max |X'(y - mu)|, relative to max(1, max X'y)
MAX_STEPS = 200
LARGEST_LOG_MEAN = 60.0  # a trial step may not leave the range in which means can be summed


class DenseFit(NamedTuple):
    """`beta` (n_columns,), `means` (n_cells,), and whether the score equations hold to `TOLERANCE`."""

    beta: NDArray[np.float64]
    means: NDArray[np.float64]
    converged: bool


def fit_dense(
    design: NDArray[np.float64], counts: NDArray[np.float64], offset: float | NDArray[np.float64] = 0.0
) -> DenseFit:
    """Maximise the likelihood of Poisson counts with log mean ``design @ beta + offset``.

    Parameters
    ----------
    design : ndarray, shape (n_cells, n_columns)
    counts : ndarray, shape (n_cells,)
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
    tolerance = score_tolerance(design, counts)
    beta = _step(scaled, counts + 0.1, np.log(counts + 0.1) - offset)
    means = _means(scaled, beta, offset)
    polished = False
    for _ in range(MAX_STEPS):
        converged = bool(np.abs(design.T @ (counts - means)).max() <= tolerance)
        if converged and polished:
            break
        polished = converged
        step = _step(scaled, means, (counts - means) / np.maximum(means, 1e-300))
        beta, means = _moved(scaled, counts, offset, beta, means, step)
    return DenseFit(beta / np.where(scale > 0, scale, 1.0), means, converged)


def score_tolerance(design: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The largest |X'(y - mu)| that counts as zero."""
    return float(TOLERANCE * max(1.0, np.abs(design.T @ counts).max()))


def intercept_variance(design: NDArray[np.float64], means: NDArray[np.float64]) -> float:
    """Variance of the first coefficient by the inverse information; defined also where others are not identified."""
    root = np.sqrt(means)[:, None] * design
    scale = np.sqrt((root**2).sum(axis=0))
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv(root / scale, rcond=1e-13)
    return float((inverse[0] ** 2).sum() / scale[0] ** 2)


def _means(
    design: NDArray[np.float64], beta: NDArray[np.float64], offset: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    means: NDArray[np.float64] = np.exp(np.minimum(design @ beta + offset, LARGEST_LOG_MEAN))
    return means


def _step(
    design: NDArray[np.float64], weights: NDArray[np.float64], response: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted least squares; the normal equations would square the spread of the columns."""
    root = np.sqrt(weights)
    step: NDArray[np.float64] = np.linalg.lstsq(root[:, None] * design, root * response, rcond=1e-14)[0]
    return step


def _moved(
    design: NDArray[np.float64],
    counts: NDArray[np.float64],
    offset: float | NDArray[np.float64],
    beta: NDArray[np.float64],
    means: NDArray[np.float64],
    step: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The point after one step, halved until the likelihood rises."""
    along = design @ step
    gain = float(along @ (counts - means))
    size = 1.0
    while True:
        moved = beta + size * step
        new_means = _means(design, moved, offset)
        # Close to the top the rise drowns in rounding, and a full Newton step is safe.
        if gain < 1e-6 or size < 1e-9 or counts @ (size * along) - (new_means - means).sum() >= 1e-4 * size * gain:
            return moved, new_means
        size /= 2
