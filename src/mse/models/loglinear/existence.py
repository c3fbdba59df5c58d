"""Existence and identifiability of many models on one table, with as few linear programmes as possible.

A converged fit with a margin above 1 is proof of both. For the rest, on the same active cells: every
model below one with an MLE has one too, and a direction in which the likelihood rises for ever serves every model that
holds the terms it uses. So a few programmes, largest models first, settle all.
"""

import numpy as np
from numpy.typing import NDArray

from mse.estimability import ascent_direction, total_is_identified
from mse.models.loglinear.extended import Support
from mse.models.loglinear.poisson import CONVERGED

__all__ = ["statuses_of"]


def statuses_of(
    models: NDArray[np.uint64],
    terms: NDArray[np.int64],
    possible: NDArray[np.bool_],
    counts: NDArray[np.float64],
    n_lists: int,
    *,
    margin: NDArray[np.float64],
    ended: NDArray[np.int64],
    zero_terms: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Index into `STATUSES` for each model, shape (n_models,).

    Takes what `fit_batch` returned: the margin of the proof, how the fit ended, and the zero terms.
    """
    status = np.zeros(len(models), dtype=np.int64)
    doubtful = np.flatnonzero((ended != CONVERGED) | ~(margin > 1))
    largest_first = doubtful[np.argsort(-np.bitwise_count(models[doubtful]).astype(np.int64), kind="stable")]
    settled: dict[bytes, tuple[list[int], list[int]]] = {}
    for m in largest_first:
        support = _support(int(models[m]), int(zero_terms[m]), terms, possible, counts, n_lists)
        sound, failing = settled.setdefault(support.active.tobytes(), ([], []))
        finite = int(models[m]) & ~int(zero_terms[m])
        if any(used & finite == used for used in failing):
            exists = False
        elif any(finite & larger == finite for larger in sound):
            exists = True
        else:
            direction = ascent_direction(support.design, counts[support.active] > 0)
            exists = direction is None
            if direction is None:
                sound.append(finite)
            else:
                failing.append(_terms_used(direction, support.masks, terms))
        # A full table of cells identifies every model without the K-list term.
        status[m] = (not exists) + 2 * (not support.active[1:].all() and not total_is_identified(support.design))
    return status


def _terms_used(direction: NDArray[np.float64], masks: NDArray[np.int64], terms: NDArray[np.int64]) -> int:
    """Bitset of the interactions in which a direction is not zero."""
    used = set(masks[np.abs(direction) > 1e-9].tolist())
    return sum(1 << j for j, term in enumerate(terms.tolist()) if term in used)


def _support(
    model: int,
    zero: int,
    terms: NDArray[np.int64],
    possible: NDArray[np.bool_],
    counts: NDArray[np.float64],
    n_lists: int,
) -> Support:
    values = np.arange(len(counts))
    active = possible.copy()
    finite = [0]
    for j in range(n_lists):
        on_list = values >> (n_lists - 1 - j) & 1 == 1
        if counts[on_list].any():
            finite.append(1 << (n_lists - 1 - j))
        else:
            active &= ~on_list
    for j, term in enumerate(terms.tolist()):
        contains = (values & term) == term
        if zero >> j & 1:
            active &= ~contains
        elif model >> j & 1 and (possible & contains).any():
            finite.append(term)
    return Support(active, np.array(finite, dtype=np.int64), (), 0)
