"""All pairs of records, in compiled code: what they agree on, and those of them that may speak for one person.

One pass over the pairs counts levels, for each record by itself, within lists, where nearly all pairs are two persons,
and between them; and it lists the pairs that are worth a place in memory.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.compiled import Compiled, levels_of
from mse.linkage.ladders import Ladders, state_of
from mse.progress import progress

__all__ = ["ALL_PAIRS", "Counts", "Listed", "survey"]

ALL_PAIRS = 30_000  # records up to which every pair is compared
BLOCK = 256  # records whose pairs are one task, and records that they are paired with at a time: counts stay in cache
LEAST_AT_START = 1.0  # log-likelihood ratio under the weights before any data, from which on a pair is listed
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
    alike : Listed
        The pairs, within lists and between them, that are on a rare level of those counted by record.
    """

    within: Floats
    between: Floats
    alike: "Listed"

    def of_units(self, first: Ints, unit: Ints) -> "Counts":
        """Counts of units, by what is told of the first record of each; `unit` is that of each record."""
        is_first = np.zeros(len(unit), np.bool_)
        is_first[first] = True
        alike = self.alike.chosen(is_first[self.alike.left] & is_first[self.alike.right])
        alike = Listed(unit[alike.left], unit[alike.right], alike.levels)
        return Counts(self.within[first], self.between[first], alike)


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


def survey(
    compared: Compiled,
    ladder: Ladders,
    list_of_record: Ints,
    start: Floats,
    is_rare: NDArray[np.bool_],
    log_prior: Floats,
    *,
    n_jobs: int = 1,
) -> tuple[Counts, Listed]:
    """Compare all pairs once: count their levels, and list those that agree on more than chance would have it.

    Parameters
    ----------
    start : ndarray of float64, shape (n_columns,)
        Log-likelihood ratio of each level before any data: a pair is listed when their sum is at least 1, and a pair
        within a list is counted as far as it is two persons.
    is_rare : ndarray of bool, shape (n_columns,)
        Levels counted by record whose pairs are told one by one.
    log_prior : ndarray of float64, shape (n_lists,)
        Log odds of a pair within a list to be one person, before any data.
    """
    n, n_columns = len(list_of_record), int(ladder.first[-1])
    shape = (n, n_columns, ladder.n_states)
    every = max(1, n // SAMPLED)
    totals = [(np.zeros(shape), np.zeros(shape)) for _ in range(n_jobs)]
    found: dict[int, tuple[Ints, Ints, NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]] = {}

    def work(first: int, worker: int) -> None:
        own = totals[worker]
        last = min(first + BLOCK, n)
        found[first] = _survey(compared, ladder, list_of_record, start, is_rare, log_prior, every, first, last, *own)

    _in_blocks(work, n, n_jobs, "all pairs")
    within, between = (sum(own[which] for own in totals[1:]) + totals[0][which] for which in (0, 1))
    parts = (np.concatenate(own) for own in zip(*(found[first] for first in sorted(found)), strict=True))
    left, right, levels, is_likely, is_alike = parts
    kept = Listed(left, right, levels)
    order = np.lexsort((right, left))
    listed, alike = (kept.chosen(order[which[order]]) for which in (is_likely, is_alike))
    return Counts(within, between, alike), listed


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
def _survey(  # type: ignore[no-untyped-def]
    compared, ladder, list_of_record, start, is_rare, log_prior, every, first, last, within, between
):
    n, n_comparisons = len(list_of_record), len(ladder.field)
    levels = np.zeros(n_comparisons, np.int64)
    room = 1024
    n_found = 0
    left, right = np.zeros(room, np.int64), np.zeros(room, np.int64)
    kept = np.zeros((room, n_comparisons), np.int8)
    alike = np.zeros(room, np.bool_)
    likely = np.zeros(room, np.bool_)
    for tile in range(first, n, BLOCK):
        for a in range(first, last):
            for b in range(max(a + 1, tile), min(tile + BLOCK, n)):
                levels_of(compared, a, b, levels)
                ratio, is_counted, is_alike = 0.0, False, False
                for comparison in range(n_comparisons):
                    if levels[comparison] >= 0:
                        column = ladder.first[comparison] + levels[comparison]
                        ratio += start[column]
                        is_counted = is_counted or ladder.by_record[column] >= 0
                        is_alike = is_alike or is_rare[column]
                is_within = list_of_record[a] == list_of_record[b]
                is_sampled = is_within or (a + b) % every == 0
                if is_counted or is_sampled:
                    weight = 1.0
                    if is_within:
                        weight = 1.0 / (1.0 + np.exp(ratio + log_prior[list_of_record[a]]))
                    counts = within if is_within else between
                    for comparison in range(n_comparisons):
                        if levels[comparison] >= 0:
                            column = ladder.first[comparison] + levels[comparison]
                            is_own = ladder.by_record[column] >= 0
                            if is_own or is_sampled:
                                state = state_of(ladder, comparison, levels)
                                n_pairs = weight if is_own or is_within else float(every)
                                counts[a, column, state] += n_pairs
                                counts[b, column, state] += n_pairs
                if ratio < LEAST_AT_START and not is_alike:
                    continue
                if n_found == room:
                    room *= 2
                    wider_left, wider_right = np.zeros(room, np.int64), np.zeros(room, np.int64)
                    wider = np.zeros((room, n_comparisons), np.int8)
                    wider_left[:n_found], wider_right[:n_found], wider[:n_found] = left, right, kept
                    left, right, kept = wider_left, wider_right, wider
                    alike, likely = np.append(alike, np.zeros_like(alike)), np.append(likely, np.zeros_like(likely))
                left[n_found], right[n_found] = a, b
                alike[n_found], likely[n_found] = is_alike, ratio >= LEAST_AT_START
                for comparison in range(n_comparisons):
                    kept[n_found, comparison] = levels[comparison]
                n_found += 1
    return left[:n_found], right[:n_found], kept[:n_found], likely[:n_found], alike[:n_found]
