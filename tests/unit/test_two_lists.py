"""Lincoln-Petersen and Chapman against hand calculation."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman, lincoln_petersen

cells = st.integers(min_value=0, max_value=500)
positive = st.integers(min_value=1, max_value=500)


def two_lists(first_only, second_only, both):
    return CaptureHistories.from_counts(("police", "ngo"), {(1, 0): first_only, (0, 1): second_only, (1, 1): both})


def test_numbers_by_hand():
    """With 36 and 43 on the lists and 9 on both: 36 x 43 / 9, and 37 x 44 / 10 - 1."""
    h = two_lists(27, 34, 9)
    assert lincoln_petersen(h).n_hat == pytest.approx(172)
    assert chapman(h).n_hat == pytest.approx(161.8)
    assert chapman(h).diagnostics["standard_error"] == pytest.approx((37 * 44 * 27 * 34 / (10**2 * 11)) ** 0.5)
    assert lincoln_petersen(h).diagnostics["standard_error"] == pytest.approx((36 * 43 * 27 * 34 / 9**3) ** 0.5)


def test_interval_is_log_normal_on_the_hidden_persons():
    """The limits are n + n_hidden times and over the same factor, so their excesses over n multiply to its square."""
    estimate = chapman(two_lists(27, 34, 9))
    interval = estimate.interval(0.9)
    assert (interval.kind, interval.level) == ("log-normal", 0.9)
    assert (interval.low - 70) * (interval.high - 70) == pytest.approx((estimate.n_hat - 70) ** 2)


def test_two_of_several_lists_use_their_margins():
    """Two lists of three count a person whatever the third list says, and leave out those on the third alone."""
    h = load_dataset("HAV")
    estimate = chapman(h, lists=("A", "B"))
    assert estimate.model == "Chapman [A][B]"
    assert estimate.diagnostics["on_first"] == 69 + 21 + 17 + 28
    assert estimate.diagnostics["on_both"] == 21 + 28
    assert estimate.n_observed == 271 - 63
    assert estimate.notes == ("63 persons on neither A nor B were not used",)


def test_total_below_the_persons_observed_is_said():
    """A pair that depends so strongly that its total is below all persons seen is reported as such."""
    estimate = lincoln_petersen(load_dataset("Korea"), lists=("b", "c"))
    assert estimate.n_hat < 123
    assert "below the 123 persons that all lists hold" in estimate.notes[-1]


@given(first_only=cells, second_only=cells, both=positive)
def test_order_of_the_lists_does_not_matter(first_only, second_only, both):
    """Naming the two lists in the other order gives the same total."""
    h = two_lists(first_only, second_only, both)
    for method in (chapman, lincoln_petersen):
        assert method(h, lists=("ngo", "police")).n_hat == method(h).n_hat


@given(first_only=cells, second_only=cells, both=positive)
def test_total_is_never_below_the_observed(first_only, second_only, both):
    """Both totals and their limits are at least the persons seen, and Chapman's is never the larger."""
    h = two_lists(first_only, second_only, both)
    for method in (chapman, lincoln_petersen):
        estimate = method(h)
        assert isinstance(estimate, Estimate)
        assert h.n_observed <= estimate.interval().low <= estimate.n_hat * (1 + 1e-12)
        assert estimate.n_hat <= estimate.interval().high * (1 + 1e-12)
    assert chapman(h).n_hat <= lincoln_petersen(h).n_hat * (1 + 1e-12)


@given(first_only=cells, second_only=cells, both=positive)
def test_hidden_persons_are_the_product_of_those_on_one_list_over_those_on_both(first_only, second_only, both):
    """Lincoln-Petersen leaves first-only times second-only over both, which is also Chao's bound for two lists."""
    h = two_lists(first_only, second_only, both)
    hidden = first_only * second_only / both
    assert lincoln_petersen(h).n_hat == pytest.approx(h.n_observed + hidden)
    assert chao_lower_bound(h).n_hat == pytest.approx(h.n_observed + hidden)
    assert chao_lower_bound(h).diagnostics["standard_error"] == pytest.approx(
        lincoln_petersen(h).diagnostics["standard_error"]
    )


@pytest.mark.parametrize("method", [chapman, lincoln_petersen])
def test_lists_without_overlap_are_refused(method):
    """Nobody on both lists: no number."""
    with pytest.raises(NoOverlap, match="no person is on two of the lists police, ngo"):
        method(two_lists(27, 34, 0))


@pytest.mark.parametrize("method", [chapman, lincoln_petersen])
@pytest.mark.parametrize("lists", [None, ("A",), ("A", "A"), ("A", "B", "C"), "AB"])
def test_anything_but_a_pair_is_bad_input(method, lists):
    """Three lists without a choice, one list, a list with itself: two lists must be named."""
    with pytest.raises(BadInput, match="is not a pair of lists"):
        method(load_dataset("HAV"), lists=lists)


def test_unknown_list_is_answered_with_the_known_ones():
    """A list that is not in the table is bad input, and the message names those that are."""
    with pytest.raises(BadInput, match="no list named 'Z'; there are 'A', 'B', 'C'"):
        chapman(load_dataset("HAV"), lists=("A", "Z"))


def test_strata_are_not_pooled_silently():
    """A stratified table is bad input, with the two ways out."""
    with pytest.raises(BadInput, match="collapse_strata"):
        chapman(load_dataset("spina", covariates=["eth"]), lists=("S1", "S2"))


@given(first_only=positive, second_only=positive, both=positive)
@example(first_only=173, second_only=482, both=48)
def test_independence_of_two_lists_is_lincoln_petersen(first_only, second_only, both):
    """The log-linear model of independence on two lists gives the Lincoln-Petersen total."""
    h = two_lists(first_only, second_only, both)
    assert fit_loglinear(h, "independence").n_hat == pytest.approx(lincoln_petersen(h).n_hat, rel=1e-9)
