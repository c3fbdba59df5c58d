"""Beliefs of experts: their elicitation, what they do to an estimate, and that they are never hidden."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

import mse
from mse.errors import BadInput, Refused
from mse.models.bayes.beside_default import beside_default
from mse.models.bayes.expert_in_graphs import prior_with_expert
from mse.models.bayes.expert_prior import elicit_prior
from mse.models.bayes.graph_averaging import decomposable
from mse.models.bayes.hidden_prior import log_hidden_prior, log_hidden_priors
from mse.models.bayes.hyper_dirichlet import HyperDirichlet
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.bayes.power_scaling import prior_sensitivity
from mse.report.sentences import language

SOURCE = "workshop of the agencies"


@pytest.fixture(scope="module")
def kosovo():
    return mse.load_dataset("Kosovo")


@pytest.fixture(scope="module")
def believed(kosovo):
    return decomposable(kosovo, expert=elicit_prior({0.05: 6000, 0.95: 11000}, source=SOURCE))


@pytest.mark.parametrize("name", [None, "police"])
def test_two_quantiles_are_met_exactly(name):
    """The distribution has the quantiles that were said."""
    said = {0.1: 0.2, 0.9: 0.6} if name else {0.1: 900, 0.9: 2500}
    belief = elicit_prior(said, source=SOURCE, list=name)
    np.testing.assert_allclose(belief.quantile(np.array([0.1, 0.9])), list(said.values()), rtol=1e-6)
    assert belief.misfit < 1e-6


@pytest.mark.parametrize(
    ("frozen", "name"), [(stats.lognorm(0.4, scale=800), None), (stats.beta(3, 9), "a"), (stats.beta(0.6, 2), "a")]
)
def test_a_distribution_elicited_elsewhere_is_taken_over(frozen, name):
    """One of the family is met to the digit, whatever tool it comes from."""
    belief = elicit_prior(frozen, source=SOURCE, list=name)
    x = frozen.ppf([0.01, 0.3, 0.99])
    np.testing.assert_allclose(belief.log_density(x), frozen.logpdf(x), rtol=1e-5)


def test_preliz_agrees_on_quartiles():
    """PreliZ's quartile matching of the same family comes to the same belief."""
    preliz = pytest.importorskip("preliz", reason="needs PreliZ (the extra [elicit])")
    there = preliz.LogNormal()
    preliz.quartile(there, 600, 800, 1067, plot=False)
    ours = elicit_prior({0.25: 600, 0.5: 800, 0.75: 1067}, source=SOURCE)
    # Both minimise a distance, and not the same one.
    np.testing.assert_allclose(ours.parameters, (there.mu, there.sigma), rtol=0.01)
    assert elicit_prior(there, source=SOURCE).parameters == pytest.approx((there.mu, there.sigma))


def test_distributions_of_preliz_are_read_and_unfitted_ones_refused():
    """Maximum entropy, a belief about a list and another family are taken over; one without parameters is not."""
    preliz = pytest.importorskip("preliz", reason="needs PreliZ (the extra [elicit])")
    entropy, reach = preliz.LogNormal(), preliz.Beta()
    preliz.maxent(entropy, 400, 2500, 0.9, plot=False)
    preliz.maxent(reach, 0.1, 0.4, 0.9, plot=False)
    assert elicit_prior(entropy, source=SOURCE).parameters == pytest.approx((entropy.mu, entropy.sigma))
    belief = elicit_prior(reach, source=SOURCE, list="police")
    # The shapes are found by least squares.
    assert belief.parameters == pytest.approx((reach.alpha, reach.beta), rel=1e-5)
    assert 0 < elicit_prior(preliz.Gamma(6, 0.007), source=SOURCE).misfit < 0.1
    with pytest.raises(BadInput, match="set or fit its parameters first"):
        elicit_prior(preliz.LogNormal(), source=SOURCE)


def test_what_holds_no_quantiles_is_named():
    """A distribution that fails at its quantiles, and an object without any, are refused with the way out."""

    class Unfitted:
        def ppf(self, q):
            raise TypeError(q)

    with pytest.raises(BadInput, match="set or fit its parameters first"):
        elicit_prior(Unfitted(), source=SOURCE)
    with pytest.raises(BadInput, match="a list holds no quantiles; give a mapping"):
        elicit_prior([400, 800], source=SOURCE)


