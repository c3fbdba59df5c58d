"""Log-linear fits with censored cells, against the exact likelihood maximised by other means."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import poisson

import mse
from mse.errors import NoFiniteMLE, NotIdentified
from mse.histories import CaptureHistories
from mse.models.loglinear.censored import best_log_probability, moments

THREE = ("a", "b", "c")
COUNTS = np.array([60, 40, 15, 50, 12, 14, 6])
PAIR = "[a,c][b]"


def table(counts: np.ndarray = COUNTS, known: int = 0) -> CaptureHistories:
    confirmed = np.array([known, 0, 0, 0, 0, 0, 0])
    return CaptureHistories(THREE, counts, censored_cells=frozenset({(0, 0, 1)}), confirmed=confirmed)


class Twin:
    """The exact likelihood of [a,c][b] by sums over every possible number; slow and obvious."""

    def __init__(self, histories: CaptureHistories) -> None:
        self.known, self.counts = histories.known_counts, histories.counts
        on = np.array(histories.histories)
        self.design = np.column_stack([np.ones(7), on, on[:, 0] * on[:, 2]])

    def log_likelihood(self, beta: np.ndarray) -> float:
        return sum(
            logsumexp(poisson.logpmf(np.arange(low, high + 1), mean))
            for low, high, mean in zip(self.known, self.counts, np.exp(self.design @ beta), strict=True)
        )

    def hidden(self, beta: np.ndarray) -> float:
        numbers, mean = np.arange(self.known[0], self.counts[0] + 1), np.exp(self.design[0] @ beta)
        shares = np.exp(poisson.logpmf(numbers, mean))
        return float(np.exp(beta[0]) + numbers @ shares / shares.sum() - self.known[0])

    def best(self, **constraint: object) -> np.ndarray:
        start = np.linalg.lstsq(self.design, np.log((self.known + self.counts) / 2 + 0.5), rcond=None)[0]
        options = {"ftol": 1e-14, "maxiter": 500}
        found = minimize(lambda b: -self.log_likelihood(b), start, method="SLSQP", options=options, **constraint)
        return np.asarray(found.x)


@pytest.mark.parametrize("known", [0, 25])
def test_the_fit_maximises_the_exact_likelihood(known: int) -> None:
    """Total, deviance and AIC agree with the twin, with and without confirmed persons."""
    histories = table(known=known)
    twin, estimate = Twin(histories), mse.fit_loglinear(histories, PAIR)
    beta = twin.best()
    assert estimate.n_hat == pytest.approx(histories.n_observed + twin.hidden(beta), rel=1e-4)
    assert estimate.diagnostics["aic"] == pytest.approx(-2 * twin.log_likelihood(beta) + 10, abs=1e-5)
    assert estimate.n_observed == 137 + known
    assert estimate.diagnostics["df"] == 2
    assert twin.hidden(estimate.mle.fit.beta) == pytest.approx(estimate.mle.n_hidden, rel=1e-10)
    assert "doubt" in estimate.notes[0]


def test_the_profile_interval_ends_where_the_exact_profile_does() -> None:
    """At both ends the best likelihood with that total is half a chi-squared quantile below the highest."""
    histories = table()
    twin, estimate = Twin(histories), mse.fit_loglinear(histories, PAIR)
    top = twin.log_likelihood(estimate.mle.fit.beta)
    ends = estimate.interval(0.95)
    assert ends.low < estimate.n_hat < ends.high
    assert ends.kind == "profile"
    for end in (ends.low, ends.high):
        goal = np.log(end - histories.n_observed)
        fixed = {"type": "eq", "fun": lambda b, goal=goal: np.log(twin.hidden(b)) - goal}
        drop = top - twin.log_likelihood(twin.best(constraints=[fixed]))
        assert drop == pytest.approx(1.9207294, abs=2e-4)


def test_the_standard_error_is_that_of_the_exact_information() -> None:
    """The delta method with second differences of the exact likelihood gives the same standard error."""
    estimate = mse.fit_loglinear(table(), PAIR, interval="log-normal")
    twin, beta, h = Twin(table()), estimate.mle.fit.beta, 1e-4
    steps = h * np.eye(5)
    information = np.array(
        [
            [
                -sum(i * j * twin.log_likelihood(beta + i * a + j * b) for i in (1, -1) for j in (1, -1)) / (4 * h * h)
                for a in steps
            ]
            for b in steps
        ]
    )
    slope = np.array([(twin.hidden(beta + a) - twin.hidden(beta - a)) / (2 * h) for a in steps])
    expected = np.sqrt(slope @ np.linalg.solve(information, slope)) / twin.hidden(beta)
    assert estimate.mle.se_log_hidden == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 40), st.integers(1, 60), st.floats(1e-3, 300))
def test_moments_are_those_of_a_poisson_number_between_two_bounds(known: int, doubtful: int, mean: float) -> None:
    """Mean, variance, third moment and probability agree with sums over every number."""
    numbers = np.arange(known, known + doubtful + 1)
    log_shares = poisson.logpmf(numbers, mean)
    log_total = logsumexp(log_shares)
    shares = np.exp(log_shares - log_total)
    first = numbers @ shares
    expected = first, (numbers - first) ** 2 @ shares, (numbers - first) ** 3 @ shares, log_total
    assert moments(float(known), float(doubtful), mean) == pytest.approx(expected, rel=1e-7, abs=1e-7)
    assert log_total <= best_log_probability(float(known), float(doubtful)) + 1e-9


@settings(max_examples=20)
@given(st.lists(st.integers(1, 60), min_size=6, max_size=6))
def test_a_censored_cell_without_doubtful_persons_is_an_exact_one(others: list[int]) -> None:
    """Nobody in the cell, or everybody confirmed, gives the fit of the same table without the declaration."""
    for first in (0, 17):
        histories = table(np.array([first, *others]), known=first)
        plain = replace(histories, censored_cells=frozenset(), confirmed=None)
        assert mse.fit_loglinear(histories, "independence").n_hat == mse.fit_loglinear(plain, "independence").n_hat


@settings(max_examples=20)
@given(st.lists(st.integers(3, 60), min_size=6, max_size=6))
def test_a_bound_without_force_leaves_the_cell_out(others: list[int]) -> None:
    """With a huge upper bound the answer is that of the table without the cell, and the cell is predicted."""
    counts = np.array([10_000_000, *others])
    wide = mse.fit_loglinear(table(counts), PAIR)
    counts[0] = 0
    left_out = CaptureHistories(THREE, counts, structural_zeros=frozenset({(0, 0, 1)}))
    plain = mse.fit_loglinear(left_out, PAIR)
    cell = np.exp(plain.coefficients["intercept"] + plain.coefficients["c"])
    assert wide.n_hat == pytest.approx(plain.n_hat + cell, rel=1e-6)


def test_where_only_the_doubtful_speak_of_a_term_there_is_no_estimate() -> None:
    """Two lists, one of them known by its overlap only, do not say how many it reaches."""
    two = CaptureHistories.from_counts(("a", "b"), {(1, 0): 30, (0, 1): 40, (1, 1): 10}, censored_cells=["01"])
    with pytest.raises(NoFiniteMLE):
        mse.fit_loglinear(two, "independence")
    empty = CaptureHistories(THREE, np.array([60, 40, 0, 50, 0, 14, 0]), censored_cells=frozenset({(0, 0, 1)}))
    with pytest.raises((NoFiniteMLE, NotIdentified)):
        mse.fit_loglinear(empty, "[a,b][c]")


def test_the_ranking_holds_the_fit_of_every_model() -> None:
    """Each row of a selection agrees with the model fitted by itself, and the best one is chosen."""
    best = mse.select_loglinear(table())
    rows = best.ranking[best.ranking["status"] == "ok"]
    assert len(rows) > 3
    assert best.model == rows["model"].iloc[0]
    for row in rows.itertuples():
        alone = mse.fit_loglinear(table(), row.model)
        assert (row.n_hat, row.bic) == pytest.approx((alone.n_hat, alone.diagnostics["bic"]), rel=1e-8)
    for row in best.ranking[best.ranking["status"] != "ok"].itertuples():
        with pytest.raises((NoFiniteMLE, NotIdentified)):
            mse.fit_loglinear(table(), row.model)


def test_resamples_choose_again_and_do_not_depend_on_the_workers() -> None:
    """The doubtful persons are resampled like the others; the same seed gives the same draws."""
    one = mse.select_loglinear(table(), n_boot=40, seed=3)
    two = mse.select_loglinear(table(), n_boot=40, seed=3, n_jobs=2)
    assert np.array_equal(one.draws, two.draws)
    assert one.interval() == two.interval()
    assert one.interval().kind == "bca"
    assert one.interval().low < one.n_hat < one.interval().high
    given = mse.fit_loglinear(table(), PAIR, interval="percentile", n_boot=40, seed=3)
    assert given.interval().low < given.n_hat < given.interval().high


def test_the_average_weighs_the_models_of_the_ranking() -> None:
    """The best weight and its total are those of the selection."""
    average, best = mse.average_loglinear(table(), seed=1), mse.select_loglinear(table())
    assert average.diagnostics["best_n_hat"] == pytest.approx(best.n_hat, rel=1e-8)
    assert average.diagnostics["best_weight"] == pytest.approx(best.ranking["weight"].iloc[0], rel=1e-4)
    assert average.n_observed == 137


def test_scottish_drug_injectors_fall_as_in_conting() -> None:
    """Censoring those on the hepatitis C list alone lowers the total as in conting 1.7, whose chains are short."""
    exact = mse.load_dataset("ScotPWID")
    censored = mse.select_loglinear(replace(exact, censored_cells=frozenset({(0, 0, 0, 1)})), max_order=2)
    plain = mse.select_loglinear(exact, max_order=2)
    # conting with covariates: 22,342 and 32,038, from effective samples of 5 and 4 draws; only their size is known.
    assert censored.n_hat == pytest.approx(22_342, rel=0.25)
    assert plain.n_hat == pytest.approx(32_038, rel=0.25)
    assert censored.n_hat / plain.n_hat == pytest.approx(22_342 / 32_038, abs=0.1)
