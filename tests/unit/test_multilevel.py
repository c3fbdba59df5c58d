"""Strata pooled in part: the density, the parts of a deviation, sums of strata, and refusals."""

import arviz as az
import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gamma, kv

from mse.errors import BadInput, Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.bayes import partial_pooling
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.bayes.partial_pooling import multilevel
from mse.models.bayes.pooled_density import PooledPrior, PooledTarget, log_density, parameters
from mse.models.bayes.strata_effects import strata_effects
from mse.models.loglinear.terms import all_terms, design_matrix
from mse.report.sentences import language

LISTS = ("police", "ngo", "health")
YEARS = ("2018", "2019", "2021")
REGIONS = ("north", "south")
LONE_YEARS = ("2014", "2015", "2016", "2018", "2021", "2022")
STRATA = tuple(f"{year}, {region}" for year in YEARS for region in REGIONS)


def _incidence(n_lists):
    singles = [1 << (n_lists - 1 - j) for j in range(n_lists)]
    return design_matrix([*singles, *all_terms(n_lists, 2)], n_lists)[:, 1:]


def _table(strata=STRATA, covariates=("year", "region"), seed=4, size=90):
    """Three lists with no interaction and half of all persons hidden; drawn with a fixed seed."""
    random = np.random.default_rng(seed)
    captured = random.uniform(size=(len(strata), size, 3)) < [0.3, 0.25, 0.2]
    cells = captured @ [4, 2, 1]
    counts = np.array([np.bincount(row, minlength=8)[1:] for row in cells]).T
    return CaptureHistories(LISTS, counts, strata=strata, covariates=covariates)


@pytest.fixture(scope="module", params=["walk", "gaussian_process", "gaussian_process alone"])
def target(request):
    counts = np.random.default_rng(2).poisson(9, size=(6, 7)).astype(float)
    prior = PooledPrior(0.3, 1.2, interaction_scale=0.4, difference_scale=0.6, log_length_mean=0.7, log_length_sd=0.4)
    trend, alone = request.param.split()[0], request.param.endswith("alone")
    if alone:
        effects = strata_effects(LONE_YEARS, ("year",), "year", trend)
    else:
        effects = strata_effects(STRATA, ("year", "region"), "year", trend)
    return PooledTarget.of(counts, _incidence(3), 3, effects, prior)


@pytest.fixture(scope="module")
def posterior():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partial_pooling, "N_TUNE", 200)
        return multilevel(_table(REGIONS, ("region",), size=200), seed=3, n_draws=350)


@pytest.fixture
def barely_tuned(monkeypatch):
    """For tests of what is said and written, not of the draws."""
    monkeypatch.setattr(partial_pooling, "N_TUNE", 10)


def _matern(years, length_scale):
    """Correlations of smoothness 5/2, by the formula for any smoothness (Rasmussen and Williams 2006, 4.14)."""
    when = np.array([float(year) for year in years])
    a = np.sqrt(5) * np.abs(when[:, None] - when) / length_scale
    a[a == 0] = 1e-12
    return 2**-1.5 / gamma(2.5) * a**2.5 * kv(2.5, a)