def test_more_quantiles_are_met_nearly_and_the_rest_is_said():
    """Three quantiles that no log-normal has exactly leave a misfit, which is part of the words."""
    belief = elicit_prior({0.05: 400, 0.5: 800, 0.95: 2000}, source=SOURCE)
    reached = stats.lognorm(belief.parameters[1], scale=np.exp(belief.parameters[0])).cdf([400, 800, 2000])
    assert belief.misfit == pytest.approx(np.abs(reached - [0.05, 0.5, 0.95]).max())
    assert f"up to {belief.misfit:.2f} in probability" in belief.in_words()
    assert f"on N ({SOURCE}): 5 % below 400" in belief.in_words()


@pytest.mark.parametrize(
    ("said", "options", "message"),
    [
        ({0.5: 800}, {}, "give two or more"),
        ({0.0: 400, 0.5: 800}, {}, "not all between 0 and 1"),
        ({0.1: 900, 0.9: 800}, {}, "do not rise"),
        ({0.1: -5, 0.9: 800}, {}, "are not persons, above 0"),
        ({0.1: 0.2, 0.9: 1.0}, {"list": "police"}, "are not probabilities"),
        ({0.1: 400, 0.5: 410, 0.9: 4000}, {}, "no log-normal distribution comes near"),
        ({0.1: 400, 0.9: 800}, {"source": " "}, "needs a source"),
    ],
)
def test_beliefs_that_cannot_be_used_are_refused(said, options, message):
    """One quantile, levels and values that do not fit, nobody who believes it."""
    with pytest.raises(BadInput, match=message):
        elicit_prior(said, **{"source": SOURCE, **options})


def test_an_expert_prior_is_never_hidden(kosovo, believed):
    """Name, notes, diagnostics and provenance all say it, with the estimate under the default prior."""
    default = decomposable(kosovo)
    assert "expert prior on N" in str(believed)
    assert mse.to_frame(believed).model[0].endswith("expert prior on N")
    assert [note.startswith("EXPERT PRIOR") for note in believed.notes[:3]] == [True] * 3
    assert SOURCE in believed.notes[0]
    assert f"under the default prior N is {default.n_hat:,.0f}, {default.interval()}" in believed.notes[1]
    assert believed.diagnostics["n_hat_default"] == default.n_hat
    assert believed.provenance["options"]["expert"]["source"] == SOURCE
    assert not any("EXPERT" in note for note in default.notes)


def test_the_report_tells_it_in_both_languages(believed):
    """Of the notes the report prints those that it has words for; these are among them, and so is the name."""
    for code, told, name in (
        ("en", "rests on what an expert believed", "expert’s prior on N"),
        ("nb", "bygger på hva en ekspert trodde", "ekspertens antakelse om N"),
    ):
        words = language(code)
        assert told in words.translated(believed.notes[0])
        assert words.translated(believed.notes[1]) is not None
        assert name in words.model(believed.model)
        assert words.translated("NOT CONVERGED: the chains do not agree") is not None


def test_a_refused_default_is_told_too(believed):
    """Where the default prior gives no estimate at all, the note says so and why."""

    def refuse():
        raise Refused("the counts do not bound the total")

    told = beside_default(believed, refuse, elicit_prior({0.05: 6000, 0.95: 11000}, source=SOURCE))
    assert "under the default prior there is no estimate: the counts do not bound the total" in told.notes[1]


def test_a_belief_in_n_equals_the_same_prior_given_as_a_function(kosovo, believed):
    """The expert's log-normal and the same density as `prior_n` give one posterior."""
    mean, sd = believed.provenance["options"]["expert"]["parameters"]
    by_hand = decomposable(kosovo, prior_n=lambda n: -0.5 * ((np.log(n) - mean) / sd) ** 2 - np.log(n))
    assert believed.n_hat == by_hand.n_hat
    assert believed.interval().high == by_hand.interval().high


def test_the_graphs_own_margin_as_a_belief_changes_nothing(kosovo):
    """A beta prior with the parameters that a margin has in every graph gives the default answer."""
    delta = 2.0**-4
    own = stats.beta(delta * 8, delta * 8)
    belief = elicit_prior(own, source=SOURCE, list="HRW")
    told, default = decomposable(kosovo, expert=belief), decomposable(kosovo)
    assert told.n_hat == pytest.approx(default.n_hat, rel=1e-3)
    assert told.interval().high == pytest.approx(default.interval().high, rel=1e-3)


