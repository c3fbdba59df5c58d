"""Poisson maximum likelihood for hierarchical log-linear models, in compiled code.

Everything is an array over the 2**K histories, index 0 the missing cell. With X the 0/1 design by containment,
``X beta`` is a sum over subsets and ``X'W X`` a sum over supersets of unions of terms, so that one Newton step costs
K 2**(K-1) additions and a Cholesky factor, and no design matrix is ever formed.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "CONVERGED",
    "Fit",
    "fit_batch",
    "fit_cells",
    "fit_model",
    "read_terms",
    "superset_sums",
    "table_sums",
    "workspace",
]

TOLERANCE = 1e-10  # of max |X'(y - mu)|, relative to max(1, max X'y)
MAX_STEPS = 60
CONVERGED, STOPPED = 0, 1


class Fit(NamedTuple):
    """One fit: `beta` (n_terms,), means over all 2**K cells, the intercept's variance, and how it ended.

    A `margin` above 1 proves that the MLE exists and that the total is identified; see `_margin`.
    """

    beta: NDArray[np.float64]
    means: NDArray[np.float64]
    intercept_variance: float
    status: int
    margin: float


@njit(cache=True, nogil=True)
def superset_sums(values, n_lists):  # type: ignore[no-untyped-def]
    """For each cell u the sum of `values` over the cells that contain u, in place."""
    for j in range(n_lists):
        bit = 1 << j
        for cell in range(values.size):
            if not cell & bit:
                values[cell] += values[cell | bit]


@njit(cache=True, nogil=True)
def _subset_sums(values, n_lists):  # type: ignore[no-untyped-def]
    for j in range(n_lists):
        bit = 1 << j
        for cell in range(values.size):
            if cell & bit:
                values[cell] += values[cell ^ bit]


@njit(cache=True, nogil=True)
def _information(sums, masks, n_terms, information):  # type: ignore[no-untyped-def]
    """X'WX from the superset sums of W, lower triangle."""
    for a in range(n_terms):
        for b in range(a + 1):
            information[a, b] = sums[masks[a] | masks[b]]


@njit(cache=True, nogil=True)
def _cholesky(matrix, n):  # type: ignore[no-untyped-def]
    """Lower factor in place; False where a pivot is lost to rounding."""
    for j in range(n):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > 1e-13 * matrix[j, j]:
            return False
        root = np.sqrt(pivot)
        matrix[j, j] = root
        for i in range(j + 1, n):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = total / root
    return True


@njit(cache=True, nogil=True)
def _solve(factor, n, right):  # type: ignore[no-untyped-def]
    """Solve L L' x = right in place."""
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= factor[i, k] * right[k]
        right[i] = total / factor[i, i]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, n):
            total -= factor[k, i] * right[k]
        right[i] = total / factor[i, i]


@njit(cache=True, nogil=True)
def _observed(active, counts, n_lists):  # type: ignore[no-untyped-def]
    """Persons in the active cells that contain each mask."""
    observed = np.zeros(counts.size)
    for cell in range(counts.size):
        if active[cell]:
            observed[cell] = counts[cell]
    superset_sums(observed, n_lists)
    return observed


@njit(cache=True, nogil=True)
def _largest(masks, n_terms, observed):  # type: ignore[no-untyped-def]
    """The largest sufficient statistic, at least 1: what the tolerance of the score is relative to."""
    scale = 1.0
    for a in range(n_terms):
        scale = max(scale, observed[masks[a]])
    return scale


@njit(cache=True, nogil=True)
def _newton(masks, n_terms, active, counts, offset, n_lists, beta, means, information):  # type: ignore[no-untyped-def]
    """Newton's method with step halving; fills beta, means and the factor of the information."""
    size = counts.size
    observed = _observed(active, counts, n_lists)
    scale = _largest(masks, n_terms, observed)

    work = np.empty(size)
    step = np.empty(n_terms)
    eta = np.empty(size)
    trial = np.empty(n_terms)
    # One weighted least-squares step from the counts themselves.
    for cell in range(size):
        means[cell] = counts[cell] + 0.5 if active[cell] else 0.0
        work[cell] = means[cell] * (np.log(means[cell]) - offset) + counts[cell] - means[cell] if active[cell] else 0.0
    superset_sums(work, n_lists)
    for a in range(n_terms):
        beta[a] = work[masks[a]]
    work[:] = means
    superset_sums(work, n_lists)
    _information(work, masks, n_terms, information)
    if not _cholesky(information, n_terms):
        return STOPPED
    _solve(information, n_terms, beta)

    loss = np.inf
    fraction = 1.0
    trial[:] = beta
    for _ in range(MAX_STEPS):
        eta[:] = 0.0
        for a in range(n_terms):
            eta[masks[a]] += trial[a]
        _subset_sums(eta, n_lists)
        new_loss = 0.0
        for cell in range(size):
            if active[cell]:
                value = np.exp(min(eta[cell] + offset, 300.0))
                work[cell] = value
                new_loss += value - counts[cell] * (eta[cell] + offset)
            else:
                work[cell] = 0.0
        if new_loss > loss + 1e-9 * (abs(loss) + 1.0) and fraction > 1e-6:
            fraction *= 0.5
            for a in range(n_terms):
                trial[a] = beta[a] + fraction * step[a]
            continue
        loss = new_loss
        beta[:] = trial
        means[:] = work
        superset_sums(work, n_lists)
        gradient = 0.0
        for a in range(n_terms):
            step[a] = observed[masks[a]] - work[masks[a]]
            gradient = max(gradient, abs(step[a]))
        _information(work, masks, n_terms, information)
        if not _cholesky(information, n_terms):
            return STOPPED
        _solve(information, n_terms, step)
        if gradient <= TOLERANCE * scale:
            # A score within the tolerance leaves N uncertain in its ninth digit; this step costs no pass over cells.
            for a in range(n_terms):
                beta[a] += step[a]
            return CONVERGED
        fraction = 1.0
        for a in range(n_terms):
            trial[a] = beta[a] + step[a]
    return STOPPED


