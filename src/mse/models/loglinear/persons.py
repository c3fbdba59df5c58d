"""A table of persons, exact or with censored cells, taken apart and fitted; what choosers call.

A resample is one array: the 2**K counts, and where cells are censored the 2**K doubtful persons behind the known ones.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.censored import best_log_probability, fit_censored_batch, fit_censored_model, moments
from mse.models.loglinear.poisson import fit_batch, fit_model

__all__ = ["apart", "as_models", "fit_many", "fit_one", "hidden_and_deviance"]

Fits = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64],
    NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64],
]  # fmt: skip


def apart(persons: NDArray[np.float64], n_cells: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Known persons by cell, and doubtful ones: an empty array where no cell is censored."""
    return persons[:n_cells], persons[n_cells:]


def as_models(models: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The same bitsets, contiguous and read-only: Numba compiles anew for every kind of array that it meets."""
    alike: NDArray[np.uint64] = np.ascontiguousarray(models, dtype=np.uint64).view()
    alike.flags.writeable = False
    return alike


def fit_many(
    models: NDArray[np.uint64],
    term_masks: NDArray[np.int64],
    possible: NDArray[np.bool_],
    known: NDArray[np.float64],
    doubtful: NDArray[np.float64],
    n_lists: int,
) -> Fits:
    """What `fit_batch` or `fit_censored_batch` returns."""
    if doubtful.size:
        censored: Fits = fit_censored_batch(as_models(models), term_masks, possible, known, doubtful, n_lists)
        return censored
    exact: Fits = fit_batch(as_models(models), term_masks, possible, known, n_lists)
    return exact


@njit(cache=True, nogil=True)
def fit_one(model, term_masks, possible, known, doubtful, best, table, n_lists, room):  # type: ignore[no-untyped-def]
    """What `fit_model` or `fit_censored_model` returns; `best` comes from `best_of_cells`.

    `doubtful` is None where no cell is censored: then the other fit is not even compiled.
    """
    if doubtful is None:
        return fit_model(model, term_masks, possible, known, table, n_lists, room)
    return fit_censored_model(model, term_masks, possible, known, doubtful, best, table, n_lists, room)


@njit(cache=True, nogil=True)
def hidden_and_deviance(known, doubtful, active, means, intercept):  # type: ignore[no-untyped-def]
    """Persons beyond those known under a fit, on no list or doubtful, and its deviance."""
    n_hidden, total = np.exp(intercept), 0.0
    for cell in range(known.size):
        if not active[cell]:
            continue
        if doubtful.size and doubtful[cell] > 0.0:
            expected, _, _, log_probability = moments(known[cell], doubtful[cell], means[cell])
            n_hidden += expected - known[cell]
            total += best_log_probability(known[cell], doubtful[cell]) - log_probability
        else:
            total += means[cell] - known[cell]
            if known[cell] > 0.0:
                total += known[cell] * np.log(known[cell] / means[cell])
    return n_hidden, 2.0 * total
