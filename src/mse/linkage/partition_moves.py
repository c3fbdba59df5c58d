"""Gibbs moves over partitions: one record at a time leaves its person and joins another, or becomes one of its own.

A person is a group of records, at most one of each list, held together by edges, all of whose pairs were compared.
Its likelihood, against records that are all different persons, is a product over fields. In each field one of its
records is the hub that tells the person's value, and the others are copies of the hub's, which err independently: the
product of their likelihood ratios with the hub, averaged over the records that could be the hub, which are those that
tell the field most finely: two full dates that differ are not reconciled by a third record with the year alone. So each
of k records brings the evidence of a field once, not k(k - 1)/2 times, and one slip does not count against all others.
"""

import numpy as np
from numba import njit

from mse.linkage.clustering import pair_at
from mse.linkage.population_size import draw_size

__all__ = ["group_evidence", "sweeps"]


@njit(cache=True, nogil=True)
def group_evidence(start, neighbours, log_ratio, detail, members, n_members):  # type: ignore[no-untyped-def]
    """Log-likelihood ratio of a group of records: one person against all different; -inf with a pair not compared.

    Parameters
    ----------
    start, neighbours : ndarrays
        Compared pairs of record a with later records: ``neighbours[start[a]:start[a + 1]]``, ascending.
    log_ratio : ndarray of float64, shape (n_pairs, n_fields)
    detail : ndarray of int64, shape (n_records, n_fields)
    members : ndarray of int64, shape (at least n_members,)
    n_members : int
    """
    n_fields = log_ratio.shape[1]
    if n_members < 2:
        return 0.0
    if n_members == 2:
        pair = pair_at(start, neighbours, members[0], members[1])
        return np.sum(log_ratio[pair]) if pair >= 0 else -np.inf
    of_hub = np.zeros((n_fields, n_members))
    knows = np.zeros((n_fields, n_members), np.bool_)
    for i in range(n_members):
        for j in range(i):
            pair = pair_at(start, neighbours, members[i], members[j])
            if pair < 0:
                return -np.inf
            for field in range(n_fields):
                ratio = log_ratio[pair, field]
                if ratio != 0.0:
                    of_hub[field, i] += ratio
                    of_hub[field, j] += ratio
                    knows[field, i] = knows[field, j] = True
    evidence = 0.0
    for field in range(n_fields):
        finest = -1
        for i in range(n_members):
            if knows[field, i]:
                finest = max(finest, detail[members[i], field])
        largest, n_hubs = -np.inf, 0
        for i in range(n_members):
            if knows[field, i] and detail[members[i], field] == finest:
                largest = max(largest, of_hub[field, i])
                n_hubs += 1
        if n_hubs:
            total = 0.0
            for i in range(n_members):
                if knows[field, i] and detail[members[i], field] == finest:
                    total += np.exp(of_hub[field, i] - largest)
            evidence += largest + np.log(total / n_hubs)
    return evidence


@njit(cache=True, nogil=True)
def _holds_together(start, neighbours, is_edge, members, n_members):  # type: ignore[no-untyped-def]
    """Whether edges lead from each of these records to each other one."""
    if n_members < 2:
        return True
    reached = np.zeros(n_members, np.bool_)
    waiting = np.zeros(n_members, np.int64)
    reached[0], n_waiting, n_reached = True, 1, 1
    while n_waiting:
        n_waiting -= 1
        one = waiting[n_waiting]
        for other in range(n_members):
            if not reached[other]:
                pair = pair_at(start, neighbours, members[one], members[other])
                if pair >= 0 and is_edge[pair]:
                    reached[other] = True
                    waiting[n_waiting] = other
                    n_waiting += 1
                    n_reached += 1
    return n_reached == n_members


@njit(cache=True, nogil=True)
def _has_list(list_of_record, members, n_members, own_list):  # type: ignore[no-untyped-def]
    found = False
    for i in range(n_members):
        found = found or list_of_record[members[i]] == own_list
    return found


@njit(cache=True, nogil=True)
def _chosen(weights, n_weights, uniform):  # type: ignore[no-untyped-def]
    """Position drawn with these log weights."""
    largest = np.max(weights[:n_weights])
    total = np.sum(np.exp(weights[:n_weights] - largest))
    left = uniform * total
    for i in range(n_weights):
        left -= np.exp(weights[i] - largest)
        if left < 0.0:
            return i
    return n_weights - 1


