"""Estimates in a report: rounded, or withheld where they would give a hidden count away."""

from math import inf

import pytest

from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import Interval, Tabulated
from mse.report.rounding import ShownEstimate, rounded, show_estimate
from mse.report.suppression import protect_histories

LISTS = ("A", "B", "C")


def histories(ab: int = 8, abc: int = 0) -> CaptureHistories:
    counts = {(1, 0, 0): 60, (0, 1, 0): 50, (0, 0, 1): 40, (1, 1, 0): ab, (1, 0, 1): 14, (0, 1, 1): 12, (1, 1, 1): abc}
    return CaptureHistories.from_counts(LISTS, counts)


def shown(model: str, h: CaptureHistories, *, n_hat: float = 613.4, high: float = 1204.2) -> ShownEstimate:
    rule = Tabulated({0.95: Interval(402.7, high, 0.95, "profile")})
    estimate = Replicated(model, h.n_observed, n_hat, rule)
    return show_estimate(estimate, protect_histories(h), h.lists, is_main=True)


def test_estimate_is_rounded_to_ten_or_three_digits() -> None:
    """With nothing hidden: nearest 10 below 1,000, three digits above, ends outwards."""
    one = shown("[A,B][C]", histories())
    assert (one.n_hat, one.low, one.high, one.is_coarse) == (610, 400, 1210, False)


def test_estimate_that_rests_on_a_hidden_overlap_is_rounded_coarsely() -> None:
    """A term whose overlap is hidden makes the rounding coarse; a model without it keeps its digits."""
    h = histories(ab=2)
    with_term, without = shown("[A,B][C]", h), shown("[A][B][C]", h)
    assert (with_term.n_hat, with_term.low, with_term.is_coarse) == (600, 400, True)
    assert with_term.high == 1300
    assert without.is_coarse is (protect_histories(h).get("list", "A") is None)


def test_other_models_are_rounded_coarsely_when_anything_is_hidden() -> None:
    """A lower bound or a Bayesian model depends on all counts."""
    assert shown("Chao lower bound", histories(ab=2)).is_coarse
    assert not shown("Chao lower bound", histories()).is_coarse


def test_estimate_from_two_lists_is_withheld_when_their_overlap_is_hidden() -> None:
    """Chapman's N of two known totals is their overlap in another guise."""
    hidden = shown("Chapman [A][B]", histories(ab=2))
    assert (hidden.n_hat, hidden.low, hidden.high) == (None, None, None)


def test_no_estimate_is_shown_when_few_persons_are_on_two_lists() -> None:
    """With one or two persons on several lists, every estimate would tell how many."""
    h = CaptureHistories.from_counts(LISTS, {(1, 0, 0): 60, (0, 1, 0): 50, (0, 0, 1): 40, (1, 1, 0): 2})
    assert shown("[A][B][C]", h).n_hat is None


def test_ends_do_not_fall_below_the_number_registered() -> None:
    """A lower end rounded down stays at the number registered, and an open upper end stays open."""
    h = histories()
    one = shown("[A][B][C]", h, n_hat=h.n_observed + 0.4, high=inf)
    assert one.n_hat == h.n_observed
    assert one.high == inf


@pytest.mark.parametrize(
    ("value", "coarse", "expected"), [(994.9, False, 990), (13_444, False, 13_400), (707, True, 700)]
)
def test_rounding(value: float, coarse: bool, expected: int) -> None:
    """The step grows with the number."""
    assert rounded(value, coarse=coarse) == expected
