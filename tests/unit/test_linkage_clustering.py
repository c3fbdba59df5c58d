"""Greedy joining: one record per list, the strongest first, on the evidence of whole groups."""

import numpy as np

from mse.linkage.clustering import Evidence, join_all, join_greedily

PRIOR = 0.5  # the log-odds of a pair are then its evidence


def _evidence(lists, pairs, fields, *, prior=PRIOR):
    """Evidence on all given pairs; those with positive evidence are edges, the strongest first."""
    order = np.lexsort(np.array(pairs).T[::-1])
    pairs, fields = np.array(pairs)[order], np.array(fields, dtype=float)[order]
    total = fields.sum(axis=1)
    edges = np.argsort(-total, kind="stable")
    detail = np.zeros((len(lists), fields.shape[1]), int)
    return Evidence(np.array(lists), pairs[:, 0], pairs[:, 1], fields, detail, edges[total[edges] > 0], prior)


def test_join_all_is_transitive():
    """Records tied through a third one are in one group, named by its first record."""
    assert join_all(np.array([3, 1]), np.array([1, 0]), n_records=4).tolist() == [0, 0, 2, 0]


def test_a_person_is_on_a_list_once():
    """Of two partners on one list, only the stronger is joined."""
    evidence = _evidence([0, 0, 1], [(0, 2), (1, 2), (0, 1)], [[3.0], [5.0], [0.0]])
    assert join_greedily(evidence).tolist() == [0, 1, 1]


def test_more_than_64_lists_keep_apart():
    """The one-record-per-list rule holds beyond the bits of one machine word."""
    evidence = _evidence([70, 3, 70], [(0, 1), (0, 2), (1, 2)], [[5.0], [4.0], [3.0]])
    assert join_greedily(evidence).tolist() == [0, 0, 2]


def test_one_chance_agreement_does_not_tie_two_persons():
    """A pair that agrees by chance joins no groups whose other pairs disagree."""
    pairs = [(0, 1), (2, 3), (1, 2), (0, 2), (0, 3), (1, 3)]
    fields = [[9.0, 0.0], [9.0, 0.0], [2.0, 0.0], [-9.0, 0.0], [-9.0, 0.0], [-9.0, 0.0]]
    assert join_greedily(_evidence([0, 1, 2, 3], pairs, fields)).tolist() == [0, 0, 2, 2]


def test_a_silent_field_does_not_dilute_the_evidence():
    """A pair that knows no field neither supports nor opposes the join of its groups."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    fields = [[9.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    assert join_greedily(_evidence([0, 1, 2], pairs, fields)).tolist() == [0, 0, 0]


def test_a_pair_that_was_not_compared_keeps_its_groups_apart():
    """Nobody is joined on evidence that was not looked at."""
    evidence = _evidence([0, 1, 2], [(0, 1), (1, 2)], [[9.0], [8.0]])
    assert join_greedily(evidence).tolist() == [0, 0, 2]


def test_only_what_is_probable_enough_is_joined():
    """A pair of probability 0.8 is joined at 0.75, not at 0.85."""
    evidence = _evidence([0, 1], [(0, 1)], [[np.log(4.0)]])
    assert join_greedily(evidence, least=0.75).tolist() == [0, 0]
    assert join_greedily(evidence, least=0.85).tolist() == [0, 1]
