"""One fit with its two checks, a linear programme being the last resort.

If the MLE does not exist, some direction d has X d at most 0 in every cell, 0 where there are persons, and -1 in the
lowest. At the end of the iteration no score is above a tolerance t, and the score along d is the sum of mu |X d|, so
d'X'WX d <= sum of mu |X d| <= t |d|_1; as |X d| <= sqrt(p) |d| with p columns, the information X'WX then has an
eigenvalue of at most t p. A smallest eigenvalue above that proves that the MLE exists, however small a fitted mean is
(eight lists make sound ones of 1e-12), and the full rank that goes with it that the total is identified.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.censored import fit_censored_cells
from mse.models.loglinear.extended import STATUSES, Support
from mse.models.loglinear.poisson import CONVERGED, TOLERANCE, Fit, fit_cells, superset_sums

__all__ = ["existence_is_proved", "finite_part", "fit_with_status"]

NOBODY: NDArray[np.float64] = np.empty(0)
REMEMBERED = 65_536  # answers that are kept: they depend on the counts only by which are positive


@njit(cache=True, nogil=True)
def finite_part(terms, possible, overlaps, cells_of):  # type: ignore[no-untyped-def]
    """What is left of a model once the terms that nobody has are -inf; the compiled twin of `support_of`.

    Parameters
    ----------
    terms : ndarray of int64, shape (n_terms,)
        List effects and interactions.
    possible : ndarray of bool, shape (2**K,)
    overlaps, cells_of : ndarray of float64, shape (2**K,)
        Persons, and possible cells, that contain each mask: superset sums of the counts and of `possible`.

    Returns
    -------
    masks : ndarray of int64, shape (n_columns,)
        The intercept, 0, and the finite terms.
    active : ndarray of bool, shape (2**K,)
    n_parameters : int
        Intercept, finite and -inf terms; a term without a possible cell is none.
    """
    active = possible.copy()
    masks = np.zeros(terms.size + 1, np.int64)
    n_masks = 1
    n_parameters = 1
    for term in terms:
        if cells_of[term] == 0.0:
            continue
        n_parameters += 1
        if overlaps[term] > 0.0:
            masks[n_masks] = term
            n_masks += 1
        else:
            for cell in range(active.size):
                if cell & term == term:
                    active[cell] = False
    return masks[:n_masks].copy(), active, n_parameters


def fit_with_status(
    masks: NDArray[np.int64],
    active: NDArray[np.bool_],
    counts: NDArray[np.float64],
    doubtful: NDArray[np.float64] = NOBODY,
) -> tuple[Fit, str]:
    """Fit one model to the active cells, and say with one of `STATUSES` whether its answer is one.

    Parameters
    ----------
    masks : ndarray of int64, shape (n_columns,)
        0 for the intercept, then the terms that somebody has.
    active : ndarray of bool, shape (2**K,)
        Cells left once the terms that nobody has are -inf; index 0 is the missing cell, and not active.
    counts : ndarray of float64, shape (2**K,)
        Persons known to be in the population.
    doubtful : ndarray of float64, shape (2**K,) or (0,)
        Doubtful persons of censored cells; empty where there are none.
    """
    if doubtful.size:
        return _censored_with_status(masks, active, counts, doubtful)
    fit = fit_cells(masks, active, counts)
    if fit.status == CONVERGED and (fit.margin > 1 or existence_is_proved(masks, active, counts, fit.means)):
        return fit, STATUSES[0]
    status = _status(active.tobytes(), masks.tobytes(), (counts[active] > 0).tobytes())
    if status == STATUSES[0] and fit.status != CONVERGED:
        fit = fit_cells(_independent(masks, active), active, counts)
        if fit.status != CONVERGED:
            raise RuntimeError("Newton's method did not converge although the MLE exists")
    return fit, status


def _censored_with_status(
    masks: NDArray[np.int64], active: NDArray[np.bool_], known: NDArray[np.float64], doubtful: NDArray[np.float64]
) -> tuple[Fit, str]:
    """The same with censored cells, whose bounds may be too wide to identify the total."""
    fit = fit_censored_cells(masks, active, known, doubtful)
    if fit.status == CONVERGED and fit.margin > 1:
        return fit, STATUSES[0]
    status = _status(active.tobytes(), masks.tobytes(), (known[active] > 0).tobytes())
    if status == STATUSES[0] and fit.status != CONVERGED:
        fit = fit_censored_cells(_independent(masks, active), active, known, doubtful)
        status = STATUSES[0] if fit.status == CONVERGED else "not_identified"
    return fit, status


def existence_is_proved(
    masks: NDArray[np.int64], active: NDArray[np.bool_], counts: NDArray[np.float64], means: NDArray[np.float64]
) -> bool:
    """Whether the information of a converged fit is far enough from singular to prove that the MLE exists."""
    n_lists = int(counts.size).bit_length() - 1
    fitted, observed = np.where(active, means, 0.0), np.where(active, counts, 0.0)
    superset_sums(fitted, n_lists)
    superset_sums(observed, n_lists)
    score = TOLERANCE * max(1.0, float(observed[masks].max()))
    information = fitted[masks[:, None] | masks]
    return bool(np.linalg.eigvalsh(information)[0] > 2 * score * len(masks))


@lru_cache(maxsize=REMEMBERED)
def _status(active: bytes, masks: bytes, positive: bytes) -> str:
    support = Support(np.frombuffer(active, np.bool_), np.frombuffer(masks, np.int64), (), 0)
    return support.status(np.frombuffer(positive, np.bool_))


def _independent(masks: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first columns that are linearly independent: means and intercept are the same whichever are chosen."""
    design = Support(active, masks, (), 0).design
    kept = [0]
    for column in range(1, len(masks)):
        if np.linalg.matrix_rank(design[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return masks[kept]
