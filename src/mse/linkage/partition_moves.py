"""Moves over partitions and error rates: each leaves the joint posterior as it is.

A sweep takes each record out of its person and puts it with any person to whom a listed pair leads, or makes it one of
its own (Gibbs). Whole persons of several records are then joined along a listed pair, or parted (Metropolis-Hastings):
one record at a time would have to leave those that it surely belongs to. Where all pairs can be compared, each record
tries a person picked at random, or leaves its person: so the pairs that are too unlikely to be listed, of which there
are very many, have their chance. Last the error rates are drawn, given who is whom, and then the population's size.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.linkage.evidence import (
    LARGEST_SIZE,
    field_mean,
    group_evidence,
    hubs,
    pair_levels,
    ratios_within,
    scratch_for,
    weigh,
    weigh_chances,
)
from mse.linkage.population_size import draw_size, draw_size_of_few, expected_unlisted

__all__ = ["sweeps"]

LARGEST = 40  # records of one list with duplicates that a person has at most


class Partition(NamedTuple):
    """Who is whom, in arrays that the moves change in place.

    Attributes
    ----------
    person : ndarray of int64, shape (n_records,)
        Person of each record, below n_records.
    members : ndarray of int64, shape (n_records, most)
        Records of each person.
    n_members : ndarray of int64, shape (n_records,)
    evidence : ndarray of float64, shape (n_records,)
        That each person's records are one.
    free : ndarray of int64, shape (n_records + 1,)
        Numbers of no person, and last how many there are.
    """

    person: NDArray[np.int64]
    members: NDArray[np.int64]
    n_members: NDArray[np.int64]
    evidence: NDArray[np.float64]
    free: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _partition(person, list_of_record, is_clean):  # type: ignore[no-untyped-def]
    """The partition in which each record has this person; `person` is the array that changes."""
    n = len(person)
    n_members = np.zeros(n, np.int64)
    for record in range(n):
        n_members[person[record]] += 1
    most = max(len(is_clean) + LARGEST * np.sum(~is_clean), np.max(n_members))
    members, free = np.zeros((n, most), np.int64), np.zeros(n + 1, np.int64)
    n_members[:] = 0
    for record in range(n):
        own = person[record]
        members[own, n_members[own]] = record
        n_members[own] += 1
    for own in range(n):
        if n_members[own] == 0:
            free[free[n]] = own
            free[n] += 1
    return Partition(person, members, n_members, np.zeros(n), free)


@njit(cache=True, nogil=True)
def _move(now, record, to, without, together):  # type: ignore[no-untyped-def]
    """Put a record with another person, or with a new one where `to` is -1; then the evidence of the two."""
    n, own = len(now.person), now.person[record]
    at = 0
    for i in range(now.n_members[own]):
        if now.members[own, i] != record:
            now.members[own, at] = now.members[own, i]
            at += 1
    now.n_members[own] = at
    now.evidence[own] = without
    if to < 0:
        now.free[n] -= 1
        to = now.free[now.free[n]]
    if at == 0:
        now.free[now.free[n]] = own
        now.free[n] += 1
    now.members[to, now.n_members[to]] = record
    now.n_members[to] += 1
    now.evidence[to] = together
    now.person[record] = to


@njit(cache=True, nogil=True)
def _others(now, record, group):  # type: ignore[no-untyped-def]
    """Write the other records of a record's person; returns how many there are."""
    own, n = now.person[record], 0
    for i in range(now.n_members[own]):
        if now.members[own, i] != record:
            group[n] = now.members[own, i]
            n += 1
    return n


@njit(cache=True, nogil=True)
def _joined(now, record, to, group):  # type: ignore[no-untyped-def]
    """Write the records of a person and this one; returns how many there are."""
    n = now.n_members[to]
    for i in range(n):
        group[i] = now.members[to, i]
    group[n] = record
    return n + 1


