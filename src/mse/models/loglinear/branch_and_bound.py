"""The best hierarchical models of one table, proven best without fitting all of them.

A node of the tree holds the terms that are in and the terms that are still allowed, both closed under subsets. No
model between the two has a smaller deviance than the largest, nor fewer parameters than the smallest, so their sum
bounds the criterion from below; a node whose bound is above the worst of the models to be returned is cut. Taking a
term in costs no fit; leaving one out, with all that contain it, costs one.

Models that a pattern of empty cells excludes (`exclusions`) are not visited. A leaf whose existence the fit does not
prove is set aside as doubtful; when there are enough of them, programmes settle all, and what excludes one is used for
the rest of the tree.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.censored import best_of_cells
from mse.models.loglinear.exclusions import cells_lost, excluded_by, marginal_exclusions, what_is_left
from mse.models.loglinear.existence import KnownExistence, settle
from mse.models.loglinear.persons import fit_many, fit_one
from mse.models.loglinear.poisson import CONVERGED, table_sums, workspace

__all__ = ["best_models", "term_order"]

SLACK = 1e-6  # on bounds, for the rounding of deviances
MOST_DOUBTFUL = 64
DEEPEST = 256  # open nodes: at most one for each term and one more


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


class _Open(NamedTuple):
    """A search that was put down: open nodes, the best models so far, and doubtful ones with what they would reach."""

    inside: NDArray[np.uint64]
    largest: NDArray[np.uint64]
    deviance: NDArray[np.float64]
    certain: NDArray[np.bool_]
    criterion: NDArray[np.float64]
    found: NDArray[np.uint64]
    doubtful: NDArray[np.uint64]


def best_models(
    counts: NDArray[np.float64],
    in_doubt: NDArray[np.float64],
    possible: NDArray[np.bool_],
    penalty: NDArray[np.float64],
    n_top: int,
    terms: NDArray[np.int64],
    *,
    forced: int,
    allowed: int,
    starts: NDArray[np.uint64],
    known: KnownExistence,
) -> NDArray[np.uint64]:
    """The models with the smallest deviance + penalty[n_parameters] that certainly have an answer, best first.

    Parameters
    ----------
    counts : ndarray of float64, shape (2**K,)
        Persons known to be in the population.
    in_doubt : ndarray of float64, shape (2**K,) or (0,)
        Doubtful persons of censored cells; empty where there are none.
    possible : ndarray of bool, shape (2**K,)
    penalty : ndarray of float64
        By number of parameters, not falling.
    n_top : int
        How many models; fewer come back if there are fewer.
    terms : ndarray of int64, shape (n_terms,)
        By rising size; at most 64, of at most 6 lists.
    forced, allowed : int
        Bitsets of the terms that must be in, and that may be; both closed under subsets.
    starts : ndarray of uint64
        Models to try first: the better they are, the more is cut.
    known : KnownExistence
    """
    n_lists = int(counts.size).bit_length() - 1
    below, above = term_order(terms)
    exclusions = marginal_exclusions(counts, possible, terms)
    values = np.arange(counts.size)
    empty = sum(1 << j for j in range(n_lists) if not counts[values >> j & 1 == 1].any())
    everywhere = np.uint64(sum(1 << cell for cell in np.flatnonzero(possible & (values & empty == 0)).tolist()))
    lost = cells_lost(counts, possible, terms)
    search = _Open(
        np.zeros(DEEPEST, np.uint64),
        np.zeros(DEEPEST, np.uint64),
        np.zeros(DEEPEST),
        np.zeros(DEEPEST, np.bool_),
        np.full(n_top, np.inf),
        np.zeros(n_top, np.uint64),
        np.zeros(MOST_DOUBTFUL, np.uint64),
    )
    begun, n_open, n_found = False, 1, 0
    search.inside[0], search.largest[0] = forced, allowed
    while True:
        n_open, n_found, n_doubtful = _go_on(
            counts, in_doubt if in_doubt.size else None, possible, penalty, terms, below, above,
            starts[:0] if begun else starts, n_lists, everywhere, lost, exclusions, search, begun, n_open, n_found,
        )  # fmt: skip
        begun = True
        models = search.doubtful[:n_doubtful]
        models = models[np.argsort(-np.bitwise_count(models).astype(np.int64), kind="stable")]
        _, deviance, _, n_parameters, ended, zero = fit_many(models, terms, possible, counts, in_doubt, n_lists)
        status, directions = settle(models, zero, terms, possible, counts, n_lists, known=known)
        for m in np.flatnonzero(status == 0):
            if ended[m] != CONVERGED and in_doubt.size:
                continue  # the bounds of censored cells are too wide to identify the total
            if ended[m] != CONVERGED:
                raise RuntimeError("Newton's method did not converge although the MLE exists")
            value = deviance[m] + penalty[n_parameters[m]]
            n_found = _insert(search.criterion, search.found, value, models[m], n_found, n_top)
        if not n_open:
            return search.found[:n_found]
        more = [excluded_by(masks, direction, possible, terms) for masks, direction in directions]
        exclusions = exclusions.and_these(more)


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
    """Keep the `n_top` smallest, sorted, ties by bitset, none twice; returns the new number found."""
    for j in range(n_found):
        if found[j] == model:
            return n_found
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
def _go_on(  # type: ignore[no-untyped-def]
    counts, in_doubt, possible, penalty, term_masks, below, above, starts, n_lists, everywhere, lost, exclusions,
    search, begun, n_open, n_found,
):  # fmt: skip
    """Work on the open nodes until none is left or the doubtful models are as many as there is room for.

    Returns the numbers of open nodes, of models found and of doubtful models.
    """
    stack_in, stack_largest, stack_deviance, stack_certain, criterion, found, doubtful = search
    n_top = criterion.size
    table, best = table_sums(possible, counts, n_lists), best_of_cells(counts, in_doubt)
    room = workspace(counts.size, n_lists, term_masks.size)
    fixed = 1
    for j in range(n_lists):
        fixed += 1 if table[1][1 << j] > 0.0 else 0
    counted = np.uint64(0)
    for j in range(term_masks.size):
        if table[1][term_masks[j]] > 0.0:
            counted |= np.uint64(1) << np.uint64(j)

    n_doubtful = 0
    for i in range(starts.size):
        answer = fit_one(starts[i], term_masks, possible, counts, in_doubt, best, table, n_lists, room)
        if answer[4] == CONVERGED and answer[2] > 1.0:
            n_found = _insert(criterion, found, answer[1] + penalty[answer[3]], starts[i], n_found, n_top)
    if not begun:
        alive, largest = what_is_left(stack_in[0], stack_largest[0], everywhere, lost, below, above, exclusions)
        if not alive:
            return 0, n_found, 0
        answer = fit_one(largest, term_masks, possible, counts, in_doubt, best, table, n_lists, room)
        stack_largest[0] = largest
        stack_deviance[0] = max(answer[1], 0.0) if answer[4] == CONVERGED else 0.0
        stack_certain[0] = answer[4] == CONVERGED and answer[2] > 1.0

    while n_open and n_doubtful < doubtful.size:
        n_open -= 1
        inside, largest, deviance, certain = (
            stack_in[n_open],
            stack_largest[n_open],
            stack_deviance[n_open],
            stack_certain[n_open],
        )
        worst = criterion[n_top - 1] if n_found == n_top else np.inf
        if deviance + penalty[_n_parameters(inside, fixed, counted)] - SLACK > worst:
            continue
        alive, smaller = what_is_left(inside, largest, everywhere, lost, below, above, exclusions)
        if not alive:
            continue
        if smaller != largest:
            largest = smaller
            answer = fit_one(largest, term_masks, possible, counts, in_doubt, best, table, n_lists, room)
            deviance = max(answer[1], deviance) if answer[4] == CONVERGED else deviance
            certain = answer[4] == CONVERGED and answer[2] > 1.0
        bound = deviance + penalty[_n_parameters(inside, fixed, counted)]
        if bound - SLACK > worst:
            continue
        undecided = largest & ~inside
        if not undecided:
            if certain:
                n_found = _insert(criterion, found, bound, inside, n_found, n_top)
            else:
                doubtful[n_doubtful] = inside
                n_doubtful += 1
            continue
        j = 0
        while not undecided >> np.uint64(j) & np.uint64(1):
            j += 1
        # With the term: the same largest model, so no fit.
        stack_in[n_open] = inside | np.uint64(1) << np.uint64(j) | below[j]
        stack_largest[n_open] = largest
        stack_deviance[n_open] = deviance
        stack_certain[n_open] = certain
        n_open += 1
        # Without it, and without all that contain it.
        alive, smaller = what_is_left(inside, largest & ~above[j], everywhere, lost, below, above, exclusions)
        if not alive:
            continue
        answer = fit_one(smaller, term_masks, possible, counts, in_doubt, best, table, n_lists, room)
        lower = max(answer[1], deviance) if answer[4] == CONVERGED else deviance
        if lower + penalty[_n_parameters(inside, fixed, counted)] - SLACK <= worst:
            stack_in[n_open] = inside
            stack_largest[n_open] = smaller
            stack_deviance[n_open] = lower
            stack_certain[n_open] = answer[4] == CONVERGED and answer[2] > 1.0
            n_open += 1
    return n_open, n_found, n_doubtful
