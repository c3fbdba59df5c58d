"""The hierarchical models that a search covers: its terms, what is forced in and what is forbidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.loglinear.extended import possible_cells
from mse.models.loglinear.terms import all_terms, hierarchical_models, parse_model

__all__ = ["MOST_LISTS", "Space", "search_space"]

MOST_LISTS = 6


@dataclass(frozen=True, eq=False)
class Space:
    """All hierarchical models over `terms` between `forced` and `allowed`.

    Attributes
    ----------
    lists : tuple of str
    terms : ndarray of int64, shape (n_terms,)
        Bitmasks of the interactions, by rising size.
    possible : ndarray of bool, shape (2**K,)
    max_order : int or None
    forced, allowed : int
        Bitsets over `terms`, closed under subsets.
    """

    lists: tuple[str, ...]
    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    max_order: int | None
    forced: int
    allowed: int

    @property
    def n_lists(self) -> int:
        return len(self.lists)

    @property
    def n_models(self) -> int:
        return len(self.within(hierarchical_models(self.n_lists, self.max_order)))

    def within(self, models: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Those of the models that hold what is forced and nothing that is forbidden."""
        if not self.forced and self.allowed == 2 ** len(self.terms) - 1:
            return models
        forced, allowed = np.uint64(self.forced), np.uint64(self.allowed)
        inside: NDArray[np.uint64] = models[((models & forced) == forced) & ((models & ~allowed) == 0)]
        return inside

    def first_starts(self) -> NDArray[np.uint64]:
        """Models to begin a search with: the smallest, and the largest with two-list terms."""
        pairs = sum(1 << j for j, term in enumerate(self.terms.tolist()) if term.bit_count() == 2)
        return np.array([self.forced, self.forced | pairs & self.allowed], dtype=np.uint64)


def search_space(
    histories: CaptureHistories, max_order: int | None, force: Sequence[str], forbid: Sequence[str]
) -> Space:
    """The space of an exhaustive search.

    Raises
    ------
    BadInput
        For an impossible order, more lists than can be searched, and terms that are unknown or contradict each other.
    """
    n_lists = histories.n_lists
    if n_lists > MOST_LISTS:
        raise BadInput(
            f"all hierarchical models of {n_lists} lists are too many to search exhaustively; merge lists until there "
            f"are {MOST_LISTS}, or use search='downhill'"
        )
    if max_order is not None and not 1 <= max_order <= n_lists - 1:
        raise BadInput(f"max_order={max_order!r} is not possible with {n_lists} lists; use 1 to {n_lists - 1}")
    terms = all_terms(n_lists, max_order)
    forced, forbidden = 0, 0
    for text in force:
        term = _term(text, histories.lists, terms)
        forced |= sum(1 << j for j, mask in enumerate(terms) if term & mask == mask)
    for text in forbid:
        term = _term(text, histories.lists, terms)
        forbidden |= sum(1 << j for j, mask in enumerate(terms) if term & mask == term)
    if forced & forbidden:
        raise BadInput(f"force={list(force)} and forbid={list(forbid)} contradict each other; no model satisfies both")
    possible = possible_cells(histories)
    allowed = (2 ** len(terms) - 1) & ~forbidden
    return Space(histories.lists, np.array(terms, dtype=np.int64), possible, max_order, forced, allowed)


def _term(text: str, lists: tuple[str, ...], terms: tuple[int, ...]) -> int:
    """The bitmask of one interaction given by its lists."""
    term = max(parse_model(f"[{text}]", lists).interactions, key=int.bit_count, default=0)
    if term not in terms:
        raise BadInput(
            f"the term {text!r} is not among the interactions that the search covers; name two lists or more"
        )
    return term
