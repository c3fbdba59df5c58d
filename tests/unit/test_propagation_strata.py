"""Strata through the pooling: each by itself, and a total that adds them up."""

import numpy as np
import pandas as pd
import pytest

import mse
from mse.errors import BadInput, Refused
from mse.estimate import Posterior, Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal
from mse.links import Links
from mse.propagation import each_stratum

SIZES = {"man": (60, 50, 15), "woman": (90, 70, 25)}  # on list a, on list b, on both
NORMAL_975 = 1.959963984540054


def _links(n_draws=1, *, seed=5, split=0.08):
    """Links of two lists by sex, in whose draws some of the persons on both lists are taken for two."""
    rng = np.random.default_rng(seed)
    rows = []
    for sex, (first, second, both) in SIZES.items():
        rows += [("a", sex, f"{sex}{i}") for i in range(first)]
        rows += [("b", sex, f"{sex}{i}") for i in range(first - both, first - both + second)]
    records = pd.DataFrame(rows, columns=["list", "sex", "person"])
    persons = pd.factorize(records["person"])[0]
    apart = rng.random((n_draws, len(rows))) < (split if n_draws > 1 else 0)
    draws = np.where(apart, len(rows) + np.arange(len(rows)), persons).astype(np.int32)
    return Links(records.drop(columns="person").assign(record=range(len(rows))), draws, ("a", "b"))


def _posterior(h, seed):
    """A stand-in for a Bayesian model."""
    draws = h.n_observed + np.random.default_rng(seed).gamma(20, 2, (300, 1)) * 30 / h.overlap("a", "b")
    return Posterior("fake", h.n_observed, draws, diagnostics={"r_hat": 1 + seed % 7 / 1000})


