"""Graphs and chances of the histories drawn given N, against what they must be on average."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mse
from mse.models.bayes.decomposable_graphs import decomposable_graphs
from mse.models.bayes.expert_prior import elicit_prior
from mse.models.bayes.graph_cells import draw_cells
from mse.models.bayes.graph_tree import with_margin
from mse.models.bayes.hyper_dirichlet import HyperDirichlet

COUNTS, DELTA, N_DRAWS = np.array([2.0, 2, 1, 3, 0, 2, 1, 1]), 0.4, 40_000


def _draws(counts: np.ndarray, graph: int) -> np.ndarray:
    factors = np.tile(decomposable_graphs(3).factors[graph], (N_DRAWS, 1))
    stream = np.random.default_rng(4)
    return draw_cells(stream, counts, np.full(N_DRAWS, counts[0]), factors, DELTA)


@pytest.mark.parametrize("graph", range(8))
def test_chances_drawn_before_the_counts_have_the_evidence_of_the_graph(graph: int) -> None:
    """The probability of the counts, averaged over the prior, is the marginal likelihood that is a formula."""
    before = _draws(0 * COUNTS, graph)
    log_weights = before @ COUNTS
    evidence = HyperDirichlet.of(COUNTS[1:].astype(np.int64), 3, DELTA)
    rows = decomposable_graphs(3).factors[graph]
    # The formula leaves out what the number of hidden persons alone says.
    formula = evidence.factor_table(COUNTS[:1])[rows, 0].sum()
    error = np.exp(log_weights - logsumexp(log_weights)).std() * np.sqrt(N_DRAWS)
    assert logsumexp(log_weights) - np.log(N_DRAWS) == pytest.approx(formula, abs=4 * error)
    np.testing.assert_allclose(logsumexp(before, axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("graph", range(8))
def test_chances_drawn_after_the_counts_are_those_of_the_prior_weighed_by_the_counts(graph: int) -> None:
    """Means agree within four standard errors of importance sampling."""
    before, after = _draws(0 * COUNTS, graph), np.exp(_draws(COUNTS, graph))
    log_weights = before @ COUNTS
    weights = np.exp(log_weights - logsumexp(log_weights))
    expected = weights @ np.exp(before)
    errors = np.sqrt(weights**2 @ (np.exp(before) - expected) ** 2 + after.var(axis=0) / N_DRAWS)
    assert (np.abs(after.mean(axis=0) - expected) < 4 * errors).all()


def test_a_chance_too_small_for_a_double_is_drawn() -> None:
    """With a small parameter most of the prior lies there."""
    stream, factors = np.random.default_rng(1), decomposable_graphs(3).factors[[7] * 100]
    drawn = draw_cells(stream, np.zeros(8), np.zeros(100), factors, 1e-4)
    assert np.isfinite(drawn).all()
    assert drawn.min() < np.log(np.finfo(float).tiny)


def test_graphs_are_drawn_as_probable_as_they_are() -> None:
    """Shares of the edges among the draws, within four standard errors of their probabilities."""
    found = mse.decomposable(mse.load_dataset("UKdat_5"))
    edges = found.idata.posterior["edge"]
    shares, exact = edges.mean(("chain", "draw")).to_numpy(), found.edges.probability.to_numpy()
    assert (np.abs(shares - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000) + 1e-6).all()
    assert edges["pair"].to_numpy().tolist() == [f"{a}:{b}" for a, b in zip(found.edges.a, found.edges.b, strict=True)]
    # A graph that says more of hidden persons comes with more of them: the median of N given an edge is that of draws.
    best = found.graphs.iloc[0]
    cliques = {tuple(sorted(clique.split(","))) for clique in best.model.strip("[]").split("][")}
    joined = {pair for pair in edges["pair"].to_numpy() if any(set(pair.split(":")) <= set(c) for c in cliques)}
    is_best = (edges.to_numpy()[0] == [pair in joined for pair in edges["pair"].to_numpy()]).all(axis=1)
    assert is_best.mean() == pytest.approx(best.probability, abs=4 * np.sqrt(0.25 / 4000))
    totals = found.idata.posterior["N"].to_numpy()[0][is_best]
    assert np.median(totals) == pytest.approx(best.n_hat, rel=4 * 1.25 * np.std(np.log(totals)) / np.sqrt(len(totals)))


def test_an_experts_chance_to_be_on_a_list_takes_the_place_of_its_margin() -> None:
    """The list has the beta law of belief and persons together; what is conditional on it stays as it was."""
    belief = elicit_prior(stats.beta(4.0, 9.0), source="a test", list="b")
    before = _draws(COUNTS, 7)
    after = with_margin(np.random.default_rng(2), before, 1, belief, 6.0, np.full(N_DRAWS, 6.0))
    is_on = np.array([False, False, True, True] * 2)
    chance = np.exp(logsumexp(after[:, is_on], axis=1))
    assert stats.kstest(chance, stats.beta(10.0, 15.0).cdf).pvalue > 1e-3
    for half in (is_on, ~is_on):
        given = [draws[:, half] - logsumexp(draws[:, half], axis=1)[:, None] for draws in (before, after)]
        np.testing.assert_allclose(given[0], given[1], atol=1e-9)
    np.testing.assert_allclose(logsumexp(after, axis=1), 0, atol=1e-9)
    kosovo = mse.decomposable(
        mse.load_dataset("Kosovo"), expert=elicit_prior({0.05: 0.1, 0.95: 0.3}, source="x", list="EXH")
    )
    assert "N" not in kosovo.idata.prior


def test_the_prior_of_n_is_drawn_where_it_is_proper() -> None:
    """1/N between the number seen and the end of the grid; an expert's, above the number seen; none without an end."""
    table = mse.load_dataset("Korea")
    assert "N" not in mse.decomposable(table).idata.prior
    totals = mse.decomposable(table, n_hidden_max=1000).idata.prior["N"].to_numpy()
    support = np.arange(table.n_observed, table.n_observed + 1001.0)
    expected = np.average(np.log(support), weights=1 / support)
    assert np.log(totals).mean() == pytest.approx(expected, abs=4 * np.log(totals).std() / np.sqrt(1000))
    belief = elicit_prior({0.05: 150, 0.95: 400}, source="a test")
    believed = mse.decomposable(table, expert=belief).idata.prior["N"].to_numpy()
    expected = belief.quantile(np.array([belief.share_below(table.n_observed) / 2 + 0.5]))[0]
    assert np.median(believed) == pytest.approx(expected, rel=0.06)
    assert believed.min() >= table.n_observed


def test_replicated_counts_are_those_of_the_graphs() -> None:
    """Posterior predictive means are near the counts where graphs fit, and sum to the persons seen."""
    found = mse.decomposable(mse.load_dataset("Kosovo")).idata
    predicted = found.posterior_predictive["count"]
    assert (predicted.sum("history") == 4400).all()
    observed = found.observed_data["count"]
    apart = (predicted.mean(("chain", "draw")) - observed) / np.sqrt(observed + 1)
    assert np.abs(apart).max() < 2
