"""Averaging over log-linear models: its densities the long way, its two methods against each other, its refusals."""

from dataclasses import replace
from itertools import product
from math import lgamma

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

import mse
from mse.errors import BadInput, NoOverlap, NotConverged, Refused
from mse.histories import CaptureHistories
from mse.models.bayes.averaging_density import columns_of, log_density, workspace
from mse.models.bayes.averaging_enumeration import _sampled
from mse.models.bayes.averaging_prior import PRIORS, prior_draws, random_models
from mse.models.bayes.averaging_run import _within
from mse.models.bayes.cross_classified import cross_table
from mse.models.bayes.model_averaging import _refuse_far
from mse.models.loglinear.terms import hierarchical_models

SHORT = {"max_steps": 20_000, "n_draws": 500}


@pytest.fixture(scope="module")
def spina():
    return mse.load_dataset("spina", covariates=["eth"])


@pytest.fixture(scope="module")
def posterior(spina):
    return mse.bayes_averaging(spina, seed=3)


def _sum_to_zero(spina) -> pd.DataFrame:
    """The whole table of 24 cells with the contrasts of R's contr.sum, one column per coefficient."""
    eth = {"afro-american": (1, 0), "caucasian": (0, 1), "other": (-1, -1)}
    rows = []
    for history in product((0, 1), repeat=3):
        for name in spina.strata:
            s1, s2, s3 = (2 * on - 1 for on in history)
            row = {"": 1, "S1": s1, "S2": s2, "S3": s3} | {f"eth{i}": x for i, x in enumerate(eth[name])}
            row |= {"S2:S3": s2 * s3} | {f"S1:eth{i}": s1 * x for i, x in enumerate(eth[name])}
            seen = spina.counts[spina.row(history), spina.strata.index(name)] if any(history) else np.nan
            rows.append(row | {"count": seen})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("prior", ["unit-information", "sbh"])
def test_the_density_is_the_published_one_in_other_contrasts(spina, prior):
    """Poisson counts, coefficients normal with covariance s (X'X / n)**-1, s integrated by quadrature."""
    table = cross_table(spina, 2)
    random = np.random.default_rng(1)
    model = sum(1 << table.term_names.index(name) for name in ("S2:S3", "S1:eth"))
    room = workspace(table.n_columns, len(table.cells.known))
    n = columns_of(np.uint64(model), table.term_sets.owner, room.chosen)
    whole = _sum_to_zero(spina)
    design = whole.drop(columns="count").to_numpy()
    seen = whole["count"].notna().to_numpy()
    inverse = design[:, 1:].T @ design[:, 1:] / 24

    def written_out(eta):
        coefficients = np.linalg.lstsq(design, eta, rcond=None)[0]
        np.testing.assert_allclose(design @ coefficients, eta)
        likelihood = stats.poisson(np.exp(eta[seen])).logpmf(whole["count"][seen]).sum()
        squares = coefficients[1:] @ inverse @ coefficients[1:]
        if prior == "unit-information":
            return likelihood + stats.multivariate_normal(cov=np.linalg.inv(inverse)).logpdf(coefficients[1:])
        p, half = n - 1, 0.0005

        def at(log_s):
            s = np.exp(log_s)
            normal = -0.5 * squares / s - 0.5 * p * log_s
            return np.exp(normal - half / s - half * log_s + 20)

        return likelihood + np.log(quad(at, -15, 25, limit=400, epsabs=0)[0]) - 20

    def both(scale):
        beta = np.zeros(table.n_columns)
        beta[room.chosen[:n]] = scale * random.standard_normal(n)
        beta[0] = 1.0
        # Cells of `_sum_to_zero` are in the order of the table: histories by value, strata within.
        eta = np.concatenate([table.hidden @ beta, table.cells.columns.T @ beta])
        return log_density(table.cells, PRIORS[prior].numbers, n, beta, room.eta), written_out(eta)

    first, second = both(0.3), both(0.8)
    assert second[0] - first[0] == pytest.approx(second[1] - first[1], rel=1e-7)


