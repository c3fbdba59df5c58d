"""Lists and covariates as one cross-classified table: its cells, and the terms of the models over it.

The lists are factors with two levels, on and off; each covariate is a factor with its own. All factors have sum-to-zero
contrasts, scaled so that the columns of the whole table are orthogonal with mean square 1. A normal prior with unit
covariance on such coefficients is the unit-information prior, whatever contrasts one writes it in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.loglinear.terms import LogLinear

__all__ = ["Cells", "CrossTable", "TermSets", "cross_table"]

type Array = NDArray[np.float64]

MOST_TERMS = 63  # a model is a bitset


class Cells(NamedTuple):
    """The cells that say something, for compiled code.

    `columns` (n_columns, n_cells) is the design, the intercept first; a cell holds `known` persons for certain and
    `doubtful` more who may not be in the population, 0 where it is exact.
    """

    columns: Array
    known: Array
    doubtful: Array


class TermSets(NamedTuple):
    """The terms, for compiled code.

    `owner` (n_columns,) is the term of a column, -1 for those in every model; `needed` (n_terms,) are the bitsets of
    the terms within a term.
    """

    owner: NDArray[np.int64]
    needed: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class CrossTable:
    """A table over lists and covariates.

    Attributes
    ----------
    factors : tuple of str
        The lists, then the covariates.
    widths : tuple of int
        Columns of each factor: its levels less one.
    n_lists : int
    strata : tuple of str
        Every combination of the covariates' levels, also those in which nobody was seen.
    terms : tuple of int
        Interactions as bitmasks over `factors`, the first the most significant bit; by size, then position.
    cells : Cells
    cell_history, cell_stratum : ndarray of int64, shape (n_cells,)
    term_sets : TermSets
    hidden : ndarray of float64, shape (n_strata, n_columns)
        Design of the cells of persons on no list.
    """

    factors: tuple[str, ...]
    widths: tuple[int, ...]
    n_lists: int
    strata: tuple[str, ...]
    terms: tuple[int, ...]
    cells: Cells
    cell_history: NDArray[np.int64]
    cell_stratum: NDArray[np.int64]
    term_sets: TermSets
    hidden: Array

    @property
    def n_columns(self) -> int:
        return len(self.term_sets.owner)

    @cached_property
    def term_names(self) -> tuple[str, ...]:
        """The factors of each term, joined by a colon."""
        independent = LogLinear(self.factors, frozenset())
        return tuple(independent.name_of(term) for term in self.terms)

    def model(self, bitset: int) -> LogLinear:
        """The model with these terms."""
        return LogLinear(self.factors, frozenset(t for j, t in enumerate(self.terms) if bitset >> j & 1))

    def neighbours(self, bitset: int) -> list[int]:
        """The hierarchical models with one term more or one less."""
        needed = self.term_sets.needed.tolist()
        required = 0
        for j, within in enumerate(needed):
            if bitset >> j & 1:
                required |= within
        return [
            bitset ^ 1 << j
            for j, within in enumerate(needed)
            if (bitset >> j & 1 and not required >> j & 1) or (not bitset >> j & 1 and within & bitset == within)
        ]


def cross_table(histories: CaptureHistories, max_order: int | None) -> CrossTable:
    """The table of these histories, with all interactions of at most `max_order` factors that leave a list out.

    Raises
    ------
    BadInput
        For covariates whose levels cannot be told apart, and an order with no interaction or too many of them.
    """
    levels, place = _levels(histories)
    strata = list(product(*levels))
    factors = (*histories.lists, *histories.covariates)
    terms = _terms(histories.n_lists, len(factors), max_order)
    sizes = [2] * histories.n_lists + [len(names) for names in levels]
    contrasts = [_contrasts(size) for size in sizes]
    singles = [1 << (len(factors) - 1 - j) for j in range(len(factors))]
    blocks = [_columns((len(factors) - 1, term), contrasts) for term in (0, *singles, *terms)]
    design = np.concatenate(blocks, axis=1).reshape(2**histories.n_lists, len(strata), -1)
    n_always = 1 + len(singles)
    owner = np.concatenate([np.full(block.shape[1], i - n_always) for i, block in enumerate(blocks)])
    upper, known = (_spread(counts, place, len(strata)) for counts in (histories.counts, histories.known_counts))
    history, stratum = np.nonzero(np.broadcast_to(histories.cells_that_can_occur[:, None], upper.shape))
    cells = Cells(
        np.ascontiguousarray(design[history + 1, stratum].T),
        known[history, stratum].astype(np.float64),
        (upper - known)[history, stratum].astype(np.float64),
    )
    return CrossTable(
        factors,
        tuple(size - 1 for size in sizes),
        histories.n_lists,
        tuple(", ".join(names) for names in strata) if levels else ("all",),
        terms,
        cells,
        history,
        stratum,
        TermSets(np.maximum(owner, -1), _needed(terms)),
        np.ascontiguousarray(design[0]),
    )


def _levels(histories: CaptureHistories) -> tuple[list[tuple[str, ...]], list[int]]:
    """Levels of each covariate, and the place of each stratum among all their combinations."""
    if not histories.is_stratified:
        return [], [0]
    one = len(histories.covariates) == 1
    parts = [(name,) if one else tuple(name.split(", ")) for name in histories.strata]
    if any(len(part) != len(histories.covariates) for part in parts):
        raise BadInput(
            f"the strata {', '.join(map(repr, histories.strata))} do not tell the levels of "
            f"{', '.join(histories.covariates)} apart; rename the levels that hold a comma"
        )
    levels = [tuple(dict.fromkeys(part[j] for part in parts)) for j in range(len(histories.covariates))]
    for name, found in zip(histories.covariates, levels, strict=True):
        if len(found) < 2:
            raise BadInput(f"covariate {name!r} has one level, {found[0]!r}; leave it out")
    at = {combination: i for i, combination in enumerate(product(*levels))}
    return levels, [at[part] for part in parts]


def _terms(n_lists: int, n_factors: int, max_order: int | None) -> tuple[int, ...]:
    lists = (2**n_lists - 1) << (n_factors - n_lists)
    largest = n_factors if max_order is None else max_order
    found = tuple(
        term
        for order in range(2, largest + 1)
        for members in combinations(range(n_factors), order)
        if (term := sum(1 << (n_factors - 1 - j) for j in members)) & lists != lists
    )
    if not found:
        raise BadInput(
            f"max_order={max_order!r} leaves no interaction among {n_lists} lists and {n_factors - n_lists} covariates "
            "that could be in a model or not; use fit_loglinear"
        )
    if len(found) > MOST_TERMS:
        raise BadInput(
            f"{n_factors} lists and covariates have {len(found)} interactions of order {largest} or less, and at most "
            f"{MOST_TERMS} are possible; give a smaller max_order, or merge lists"
        )
    return found


def _needed(terms: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(
        [sum(1 << i for i, part in enumerate(terms) if part & term == part and part != term) for term in terms],
        dtype=np.uint64,
    )


def _contrasts(n_levels: int) -> Array:
    """Columns of mean 0 and mean square 1, orthogonal, shape (n_levels, n_levels - 1); a list has (-1, 1)."""
    columns = np.zeros((n_levels, n_levels - 1))
    for j in range(1, n_levels):
        columns[:j, j - 1], columns[j, j - 1] = -1.0, j
    return np.asarray(columns * np.sqrt(n_levels / (columns**2).sum(axis=0)))


def _columns(term: tuple[int, int], contrasts: Sequence[Array]) -> Array:
    """The columns of a term (last position, bitmask) over all cells, the first factor changing slowest."""
    last, mask = term
    parts = [c if mask >> (last - j) & 1 else np.ones((len(c), 1)) for j, c in enumerate(contrasts)]
    return reduce(lambda before, part: np.asarray(np.kron(before, part)), parts)


def _spread(counts: NDArray[np.int64], place: list[int], n_strata: int) -> NDArray[np.int64]:
    """Counts (2**K - 1, n_strata) with a column for every combination of levels."""
    full = np.zeros((len(counts), n_strata), dtype=np.int64)
    full[:, place] = counts if counts.ndim == 2 else counts[:, None]
    return full
