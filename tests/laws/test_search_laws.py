"""Branch and bound gives what fitting every model gives."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import histories

from mse.histories import CaptureHistories
from mse.models.loglinear.branch_and_bound import term_order
from mse.models.loglinear.choosing import AllModels, AmongModels
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.exclusions import cells_lost, marginal_exclusions, what_is_left
from mse.models.loglinear.extended import full_table, log_likelihood_of_counts
from mse.models.loglinear.ranking import rank_models
from mse.models.loglinear.space import search_space
from mse.models.loglinear.terms import all_terms, bitsets_of, hierarchical_models

CRITERIA = st.sampled_from([Criterion("bic"), Criterion("bic", "cells"), Criterion("aic"), Criterion("aicc")])


@st.composite
def sparse_tables(draw: st.DrawFn, *, lists: tuple[int, int] = (3, 4)) -> CaptureHistories:
    """Few persons, sometimes a list within another, sometimes cells that cannot occur."""
    table = draw(histories(lists=lists, largest=draw(st.sampled_from([2, 30]))))
    counts = table.counts.copy()
    value = np.arange(1, len(counts) + 1)
    if draw(st.booleans()):
        counts[(value & 3) == 1] = 0  # whoever is on the last list is on the one before
    empty = [history for history, count in zip(table.histories, counts.tolist(), strict=True) if not count]
    zeros = draw(st.sets(st.sampled_from(empty), max_size=4)) if empty and draw(st.booleans()) else ()
    return CaptureHistories(table.lists, counts, structural_zeros=frozenset(zeros))


@settings(max_examples=40)
@given(sparse_tables(), CRITERIA, st.integers(1, 12))
def test_branch_and_bound_equals_fitting_all_models(table: CaptureHistories, criterion: Criterion, n_top: int) -> None:
    """The same criterion values in the same order, for sparse tables and every criterion."""
    counts, possible = full_table(table)
    terms = np.array(all_terms(table.n_lists), dtype=np.int64)
    listed = AmongModels(hierarchical_models(table.n_lists), terms, possible, table.n_lists, criterion)
    exact = AllModels(terms, possible, table.n_lists, criterion)
    expected = [choice.criterion for choice in listed.best(counts, n_top)]
    assert np.allclose([choice.criterion for choice in exact.best(counts, n_top)], expected, rtol=0, atol=1e-6)
    assert len(exact.best(counts, n_top)) == len(expected)


@settings(max_examples=25)
@given(st.data(), sparse_tables(lists=(4, 4)), CRITERIA)
def test_branch_and_bound_keeps_to_the_space(
    data: st.DataObject, table: CaptureHistories, criterion: Criterion
) -> None:
    """With terms forced in or out and orders restricted, the best are those of the ranking of all models inside."""
    names = [",".join(some) for size in (2, 3) for some in combinations(table.lists, size)]
    chosen = data.draw(st.permutations(names))
    force, forbid = chosen[: data.draw(st.integers(0, 1))], chosen[-data.draw(st.integers(1, 2)) :]
    if any(set(out.split(",")) <= set(one.split(",")) for one in force for out in forbid):
        forbid = []
    max_order = data.draw(st.sampled_from([None, 3]))
    space = search_space(table, max_order, force, forbid)
    models = space.within(hierarchical_models(4, max_order))
    ranking = rank_models(table, models, by=criterion.by, bic_n=criterion.bic_n, max_order=max_order)
    counts, possible = full_table(table)
    expected = ranking.loc[ranking.status == "ok", criterion.by].dropna().to_numpy()[:8]
    chooser = AllModels(space.terms, possible, 4, criterion, space.forced, space.allowed, space.first_starts())
    found = [choice.criterion for choice in chooser.best(counts, 8) if np.isfinite(choice.criterion)]
    assert np.array(found) - 2 * log_likelihood_of_counts(counts) == pytest.approx(expected, rel=0, abs=1e-6)


@settings(max_examples=30)
@given(sparse_tables())
def test_what_empty_cells_exclude_has_no_mle(table: CaptureHistories) -> None:
    """A model that is cut for a pattern nobody has is one for which a linear programme finds no MLE."""
    counts, possible = full_table(table)
    terms = np.array(all_terms(table.n_lists), dtype=np.int64)
    ranking = rank_models(table, hierarchical_models(table.n_lists))
    values = np.arange(len(counts))
    empty = sum(1 << j for j in range(table.n_lists) if not counts[values >> j & 1 == 1].any())
    everywhere = np.uint64(sum(1 << cell for cell in np.flatnonzero(possible & (values & empty == 0)).tolist()))
    around = everywhere, cells_lost(counts, possible, terms), *term_order(terms)
    exclusions = marginal_exclusions(counts, possible, terms)
    bitsets = bitsets_of(ranking.model, table.lists, terms.tolist())
    for model, status in zip(bitsets, ranking.status, strict=True):
        assert what_is_left(model, model, *around, exclusions)[0] or status.startswith("no_mle")


def test_registers_within_others_are_searched() -> None:
    """Six registers of which the third lies within the first: half of all models have no MLE, and fit best."""
    rng = np.random.default_rng(1)
    on = rng.random((300, 6)) < rng.beta(1, 3, size=300)[:, None] * np.array([1.0, 0.6, 0.5, 0.4, 0.4, 0.3])
    on[:, 2] &= on[:, 0]
    counts = np.bincount(on @ (1 << np.arange(5, -1, -1)), minlength=64).astype(np.float64)
    counts[0] = 0
    terms = np.array(all_terms(6), dtype=np.int64)
    possible = np.arange(64) > 0
    exact = AllModels(terms, possible, 6).best(counts, 20)
    listed = AmongModels(hierarchical_models(6, 2)[::16], terms[:15], possible, 6).best(counts, 20)
    assert len(exact) == len(listed) == 20
    assert all(best.criterion <= other.criterion + 1e-6 for best, other in zip(exact, listed, strict=True))
    refitted = AmongModels(np.array([best.model for best in exact]), terms, possible, 6).best(counts, 20)
    assert [best.model for best in refitted] == [best.model for best in exact]
