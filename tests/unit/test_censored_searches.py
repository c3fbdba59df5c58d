"""Searches and resamples of tables with censored cells, against slow obvious twins."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import poisson

import mse
from mse.histories import CaptureHistories
from mse.models.loglinear.choosing import AllModels, AmongModels
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import downhill_ranking
from mse.models.loglinear.extended import extended_mle, persons_of, possible_cells
from mse.models.loglinear.first_models import FirstModels
from mse.models.loglinear.parametric_bootstrap import draw_resamples
from mse.models.loglinear.stepwise import Stepwise, stepwise_path
from mse.models.loglinear.terms import all_terms, hierarchical_models, parse_model

THREE = ("a", "b", "c")
COUNTS = np.array([60, 40, 15, 50, 12, 14, 6])
KOSOVO = mse.load_dataset("Kosovo")
DECLARED = replace(KOSOVO, censored_cells=frozenset({(0, 0, 0, 1), (0, 1, 1, 0)}))


def table(cell: str = "001", known: int = 0) -> CaptureHistories:
    row = int(cell, 2) - 1
    confirmed = np.where(np.arange(7) == row, known, 0)
    return CaptureHistories(THREE, COUNTS, censored_cells=frozenset({cell}), confirmed=confirmed)


def test_the_bounds_of_the_search_hold_for_censored_cells() -> None:
    """Branch and bound, and the walk down an order, choose what fitting every model does, on sparse tables."""
    rng = np.random.default_rng(5)
    terms, models = np.array(all_terms(4), dtype=np.int64), hierarchical_models(4)
    for _ in range(25):
        possible = np.arange(16) > 0
        possible[rng.integers(1, 16)] &= rng.random() < 0.7
        known, doubtful = rng.poisson(rng.gamma(0.5, 8.0, size=16)) * possible, np.zeros(16)
        cells = rng.choice(np.flatnonzero(possible), 2, replace=False)
        known[cells] *= rng.random(2) < 0.4
        doubtful[cells] = rng.integers(1, 60, size=2)
        persons = np.concatenate([known, doubtful]).astype(np.float64)
        listed = AmongModels(models, terms, possible, 4).best(persons, 5)
        found = AllModels(terms, possible, 4).best(persons, 5)
        assert [one.criterion for one in found] == pytest.approx([one.criterion for one in listed], abs=1e-6)
        leaders = FirstModels(models, terms, possible, 4, Criterion()).leaders(persons)
        assert [one.choice for one in leaders][-1:] == listed[:1]


def test_a_larger_model_never_has_a_larger_deviance() -> None:
    """What cutting a branch rests on: the deviance is not negative and falls with every term."""
    ranking = mse.select_loglinear(DECLARED).ranking
    sound = ranking[ranking["status"] == "ok"]
    terms = [parse_model(name, KOSOVO.lists).interactions for name in sound["model"]]
    deviance = sound["deviance"].to_numpy()
    assert deviance.min() >= 0
    pairs = [(i, j) for i in range(len(terms)) for j in range(len(terms)) if terms[i] < terms[j]]
    assert len(pairs) > 100
    assert all(deviance[i] >= deviance[j] - 1e-6 for i, j in pairs)


def test_downhill_ends_in_the_best_of_all_and_its_fits_are_those_of_the_ranking() -> None:
    """From all starts on four lists; every model met has the total and BIC of the exhaustive ranking."""
    everything = mse.select_loglinear(DECLARED).ranking.set_index("model")
    met = downhill_ranking(DECLARED, seed=1)
    assert met["model"][0] == everything.index[0]
    sound = met[met["status"] == "ok"]
    listed = everything.loc[sound["model"]]
    assert sound["n_hat"].to_numpy() == pytest.approx(listed["n_hat"].to_numpy(), rel=1e-7)
    assert sound["bic"].to_numpy() == pytest.approx(listed["bic"].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("cell", ["001", "101"])
def test_the_first_p_value_is_the_largest_that_the_overlap_can_have(cell: str) -> None:
    """Slow twin: every number that a pair's overlap may be, against its mean under the censored fit."""
    histories = table(cell, known=2)
    means = extended_mle(histories, parse_model("[a][b][c]", THREE)).fit.means
    cells = np.arange(8)
    largest = {}
    for pair in all_terms(3, 2):
        inside = cells & pair == pair
        mean = means[inside].sum()
        known, most = histories.known_counts[inside[1:]].sum(), histories.counts[inside[1:]].sum()
        numbers = np.arange(known, most + 1)
        largest[pair] = max(np.minimum(poisson.cdf(numbers, mean), poisson.sf(numbers - 1, mean)))
    first = stepwise_path(histories, p=0.9).steps.iloc[1]
    assert first["p"] == pytest.approx(min(largest.values()), rel=1e-6)


