"""From pairs to persons: greedy joining, the strongest pair first, on the evidence that all records of a group bear."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.evidence import Evidence, group_evidence, scratch_for

__all__ = ["join_all", "join_greedily"]

Indices = NDArray[np.int64]


def join_all(left: Indices, right: Indices, *, n_records: int) -> Indices:
    """Join every pair with no regard to lists: the first record of its group for each record, shape (n_records,).

    Examples
    --------
    >>> join_all(np.array([0, 1]), np.array([2, 3]), n_records=5).tolist()
    [0, 1, 0, 1, 4]
    """
    return np.asarray(_join_all(left, right, np.arange(n_records, dtype=np.int64)))


def join_greedily(evidence: Evidence, *, least: float = 0.5, by_size: bool = False) -> Indices:
    """Join the two groups of each listed pair, the strongest first, where they are one person with this probability.

    Groups that are both on one clean list stay apart.

    Parameters
    ----------
    evidence : Evidence
    least : float
        Probability from which on two groups are joined.
    by_size : bool
        Whether error rates follow from the size of a group, as the sampler takes them. A linkage without uncertainty
        takes those of pairs for all groups: on lists whose records err more than pairs tell (FEBRL) it finds more.

    Returns
    -------
    ndarray of int64, shape (n_records,)
        First record of the person of each record.
    """
    lists = evidence.list_of_record
    on_list = np.zeros((evidence.n_records, len(evidence.is_clean) // 64 + 1), np.uint64)
    bits = np.where(evidence.is_clean[lists], np.uint64(1) << (lists % 64).astype(np.uint64), np.uint64(0))
    on_list[np.arange(evidence.n_records), lists // 64] = bits
    log_prior = np.log(evidence.prior) - np.log1p(-evidence.prior)
    asked = float(np.log(least) - np.log1p(-least) - log_prior)
    listed, ratio = evidence.listed, evidence.ratio
    strong = np.flatnonzero(ratio >= asked)
    order = strong[np.lexsort((listed.right[strong], listed.left[strong], -np.round(ratio[strong], 9)))]
    pairs = evidence.pairs()
    if not by_size:
        pairs.by_size[:] = 0.0
    return np.asarray(_join_by_evidence(pairs, listed.left[order], listed.right[order], asked, on_list))


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
def _join_by_evidence(pairs, left, right, least, on_list):  # type: ignore[no-untyped-def]
    n_records = len(on_list)
    root = np.arange(n_records)
    following = np.full(n_records, -1, np.int64)  # the records of a group, one after the other, from its root
    last = np.arange(n_records)
    borne = np.zeros(n_records)
    members = np.zeros(n_records, np.int64)
    scratch, most = scratch_for(pairs, 64), 64
    for pair in range(len(left)):
        a, b = _find(root, left[pair]), _find(root, right[pair])
        a, b = min(a, b), max(a, b)
        if a == b or np.any(on_list[a] & on_list[b]):
            continue
        n_members = 0
        for group in (a, b):
            one = group
            while one >= 0:
                members[n_members] = one
                n_members += 1
                one = following[one]
        if n_members > most:
            scratch, most = scratch_for(pairs, 2 * n_members), 2 * n_members
        together = group_evidence(pairs, members, n_members, scratch)
        if together - borne[a] - borne[b] >= least:
            root[b] = a
            borne[a] = together
            on_list[a] |= on_list[b]
            following[last[a]] = b
            last[a] = last[b]
    for record in range(n_records):
        root[record] = _find(root, record)
    return root
