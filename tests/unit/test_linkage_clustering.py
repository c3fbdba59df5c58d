"""Greedy joining: one record per list, the strongest first, on the evidence of whole groups."""

import numpy as np
import pytest

from mse.linkage.clustering import Evidence, join_all, sample_partitions

PRIOR = 0.5  # the log-odds of a pair are then its evidence


def _evidence(pairs, fields, *, prior=PRIOR):
    """Evidence on all given pairs; the pairs with positive evidence are tried, the strongest first."""
    order = np.lexsort(np.array(pairs).T[::-1])
    pairs, fields = np.array(pairs)[order], np.array(fields, dtype=float)[order]
    total = fields.sum(axis=1)
    tried = np.argsort(-total, kind="stable")
    return Evidence(pairs[:, 0], pairs[:, 1], fields, tried[total[tried] > 0], prior)


def _sample(evidence, lists, *, n_draws=1, seed=1, same_person=None):
    lists = np.array(lists)
    same = np.arange(len(lists)) if same_person is None else np.array(same_person)
    return sample_partitions(evidence, list_of_record=lists, same_person=same, n_draws=n_draws, seed=seed)


def test_join_all_is_transitive():
    """Records tied through a third one are in one group, named by its first record."""
    assert join_all(np.array([3, 1]), np.array([1, 0]), n_records=4).tolist() == [0, 0, 2, 0]


def test_a_person_is_on_a_list_once():
    """Of two partners on one list, only the stronger is joined."""
    evidence = _evidence([(0, 2), (1, 2), (0, 1)], [[3.0], [5.0], [0.0]])
    assert _sample(evidence, [0, 0, 1])[0].tolist() == [0, 1, 1]


def test_more_than_64_lists_keep_apart():
    """The one-record-per-list rule holds beyond the bits of one machine word."""
    evidence = _evidence([(0, 1), (0, 2), (1, 2)], [[5.0], [4.0], [3.0]])
    assert _sample(evidence, [70, 3, 70])[0].tolist() == [0, 0, 2]


def test_one_chance_agreement_does_not_tie_two_persons():
    """A pair that agrees by chance joins no groups whose other pairs disagree."""
    pairs = [(0, 1), (2, 3), (1, 2), (0, 2), (0, 3), (1, 3)]
    fields = [[9.0, 0.0], [9.0, 0.0], [2.0, 0.0], [-9.0, 0.0], [-9.0, 0.0], [-9.0, 0.0]]
    assert _sample(_evidence(pairs, fields), [0, 1, 2, 3])[0].tolist() == [0, 0, 2, 2]


def test_a_silent_field_does_not_dilute_the_evidence():
    """A pair that knows no field neither supports nor opposes the join of its groups."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    fields = [[9.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    assert _sample(_evidence(pairs, fields), [0, 1, 2])[0].tolist() == [0, 0, 0]


def test_known_duplicates_move_together():
    """Two records of one list that are one person from the start stay one, and block that list."""
    evidence = _evidence([(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)], [[8.0], [4.0], [4.0], [3.0], [3.0], [0.0]])
    assert _sample(evidence, [0, 0, 1, 1], same_person=[0, 0, 2, 3])[0].tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize("odds", [0.25, 1.0, 4.0])
def test_a_pair_is_joined_as_often_as_it_is_probable(odds):
    """Over many draws the share of joins is the match probability, within four standard errors."""
    evidence = Evidence(np.array([0]), np.array([1]), np.array([[np.log(odds)]]), np.array([0]), PRIOR)
    draws = _sample(evidence, [0, 1], n_draws=4000)
    share, expected = (draws[:, 0] == draws[:, 1]).mean(), odds / (1 + odds)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)


def test_draws_repeat_with_the_seed_and_differ_without():
    """The same seed gives the same draws; another seed gives others."""
    pairs = [(a, b) for a in range(10) for b in range(10, 20)]
    evidence = _evidence(pairs, [[0.1 * (a + b) / 10] for a, b in pairs])
    lists = [0] * 10 + [1] * 10
    first, again, other = (_sample(evidence, lists, n_draws=5, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