@njit(cache=True, nogil=True)
def _margin(factor, n, scale):  # type: ignore[no-untyped-def]
    """How far the information of a converged fit is from what it could be if no MLE existed; above 1 is proof.

    If the MLE does not exist, some direction d has X d at most 0 in every cell, 0 where there are persons, and -1 in
    the lowest. No score is above a tolerance t, and the score along d is the sum of mu |X d|, so d'X'WX d <= t |d|_1
    max|X d|, and as max|X d| is 1 and |X d| <= sqrt(n) |d|, the smallest eigenvalue of X'WX is at most t n. It is at
    least 1 / trace of the inverse, which is the sum of squares of the inverse of the Cholesky factor.
    """
    column = np.empty(n)
    trace = 0.0
    for j in range(n):
        for i in range(j, n):
            total = 1.0 if i == j else 0.0
            for k in range(j, i):
                total -= factor[i, k] * column[k]
            column[i] = total / factor[i, i]
            trace += column[i] * column[i]
    return 1.0 / (trace * 2.0 * TOLERANCE * scale * n)


@njit(cache=True, nogil=True)
def _independent(masks, n_terms, active, n_lists, work, factor):  # type: ignore[no-untyped-def]
    """Move the first columns that are linearly independent on the active cells to the front; returns their number."""
    for cell in range(work.size):
        work[cell] = 1.0 if active[cell] else 0.0
    superset_sums(work, n_lists)
    kept = 0
    for a in range(n_terms):
        own = work[masks[a]]
        pivot = own
        for i in range(kept):
            total = work[masks[a] | masks[i]]
            for k in range(i):
                total -= factor[kept, k] * factor[i, k]
            factor[kept, i] = total / factor[i, i]
            pivot -= factor[kept, i] ** 2
        if pivot > 1e-9 * own:
            factor[kept, kept] = np.sqrt(pivot)
            masks[kept] = masks[a]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _fit_cells(masks, active, counts, offset, n_lists):  # type: ignore[no-untyped-def]
    n_terms = masks.size
    beta = np.zeros(n_terms)
    means = np.zeros(counts.size)
    information = np.zeros((n_terms, n_terms))
    status = _newton(masks, n_terms, active, counts, offset, n_lists, beta, means, information)
    variance = np.nan
    margin = 0.0
    if status == CONVERGED and n_terms:
        margin = _margin(information, n_terms, _largest(masks, n_terms, _observed(active, counts, n_lists)))
        unit = np.zeros(n_terms)
        unit[0] = 1.0
        _solve(information, n_terms, unit)
        variance = unit[0]
    return beta, means, variance, status, margin


def fit_cells(
    masks: NDArray[np.int64],
    active: NDArray[np.bool_],
    counts: NDArray[np.float64],
    *,
    offset: float = 0.0,
) -> Fit:
    """Fit one model to the active cells.

    Parameters
    ----------
    masks : ndarray of int64, shape (n_terms,)
        Bitmask of each column; 0 is the intercept, and must come first if it is there.
    active : ndarray of bool, shape (2**K,)
        Cells that enter the likelihood; index 0 is the missing cell.
    counts : ndarray of float64, shape (2**K,)
    offset : float
        Added to every linear predictor, for profiles with the intercept held fixed.
    """
    n_lists = int(counts.size).bit_length() - 1
    return Fit(*_fit_cells(masks, active, counts, float(offset), n_lists))