def test_both_priors_of_a_model_are_normalised(spina):
    """What a model pays for its size: the density of the coefficients, without counts, integrates to 1."""
    table = cross_table(spina, 2)
    none = table.cells._replace(columns=table.cells.columns[:, :0].copy(), known=np.zeros(0), doubtful=np.zeros(0))
    room = workspace(table.n_columns, 0)
    random = np.random.default_rng(2)
    for numbers in (PRIORS["unit-information"].numbers, (3.0, 3.0)):
        for model in (0, 1):
            n = columns_of(np.uint64(model), table.term_sets.owner, room.chosen)
            proposal = stats.multivariate_t(shape=np.eye(n - 1), df=2)
            weights = []
            for at in proposal.rvs(4000, random_state=random):
                beta = np.zeros(table.n_columns)
                beta[room.chosen[1:n]] = at
                weights.append(log_density(none, numbers, n, beta, room.eta) - proposal.logpdf(at))
            ratio = np.exp(weights)
            assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(len(ratio)))


def test_numbers_within_bounds_are_poisson_given_the_bounds():
    """Draws of a censored cell, in the middle, far below and far above its bounds."""
    random = np.random.default_rng(3)
    known, doubtful = np.array([2.0, 0.0, 5.0]), np.array([6.0, 3.0, 4.0])
    means = np.array([4.0, 30.0, 0.05])
    drawn = _within(random, known, doubtful, np.broadcast_to(means, (20_000, 3)).copy())
    for j in range(3):
        support = np.arange(known[j], known[j] + doubtful[j] + 1)
        chance = stats.poisson(means[j]).pmf(support)
        expected = 20_000 * chance / chance.sum()
        counts = np.array([(drawn[:, j] == number).sum() for number in support])
        assert counts.sum() == 20_000
        few = expected < 5
        observed = np.append(counts[~few], counts[few].sum())
        wanted = np.append(expected[~few], expected[few].sum())
        assert stats.chisquare(observed[wanted > 0], wanted[wanted > 0]).pvalue > 1e-4


def test_models_of_the_prior_are_the_hierarchical_ones_equally_often():
    """All 113 of four lists, and no other."""
    table = cross_table(mse.load_dataset("Kosovo"), None)
    drawn = random_models(table, 20_000, np.random.default_rng(4))
    assert set(drawn.tolist()) == set(hierarchical_models(4).tolist())
    assert stats.chisquare(np.unique(drawn, return_counts=True)[1]).pvalue > 1e-4


def test_neighbours_differ_by_one_term_and_are_hierarchical():
    """Compared with the list of all models."""
    table = cross_table(mse.load_dataset("Kosovo"), None)
    models = set(hierarchical_models(4).tolist())
    for model in models:
        one_off = {model ^ 1 << j for j in range(len(table.terms))}
        assert set(table.neighbours(model)) == one_off & models


def test_the_columns_of_the_whole_table_are_orthonormal(spina):
    """So that unit covariance is unit information."""
    table = cross_table(spina, None)
    whole = np.concatenate([table.hidden, table.cells.columns.T])
    np.testing.assert_allclose(whole.T @ whole / 24, np.eye(table.n_columns), atol=1e-12)


def test_terms_leave_a_list_out(spina):
    """The interaction of all lists, alone or with a covariate, cannot be told from the counts."""
    assert cross_table(spina, None).term_names[-3:] == ("S1:S2:eth", "S1:S3:eth", "S2:S3:eth")


def test_the_chain_and_the_enumeration_agree(spina, posterior):
    """Probabilities of terms and models, mean and quantiles of N, within four standard errors of both."""
    other = mse.bayes_averaging(spina, method="enumeration", n_draws=500, seed=4)
    theirs = other.terms.probability
    error = np.sqrt(theirs * (1 - theirs) / 500)  # effective draws of a model index, fewer than of N
    assert (abs(posterior.terms.probability - theirs) < 4 * error + 0.005).all()
    assert posterior.models.model[0] == other.models.model[0]
    draws, others = posterior.draws.sum(axis=1), other.draws.sum(axis=1)
    for q in (0.025, 0.5, 0.975):
        near = np.quantile(others, [q - 0.02, q, q + 0.02])
        sizes = 1 / posterior.diagnostics["ess_tail"] + 1 / other.diagnostics["ess_tail"]
        error = np.sqrt(q * (1 - q) * sizes) * (near[2] - near[0]) / 0.04
        assert abs(np.quantile(draws, q) - near[1]) < 4 * error + 0.5


