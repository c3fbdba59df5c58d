"""From pairs to persons: greedy joining, the strongest pair first, at most one record per list in a person.

Two groups of records are joined on the evidence that all their pairs bear together: for each field the mean of its
log-likelihood ratios over the pairs in which it is known, summed over the fields. A sum over pairs would count one
field as often as there are pairs, and a single pair would let one chance agreement tie two persons together.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Evidence", "join_all", "sample_partitions"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """What every pair within a component of records says, field by field, and the pairs that may start a join.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n_pairs,)
        All pairs of records of one component, sorted by left, then right; left before right.
    log_ratio : ndarray of float64, shape (n_pairs, n_fields)
        Natural log of the likelihood ratio of each field; 0 where the field says nothing.
    order : ndarray of int64, shape (n_tried,)
        The pairs that may start a join, the strongest first.
    prior : float
        Probability that a pair of records of two lists is one person.
    """

    left: Indices
    right: Indices
    log_ratio: NDArray[np.float64]
    order: Indices
    prior: float


def join_all(left: Indices, right: Indices, *, n_records: int) -> Indices:
    """Join every pair with no regard to lists: the first record of its group for each record, shape (n_records,).

    Examples
    --------
    >>> join_all(np.array([0, 1]), np.array([2, 3]), n_records=5).tolist()
    [0, 1, 0, 1, 4]
    """
    return np.asarray(_join_all(left, right, np.arange(n_records, dtype=np.int64)))


def sample_partitions(
    evidence: Evidence, *, list_of_record: Indices, same_person: Indices, n_draws: int, seed: int
) -> NDArray[np.int32]:
    """Draw partitions: one pass over the pairs, each joining its two groups with the probability they bear together.

    A first version of the posterior over who is whom: one greedy pass, in which a join once made is not undone. One
    draw is not random: it joins what is at least as likely as not.

    Parameters
    ----------
    evidence : Evidence
    list_of_record : ndarray of int64, shape (n_records,)
        Number of the list of each record, from 0.
    same_person : ndarray of int64, shape (n_records,)
        First record of the group that each record belongs to from the start (duplicates within a list).
    n_draws, seed : int

    Returns
    -------
    ndarray of int32, shape (n_draws, n_records)
        Person of each record.
    """
    n_records = len(list_of_record)
    start = np.searchsorted(evidence.left, np.arange(n_records + 1)).astype(np.int64)
    bits = np.zeros((n_records, int(list_of_record.max(initial=0)) // 64 + 1), np.uint64)
    bits[same_person, list_of_record // 64] = np.uint64(1) << (list_of_record % 64).astype(np.uint64)
    log_prior = float(np.log(evidence.prior) - np.log1p(-evidence.prior))
    persons = np.empty((n_draws, n_records), np.int32)
    for draw, child in enumerate(np.random.SeedSequence(seed).spawn(n_draws)):
        key = np.uint64(0 if n_draws == 1 else child.generate_state(1, np.uint64)[0])
        persons[draw] = _join_by_evidence(
            evidence.left[evidence.order],
            evidence.right[evidence.order],
            start,
            evidence.right,
            evidence.log_ratio,
            log_prior,
            same_person.copy(),
            bits.copy(),
            key,
            n_draws > 1,
        )
    return persons


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


@njit(cache=True)
def _uniform(key, a, b):  # type: ignore[no-untyped-def]
    """A number in [0, 1) for two groups in one draw, the same whenever they meet again (SplitMix64)."""
    x = key + np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xD1B54A32D192ED03)
    for _ in range(2):
        x += np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True)
def _pair_at(start, neighbours, a, b):  # type: ignore[no-untyped-def]
    """Position of the pair of two records among all pairs, -1 where there is none."""
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
            pair = _pair_at(start, neighbours, one, other)
            if pair >= 0:
                for field in range(n_fields):
                    if log_ratio[pair, field] != 0.0:
                        total[field] += log_ratio[pair, field]
                        known[field] += 1.0
            other = following[other]
        one = following[one]
    return np.sum(total / np.maximum(known, 1.0))


@njit(cache=True)
def _join_by_evidence(left, right, start, neighbours, log_ratio, log_prior, root, on_list, key, is_random):  # type: ignore[no-untyped-def]
    n_records = len(root)
    following = np.full(n_records, -1, np.int64)  # the records of a group, one after the other, from its root
    last = np.arange(n_records)
    for record in range(n_records):
        if root[record] != record:
            following[last[root[record]]] = record
            last[root[record]] = record
    for pair in range(len(left)):
        a, b = _find(root, left[pair]), _find(root, right[pair])
        a, b = min(a, b), max(a, b)
        if a == b or np.any(on_list[a] & on_list[b]):
            continue
        log_odds = log_prior + _mean_evidence(start, neighbours, log_ratio, following, a, b)
        probability = 1.0 / (1.0 + np.exp(-log_odds))
        if probability > _uniform(key, a, b) if is_random else probability >= 0.5:
            root[b] = a
            on_list[a] |= on_list[b]
            following[last[a]] = b
            last[a] = last[b]
    person = np.empty(n_records, np.int32)
    for record in range(n_records):
        person[record] = _find(root, record)
    return person
