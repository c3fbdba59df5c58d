"""Branch and bound gives what fitting every model gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import histories

from mse.histories import CaptureHistories
from mse.models.loglinear.choosing import AllModels, AmongModels
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.terms import all_terms, hierarchical_models


@settings(max_examples=60, deadline=None)
@given(
    histories(lists=(3, 4), largest=30),
    st.sampled_from([Criterion("bic"), Criterion("bic", "cells"), Criterion("aic"), Criterion("aicc")]),
    st.integers(1, 12),
)
def test_branch_and_bound_equals_fitting_all_models(table: CaptureHistories, criterion: Criterion, n_top: int) -> None:
    """The same criterion values in the same order, for sparse tables and every criterion."""
    counts, possible = full_table(table)
    terms = np.array(all_terms(table.n_lists), dtype=np.int64)
    listed = AmongModels(hierarchical_models(table.n_lists), terms, possible, table.n_lists, criterion)
    exact = AllModels(terms, possible, table.n_lists, criterion)
    expected = [choice.criterion for choice in listed.best(counts, n_top)]
    assert np.allclose([choice.criterion for choice in exact.best(counts, n_top)], expected, rtol=0, atol=1e-6)
    assert len(exact.best(counts, n_top)) == len(expected)