def _obvious(target, position):
    """The log density written out: roots by bisection, shares by the sum over histories, scipy's distributions."""
    own, prior = target.centre + target.root @ position, target.prior
    n_quantities, n_columns = 6, target.effects.basis.shape[1]
    n, process = n_quantities * (1 + n_columns), target.effects.process
    n_sds = 3 * len(target.effects.parts)
    tau, sds = np.exp(own[n]), np.exp(own[n + 1 : n + 1 + n_sds]).reshape(3, -1)
    value = stats.norm.logpdf(own[:n]).sum()
    value += stats.t(3, scale=prior.interaction_scale).logpdf(tau) + np.log(tau)
    value += (stats.halfnorm(scale=prior.difference_scale).logpdf(sds) + np.log(sds)).sum()
    units = [prior.log_hidden_sd, prior.list_effect_sd, prior.list_effect_sd, tau, tau, tau]
    family = (0, 1, 1, 2, 2, 2)
    z = own[n_quantities:n].reshape(n_quantities, n_columns)
    apart = np.array([[sds[family[i], target.effects.part[m]] * z[i, m] for m in range(n_columns)] for i in range(6)])
    if target.effects.is_process:
        value += stats.norm.logpdf(own[-1])
        years = YEARS if len(target.effects.parts) > 1 else LONE_YEARS
        correlation = _matern(years, np.exp(prior.log_length_mean + prior.log_length_sd * own[-1]))
        for i in range(n_quantities):
            # The deviations along the years have a normal density with these correlations; z is them, standardised.
            sd = sds[family[i], 0]
            apart[i, process] = sd * np.linalg.cholesky(correlation) @ z[i, process]
            value += stats.multivariate_normal(cov=sd**2 * correlation).logpdf(apart[i, process])
            value += np.linalg.slogdet(sd**2 * correlation)[1] / 2 - stats.norm.logpdf(z[i, process]).sum()
    for s, counts in enumerate(target.counts):
        q = [
            units[i] * own[i] + sum(target.effects.basis[s, m] * apart[i, m] for m in range(n_columns))
            for i in range(n_quantities)
        ]
        r = q[0] + prior.log_hidden_mean
        rest = _incidence(3) @ np.concatenate([target.contrasts @ q[1:3], q[3:]])
        sizes = _incidence(3)[:, :3].sum(axis=1)

        def excess(level, rest=rest, sizes=sizes, r=r):
            return np.log(np.exp(level * sizes + rest).sum()) + r

        level = brentq(excess, -60, 60, xtol=1e-14, rtol=1e-14)
        value += counts @ (level * sizes + rest + r)
    return value


def test_density_equals_the_model_written_out(target):
    """Differences of the log density between positions are those of the priors and the likelihood written out."""
    positions = np.random.default_rng(5).normal(size=(5, target.n_coordinates))
    ours = [log_density(target, position)[0] for position in positions]
    written_out = [_obvious(target, position) for position in positions]
    # Double precision of sums near 2,000; the process has a nugget of 1e-9.
    tolerance = 1e-6 if target.effects.is_process else 1e-8
    np.testing.assert_allclose(np.diff(ours), np.diff(written_out), rtol=1e-9, atol=tolerance)


def test_gradient_is_the_slope_of_the_density(target):
    """The gradient equals central differences in every coordinate."""
    step = 1e-5
    for position in np.random.default_rng(6).normal(size=(2, target.n_coordinates)):
        _, gradient = log_density(target, position)
        moves = step * np.eye(target.n_coordinates)
        slopes = [
            (log_density(target, position + e)[0] - log_density(target, position - e)[0]) / (2 * step) for e in moves
        ]
        # Central differences lose half the digits.
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


def test_shares_sum_to_one_and_hidden_is_what_it_says(target):
    """For any position the shares of the histories sum to one, and the level gives exp(r) hidden per person seen."""
    values = parameters(target, np.random.default_rng(7).normal(0, 2, size=(2, 3, target.n_coordinates)))
    np.testing.assert_allclose(np.exp(values.log_shares).sum(axis=-1), 1, rtol=1e-10)
    np.testing.assert_allclose(values.list_effects.sum(axis=-1), 0, atol=1e-12)
    # The log of the mean of the missing cell is 0; that of a history of one list is the level and the list's effect.
    single = target.sizes == 1
    level = values.log_shares[..., single] - values.log_hidden[..., None]
    effects = values.list_effects[..., ::-1]
    np.testing.assert_allclose(np.ptp(level - effects, axis=-1), 0, atol=1e-10)


def test_density_outside_the_range_of_a_float_is_minus_infinity(target):
    """Scales that overflow give no density instead of a warning."""
    position = np.zeros(target.n_coordinates)
    position[target.n_effects + 1 :] = 800.0
    position[3] = 1.0
    value, gradient = log_density(target, position)
    assert value == -np.inf
    assert not gradient.any()


