"""The Bayesian log-linear model: its density, its draws, and its refusals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from mse.datasets import load_dataset
from mse.errors import BadInput, Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.bayes.convergence import convergence, faults
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.bayes.shrinkage_density import ShrinkagePrior, log_density, parameters
from mse.models.bayes.shrinkage_table import Table

CASES = [
    (prior, spread, left_out)
    for prior in ("horseshoe", "normal", "r2")
    for spread, left_out in ((None, None), (0.4, None), (None, 2), (0.4, 2))
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def target(request):
    shrinkage, spread, left_out = request.param
    prior = ShrinkagePrior(shrinkage, log_hidden_mean=0.3, log_hidden_sd=1.2, spread_scale=spread)
    return Table.of(load_dataset("Kosovo"), 2).target(prior, left_out=left_out)


@pytest.fixture(scope="module")
def posterior():
    return bayes_loglinear(load_dataset("Korea"), seed=3)


@pytest.fixture(scope="module")
def sparse():
    """Six lists, 27 persons on two of them, nobody on three, nine empty overlaps."""
    counts = {tuple(int(i == j) for i in range(6)): 20 + 7 * j for j in range(6)}
    for a, b, n in ((0, 1, 9), (1, 2, 6), (2, 3, 5), (3, 4, 3), (0, 5, 3), (1, 5, 1)):
        counts[tuple(int(i in (a, b)) for i in range(6))] = n
    return CaptureHistories.from_counts(tuple("ABCDEF"), counts)


def _obvious(target, position):
    """The log density written out with scipy's distributions, on the model's own parameters."""
    n_effects, prior = target.n_lists + target.n_interactions, target.prior
    p, scales = parameters(target, position), position[n_effects : n_effects + target.n_scales]
    if prior.shrinkage == "r2":
        share = 1 / (1 + np.exp(-scales[-1]))
        value = stats.beta(*prior.r2).logpdf(share) + np.log(share * (1 - share))
        value += (stats.gamma(prior.r2_split).logpdf(np.exp(scales[:-1])) + scales[:-1]).sum()
    else:
        at = -1 if prior.shrinkage == "normal" else -2
        value = stats.t(3, scale=prior.global_scale).logpdf(np.exp(scales[at])) + scales[at]
    if prior.shrinkage == "horseshoe":
        value += (stats.cauchy.logpdf(np.exp(scales[:-2])) + scales[:-2]).sum()
        value += stats.invgamma(2, scale=2 * prior.slab_scale**2).logpdf(np.exp(scales[-1])) + scales[-1]
    value += stats.norm(0, p.interaction_sd).logpdf(p.interactions).sum()
    counted, shares = target.counted == 1, np.exp(p.log_shares)
    if prior.spread_scale is None:
        of_counted = shares[counted] / shares[counted].sum()
        value += stats.multinomial(target.counts.sum(), of_counted).logpmf(target.counts[counted])
    else:
        size, means = p.spread**-2, np.exp(p.log_seen) * shares[counted]
        value += stats.nbinom(size, size / (size + means)).logpmf(target.counts[counted]).sum()
        value += stats.halfnorm(scale=prior.spread_scale).logpdf(p.spread) + np.log(p.spread)
    value += stats.norm(prior.log_hidden_mean, prior.log_hidden_sd).logpdf(p.log_hidden)
    value += np.log(target.sizes @ shares)
    value += stats.norm(0, prior.list_effect_sd).logpdf(p.list_effects - p.list_effects.mean()).sum()
    root = np.linalg.cholesky(target.curvature + np.diag(p.interaction_sd**-2))
    return value - np.log(np.diag(root)).sum()


def test_density_equals_the_model_written_out(target):
    """Differences of the log density between positions are those of the priors and the likelihood written out."""
    positions = np.random.default_rng(5).normal(size=(6, target.n_coordinates))
    ours = [log_density(target, position)[0] for position in positions]
    written_out = [_obvious(target, position) for position in positions]
    # Double precision of sums near 2,000.
    np.testing.assert_allclose(np.diff(ours), np.diff(written_out), rtol=1e-9, atol=1e-8)


def test_gradient_is_the_slope_of_the_density(target):
    """The gradient equals central differences in every coordinate."""
    step = 1e-5
    for position in np.random.default_rng(6).normal(size=(3, target.n_coordinates)):
        _, gradient = log_density(target, position)
        moves = step * np.eye(target.n_coordinates)
        slopes = [
            (log_density(target, position + e)[0] - log_density(target, position - e)[0]) / (2 * step) for e in moves
        ]
        # Central differences lose half the digits.
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())


def test_hidden_per_seen_is_the_only_function_of_the_prior_on_n():
    """Without a person counted, r has its stated normal prior whatever the list effects and interactions."""
    incidence, random = Table.of(load_dataset("Korea"), 2).incidence, np.random.default_rng(1)
    sizes = incidence[:, :3].sum(axis=1)
    for _ in range(3):
        differences, u = random.normal(size=3), random.normal(size=3)
        level = np.linspace(-12, 6, 4001)
        effects = level[:, None] + differences - differences.mean()
        log_means = np.hstack([effects, np.broadcast_to(u, effects.shape)]) @ incidence.T
        log_total = np.log(np.exp(log_means).sum(axis=1))
        lists_per_person = np.exp(log_means - log_total[:, None]) @ sizes
        density = stats.norm(0.5, 0.8).pdf(-log_total) * lists_per_person
        share_below = np.trapezoid(np.where(-log_total < 0.5, density, 0), level)
        assert share_below == pytest.approx(0.5, abs=5e-3)  # one step of the grid
        assert np.trapezoid(density, level) == pytest.approx(1, abs=1e-3)


def test_density_outside_the_range_of_a_float_is_minus_infinity(target):
    """Scales that overflow give no density instead of a warning."""
    position = np.zeros(target.n_coordinates)
    position[target.n_lists + target.n_interactions :] = -800.0
    value, gradient = log_density(target, position)
    assert value == -np.inf
    assert not gradient.any()


def test_answer_has_converged_and_carries_its_tree(posterior):
    """R-hat and effective sample sizes are within the bounds, and every group of the tree is there."""
    assert isinstance(posterior, Estimate)
    assert posterior.diagnostics["r_hat"] <= 1.01
    assert min(posterior.diagnostics["ess_bulk"], posterior.diagnostics["ess_tail"]) >= 400
    groups = {"posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior", "observed_data"}
    assert groups | {"prior_predictive", "log_prior"} <= set(posterior.idata.children)
    assert posterior.idata.posterior.interactions.coords["term"].to_numpy().tolist()[0].count(":") == 1
    assert (posterior.draws.ravel() == posterior.idata.posterior.N.to_numpy().ravel()).all()


def test_n_is_never_below_the_observed(posterior):
    """Every draw of N holds at least the persons who were seen."""
    assert posterior.draws.min() >= posterior.n_observed
    assert posterior.n_hat >= posterior.n_observed


def test_prior_on_n_is_said_in_words(posterior):
    """The notes give the prior median and range of N, and the prior draws agree with them."""
    assert "prior on N" in posterior.notes[0]
    prior = posterior.idata.prior.hidden_per_seen.to_numpy()
    share = np.mean((prior > 0.05) & (prior < 20))
    assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / prior.size))


def test_empty_overlaps_are_data(sparse):
    """Six lists with empty overlaps give an answer, with every interaction finite."""
    told = bayes_loglinear(sparse, seed=2, n_draws=300)
    assert len(sparse.empty_overlaps) == 9
    assert np.isfinite(told.idata.posterior.interactions.to_numpy()).all()
    assert told.idata.posterior.interactions.sizes["term"] == 15


def test_a_censored_cell_is_refused():
    """The density takes every count as exact, and an upper bound is not taken for one."""
    counts = {(1, 0, 0): 30, (0, 1, 0): 20, (0, 0, 1): 25, (1, 0, 1): 6, (0, 1, 1): 5, (1, 1, 0): 3}
    table = CaptureHistories.from_counts(("W", "M", "X"), counts, censored_cells=["001"])
    with pytest.raises(Refused, match="the count of 001 is an upper bound"):
        bayes_loglinear(table, seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": "flat"}, "prior='flat' is not offered"),
        ({"max_order": 3}, "max_order=3 is not offered"),
        ({"sampler": "gibbs"}, "sampler='gibbs' is not offered"),
        ({"n_draws": 1}, "n_draws=1 is too small"),
        ({"n_chains": 1}, "n_chains=1 is too small"),
        ({"seed": -1}, "seed=-1 is too small"),
        ({"prior_hidden": (2.0, 1.0)}, "is not a range"),
        ({"interaction_scale": 0.0}, "is not a scale"),
        ({"likelihood": "binomial"}, "likelihood='binomial' is not offered"),
        ({"prior": "r2", "r2": (0.5, 0.2)}, "is not a range of a share"),
        ({"prior": "r2", "r2": (0.3, 0.3000001)}, "no beta distribution has its central 95 %"),
        ({"prior": "r2", "r2_split": 0.0}, "is not a scale"),
        ({"prior": "r2", "interaction_scale": 1.0}, "interaction_scale=1.0 has no use with prior='r2'"),
        ({"r2": (0.1, 0.5)}, "has no use with prior='horseshoe'"),
        ({"r2_split": 2.0}, "r2_split=2.0 has no use with prior='horseshoe'"),
        ({"count_spread": 0.1}, "count_spread=0.1 has no use with likelihood='poisson'"),
        ({"likelihood": "negative_binomial"}, "7 histories with 7 terms leave none to tell spread"),
    ],
)
def test_options_that_are_not_offered_are_named(options, message):
    """An option outside its range is refused before anything is sampled."""
    with pytest.raises(BadInput, match=message):
        bayes_loglinear(load_dataset("Korea"), **{"seed": 1, **options})


def test_chains_on_two_modes_are_faulty():
    """Chains that sit apart fail on R-hat; chains that agree do not."""
    random = np.random.default_rng(1)
    still = {"diverging": np.zeros((4, 500)), "energy": random.normal(size=(4, 500))}
    together = random.normal(size=(4, 500))
    apart = together + np.array([0, 0, 6, 6])[:, None]
    assert faults(convergence({"N": together}, still)) == ()
    assert any("R-hat" in fault for fault in faults(convergence({"N": apart}, still)))


def test_many_divergences_are_a_fault():
    """More than one draw in a hundred that diverged is a reason to refuse; one draw is not."""
    random = np.random.default_rng(2)
    series, diverging = {"N": random.normal(size=(4, 500))}, np.zeros((4, 500))
    found = []
    for n in (1, 30):
        diverging[0, :n] = 1
        found.append(faults(convergence(series, {"diverging": diverging, "energy": random.normal(size=(4, 500))})))
    assert found[0] == ()
    assert "30 of 2000 draws diverged" in found[1][0]


def test_energy_that_moves_slowly_is_a_fault():
    """An energy that hardly changes from draw to draw means that the tails were not reached."""
    random = np.random.default_rng(3)
    series, still = {"N": random.normal(size=(4, 500))}, np.zeros((4, 500))
    walk = np.cumsum(random.normal(size=(4, 500)), axis=1)
    found = faults(convergence(series, {"diverging": still, "energy": walk}))
    assert [fault.partition(": E-BFMI")[0] for fault in found] == ["the energy moves slowly"]


@pytest.mark.slow
def test_order_of_the_lists_carries_no_information():
    """Reordering the lists leaves the posterior of log N within four Monte Carlo standard errors."""
    table = load_dataset("Kosovo")
    told = [
        bayes_loglinear(h, prior="normal", seed=7, n_draws=1000)
        for h in (table, table.reorder_lists(table.lists[::-1]))
    ]
    logs = [np.log(e.draws.ravel()) for e in told]
    errors = [x.std() / np.sqrt(e.diagnostics["ess_bulk"]) for x, e in zip(logs, told, strict=True)]
    assert all(abs(a.mean() - b.mean()) < 4 * np.hypot(*errors) for a, b in pairwise(logs))
