"""Downhill search: neighbours, starts, restrictions, lists beyond 64 terms, and what it shares with the full search."""

import numpy as np
import pytest

import mse
from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import choose_in_resamples, resample_counts
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import Downhill, downhill_ranking
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.terms import all_terms, parse_model

UK5 = mse.load_dataset("UKdat_5")
MAIN = ("main effects",)


def _search(n_lists: int, max_order: int | None = None) -> Downhill:
    return Downhill(all_terms(n_lists, max_order), np.arange(2**n_lists) > 0, n_lists)


def test_the_neighbours_are_one_term_away_and_hierarchical() -> None:
    """Of [12,13,23] of four lists: three pairs and the triple may come, each of its pairs may go."""
    lists = tuple("ABCD")
    here = parse_model("[12,13,23]", lists).interactions
    found = {frozenset(terms) for terms in _search(4)._neighbours(here)}
    expected = {"[13,23]", "[12,23]", "[12,13]", "[123]", "[12,13,23,14]", "[12,13,23,24]", "[12,13,23,34]"}
    assert found == {parse_model(text, lists).interactions for text in expected}


def test_a_term_inside_a_larger_one_cannot_go() -> None:
    """From [123] only the triple can be removed."""
    here = parse_model("[123]", tuple("ABCD")).interactions
    smaller = [terms for terms in _search(4)._neighbours(here) if len(terms) < len(here)]
    assert smaller == [parse_model("[12,13,23]", tuple("ABCD")).interactions]


def test_several_starts_find_the_best_model_where_one_does_not() -> None:
    """UKdat_5 ends at 12,262 from main effects, 1.6 units of BIC above the best of all 6,893 models."""
    one, several = downhill_ranking(UK5, starts=MAIN), downhill_ranking(UK5, seed=1)
    best = mse.select_loglinear(UK5).ranking.iloc[0]
    assert (one.n_hat[0], one.bic[0] - best.bic) == pytest.approx((12262.41, 1.616), abs=5e-3)
    assert several.positions[0] == best.positions
    assert (several.n_hat[0], several.bic[0]) == pytest.approx((best.n_hat, best.bic), rel=1e-9)


def test_the_ranking_has_the_columns_and_numbers_of_the_full_search() -> None:
    """Every model met has there the same numbers, its status included."""
    h = mse.load_dataset("Artificial_3")
    met, full = downhill_ranking(h, seed=1), mse.select_loglinear(h).ranking
    assert met.columns.tolist() == full.columns.tolist()
    both = met.merge(full, on="model", suffixes=("", "_full"))
    assert len(both) == len(met) == 8
    assert (both.status == both.status_full).all()
    for column in ("n_hat", "deviance", "df", "aic", "bic", "aicc", "weight"):
        assert both[column].to_numpy() == pytest.approx(both[f"{column}_full"].to_numpy(), nan_ok=True, abs=1e-7)
    sound = met.status == "ok"
    assert met.model[sound].tolist() == full.model[full.status == "ok"].tolist()


@pytest.mark.parametrize(("by", "bic_n"), [("aic", "individuals"), ("aicc", "individuals"), ("bic", "cells")])
def test_the_walk_follows_the_criterion_asked_for(by: str, bic_n: str) -> None:
    """On Kosovo every criterion ends in the best of all 113 models."""
    h = mse.load_dataset("Kosovo")
    met = downhill_ranking(h, by=by, bic_n=bic_n, seed=1)
    assert met.model[0] == mse.select_loglinear(h, by=by, bic_n=bic_n).model
    assert met[by][met.status == "ok"].is_monotonic_increasing


def test_a_start_without_an_answer_leads_to_models_with_one() -> None:
    """All pairs of Korea have no MLE; the walk goes on to the published 157."""
    met = downhill_ranking(mse.load_dataset("Korea"), starts=["all pairs"])
    assert met.status.iloc[-1] == "no_mle"
    assert met.n_hat[0] == pytest.approx(157.1667, abs=1e-4)
    assert met.n_hat[met.status != "ok"].isna().all()