def test_a_belief_in_a_capture_probability_is_exact_for_the_graph_with_every_edge():
    """With every edge the cells are a beta margin times a Dirichlet on and one off the list; the evidence is theirs."""
    counts, delta, (on, off) = np.array([5, 7, 2, 9, 3, 4, 1]), 0.2, (2.5, 7.0)
    table = mse.CaptureHistories(("a", "b", "c"), counts)
    belief = elicit_prior(stats.beta(on, off), source=SOURCE, list="a")
    factor = prior_with_expert(table, np.zeros_like, belief, delta=delta, is_default=True).factor
    model = HyperDirichlet.of(counts, 3, delta)

    def dirichlet(alphas, cells):
        alphas, cells = np.asarray(alphas), np.asarray(cells)
        whole = gammaln(alphas.sum()) - gammaln(alphas.sum() + cells.sum())
        return whole + (gammaln(alphas + cells) - gammaln(alphas)).sum()

    ours, theirs = [], []
    for hidden in (0.0, 4.0, 25.0, 200.0):
        cells = np.concatenate([[hidden], counts])
        ways = gammaln(cells.sum() + 1) - gammaln(hidden + 1)
        exact = dirichlet([on, off], [cells[4:].sum(), cells[:4].sum()])
        theirs.append(ways + exact + dirichlet([delta] * 4, cells[4:]) + dirichlet([delta] * 4, cells[:4]))
        at = np.array([hidden])
        rows = model.factor_table(at)[:, 0].reshape(3, 8)
        # a, then b given a, then c given both.
        saturated = rows[0, 0] + rows[1, 4] + rows[2, 6]
        ours.append(model.log_ways(at)[0] + saturated + factor(counts.sum() + at)[0])
    # The shapes of the belief are met to six digits.
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-5, atol=1e-5)


def test_a_belief_pulls_towards_itself(kosovo):
    """Believing in a small capture probability of a list raises N, believing in a large one lowers it."""
    low, high = (
        decomposable(kosovo, expert=elicit_prior(said, source=SOURCE, list="ABA"))
        for said in ({0.05: 0.05, 0.95: 0.08}, {0.05: 0.25, 0.95: 0.3})
    )
    assert high.n_hat < decomposable(kosovo).n_hat < low.n_hat


def test_power_scaling_is_what_a_scaled_prior_does(kosovo, believed):
    """A prior to which the answer is sensitive moves it when raised to a power; a mild one hardly does."""
    mean, sd = believed.provenance["options"]["expert"]["parameters"]

    def shift(power, log_prior):
        moved = decomposable(kosovo, prior_n=lambda n: power * log_prior(n))
        return abs(np.log(moved.n_hat / decomposable(kosovo, prior_n=log_prior).n_hat))

    strong, mild = (lambda n: -0.5 * ((np.log(n) - mean) / sd) ** 2 - np.log(n)), (lambda n: -np.log(n))
    sensitive, insensitive = prior_sensitivity(believed).prior[0], prior_sensitivity(decomposable(kosovo)).prior[0]
    assert sensitive > 0.05 > insensitive
    assert shift(1.25, strong) > 3 * shift(1.25, mild)
    # A flat prior stays what it is under every power.
    assert prior_sensitivity(decomposable(kosovo, prior_n="uniform", n_hidden_max=60_000)).prior[0] == 0


def test_the_likelihood_that_is_scaled_does_not_depend_on_the_prior(kosovo, believed):
    """At the same totals the log likelihoods under two priors differ by one constant."""
    trees = [believed.idata, decomposable(kosovo).idata]
    common, found = np.linspace(9000, 12000, 7), []
    for tree in trees:
        totals, logs = tree.posterior.N.to_numpy()[0], tree.sample_stats.log_marginal_likelihood.to_numpy()[0]
        rising = np.argsort(totals)
        found.append(np.interp(common, totals[rising], logs[rising]))
    first, second = found
    # Read off a line between the numbers that were weighed.
    assert np.ptp(first - second) < 0.01
    assert np.ptp(first) > 0.5


def test_an_estimate_without_its_log_prior_is_refused():
    """Power-scaling needs the log prior in the tree."""
    bare = mse.estimate.Posterior("bare", 3, np.ones((4, 1)))
    with pytest.raises(BadInput, match="does not keep its log prior of N"):
        prior_sensitivity(bare)


