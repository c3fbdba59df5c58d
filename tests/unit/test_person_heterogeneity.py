"""Persons unlike: the density the long way, its draws, the observable population, and the refusals."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap, NotConverged, Refused
from mse.histories import CaptureHistories
from mse.models.bayes.observable import observable_draws
from mse.models.bayes.person_heterogeneity import heterogeneity
from mse.models.bayes.rasch_density import RaschPosterior, RaschPrior, persons_at
from mse.models.bayes.rasch_draws import rasch_draws

HISTORIES = np.array(list(product((0, 1), repeat=3)))
COUNTS = np.array([0, 25, 30, 6, 40, 9, 8, 5])
PRIOR = RaschPrior(0.3, 1.2, spread_scale=1.1, list_effect_sd=1.4)


@pytest.fixture(scope="module")
def hares():
    return heterogeneity(load_dataset("hare"), seed=3)


@pytest.fixture(scope="module")
def posterior():
    sizes = HISTORIES.sum(axis=1)
    return RaschPosterior(COUNTS @ HISTORIES.astype(float), np.bincount(sizes, weights=COUNTS), PRIOR)


def _gauss(effects, spread):
    """Probability of each history by Gauss and Hermite, history by history, and not by size; shapes (..., 3), (...)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    captured = 1 / (1 + np.exp(-(effects[..., None] + spread[..., None, None] * nodes)))
    each = [np.where(h[:, None] == 1, captured, 1 - captured).prod(axis=-2) @ weights for h in HISTORIES]
    return np.stack(each, axis=-1) / weights.sum()


def _written_out(effects, spread):
    """Log density in (effects, spread), the prior of the level written as a density of log hidden per seen."""
    chances = _gauss(effects, spread)
    seen = 1 - chances[..., 0]
    value = np.log(chances[..., 1:] / seen[..., None]) @ COUNTS[1:]
    value += stats.norm(0.3, 1.2).logpdf(np.log(chances[..., 0] / seen))
    value += stats.norm(0, 1.4).logpdf(effects - effects.mean(axis=-1, keepdims=True)).sum(axis=-1)
    value += stats.halfnorm(scale=1.1).logpdf(spread)
    step = 1e-4
    up, down = (_gauss(effects + s, spread)[..., 0] for s in (step, -step))
    slope = (np.log(down / (1 - down)) - np.log(up / (1 - up))) / (2 * step)
    return value + np.log(slope)


def test_every_history_has_the_probability_of_its_integral():
    """The sum over nodes is the integral over persons, small spread or large, to eight digits."""
    for effects, spread in (([-1.0, 0.5, -4.0], 0.2), ([-2.0, 0.0, 1.0], 4.0)):
        effects = np.array(effects)
        masses = np.exp(persons_at(effects, np.array(spread)).log_masses)

        def of(theta, history, effects=effects, spread=spread):
            captured = 1 / (1 + np.exp(-(effects + spread * theta)))
            return np.where(history == 1, captured, 1 - captured).prod() * stats.norm.pdf(theta)

        for history in HISTORIES:
            integral = quad(of, -9, 9, args=(history,), points=(-3, -1, 0, 1, 3), epsabs=1e-13)[0]
            assert np.exp(effects @ history) * masses[history.sum()] == pytest.approx(integral, rel=1e-8)


def test_density_equals_the_model_written_out(posterior):
    """Differences of the log density are those of priors and multinomial likelihood, history by history."""
    random = np.random.default_rng(5)
    positions = np.column_stack([random.normal(-1, 0.7, 8), random.normal(size=(8, 2)), random.uniform(0, 2, 8)])
    ours = posterior.log_density(positions)
    written_out = _written_out(posterior.effects(positions), positions[:, -1])
    # The slope by central differences keeps seven digits.
    np.testing.assert_allclose(np.diff(ours), np.diff(written_out), atol=1e-6)
    assert posterior.log_density(positions * [1, 1, 1, -1]).max() == -np.inf


