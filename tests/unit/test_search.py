"""The search over hierarchical models: winners, ranking, restrictions, refusals."""

import numpy as np
import pytest

import mse
from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.loglinear.terms import parse_model

UK5 = mse.load_dataset("UKdat_5")


@pytest.mark.parametrize(
    ("max_order", "positions", "n_hat"), [(2, "[12,13,23,25,34]", 22991.33), (None, "[123,25,34]", 25311.29)]
)
def test_bic_finds_the_published_best_models_of_the_uk_table(
    max_order: int | None, positions: str, n_hat: float
) -> None:
    """Silverman, Chan and Vincent (2024), table 6."""
    best = mse.select_loglinear(UK5, max_order=max_order)
    assert best.ranking.positions[0] == positions
    assert best.n_hat == pytest.approx(n_hat, abs=5e-3)


def test_of_all_five_list_models_6519_give_an_answer() -> None:
    """338 have no MLE, 36 neither MLE nor an identified total; the best BIC is 195.879106."""
    ranking = mse.select_loglinear(UK5).ranking
    assert ranking.status.value_counts().to_dict() == {"ok": 6519, "no_mle": 338, "no_mle_not_identified": 36}
    assert ranking.bic[0] == pytest.approx(195.879106, abs=5e-7)
    assert ranking.n_hat[ranking.status != "ok"].isna().all()
    assert ranking.weight[ranking.status != "ok"].isna().all()
    assert (ranking.status[:6519] == "ok").all()


def test_the_weights_show_two_modes_of_the_uk_table() -> None:
    """BIC weight 0.255 on N below 15,000 and 0.724 above 20,000; 14 models within 6 units."""
    ranking = mse.select_loglinear(UK5).ranking
    assert ranking.weight.sum() == pytest.approx(1)
    assert ranking.weight[ranking.n_hat < 15_000].sum() == pytest.approx(0.255, abs=5e-4)
    assert ranking.weight[ranking.n_hat > 20_000].sum() == pytest.approx(0.724, abs=5e-4)
    close = ranking[ranking.bic <= ranking.bic[0] + 6]
    assert (len(close), round(close.n_hat.min()), round(close.n_hat.max())) == (14, 10674, 34083)


def test_the_ranking_is_sorted_by_the_criterion_asked_for() -> None:
    """AIC, AICc and BIC with either penalty each sort their own column, undefined values last among the sound."""
    for by in ("aic", "bic", "aicc"):
        sound = mse.select_loglinear(UK5, by=by).ranking.query("status == 'ok'")[by].dropna()
        assert sound.is_monotonic_increasing
    assert round(mse.select_loglinear(UK5, bic_n="cells", max_order=2).n_hat) == 11175
    assert round(mse.select_loglinear(UK5, bic_n="cells").n_hat) == 25311


def test_korea_prefers_the_model_with_an_estimate() -> None:
    """[12,13] would win by BIC if its non-existent MLE were taken for a number."""
    best = mse.select_loglinear(mse.load_dataset("Korea"))
    assert best.ranking.positions[0] == "[12,23]"
    assert set(best.ranking.positions[best.ranking.status == "no_mle"]) == {"[12,13]", "[12,13,23]"}


def test_the_interval_says_that_it_ignores_the_selection() -> None:
    """In the interval and in the notes."""
    best = mse.select_loglinear(mse.load_dataset("Korea"))
    assert best.interval().note == "ignores model selection"
    assert best.interval().kind == "profile"
    assert mse.select_loglinear(mse.load_dataset("Korea"), interval="log-normal").interval().kind == "log-normal"