@njit(cache=True, nogil=True)
def sweeps(  # type: ignore[no-untyped-def]
    list_of_record, start, neighbours, log_ratio, detail, is_edge, edge_start, edge_to,
    person, size, sizes, log_weight, fixed, n_sweeps, rng,
):  # fmt: skip
    """Run sweeps over all records, drawing the population after each one unless it is fixed.

    Parameters
    ----------
    is_edge : ndarray of bool, shape (n_pairs,)
        The pairs that hold a group together.
    edge_start, edge_to : ndarrays of int64
        The records that an edge leads to from record a: ``edge_to[edge_start[a]:edge_start[a + 1]]``.
    person : ndarray of int64, shape (n_records,)
        Person of each record, below n_records; changed in place.
    size : float
        Persons in the population at the start.
    sizes, log_weight : ndarrays
        Of a `SizeGrid`.
    fixed : bool
        Whether `size` stays as it is. Then a new person never weighs less than one of those there are.
    rng : numpy.random.Generator

    Returns
    -------
    n_persons : ndarray of int64, shape (n_sweeps,)
    population : ndarray of float64, shape (n_sweeps,)
    """
    n_records = len(person)
    n_lists = np.max(list_of_record) + 1
    members = np.zeros((n_records, n_lists), np.int64)
    n_members = np.zeros(n_records, np.int64)
    for record in range(n_records):
        own = person[record]
        members[own, n_members[own]] = record
        n_members[own] += 1
    free = np.zeros(n_records, np.int64)
    n_free = 0
    evidence = np.zeros(n_records)
    for own in range(n_records):
        if n_members[own] == 0:
            free[n_free] = own
            n_free += 1
        else:
            evidence[own] = group_evidence(start, neighbours, log_ratio, detail, members[own], n_members[own])
    seen = np.full(n_records, -1, np.int64)
    most = 1
    for record in range(n_records):
        most = max(most, edge_start[record + 1] - edge_start[record] + 1)
    candidates, weights, joined = np.zeros(most, np.int64), np.zeros(most), np.zeros(most)
    group = np.zeros(n_lists + 1, np.int64)
    cumulated = np.zeros(len(sizes))
    n_persons_of, population = np.zeros(n_sweeps, np.int64), np.zeros(n_sweeps)
    for sweep in range(n_sweeps):
        seen[:] = -1
        for record in range(n_records):
            if edge_start[record] == edge_start[record + 1]:
                continue
            own = person[record]
            rest = 0
            for i in range(n_members[own]):
                if members[own, i] != record:
                    group[rest] = members[own, i]
                    rest += 1
            # Without this record the others must still be a group; if not, it can be nowhere else.
            if rest > 1 and not _holds_together(start, neighbours, is_edge, group, rest):
                continue
            if rest < n_members[own]:
                for i in range(rest):
                    members[own, i] = group[i]
                n_members[own] = rest
            evidence[own] = group_evidence(start, neighbours, log_ratio, detail, group, rest)
            if rest == 0:
                free[n_free] = own
                n_free += 1
            n_without = n_records - n_free
            hidden = max(size - n_without, 1.0 if fixed else 0.0)
            candidates[0], weights[0], joined[0] = -1, np.log(hidden) if hidden > 0.0 else -np.inf, 0.0
            n_candidates = 1
            for edge in range(edge_start[record], edge_start[record + 1]):
                other = person[edge_to[edge]]
                if seen[other] == record or _has_list(
                    list_of_record, members[other], n_members[other], list_of_record[record]
                ):
                    continue
                seen[other] = record
                for i in range(n_members[other]):
                    group[i] = members[other, i]
                group[n_members[other]] = record
                together = group_evidence(start, neighbours, log_ratio, detail, group, n_members[other] + 1)
                if together > -np.inf:
                    candidates[n_candidates] = other
                    joined[n_candidates] = together
                    weights[n_candidates] = together - evidence[other]
                    n_candidates += 1
            place = _chosen(weights, n_candidates, rng.random())
            to = candidates[place]
            if place == 0:
                n_free -= 1
                to = free[n_free]
            members[to, n_members[to]] = record
            n_members[to] += 1
            evidence[to] = joined[place]
            person[record] = to
        n_persons = n_records - n_free
        if not fixed:
            size = draw_size(sizes, log_weight, n_persons, rng.random(), cumulated)
        n_persons_of[sweep], population[sweep] = n_persons, size
    return n_persons_of, population