@njit(cache=True, nogil=True)
def _has_room(now, record, to, list_of_record, is_clean):  # type: ignore[no-untyped-def]
    """Whether a person may have this record too: none of the same list, where it holds nobody twice."""
    if now.n_members[to] >= now.members.shape[1]:
        return False
    own_list = list_of_record[record]
    if is_clean[own_list]:
        for i in range(now.n_members[to]):
            if list_of_record[now.members[to, i]] == own_list:
                return False
    return True


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
def _along_listed_pairs(pairs, now, list_of_record, is_clean, edges, size, fixed, unlisted, is_mean, scratch, rng):  # type: ignore[no-untyped-def]
    """Gibbs: each record goes to one of the persons to whom a listed pair leads, or becomes one of its own.

    A record that is where no listed pair leads stays: it could not come back.
    """
    n_records = len(now.person)
    edge_start, edge_to, edge_pair = edges
    most = 1
    for record in range(n_records):
        most = max(most, edge_start[record + 1] - edge_start[record] + 1)
    candidates, weights, joined = np.zeros(most, np.int64), np.zeros(most), np.zeros(most)
    group = np.zeros(now.members.shape[1] + 1, np.int64)
    seen = np.full(n_records, -1, np.int64)
    for record in range(n_records):
        own = now.person[record]
        leads_back = now.n_members[own] == 1
        for edge in range(edge_start[record], edge_start[record + 1]):
            leads_back = leads_back or now.person[edge_to[edge]] == own
        if not leads_back or edge_start[record] == edge_start[record + 1]:
            continue
        rest = _others(now, record, group)
        without = group_evidence(pairs, group, rest, scratch)
        of_own = field_mean(pairs, record, group, rest, scratch) if is_mean else 0.0
        n_persons = n_records - now.free[n_records] - (1 if rest == 0 else 0)
        candidates[0], weights[0], joined[0] = -1, _log_hidden(size, n_persons, fixed, unlisted), 0.0
        n_candidates = 1
        for edge in range(edge_start[record], edge_start[record + 1]):
            other = now.person[edge_to[edge]]
            if seen[other] == record:
                continue
            seen[other] = record
            together, before = now.evidence[own], without
            if other != own:
                if not _has_room(now, record, other, list_of_record, is_clean):
                    continue
                if now.n_members[other] == 1:
                    together, before = pairs.total[edge_pair[edge]], 0.0
                else:
                    n = _joined(now, record, other, group)
                    together, before = group_evidence(pairs, group, n, scratch), now.evidence[other]
            gain = together - before
            if is_mean and other == own:
                gain = of_own
            elif is_mean and now.n_members[other] > 1:
                gain = field_mean(pairs, record, now.members[other], now.n_members[other], scratch)
            if gain > -np.inf:
                candidates[n_candidates], joined[n_candidates] = other, together
                weights[n_candidates] = gain
                n_candidates += 1
        place = _chosen(weights, n_candidates, rng.random())
        if candidates[place] != own and (place > 0 or rest > 0):
            _move(now, record, candidates[place], without, joined[place])