def test_terms_can_be_forced_in_and_out() -> None:
    """Forcing a term forces what it contains; forbidding it forbids what contains it."""
    forced = mse.select_loglinear(UK5, force=["LA,NG,GO"]).ranking
    assert forced.model.str.contains("LA,NG,GO|LA,NG,PFNCA,GO|LA,NG,GO,GP").all()
    forbidden = mse.select_loglinear(UK5, forbid=["NG,GP"]).ranking
    assert not forbidden.model.str.contains(r"NG,(?:[A-Z]+,)*GP").any()
    assert 0 < len(forced) < 6893 > len(forbidden) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "dic"}, "by='dic' is not offered; use one of 'bic', 'aic', 'aicc'"),
        ({"bic_n": "n"}, "bic_n='n' is not offered"),
        ({"max_order": 5}, "max_order=5 is not possible with 5 lists; use 1 to 4"),
        ({"interval": "wald"}, "interval='wald' is not offered"),
        ({"interval": "percentile"}, "interval='percentile' needs resamples"),
        ({"n_boot": 100}, "random resamples without a seed"),
        ({"n_top": 0}, "n_top=0 leaves no model to choose"),
        ({"ordering": 3}, "ordering=3 is not offered; use one of 1, 2"),
        ({"max_models": 100}, "the search covers 6,893 models and max_models=100 allows fewer"),
        ({"force": ["LA,NG"], "forbid": ["NG,LA"]}, "contradict each other"),
        ({"force": ["LA"]}, "the term 'LA' is not among the interactions"),
        ({"forbid": ["XX,LA"]}, "no list named 'XX'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    """With what is possible."""
    with pytest.raises(BadInput, match=message):
        mse.select_loglinear(UK5, **options)


def test_too_many_lists_name_the_way_out() -> None:
    """More than six are not searched exhaustively."""
    with pytest.raises(BadInput, match=r"8 lists .* merge lists until there are 6, or use search='downhill'"):
        mse.select_loglinear(mse.load_dataset("NewOrl"))


def test_six_lists_are_searched_over_all_two_list_models() -> None:
    """The published downhill answer is also the exhaustive one: N 12,350 (table 6)."""
    best = mse.select_loglinear(mse.load_dataset("UKdat"), max_order=2)
    assert len(best.ranking) == 32_768
    assert best.ranking.positions[0] == "[12,13,25,35,36,45]"
    assert best.n_hat == pytest.approx(12349.587, abs=5e-4)


def test_the_best_of_all_six_list_models_is_proven_and_the_top_100_are_kept() -> None:
    """Of 7,785,061 models the best has N 12,349.587; the 100th is 12.13330 units of BIC behind; 26 have order > 2."""
    best = mse.select_loglinear(mse.load_dataset("UKdat"))
    ranking = best.ranking
    assert best.n_hat == pytest.approx(12349.587, abs=5e-4)
    assert (len(ranking), ranking.positions[0]) == (100, "[12,13,25,35,36,45]")
    assert ranking.positions[99] == "[123,34,36,45]"
    assert ranking.bic[99] - ranking.bic[0] == pytest.approx(12.13330, abs=5e-6)
    assert sum(parse_model(model, ("LA", "NG", "PF", "GO", "GP", "NCA")).order > 2 for model in ranking.model) == 26


@pytest.mark.parametrize(
    ("dataset", "positions", "n_hat"), [("Western", "[15,2,3,4]", 2483.38), ("NewOrl_5", "[1,2,3,4,5]", 1034.15)]
)
def test_stepwise_ends_in_the_published_models(dataset: str, positions: str, n_hat: float) -> None:
    """Chan, Silverman and Vincent (2021), threshold 0.02; the ranking holds the models on the way."""
    found = mse.select_loglinear(mse.load_dataset(dataset), search="stepwise", n_boot=40, interval="percentile", seed=1)
    assert found.n_hat == pytest.approx(n_hat, abs=5e-3)
    assert positions in set(found.ranking.positions)
    assert found.interval().kind == "percentile"
    assert len(found.draws) == 40


def test_downhill_takes_more_lists_than_can_be_searched() -> None:
    """Eight lists: main effects and D:E, 1,110 (Silverman, Chan and Vincent 2024, table 6)."""
    found = mse.select_loglinear(mse.load_dataset("NewOrl_n186"), search="downhill", max_order=2)
    assert found.model == "[D,E][A][B][C][F][G][H]"
    assert found.n_hat == pytest.approx(1110.49, abs=5e-3)


def test_what_a_search_cannot_do_is_refused() -> None:
    """Stepwise has no order to restrict and no ranking to take the first models from."""
    with pytest.raises(BadInput, match="leave out max_order, force and forbid"):
        mse.select_loglinear(UK5, search="stepwise", max_order=3)
    with pytest.raises(BadInput, match="n_top=5 does not go with the stepwise search"):
        mse.select_loglinear(UK5, search="stepwise", n_top=5, n_boot=10, seed=1)
    with pytest.raises(BadInput, match="search='greedy' is not offered"):
        mse.select_loglinear(UK5, search="greedy")


def test_a_table_on_which_no_model_gives_an_answer_is_refused() -> None:
    """Everybody is on list a: its effect runs to infinity in every model."""
    table = CaptureHistories.from_counts(("a", "b", "c"), {(1, 0, 0): 5, (1, 1, 0): 3, (1, 0, 1): 4, (1, 1, 1): 1})
    with pytest.raises(NoFiniteMLE, match="none of the 8 models"):
        mse.select_loglinear(table)


def test_a_ranked_model_fits_like_the_model_alone() -> None:
    """n_hat, deviance, AIC and BIC of the ranking equal those of `fit_loglinear`."""
    ranking = mse.select_loglinear(UK5).ranking
    for row in ranking.query("status == 'ok'").iloc[np.linspace(0, 6518, 25).astype(int)].itertuples():
        alone = mse.fit_loglinear(UK5, row.model, interval="log-normal")
        assert row.n_hat == pytest.approx(alone.n_hat, rel=1e-8)
        assert (row.deviance, row.aic, row.bic) == pytest.approx(
            tuple(alone.diagnostics[name] for name in ("deviance", "aic", "bic")), rel=1e-9
        )
        assert row.df == alone.diagnostics["df"]