def test_draws_have_the_moments_of_a_grid(posterior):
    """Spread and log hidden per seen, against sums of the density written out over a grid of all four coordinates."""
    draws, accepted = rasch_draws(posterior, 1500, 4, 1, seed=(1, 0))
    assert accepted > 0.5
    draws = draws.reshape(-1, 4)
    axes = [
        np.linspace(mean - 5 * sd, mean + 4.5 * sd, 18)
        for mean, sd in zip(draws.mean(axis=0)[:3], draws.std(axis=0)[:3], strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, np.linspace(0, 4.4, 23), indexing="ij"), axis=-1).reshape(-1, 4)
    effects = posterior.effects(grid)
    log_density = np.concatenate(
        [_written_out(effects[i : i + 4000], grid[i : i + 4000, -1]) for i in range(0, len(grid), 4000)]
    )
    weights = np.exp(log_density - log_density.max()) * np.where(grid[:, -1] == 0, 0.5, 1.0)
    weights /= weights.sum()
    for ours, theirs in ((draws[:, -1], grid[:, -1]), (draws[:, 0], grid[:, 0])):
        mean = weights @ theirs
        sd = np.sqrt(weights @ (theirs - mean) ** 2)
        assert ours.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(1500))
        assert ours.std() == pytest.approx(sd, rel=0.05)


def test_the_observable_population_is_the_share_of_simulated_persons():
    """Persons simulated and counted: those above the threshold among persons with every number of lists."""
    random = np.random.default_rng(7)
    effects, spread, threshold, n = np.array([-1.5, -0.5, -2.5]), 1.8, 0.3, 400_000
    captured = 1 / (1 + np.exp(-(effects + spread * random.normal(size=n)[:, None])))
    above = 1 - (1 - captured).prod(axis=1) > threshold
    by_size = np.bincount((random.uniform(size=(n, 3)) < captured).sum(axis=1))
    many = np.ones((300, 1))
    draws = observable_draws(many * effects, many[:, 0] * spread, many[:, 0] * by_size[0], by_size, threshold, random)
    error = np.sqrt(n * above.mean() * (1 - above.mean()))
    assert draws.mean() == pytest.approx(above.sum(), abs=4 * error)
    hard = observable_draws(many * effects, many[:, 0] * 1e-9, many[:, 0] * 100, by_size, 0.3, random)
    assert (hard == by_size[1:].sum() + 100).all()  # everybody alike, with a chance of 0.57


def test_the_observable_population_falls_with_the_threshold(hares):
    """From the total down to nobody; the threshold asked for is one of them."""
    at = [hares.above(threshold).n_hat for threshold in (1e-6, 0.05, 0.3, 0.7, 1 - 1e-9)]
    assert at[0] == hares.n_hat
    assert at == sorted(at, reverse=True)
    assert at[-1] == 0
    np.testing.assert_array_equal(hares.above(0.05).draws, hares.observable.draws)
    assert hares.observable.interval().high < hares.interval().high
    assert (hares.observable.draws <= hares.draws[:, 0]).all()


def test_answer_has_converged_and_carries_its_tree(hares):
    """R-hat and effective sizes within the bounds, every group, the prior in words."""
    assert hares.diagnostics["r_hat"] <= 1.01
    assert min(hares.diagnostics["ess_bulk"], hares.diagnostics["ess_tail"]) >= 400
    groups = {"posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior", "observed_data"}
    assert set(hares.idata.children) == groups
    np.testing.assert_array_equal(hares.idata.posterior["N"].to_numpy().reshape(-1), hares.draws[:, 0])
    assert (hares.idata.posterior_predictive["count"].sum("history") == 68).all()
    assert hares.draws.min() >= 68
    assert "prior on N" in hares.notes[0]
    share = np.mean((hares.idata.prior.hidden_per_seen > 0.05) & (hares.idata.prior.hidden_per_seen < 20))
    assert float(share) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 2000))