@njit(cache=True, nogil=True)
def fit_batch(models, term_masks, possible, counts, n_lists):  # type: ignore[no-untyped-def]
    """Fit many models, each a bitset over `term_masks`, to one table by extended maximum likelihood.

    Parameters
    ----------
    models : ndarray of uint64, shape (n_models,)
    term_masks : ndarray of int64, shape (n_interactions,)
    possible : ndarray of bool, shape (2**K,)
        False for the missing cell and structural zeros.
    counts : ndarray of float64, shape (2**K,)
    n_lists : int

    Returns
    -------
    n_hidden, deviance, margin : ndarray of float64, shape (n_models,)
        The expected missing count exp(intercept), the deviance, and the margin of the proof of existence: above 1 the
        MLE exists and the total is identified; otherwise neither is known. 0 where columns are linearly dependent:
        the means, and an identified total, are those of independent ones.
    n_parameters, status : ndarray of int64, shape (n_models,)
    zero_terms : ndarray of uint64, shape (n_models,)
        Bitset of the terms whose sufficient statistic is zero, which are -inf.
    """
    n_models = models.size
    n_hidden = np.empty(n_models)
    deviance = np.empty(n_models)
    margin = np.empty(n_models)
    n_parameters = np.empty(n_models, np.int64)
    status = np.empty(n_models, np.int64)
    zero_terms = np.empty(n_models, np.uint64)
    table = table_sums(possible, counts, n_lists)
    room = workspace(counts.size, n_lists, term_masks.size)
    for m in range(n_models):
        answer = fit_model(models[m], term_masks, possible, counts, table, n_lists, room)
        n_hidden[m], deviance[m], margin[m], n_parameters[m], status[m], zero_terms[m] = answer
    return n_hidden, deviance, margin, n_parameters, status, zero_terms


@njit(cache=True, nogil=True)
def table_sums(possible, counts, n_lists):  # type: ignore[no-untyped-def]
    """Sufficient statistic of every term, and the number of possible cells that contain it."""
    sufficient = counts.copy()
    cells_of = np.zeros(counts.size)
    for cell in range(counts.size):
        cells_of[cell] = 1.0 if possible[cell] else 0.0
    superset_sums(sufficient, n_lists)
    superset_sums(cells_of, n_lists)
    return sufficient, cells_of


@njit(cache=True, nogil=True)
def workspace(size, n_lists, n_interactions):  # type: ignore[no-untyped-def]
    """Arrays that `fit_model` writes in: masks, beta, means, information, active."""
    largest = 1 + n_lists + n_interactions
    return (
        np.zeros(largest, np.int64),
        np.zeros(largest),
        np.zeros(size),
        np.zeros((largest, largest)),
        np.zeros(size, np.bool_),
    )


@njit(cache=True, nogil=True)
def read_terms(model, term_masks, possible, table, n_lists, masks, active):  # type: ignore[no-untyped-def]
    """Write the terms with persons into `masks` and the cells left by the others into `active`.

    Returns the number of these terms, the intercept among them, the number of parameters, and the zero terms.
    """
    sufficient, cells_of = table
    active[:] = possible
    n_terms, n_parameters = 1, 1
    zero_terms = np.uint64(0)
    for j in range(n_lists + term_masks.size):
        if j < n_lists:
            mask = 1 << (n_lists - 1 - j)
        elif model >> np.uint64(j - n_lists) & np.uint64(1):
            mask = term_masks[j - n_lists]
        else:
            continue
        if cells_of[mask] == 0.0:
            continue
        n_parameters += 1
        if sufficient[mask] > 0.0:
            masks[n_terms] = mask
            n_terms += 1
            continue
        if j >= n_lists:
            zero_terms |= np.uint64(1) << np.uint64(j - n_lists)
        for cell in range(active.size):
            if cell & mask == mask:
                active[cell] = False
    return n_terms, n_parameters, zero_terms


@njit(cache=True, nogil=True)
def fit_model(model, term_masks, possible, counts, table, n_lists, room):  # type: ignore[no-untyped-def]
    """One model of `fit_batch`: n_hidden, deviance, margin, number of parameters, status, zero terms."""
    sufficient, _ = table
    masks, beta, means, information, active = room
    size = counts.size
    n_terms, n_parameters, zero_terms = read_terms(model, term_masks, possible, table, n_lists, masks, active)
    status = _newton(masks, n_terms, active, counts, 0.0, n_lists, beta[:n_terms], means, information)
    margin = 0.0
    if status == CONVERGED:
        margin = _margin(information, n_terms, _largest(masks, n_terms, sufficient))
    else:
        n_independent = _independent(masks, n_terms, active, n_lists, means, information)
        if n_independent < n_terms:
            n_terms = n_independent
            status = _newton(masks, n_terms, active, counts, 0.0, n_lists, beta[:n_terms], means, information)
    total = 0.0
    for cell in range(size):
        if active[cell]:
            total += means[cell] - counts[cell]
            if counts[cell] > 0.0:
                total += counts[cell] * np.log(counts[cell] / means[cell])
    return np.exp(beta[0]), 2.0 * total, margin, n_parameters, status, zero_terms
