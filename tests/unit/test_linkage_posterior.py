"""Draws of whole partitions: against an enumeration of all of them, and the laws that every draw obeys."""

from itertools import combinations, pairwise
from math import exp, lgamma, log

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mse.errors import NotConverged
from mse.linkage import partition_posterior
from mse.linkage.evidence import LARGEST_SIZE, field_mean, scratch_for, weigh
from mse.linkage.partition_posterior import r_hat, sample_partitions
from mse.linkage.population_size import independence_estimate, size_grid

LISTS = (0, 0, 1, 1, 2, 2)
# Three fields; 0 where one of the two records does not know it. Records 0, 2 and 4 are much alike, 2 also 5.
RATIOS = {
    **{(0, 2): (3.0, 0.0, 0.8), (0, 4): (2.2, -1.0, 0.8), (2, 4): (0.0, 3.0, 0.8), (0, 1): (-1.0, 0.0, 0.4)},
    **{(1, 3): (0.7, 1.4, 0.0), (1, 5): (-0.5, 1.0, 0.5), (3, 5): (1.5, 0.0, 0.0), (2, 5): (1.5, 0.9, -0.7)},
    **{(3, 4): (0.3, 0.6, 0.2), (0, 3): (-1.0, 0.0, 0.8), (1, 2): (-1.0, 0.5, 0.0), (4, 5): (-2.0, 0.0, 0.0)},
    **{(0, 5): (0.5, 0.0, 0.6), (1, 4): (-0.3, 0.2, 0.1)},
}
FINE = (0, 3, 4)  # tell the first field more finely than the others: only they can be its hub
# (2, 3) was not compared.


def _partitions(records):
    """All ways to put records into groups."""
    if not records:
        yield []
        return
    first, *others = records
    for partition in _partitions(others):
        yield [[first], *partition]
        for place, group in enumerate(partition):
            yield [*partition[:place], [first, *group], *partition[place + 1 :]]


def _by_size(ratio, size):
    """What a group of this size adds to the log ratio of a copy and its hub: fewer errors than in a pair, by its share.

    The first level of the fixture, that of the largest ratio, is agreement.
    """
    values = {ratio for own in RATIOS.values() for ratio in own}
    agrees = 0.5 / len(values) * exp(max(values))
    share = size / (2 * (size - 1))
    return log(share) if ratio < max(values) else log(1 - share * (1 - agrees)) - log(agrees)


def _log_likelihood(group):
    """The average over hubs of the product of ratios with the hub, field by field; -inf for what cannot be a group."""
    pairs = [tuple(sorted(pair)) for pair in combinations(group, 2)]
    if len({LISTS[record] for record in group}) < len(group) or any(pair not in RATIOS for pair in pairs):
        return -np.inf
    total = 0.0
    for field in range(3):
        knowing = [record for record in group if any(record in pair and RATIOS[pair][field] != 0.0 for pair in pairs)]
        fine = [record for record in knowing if field == 0 and record in FINE]
        products = []
        for hub in fine or knowing:
            with_hub = [RATIOS[pair][field] for pair in pairs if hub in pair and RATIOS[pair][field] != 0.0]
            size = len(with_hub) + 1
            products.append(exp(sum(with_hub) + sum(_by_size(ratio, size) for ratio in with_hub if size > 2)))
        total += log(sum(products) / len(products)) if products else 0.0
    return total


def _exact(population, n_records=6):
    """Probability of each pair to be one person, and the mean number of persons, over all partitions."""
    list_sizes = np.bincount(LISTS)
    together, n_persons, total = np.zeros((n_records, n_records)), 0.0, 0.0
    for partition in _partitions(list(range(n_records))):
        likelihood = sum(_log_likelihood(group) for group in partition)
        if likelihood == -np.inf:
            continue
        d = len(partition)
        if population is None:
            largest = 100 * len(LISTS)
            prior = sum(
                exp(lgamma(n + 1) - lgamma(n - d + 1) + sum(lgamma(n - k + 1) - lgamma(n + 1) for k in list_sizes)) / n
                for n in range(d, largest + 1)
            )
        else:
            prior = np.prod([max(population - j, 1.0) for j in range(d)])
        weight = exp(likelihood) * prior
        total += weight
        n_persons += weight * d
        for group in partition:
            for a in group:
                together[a, group] += weight
    return together / total, n_persons / total


