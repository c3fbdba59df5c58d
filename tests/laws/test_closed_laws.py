"""Laws of the closed-population models and of sample coverage, and slow obvious twins of their fits."""

import warnings
from itertools import chain, combinations
from math import exp, log
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
from strategies import histories

from mse.errors import NoFiniteMLE, NotIdentified, Refused
from mse.histories import CaptureHistories
from mse.models.closed.family import ClosedEstimate, closed_population
from mse.models.coverage import sample_coverage
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.one_inflation import one_inflated_lower_bound

FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
FORMS = ("chao", "poisson2", "darroch", "gamma3.5")
RTOL_TWIN = 1e-7  # relative in the hidden number, which a flat likelihood leaves less sure than the deviance

log_linear = st.tuples(st.sampled_from(["M0", "Mt", "Mh", "Mth"]), st.sampled_from(FORMS))


def _fitted(table: CaptureHistories, choice: tuple[str, str], **options: Any) -> ClosedEstimate:
    model, form = choice
    try:
        return closed_population(table, model=model, heterogeneity=form, **options)
    except Refused:
        assume(False)
        raise


def _obvious_design(table: CaptureHistories, model: str, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the model and those that may not be negative, one row per possible history, one cell at a time."""
    rows, kinks = [], []
    for history in table.histories:
        if history in table.structural_zeros:
            continue
        k = sum(history)
        row = [1.0, *(history if "t" in model else [k])]
        column = {"poisson2": 2.0**k - 1, "darroch": k * k / 2, "gamma3.5": log(3.5 / (3.5 + k))}
        rows.append(row + ([column[form]] if "h" in model and form != "chao" else []))
        kinks.append(
            [max(k - j + 1, 0) for j in range(3, table.n_lists + 1)] if "h" in model and form == "chao" else []
        )
    return np.array(rows, dtype=float), np.array(kinks, dtype=float)


def _counts(table: CaptureHistories) -> np.ndarray:
    return np.array(
        [c for h, c in zip(table.histories, table.counts, strict=True) if h not in table.structural_zeros], dtype=float
    )


def _twin(design: np.ndarray, counts: np.ndarray) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        glm = sm.GLM(counts, design, family=sm.families.Poisson())
        return glm.fit(tol=1e-14, tol_criterion="params", maxiter=300)


def _obviously_exists(design: np.ndarray, counts: np.ndarray) -> bool:
    """Whether some table with every cell above 0 has the same sufficient statistics."""
    n = len(counts)
    answer = linprog(
        [0.0] * n + [-1.0],
        A_ub=np.hstack([-np.eye(n), np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.hstack([design.T, np.zeros((design.shape[1], 1))]),
        b_eq=design.T @ counts,
        bounds=[(0, None)] * (n + 1),
    )
    return bool(-answer.fun > 1e-7)


@FEW
@given(histories(lists=(2, 4)), st.sampled_from(FORMS[1:]), st.sampled_from(["M0", "Mt", "Mh", "Mth"]), st.booleans())
def test_fit_is_that_of_the_slow_twin(table, form, model, with_zero):
    """Total, deviance, AIC and standard error of statsmodels' GLM, and a refusal where no positive table fits."""
    if with_zero and table.n_lists > 2:
        counts = table.counts.copy()
        counts[-1] = 0
        zero = frozenset({(1,) * table.n_lists})
        table = CaptureHistories(table.lists, counts, structural_zeros=zero)
    assume(sum(table.list_totals.values()) > table.n_observed)
    design, _ = _obvious_design(table, model, form)
    counts = _counts(table)
    exists = _obviously_exists(design, counts)
    try:
        ours = closed_population(table, model=model, heterogeneity=form, interval="log-normal")
    except NoFiniteMLE:
        assert not exists
        return
    except NotIdentified:
        assert np.linalg.matrix_rank(design) < np.linalg.matrix_rank(np.vstack([design, np.eye(1, design.shape[1])]))
        return
    assert exists
    twin = _twin(design, counts)
    assume(twin.converged)
    hidden = exp(twin.params[0])
    assert ours.n_hat - ours.n_observed == pytest.approx(hidden, rel=RTOL_TWIN)
    assert ours.diagnostics["deviance"] == pytest.approx(twin.deviance, rel=1e-8, abs=1e-8)
    assert ours.diagnostics["aic"] == pytest.approx(twin.aic, rel=1e-8)
    variance = twin.cov_params()[0, 0] * hidden**2 + hidden
    assert ours.diagnostics["standard_error"] == pytest.approx(variance**0.5, rel=1e-5)


@FEW
@given(histories(lists=(3, 5)), st.sampled_from(["Mh", "Mth"]))
def test_chao_is_the_best_of_all_admissible_sets_of_kinks(table, model):
    """Of all sets of kinks whose fit has none negative, the one with the smallest deviance."""
    design, kinks = _obvious_design(table, model, "chao")
    counts = _counts(table)
    ours = _fitted(table, (model, "chao"))
    found = []
    for chosen in chain.from_iterable(combinations(range(kinks.shape[1]), r) for r in range(kinks.shape[1] + 1)):
        columns = np.hstack([design, kinks[:, list(chosen)]])
        if not _obviously_exists(columns, counts):
            continue
        twin = _twin(columns, counts)
        if twin.converged and (twin.params[design.shape[1] :] > -1e-9).all():
            found.append((float(twin.deviance), exp(twin.params[0])))
    deviance, hidden = min(found)
    assert ours.diagnostics["deviance"] == pytest.approx(deviance, rel=1e-7, abs=1e-7)
    assert ours.n_hat - ours.n_observed == pytest.approx(hidden, rel=1e-5)


@FEW
@given(histories(lists=(2, 5)), st.sampled_from(["poisson", "multinomial"]))
def test_mt_is_independence(table, likelihood):
    """Mt is the log-linear model of main effects: same total, fit, and profile limits."""
    ours = _fitted(table, ("Mt", "chao"), likelihood=likelihood)
    same = fit_loglinear(table, "independence", likelihood=likelihood)
    # A multinomial profile that is highest at no hidden person at all ends at a floor of 1e-7 of a person.
    assert ours.n_hat == pytest.approx(same.n_hat, rel=1e-8, abs=2e-7)
    for key in ("deviance", "df", "aic", "bic", "n_parameters"):
        assert ours.diagnostics[key] == pytest.approx(same.diagnostics[key], rel=1e-8, abs=1e-8)
    for level in (0.5, 0.95):
        limits, expected = ours.interval(level), same.interval(level)
        assert (limits.low, limits.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


@FEW
@given(histories(lists=(2, 5)), log_linear, st.randoms(use_true_random=False))
def test_order_of_lists_carries_no_information(table, choice, random):
    """The total and its limits do not change when the lists change places."""
    order = list(table.lists)
    random.shuffle(order)
    ours, other = _fitted(table, choice), _fitted(table.reorder_lists(order), choice)
    assert other.n_hat == pytest.approx(ours.n_hat, rel=1e-7)
    assert other.interval(0.9).high == pytest.approx(ours.interval(0.9).high, rel=1e-5)


@FEW
@given(histories(lists=(2, 5)), log_linear, st.integers(2, 50))
def test_counts_times_a_number(table, choice, factor):
    """All counts times c give c times the total and 1 / sqrt(c) of the error of its log."""
    ours = _fitted(table, choice, interval="log-normal")
    other = _fitted(CaptureHistories(table.lists, table.counts * factor), choice, interval="log-normal")
    assert other.n_hat == pytest.approx(factor * ours.n_hat, rel=1e-7)
    rule, scaled = ours.uncertainty, other.uncertainty
    assert scaled.se_log_hidden * factor**0.5 == pytest.approx(rule.se_log_hidden, rel=1e-5)


@FEW
@given(histories(lists=(3, 5)), st.sampled_from(["M0", "Mt"]))
def test_bound_is_never_below_the_model_it_bends(table, plain):
    """Kinks that may only bend upwards leave a total of at least that of the model without them, and a better fit."""
    ours = _fitted(table, (plain.replace("0", "").replace("M", "Mh").replace("Mht", "Mth"), "chao"))
    without = _fitted(table, (plain, "chao"))
    assert ours.n_hat >= without.n_hat * (1 - 1e-9)
    assert ours.diagnostics["deviance"] <= without.diagnostics["deviance"] + 1e-8


@FEW
@given(histories(lists=(3, 5)), st.sampled_from(["Mb", "Mbh"]), st.integers(2, 20))
def test_removal_scales_and_uses_first_captures_only(table, model, factor):
    """Counts times c give c times the total; what happens after the first capture does not matter."""
    try:
        ours = closed_population(table, model=model, ordered=True)
    except NoFiniteMLE:
        assume(False)
        raise
    other = closed_population(CaptureHistories(table.lists, table.counts * factor), model=model, ordered=True)
    assert other.n_hat == pytest.approx(factor * ours.n_hat, rel=1e-9)
    first = np.array([history.index(1) for history in table.histories])
    only_first = np.zeros_like(table.counts)
    np.add.at(only_first, [2 ** (table.n_lists - 1 - j) - 1 for j in first], table.counts)
    moved = closed_population(CaptureHistories(table.lists, only_first), model=model, ordered=True)
    assert moved.n_hat == pytest.approx(ours.n_hat, rel=1e-9)


@FEW
@given(
    histories(lists=(3, 5)),
    st.sampled_from(["independent", "high", "low"]),
    st.integers(2, 50),
    st.randoms(use_true_random=False),
)
def test_sample_coverage_scales_and_knows_no_order(table, variant, factor, random):
    """Counts times c give c times the total and sqrt(c) times its error; the order of the lists does not matter."""
    try:
        ours = sample_coverage(table, variant=variant)
    except Refused:
        assume(False)
        raise
    order = list(table.lists)
    random.shuffle(order)
    other = sample_coverage(CaptureHistories(table.lists, table.counts * factor), variant=variant)
    turned = sample_coverage(table.reorder_lists(order), variant=variant)
    assert ours.n_hat > table.n_observed
    assert other.n_hat == pytest.approx(factor * ours.n_hat, rel=1e-7)
    assert other.diagnostics["standard_error"] == pytest.approx(
        factor**0.5 * ours.diagnostics["standard_error"], rel=1e-6
    )
    assert turned.n_hat == pytest.approx(ours.n_hat, rel=1e-7)


@FEW
@given(histories(lists=(3, 5)), st.integers(1, 5), st.integers(1, 500), st.sampled_from(["unequal", "equal", "many"]))
def test_persons_on_one_list_do_not_extrapolate(table, place, added, form):
    """Persons added on one list only are counted as observed and change nothing else; the equal form is the larger."""
    try:
        ours = one_inflated_lower_bound(table, list_sizes=form)
    except Refused:
        assume(False)
        raise
    counts = table.counts.copy()
    counts[2 ** (place % table.n_lists) - 1] += added
    other = one_inflated_lower_bound(CaptureHistories(table.lists, counts), list_sizes=form)
    assert other.n_hat == pytest.approx(ours.n_hat + added, rel=1e-12)
    assert one_inflated_lower_bound(table, list_sizes="equal").n_hat >= ours.n_hat * (1 - 1e-12) or form == "many"


@FEW
@given(st.lists(st.integers(1, 60), min_size=7, max_size=7), st.sampled_from(["independent", "low", "high"]))
def test_sample_coverage_rises_with_the_persons_on_one_list_alone(counts: list[int], variant: str) -> None:
    """So its answers at the two bounds of such a cell enclose those for every number between."""
    found = []
    for alone in range(0, 81, 10):
        table = CaptureHistories(("a", "b", "c"), np.array([alone, *counts[1:]]))
        try:
            found.append(sample_coverage(table, variant=variant).n_hat)
        except Refused:
            assume(False)
    assert found == sorted(found)


def test_sample_coverage_turns_in_a_cell_of_two_lists() -> None:
    """There the answer for a number between two bounds may lie outside the answers at them."""
    by_number = [
        sample_coverage(CaptureHistories(("a", "b", "c"), np.array([20, 30, both, 10, 8, 7, 6]))).n_hat
        for both in (0, 20, 320)
    ]
    assert by_number[1] < min(by_number[0], by_number[2])
