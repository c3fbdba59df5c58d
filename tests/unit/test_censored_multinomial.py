"""The multinomial profile of the total with censored cells, against the likelihood summed person by person."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp, xlogy

import mse
from mse.histories import CaptureHistories
from mse.models.loglinear.censored_multinomial import CensoredMultinomial, split_of

THREE = ("a", "b", "c")
COUNTS = np.array([12, 10, 5, 13, 6, 5, 4])


def table(counts: np.ndarray = COUNTS, cells: tuple[str, ...] = ("001", "010"), known: int = 0) -> CaptureHistories:
    confirmed = np.zeros(7, dtype=np.int64)
    confirmed[0] = known
    return CaptureHistories(THREE, counts, censored_cells=frozenset(cells), confirmed=confirmed)


class Twin:
    """For a whole total, every way in which the doubtful may belong, one after the other; slow and obvious."""

    def __init__(self, histories: CaptureHistories, kink: bool) -> None:
        low, high = histories.known_counts, histories.counts
        self.ways = np.array(list(product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))))
        on = np.array([(0, 0, 0), *histories.histories], dtype=float)
        bend = [np.maximum(on.sum(axis=1) - 2, 0)[:, None]] if kink else []
        self.design = np.column_stack([on, *bend])
        self.bounds = [(None, None)] * 3 + [(0, None)] * kink

    def log_likelihood(self, beta: np.ndarray, total: int) -> float:
        log_share = self.design @ beta
        log_share -= logsumexp(log_share)
        missing = total - self.ways.sum(axis=1)
        full = np.column_stack([missing, self.ways])[missing >= 0]
        return float(logsumexp(gammaln(total + 1) - gammaln(full + 1).sum(axis=1) + full @ log_share))

    def best(self, total: int) -> float:
        found = minimize(
            lambda b: -self.log_likelihood(b, total),
            np.array([-1.0] * 3 + [0.1] * (len(self.bounds) - 3)),
            method="SLSQP",
            bounds=self.bounds,
            options={"ftol": 1e-13, "maxiter": 1000},
        )
        return -float(found.fun)


@pytest.mark.parametrize("known", [0, 5])
@pytest.mark.parametrize("model", ["[a][b][c]", "Mt", "Mth"])
def test_the_profile_is_the_sum_over_all_ways_to_belong(model: str, known: int) -> None:
    """Over a grid of whole totals the profile differs from the twin's by one constant; so does its top."""
    histories = table(known=known)
    if model == "[a][b][c]":
        estimate = mse.fit_loglinear(histories, model, likelihood="multinomial")
    else:
        estimate = mse.closed_population(histories, model=model, likelihood="multinomial")
    rule, twin = estimate.uncertainty, Twin(histories, model == "Mth")
    assert isinstance(rule, CensoredMultinomial)
    totals = [histories.n_observed + 4, *range(45, 200, 50), 500]
    ours = np.array([rule.profile(np.log(total - histories.n_observed)).log_likelihood for total in totals])
    theirs = np.array([twin.best(total) for total in totals])
    assert np.ptp(ours - theirs) < 1e-6
    near = range(round(estimate.n_hat) - 1, round(estimate.n_hat) + 2)
    assert abs(near[int(np.argmax([twin.best(total) for total in near]))] - estimate.n_hat) < 1e-6
    ends = estimate.interval()
    top = rule.profile(rule.best_log_hidden).log_likelihood
    for end in (ends.low, ends.high):
        assert top - rule.profile(np.log(end - histories.n_observed)).log_likelihood == pytest.approx(
            1.9207294, abs=1e-6
        )
    assert ends.low < estimate.n_hat < ends.high


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=3),
    st.lists(st.floats(0.1, 20), min_size=4, max_size=4),
    st.integers(0, 40),
)
def test_the_split_is_that_of_all_ways(cells: list[tuple[int, int]], drawn: list[float], more: int) -> None:
    """Weight, expected numbers and covariance agree with a list of all ways."""
    known, doubtful = np.array(cells, dtype=float).T
    means = np.array(drawn[: len(cells) + 1])
    hidden = more + 1.0
    ways = np.array(list(product(*(range(d + 1) for _, d in cells))), dtype=float)
    ways = np.column_stack([ways, hidden - ways.sum(axis=1)])
    ways = ways[ways[:, -1] >= 0]
    counts = ways + np.append(known, 0.0)
    log_weight = (xlogy(counts, means) - gammaln(counts + 1)).sum(axis=1)
    share = np.exp(log_weight - logsumexp(log_weight))
    found = split_of(known, doubtful, means, hidden)
    assert found.weight == pytest.approx(logsumexp(log_weight), abs=1e-9)
    assert np.allclose(found.expected, share @ ways, atol=1e-8)
    assert np.allclose(found.covariance, (ways * share[:, None]).T @ ways - np.outer(*[share @ ways] * 2), atol=1e-7)


def test_without_doubtful_persons_it_is_the_exact_multinomial_profile() -> None:
    """Persons all confirmed leave the exact profile; one doubtful person of many moves it little."""
    confirmed = mse.fit_loglinear(table(cells=("001",), known=12), "independence", likelihood="multinomial")
    exact = mse.fit_loglinear(CaptureHistories(THREE, COUNTS), "independence", likelihood="multinomial")
    assert (confirmed.n_hat, confirmed.interval()) == (exact.n_hat, exact.interval())
    many = CaptureHistories(THREE, 40 * COUNTS)
    one = table(40 * COUNTS, cells=("001",), known=40 * 12 - 1)
    exact, near = (mse.fit_loglinear(h, "independence", likelihood="multinomial") for h in (many, one))
    assert near.n_hat == pytest.approx(exact.n_hat, rel=2e-3)
    assert near.interval().high == pytest.approx(exact.interval().high, rel=2e-3)


def test_the_profile_is_that_of_poisson_where_most_are_hidden() -> None:
    """Where one person in twenty is found the two likelihoods say nearly the same."""
    on = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(1, 8)])
    counts = np.rint(20_000 * np.where(on == 1, 0.02, 0.98).prod(axis=1)).astype(int)
    counts[0] += 80
    histories = table(counts, cells=("001",))
    poisson, multinomial = (
        mse.fit_loglinear(histories, "independence", likelihood=name) for name in ("poisson", "multinomial")
    )
    assert multinomial.n_hat == pytest.approx(poisson.n_hat, rel=0.01)
    assert multinomial.interval().high == pytest.approx(poisson.interval().high, rel=0.02)