def test_the_answer_holds_models_terms_and_strata(spina, posterior):
    """Shapes, sums, and names."""
    assert posterior.draws.shape == (4000, 3)
    assert posterior.strata == spina.strata
    assert (posterior.draws >= spina.counts.sum(axis=0)).all()
    assert posterior.draws.min() == np.floor(posterior.draws).min()
    assert posterior.models.probability.sum() == pytest.approx(1)
    assert posterior.terms.set_index("term").probability["S2:S3"] > 0.99
    assert posterior.provenance["options"]["prior_n"] == "1/N"
    tree = posterior.idata
    assert tree.posterior["N"].to_numpy().ravel().tolist() == posterior.draws.sum(axis=1).tolist()
    included = tree.posterior["included"].mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(included, posterior.terms.probability, atol=0.03)
    assert {"prior", "posterior_predictive", "log_likelihood", "sample_stats", "observed_data"} <= set(tree.children)
    counts = tree.posterior_predictive["count"].mean(("chain", "draw")).to_numpy()
    assert abs(counts.sum() - 621) < 10


def test_the_same_seed_gives_the_same_draws(spina):
    """Twice."""
    first, second = (mse.bayes_averaging(spina, seed=1, **SHORT) for _ in range(2))
    assert first.draws.tolist() == second.draws.tolist()


def test_the_evidence_of_a_censored_cell_is_the_sum_over_its_numbers():
    """Marginal likelihoods of the tables with 0 to 3 persons in the cell add up to that of the bounds."""
    base = {(1, 0, 0): 30, (0, 1, 0): 25, (1, 1, 0): 12, (1, 0, 1): 6, (0, 1, 1): 5, (1, 1, 1): 4}
    bounded = CaptureHistories.from_counts("ABC", base | {(0, 0, 1): 3}, censored_cells=["001"])

    def evidence(histories):
        table, random = cross_table(histories, 2), np.random.default_rng(6)
        models = hierarchical_models(3, 2)
        effort = np.full(8, 4000), np.zeros(8, dtype=np.int64)
        return np.logaddexp.reduce(_sampled(random, models, *effort, table, PRIORS["sbh"])[0])

    exact = [evidence(CaptureHistories.from_counts("ABC", base | {(0, 0, 1): y})) - lgamma(y + 1) for y in range(4)]
    assert evidence(bounded) == pytest.approx(np.logaddexp.reduce(exact), abs=0.05)


def test_a_censored_cell_lies_within_its_bounds():
    """Its persons are no longer certain, and its number is drawn."""
    table = mse.load_dataset("Kosovo")
    bounded = mse.bayes_averaging(replace(table, censored_cells=frozenset({(0, 0, 0, 1)})), seed=1, **SHORT)
    assert bounded.n_observed == table.n_observed - 306
    assert bounded.draws.min() >= bounded.n_observed
    assert bounded.diagnostics["converged"] == 1


def test_an_exact_cell_is_a_censored_one_whose_bounds_meet():
    """All of its persons confirmed."""
    table = mse.load_dataset("Kosovo")
    confirmed = replace(table, censored_cells=frozenset({(0, 0, 0, 1)}), confirmed=table.counts)
    ours, same = (mse.bayes_averaging(h, seed=1, **SHORT) for h in (table, confirmed))
    assert ours.draws.tolist() == same.draws.tolist()


def test_combinations_in_which_nobody_was_seen_are_part_of_the_table():
    """They get hidden persons, and a note."""
    h = mse.read_histories(
        pd.DataFrame(
            [
                (1, 0, "x", "u", 40), (0, 1, "x", "u", 30), (1, 1, "x", "u", 20),
                (1, 0, "y", "u", 30), (0, 1, "y", "u", 30), (1, 1, "y", "u", 25),
                (1, 0, "x", "v", 20), (0, 1, "x", "v", 22), (1, 1, "x", "v", 15),
            ],
            columns=["A", "B", "one", "two", "count"],
        ),
        covariates=["one", "two"],
    )  # fmt: skip
    found = mse.bayes_averaging(h, seed=1, prior="unit-information", allow_unconverged=True, **SHORT)
    assert found.strata == ("x, u", "x, v", "y, u", "y, v")
    assert found.draws[:, 3].mean() > 0
    assert "1 combinations of one, two in which nobody was seen were added" in found.notes


