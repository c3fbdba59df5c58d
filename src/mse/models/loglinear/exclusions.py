"""Patterns of empty cells by which whole sets of hierarchical models have no MLE.

An exclusion is a direction along which the likelihood of every model with certain terms rises for ever. If nobody has
exactly the lists s among the lists of a term t, a model with t has such a direction, minus the indicator of that
pattern; registers of which one lies within another are full of these. A linear programme gives the others.
Fienberg and Rinaldo (2012), doi:10.1214/12-AOS986. Cells are bits of a 64-bit set, so that this serves up to six lists.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Exclusions", "cells_lost", "excluded_by", "marginal_exclusions", "what_is_left"]

FLAT = 1e-9  # a direction's slope below this is none


class Exclusions(NamedTuple):
    """A model with the terms `terms` has no MLE if it has a cell of `lowered` and none of `raised`.

    All are bitsets, ndarray of uint64, shape (n_exclusions,): `terms` over the interactions, the others over the cells.
    """

    terms: NDArray[np.uint64]
    lowered: NDArray[np.uint64]
    raised: NDArray[np.uint64]

    @classmethod
    def of(cls, found: Sequence[tuple[int, int, int]]) -> "Exclusions":
        """From tuples of the three bitsets."""
        columns = np.array(sorted(set(found)), dtype=np.uint64).reshape(-1, 3).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def and_these(self, found: Sequence[tuple[int, int, int]]) -> "Exclusions":
        """These and some more."""
        own = zip(self.terms.tolist(), self.lowered.tolist(), self.raised.tolist(), strict=True)
        return Exclusions.of([*own, *found])


def marginal_exclusions(
    counts: NDArray[np.float64], possible: NDArray[np.bool_], terms: NDArray[np.int64]
) -> Exclusions:
    """An exclusion for each term and each pattern on its lists that nobody has, shape of `counts` (2**K,).

    A pattern that holds all lists of the term is none: such a term is -inf, and the cells that contain it are lost.
    """
    values = np.arange(len(counts))
    found = []
    for j, term in enumerate(terms.tolist()):
        on_these = values & term
        persons = np.bincount(on_these, weights=counts, minlength=term + 1)
        for pattern in np.unique(on_these).tolist():
            if pattern != term and persons[pattern] == 0:
                cells = np.flatnonzero(possible & (on_these == pattern)).tolist()
                found.append((1 << j, sum(1 << cell for cell in cells), 0))
    return Exclusions.of([one for one in found if one[1]])


def excluded_by(
    masks: NDArray[np.int64], direction: NDArray[np.float64], possible: NDArray[np.bool_], terms: NDArray[np.int64]
) -> tuple[int, int, int]:
    """The exclusion of one direction, given by its slopes over the columns `masks`."""
    used = masks[np.abs(direction) > FLAT].tolist()
    largest = {term for term in used if not any(term & other == term != other for other in used)}
    cells = np.flatnonzero(possible)
    change = ((cells[:, None] & masks) == masks) @ direction
    return (
        sum(1 << j for j, term in enumerate(terms.tolist()) if term in largest),
        sum(1 << cell for cell in cells[change < -FLAT].tolist()),
        sum(1 << cell for cell in cells[change > FLAT].tolist()),
    )


def cells_lost(
    counts: NDArray[np.float64], possible: NDArray[np.bool_], terms: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """For each term the possible cells, as bits, that leave every model with it: all that hold a term nobody has."""
    values = np.arange(len(counts))
    lost = np.zeros(len(terms), np.uint64)
    for j, term in enumerate(terms.tolist()):
        holding = values & term == term
        if not counts[holding].any():
            lost[j] = sum(1 << cell for cell in np.flatnonzero(possible & holding).tolist())
    return lost


@njit(cache=True, nogil=True)
def _cells_of(model, everywhere, lost):  # type: ignore[no-untyped-def]
    cells = everywhere
    for j in range(lost.size):
        if model >> np.uint64(j) & np.uint64(1):
            cells &= ~lost[j]
    return cells


@njit(cache=True, nogil=True)
def what_is_left(inside, largest, everywhere, lost, below, above, exclusions):  # type: ignore[no-untyped-def]
    """Whether a model from `inside` to `largest` may have an MLE, and the largest that may, all bitsets.

    `everywhere` holds the cells of the model without interactions, `lost` comes from `cells_lost`, `below` and `above`
    from `term_order`.
    """
    needed, lowered, raised = exclusions
    changed = True
    while changed:
        changed = False
        fewest = _cells_of(largest, everywhere, lost)  # of any model between
        for e in range(needed.size):
            if needed[e] & ~largest or not fewest & lowered[e]:
                continue
            missing = needed[e] & ~inside
            if missing & (missing - np.uint64(1)):
                continue
            grown = inside
            single = 0
            if missing:
                while not missing >> np.uint64(single) & np.uint64(1):
                    single += 1
                grown = inside | missing | below[single]
            if raised[e] and _cells_of(grown, everywhere, lost) & raised[e]:
                continue
            if not missing:
                return False, largest
            largest &= ~above[single]
            fewest = _cells_of(largest, everywhere, lost)
            changed = True
    return True, largest
