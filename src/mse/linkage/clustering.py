"""From pairs to persons: greedy joining, the strongest pair first, at most one record per list in a person.

Two groups of records are joined on the evidence that all their pairs bear together: for each field the mean of its
log-likelihood ratios over the pairs in which it is known, summed over the fields. A sum over pairs would count one
field as often as there are pairs, and a single pair would let one chance agreement tie two persons together.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Evidence", "join_all", "join_greedily", "pair_at"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """What compared pairs of records say, field by field, and the edges: the pairs that hold a person together.

    Attributes
    ----------
    list_of_record : ndarray of int64, shape (n_records,)
        Number of the list of each record, from 0.
    left, right : ndarray of int64, shape (n_pairs,)
        The compared pairs, sorted by left, then right; left before right.
    log_ratio : ndarray of float64, shape (n_pairs, n_fields)
        Natural log of the likelihood ratio of each field; 0 where the field says nothing.
    detail : ndarray of int64, shape (n_records, n_fields)
        How finely a record is known to tell a field: above 0 for a full date beside a mere year, say.
    edges : ndarray of int64, shape (n_edges,)
        Positions of the edges among the pairs, the strongest first.
    prior : float
        Probability that a pair of records of two lists is one person.
    """

    list_of_record: Indices
    left: Indices
    right: Indices
    log_ratio: NDArray[np.float64]
    detail: Indices
    edges: Indices
    prior: float

    @property
    def n_records(self) -> int:
        return len(self.list_of_record)

    @property
    def start(self) -> Indices:
        """Where the pairs of each record with later ones begin, shape (n_records + 1,)."""
        return np.searchsorted(self.left, np.arange(self.n_records + 1)).astype(np.int64)


def join_all(left: Indices, right: Indices, *, n_records: int) -> Indices:
    """Join every pair with no regard to lists: the first record of its group for each record, shape (n_records,).

    Examples
    --------
    >>> join_all(np.array([0, 1]), np.array([2, 3]), n_records=5).tolist()
    [0, 1, 0, 1, 4]
    """
    return np.asarray(_join_all(left, right, np.arange(n_records, dtype=np.int64)))


def join_greedily(evidence: Evidence, *, least: float = 0.5) -> Indices:
    """Join the two groups of each edge, the strongest edge first, where they are one person with this probability.

    Groups with a pair that was not compared stay apart, as do groups that are on one list.

    Parameters
    ----------
    evidence : Evidence
    least : float
        Probability from which on two groups are joined.

    Returns
    -------
    ndarray of int64, shape (n_records,)
        First record of the person of each record.
    """
    on_list = np.zeros((evidence.n_records, int(evidence.list_of_record.max(initial=0)) // 64 + 1), np.uint64)
    bits = np.uint64(1) << (evidence.list_of_record % 64).astype(np.uint64)
    on_list[np.arange(evidence.n_records), evidence.list_of_record // 64] = bits
    log_prior = np.log(evidence.prior) - np.log1p(-evidence.prior)
    return np.asarray(
        _join_by_evidence(
            evidence.left[evidence.edges],
            evidence.right[evidence.edges],
            evidence.start,
            evidence.right,
            evidence.log_ratio,
            float(np.log(least) - np.log1p(-least) - log_prior),
            on_list,
        )
    )


@njit(cache=True)
def _find(root, record):  # type: ignore[no-untyped-def]
    while root[record] != record:
        root[record] = root[root[record]]
        record = root[record]
    return record


@njit(cache=True)
def _join_all(left, right, root):  # type: ignore[no-untyped-def]
    for pair in range(len(left)):
        a, b = _find(root, left[pair]), _find(root, right[pair])
        root[max(a, b)] = min(a, b)
    for record in range(len(root)):
        root[record] = _find(root, record)
    return root


@njit(cache=True, nogil=True)
def pair_at(start, neighbours, a, b):  # type: ignore[no-untyped-def]
    """Position of the pair of two records among all pairs, -1 where they were not compared."""
    low, high = start[min(a, b)], start[min(a, b) + 1]
    wanted = max(a, b)
    while low < high:
        middle = (low + high) // 2
        if neighbours[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < start[min(a, b) + 1] and neighbours[low] == wanted else -1


@njit(cache=True)
def _mean_evidence(start, neighbours, log_ratio, following, a, b):  # type: ignore[no-untyped-def]
    """Sum over fields of the mean log-likelihood ratio over the pairs of two groups that know the field."""
    n_fields = log_ratio.shape[1]
    total, known = np.zeros(n_fields), np.zeros(n_fields)
    one = a
    while one >= 0:
        other = b
        while other >= 0:
            pair = pair_at(start, neighbours, one, other)
            if pair < 0:
                return -np.inf
            for field in range(n_fields):
                if log_ratio[pair, field] != 0.0:
                    total[field] += log_ratio[pair, field]
                    known[field] += 1.0
            other = following[other]
        one = following[one]
    return np.sum(total / np.maximum(known, 1.0))


@njit(cache=True)
def _join_by_evidence(left, right, start, neighbours, log_ratio, least, on_list):  # type: ignore[no-untyped-def]
    n_records = len(on_list)
    root = np.arange(n_records)
    following = np.full(n_records, -1, np.int64)  # the records of a group, one after the other, from its root
    last = np.arange(n_records)
    for pair in range(len(left)):
        a, b = _find(root, left[pair]), _find(root, right[pair])
        a, b = min(a, b), max(a, b)
        if a == b or np.any(on_list[a] & on_list[b]):
            continue
        if _mean_evidence(start, neighbours, log_ratio, following, a, b) >= least:
            root[b] = a
            on_list[a] |= on_list[b]
            following[last[a]] = b
            last[a] = last[b]
    for record in range(n_records):
        root[record] = _find(root, record)
    return root
