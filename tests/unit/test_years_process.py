"""The Gaussian process over years: its root, its derivative, and its limits."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gamma, kv

from mse.errors import BadInput
from mse.models.bayes.pooled_density import PooledPrior, PooledTarget, log_density, parameters
from mse.models.bayes.strata_effects import strata_effects
from mse.models.bayes.years_process import NUGGET, process_root, process_roots
from mse.models.loglinear.terms import all_terms, design_matrix

YEARS = np.array([2010.0, 2011.0, 2013.0, 2014.5, 2020.0])
DISTANCES = np.abs(YEARS[:, None] - YEARS)
INCIDENCE = design_matrix([4, 2, 1, *all_terms(3, 2)], 3)[:, 1:]


def _matern(distances, length_scale):
    """By the formula for any smoothness: Rasmussen and Williams (2006), equation 4.14."""
    a = np.sqrt(5) * np.where(distances == 0, 1e-12, distances) / length_scale
    return 2**-1.5 / gamma(2.5) * a**2.5 * kv(2.5, a)


@pytest.mark.parametrize("length_scale", [0.3, 2.0, 9.0])
def test_density_of_a_trend_is_that_of_a_multivariate_normal(length_scale):
    """Standard normal z through the root has the density of the normal with these correlations, gaps unequal."""
    root, _ = process_root(DISTANCES, length_scale)
    assert (np.triu(root, 1) == 0).all()
    z = np.random.default_rng(1).normal(size=(4, 5))
    ours = stats.norm.logpdf(z).sum(axis=1) - np.log(np.diag(root)).sum()
    written_out = stats.multivariate_normal(cov=_matern(DISTANCES, length_scale)).logpdf(z @ root.T)
    # The nugget moves the smallest eigenvalue, 1e-4 at the longest length here.
    np.testing.assert_allclose(ours, written_out, rtol=1e-4)


def test_derivative_of_the_root_is_its_slope():
    """It equals central differences in the log of the length scale."""
    step = 1e-5
    for length_scale in (0.4, 1.5, 6.0):
        up, down = (process_root(DISTANCES, length_scale * np.exp(sign * step))[0] for sign in (1, -1))
        # Central differences lose half the digits.
        np.testing.assert_allclose(process_root(DISTANCES, length_scale)[1], (up - down) / (2 * step), atol=1e-7)


@pytest.mark.parametrize(("length_scale", "correlation"), [(0.0, 0.0), (1e-300, 0.0), (1e300, 1.0), (np.inf, 1.0)])
def test_limits_of_the_length_scale(length_scale, correlation):
    """Years without memory are unrelated, and with one that never ends the same; the root stays finite."""
    root, slope = process_root(DISTANCES, length_scale)
    np.testing.assert_allclose(root @ root.T, np.where(np.eye(5), 1, correlation), atol=2 * NUGGET)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_roots_of_many_lengths_are_those_of_each():
    """The shape of the length scales leads."""
    lengths = np.array([[0.5, 1.0, 2.0], [3.0, 4.0, 5.0]])
    roots = process_roots(DISTANCES, lengths)
    assert roots.shape == (2, 3, 5, 5)
    np.testing.assert_array_equal(roots[1, 0], process_root(DISTANCES, 3.0)[0])


def test_two_years_are_one_pair_and_one_year_is_no_part():
    """Two years have the correlation of their gap; a single one leaves nothing to be correlated."""
    two = strata_effects(("2018", "2021"), ("year",), "year", "gaussian_process")
    assert (two.parts, two.distances.tolist()) == (("year",), [[0, 3], [3, 0]])
    root, _ = process_root(two.distances, 2.0)
    assert (root @ root.T)[0, 1] == pytest.approx(_matern(np.array([[3.0]]), 2.0)[0, 0])
    one = strata_effects(("2018, north", "2018, south"), ("year", "region"), "year", "gaussian_process")
    assert (one.parts, one.is_process, one.distances.shape) == (("region",), False, (0, 0))


def test_years_enter_by_their_values_and_not_by_their_order():
    """Strata in any order, with years in text of any length, have the distances of the numbers."""
    effects = strata_effects(("a, 10", "b, 9", "a, 9", "b, 10"), ("region", "year"), "year", "gaussian_process")
    assert (effects.parts, effects.process) == (("region", "year", "stratum"), slice(2, 4))
    assert effects.basis[:, effects.process].tolist() == [[0, 1], [1, 0], [1, 0], [0, 1]]
    same = strata_effects(("2018, n", "2018.0, s"), ("year", "region"), "year", "gaussian_process")
    assert same.parts == ("region",)


def test_a_process_without_memory_is_years_that_are_equally_alike():
    """As the length scale falls to nought, the density is that of years as a plain covariate."""
    strata = tuple(f"{year}, {region}" for year in (2018, 2019, 2023) for region in ("n", "s"))
    counts = np.random.default_rng(3).poisson(9, size=(6, 7)).astype(float)
    process = strata_effects(strata, ("year", "region"), "year", "gaussian_process")
    plain = strata_effects(strata, ("year", "region"), None)
    prior = PooledPrior(0.0, 1.5, log_length_mean=-40.0, log_length_sd=0.1)
    targets = [PooledTarget.of(counts, INCIDENCE, 3, effects, prior) for effects in (process, plain)]
    positions = np.random.default_rng(4).normal(size=(3, targets[1].n_coordinates))
    own = [target.root @ position for target, position in zip([targets[1]] * 3, positions, strict=True)]
    moved = [np.linalg.solve(targets[0].root, np.append(x + targets[1].centre, 0) - targets[0].centre) for x in own]
    differences = [
        log_density(targets[0], there)[0] - log_density(targets[1], here)[0]
        for there, here in zip(moved, positions, strict=True)
    ]
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)
    values = parameters(targets[0], np.array(moved))
    np.testing.assert_allclose(values.log_hidden, parameters(targets[1], positions).log_hidden, atol=1e-6)
    assert values.length_scale.shape == (3, 1)


@pytest.mark.parametrize(
    ("years", "trend", "message"),
    [
        ("year", "spline", "trend='spline' is not offered"),
        (None, "gaussian_process", "needs years; name the covariate"),
        ("region", "gaussian_process", "years must be numbers"),
    ],
)
def test_trends_that_cannot_be_are_refused(years, trend, message):
    """An unknown trend, one without years, and values that are no years."""
    with pytest.raises(BadInput, match=message):
        strata_effects(("2018, north", "2019, south"), ("year", "region"), years, trend)


def test_years_must_be_finite():
    """A year that is no number, or has no end, has no distance from others."""
    for value in ("nan", "inf"):
        with pytest.raises(BadInput, match="years must be finite numbers"):
            strata_effects(("2018", value), ("year",), "year")
