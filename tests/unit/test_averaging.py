"""Averaging over models: the mixture, its quantiles and draws, and the answers that the weight sits on."""

import numpy as np
import pytest
from scipy.stats import norm

import mse
from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.loglinear.averaging import AveragedLogLinear, Mixture, average_loglinear, modes_of


def _of(*parts: tuple[float, float, float]) -> Mixture:
    weights, log_hidden, se = (np.array(column) for column in zip(*parts, strict=True))
    return Mixture(100, weights, log_hidden, se)


@pytest.fixture(scope="module")
def uk5() -> AveragedLogLinear:
    return average_loglinear(mse.load_dataset("UKdat_5"), seed=1)


def test_the_uk_table_has_two_answers(uk5: AveragedLogLinear) -> None:
    """A quarter of the BIC weight is on some 12,000, three quarters on some 25,000; the median is in the second."""
    low, high = uk5.modes
    assert (low.weight, high.weight) == pytest.approx((0.26, 0.74), abs=0.01)
    assert low.weight + high.weight == pytest.approx(1)
    assert 9_000 < low.low < low.n_hat < low.high < 15_000 < 19_000 < high.low < high.n_hat < high.high < 35_000
    assert high.low < uk5.n_hat < high.high
    assert uk5.notes[0].startswith("the models do not agree: weight 0.26 on ")
    assert uk5.interval().note == uk5.notes[0]


def test_the_weights_of_the_modes_are_those_of_the_ranking(uk5: AveragedLogLinear) -> None:
    """0.255 below 15,000 and 0.724 above 20,000; what is between goes to one or the other."""
    sound = uk5.ranking[uk5.ranking.status == "ok"]
    below, above = (sound.weight[side].sum() for side in (sound.n_hat < 15_000, sound.n_hat > 20_000))
    assert (below, above) == pytest.approx((0.255, 0.724), abs=5e-4)
    assert below - 1e-3 <= uk5.modes[0].weight <= 1 - above + 1e-3


def test_the_interval_covers_both_answers(uk5: AveragedLogLinear) -> None:
    """It is the mixture's, with the median as its middle, and does not depend on the draws."""
    interval = uk5.interval()
    assert interval.kind == "percentile"
    assert interval.median == uk5.n_hat
    assert interval.low < uk5.modes[0].n_hat < uk5.modes[1].n_hat < interval.high
    other = average_loglinear(mse.load_dataset("UKdat_5"), n_draws=1, seed=2)
    assert (other.n_hat, other.interval().high) == (uk5.n_hat, interval.high)


def test_the_draws_are_from_the_mixture(uk5: AveragedLogLinear) -> None:
    """Their shares below three quantiles are as they should be, within four standard errors."""
    assert uk5.draws.shape == (4000, 1)
    for share in (0.1, 0.5, 0.9):
        quantile = uk5.uncertainty.quantile(share)  # type: ignore[attr-defined]
        assert np.mean(uk5.draws < quantile) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4000))


@pytest.mark.parametrize(
    ("name", "by", "n_modes"),
    [("Kosovo", "bic", 2), ("Korea", "bic", 1), ("UKdat_4", "bic", 1), ("UKdat_4", "aic", 2), ("HIV", "bic", 1)],
)
def test_how_many_answers_there_are(name: str, by: str, n_modes: int) -> None:
    """Kosovo's 10,357 and 12,741 are one answer and 18,393 another; the wide models of Korea overlap."""
    average = average_loglinear(mse.load_dataset(name), by=by, seed=1)
    assert len(average.modes) == n_modes == average.diagnostics["n_modes"]
    assert sum(mode.weight for mode in average.modes) == pytest.approx(1)


def test_the_netherlands_have_an_answer_three_times_the_other() -> None:
    """All models of five lists: 0.14 of the weight near 50,000 and 0.86 near 150,000."""
    low, high = average_loglinear(mse.load_dataset("Ned_5"), seed=1).modes
    assert (low.weight, low.n_hat, high.n_hat) == pytest.approx((0.140, 48_463, 160_208), rel=0.01)
    assert low.high < 60_000 < 110_000 < high.low