def test_forced_and_forbidden_terms_hold_for_every_model_met() -> None:
    """LA:GP is in all, NG:GO in none, from every start."""
    met = downhill_ranking(UK5, force=["LA,GP"], forbid=["NG,GO"], seed=3)
    for text in met.model:
        terms = parse_model(text, UK5.lists).interactions
        assert parse_model("[LA,GP]", UK5.lists).interactions <= terms
        assert not parse_model("[NG,GO]", UK5.lists).interactions <= terms


def test_seven_lists_have_more_terms_than_a_word_has_bits() -> None:
    """With 119 interactions the planted one is found, from main effects and from random starts with triples."""
    rng = np.random.default_rng(3)
    on = rng.random((3000, 7)) < rng.uniform(0.05, 0.25, 7)
    on[:, 1] |= on[:, 0] & (rng.random(3000) < 0.4)
    h = CaptureHistories(tuple("ABCDEFG"), np.bincount(on @ (1 << np.arange(7)[::-1]), minlength=128)[1:])
    assert len(all_terms(7)) == 119
    met = downhill_ranking(h, starts=["main effects", "random"], n_random=2, seed=5)
    assert met.model[0] == "[A,B][C][D][E][F][G]"
    assert max(parse_model(text, h.lists).order for text in met.model) > 2


def test_the_seed_decides_the_random_starts() -> None:
    """The same seed gives the same table, and another one meets other models."""
    one, again, other = (downhill_ranking(UK5, starts=["random"], n_random=3, seed=seed) for seed in (1, 1, 2))
    assert one.equals(again)
    assert set(one.model) != set(other.model)


def test_resamples_are_searched_anew() -> None:
    """The chooser gives the published estimate on Kosovo, and its neighbours on resamples."""
    h = mse.load_dataset("Kosovo")
    counts, possible = full_table(h)
    chooser = Downhill(all_terms(4), possible, 4, Criterion("bic"), starts=MAIN)
    best = chooser.best(counts, n_top=3)
    assert best[0].n_hat == pytest.approx(10356.51896, rel=1e-8)
    assert [choice.criterion for choice in best] == sorted(choice.criterion for choice in best)
    assert len(set(choose_in_resamples(chooser, resample_counts(counts, 40, seed=1)).models)) > 2


def test_no_model_with_an_answer_is_a_refusal() -> None:
    """Three lists that share nobody."""
    h = CaptureHistories(("A", "B", "C"), np.array([5, 6, 0, 7, 0, 0, 0]))
    with pytest.raises(NoFiniteMLE, match=r"none of the .* models met on the way has a finite MLE"):
        downhill_ranking(h, starts=MAIN)


def test_what_is_asked_for_wrongly_is_refused_with_the_way_out() -> None:
    """Options, orders, terms, starts and a missing seed."""
    with pytest.raises(BadInput, match="by='dic' is not offered"):
        downhill_ranking(UK5, by="dic", seed=1)
    with pytest.raises(BadInput, match="max_order=5 is not possible with 5 lists; use 1 to 4"):
        downhill_ranking(UK5, max_order=5, seed=1)
    with pytest.raises(BadInput, match="starts='nowhere' is not offered"):
        downhill_ranking(UK5, starts=["nowhere"])
    with pytest.raises(BadInput, match="starts is empty"):
        downhill_ranking(UK5, starts=[])
    with pytest.raises(BadInput, match="seed=None cannot be made"):
        downhill_ranking(UK5)
    with pytest.raises(BadInput, match="the term 'LA' is not among the interactions"):
        downhill_ranking(UK5, force=["LA"], starts=MAIN)
    with pytest.raises(BadInput, match="contradict each other"):
        downhill_ranking(UK5, force=["LA,NG,GP"], forbid=["NG,GP"], starts=MAIN)


@pytest.mark.parametrize("order", [2, 3])
def test_walks_that_share_their_fits_end_where_each_ends_alone(order: int) -> None:
    """The end for each largest order is the best model that a walk with these terms only meets."""
    h = mse.load_dataset("Kosovo")
    counts, _ = full_table(h)
    shared = Downhill.within(h, Criterion(), None, (), ()).ends(counts, (3, 2))[(3, 2).index(order)]
    alone = Downhill.within(h, Criterion(), order, (), (), starts=MAIN).best(counts)[0]
    assert shared == alone