@njit(cache=True, nogil=True)
def _whole_persons(pairs, now, list_of_record, is_clean, edges, size, fixed, unlisted, scratch, rng):  # type: ignore[no-untyped-def]
    """Metropolis-Hastings along listed pairs: two persons of several records each are joined, or one is parted in two.

    A person is parted so that the two records of the pair are apart, and every other one goes with either of them with
    chance one half; joining has one way, so that its acceptance has the chance of that parting.
    """
    n_records, most = len(now.person), now.members.shape[1]
    edge_start, edge_to, _ = edges
    group, rest = np.zeros(2 * most, np.int64), np.zeros(most, np.int64)
    for record in range(n_records):
        for edge in range(edge_start[record], edge_start[record + 1]):
            other = edge_to[edge]
            own, to = now.person[record], now.person[other]
            n_own, n_to = now.n_members[own], now.n_members[to]
            if other < record or n_own < 2 or n_to < 2 or (own == to and n_own < 4):
                continue
            n_persons = n_records - now.free[n_records]
            if own != to:
                if n_own + n_to > most or not _may_be_one(now, own, to, list_of_record, is_clean):
                    continue
                group[:n_own] = now.members[own, :n_own]
                group[n_own : n_own + n_to] = now.members[to, :n_to]
                together = group_evidence(pairs, group, n_own + n_to, scratch)
                gain = together - now.evidence[own] - now.evidence[to]
                gain -= _log_hidden(size, n_persons - 1, fixed, unlisted)
                if np.log(rng.random()) < gain - np.log(2.0) * (n_own + n_to - 2):
                    for i in range(n_own, n_own + n_to):
                        _move(now, group[i], own, 0.0, together)
                continue
            n_group, n_rest = 0, 0
            for i in range(n_own):
                one = now.members[own, i]
                if one == other or (one != record and rng.random() < 0.5):
                    group[n_group] = one
                    n_group += 1
                else:
                    rest[n_rest] = one
                    n_rest += 1
            if n_group < 2 or n_rest < 2:
                continue
            without, apart = (
                group_evidence(pairs, rest, n_rest, scratch),
                group_evidence(pairs, group, n_group, scratch),
            )
            gain = without + apart - now.evidence[own] + _log_hidden(size, n_persons, fixed, unlisted)
            if np.log(rng.random()) < gain + np.log(2.0) * (n_own - 2):
                _move(now, group[0], -1, without, apart)
                for i in range(1, n_group):
                    _move(now, group[i], now.person[group[0]], without, apart)


@njit(cache=True, nogil=True)
def _may_be_one(now, own, to, list_of_record, is_clean):  # type: ignore[no-untyped-def]
    """Whether two persons share no list that holds nobody twice."""
    for i in range(now.n_members[own]):
        own_list = list_of_record[now.members[own, i]]
        if is_clean[own_list]:
            for j in range(now.n_members[to]):
                if list_of_record[now.members[to, j]] == own_list:
                    return False
    return True


@njit(cache=True, nogil=True)
def _anywhere(pairs, now, list_of_record, is_clean, n_on_list, size, fixed, unlisted, is_mean, turn, scratch, rng):  # type: ignore[no-untyped-def]
    """Metropolis-Hastings: a record by itself tries the person of another one, any other record leaves its person.

    Every second record takes its turn: most tries lead nowhere, and one in two sweeps is enough of them.
    """
    n_records = len(now.person)
    group = np.zeros(now.members.shape[1] + 1, np.int64)
    for record in range(turn, n_records, 2):
        own, own_list = now.person[record], list_of_record[record]
        n_persons = n_records - now.free[n_records]
        n_others = n_records - (n_on_list[own_list] if is_clean[own_list] else 1)
        if n_others == 0:
            continue
        if now.n_members[own] == 1:
            other = record
            while other == record or (is_clean[own_list] and list_of_record[other] == own_list):
                other = rng.integers(0, n_records)
            to = now.person[other]
            if not _has_room(now, record, to, list_of_record, is_clean):
                continue
            n = _joined(now, record, to, group)
            together = group_evidence(pairs, group, n, scratch)
            gain = together - now.evidence[to]
            if is_mean:
                gain = field_mean(pairs, record, now.members[to], now.n_members[to], scratch)
            gain -= _log_hidden(size, n_persons - 1, fixed, unlisted)
            if np.log(rng.random()) < gain + np.log(n_others / (n - 1.0)):
                _move(now, record, to, 0.0, together)
        else:
            rest = _others(now, record, group)
            without = group_evidence(pairs, group, rest, scratch)
            gain = without - now.evidence[own]
            if is_mean:
                gain = -field_mean(pairs, record, group, rest, scratch)
            gain += _log_hidden(size, n_persons, fixed, unlisted)
            if np.log(rng.random()) < gain - np.log(n_others / float(rest)):
                _move(now, record, -1, without, 0.0)


