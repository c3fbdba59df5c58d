"""All pairs of records, in compiled code: what they agree on, and those of them that speak for one person.

Two passes over the pairs. The first counts levels, for each record by itself: within lists, where nearly all pairs are
two persons, and between them. The second lists the pairs whose likelihood ratio is worth a place in memory.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.compiled import Compiled, levels_of
from mse.linkage.ladders import Ladders, Scales, add_ratios, state_of
from mse.progress import progress

__all__ = ["ALL_PAIRS", "Counts", "Listed", "count_levels", "list_pairs"]

ALL_PAIRS = 30_000  # records up to which every pair is compared
BLOCK = 256  # records whose pairs are one task
SAMPLED = 2000  # records with which each is compared, about, to tell how many pairs do not agree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Pairs on each level, by record; a pair counts for both of its records.

    Attributes
    ----------
    within : ndarray of float64, shape (n_records, n_columns, n_states)
        Pairs within lists, each by the probability that it is two persons.
    between : ndarray of float64, shape (n_records, n_columns, n_states)
        Pairs between lists: all of them on levels that are counted by record, and on others a sample, made up to all.
    """

    within: Floats
    between: Floats


@dataclass(frozen=True)
class Listed:
    """Pairs of records, left before right, sorted, with the level of each comparison, (n_pairs, n_comparisons)."""

    left: Ints
    right: Ints
    levels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.left)

    def chosen(self, which: NDArray[np.bool_] | Ints) -> "Listed":
        """Some of the pairs."""
        return Listed(self.left[which], self.right[which], self.levels[which])


def count_levels(
    compared: Compiled, ladder: Ladders, list_of_record: Ints, start: Scales, log_prior: Floats, *, n_jobs: int = 1
) -> Counts:
    """Count the levels of all pairs.

    Parameters
    ----------
    start : Scales
        By which a pair within a list is judged to be two persons.
    log_prior : ndarray of float64, shape (n_lists,)
        Log odds of a pair within a list to be one person, before any data.
    """
    n, n_columns = len(list_of_record), int(ladder.first[-1])
    shape = (n, n_columns, ladder.n_states)
    every = max(1, n // SAMPLED)
    totals = [Counts(np.zeros(shape), np.zeros(shape)) for _ in range(n_jobs)]

    def work(first: int, worker: int) -> None:
        own = totals[worker]
        last = min(first + BLOCK, n)
        _count(compared, ladder, list_of_record, start, log_prior, every, first, last, own.within, own.between)

    _in_blocks(work, n, n_jobs, "agreements of all pairs")
    for other in totals[1:]:
        totals[0].within[:] += other.within
        totals[0].between[:] += other.between
    return totals[0]


def list_pairs(
    compared: Compiled,
    ladder: Ladders,
    list_of_record: Ints,
    scales: Scales,
    least: Floats,
    *,
    n_jobs: int = 1,
) -> Listed:
    """The pairs whose log-likelihood ratio is at least what is asked of a pair of two lists, or within a list.

    Parameters
    ----------
    least : ndarray of float64, shape (n_lists + 1,)
        For pairs within each list; the last for pairs of two lists. Infinite to leave them out.
    """
    n = len(list_of_record)
    found: dict[int, tuple[Ints, Ints, NDArray[np.int8]]] = {}

    def work(first: int, worker: int) -> None:
        found[first] = _list(compared, ladder, list_of_record, scales, least, first, min(first + BLOCK, n))

    _in_blocks(work, n, n_jobs, "likely pairs")
    parts = [found[first] for first in sorted(found)]
    return Listed(*(np.concatenate(own) for own in zip(*parts, strict=True)))


def _in_blocks(work: Callable[[int, int], None], n_records: int, n_jobs: int, label: str) -> None:
    """Give the blocks of records to the workers in turn."""
    blocks = list(range(0, n_records, BLOCK))
    with ThreadPoolExecutor(n_jobs) as pool, progress(label, total=len(blocks)) as bar:

        def share(worker: int) -> None:
            for first in blocks[worker::n_jobs]:
                work(first, worker)
                bar.advance()

        list(pool.map(share, range(n_jobs)))


@njit(cache=True, nogil=True)
def _count(compared, ladder, list_of_record, start, log_prior, every, first, last, within, between):  # type: ignore[no-untyped-def]
    n_comparisons = len(ladder.field)
    levels = np.zeros(n_comparisons, np.int64)
    ratios = np.zeros(np.max(ladder.field) + 1)
    for a in range(first, last):
        for b in range(a + 1, len(list_of_record)):
            levels_of(compared, a, b, levels)
            is_within = list_of_record[a] == list_of_record[b]
            weight = 1.0
            if is_within:
                ratios[:] = 0.0
                add_ratios(ladder, start, levels, a, b, ratios)
                weight = 1.0 / (1.0 + np.exp(np.sum(ratios) + log_prior[list_of_record[a]]))
            counts = within if is_within else between
            is_sampled = is_within or (a + b) % every == 0
            for comparison in range(n_comparisons):
                if levels[comparison] < 0:
                    continue
                column = ladder.first[comparison] + levels[comparison]
                is_counted = ladder.by_record[column] >= 0
                if is_counted or is_sampled:
                    state = state_of(ladder, comparison, levels)
                    n_pairs = weight if is_counted or is_within else float(every)
                    counts[a, column, state] += n_pairs
                    counts[b, column, state] += n_pairs


@njit(cache=True, nogil=True)
def _list(compared, ladder, list_of_record, scales, least, first, last):  # type: ignore[no-untyped-def]
    n_comparisons = len(ladder.field)
    levels = np.zeros(n_comparisons, np.int64)
    ratios = np.zeros(np.max(ladder.field) + 1)
    room = 1024
    n_found = 0
    left, right = np.zeros(room, np.int64), np.zeros(room, np.int64)
    kept = np.zeros((room, n_comparisons), np.int8)
    for a in range(first, last):
        own = list_of_record[a]
        for b in range(a + 1, len(list_of_record)):
            asked = least[own] if list_of_record[b] == own else least[-1]
            if asked == np.inf:
                continue
            levels_of(compared, a, b, levels)
            agrees = False
            for comparison in range(n_comparisons):
                last_level = ladder.first[comparison + 1] - ladder.first[comparison] - 1
                agrees = agrees or 0 <= levels[comparison] < last_level
            if not agrees:
                continue
            ratios[:] = 0.0
            add_ratios(ladder, scales, levels, a, b, ratios)
            if np.sum(ratios) < asked:
                continue
            if n_found == room:
                room *= 2
                wider_left, wider_right = np.zeros(room, np.int64), np.zeros(room, np.int64)
                wider = np.zeros((room, n_comparisons), np.int8)
                wider_left[:n_found], wider_right[:n_found], wider[:n_found] = left, right, kept
                left, right, kept = wider_left, wider_right, wider
            left[n_found], right[n_found] = a, b
            for comparison in range(n_comparisons):
                kept[n_found, comparison] = levels[comparison]
            n_found += 1
    return left[:n_found], right[:n_found], kept[:n_found]
