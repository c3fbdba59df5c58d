"""All decomposable graphs on a few lists, each as one factor for every list.

The distribution of a decomposable graph is a product of conditional ones: with the lists in an order in which the
earlier neighbours of each are joined to one another, list v depends on those neighbours alone (Tarjan and Yannakakis
1984, doi:10.1137/0213035). A graph is therefore held as K rows of one table over (list, set of earlier neighbours).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["DecomposableGraphs", "decomposable_graphs"]


@dataclass(frozen=True, eq=False)
class DecomposableGraphs:
    """The decomposable graphs on K lists.

    Attributes
    ----------
    n_lists : int
    edges : ndarray of int32, shape (n_graphs,)
        A bit for each pair of lists, the first pair of `pairs` the lowest.
    factors : ndarray of int16, shape (n_graphs, n_lists)
        For each list a factor: ``list * 2**n_lists + set of lists it depends on``, sets with the bits of a history.
    """

    n_lists: int
    edges: NDArray[np.int32]
    factors: NDArray[np.int16]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of lists, by position, in the order of the bits of `edges`."""
        return tuple(combinations(range(self.n_lists), 2))

    def __len__(self) -> int:
        return len(self.edges)

    def cliques(self, graph: int) -> frozenset[int]:
        """The largest sets of lists that are all joined to each other; single lists among them."""
        bit = [1 << (self.n_lists - 1 - j) for j in range(self.n_lists)]
        families = {bit[row >> self.n_lists] | row & (2**self.n_lists - 1) for row in self.factors[graph].tolist()}
        return frozenset(a for a in families if not any(a & b == a and a != b for b in families))

    def has_edge(self, pair: int) -> NDArray[np.bool_]:
        """Which graphs join this pair of lists, shape (n_graphs,)."""
        return (self.edges >> pair & 1).astype(np.bool_)


@lru_cache(maxsize=8)
def decomposable_graphs(n_lists: int) -> DecomposableGraphs:
    """Every decomposable graph on `n_lists` labelled lists, by testing every set of edges.

    Examples
    --------
    >>> [len(decomposable_graphs(k)) for k in (3, 4, 5)]
    [8, 61, 822]
    """
    pairs = np.array(list(combinations(range(n_lists), 2)), dtype=np.int64).reshape(-1, 2)
    edges, factors = _decomposable(n_lists, pairs)
    return DecomposableGraphs(n_lists, edges, factors)


@numba.njit(cache=True)
def _decomposable(n_lists, pairs):  # type: ignore[no-untyped-def]
    """Maximum cardinality search on every graph; it meets the lists in such an order iff the graph is decomposable."""
    n_pairs = len(pairs)
    edges = np.empty(1 << n_pairs, np.int32)
    factors = np.empty((1 << n_pairs, n_lists), np.int16)
    bit = np.array([1 << (n_lists - 1 - j) for j in range(n_lists)])
    neighbours = np.empty(n_lists, np.int64)
    n_found = 0
    for graph in range(1 << n_pairs):
        neighbours[:] = 0
        for e in range(n_pairs):
            if graph >> e & 1:
                a, b = pairs[e]
                neighbours[a] |= bit[b]
                neighbours[b] |= bit[a]
        met = 0
        chordal = True
        for _ in range(n_lists):
            best, most = -1, -1
            for v in range(n_lists):
                if met & bit[v] == 0:
                    size = _bit_count(neighbours[v] & met)
                    if size > most:
                        best, most = v, size
            earlier = neighbours[best] & met
            for u in range(n_lists):
                if earlier & bit[u] and earlier & ~(neighbours[u] | bit[u]):
                    chordal = False
            if not chordal:
                break
            factors[n_found, best] = best * (1 << n_lists) + earlier
            met |= bit[best]
        if chordal:
            edges[n_found] = graph
            n_found += 1
    return edges[:n_found].copy(), factors[:n_found].copy()


@numba.njit(cache=True)
def _bit_count(bits):  # type: ignore[no-untyped-def]
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count