def test_beliefs_that_do_not_go_with_the_table_are_refused(kosovo):
    """Two priors of N, an unknown list, persons seen beyond what is believed, a belief the model does not take."""
    in_n = elicit_prior({0.05: 6000, 0.95: 11000}, source=SOURCE)
    in_list = elicit_prior({0.05: 0.2, 0.95: 0.3}, source=SOURCE, list="ABA")
    elsewhere = elicit_prior({0.05: 0.2, 0.95: 0.3}, source=SOURCE, list="NGO")
    too_few = elicit_prior({0.05: 500, 0.95: 900}, source=SOURCE)
    for error, message, call in (
        (BadInput, "two priors of N, prior_n", lambda: decomposable(kosovo, prior_n="uniform", expert=in_n)),
        (BadInput, "no list named 'NGO'", lambda: decomposable(kosovo, expert=elsewhere)),
        (Refused, "on fewer persons than the 4,400", lambda: decomposable(kosovo, expert=too_few)),
        (Refused, "on fewer persons than the 4,400", lambda: bayes_loglinear(kosovo, seed=1, expert=too_few)),
        (BadInput, "use decomposable", lambda: bayes_loglinear(kosovo, seed=1, expert=in_list)),
        (BadInput, "two priors of N, prior_hidden", lambda: bayes_loglinear(
            kosovo, seed=1, expert=in_n, prior_hidden=(0.1, 9.0))),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()


def test_prior_of_hidden_per_seen_is_that_of_n():
    """The density of r is the log-normal density of N carried over, and its slope is its derivative."""
    mean, sd, n_seen = np.log(900), 0.4, 350
    normal, log_n = np.array([0.0, 1.5]), np.array([mean, sd, np.log(n_seen)])
    r = np.linspace(-30, 30, 9)
    total = n_seen * (1 + np.exp(r))
    expected = stats.lognorm(sd, scale=900).logpdf(total) + np.log(n_seen) + r
    np.testing.assert_allclose(np.diff(log_hidden_priors(r, normal, log_n)), np.diff(expected), rtol=1e-9)
    for prior in (log_n, np.array([])):
        for at in (-2.0, 0.3, 3.0):
            up, down = (log_hidden_prior(at + step, normal, prior)[0] for step in (1e-5, -1e-5))
            assert log_hidden_prior(at, normal, prior)[1] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_bayes_loglinear_says_its_expert_prior():
    """The belief stands in name and notes, its prior draws have the quantiles that were said, the default is beside."""
    korea = mse.load_dataset("Korea")
    belief = elicit_prior({0.05: 300, 0.95: 700}, source=SOURCE)
    told = bayes_loglinear(
        korea, prior="normal", seed=1, n_draws=100, n_chains=2, expert=belief, allow_unconverged=True
    )
    assert "expert prior on N" in told.model
    assert told.notes[1].startswith("EXPERT PRIOR: under the default prior N is")
    assert told.diagnostics["n_hat_default"] < told.n_hat
    before = told.idata.prior.N.to_numpy()
    assert np.quantile(before, [0.05, 0.95]) == pytest.approx([300, 700], rel=0.1)  # 2,000 draws
    assert told.provenance["options"]["prior_hidden"] is None


@pytest.mark.slow
def test_an_expert_prior_is_a_reweighting_of_the_default_posterior():
    """Draws under the default prior, weighted by the ratio of the priors, have the mean under the expert's."""
    kosovo = mse.load_dataset("Kosovo")
    belief = elicit_prior({0.05: 9000, 0.95: 14000}, source=SOURCE)
    told = bayes_loglinear(kosovo, prior="normal", seed=3, n_draws=2000, expert=belief)
    default = bayes_loglinear(kosovo, prior="normal", seed=4, n_draws=2000)
    r = np.log(default.idata.posterior.hidden_per_seen.to_numpy())
    total = kosovo.n_observed * (1 + np.exp(r))
    log_weights = belief.log_density(total) + r - default.idata.log_prior.N.to_numpy()
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    direct = np.log(told.idata.posterior.hidden_per_seen.to_numpy())
    mean = (weights * r).sum()
    # The weighted mean's error with the effective number of weighted draws, itself cut by autocorrelation.
    efficiency = default.diagnostics["ess_bulk"] / r.size
    weighted_error = np.sqrt((weights**2 * (r - mean) ** 2).sum() / efficiency)
    error = np.hypot(weighted_error, direct.std() / np.sqrt(told.diagnostics["ess_bulk"]))
    assert abs(mean - r.mean()) > 4 * error
    assert abs(mean - direct.mean()) < 4 * error
