"""The priors of the interactions, the spread of the counts, and what the model says before a count is seen."""

import numpy as np
import pytest
from scipy import special, stats

from mse.datasets import load_dataset
from mse.errors import BadInput
from mse.models.bayes import nuts_in_jax
from mse.models.bayes.count_likelihood import _digamma, count_likelihood
from mse.models.bayes.interaction_scales import KINDS, beta_of, log_scale_draws, n_scales, precisions, scale_prior
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.bayes.shrinkage_before import before_counts
from mse.models.bayes.shrinkage_density import ShrinkagePrior
from mse.models.bayes.shrinkage_table import Table
from mse.models.bayes.shrinkage_tree import log_mass


@pytest.fixture(scope="module")
def table():
    return Table.of(load_dataset("Kosovo"), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_of_the_scales_are_from_their_density(kind):
    """Under a density, its slope x_i has mean 0, and x_j times slope x_i has mean -1 where i = j, else 0."""
    sizes = np.array([2.0, 2.0, 3.0])
    constants = ShrinkagePrior(kind, 0.0, 1.0, r2=(1.2, 3.1), r2_split=0.7).of_scales
    draws = log_scale_draws(kind, constants, 3, 20_000, np.random.default_rng(1))
    assert draws.shape == (20_000, n_scales(kind, 3))
    slopes = np.zeros_like(draws)
    for draw, slope in zip(draws, slopes, strict=True):
        scale_prior(KINDS.index(kind), draw, sizes, 3, constants, slope)
    products = draws[:, :, None] * slopes[:, None, :]
    for values, expected in ((slopes, 0.0), (products.reshape(len(draws), -1), -np.eye(draws.shape[1]).ravel())):
        errors = values.std(axis=0) / np.sqrt(len(draws))
        assert (np.abs(values.mean(axis=0) - expected) < 4.5 * errors).all()


@pytest.mark.parametrize("split", [0.2, 1.0, 20.0])
def test_r2_is_the_share_that_the_other_lists_tell(table, split):
    """However it is split, variance of the log-odds of a list, the mean over lists, over itself plus pi^2 / 3."""
    ends = (0.05, 0.6)
    prior = ShrinkagePrior("r2", 0.0, 1.0, r2=beta_of("r2", ends), r2_split=split)
    sizes = table.term_sizes[4:]
    scales = log_scale_draws("r2", prior.of_scales, sizes.size, 4000, np.random.default_rng(2))
    variances = 1 / precisions("r2", scales, sizes, 4)
    names = [set(term.split(":")) for term in table.terms]
    of_list = [variances[:, [one in name for name in names]].sum(axis=1) for one in load_dataset("Kosovo").lists]
    brought = np.mean(of_list, axis=0)
    share = brought / (brought + np.pi**2 / 3)
    np.testing.assert_allclose(share, special.expit(scales[:, -1]), rtol=1e-9)
    for end, level in zip(ends, (0.025, 0.975), strict=True):
        assert np.mean(share < end) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_beta_of_a_range_has_it_as_its_central_95_percent():
    """The ends are the quantiles."""
    assert stats.beta(*beta_of("r2", (0.02, 0.4))).ppf([0.025, 0.975]) == pytest.approx([0.02, 0.4], rel=1e-4)


def test_a_small_split_leaves_one_interaction_with_most():
    """The largest share falls as the concentration rises."""
    largest = []
    for split in (0.1, 1.0, 50.0):
        prior = ShrinkagePrior("r2", 0.0, 1.0, r2_split=split)
        scales = log_scale_draws("r2", prior.of_scales, 6, 2000, np.random.default_rng(3))
        variances = 1 / precisions("r2", scales, np.full(6, 2.0), 4)
        largest.append(np.median(variances.max(axis=1) / variances.sum(axis=1)))
    assert largest[0] > 0.75
    assert largest[2] < 0.25
    assert largest[0] > largest[1] > largest[2]


def test_digamma_is_scipys():
    """To twelve digits, from small to large."""
    x = np.geomspace(1e-3, 1e9, 60)
    np.testing.assert_allclose([_digamma(one) for one in x], special.digamma(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("log_spread", [-6.0, -8.0, -12.0])
def test_a_spread_that_vanishes_is_poisson(table, log_spread):
    """With next to no spread only the number seen is left over, and that is Poisson."""
    target = table.target(ShrinkagePrior("normal", 0.3, 1.2))
    both, log_seen = np.full(target.design.shape[1], 0.1), target.log_seen + 0.01
    rest = (1.5, np.array([0.3, 1.2]), np.empty(0), target.counts, target.counted, target.sizes, target.design)
    rest = (*rest, target.offset, target.effects_design, target.effects_offset)
    poisson, slopes, _ = count_likelihood(both, np.empty(0), *rest)
    spread, slopes_of_spread, to_dispersion = count_likelihood(both, np.array([log_seen, log_spread]), *rest)
    n, seen = target.counts.sum(), np.exp(log_seen)
    # A mean of m has the variance m + (spread m)^2, and the largest is near 1,500.
    tolerance = np.exp(2 * log_spread) * 1e7 + 1e-5
    assert spread - poisson == pytest.approx(n * log_seen - seen, abs=tolerance)
    assert to_dispersion[0] == pytest.approx(n - seen, abs=tolerance)
    assert np.isfinite(slopes).all()
    assert np.isfinite(slopes_of_spread).all()


def test_mass_is_scipys():
    """Poisson and negative-binomial log probabilities by history."""
    counts, means, spread = np.array([0.0, 3.0, 40.0]), np.array([[0.2, 5.0, 33.0]]), np.array([[0.4]])
    np.testing.assert_allclose(log_mass(counts, means, None), stats.poisson(means).logpmf(counts))
    size = spread**-2
    np.testing.assert_allclose(
        log_mass(counts, means, spread), stats.nbinom(size, size / (size + means)).logpmf(counts)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_before_the_counts(table, kind):
    """Hidden per seen has its stated prior whatever the interactions, and all who were seen are in the counts."""
    prior = ShrinkagePrior(kind, log_hidden_mean=0.5, log_hidden_sd=0.8)
    before = before_counts(prior, table.incidence, table.term_sizes, 500, 1)
    log_hidden = np.log(before.parameters["hidden_per_seen"][0])
    assert stats.kstest((log_hidden - 0.5) / 0.8, "norm").pvalue > 1e-4
    assert (before.counts.sum(axis=-1) == 500).all()
    assert np.median(before.parameters["N"]) == pytest.approx(500 * (1 + np.exp(0.5)), rel=0.1)


def test_spread_widens_the_prior_of_n_a_little(table):
    """Negative-binomial counts before any is seen vary more than Poisson ones, and so do the hidden persons."""
    told = []
    for spread in (None, 0.5):
        prior = ShrinkagePrior("normal", log_hidden_mean=0.0, log_hidden_sd=0.05, spread_scale=spread)
        before = before_counts(prior, table.incidence, table.term_sizes, 500, 1)
        told.append(np.std(before.parameters["n_hidden"]) / 500)
    # Half-normal spread of scale 0.5 has mean square 0.25; Poisson noise and r add a little.
    assert told[0] < 0.12
    assert told[1] == pytest.approx(np.hypot(0.5, told[0]), rel=0.1)


def test_negative_binomial_counts_are_said_and_drawn():
    """The spread stands in the tree and in the notes, with the number of histories that tell it."""
    told = bayes_loglinear(
        load_dataset("Kosovo"),
        prior="r2",
        likelihood="negative_binomial",
        seed=1,
        n_draws=20,
        n_chains=2,
        allow_unconverged=True,
    )
    assert told.model == "Bayesian log-linear (order 2, r2, negative binomial)"
    assert any("R2, the share of who is on a list" in note for note in told.notes)
    assert any(note.endswith("which alone tell it from interactions: 4") for note in told.notes)
    assert (told.idata.posterior.spread.to_numpy() > 0).all()
    assert {"r2", "spread", "interactions"} <= set(told.idata.prior)


def test_numpyro_that_is_not_installed_names_the_extra(monkeypatch):
    """The way out is in the error."""
    monkeypatch.setattr(nuts_in_jax, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"install this package with \[jax\]"):
        bayes_loglinear(load_dataset("Korea"), prior="normal", sampler="numpyro", seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["horseshoe", "r2"])
def test_three_samplers_give_one_answer(prior):
    """Mean and quantiles of log N agree within four Monte Carlo standard errors; NumPyro repeats its draws."""
    pytest.importorskip("numpyro")
    table = load_dataset("Kosovo")
    told = {s: bayes_loglinear(table, prior=prior, seed=7, sampler=s) for s in ("pymc", "nutpie", "numpyro")}
    for level in (None, 0.025, 0.5, 0.975):
        values, errors = [], []
        for estimate in told.values():
            x = np.log(estimate.draws.ravel())
            size = min(estimate.diagnostics["ess_bulk"], estimate.diagnostics["ess_tail"])
            if level is None:
                values.append(x.mean())
                errors.append(x.std() / np.sqrt(size))
            else:
                low, middle, high = np.quantile(x, [level - 0.02, level, level + 0.02])
                values.append(middle)
                errors.append(np.sqrt(level * (1 - level) / size) * (high - low) / 0.04)
        for i in range(3):
            assert abs(values[i] - values[i - 1]) < 4 * np.hypot(errors[i], errors[i - 1]), (level, values, errors)
    again = bayes_loglinear(table, prior=prior, seed=7, sampler="numpyro")
    assert (again.draws == told["numpyro"].draws).all()
