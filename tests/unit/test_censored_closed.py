"""Closed-population models with censored cells, against the exact likelihood maximised by other means."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp, xlogy

import mse
from mse.errors import NoFiniteMLE, NotIdentified, Refused
from mse.histories import CaptureHistories

NAMES = ("a", "b", "c", "d")
COUNTS = np.array([41, 60, 14, 52, 12, 16, 7, 80, 21, 25, 11, 19, 7, 12, 6])
MODELS = [("M0", "chao"), ("Mt", "chao"), *((m, f) for m in ("Mh", "Mth") for f in ("chao", "poisson2", "darroch"))]
DOWN = [("Mt", "chao"), ("Mth", "chao"), ("Mh", "darroch"), ("Mth", "poisson2")]


def table(counts: np.ndarray = COUNTS, known: int = 0, cells: tuple[str, ...] = ("0001", "0010")) -> CaptureHistories:
    confirmed = np.zeros(15, dtype=np.int64)
    confirmed[0] = known
    return CaptureHistories(NAMES, counts, censored_cells=frozenset(cells), confirmed=confirmed)


def log_pmf(number: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return xlogy(number, mean) - mean - gammaln(number + 1)


class Twin:
    """The likelihood by sums over every number that a cell may stand for; slow and obvious."""

    def __init__(self, histories: CaptureHistories, model: str, form: str) -> None:
        self.low, self.high = histories.known_counts, histories.counts
        on = np.array(histories.histories, dtype=float)
        k = on.sum(axis=1)
        plain = on if "t" in model else k[:, None]
        bend = {
            "chao": np.column_stack([np.maximum(k - j, 0) for j in range(2, len(NAMES))]),
            "poisson2": 2 ** k[:, None] - 1,
            "darroch": k[:, None] ** 2 / 2,
        }
        self.design = np.column_stack([np.ones(len(k)), plain, *([bend[form]] if "h" in model else [])])
        n_free = 1 + plain.shape[1] + (0 if form == "chao" and "h" in model else self.design.shape[1])
        self.bounds = [(None, None) if j < n_free else (0, None) for j in range(self.design.shape[1])]

    def log_likelihood(self, beta: np.ndarray) -> float:
        means = np.exp(self.design @ beta)
        exact = self.low == self.high
        value = float(log_pmf(self.low[exact], means[exact]).sum())
        for row in np.flatnonzero(~exact):
            value += float(logsumexp(log_pmf(np.arange(self.low[row], self.high[row] + 1), means[row])))
        return value

    def hidden(self, beta: np.ndarray) -> float:
        found = np.exp(beta[0])
        for row in np.flatnonzero(self.high > self.low):
            numbers = np.arange(self.low[row], self.high[row] + 1)
            shares = np.exp(log_pmf(numbers, np.exp(self.design[row] @ beta)))
            found += numbers @ shares / shares.sum() - self.low[row]
        return float(found)

    def best(self, **constraint: object) -> np.ndarray:
        start = np.linalg.lstsq(self.design, np.log((self.low + self.high) / 2 + 0.5), rcond=None)[0]
        start = constraint.pop("start", start)
        start = [max(b, 0.0) if low == 0 else b for b, (low, _) in zip(start, self.bounds, strict=True)]
        return np.asarray(
            minimize(
                lambda b: -self.log_likelihood(b),
                start,
                method="SLSQP",
                bounds=self.bounds,
                options={"ftol": 1e-14, "maxiter": 1000},
                **constraint,
            ).x
        )


@pytest.mark.parametrize(("model", "form"), DOWN)
def test_the_fit_maximises_the_exact_likelihood(model: str, form: str) -> None:
    """Total, AIC and coefficients that may not be negative agree with the twin, on tables with and without bends."""
    flat = COUNTS.copy()
    flat[-1] = 0
    for histories in (table(), table(known=15), table(flat)):
        twin = Twin(histories, model, form)
        ours, beta = mse.closed_population(histories, model=model, heterogeneity=form), twin.best()
        assert ours.n_hat == pytest.approx(histories.n_observed + twin.hidden(beta), rel=2e-4)
        p = ours.diagnostics["n_parameters"]
        assert ours.diagnostics["aic"] == pytest.approx(-2 * twin.log_likelihood(beta) + 2 * p, abs=1e-5)
        assert np.allclose(list(ours.coefficients.values()), beta, atol=2e-3)
        assert any("in doubt" in note for note in ours.notes)
        known = ours.n_observed + ours.diagnostics["n_on_no_list"] + ours.diagnostics["n_expected_among_doubtful"]
        assert known == pytest.approx(ours.n_hat, rel=1e-12)


@pytest.mark.parametrize(("model", "form"), DOWN)
def test_the_profile_ends_where_the_exact_profile_does(model: str, form: str) -> None:
    """At both ends the best likelihood with that total is half a chi-squared quantile below the highest."""
    histories = table()
    twin, ours = Twin(histories, model, form), mse.closed_population(histories, model=model, heterogeneity=form)
    start = np.array(list(ours.coefficients.values()))
    top, ends = twin.log_likelihood(start), ours.interval(0.95)
    assert ends.low < ours.n_hat < ends.high
    for end in (ends.low, ends.high):
        goal = np.log(end - histories.n_observed)
        fixed = {"type": "eq", "fun": lambda b, goal=goal: np.log(twin.hidden(b)) - goal}
        drop = top - twin.log_likelihood(twin.best(start=start, constraints=[fixed]))
        assert drop == pytest.approx(1.9207294, abs=1e-3)


def test_kinks_enter_and_leave_along_the_profile() -> None:
    """A table on which the kinks that are 0 at the two ends differ from those at the maximum."""
    histories = table()
    twin, ours = Twin(histories, "Mth", "chao"), mse.closed_population(histories)
    rule = ours.uncertainty
    found = {
        frozenset(point.zero)
        for step in np.linspace(-0.8, 1.2, 41)
        if (point := rule._moved(rule._best, rule._best.log_hidden + step)) is not None
    }
    assert len(found) > 1
    assert twin.bounds.count((0, None)) == 2


def test_mt_is_independence_with_censored_cells_too() -> None:
    """The same total, deviance, BIC and limits by both functions."""
    for histories in (table(), table(known=15)):
        ours, theirs = mse.closed_population(histories, model="Mt"), mse.fit_loglinear(histories, "independence")
        assert ours.n_hat == pytest.approx(theirs.n_hat, rel=1e-9)
        for name in ("deviance", "bic", "df", "n_doubtful", "n_on_no_list"):
            assert ours.diagnostics[name] == pytest.approx(theirs.diagnostics[name], rel=1e-8)
        a, b = ours.interval(), theirs.interval()
        assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-8)
        wald = [f(interval="log-normal").interval() for f in (
            lambda histories=histories, **o: mse.closed_population(histories, model="Mt", **o),
            lambda histories=histories, **o: mse.fit_loglinear(histories, "independence", **o),
        )]  # fmt: skip
        assert (wald[0].low, wald[0].high) == pytest.approx((wald[1].low, wald[1].high), rel=1e-8)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 60), min_size=14, max_size=14), st.sampled_from(MODELS), st.sampled_from([0, 17]))
def test_a_censored_cell_without_doubtful_persons_is_an_exact_one(
    others: list[int], choice: tuple[str, str], first: int
) -> None:
    """Nobody in the cell, or everybody confirmed, gives the answer of the same table without the declaration."""
    histories = table(np.array([first, *others]), known=first, cells=("0001",))
    plain = replace(histories, censored_cells=frozenset(), confirmed=None)
    model, form = choice
    try:
        expected = mse.closed_population(plain, model=model, heterogeneity=form)
    except Refused as refusal:
        with pytest.raises(type(refusal)):
            mse.closed_population(histories, model=model, heterogeneity=form)
        return
    found = mse.closed_population(histories, model=model, heterogeneity=form)
    assert (found.n_hat, found.interval(), found.diagnostics) == (
        expected.n_hat,
        expected.interval(),
        expected.diagnostics,
    )


@settings(max_examples=15)
@given(st.lists(st.integers(3, 60), min_size=14, max_size=14), st.sampled_from(MODELS))
def test_a_bound_without_force_leaves_the_cell_out(others: list[int], choice: tuple[str, str]) -> None:
    """With a huge upper bound the answer is that of the table without the cell, and the cell is predicted."""
    model, form = choice
    left_out = CaptureHistories(NAMES, np.array([0, *others]), structural_zeros=frozenset({(0, 0, 0, 1)}))
    try:
        plain = mse.closed_population(left_out, model=model, heterogeneity=form)
    except Refused:
        assume(False)
    wide = mse.closed_population(
        table(np.array([10_000_000, *others]), cells=("0001",)), model=model, heterogeneity=form
    )
    log_cell = plain.coefficients["intercept"] + plain.coefficients.get("d", plain.coefficients.get("lists"))
    if "h" in model and form != "chao":
        log_cell += plain.coefficients["tau"] * {"poisson2": 1.0, "darroch": 0.5}[form]
    assert wide.n_hat == pytest.approx(plain.n_hat + np.exp(log_cell), rel=1e-6)


def test_the_standard_error_is_that_of_resampled_populations() -> None:
    """The spread of N-hat over tables drawn from the fitted population of given size, within 15 %."""
    ours = mse.closed_population(table(), model="Mt")
    on = np.array([[0] * 4, *table().histories])
    means = np.exp(ours.coefficients["intercept"] + on @ [ours.coefficients[name] for name in NAMES])
    rng = np.random.default_rng(7)
    outside = np.maximum(COUNTS[:2] - means[1:3], 0.0)
    drawn = rng.multinomial(round(means.sum()), means / means.sum(), size=200)[:, 1:]
    drawn[:, :2] += rng.poisson(outside, size=(200, 2))
    totals = [mse.closed_population(table(row), model="Mt", interval="log-normal").n_hat for row in drawn]
    assert np.std(totals) == pytest.approx(ours.diagnostics["standard_error"], rel=0.15)


def test_where_only_the_doubtful_speak_there_is_no_estimate() -> None:
    """A list of which nobody is known to belong is minus infinity, and two lists with one censored have no estimate."""
    two = CaptureHistories.from_counts(("a", "b"), {(1, 0): 30, (0, 1): 40, (1, 1): 10}, censored_cells=["01"])
    with pytest.raises(NoFiniteMLE):
        mse.closed_population(two, model="Mt")
    with pytest.raises((NoFiniteMLE, NotIdentified)):
        mse.closed_population(two, model="Mth", heterogeneity="darroch")
    counts = COUNTS.copy()
    counts[2::2] = 0  # nobody on d and another list
    declared = table(counts, cells=("0001",))
    ours, without = mse.closed_population(declared, model="Mt"), declared.drop_lists("d")
    assert ours.coefficients["d"] == -np.inf
    assert "nobody who is known to belong is on d" in ours.notes
    assert ours.diagnostics["n_expected_among_doubtful"] == 0
    assert ours.n_hat == pytest.approx(mse.closed_population(without, model="Mt").n_hat)


def test_bounds_too_wide_to_say_anything_are_refused() -> None:
    """Where the total hangs on a cell that may hold anything between 5 and ten million, no number is given."""
    counts = {(1, 0): 30, (0, 1): 10_000_000, (1, 1): 10}
    two = CaptureHistories.from_counts(("a", "b"), counts, censored_cells=["01"])
    with pytest.raises(NotIdentified, match="too wide"):
        mse.closed_population(replace(two, confirmed=np.array([5, 0, 0])), model="Mt")


def test_behaviour_models_take_counts_as_exact() -> None:
    """Mb and Mbh refuse an upper bound, with the way out."""
    for model in ("Mb", "Mbh"):
        with pytest.raises(Refused, match="takes every count as exact"):
            mse.closed_population(table(), model=model, ordered=True)
