"""Greedy joining: one record per list, the strongest first, on the evidence of whole groups."""

import numpy as np
import pytest

from mse.linkage.clustering import join_all, join_greedily

PRIOR = 0.5  # the log-odds of a pair are then its evidence


@pytest.fixture
def joined(evidence_of):
    """The groups of records of these lists, from evidence on these pairs."""

    def join(lists, pairs, fields, **options):
        evidence = evidence_of(lists, dict(zip(pairs, fields, strict=True)), prior=PRIOR)
        return join_greedily(evidence, **options).tolist()

    return join


def test_join_all_is_transitive():
    """Records tied through a third one are in one group, named by its first record."""
    assert join_all(np.array([3, 1]), np.array([1, 0]), n_records=4).tolist() == [0, 0, 2, 0]


def test_a_person_is_on_a_list_once(joined):
    """Of two partners on one list, only the stronger is joined."""
    assert joined([0, 0, 1], [(0, 2), (1, 2), (0, 1)], [[3.0], [5.0], [0.0]]) == [0, 1, 1]


def test_more_than_64_lists_keep_apart(joined):
    """The one-record-per-list rule holds beyond the bits of one machine word."""
    assert joined([70, 3, 70], [(0, 1), (0, 2), (1, 2)], [[5.0], [4.0], [3.0]]) == [0, 0, 2]


def test_one_chance_agreement_does_not_tie_two_persons(joined):
    """A pair that agrees by chance joins no groups whose other pairs disagree."""
    pairs = [(0, 1), (2, 3), (1, 2), (0, 2), (0, 3), (1, 3)]
    fields = [[9.0, 0.0], [9.0, 0.0], [2.0, 0.0], [-9.0, 0.0], [-9.0, 0.0], [-9.0, 0.0]]
    assert joined([0, 1, 2, 3], pairs, fields) == [0, 0, 2, 2]


def test_a_silent_field_does_not_dilute_the_evidence(joined):
    """A pair that knows no field neither supports nor opposes the join of its groups."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    fields = [[9.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    assert joined([0, 1, 2], pairs, fields) == [0, 0, 0]


def test_a_pair_that_was_not_compared_keeps_its_groups_apart(joined):
    """Nobody is joined on evidence that was not looked at."""
    assert joined([0, 1, 2], [(0, 1), (1, 2)], [[9.0], [8.0]]) == [0, 0, 2]


def test_only_what_is_probable_enough_is_joined(joined):
    """A pair of probability 0.8 is joined at 0.75, not at 0.85."""
    assert joined([0, 1], [(0, 1)], [[np.log(4.0)]], least=0.75) == [0, 0]
    assert joined([0, 1], [(0, 1)], [[np.log(4.0)]], least=0.85) == [0, 1]


def test_a_list_with_duplicates_may_have_a_person_twice(evidence_of):
    """Two records of one list are joined where the list is said to hold persons twice, and only there."""
    ratios = {(0, 1): [5.0], (0, 2): [4.0], (1, 2): [4.0]}
    assert join_greedily(evidence_of([0, 0, 1], ratios, prior=PRIOR, unclean=[0])).tolist() == [0, 0, 0]
    assert join_greedily(evidence_of([0, 0, 1], ratios, prior=PRIOR)).tolist() == [0, 1, 0]