@pytest.mark.parametrize("population", [None, 4.0, 40.0])
def test_draws_follow_the_posterior_over_all_partitions(evidence_of, population):
    """Every pair is one person as often as an enumeration of all partitions says, within 4 Monte Carlo errors."""
    pairs, n_persons = _exact(population)
    draws = sample_partitions(
        evidence_of(LISTS, RATIOS, fine=FINE),
        n_draws=20_000,
        seed=3,
        population=population,
        draws_rates=False,
        is_robust=False,
    ).persons
    # Neighbouring draws of a chain are alike: errors from the means of 100 blocks.
    blocks = draws.reshape(100, 200, 6)
    for a, b in combinations(range(6), 2):
        share = (blocks[..., a] == blocks[..., b]).mean(axis=1)
        assert abs(share.mean() - pairs[a, b]) <= 4 * share.std(ddof=1) / 10 + 1e-4, (a, b)
    counts = np.array([len(set(draw)) for draw in draws.tolist()]).reshape(100, 200).mean(axis=1)
    assert abs(counts.mean() - n_persons) < 4 * counts.std(ddof=1) / 10


def test_whole_persons_are_joined_and_parted(evidence_of, monkeypatch):
    """Two likely pairs that may be one person: the enumeration says how often, and neither state lasts."""
    lists, pairs = [0, 1, 2, 3, 4], combinations(range(5), 2)
    ratios = {pair: [2.0, 2.0, 2.0] if pair in {(0, 1), (2, 3)} else [2.0, 1.5, 0.3] for pair in pairs}
    ratios |= {pair: [-1.0, -1.0, -1.0] for pair in ratios if 4 in pair}
    for name, value in (("LISTS", lists), ("RATIOS", ratios), ("FINE", ())):
        monkeypatch.setitem(globals(), name, value)
    together = _exact(6.0, 5)[0]
    assert 0.2 < together[0, 2] < 0.8
    assert together[0, 1] > 0.9
    draws = sample_partitions(
        evidence_of(lists, ratios), n_draws=8_000, seed=5, population=6.0, draws_rates=False, is_robust=False
    ).persons
    blocks = draws.reshape(100, 80, 5)
    for a, b in combinations(range(5), 2):
        share = (blocks[..., a] == blocks[..., b]).mean(axis=1)
        assert abs(share.mean() - together[a, b]) <= 4 * share.std(ddof=1) / 10 + 1e-3, (a, b)
    # Neither state lasts.
    assert (np.diff(draws[::4, 0] == draws[::4, 2]) != 0).mean() > 0.02


def test_the_levels_of_a_copy_are_probabilities_in_groups_of_every_size(evidence_of):
    """Errors are fewer in large groups: half those of a pair in the limit; agreement takes the rest."""
    evidence = evidence_of(LISTS, RATIOS)
    pairs, first = evidence.pairs(), evidence.ladder.first
    error = 0.4 / (np.diff(first)[0] - 1)
    m = np.full(first[-1], error)
    m[first[:-1]] = 0.6
    pairs.scales.log_m[:] = np.log(m)
    weigh(pairs)
    for size in range(3, LARGEST_SIZE + 1):
        of_a_copy = m * np.exp(pairs.by_size[size])
        for start, end in pairwise(first):
            assert of_a_copy[start:end].sum() == pytest.approx(1.0)
            assert of_a_copy[start + 1 : end] == pytest.approx(error * size / (2 * (size - 1)))


def test_a_field_mean_is_the_mean_over_the_records_that_know_the_field(evidence_of):
    """Field by field, over the records whose ratio is not 0; and no mean where a pair cannot be one person."""
    pairs = evidence_of(LISTS, RATIOS).pairs()
    for record, others in ((0, (2, 4)), (4, (3, 5)), (1, (3, 4, 5)), (2, (5,))):
        ratios = np.array([RATIOS[tuple(sorted((record, other)))] for other in others])
        known = (ratios != 0.0).sum(axis=0)
        expected = (ratios.sum(axis=0) / np.maximum(known, 1)).sum()
        found = field_mean(pairs, record, np.array(others), len(others), scratch_for(pairs, 6))
        assert found == pytest.approx(expected, rel=1e-12)
    assert field_mean(pairs, 2, np.array([3]), 1, scratch_for(pairs, 6)) == -np.inf


def test_the_enumeration_tells_groups_apart_that_the_sampler_could_mistake():
    """Some pair probabilities are far from 0 and 1, and N matters to them: the comparison above can fail."""
    drawn, few, many = (_exact(population)[0] for population in (None, 4.0, 40.0))
    assert ((few > 0.1) & (few < 0.9)).sum() >= 2 * 3
    assert few[0, 2] - many[0, 2] > 0.1
    assert drawn[2, 3] == drawn[0, 1] == 0.0


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_draws_do_not_depend_on_threads(evidence_of, n_jobs):
    """The same seed gives the same draws on any number of threads, another seed others."""
    one = sample_partitions(evidence_of(LISTS, RATIOS), n_draws=50, seed=1)
    more = sample_partitions(evidence_of(LISTS, RATIOS), n_draws=50, seed=1, n_jobs=n_jobs)
    assert np.array_equal(one.persons, more.persons)
    assert (one.r_hat, one.population, one.curve) == (more.r_hat, more.population, more.curve)
    assert not np.array_equal(one.persons, sample_partitions(evidence_of(LISTS, RATIOS), n_draws=50, seed=2).persons)