def test_prior_draws_say_what_is_believed_of_the_hidden():
    """Under unit information and list effects alone, hidden per seen is 1 / (prod(1 + exp(2 b)) - 1)."""
    table = cross_table(mse.load_dataset("Kosovo"), 2)
    models, betas, log_hidden = prior_draws(table, PRIORS["unit-information"], 2000, np.random.default_rng(5))
    alone = models == 0
    assert alone.sum() > 5
    odds = np.exp(2 * betas[alone, 1:5])
    np.testing.assert_allclose(log_hidden[alone], -np.log(np.prod(1 + odds, axis=1) - 1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"prior": "flat"}, "prior='flat' is not offered"),
        ({"method": "guess"}, "method='guess' is not offered"),
        ({"max_order": 1}, "max_order=1 leaves one model"),
        ({"n_draws": 50}, "n_draws=50 is too small"),
        ({"n_chains": 1}, "n_chains=1 is too small"),
        ({"max_steps": 100}, "max_steps=100 is too small; give 2,500 or more"),
    ],
)
def test_options_that_are_not_offered_are_refused(spina, options, told):
    """With the value and the way out."""
    with pytest.raises(BadInput, match=told):
        mse.bayes_averaging(spina, seed=1, **options)


def test_tables_that_cannot_be_averaged_over_are_refused():
    """Two lists, a covariate with one level or a comma, too many terms, and no overlap."""
    two = CaptureHistories.from_counts(("A", "B"), {(1, 0): 5, (0, 1): 6, (1, 1): 2})
    with pytest.raises(BadInput, match="two lists leave no interaction"):
        mse.bayes_averaging(two, seed=1)
    one = two.to_frame().assign(x="same")
    with pytest.raises(BadInput, match="covariate 'x' has one level"):
        mse.bayes_averaging(mse.read_histories(one, covariates=["x"]), seed=1)
    comma = pd.concat([two.to_frame().assign(x=a, y=b) for a, b in (("p, q", "u"), ("r", "v"))])
    with pytest.raises(BadInput, match="do not tell the levels of x, y apart"):
        mse.bayes_averaging(mse.read_histories(comma, covariates=["x", "y"]), seed=1)
    with pytest.raises(BadInput, match="154 interactions of order 4 or less"):
        mse.bayes_averaging(mse.load_dataset("NewOrl"), max_order=4, seed=1)
    apart = CaptureHistories.from_counts(("A", "B", "C"), {(1, 0, 0): 5, (0, 1, 0): 6, (0, 0, 1): 2})
    with pytest.raises(NoOverlap, match="no person is on two of the lists A, B, C"):
        mse.bayes_averaging(apart, seed=1)


def test_chains_that_do_not_agree_are_refused_or_marked():
    """With the figures and a way out."""
    table = mse.load_dataset("UKdat_5")
    options = {"seed": 1, "max_steps": 2500, "n_draws": 100}
    with pytest.raises(NotConverged, match="larger max_steps"):
        mse.bayes_averaging(table, **options)
    marked = mse.bayes_averaging(table, allow_unconverged=True, **options)
    assert marked.diagnostics["converged"] == 0
    assert marked.notes[0].startswith("NOT CONVERGED: ")
    assert marked.provenance["options"]["converged"] is False


def test_two_modes_are_told(posterior):
    """On the five UK lists models with few persons hidden and with many are both probable; on spina all agree."""
    uk = mse.bayes_averaging(mse.load_dataset("UKdat_5"), seed=1, allow_unconverged=True, **SHORT)
    assert any(note.startswith("the posterior has 2 modes: near 11,") for note in uk.notes)
    assert posterior.notes == ()


def test_a_posterior_without_a_bound_is_refused():
    """Draws beyond any plausible total mean that the prior alone bounds N."""

    class Far:
        log_hidden = np.array([[0.0, 100.0]])

    with pytest.raises(Refused, match=r"50 % of the posterior of model averaging lies beyond 1e\+10"):
        _refuse_far("model averaging", Far, 100)
