"""Existence and identifiability of many models on one table, with as few linear programmes as possible.

A converged fit with a margin above 1 is proof of both. For the rest, on the same active cells: every
model below one with an MLE has one too, and a direction in which the likelihood rises for ever serves every model that
holds the terms it uses. So a few programmes, largest models first, settle all.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mse.estimability import ascent_direction, total_is_identified
from mse.models.loglinear.extended import Support
from mse.models.loglinear.poisson import CONVERGED

__all__ = ["KnownExistence", "settle", "statuses_of"]

FLAT = 1e-9  # a direction's slope below this is none


@dataclass(eq=False)
class KnownExistence:
    """What programmes and ranks have said, by terms, cells left and which of these have persons.

    Counts matter to existence by nothing else, so that resamples share answers. At most `most` patterns are kept; then
    it starts anew. Copies sent to other processes start empty.
    """

    most: int = 20_000
    by_pattern: dict[bytes, tuple[list[int], list[int], dict[int, bool]]] = field(default_factory=dict)

    def of(
        self, terms: NDArray[np.int64], active: NDArray[np.bool_], counts: NDArray[np.float64]
    ) -> tuple[list[int], list[int], dict[int, bool]]:
        """Bitsets of models with an MLE, of terms that exclude one, and whether a model's total is identified."""
        key = np.packbits([active, active & (counts > 0)]).tobytes() + terms.tobytes()
        if key not in self.by_pattern and len(self.by_pattern) >= self.most:
            self.by_pattern.clear()
        return self.by_pattern.setdefault(key, ([], [], {}))

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return KnownExistence, (self.most,)


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
    known: KnownExistence | None = None,
) -> NDArray[np.int64]:
    """Index into `STATUSES` for each model, shape (n_models,).

    Takes what `fit_batch` returned: the margin of the proof, how the fit ended, and the zero terms.
    """
    status = np.zeros(len(models), dtype=np.int64)
    doubtful = np.flatnonzero((ended != CONVERGED) | ~(margin > 1))
    largest_first = doubtful[np.argsort(-np.bitwise_count(models[doubtful]).astype(np.int64), kind="stable")]
    settled, _ = settle(models[largest_first], zero_terms[largest_first], terms, possible, counts, n_lists, known=known)
    status[largest_first] = settled
    return status


def settle(
    models: NDArray[np.uint64],
    zero_terms: NDArray[np.uint64],
    terms: NDArray[np.int64],
    possible: NDArray[np.bool_],
    counts: NDArray[np.float64],
    n_lists: int,
    *,
    known: KnownExistence | None = None,
) -> tuple[NDArray[np.int64], list[tuple[NDArray[np.int64], NDArray[np.float64]]]]:
    """Index into `STATUSES` of doubtful models, and the new directions that exclude an MLE, as masks and slopes.

    Large models before small ones need the fewest programmes.
    """
    known = KnownExistence() if known is None else known
    status = np.zeros(len(models), dtype=np.int64)
    directions = []
    occurring = _without_empty_lists(possible, counts)
    holds = np.arange(len(counts)) & terms[:, None] == terms[:, None]
    patterns: dict[int, tuple[NDArray[np.bool_], tuple[list[int], list[int], dict[int, bool]]]] = {}
    for m, (model, zero) in enumerate(zip(models.tolist(), zero_terms.tolist(), strict=True)):
        if zero not in patterns:
            chosen = [j for j in range(len(terms)) if zero >> j & 1]
            active = occurring & ~holds[chosen].any(axis=0)
            patterns[zero] = active, known.of(terms, active, counts)
        active, (sound, failing, identified) = patterns[zero]
        finite = model & ~zero
        if any(used & finite == used for used in failing):
            exists = False
        elif any(finite & larger == finite for larger in sound):
            exists = True
        else:
            support = _support(model, zero, active, terms, possible, counts, n_lists)
            direction = ascent_direction(support.design, counts[active] > 0)
            exists = direction is None
            if direction is None:
                sound.append(finite)
            else:
                failing.append(_terms_used(direction, support.masks, terms))
                directions.append((support.masks, direction))
        if finite not in identified:
            # A full table of cells identifies every model without the K-list term.
            identified[finite] = bool(active[1:].all()) or total_is_identified(
                _support(model, zero, active, terms, possible, counts, n_lists).design
            )
        status[m] = (not exists) + 2 * (not identified[finite])
    return status, directions


def _terms_used(direction: NDArray[np.float64], masks: NDArray[np.int64], terms: NDArray[np.int64]) -> int:
    """Bitset of the interactions in which a direction is not zero."""
    used = set(masks[np.abs(direction) > FLAT].tolist())
    return sum(1 << j for j, term in enumerate(terms.tolist()) if term in used)


def _without_empty_lists(possible: NDArray[np.bool_], counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The possible cells outside the lists that nobody is on."""
    values = np.arange(len(counts))
    reached = int(np.bitwise_or.reduce(values[counts > 0], initial=0))
    return np.asarray(possible & (values & ~reached == 0))


def _support(
    model: int,
    zero: int,
    active: NDArray[np.bool_],
    terms: NDArray[np.int64],
    possible: NDArray[np.bool_],
    counts: NDArray[np.float64],
    n_lists: int,
) -> Support:
    values = np.arange(len(counts))
    lists = [1 << (n_lists - 1 - j) for j in range(n_lists)]
    finite = [0, *(mask for mask in lists if counts[values & mask == mask].any())]
    for j, term in enumerate(terms.tolist()):
        if (model & ~zero) >> j & 1 and possible[values & term == term].any():
            finite.append(term)
    return Support(active, np.array(finite, dtype=np.int64), (), 0)
