"""Resamples from the fitted population: their law, and the intervals of a given and of a selected model."""

import numpy as np
import pytest

import mse
from mse.errors import BadInput
from mse.models.loglinear.extended import extended_mle
from mse.models.loglinear.parametric_bootstrap import draw_resamples, parametric_counts
from mse.models.loglinear.terms import parse_model

KOREA = mse.load_dataset("Korea")


def fitted(model: str, histories=KOREA):
    """The extended MLE of one model."""
    return extended_mle(histories, parse_model(model, histories.lists))


def test_the_resamples_have_the_means_of_the_model_and_the_spread_of_a_multinomial() -> None:
    """N-hat persons over all cells; the number observed is binomial with N-hat trials."""
    mle = fitted("independence")
    tables = parametric_counts(mle, 4000, seed=1)
    n_hat = mle.n_observed + mle.n_hidden
    share = np.where(mle.support.active, mle.fit.means, 0) / n_hat
    size = round(n_hat)
    assert np.all(np.abs(tables.mean(axis=0) - size * share) <= 4 * np.sqrt(size * share * (1 - share) / 4000))
    seen = tables.sum(axis=1)
    p = share.sum()
    assert seen.var() == pytest.approx(size * p * (1 - p), rel=4 * np.sqrt(2 / 4000))


def test_the_missing_cell_and_excluded_cells_stay_empty() -> None:
    """Nobody is on both lists of a pair whose term is minus infinity."""
    table = mse.CaptureHistories.from_counts(
        ("a", "b", "c"), {(1, 0, 0): 30, (0, 1, 0): 25, (0, 0, 1): 40, (1, 0, 1): 9, (0, 1, 1): 8}
    )
    mle = fitted("[a,b][c]", table)
    tables = parametric_counts(mle, 50, seed=1)
    assert not tables[:, 0].any()
    assert not tables[:, [6, 7]].any()
    assert tables.shape == (50, 8)


def test_the_same_seed_gives_the_same_bytes() -> None:
    """And each kind of resample its own."""
    mle = fitted("independence")
    drawn = {how: draw_resamples(mle, 20, how=how, seed=4).tobytes() for how in ("fixed", "binomial", "parametric")}
    assert drawn["parametric"] == draw_resamples(mle, 20, how="parametric", seed=4).tobytes()
    assert len(set(drawn.values())) == 3


def test_a_selected_model_takes_parametric_resamples() -> None:
    """The selection is repeated in each; the provenance says what was drawn."""
    best = mse.select_loglinear(KOREA, n_boot=100, seed=1, resampling="parametric", interval="percentile")
    assert best.interval().kind == "percentile"
    assert best.provenance["options"]["resampling"] == "parametric"
    assert len(set(best.resampling.models)) > 1


@pytest.mark.parametrize("resampling", ["fixed", "binomial", "parametric"])
def test_a_given_model_is_the_only_one_to_choose(resampling: str) -> None:
    """Resampling the best model gives what a selection with n_top=1 gives."""
    best = mse.select_loglinear(KOREA, n_boot=80, n_top=1, seed=2, resampling=resampling)
    options = {"n_boot": 80, "seed": 2, "resampling": resampling}
    given = mse.fit_loglinear(KOREA, best.model, interval="bca", **options)
    assert given.draws == pytest.approx(best.draws, rel=1e-9)
    assert given.interval().low == pytest.approx(best.interval().low, rel=1e-9)
    assert given.interval().kind == "bca"
    assert np.array_equal(mse.fit_loglinear(KOREA, best.model, n_jobs=2, **options).draws, given.draws)


def test_the_parametric_interval_of_independence_is_near_the_multinomial_profile() -> None:
    """On a table without sparse cells all honest intervals of one model agree roughly."""
    table = mse.load_dataset("UKdat_5")
    drawn = mse.fit_loglinear(
        table, "independence", interval="percentile", n_boot=400, resampling="parametric", seed=1
    ).interval()
    profile = mse.fit_loglinear(table, "independence", likelihood="multinomial").interval()
    assert (drawn.low, drawn.high) == pytest.approx((profile.low, profile.high), rel=0.04)


def test_no_end_is_below_the_number_observed() -> None:
    """A resample of the fitted population may hold fewer persons than were seen; the population does not."""
    nearly_all = mse.CaptureHistories.from_counts(
        ("a", "b", "c"),
        {(1, 1, 1): 90, (1, 1, 0): 20, (1, 0, 1): 22, (0, 1, 1): 19, (1, 0, 0): 5, (0, 1, 0): 4, (0, 0, 1): 5},
    )
    options = {"n_boot": 200, "seed": 1, "resampling": "parametric"}
    ends = mse.fit_loglinear(nearly_all, "independence", interval="percentile", **options).interval(0.999)
    assert ends.low == nearly_all.n_observed
    assert ends.note.startswith("the lower end is the number observed")


def test_resamples_that_keep_the_number_observed_say_when_that_matters() -> None:
    """Most of this population is seen, so that the variance of the number observed is not small."""
    nearly_all = mse.CaptureHistories.from_counts(
        ("a", "b", "c"),
        {(1, 1, 1): 90, (1, 1, 0): 60, (1, 0, 1): 58, (0, 1, 1): 61, (1, 0, 0): 40, (0, 1, 0): 41, (0, 0, 1): 39},
    )
    options = {"interval": "percentile", "n_boot": 60, "seed": 1}
    fixed = mse.fit_loglinear(nearly_all, "independence", **options)
    binomial = mse.fit_loglinear(nearly_all, "independence", **options, resampling="binomial")
    assert "resampling='binomial' is not" in fixed.notes[0]
    assert binomial.notes == ()
    assert fixed.draws.std() < binomial.draws.std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "bca"}, "interval='bca' needs resamples"),
        ({"n_boot": 10}, "n_boot=10 asks for random resamples without a seed"),
        ({"n_boot": 10, "seed": 1, "resampling": "poisson"}, "resampling='poisson' is not offered"),
        ({"n_boot": 10, "seed": 1, "likelihood": "multinomial"}, "resamples are fitted by the Poisson likelihood"),
        ({"n_boot": -1, "seed": 1, "resampling": "parametric"}, "n_boot=-1 gives no resample"),
    ],
)
def test_what_cannot_be_resampled_is_bad_input(options: dict[str, object], message: str) -> None:
    """Each message names the option and the way out."""
    with pytest.raises(BadInput, match=message):
        mse.fit_loglinear(KOREA, "independence", **options)