def test_a_walk_over_the_years_has_steps_in_proportion_to_the_gaps():
    """Neighbouring years differ by steps whose variance grows with the years between, and the mean is nought."""
    effects = strata_effects(("2010", "2011", "2013", "2014"), ("year",), "year")
    assert effects.parts == ("year",)
    np.testing.assert_allclose(effects.basis.sum(axis=0), 0, atol=1e-12)
    steps = (np.diff(effects.basis, axis=0) ** 2).sum(axis=1)
    np.testing.assert_allclose(steps / steps[0], [1, 2, 1])
    assert np.exp(np.log((effects.basis**2).sum(axis=1)).mean()) == pytest.approx(1)


def test_two_covariates_have_a_part_each_and_one_for_the_rest():
    """Strata with one value in common share its effect; what is left is each stratum's own."""
    effects = strata_effects(STRATA, ("year", "region"), None)
    assert effects.parts == ("year", "region", "stratum")
    year, region = (effects.basis[:, effects.part == i] for i in (0, 1))
    assert (year[0] == year[1]).all()
    assert (region[0] == region[2]).all()
    assert (year[0] != year[2]).any()


def test_a_covariate_with_one_value_has_no_effect():
    """There is nothing to tell it apart from the common value."""
    assert strata_effects(("2018, north", "2018, south"), ("year", "region"), "year").parts == ("region",)


def test_answer_has_converged_and_carries_its_tree(posterior):
    """R-hat and effective sample sizes keep the bounds, and every group of the tree is there."""
    assert isinstance(posterior, Estimate)
    assert posterior.diagnostics["converged"] == 1
    assert posterior.diagnostics["r_hat"] <= 1.01
    assert min(posterior.diagnostics["ess_bulk"], posterior.diagnostics["ess_tail"]) >= 400
    groups = {"posterior", "posterior_predictive", "log_likelihood", "log_prior", "sample_stats", "prior"}
    assert groups | {"observed_data"} <= set(posterior.idata.children)
    assert posterior.idata.posterior.list_effects.sizes == {"chain": 4, "draw": 350, "stratum": 2, "list": 3}
    assert posterior.interval().low < 400 < posterior.interval().high


def test_strata_are_added_within_each_draw(posterior):
    """The total is the sum of the joint draws, never of the strata's limits, and no stratum is below its observed."""
    joint = posterior.idata.posterior.N.to_numpy().reshape(-1, 2)
    assert (posterior.draws == joint).all()
    assert (joint.sum(axis=1) == posterior.idata.posterior.total.to_numpy().ravel()).all()
    assert (posterior.draws.min(axis=0) >= posterior.n_observed_by_stratum).all()
    strata = posterior.totals()
    assert strata.region.tolist() == list(REGIONS)
    assert strata.n_observed.sum() == posterior.n_observed
    assert posterior.interval().high < strata.high.sum()


def test_prior_on_n_is_said_in_words(posterior):
    """The notes give the prior of the total, its draws agree with them, and the common ratio is as asked for."""
    assert "prior on N" in posterior.notes[0]
    prior = posterior.idata.prior
    assert f"prior median {np.median(prior.total):,.0f}" in posterior.notes[0]
    typical = prior.typical_hidden_per_seen.to_numpy()
    share = np.mean((typical > 0.05) & (typical < 20))
    assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / typical.size))
    assert "vary by the values of region" in posterior.notes[1]


def test_totals_by_a_covariate(barely_tuned):
    """Rows of a covariate hold the strata that share its value; an unknown covariate is named."""
    told = multilevel(_table(), years="year", seed=1, n_draws=10, n_chains=2, allow_unconverged=True)
    by_year = told.totals("year")
    assert by_year.year.tolist() == list(YEARS)
    assert by_year.n_hat[0] == np.median(told.draws[:, :2].sum(axis=1))
    assert "a random walk over year; the values of region; what is left of each stratum" in told.notes[1]
    with pytest.raises(BadInput, match="no covariate named 'sex'"):
        told.totals("sex")


