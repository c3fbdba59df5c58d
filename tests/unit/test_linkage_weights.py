"""Weights: u from pairs within lists, m around its start, the prior as a fixed point."""

import numpy as np
import pytest

from mse.linkage.comparison import Comparison, Level
from mse.linkage.conditions import Equal, missing
from mse.linkage.ladders import AGREES, DIFFERS, UNKNOWN, ladders, ratios_of, states_of
from mse.linkage.weights import (
    M_STRENGTH,
    compete,
    counted_weights,
    starting_weights,
    with_m,
)


def comparison(name, levels, *, given=()):
    made = (Level(label, Equal(name), m, u, is_by_record=own) for label, m, u, own in levels)
    return Comparison(name, tuple(made), missing(name), given=given)


ORIGIN = comparison("origin", [("same", 0.9, 0.2, False)])
NAME = comparison("name", [("same", 0.75, 0.01, True), ("near", 0.12, 0.01, False)], given=(("origin",),))
BOTH = (ORIGIN, NAME)
LADDER = ladders(BOTH)
START = starting_weights(BOTH, LADDER, n_records=4)


def levels(*rows):
    return np.array(rows, np.int64)


def test_starting_weights_sum_to_one():
    """What is on no level disagrees."""
    assert [START.m[:2].sum(), START.m[2:].sum(), *START.u[:2].sum(axis=0)] == pytest.approx([1.0] * 5)


def test_a_missing_value_says_nothing():
    """A field without a value has no ratio; the others have theirs."""
    nobody = np.zeros(2, np.int64)
    ratios = ratios_of(LADDER, START.scales, levels([-1, -1], [-1, 0]), nobody, nobody, np.ones(2))
    assert ratios.tolist() == [[0.0, 0.0], [0.0, pytest.approx(np.log(0.75 / 0.01))]]


def test_the_state_is_that_of_the_first_comparison_that_speaks():
    """Names are judged by whether the origin agrees, differs, or is not known; the origin has one state."""
    assert states_of(LADDER, levels([0, 0], [1, 0], [-1, 0])).tolist() == [[0, AGREES], [0, DIFFERS], [0, UNKNOWN]]


def counts_of(within, n_records=4):
    """Counts by record from rows (record, comparison, level, state, pairs)."""
    found = np.zeros((n_records, int(LADDER.first[-1]), LADDER.n_states))
    for record, number, level, state, pairs in within:
        found[record, LADDER.first[number] + level, state] += pairs
    return found


def test_u_follows_the_pairs_within_lists_by_state():
    """With many pairs u is their share of agreement, where origins agree and where nothing is known of them."""
    rows = [(0, 1, 0, AGREES, 4e4), (0, 1, 2, AGREES, 36e4), (0, 1, 0, DIFFERS, 1e4), (0, 1, 2, DIFFERS, 359e4)]
    u = counted_weights(START, LADDER, counts_of(rows)).u
    assert u[2] == pytest.approx([0.1, 1 / 360, 5 / 400], rel=0.01)


def test_u_stays_at_its_start_without_pairs():
    """Lists of one record each teach nothing."""
    assert counted_weights(START, LADDER, counts_of([])).u == pytest.approx(START.u, rel=0.01)


def test_the_spread_of_u_is_that_of_its_records():
    """Pairs that all come from one record tell less than as many pairs of many records."""
    one = counts_of([(0, 0, 0, 0, 300.0)] + [(own, 0, 1, 0, 300.0) for own in range(1, 40)], 40)
    many = counts_of([(own, 0, level, 0, (7.5, 292.5)[level]) for own in range(40) for level in (0, 1)], 40)
    start = starting_weights(BOTH, LADDER, n_records=40)
    spread_one, spread_many = (counted_weights(start, LADDER, own).u_spread[0, 0] for own in (one, many))
    assert spread_one > 5 * spread_many


def test_m_is_a_dirichlet_mean():
    """Pairs of one person move m from its start, each as much as one of the pseudo-pairs."""
    found = with_m(START, LADDER, np.array([[0, 0], [0, 2], [-1, -1]], np.int8), np.array([30.0, 10.0, 5.0]))
    assert found.m[0] == pytest.approx((0.9 * M_STRENGTH + 40) / (M_STRENGTH + 40))
    assert found.m[4] == pytest.approx((0.13 * M_STRENGTH + 10) / (M_STRENGTH + 40))


def test_rivals_share_the_probability():
    """Two equal partners on one list have less than one half each; on two lists they do not compete."""
    ratio, left, right = np.log([1e6, 1e6]), np.array([0, 0]), np.array([1, 2])
    options = {"start": 0.01, "n_cross": 100.0, "max_matches": 50.0}
    rivals, _ = compete(ratio, left, right, list_of_record=np.array([0, 1, 1]), **options)
    both, _ = compete(ratio, left, right, list_of_record=np.array([0, 1, 2]), **options)
    assert rivals == pytest.approx([0.5, 0.5], abs=1e-3)
    assert both == pytest.approx([1.0, 1.0], abs=1e-3)


def test_compete_finds_the_prior_of_its_matches():
    """The prior is the share of matches, with one pseudo-match at the start."""
    n = 50
    ratio = np.full(n, 12.0)
    left, right = np.arange(n), np.arange(n, 2 * n)
    lists = np.repeat([0, 1], n)
    probability, prior = compete(
        ratio, left, right, list_of_record=lists, start=1 / 200, n_cross=2500.0, max_matches=50.0
    )
    assert prior == pytest.approx((probability.sum() + 1) / (2500 + 200), rel=1e-6)


def test_no_candidates_leave_a_small_prior():
    """Without a candidate the prior falls below its start."""
    nothing = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    options = {"list_of_record": np.array([0, 1]), "start": 0.01, "n_cross": 400.0, "max_matches": 20.0}
    probability, prior = compete(*nothing, **options)
    assert len(probability) == 0
    assert prior == pytest.approx(1 / 500)


def test_weights_are_frozen():
    """A weight cannot be changed after it was learned."""
    with pytest.raises(AttributeError):
        START.m = START.u