def test_the_sum_of_strata_is_that_of_separate_fits():
    """Points and variances add up; the strata are those of the tables."""
    table = CaptureHistories.from_links(_links(), strata=("sex",))[0]
    estimate = each_stratum(mse.chapman)(table)
    parts = {name: mse.chapman(table.stratum(name)) for name in SIZES}
    assert estimate.strata == ("man", "woman")
    assert estimate.n_hat == pytest.approx(sum(one.n_hat for one in parts.values()))
    assert estimate.n_observed == table.n_observed
    expected = 0.0
    for first, second, both in SIZES.values():  # Seber's variance of Chapman's estimator, by hand
        expected += (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    spread = np.sqrt(np.log1p(expected / (estimate.n_hat - estimate.n_observed) ** 2))
    ratio = np.log((estimate.interval().high - estimate.n_observed) / (estimate.n_hat - estimate.n_observed))
    assert ratio == pytest.approx(NORMAL_975 * spread, rel=1e-6)


def test_each_stratum_is_pooled_as_if_it_were_alone():
    """The same numbers as propagating one stratum by itself."""
    links = _links(20)
    estimate = mse.propagate(each_stratum(mse.chapman), links, strata=("sex",), seed=1)
    assert estimate.strata == tuple(estimate.per_stratum) == ("man", "woman")
    for name, own in estimate.per_stratum.items():
        alone = mse.propagate(lambda h, name=name: mse.chapman(h.stratum(name)), links, strata=("sex",), seed=1)
        assert own.n_hat == alone.n_hat
        assert (own.interval().low, own.interval().high) == (alone.interval().low, alone.interval().high)
        assert own.model.startswith("Chapman")
        assert own.interval().kind == "rubin"


def test_the_pooled_total_agrees_with_strata_drawn_and_added():
    """The twin: in every draw each stratum's own log-normal distribution, drawn, added and mixed over the draws."""
    links = _links(100)
    estimate = mse.propagate(each_stratum(mse.chapman), links, strata=("sex",), seed=1)
    rng = np.random.default_rng(2)
    totals = []
    for table in CaptureHistories.from_links(links, strata=("sex",)):
        total = 0.0
        for name in table.strata:
            rule = mse.chapman(table.stratum(name)).uncertainty
            total += rule.n_observed + rule.n_hidden * np.exp(rule.se_log_hidden * rng.standard_normal(2000))
        totals.append(total)
    low, high = np.quantile(np.concatenate(totals), [0.025, 0.975])
    assert estimate.interval().low == pytest.approx(low, rel=0.03)
    assert estimate.interval().high == pytest.approx(high, rel=0.03)


def test_replicates_of_the_strata_are_added():
    """With resamples of every stratum the total's variance is that of the sums of resamples."""
    table = CaptureHistories.from_links(_links(), strata=("sex",))[0]

    def resampled(h, seed):
        n_hat = mse.chapman(h).n_hat
        draws = n_hat + 10 * np.random.default_rng(seed).standard_normal((500, 1))
        return Replicated("m", h.n_observed, n_hat, LogNormal(h.n_observed, n_hat - h.n_observed, 0.1), draws=draws)

    estimate = each_stratum(resampled)(table, 3)
    assert estimate.draws.shape == (500, 2)
    assert np.corrcoef(estimate.draws.T)[0, 1] == pytest.approx(0, abs=4 / np.sqrt(500))
    assert estimate.draws.sum(axis=1).std() == pytest.approx(np.sqrt(200), rel=0.1)


def test_posteriors_keep_a_column_for_each_stratum():
    """The total is the sum of the columns, the worst convergence is told, and every stratum has its mixture."""
    estimate = mse.propagate(each_stratum(_posterior), _links(4), strata=("sex",), seed=1)
    assert estimate.draws.shape == (1200, 2)
    assert list(estimate.per_stratum) == ["man", "woman"]
    for column, own in enumerate(estimate.per_stratum.values()):
        assert sorted(own.draws[:, 0]) == sorted(estimate.draws[:, column])
    assert estimate.diagnostics["r_hat"] >= max(own.diagnostics["r_hat"] for own in estimate.per_stratum.values())


def test_posteriors_without_randomness_are_added_as_independent():
    """Decomposable graphs of three strata, one of them twice: the sum is that of their exact distributions."""
    counts = mse.load_dataset("spina", covariates=["eth"]).counts[:, [1, 0, 0]]
    table = CaptureHistories(("a", "b", "c"), counts, strata=("x", "y", "z"), covariates=("group",))
    estimate = each_stratum(mse.decomposable)(table)
    assert np.abs(np.corrcoef(np.log(estimate.draws.T))[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(4000)
    parts = [one.distribution for one in estimate.per_stratum.values()]
    shares = np.ones(1)
    for part in parts:
        shares = np.convolve(shares, part.shares[: part.n_whole])[:1000]
    levels = np.array([0.025, 0.5, 0.9])
    exact = table.n_observed + np.searchsorted(np.cumsum(shares), levels)
    found = np.quantile(estimate.draws.sum(axis=1), levels)
    np.testing.assert_allclose(found, exact, rtol=0.01)


def test_a_stratum_without_an_estimate_is_named():
    """Its refusal is the refusal of the draw, and keeps its kind."""
    counts = np.array([[10, 5], [10, 5], [3, 0]])
    table = CaptureHistories(("a", "b"), counts, strata=("man", "woman"), covariates=("sex",))
    with pytest.raises(Refused, match="stratum woman: "):
        each_stratum(mse.lincoln_petersen)(table)
    empty = CaptureHistories(("a", "b"), np.array([[10, 0], [10, 0], [3, 0]]), ("man", "woman"), ("sex",))
    with pytest.raises(Refused, match="stratum woman: nobody is in it"):
        each_stratum(mse.chapman)(empty)


def test_a_stratum_with_nobody_hidden_has_the_variance_of_its_interval():
    """A point at the number observed is not taken for certain; where no stratum has anybody hidden there is no sum."""
    table = CaptureHistories.from_links(_links(), strata=("sex",))[0]
    men = table.stratum("man")

    def bound(h):
        return Replicated("m", h.n_observed, float(h.n_observed), mse.chapman(h).uncertainty)

    estimate = each_stratum(lambda h: bound(h) if h.n_observed == men.n_observed else mse.chapman(h))(table)
    ends, women = mse.chapman(men).interval(), estimate.per_stratum["woman"]
    hidden = women.n_hat - women.n_observed
    variance = hidden**2 * np.expm1(women.uncertainty.se_log_hidden**2)
    variance += ((ends.high - ends.low) / (2 * NORMAL_975)) ** 2
    assert estimate.uncertainty.se_log_hidden == pytest.approx(np.sqrt(np.log1p(variance / hidden**2)))
    with pytest.raises(Refused, match="no stratum has anybody hidden"):
        each_stratum(bound)(table)


def test_the_interval_of_the_sum_covers_the_true_total():
    """Two strata of 600 and 300 persons on independent lists, 500 data sets: 95 % within four standard errors."""
    rng, n_covered = np.random.default_rng(11), 0
    fit, true_n = each_stratum(mse.chapman), {"man": (600, 0.3, 0.25), "woman": (300, 0.5, 0.2)}
    for _ in range(500):
        columns = []
        for n, p, q in true_n.values():
            cells = rng.multinomial(n, [(1 - p) * q, p * (1 - q), p * q, (1 - p) * (1 - q)])
            columns.append(cells[:3])
        table = CaptureHistories(("a", "b"), np.stack(columns, axis=1), tuple(true_n), ("sex",))
        ends = fit(table).interval()
        n_covered += ends.low <= 900 <= ends.high
    assert n_covered / 500 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 500))


def test_tables_are_propagated_as_links_are():
    """The tables of the draws are enough; strata are made of links only."""
    links = _links(6)
    tables = CaptureHistories.from_links(links)
    assert mse.propagate(mse.chapman, tables, seed=1).n_hat == mse.propagate(mse.chapman, links, seed=1).n_hat
    with pytest.raises(BadInput, match="cannot be made of tables"):
        mse.propagate(mse.chapman, tables, strata=("sex",), seed=1)
    with pytest.raises(BadInput, match="there is no table to fit"):
        mse.propagate(mse.chapman, (), seed=1)


def test_models_of_one_table_say_what_to_do_with_strata():
    """A model that takes one table refuses several strata; a wrapped one refuses none."""
    with pytest.raises(BadInput, match="2 strata by sex"):
        mse.propagate(mse.chapman, _links(2), strata=("sex",), seed=1)
    with pytest.raises(BadInput, match=r'have no strata; give propagate strata=\("sex",\)'):
        mse.propagate(each_stratum(mse.chapman), _links(2), seed=1)