def test_three_covariates_have_a_part_each_and_sums_by_any_margin(barely_tuned):
    """Years as a process, regions and forms of exploitation add up; every margin is a sum of joint draws."""
    strata = tuple(f"{region}, {year}, {form}" for region in REGIONS for year in YEARS for form in ("labour", "sexual"))
    told = multilevel(
        _table(strata[:-1], ("region", "year", "form")),
        years="year",
        trend="gaussian_process",
        seed=1,
        n_draws=10,
        n_chains=2,
        allow_unconverged=True,
    )
    posterior, prior = told.idata.posterior, told.idata.prior
    assert posterior.part.to_numpy().tolist() == ["region", "year", "form", "stratum"]
    assert (posterior.length_scale.shape, prior.length_scale.shape) == ((2, 10), (1, 4000))
    share = np.mean((prior.length_scale.to_numpy() > 1) & (prior.length_scale.to_numpy() < 10))
    assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 4000))
    assert (
        "a Gaussian process with a length scale of 1 to 10 years (95 %) over year; the values of form" in told.notes[1]
    )
    assert "1 of the 12 combinations of region, year, form are no stratum" in told.notes[2]
    assert "er ikke med i summene" in language("nb").translated(told.notes[2])
    by_form = told.totals("form", "region")
    assert by_form[["form", "region"]].to_numpy().tolist()[1] == ["labour", "south"]
    assert by_form.n_hat[1] == np.median(told.draws[:, [6, 8, 10]].sum(axis=1))
    assert by_form.n_observed.sum() == told.totals("year").n_observed.sum() == told.n_observed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difference_scale": 0.0}, "difference_scale=0.0 is not a scale"),
        ({"years": "when"}, "no covariate named 'when'"),
        ({"years": "region"}, "years must be numbers"),
        ({"trend": "spline"}, "trend='spline' is not offered"),
        ({"length_scale": (3.0, 1.0)}, "length_scale=\\(3.0, 1.0\\) is not a range"),
    ],
)
def test_options_that_are_not_offered_are_named(options, message):
    """An option outside its range is refused before anything is sampled."""
    with pytest.raises(BadInput, match=message):
        multilevel(_table(), **{"seed": 1, **options})


def test_tables_that_cannot_be_pooled_are_refused():
    """No strata, one stratum, an empty stratum, an upper bound: each says the way out."""
    full = _table()
    lone = CaptureHistories(LISTS, full.counts[:, :1], strata=("north",), covariates=("region",))
    emptied = CaptureHistories(
        LISTS, full.counts * np.array([1, 1, 0, 1, 1, 1]), strata=STRATA, covariates=full.covariates
    )
    bounded = CaptureHistories(
        LISTS, full.counts, strata=STRATA, covariates=full.covariates, censored_cells=frozenset({(0, 0, 1)})
    )
    for table, error, message in (
        (full.collapse_strata(), BadInput, "no strata to pool"),
        (lone, BadInput, "there is one stratum, 'north'"),
        (emptied, BadInput, "nobody was seen in the stratum '2019, north'"),
        (bounded, Refused, "some counts are upper bounds"),
    ):
        with pytest.raises(error, match=message):
            multilevel(table, seed=1)


def test_values_with_a_comma_are_refused_where_they_are_ambiguous():
    """A stratum whose name cannot be taken apart is named."""
    table = _table(("2018, north, coast", "2018, south"), ("year", "region"))
    with pytest.raises(BadInput, match="does not name one value for each of year, region"):
        multilevel(table, seed=1)


@pytest.mark.slow
def test_strata_that_may_not_differ_are_one_population():
    """With differences held at nought the answer is that of `bayes_loglinear` for the table of all strata."""
    table = _table(REGIONS, ("region",), size=300)
    pooled = multilevel(table, seed=1, n_draws=1000, difference_scale=1e-4, sampler="nutpie")
    alone = bayes_loglinear(table.collapse_strata(), prior="normal", seed=2, n_draws=1000, sampler="nutpie")
    ratios = [np.log(e.idata.posterior.hidden_per_seen.to_numpy()) for e in (pooled, alone)]
    assert np.ptp(ratios[0], axis=-1).max() < 0.01
    series = [ratios[0].mean(axis=-1), ratios[1]]
    errors = [x.std() / np.sqrt(float(az.ess(x))) for x in series]
    assert abs(series[0].mean() - series[1].mean()) < 4 * np.hypot(*errors)
    assert series[0].std() == pytest.approx(series[1].std(), rel=0.15)
