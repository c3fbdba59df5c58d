"""Draws over models, coefficients and totals, whichever way they were made."""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.bayes.cross_classified import CrossTable
from mse.models.loglinear.censored import moments

__all__ = ["Run", "run_of"]

type Array = NDArray[np.float64]

LARGEST_POISSON = 1e12  # where NumPy's Poisson draws end
LARGEST = 700.0


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """Draws of several chains.

    Attributes
    ----------
    models : ndarray of uint64, shape (n_chains, n_draws)
    betas : ndarray of float64, shape (n_chains, n_draws, n_columns)
    totals : ndarray of float64, shape (n_chains, n_draws, n_strata)
        Persons of the population, whole numbers.
    log_hidden : ndarray of float64, shape (n_chains, n_draws)
        Log of the expected persons on no list.
    found : ndarray of uint64, shape (n_found,)
        Models with a share.
    shares : ndarray of float64, shape (n_chains, n_found)
        Posterior probability of each, by each chain.
    figures : dict
        Diagnostics of the way the draws were made.
    """

    models: NDArray[np.uint64]
    betas: Array
    totals: Array
    log_hidden: Array
    found: NDArray[np.uint64]
    shares: Array
    figures: dict[str, float]

    @property
    def total(self) -> Array:
        """N over all strata, shape (n_chains, n_draws)."""
        return np.asarray(self.totals.sum(axis=-1))


def run_of(
    table: CrossTable,
    models: NDArray[np.uint64],
    betas: Array,
    found: NDArray[np.uint64],
    shares: Array,
    figures: dict[str, float],
    random: np.random.Generator,
) -> Run:
    """Add totals to draws: given the coefficients the persons of a cell are Poisson, within its bounds if censored."""
    log_means = np.minimum(betas @ table.hidden.T, LARGEST)
    totals = _poisson(random, np.exp(log_means))
    n_strata = len(table.strata)
    certain = np.bincount(table.cell_stratum, weights=table.cells.known, minlength=n_strata)
    doubtful = np.flatnonzero(table.cells.doubtful)
    if doubtful.size:
        means = np.exp(np.minimum(betas @ table.cells.columns[:, doubtful], LARGEST))
        flat = means.reshape(-1, len(doubtful))
        numbers = _within(random, table.cells.known[doubtful], table.cells.doubtful[doubtful], flat)
        for j, cell in enumerate(doubtful):
            totals[..., table.cell_stratum[cell]] += numbers[:, j].reshape(means.shape[:2]) - table.cells.known[cell]
    log_hidden = np.logaddexp.reduce(betas @ table.hidden.T, axis=-1)
    return Run(models, betas, totals + certain, log_hidden, found, shares, figures)


def _poisson(random: np.random.Generator, mean: Array) -> Array:
    """Poisson draws; where NumPy has an end by the normal law, which is the same to double precision."""
    large = np.floor(mean + np.sqrt(mean) * random.standard_normal(mean.shape))
    return np.where(mean > LARGEST_POISSON, large, random.poisson(np.minimum(mean, LARGEST_POISSON)))


@njit(cache=True, nogil=True)
def _within(stream, known, doubtful, means):  # type: ignore[no-untyped-def]
    """Poisson numbers between known and known + doubtful, for each mean (n_draws, n_cells)."""
    numbers = np.empty(means.shape)
    for i in range(means.shape[0]):
        for j in range(means.shape[1]):
            mean, low, high = max(means[i, j], 1e-300), known[j], known[j] + doubtful[j]
            centre = min(max(np.floor(mean), low), high)
            log_all = moments(low, doubtful[j], mean)[3]
            at_centre = np.exp(centre * np.log(mean) - mean - lgamma(centre + 1.0) - log_all)
            left = stream.random() - at_centre
            number, up, down = centre, centre, centre
            above, below = at_centre, at_centre
            while left > 0.0 and (above > 0.0 or below > 0.0):
                if up < high and above > 0.0:
                    up += 1.0
                    above *= mean / up
                    left -= above
                    number = up
                    if left <= 0.0:
                        break
                else:
                    above = 0.0
                if down > low and below > 0.0:
                    below *= down / mean
                    down -= 1.0
                    left -= below
                    number = down
                else:
                    below = 0.0
            numbers[i, j] = number
    return numbers
