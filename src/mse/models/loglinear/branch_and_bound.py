"""The best hierarchical models of one table, proven best without fitting all of them.

A node of the tree holds the terms that are in and the terms that are still allowed, both closed under subsets. No
model between the two has a smaller deviance than the largest, nor fewer parameters than the smallest, so their sum
bounds the criterion from below; a node whose bound is above the worst of the models to be returned is cut. Taking a
term in costs no fit; leaving one out, with all that contain it, costs one.

A leaf whose existence the fit does not prove is set aside as doubtful and never used to cut.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.poisson import CONVERGED, fit_model, table_sums, workspace

__all__ = ["best_models", "term_order"]

SLACK = 1e-6  # on bounds, for the rounding of deviances
MOST_DOUBTFUL = 20_000


def term_order(term_masks: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Bitsets of the proper subsets and of the supersets, itself included, of each term."""
    n_terms = len(term_masks)
    below = np.zeros(n_terms, np.uint64)
    above = np.zeros(n_terms, np.uint64)
    for i, a in enumerate(term_masks.tolist()):
        for j, b in enumerate(term_masks.tolist()):
            if a & b == b and a != b:
                below[i] |= np.uint64(1 << j)
            if a & b == a:
                above[i] |= np.uint64(1 << j)
    return below, above


@njit(cache=True, nogil=True)
def _n_parameters(model, fixed, counted):  # type: ignore[no-untyped-def]
    rest = model & counted
    total = fixed
    while rest:
        rest &= rest - np.uint64(1)
        total += 1
    return total


@njit(cache=True, nogil=True)
def _insert(criterion, found, value, model, n_found, n_top):  # type: ignore[no-untyped-def]
    """Keep the `n_top` smallest, sorted, ties by bitset; returns the new number found."""
    place = n_found
    while place > 0 and (value < criterion[place - 1] or (value == criterion[place - 1] and model < found[place - 1])):
        place -= 1
    if place >= n_top:
        return n_found
    for i in range(min(n_found, n_top - 1), place, -1):
        criterion[i] = criterion[i - 1]
        found[i] = found[i - 1]
    criterion[place] = value
    found[place] = model
    return min(n_found + 1, n_top)


@njit(cache=True, nogil=True)
def best_models(  # type: ignore[no-untyped-def]
    counts, possible, penalty, n_top, term_masks, below, above, forced, allowed, starts, n_lists
):
    """The `n_top` models with the smallest deviance + penalty[n_parameters] whose MLE certainly exists.

    Parameters
    ----------
    counts : ndarray of float64, shape (2**K,)
    possible : ndarray of bool, shape (2**K,)
    penalty : ndarray of float64
        By number of parameters, not falling.
    n_top : int
    term_masks : ndarray of int64, shape (n_terms,)
        By rising size.
    below, above : ndarray of uint64, shape (n_terms,)
        From `term_order`.
    forced, allowed : uint64
        Terms that must be in, and that may be; both closed under subsets.
    starts : ndarray of uint64
        Models to try first: the better they are, the more is cut.
    n_lists : int

    Returns
    -------
    criterion, models : ndarray, shape (n_found,)
        Certain models, best first.
    doubtful_criterion, doubtful : ndarray
        Models not worse than the last of these whose MLE is in doubt.
    n_fits : int
    """
    table = table_sums(possible, counts, n_lists)
    room = workspace(counts.size, n_lists, term_masks.size)
    fixed = 1
    for j in range(n_lists):
        fixed += 1 if table[1][1 << j] > 0.0 else 0
    counted = np.uint64(0)
    for j in range(term_masks.size):
        if table[1][term_masks[j]] > 0.0:
            counted |= np.uint64(1) << np.uint64(j)

    criterion = np.full(n_top, np.inf)
    found = np.zeros(n_top, np.uint64)
    n_found = 0
    doubtful_criterion = np.empty(MOST_DOUBTFUL)
    doubtful = np.empty(MOST_DOUBTFUL, np.uint64)
    n_doubtful = 0
    n_fits = 0
    worst = np.inf
    for i in range(starts.size):
        answer = fit_model(starts[i], term_masks, possible, counts, table, n_lists, room)
        n_fits += 1
        if answer[4] == CONVERGED and answer[2] > 1.0:
            known = False
            for j in range(n_found):
                known |= found[j] == starts[i]
            if not known:
                n_found = _insert(criterion, found, answer[1] + penalty[answer[3]], starts[i], n_found, n_top)
    if n_found == n_top:
        worst = criterion[n_top - 1]

    stack_in = np.empty(256, np.uint64)
    stack_allowed = np.empty(256, np.uint64)
    stack_deviance = np.empty(256)
    stack_fit = np.empty(256, np.int64)  # 1 if the largest model has been fitted and is certain, 2 if doubtful
    answer = fit_model(allowed, term_masks, possible, counts, table, n_lists, room)
    n_fits += 1
    depth = 1
    stack_in[0] = forced
    stack_allowed[0] = allowed
    stack_deviance[0] = max(answer[1], 0.0) if answer[4] == CONVERGED else 0.0
    stack_fit[0] = 1 if answer[4] == CONVERGED and answer[2] > 1.0 else 2
    while depth:
        depth -= 1
        inside, largest, deviance, certain = (
            stack_in[depth],
            stack_allowed[depth],
            stack_deviance[depth],
            stack_fit[depth],
        )
        bound = deviance + penalty[_n_parameters(inside, fixed, counted)]
        if bound - SLACK > worst:
            continue
        undecided = largest & ~inside
        if not undecided:
            if certain == 1:
                known = False
                for j in range(n_found):
                    known |= found[j] == inside
                if not known:
                    n_found = _insert(criterion, found, bound, inside, n_found, n_top)
                    if n_found == n_top:
                        worst = criterion[n_top - 1]
            elif n_doubtful < MOST_DOUBTFUL:
                doubtful_criterion[n_doubtful] = bound
                doubtful[n_doubtful] = inside
                n_doubtful += 1
            else:
                return criterion[:0], found[:0], doubtful_criterion[:0], doubtful[:0], -1
            continue
        j = 0
        while not undecided >> np.uint64(j) & np.uint64(1):
            j += 1
        bit = np.uint64(1) << np.uint64(j)
        # With the term: the same largest model, so no fit.
        stack_in[depth] = inside | bit | below[j]
        stack_allowed[depth] = largest
        stack_deviance[depth] = deviance
        stack_fit[depth] = certain
        depth += 1
        # Without it, and without all that contain it.
        smaller = largest & ~above[j]
        answer = fit_model(smaller, term_masks, possible, counts, table, n_lists, room)
        n_fits += 1
        lower = max(answer[1], deviance) if answer[4] == CONVERGED else deviance
        if lower + penalty[_n_parameters(inside, fixed, counted)] - SLACK <= worst:
            stack_in[depth] = inside
            stack_allowed[depth] = smaller
            stack_deviance[depth] = lower
            stack_fit[depth] = 1 if answer[4] == CONVERGED and answer[2] > 1.0 else 2
            depth += 1
    keep = 0
    for i in range(n_doubtful):
        if doubtful_criterion[i] - SLACK <= worst:
            doubtful_criterion[keep] = doubtful_criterion[i]
            doubtful[keep] = doubtful[i]
            keep += 1
    return criterion[:n_found], found[:n_found], doubtful_criterion[:keep], doubtful[:keep], n_fits