@njit(cache=True, nogil=True)
def _log_hidden(size, n_persons, fixed, unlisted):  # type: ignore[no-untyped-def]
    """Log of the persons that a new one may be; never below one where the size is given.

    As many as are not on the lists, or as independent lists leave out (`unlisted`, below 0 where the former).
    """
    hidden = max(size - n_persons if unlisted < 0.0 else unlisted, 1.0 if fixed else 0.0)
    return np.log(hidden) if hidden > 0.0 else -np.inf


@njit(cache=True, nogil=True)
def _hidden_error(ladder, scales, comparison, size, uniform):  # type: ignore[no-untyped-def]
    """Level that a copy which agrees with its hub would have shown at the error rates of pairs.

    In a group of more than two a copy differs from its hub less often than the two records of a pair do. The
    m-probabilities are those of pairs, so that part of the errors that they speak of is not there to be seen.
    """
    if size <= 2:
        return 0
    first, end = ladder.first[comparison], ladder.first[comparison + 1]
    hidden = 1.0 - size / (2.0 * (size - 1.0))
    agrees = np.exp(scales.log_m[first])
    left = uniform * (agrees + hidden * (1.0 - agrees)) - agrees
    level = 0
    while left > 0.0 and first + level + 1 < end:
        level += 1
        left -= hidden * np.exp(scales.log_m[first + level])
    return level


@njit(cache=True, nogil=True)
def _draw_m(pairs, pseudo, members, n_members, scratch, rng):  # type: ignore[no-untyped-def]
    """Draw the m-probabilities: each record of a group is a copy of its hub's, and so shows its errors."""
    ladder, scales = pairs.ladder, pairs.scales
    n_comparisons, n_fields = len(ladder.field), pairs.ratios.shape[1]
    shape = pseudo.copy()
    most = members.shape[1]
    levels, of_hub, n_known = scratch.levels, scratch.of_hub, scratch.n_known
    weights = np.zeros(most)
    for own in range(len(n_members)):
        n = n_members[own]
        if n < 2:
            continue
        if n > 2:
            ratios_within(pairs, members[own], n, scratch)
        for field in range(n_fields):
            hub = 0
            if n > 2:
                n_hubs = hubs(pairs.detail, of_hub, n_known, field, members[own], n)[1]
                if not n_hubs:
                    continue
                for i in range(n):
                    weights[i] = of_hub[field, i] if n_known[field, i] > 0.0 else -np.inf
                hub = _chosen(weights, n, rng.random())
            for i in range(n):
                if i != hub and pair_levels(pairs, members[own, hub], members[own, i], levels):
                    for comparison in range(n_comparisons):
                        if ladder.field[comparison] == field and levels[comparison] >= 0:
                            level = levels[comparison]
                            if level == 0 and n > 2:
                                size = min(int(n_known[field, hub]) + 1, LARGEST_SIZE)
                                level = _hidden_error(ladder, scales, comparison, size, rng.random())
                            shape[ladder.first[comparison] + level] += 1.0
    for comparison in range(n_comparisons):
        total = 0.0
        for column in range(ladder.first[comparison], ladder.first[comparison + 1]):
            shape[column] = max(rng.standard_gamma(shape[column]), 1e-12)
            total += shape[column]
        for column in range(ladder.first[comparison], ladder.first[comparison + 1]):
            scales.log_m[column] = np.log(shape[column] / total)


@njit(cache=True, nogil=True)
def _draw_u(pairs, u, spread, rng):  # type: ignore[no-untyped-def]
    """Draw the u-probabilities from what the pairs within lists say of them."""
    ladder, scales = pairs.ladder, pairs.scales
    for comparison in range(len(ladder.field)):
        last = ladder.first[comparison + 1] - 1
        for state in range(ladder.n_states):
            total = 0.0
            for column in range(ladder.first[comparison], last):
                own = u[column, state]
                if spread[column, state] > 0.0:
                    shape = 1.0 / spread[column, state] ** 2
                    own *= max(rng.standard_gamma(shape) / shape, 1e-3)
                scales.log_u[column, state] = np.log(own)
                total += own
            for column in range(ladder.first[comparison], last):
                scales.log_u[column, state] -= np.log(max(total / 0.98, 1.0))
            scales.log_u[last, state] = np.log(1.0 - min(total, 0.98))


