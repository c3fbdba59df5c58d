"""The lower bound that persons seen only once cannot raise."""

import numpy as np
import pytest

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap, Refused
from mse.histories import CaptureHistories
from mse.models.lower_bound import chao_lower_bound
from mse.models.one_inflation import one_inflated_lower_bound

THREE = ("a", "b", "c")


def three_lists(*counts):
    """Counts of 001, 010, 011, 100, 101, 110, 111."""
    return CaptureHistories(THREE, np.array(counts, dtype=np.int64))


def expected_histories(chances, groups, scale=10**9):
    """Counts when a share of the persons multiplies the odds of every list by a factor, and the total."""
    odds = np.asarray(chances) / (1 - np.asarray(chances))
    on = np.arange(2 ** len(odds))[:, None] >> np.arange(len(odds))[::-1] & 1
    cells = np.zeros(2 ** len(odds))
    for share, factor in groups:
        p = factor * odds / (1 + factor * odds)
        cells += share * np.prod(np.where(on, p, 1 - p), axis=1)
    return CaptureHistories(tuple("abcdefghijklmn"[: len(odds)]), np.round(scale * cells).astype(np.int64)[1:]), scale


def test_numbers_by_hand():
    """4, 6 and 9 on each two lists only, 3 on all three: 216 / 9; or 19^3 / 9 by 1 / 27; or 2 / 9 of it."""
    h = three_lists(10, 20, 4, 30, 6, 9, 3)
    assert one_inflated_lower_bound(h).n_hat == pytest.approx(82 + 24)
    assert one_inflated_lower_bound(h, list_sizes="equal").n_hat == pytest.approx(82 + 19**3 / 9 / 27)
    assert one_inflated_lower_bound(h, list_sizes="many").n_hat == pytest.approx(82 + 19**3 / 9 * 2 / 9)
    corrected = one_inflated_lower_bound(h, list_sizes="many", bias_corrected=True)
    assert corrected.n_hat == pytest.approx(82 + 19 * 18 * 17 / (4 * 5) * 2 / 9)


def test_variance_by_hand():
    """n_hidden^2 times the sum of squared derivatives of its logarithm, plus n_hidden."""
    ours = one_inflated_lower_bound(three_lists(10, 20, 4, 30, 6, 9, 3))
    assert ours.diagnostics["standard_error"] ** 2 == pytest.approx(24 + 24**2 * (1 / 4 + 1 / 6 + 1 / 9 + 4 / 3))
    equal = one_inflated_lower_bound(three_lists(10, 20, 4, 30, 6, 9, 3), list_sizes="equal")
    hidden = 19**3 / 9 / 27
    assert equal.diagnostics["standard_error"] ** 2 == pytest.approx(hidden + hidden**2 * (9 / 19 + 4 / 3))
    assert equal.interval().note == "of the lower bound"


def test_exact_for_independent_lists_whatever_the_singles():
    """With persons alike the bound is the total of those not inflated, plus the persons added on one list."""
    h, total = expected_histories((0.1, 0.3, 0.2, 0.4), [(1.0, 1.0)])
    inflated = h.counts.copy()
    inflated[0] += total
    more = CaptureHistories(h.lists, inflated)
    assert one_inflated_lower_bound(h).n_hat == pytest.approx(total, rel=1e-5)
    assert one_inflated_lower_bound(more).n_hat == pytest.approx(2 * total, rel=1e-5)
    assert chao_lower_bound(more).n_hat > 3 * total


def test_stays_below_where_persons_differ():
    """A third of the persons four times as easy to find: below the total, and below Chao's bound."""
    h, total = expected_histories((0.02, 0.05, 0.08, 0.2, 0.1), [(2 / 3, 1.0), (1 / 3, 4.0)])
    assert h.n_observed < one_inflated_lower_bound(h).n_hat < chao_lower_bound(h).n_hat < total


def test_forms_agree_for_lists_of_equal_size():
    """With equal lists the first two forms are one; with many the third joins them."""
    h, total = expected_histories((0.2,) * 4, [(1.0, 1.0)])
    forms = [one_inflated_lower_bound(h, list_sizes=form).n_hat for form in ("unequal", "equal")]
    assert forms == pytest.approx([total, total], rel=1e-5)
    many, _ = expected_histories((0.02,) * 14, [(1.0, 1.0)])
    ours = [one_inflated_lower_bound(many, list_sizes=form).n_hat for form in ("equal", "many")]
    assert ours[0] == pytest.approx(10**9, rel=1e-3)
    assert 1 < (ours[1] - many.n_observed) / (ours[0] - many.n_observed) < 1.3


def test_says_when_there_is_no_sign_of_inflation():
    """UKdat_5: above Chao's bound, so that the singles are not too many but too few."""
    ours = one_inflated_lower_bound(load_dataset("UKdat_5"))
    assert ours.n_hat > ours.diagnostics["chao_lower_bound"]
    assert "no sign of too many persons on one list only" in ours.notes[1]


def test_tables_without_a_bound_are_refused():
    """Two lists, no overlap, nobody on three lists, impossible histories, pairs that make no three, and options."""
    h = three_lists(10, 20, 4, 30, 6, 9, 3)
    with pytest.raises(BadInput, match="needs three lists or more"):
        one_inflated_lower_bound(h.drop_lists("a"))
    with pytest.raises(NoOverlap):
        one_inflated_lower_bound(three_lists(5, 6, 0, 7, 0, 0, 0))
    with pytest.raises(Refused, match="6 persons are on exactly two lists and 0 on exactly three"):
        one_inflated_lower_bound(load_dataset("Artificial_3"))
    with pytest.raises(Refused, match="too few persons are on two and three lists"):
        one_inflated_lower_bound(three_lists(10, 20, 0, 30, 6, 9, 3))
    impossible = CaptureHistories(THREE, np.array([5, 6, 2, 7, 3, 0, 1]), structural_zeros=frozenset({(1, 1, 0)}))
    with pytest.raises(Refused, match="1 are declared impossible"):
        one_inflated_lower_bound(impossible)
    with pytest.raises(BadInput, match="list_sizes='few' is not offered"):
        one_inflated_lower_bound(h, list_sizes="few")
    with pytest.raises(BadInput, match="has no bias-corrected version"):
        one_inflated_lower_bound(h, bias_corrected=True)