def test_log_likelihood_is_of_the_histories_given_being_seen(hares):
    """Chances of all histories sum to one in every draw, and give the likelihood that the tree holds."""
    tree = hares.idata
    mean = np.asarray(tree.posterior_predictive["count"].mean(("chain", "draw")))
    counts = np.asarray(tree.observed_data["count"])
    per_person = np.asarray(tree.log_likelihood["count"])[..., counts > 0] / counts[counts > 0]
    expected = 68 * np.exp(per_person).mean(axis=(0, 1))
    np.testing.assert_allclose(mean[counts > 0], expected, atol=4 * np.sqrt(expected.max() / 4000))


def test_draws_repeat_from_the_seed_and_order_says_nothing(hares):
    """The same seed gives the same draws; the lists in another order the same answer, to four standard errors."""
    table = load_dataset("hare")
    first, again = (heterogeneity(table, seed=9, n_draws=250, n_chains=2) for _ in range(2))
    np.testing.assert_array_equal(first.draws, again.draws)
    np.testing.assert_array_equal(first.observable.draws, again.observable.draws)
    turned = heterogeneity(table.reorder_lists(table.lists[::-1]), seed=4)
    ours, theirs = (np.log(p.draws[:, 0] - 67.5) for p in (hares, turned))
    error = np.hypot(*(p.std() / np.sqrt(e.diagnostics["ess_bulk"]) for p, e in ((ours, hares), (theirs, turned))))
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_unconverged_draws_are_refused_or_marked(monkeypatch):
    """Chains that hardly move are no posterior; asked for all the same they say so for ever."""
    from mse.models.bayes import person_heterogeneity

    def still(posterior, n_draws, n_chains, length, *, seed):
        positions, accepted = rasch_draws(posterior, n_draws, n_chains, length, seed=seed)
        return np.repeat(positions[:, :10], n_draws // 10, axis=1), accepted

    monkeypatch.setattr(person_heterogeneity, "rasch_draws", still)
    options = {"seed": 1, "n_draws": 200, "n_chains": 2}
    with pytest.raises(NotConverged, match="give a larger n_draws"):
        heterogeneity(load_dataset("Korea"), **options)
    marked = heterogeneity(load_dataset("Korea"), **options, allow_unconverged=True)
    assert marked.diagnostics["converged"] == 0
    assert marked.provenance["options"]["converged"] is False
    assert any(note.startswith("NOT CONVERGED") for note in marked.notes)


def test_what_cannot_be_used_is_refused():
    """Two lists, no overlap, impossible and censored cells, too many lists, and options out of range."""
    korea = load_dataset("Korea")
    cells = {(1, 0, 0): 30, (0, 1, 0): 20, (0, 0, 1): 20, (0, 1, 1): 5, (1, 0, 1): 4}
    with pytest.raises(BadInput, match="two lists"):
        heterogeneity(CaptureHistories.from_counts(("a", "b"), {(1, 0): 5, (0, 1): 5, (1, 1): 2}), seed=1)
    with pytest.raises(NoOverlap):
        heterogeneity(CaptureHistories.from_counts(tuple("abc"), {(1, 0, 0): 5, (0, 1, 0): 5, (0, 0, 1): 2}), seed=1)
    with pytest.raises(BadInput, match="cannot occur"):
        heterogeneity(CaptureHistories.from_counts(tuple("abc"), cells, structural_zeros=["110"]), seed=1)
    with pytest.raises(Refused, match="upper bound"):
        heterogeneity(CaptureHistories.from_counts(tuple("abc"), cells, censored_cells=["100"]), seed=1)
    with pytest.raises(BadInput, match="11 lists are too many"):
        heterogeneity(CaptureHistories.from_counts(tuple("abcdefghijk"), {(1, 1) + (0,) * 9: 5}), seed=1)
    for option in (
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"spread_scale": 0.0},
        {"prior_hidden": (2.0, 1.0)},
        {"n_draws": 199},
        {"n_chains": 1},
        {"seed": -1},
    ):
        with pytest.raises(BadInput, match=next(iter(option))):
            heterogeneity(korea, **{"seed": 1, **option})