@njit(cache=True, nogil=True)
def sweeps(  # type: ignore[no-untyped-def]
    pairs, list_of_record, is_clean, edges, pseudo, u, u_spread,
    person, size, sizes, log_weight, expected, fixed, is_mean, n_sweeps, rng,
):  # fmt: skip
    """Run sweeps over all records.

    Parameters
    ----------
    pairs : Pairs
        Its scales and ratios are changed in place.
    is_clean : ndarray of bool, shape (n_lists,)
    edges : tuple of three ndarrays of int64
        ``start``, ``to``, ``pair``: the records that a listed pair leads to from record a are
        ``to[start[a]:start[a + 1]]``, and the positions of these pairs ``pair[start[a]:start[a + 1]]``.
    pseudo : ndarray of float64, shape (n_columns,)
        Dirichlet prior of the m-probabilities; empty where they stay as they are.
    u, u_spread : ndarray of float64, shape (n_columns, n_states)
        The u-probabilities are drawn once, at the start; those without spread stay as they are.
    person : ndarray of int64, shape (n_records,)
        Person of each record, below n_records; changed in place.
    size : float
        Persons in the population at the start.
    sizes, log_weight : ndarrays
        Of a `SizeGrid`.
    expected : ndarray of float64, shape (n_lists,)
        Persons expected on each list alone, changed in place, where N is the larger of two draws: from all persons, and
        from those on one list or two. Empty where N is drawn from all persons alone.
    fixed : bool
        Whether `size` stays as it is. Then a new person never weighs less than one of those there are.
    is_mean : bool
        Whether `mse.linkage.evidence.field_mean` tells whether a record goes to a person.
    rng : numpy.random.Generator

    Returns
    -------
    n_persons : ndarray of int64, shape (n_sweeps,)
    population : ndarray of float64, shape (n_sweeps,)
    """
    n_records = len(person)
    now = _partition(person, list_of_record, is_clean)
    n_on_list = np.zeros(len(is_clean), np.int64)
    for record in range(n_records):
        n_on_list[list_of_record[record]] += 1
    scratch = scratch_for(pairs, now.members.shape[1] + 1)
    _draw_u(pairs, u, u_spread, rng)
    weigh_chances(pairs)
    cumulated = np.zeros(len(sizes))
    n_persons, population = np.zeros(n_sweeps, np.int64), np.zeros(n_sweeps)
    for sweep in range(n_sweeps):
        if len(pseudo):
            _draw_m(pairs, pseudo, now.members, now.n_members, scratch, rng)
        weigh(pairs)
        for own in range(n_records):
            now.evidence[own] = group_evidence(pairs, now.members[own], now.n_members[own], scratch)
        unlisted = expected_unlisted(size, n_on_list) if len(expected) else -1.0
        _along_listed_pairs(pairs, now, list_of_record, is_clean, edges, size, fixed, unlisted, is_mean, scratch, rng)
        if not is_mean:
            _whole_persons(pairs, now, list_of_record, is_clean, edges, size, fixed, unlisted, scratch, rng)
        if len(pairs.compared.steps) > 0:
            turn = sweep % 2
            _anywhere(
                pairs, now, list_of_record, is_clean, n_on_list, size, fixed, unlisted, is_mean, turn, scratch, rng
            )
        n_persons[sweep] = n_records - now.free[n_records]
        if not fixed:
            size = draw_size(sizes, log_weight, n_persons[sweep], rng.random(), cumulated)
            if len(expected):
                of_few = draw_size_of_few(now.members, now.n_members, list_of_record, expected, sizes[-1], rng)
                size = max(size, of_few)
        population[sweep] = size
    return n_persons, population
