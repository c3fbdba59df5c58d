"""Weights: missing says nothing, u from pairs within lists, m with care, the prior as a fixed point."""

import numpy as np
import pytest

from mse.linkage.comparison import Comparison, Level
from mse.linkage.weights import Agreements, Weights, compete, fit_m_and_prior, log_odds, measure_u, starting_weights

DATE = Comparison("date", (Level("same", "", 0.8, 1e-4),), "")
NAME = Comparison("name", (Level("same", "", 0.75, 0.005), Level("near", "", 0.12, 0.01)), "")
BOTH = (DATE, NAME)


def test_starting_weights_sum_to_one():
    """What is on no level disagrees."""
    weights = starting_weights(BOTH, n_records=100)
    assert [own.sum() for own in (*weights.m, *weights.u)] == pytest.approx([1.0] * 4)
    assert weights.prior == 1 / 200


def test_a_missing_value_says_nothing():
    """The odds of a pair without any field are those of the prior."""
    weights = starting_weights(BOTH, n_records=100)
    nothing = Agreements(np.array([[-1, -1], [0, -1]]), np.ones(2))
    prior = np.log(weights.prior / (1 - weights.prior))
    assert log_odds(nothing, weights) == pytest.approx([prior, prior + np.log(0.8 / 1e-4)])


def test_u_follows_the_pairs_within_lists():
    """With many pairs, the u-probability is their share of agreement."""
    within = Agreements(np.array([[-1, 0], [-1, 1], [-1, 2]]), np.array([20_000.0, 50_000.0, 930_000.0]))
    u = measure_u(within, BOTH, starting_weights(BOTH, n_records=3000), n_records=3000)
    assert u[1] == pytest.approx([0.02, 0.05, 0.93], rel=0.01)


def test_u_stays_at_its_start_without_pairs():
    """Lists of one record each teach nothing."""
    start = starting_weights(BOTH, n_records=3)
    none = Agreements(np.empty((0, 2), np.int64), np.empty(0))
    assert [own.tolist() for own in measure_u(none, BOTH, start, n_records=3)] == [
        pytest.approx(own.tolist()) for own in start.u
    ]


def test_duplicates_within_a_list_do_not_raise_u():
    """Pairs that agree on everything are taken for duplicates, not for chance."""
    within = Agreements(np.array([[0, 0], [1, 2]]), np.array([30.0, 9970.0]))
    u = measure_u(within, BOTH, starting_weights(BOTH, n_records=400), n_records=400)
    assert u[0][0] < 2e-4


def test_a_discounted_field_agrees_by_chance_more_often():
    """A field that goes with another one counts half: the square root of its share."""
    half = Comparison("region", (Level("same", "", 0.9, 0.25),), "", discount=0.5)
    within = Agreements(np.array([[0], [1]]), np.array([25_000.0, 75_000.0]))
    assert measure_u(within, (half,), starting_weights((half,), n_records=10), n_records=10)[0][0] == pytest.approx(
        0.5, rel=0.01
    )


@pytest.mark.parametrize(("n_same_origin", "expected"), [(1000.0, 0.05), (100.0, 0.9)])
def test_what_stands_in_for_a_field_has_its_chance(n_same_origin, expected):
    """A shared name counts as a shared origin where names were counted within origins, and else for nothing."""
    origin = Comparison("nationality", (Level("same", "", 0.9, 0.1),), "")
    name = Comparison("name", (Level("same", "", 0.75, 0.005),), "", within=("nationality",))
    by_name = Comparison("by_name", (Level("a name", "TRUE", 0.9, 0.9),), "", chance_of="nationality")
    within = Agreements(np.array([[0, 1, -1], [1, 1, -1]]), np.array([n_same_origin, 19 * n_same_origin]))
    comparisons = (origin, name, by_name)
    u = measure_u(within, comparisons, starting_weights(comparisons, n_records=200), n_records=200)
    assert u[2][0] == pytest.approx(expected, rel=0.02)


def test_m_moves_at_most_half_way():
    """A thousand perfect matches move the rate of agreement half way from its start to 1."""
    candidates = Agreements(np.array([[0, 0]]), np.array([1000.0]))
    start = starting_weights(BOTH, n_records=2000)
    fitted = fit_m_and_prior(candidates, start, n_cross=1e6, max_matches=1000)
    assert fitted.m[0][0] == pytest.approx((0.8 + 1) / 2, abs=1e-3)


def test_the_prior_is_never_more_than_can_match():
    """Lists of five records in common cannot hold more than five matches."""
    candidates = Agreements(np.array([[0, 0]]), np.array([20.0]))
    fitted = fit_m_and_prior(candidates, starting_weights(BOTH, n_records=10), n_cross=25.0, max_matches=5.0)
    assert fitted.prior == pytest.approx(5 / 25)


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
    weights = Weights((), (), 0.1)
    with pytest.raises(AttributeError):
        weights.prior = 0.2