def test_perfect_evidence_gives_the_true_partition(evidence_of):
    """Where every pair is told for certain, all draws are the truth, and the chains agree."""
    lists, truth = np.repeat([0, 1, 2], 10), np.concatenate([np.arange(10), np.arange(5, 15), np.arange(8, 18)])
    pairs = [pair for pair in combinations(range(30), 2) if lists[pair[0]] != lists[pair[1]]]
    ratios = {(a, b): (60.0,) if truth[a] == truth[b] else (-60.0,) for a, b in pairs}
    found = sample_partitions(evidence_of(lists, ratios), n_draws=20, seed=1, draws_rates=False)
    for draw in found.persons:
        assert np.array_equal(pd.factorize(draw)[0], truth)
    assert found.r_hat == 1.0


@st.composite
def _any_ratios(draw):
    lists = draw(st.lists(st.integers(0, 3), min_size=3, max_size=9))
    pairs = [pair for pair in combinations(range(len(lists)), 2) if draw(st.booleans())] or [(0, 1)]
    ratio = st.floats(-4, 6, allow_nan=False)
    return lists, {pair: (draw(ratio), draw(ratio)) for pair in pairs}


@settings(max_examples=25)
@given(_any_ratios())
def test_every_draw_is_a_partition_with_one_record_per_list(evidence_of, ratios):
    """Whatever the evidence, nobody has two records of one list, nor two records that were not compared."""
    compared, evidence = set(ratios[1]), evidence_of(*ratios)
    try:
        draws = sample_partitions(evidence, n_draws=8, seed=5).persons
    except NotConverged:
        return
    for draw in draws:
        for a, b in combinations(range(evidence.n_records), 2):
            if draw[a] == draw[b]:
                assert evidence.list_of_record[a] != evidence.list_of_record[b]
                assert (a, b) in compared


def test_more_persons_in_the_population_make_fewer_links(evidence_of):
    """The curve rises: the more persons the linkage takes for given, the more it finds."""
    found = sample_partitions(evidence_of(LISTS, RATIOS), n_draws=100, seed=1, population=10.0)
    assert found.population == 10.0
    assert list(found.curve) == [0.75, 1.0, 1.5, 2.0]
    assert found.curve[0.75] <= found.curve[2.0]


def test_chains_that_do_not_agree_are_refused(evidence_of, monkeypatch):
    """Two pairs of twins on two lists can change partners only by way of what is all but impossible."""
    ratios = {(0, 2): (30.0,), (0, 3): (30.0,), (1, 2): (30.0,), (1, 3): (30.0,), (0, 1): (-9.0,), (2, 3): (-9.0,)}
    assert sample_partitions(evidence_of((0, 0, 1, 1), ratios), n_draws=4, seed=1, draws_rates=False).r_hat == 1.0
    monkeypatch.setattr(partition_posterior, "r_hat", lambda chains: 1.5)
    with pytest.raises(NotConverged, match=r"R-hat 1\.50 \(at most 1\.2\) after 3,200 sweeps"):
        sample_partitions(evidence_of(LISTS, RATIOS), n_draws=4, seed=1)


def test_r_hat_sees_chains_apart():
    """About 1 for chains of one distribution, more for chains that are apart or drift, infinite for frozen ones."""
    rng = np.random.default_rng(1)
    alike = rng.normal(size=(4, 500))
    assert r_hat(alike) < 1.02
    assert r_hat(alike + np.arange(4)[:, None]) > 1.3
    assert r_hat(alike + np.linspace(0, 4, 500)) > 1.3
    assert r_hat(np.ones((4, 10))) == 1.0
    assert r_hat(np.repeat([[1.0], [2.0]], 10, axis=1)) == float("inf")


def test_the_independence_estimate_is_the_two_list_one_for_two_lists():
    """Two lists: n1 n2 / both, and nothing bounds N where nobody is on both."""
    for first, second, both in ((20, 30, 6), (300, 40, 1), (5, 5, 5)):
        sizes = np.array([first, second])
        assert independence_estimate(sizes, first + second - both) == pytest.approx(first * second / both)
    assert independence_estimate(np.array([3, 4]), 7) == 700


def test_the_grid_sums_up_what_single_numbers_say():
    """Bins stand for all their numbers: their weight is that of a sum over each number, within 2 %."""
    sizes = np.array([40, 60, 25])
    grid = size_grid(sizes)
    d = 110
    weights = np.array(
        [exp(w - lgamma(n - d + 1) - 300) if n >= d else 0.0 for n, w in zip(grid.sizes, grid.log_weight, strict=True)]
    )
    single = [
        exp(lgamma(n + 1) - lgamma(n - d + 1) + sum(lgamma(n - k + 1) - lgamma(n + 1) for k in sizes) - log(n) - 300)
        for n in range(d, 100 * 125 + 1)
    ]
    assert weights.sum() == pytest.approx(sum(single), rel=0.02)
