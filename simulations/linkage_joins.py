"""From pairs or keys to persons, in the ways that are in use."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["join_by_keys", "join_components", "join_one_to_one"]

Indices = NDArray[np.int64]


def join_one_to_one(left: Indices, right: Indices, list_of_record: Indices) -> Indices:
    """Join the persons of each pair, the pairs in the order given, unless they are on one list.

    Parameters
    ----------
    left, right : ndarray of int64, shape (n_pairs,)
        The strongest pair first.
    list_of_record : ndarray of int64, shape (n_records,)

    Returns
    -------
    ndarray of int64, shape (n_records,)
        A number for the person of each record.
    """
    persons = _Persons(list_of_record)
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        persons.join(a, b)
    return persons.numbers()


def join_components(left: Indices, right: Indices, *, n_records: int) -> Indices:
    """Join all pairs, whatever lists that brings together."""
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n_records, n_records))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def join_by_keys(passes: Iterable[Sequence[Sequence[str]]], list_of_record: Indices) -> Indices:
    """Join the records that share a key, one kind of key after the other, at most one record per list in a person.

    A key that two records of one list carry tells nobody apart and joins nobody.

    Parameters
    ----------
    passes : iterable of sequence
        For each kind of key the keys of each record: none where it lacks what the key is made of.
    list_of_record : ndarray of int64, shape (n_records,)
    """
    persons = _Persons(list_of_record)
    for keys_of in passes:
        holders: dict[str, list[int]] = defaultdict(list)
        for record, keys in enumerate(keys_of):
            for key in dict.fromkeys(keys):
                holders[key].append(record)
        for records in holders.values():
            if len(set(list_of_record[records].tolist())) == len(records):
                for record in records[1:]:
                    persons.join(records[0], record)
    return persons.numbers()


class _Persons:
    """Records joined so far: a forest, with the lists of each root as bits."""

    def __init__(self, list_of_record: Indices) -> None:
        self.root = list(range(len(list_of_record)))
        self.lists = [1 << own for own in list_of_record.tolist()]

    def join(self, a: int, b: int) -> None:
        """Make two persons one, unless both are on some list."""
        a, b = self._find(a), self._find(b)
        if a != b and not self.lists[a] & self.lists[b]:
            self.root[max(a, b)] = min(a, b)
            self.lists[min(a, b)] |= self.lists[max(a, b)]

    def numbers(self) -> Indices:
        return np.array([self._find(record) for record in range(len(self.root))], np.int64)

    def _find(self, record: int) -> int:
        while self.root[record] != record:
            self.root[record] = self.root[self.root[record]]
            record = self.root[record]
        return record
