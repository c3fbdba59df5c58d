"""Bootstrap intervals that repeat the selection: reproducible, whatever the workers, and honest about their edges."""

import numpy as np
import pytest

import mse
from mse.errors import BadInput, Refused
from mse.models.loglinear.bootstrap import BCa, Percentile, choose_in_resamples, resample_counts
from mse.models.loglinear.choosing import AmongModels
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.ranking import in_order_of_degree
from mse.models.loglinear.terms import all_terms, bitsets_of, hierarchical_models

KOREA = mse.load_dataset("Korea")
KOSOVO = mse.load_dataset("Kosovo")


def test_the_bootstrap_on_korea_gives_the_published_limits() -> None:
    """Silverman, Chan and Vincent (2024), table 3: 128 to 349 over all models; a seed moves it by some per cent."""
    ends = mse.select_loglinear(KOREA, n_boot=1000, seed=1).interval()
    assert ends.kind == "bca"
    assert (ends.low, ends.high) == pytest.approx((128, 349), rel=0.1)


def test_the_same_seed_gives_the_same_draws_whatever_the_workers() -> None:
    """Resamples are drawn before they are shared out."""
    one = mse.select_loglinear(KOSOVO, n_boot=60, seed=3)
    two = mse.select_loglinear(KOSOVO, n_boot=60, seed=3, n_jobs=2)
    other = mse.select_loglinear(KOSOVO, n_boot=60, seed=4)
    assert np.array_equal(one.draws, two.draws)
    assert one.draws.shape == (60, 1)
    assert not np.array_equal(one.draws, other.draws)


def test_choosing_among_all_models_listed_equals_branch_and_bound() -> None:
    """Slow obvious twin: fit all 113 models in every resample."""
    counts, possible = full_table(KOSOVO)
    terms = np.array(all_terms(4), dtype=np.int64)
    listed = AmongModels(hierarchical_models(4), terms, possible, 4)
    twin = choose_in_resamples(listed, resample_counts(counts, 60, seed=3))
    assert mse.select_loglinear(KOSOVO, n_boot=60, seed=3).resampling.models == twin.models


def test_fewer_models_give_an_interval_that_is_not_wider() -> None:
    """With n_top=1 the model is the same in every resample."""
    one = mse.select_loglinear(KOSOVO, n_boot=200, n_top=1, seed=5)
    everything = mse.select_loglinear(KOSOVO, n_boot=200, seed=5)
    assert set(one.resampling.models) == {one.resampling.models[0]}
    assert one.interval().high - one.interval().low < everything.interval().high - everything.interval().low


def test_degree_two_puts_the_neighbours_of_good_models_first() -> None:
    """Each model takes the best rank among itself and the models one term away."""
    sound = mse.select_loglinear(KOREA).ranking.query("status == 'ok'").model
    models = bitsets_of(sound, KOREA.lists, all_terms(3))
    rank = {int(m): i for i, m in enumerate(models)}
    best = {m: min([rank[m], *(rank[m ^ 1 << j] for j in range(3) if m ^ 1 << j in rank)]) for m in rank}
    assert in_order_of_degree(models, 2).tolist() == sorted(rank, key=lambda m: (best[m], rank[m]))
    assert in_order_of_degree(models, 1).tolist() == models.tolist()


def test_binomial_resampling_draws_the_number_of_persons() -> None:
    """Fixed keeps it; binomial has the mean n and the variance n (1 - n / N)."""
    counts, _ = full_table(KOREA)
    fixed = resample_counts(counts, 400, seed=1).sum(axis=1)
    drawn = resample_counts(counts, 400, seed=1, n_hat=246.0).sum(axis=1)
    assert set(fixed) == {123.0}
    assert drawn.mean() == pytest.approx(123, abs=4 * np.sqrt(123 / 2 / 400))
    assert drawn.var() == pytest.approx(123 / 2, rel=0.4)
    told = mse.select_loglinear(KOREA, n_boot=50, seed=1, resampling="binomial").provenance["options"]
    assert told["resampling"] == "binomial"


def test_profile_can_be_asked_for_beside_the_draws() -> None:
    """The interval then says that it ignores the selection; the draws are there all the same."""
    estimate = mse.select_loglinear(KOREA, n_boot=50, seed=1, interval="profile")
    assert estimate.interval().note == "ignores model selection"
    assert len(estimate.draws) == 50
    assert mse.select_loglinear(KOREA, n_boot=50, seed=1, interval="percentile").interval().kind == "percentile"


def test_a_limit_on_an_extreme_resample_is_said() -> None:
    """The end of such an interval is where the resamples stop, not where the uncertainty does."""
    rule = BCa(np.arange(100.0), z0=0.0, acceleration=0.0)
    assert rule.at(0.9).note == ""
    assert rule.at(0.999).note == "the lower end is the smallest resample; the upper end is the largest resample"


def test_without_bias_and_acceleration_bca_is_the_percentile_interval() -> None:
    """Efron (1987): z0 = a = 0 gives the percentiles back."""
    totals = np.random.default_rng(1).lognormal(5, 1, 999)
    for level in (0.5, 0.8, 0.95):
        plain, corrected = Percentile(totals).at(level), BCa(np.sort(totals), 0.0, 0.0).at(level)
        assert (plain.low, plain.high) == pytest.approx((corrected.low, corrected.high))


def test_resamples_on_one_side_of_the_estimate_are_refused() -> None:
    """The bias correction would be infinite."""
    with pytest.raises(Refused, match="all 5 resamples lie on one side of the estimate"):
        BCa.of(np.arange(100.0, 105.0), 10.0, [], np.empty(0))


def test_no_resample_is_bad_input() -> None:
    """Zero or fewer resamples cannot make an interval."""
    with pytest.raises(BadInput, match="n_boot=-1 gives no resample"):
        mse.select_loglinear(KOREA, n_boot=-1, seed=1)
