"""Chao's lower bound: by hand, as a bound, and where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap, Refused
from mse.histories import CaptureHistories
from mse.models.lower_bound import chao_lower_bound

THREE = ("a", "b", "c")


def three_lists(a, b, c, ab, ac, bc, abc=0):
    histories = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
    return CaptureHistories.from_counts(THREE, dict(zip(histories, (a, b, c, ab, ac, bc, abc), strict=True)))


def expected_histories(list_probabilities, groups, scale=10**7):
    """Counts, scaled and rounded, when a share of the persons multiplies the odds of every list by a factor."""
    n_lists = len(list_probabilities)
    odds = np.asarray(list_probabilities) / (1 - np.asarray(list_probabilities))
    on = (np.arange(2**n_lists)[:, None] >> np.arange(n_lists)[::-1]) & 1
    cells = np.zeros(2**n_lists)
    for share, factor in groups:
        p = factor * odds / (1 + factor * odds)
        cells += share * np.prod(np.where(on, p, 1 - p), axis=1)
    counts = np.round(scale * cells).astype(np.int64)
    return CaptureHistories(tuple("abcde"[:n_lists]), counts[1:]), int(counts.sum())


def test_numbers_by_hand():
    """60 persons on one list, 10 on two: (60^2 - 10^2 - 20^2 - 30^2) / 20 or 2/3 of 60^2 / 20."""
    h = three_lists(10, 20, 30, 2, 3, 5, 1)
    assert chao_lower_bound(h).n_hat == pytest.approx(71 + 110)
    assert chao_lower_bound(h, list_sizes="equal").n_hat == pytest.approx(71 + 120)
    assert chao_lower_bound(h, bias_corrected=True).n_hat == pytest.approx(71 + 100)
    assert chao_lower_bound(h, list_sizes="equal", bias_corrected=True).n_hat == pytest.approx(71 + 60 * 59 / 33)


def test_variance_of_the_printed_form():
    """For many lists of equal size the variance is f2 (r^4 / 4 + r^3 + r^2 / 2), r = f1 / f2 (Chao 1987)."""
    n_lists = 16
    counts = np.zeros(2**n_lists - 1, dtype=np.int64)
    on = np.bitwise_count(np.arange(1, 2**n_lists))
    counts[on == 1], counts[on == 2] = 1500, 40
    h = CaptureHistories(tuple(f"l{j}" for j in range(n_lists)), counts)
    f1, f2, share = 1500 * 16, 40 * 120, 15 / 16
    r = f1 / f2
    expected = f2 * (share * r**2 / 2 + share**2 * r**3 + share**2 * r**4 / 4)
    assert chao_lower_bound(h, list_sizes="equal").diagnostics["standard_error"] ** 2 == pytest.approx(expected)


def test_bound_is_exact_when_persons_are_alike():
    """With independent lists of very different sizes and persons alike, the bound is the true total."""
    h, true_n = expected_histories((0.02, 0.1, 0.3, 0.05), [(1.0, 1.0)])
    assert chao_lower_bound(h).n_hat == pytest.approx(true_n, rel=1e-4)  # counts are rounded to whole persons


def test_equal_sizes_overshoot_where_lists_differ():
    """The form for lists of equal size is above the true total when the lists differ: no lower bound."""
    h, true_n = expected_histories((0.02, 0.1, 0.3, 0.05), [(1.0, 1.0)])
    estimate = chao_lower_bound(h, list_sizes="equal")
    assert estimate.n_hat > 1.2 * true_n
    assert "the bound that allows for it" in estimate.notes[-1]


@given(
    probabilities=st.lists(st.floats(0.01, 0.5), min_size=2, max_size=5),
    share=st.floats(0.05, 0.95),
    factor=st.floats(1.5, 8.0),
)
def test_bound_is_below_the_truth_when_persons_differ(probabilities, share, factor):
    """Where some persons are easier to find on every list, the bound stays at or below the true total."""
    h, true_n = expected_histories(probabilities, [(share, 1.0), (1 - share, factor)])
    assert chao_lower_bound(h).n_hat <= true_n * (1 + 1e-3)


@given(arrays(np.int64, 15, elements=st.integers(0, 300)))
def test_bound_is_at_least_the_observed_and_equal_sizes_give_no_less(counts):
    """The bound never loses a person who was seen, and the form for equal sizes is never the smaller."""
    counts[0b0011 - 1] += 1
    h = CaptureHistories(("a", "b", "c", "d"), counts)
    bound = chao_lower_bound(h)
    assert bound.n_hat >= h.n_observed
    assert chao_lower_bound(h, list_sizes="equal").n_hat >= bound.n_hat * (1 - 1e-12)


@given(arrays(np.int64, 7, elements=st.integers(0, 300)), st.permutations(THREE))
def test_order_of_the_lists_carries_no_information(counts, order):
    """Reordering the lists leaves the bound and its error as they were."""
    counts[0b011 - 1] += 1
    h = CaptureHistories(THREE, counts)
    ours, other = chao_lower_bound(h), chao_lower_bound(h.reorder_lists(order))
    assert other.n_hat == pytest.approx(ours.n_hat)
    assert other.diagnostics["standard_error"] == pytest.approx(ours.diagnostics["standard_error"])


def test_nobody_on_exactly_two_lists_takes_the_corrected_form():
    """With overlap on three lists only, the bias-corrected form is used and said, or asked-for division refused."""
    h = three_lists(10, 20, 30, 0, 0, 0, 4)
    bound = chao_lower_bound(h)
    assert bound.n_hat == pytest.approx(64 + (60**2 - 1400) / 2)
    assert "bias-corrected form" in bound.notes
    with pytest.raises(Refused, match="nobody is on exactly two lists"):
        chao_lower_bound(h, bias_corrected=False)


def test_nobody_on_one_list_alone_leaves_the_observed():
    """When everybody is on two lists or more, the bound and its interval are the persons seen."""
    bound = chao_lower_bound(three_lists(0, 0, 0, 5, 6, 7, 8))
    assert (bound.n_hat, bound.interval().low, bound.interval().high) == (26, 26, 26)


def test_says_that_it_is_a_lower_bound():
    """Neither the estimate nor its interval can be read as those of the total."""
    bound = chao_lower_bound(load_dataset("UKdat_5"))
    assert bound.notes[0].startswith("a lower bound of the total")
    assert bound.interval().note == "of the lower bound"


def test_lists_without_overlap_are_refused():
    """Nobody on two lists: no bound."""
    with pytest.raises(NoOverlap, match="no person is on two of the lists a, b, c"):
        chao_lower_bound(three_lists(10, 20, 30, 0, 0, 0))


def test_impossible_histories_are_refused():
    """With lists that exclude each other the two counts do not bound the rest."""
    h = CaptureHistories.from_counts(THREE, {(1, 0, 0): 5, (0, 1, 1): 2}, structural_zeros=[(1, 1, 0)])
    with pytest.raises(Refused, match="needs every history to be possible"):
        chao_lower_bound(h)


def test_unknown_form_is_answered_with_the_known_ones():
    """An option that is not offered is bad input."""
    with pytest.raises(BadInput, match="list_sizes='some' is not offered; use one of 'unequal', 'equal'"):
        chao_lower_bound(load_dataset("HAV"), list_sizes="some")
