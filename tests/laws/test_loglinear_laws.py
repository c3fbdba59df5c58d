"""Laws of log-linear models, and the slow obvious twin of the compiled fit."""

import warnings
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
from strategies import histories, models

from mse.errors import NoFiniteMLE, NotIdentified
from mse.histories import CaptureHistories
from mse.models.loglinear.extended import STATUSES
from mse.models.loglinear.fitting import LogLinearEstimate, fit_loglinear
from mse.models.loglinear.ranking import rank_models
from mse.models.loglinear.terms import LogLinear, hierarchical_models, parse_model

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
RTOL_TWIN = 1e-8  # both stop at a relative change far below it


def _fitted(table: CaptureHistories, model: LogLinear | str) -> LogLinearEstimate:
    try:
        return fit_loglinear(table, model, interval="log-normal")
    except (NoFiniteMLE, NotIdentified):
        assume(False)
        raise


def _twin(design: np.ndarray, counts: np.ndarray) -> Any:
    """statsmodels' fit; a saturated model makes it divide 0 by 0 and warn of a perfect fit."""
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        glm = sm.GLM(counts, design, family=sm.families.Poisson())
        return glm.fit(tol=1e-14, tol_criterion="params", maxiter=300)


def _obvious_status(table: CaptureHistories, model: LogLinear) -> str:
    """Existence by the largest smallest mean with the same sufficient statistics, identifiability by rank."""
    cells, columns = _obvious_reduction(table, model)
    design = np.array([[all(cell[j] for j in column) for column in columns] for cell, _ in cells], dtype=float)
    y = np.array([count for _, count in cells], dtype=float)
    n = len(cells)
    answer = linprog(
        [0.0] * n + [-1.0],
        A_ub=np.hstack([-np.eye(n), np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.hstack([design.T, np.zeros((len(columns), 1))]),
        b_eq=design.T @ y,
    )
    missing = np.array([[column == () for column in columns]], dtype=float)
    identified = np.linalg.matrix_rank(np.vstack([design, missing])) == np.linalg.matrix_rank(design)
    return STATUSES[(-answer.fun <= 1e-6) + 2 * (not identified)]


def _obvious_reduction(
    table: CaptureHistories, model: LogLinear
) -> tuple[list[tuple[tuple[int, ...], int]], list[tuple[int, ...]]]:
    """Cells and columns (tuples of list positions) after removing terms with nobody and the cells that hold them."""
    k = table.n_lists
    columns = [(), *(tuple(j for j in range(k) if term >> (k - 1 - j) & 1) for term in model.terms)]
    cells = list(zip(table.histories, table.counts.tolist(), strict=True))
    empty = [c for c in columns if not sum(count for cell, count in cells if all(cell[j] for j in c))]
    kept = [(cell, count) for cell, count in cells if not any(all(cell[j] for j in c) for c in empty)]
    return kept, [c for c in columns if c not in empty]


@FEW
@given(st.data())
def test_the_compiled_fit_equals_statsmodels(data: st.DataObject) -> None:
    """N, deviance and the intercept's standard error agree with a GLM on the reduced table."""
    table = data.draw(histories(lists=(3, 4)))
    model = data.draw(models(table.lists))
    estimate = _fitted(table, model)
    cells, columns = _obvious_reduction(table, model)
    design = np.array([[all(cell[j] for j in column) for column in columns] for cell, _ in cells], dtype=float)
    assume(np.linalg.matrix_rank(design) == len(columns))
    twin = _twin(design, np.array([count for _, count in cells]))
    assert estimate.n_hat == pytest.approx(table.n_observed + np.exp(twin.params[0]), rel=RTOL_TWIN)
    assert estimate.diagnostics["deviance"] == pytest.approx(twin.deviance, rel=1e-7, abs=1e-7)
    assert estimate.mle.se_log_hidden == pytest.approx(twin.bse[0], rel=1e-6)


@settings(max_examples=25)
@given(histories(lists=(3, 4), largest=12))
def test_the_status_of_every_model_equals_the_obvious_one(table: CaptureHistories) -> None:
    """One linear programme and one rank per model give the same answer as the pruned search."""
    ranking = rank_models(table, hierarchical_models(table.n_lists)[::3])
    for row in ranking.itertuples():
        assert row.status == _obvious_status(table, parse_model(row.model, table.lists)), row.model


@FEW
@given(st.data())
def test_the_order_of_the_lists_does_not_matter(data: st.DataObject) -> None:
    """List names carry no information, nor does their order."""
    table = data.draw(histories())
    model = data.draw(models(table.lists))
    order = data.draw(st.permutations(table.lists))
    estimate = _fitted(table, model)
    moved = fit_loglinear(table.reorder_lists(order), str(model), interval="log-normal")
    assert moved.n_hat == pytest.approx(estimate.n_hat, rel=1e-8)


@FEW
@given(st.data(), st.integers(2, 50))
def test_counts_times_c_give_n_hat_times_c(data: st.DataObject, c: int) -> None:
    """The log-linear MLE is homogeneous of degree one."""
    table = data.draw(histories())
    estimate = _fitted(table, data.draw(models(table.lists)))
    larger = CaptureHistories(table.lists, table.counts * c)
    assert fit_loglinear(larger, estimate.model).n_hat == pytest.approx(c * estimate.n_hat, rel=1e-8)


@FEW
@given(histories(lists=(2, 2)))
def test_two_independent_lists_are_lincoln_petersen(table: CaptureHistories) -> None:
    """n1 n2 / m, by hand."""
    m = table.overlap(*table.lists)
    assume(m > 0)
    n1, n2 = table.list_totals.values()
    assert _fitted(table, "independence").n_hat == pytest.approx(n1 * n2 / m, rel=1e-8)


@FEW
@given(histories(lists=(3, 3)))
def test_all_pairs_of_three_lists_have_a_closed_form(table: CaptureHistories) -> None:
    """The missing cell is the ratio of products of odd and even histories (Fienberg 1972)."""
    y = {history: int(count) for history, count in zip(table.histories, table.counts, strict=True)}
    assume(all(y.values()))
    hidden = y[1, 0, 0] * y[0, 1, 0] * y[0, 0, 1] * y[1, 1, 1] / (y[1, 1, 0] * y[1, 0, 1] * y[0, 1, 1])
    assert _fitted(table, "[12,13,23]").n_hat == pytest.approx(table.n_observed + hidden, rel=1e-7)


@FEW
@given(st.data())
def test_a_structural_zero_is_a_row_left_out(data: st.DataObject) -> None:
    """Declaring an empty cell impossible gives the GLM without that row."""
    table = data.draw(histories(lists=(3, 3)))
    empty = [h for h, count in zip(table.histories, table.counts, strict=True) if not count and sum(h) == 2]
    assume(empty)
    declared = CaptureHistories(table.lists, table.counts, structural_zeros=frozenset(empty[:1]))
    estimate = _fitted(declared, "independence")
    rows = [i for i, h in enumerate(table.histories) if h != empty[0]]
    design = np.array([[1, *table.histories[i]] for i in rows], dtype=float)
    twin = _twin(design, table.counts[rows])
    assert estimate.n_hat == pytest.approx(table.n_observed + np.exp(twin.params[0]), rel=1e-8)
    assert estimate.diagnostics["df"] == 7 - 1 - 4


@FEW
@given(st.data())
def test_n_hat_is_at_least_n_observed_and_inside_its_intervals(data: st.DataObject) -> None:
    """Both likelihoods, both intervals; a wider level gives a wider interval."""
    table = data.draw(histories(lists=(3, 3)))
    model = data.draw(models(table.lists))
    _fitted(table, model)
    for interval, likelihood in [("profile", "poisson"), ("profile", "multinomial"), ("log-normal", "poisson")]:
        estimate = fit_loglinear(table, model, interval=interval, likelihood=likelihood)
        narrow, wide = estimate.interval(0.5), estimate.interval(0.95)
        assert table.n_observed <= wide.low <= narrow.low <= estimate.n_hat * (1 + 1e-9)
        assert estimate.n_hat * (1 - 1e-9) <= narrow.high <= wide.high
