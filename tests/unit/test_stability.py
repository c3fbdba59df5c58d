"""The stability curve: what one call for each n_top gives, from one pass over the resamples."""

import matplotlib as mpl
import numpy as np
import pytest

import mse
from mse.errors import BadInput, Refused
from mse.models.loglinear.choosing import AmongModels
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.first_models import FirstModels
from mse.models.loglinear.terms import all_terms, hierarchical_models

KOREA = mse.load_dataset("Korea")
KOSOVO = mse.load_dataset("Kosovo")


@pytest.fixture(scope="module")
def curve():
    """Kosovo with sixty resamples."""
    return mse.stability_curve(KOSOVO, n_top=(1, 3, 10, 40, 500, None), n_boot=60, seed=3)


@pytest.mark.parametrize("n_top", [1, 2, 7, 40, 500, None])
def test_every_point_of_the_curve_is_what_select_loglinear_gives(curve, n_top: int | None) -> None:
    """To the last bit: totals, BCa and percentile interval, also between the numbers that were asked for."""
    one = mse.select_loglinear(KOSOVO, n_top=n_top, n_boot=60, seed=3)
    assert np.array_equal(curve.totals(n_top), one.draws[:, 0])
    assert curve.resampling(n_top).models == one.resampling.models
    assert curve.interval(n_top, level=0.8) == one.interval(0.8)
    percentile = mse.select_loglinear(KOSOVO, n_top=n_top, n_boot=60, seed=3, interval="percentile")
    assert curve.interval(n_top, kind="percentile") == percentile.interval()


@pytest.mark.parametrize(
    "options", [{"by": "aic", "max_order": 2}, {"resampling": "parametric"}, {"search": "downhill"}]
)
def test_the_options_are_those_of_select_loglinear(options: dict[str, object]) -> None:
    """Order of degree 2, another criterion, other resamples, another search."""
    points = mse.stability_curve(KOSOVO, n_top=(4, None), ordering=2, n_boot=30, seed=5, **options)
    for n_top in (4, None):
        one = mse.select_loglinear(KOSOVO, n_top=n_top, ordering=2, n_boot=30, seed=5, **options)
        assert np.array_equal(points.totals(n_top), one.draws[:, 0])
        assert points.interval(n_top) == one.interval()


def test_the_leaders_are_the_best_of_the_first_models_in_any_order() -> None:
    """Slow obvious twin: fit the first k of a shuffled order, on sparse tables."""
    rng = np.random.default_rng(1)
    terms = np.array(all_terms(4), dtype=np.int64)
    possible = np.arange(16) > 0
    models = rng.permutation(hierarchical_models(4))
    for by in ("bic", "aicc"):
        for _ in range(2):
            counts = np.concatenate([[0], rng.poisson(rng.gamma(0.4, 3.0, size=15))]).astype(float)
            first = FirstModels(models, terms, possible, 4, Criterion(by))
            leaders = first.leaders(counts)
            for k in (1, 2, 3, 8, 20, 50, 113):
                twin = AmongModels(models[:k], terms, possible, 4, Criterion(by)).best(counts)
                assert [one.choice for one in leaders if one.rank <= k][-1:] == twin


def test_knowing_the_best_of_all_changes_nothing(curve) -> None:
    """It only ends the walk down the order earlier."""
    counts, possible = full_table(KOSOVO)
    first = FirstModels(curve.bitsets, np.array(all_terms(4)), possible, 4, Criterion())
    best = AmongModels(curve.bitsets, np.array(all_terms(4)), possible, 4).best(counts)[0]
    assert first.leaders(counts, best.model) == first.leaders(counts)
    assert first.leaders(counts)[0].rank == 1


def test_ranks_say_where_each_resamples_best_model_stands(curve) -> None:
    """Rank k means that the first k models suffice and the first k - 1 do not."""
    known = np.flatnonzero(~np.isnan(curve.ranks))
    assert len(known) > 50
    for i in known:
        rank = int(curve.ranks[i])
        assert curve.resampled[i].among(rank) == curve.resampled[i].best
        assert rank == 1 or curve.resampled[i].among(rank - 1) != curve.resampled[i].best


def test_the_models_stand_in_the_order_asked_for(curve) -> None:
    """Degree 1 is the ranking itself."""
    ranking = mse.select_loglinear(KOSOVO).ranking
    assert list(curve.models) == ranking.query("status == 'ok'").model.tolist()
    other = mse.stability_curve(KOSOVO, n_top=(1,), ordering=2, n_boot=2, seed=1)
    assert sorted(other.models) == sorted(curve.models)
    assert other.models != curve.models


def test_the_frame_has_a_row_for_each_n_top_kind_and_level(curve) -> None:
    """All models come last, as infinity."""
    frame = curve.frame()
    assert len(frame) == 6 * 2 * 2
    assert frame.n_top.unique().tolist() == [1, 3, 10, 40, 500, np.inf]
    row = frame.query("n_top == 3 and kind == 'bca' and level == 0.8").iloc[0]
    assert (row.low, row.high) == (curve.interval(3, level=0.8).low, curve.interval(3, level=0.8).high)
    assert (frame.refused == "").all()
    assert frame.n_models.tolist() == sorted(frame.n_models)


def test_limits_that_are_refused_are_said_in_their_row() -> None:
    """One resample is on one side of the estimate: no BCa interval, while percentiles exist."""
    few = mse.stability_curve(KOREA, n_top=(1,), n_boot=1, seed=1)
    bca, percentile = few.frame(levels=(0.95,)).to_dict("records")
    assert "the only resample lies on one side of the estimate" in bca["refused"]
    assert np.isnan(bca["low"])
    assert percentile["low"] <= percentile["high"]
    with pytest.raises(Refused, match="on one side"):
        few.interval(1)


def test_the_workers_do_not_change_the_curve(curve) -> None:
    """Resamples are drawn before they are shared out."""
    two = mse.stability_curve(KOSOVO, n_top=(1, 3, 10, 40, 500, None), n_boot=60, seed=3, n_jobs=2)
    assert two.resampled == curve.resampled
    assert two.left_out == curve.left_out


def test_what_is_not_on_the_curve_is_bad_input(curve) -> None:
    """The message says what the curve holds."""
    with pytest.raises(BadInput, match="n_top=501 is not on the curve, which goes from 1 to 500"):
        curve.interval(501)
    with pytest.raises(BadInput, match="kind='wald' is not offered"):
        curve.interval(1, kind="wald")
    with pytest.raises(BadInput, match=r"n_top=\[0\] leaves no model"):
        mse.stability_curve(KOREA, n_top=(0,), seed=1)
    with pytest.raises(BadInput, match="search='stepwise' is not offered"):
        mse.stability_curve(KOREA, search="stepwise", seed=1)
    without = mse.stability_curve(KOREA, n_top=(2,), n_boot=2, seed=1)
    with pytest.raises(BadInput, match="made without n_top=None"):
        without.interval(None)


def test_the_figure_shows_each_n_top_and_names_the_levels(curve) -> None:
    """All models stand at the right end."""
    with mpl.rc_context({"backend": "agg"}):
        axes = mse.plot_stability(curve, levels=(0.95, 0.8), kind="percentile")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3", "10", "40", "500", "all"]
    assert sorted(text.get_text() for text in axes.texts) == [" 80 %", " 95 %"]
    drawn = np.concatenate([line.get_ydata() for line in axes.lines[:4]])
    frame = curve.frame(kinds=("percentile",))
    assert sorted(drawn) == sorted([*frame.low, *frame.high])
    with pytest.raises(BadInput, match="no level was given"):
        mse.plot_stability(curve, levels=())