def test_stepwise_repeats_itself_in_resamples() -> None:
    """The chooser gives the path's end on the table itself, and an interval with the choice in it."""
    one = mse.select_loglinear(DECLARED, search="stepwise", n_boot=40, seed=2, interval="percentile")
    chooser = Stepwise(np.array(all_terms(4, 2), dtype=np.int64), possible_cells(DECLARED), 4)
    assert chooser.best(persons_of(DECLARED))[0].n_hat == pytest.approx(one.n_hat, rel=1e-9)
    assert one.model == str(stepwise_path(DECLARED).model)
    assert one.interval().low <= one.n_hat <= one.interval().high
    assert any("doubt" in note for note in one.notes)


def test_the_stability_curve_is_what_select_loglinear_gives() -> None:
    """With two models to choose from and with all, to the last bit, from parametric resamples."""
    curve = mse.stability_curve(table(), n_top=(2, None), n_boot=30, seed=4, resampling="parametric")
    for n_top in (2, None):
        one = mse.select_loglinear(table(), n_top=n_top, n_boot=30, seed=4, resampling="parametric")
        assert np.array_equal(curve.totals(n_top), one.draws[:, 0])
        assert curve.interval(n_top) == one.interval()


def test_parametric_resamples_have_the_means_of_the_model_and_those_outside_stay() -> None:
    """Known and doubtful persons together are the fitted mean and the rest of the count; the share known stays."""
    for known in (0, 20):
        mle = extended_mle(table(known=known), parse_model("[a,c][b]", THREE))
        drawn = draw_resamples(mle, 4000, how="parametric", seed=1)
        certain, doubtful = drawn[:, :8], drawn[:, 8:]
        means = np.where(mle.support.active, mle.fit.means, 0.0)
        outside = np.rint(max(60 - means[1], 0))
        both, others = certain + doubtful, [2, 3, 4, 5, 6, 7]
        # N-hat is rounded to whole persons, and the mean of 4,000 draws varies by a sixtieth of a standard deviation.
        near = 4 * np.sqrt(means / 4000) + means / mle.n_observed
        assert np.all(np.abs(both[:, others].mean(axis=0) - means[others]) < near[others])
        assert abs(both[:, 1].mean() - means[1] - outside) < near[1]
        assert both[:, 1].min() >= outside
        assert np.all(doubtful[:, others] == 0)
        assert certain[:, 1].mean() == pytest.approx(means[1] * known / (60 - outside), abs=near[1])


def test_binomial_resamples_vary_by_what_is_in_the_population() -> None:
    """The number listed has the variance of N-hat trials, and the mean of the table."""
    mle = extended_mle(table(), parse_model("[a,c][b]", THREE))
    listed = draw_resamples(mle, 4000, how="binomial", seed=1).sum(axis=1)
    n_hat = mle.n_observed + mle.n_hidden
    share = (mle.n_observed + mle.among_doubtful[0].sum()) / n_hat
    assert listed.mean() == pytest.approx(COUNTS.sum(), abs=4 * np.sqrt(n_hat * share * (1 - share) / 4000) + 1)
    assert listed.var() == pytest.approx(n_hat * share * (1 - share), rel=0.1)


def test_nobody_in_doubt_is_no_declaration_for_any_search() -> None:
    """A cell whose count is confirmed gives the same choice, curve and resamples as one that is not declared."""
    confirmed = np.where([history == (0, 0, 0, 1) for history in KOSOVO.histories], KOSOVO.counts, 0)
    sure = replace(KOSOVO, censored_cells=frozenset({(0, 0, 0, 1)}), confirmed=confirmed)
    for options in ({"search": "downhill"}, {"search": "stepwise"}, {"resampling": "parametric", "max_order": 2}):
        one, two = (mse.select_loglinear(h, n_boot=5, seed=1, interval="profile", **options) for h in (sure, KOSOVO))
        assert one.draws.tolist() == two.draws.tolist()


def test_the_order_of_the_lists_does_not_matter_to_downhill_and_stepwise() -> None:
    """Permuted lists, with the declaration going with them, give the same total."""
    for search in ("downhill", "stepwise"):
        totals = [
            mse.select_loglinear(table().reorder_lists(order), search=search).n_hat for order in permutations(THREE)
        ]
        assert totals == pytest.approx([totals[0]] * 6, rel=1e-8)


@pytest.mark.slow
def test_six_lists_are_searched_to_the_proven_best() -> None:
    """Every two-list model that is good enough for the 100 best, all of them being fitted, is among those."""
    declared = replace(mse.load_dataset("UKdat"), censored_cells=frozenset({"000001"}))
    best, pairs = mse.select_loglinear(declared).ranking, mse.select_loglinear(declared, max_order=2).ranking
    good = pairs[pairs["bic"] < best["bic"].max() - 1e-6]
    assert len(best) == 100
    assert len(good) > 20
    assert set(good["model"]) <= set(best["model"])