def test_one_model_is_its_own_average() -> None:
    """All terms but one forbidden: the estimate and the log-normal limits are those of the model."""
    h = mse.load_dataset("HIV")
    pairs = [f"{a},{b}" for i, a in enumerate(h.lists) for b in h.lists[i + 1 :]]
    average = average_loglinear(h, forbid=pairs, seed=1)
    alone = mse.fit_loglinear(h, "independence", interval="log-normal")
    assert average.n_hat == pytest.approx(alone.n_hat, rel=1e-9)
    for level in (0.8, 0.95):
        ours, theirs = average.interval(level), alone.interval(level)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert average.notes == ("one model holds all the weight",)
    assert average.diagnostics["between_share"] == 0
    assert [str(mode) for mode in average.modes] == [f"weight 1.00 on {alone.n_hat:,.0f}"]


def test_the_variance_has_a_part_within_and_a_part_between() -> None:
    """By hand for two models of equal weight."""
    mixture = _of((0.5, 5.0, 0.1), (0.5, 6.0, 0.2))
    assert mixture.mean_log_hidden == pytest.approx(5.5)
    assert mixture.variance_between == pytest.approx(0.25)
    assert mixture.variance_within == pytest.approx((0.01 + 0.04) / 2)


def test_quantiles_of_a_single_normal_are_exact() -> None:
    """On the log of the hidden number."""
    one = _of((1.0, 6.0, 0.3))
    for share in (0.025, 0.5, 0.9):
        assert one.quantile(share) == pytest.approx(100 + np.exp(6 + 0.3 * norm.ppf(share)), rel=1e-9)


@pytest.mark.parametrize(("distance", "n_modes"), [(1.0, 1), (2.5, 1), (4.0, 2)])
def test_two_models_are_two_answers_only_if_well_apart(distance: float, n_modes: int) -> None:
    """In standard errors: at 2.5 there are two peaks, but the valley is not below half of them."""
    assert len(modes_of(_of((0.5, 5.0, 0.1), (0.5, 5.0 + 0.1 * distance, 0.1)))) == n_modes


def test_a_part_with_little_weight_is_no_answer_of_its_own() -> None:
    """Three per cent far away join their neighbour; six per cent stand alone."""
    assert len(modes_of(_of((0.97, 5.0, 0.1), (0.03, 8.0, 0.1)))) == 1
    assert [mode.weight for mode in modes_of(_of((0.94, 5.0, 0.1), (0.06, 8.0, 0.1)))] == pytest.approx([0.94, 0.06])


def test_the_models_of_a_mode_are_the_fewest_with_95_per_cent() -> None:
    """Of weights 0.6, 0.36 and 0.04 the first two."""
    (mode,) = modes_of(_of((0.6, 5.0, 0.2), (0.36, 5.1, 0.2), (0.04, 5.4, 0.2)))
    assert mode.n_models == 2
    assert (mode.low, mode.high) == pytest.approx((100 + np.exp(5.0), 100 + np.exp(5.1)))


def test_six_lists_average_over_two_list_terms() -> None:
    """With larger ones they are refused, with the way out."""
    h = mse.load_dataset("UKdat")
    with pytest.raises(BadInput, match="6 lists up to order 5 are too many to average; use max_order=2 with 6 lists"):
        average_loglinear(h, seed=1)
    average = average_loglinear(h, max_order=2, force=["LA,NG"], forbid=["NG,PF", "PF,GO", "LA,GP"], seed=1)
    assert len(average.ranking) == 2**11
    assert average.diagnostics["best_n_hat"] == pytest.approx(12349.587, abs=1e-3)


def test_without_a_model_with_an_answer_there_is_no_average() -> None:
    """Three lists that share nobody; and counts of draws that are none."""
    h = CaptureHistories(("A", "B", "C"), np.array([5, 6, 0, 7, 0, 0, 0]))
    with pytest.raises(NoFiniteMLE, match="none of the 8 models has a finite MLE"):
        average_loglinear(h, seed=1)
    with pytest.raises(BadInput, match="n_draws=0 is not a number of draws"):
        average_loglinear(h, n_draws=0, seed=1)
