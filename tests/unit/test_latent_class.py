"""The latent-class model: its formulas the long way, its laws, its chains and its refusals."""

import re
from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy import stats

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap, NotConverged, Refused
from mse.histories import CaptureHistories
from mse.models.bayes.latent_mixture import _partial_counts, _torn, _with_totals, latent_class
from mse.models.bayes.latent_moves import history_masses, log_density_of_shares
from mse.models.bayes.modes import modes_of
from mse.propagation import each_stratum

SHORT = {"max_steps": 10_000, "n_draws": 250}
SHORTEST = {"max_steps": 2500, "n_draws": 100, "n_chains": 2, "allow_unconverged": True}


@pytest.fixture(scope="module")
def posterior():
    return latent_class(load_dataset("Korea"), seed=3, **SHORT)


def test_masses_are_those_of_the_mixture_written_out():
    """Probability of each history, and of being seen, class by class."""
    random = np.random.default_rng(1)
    shares, captured = random.dirichlet(np.ones(4)), random.uniform(size=(4, 3))
    histories = np.array(list(product((0, 1), repeat=3))[1:], dtype=np.bool_)
    masses, sums = np.empty((7, 4)), np.empty(7)
    seen = history_masses(histories, np.log(shares), captured / (1 - captured), masses, sums)
    for row, history in enumerate(histories):
        each = np.where(history, captured, 1 - captured).prod(axis=1)
        np.testing.assert_allclose(masses[row], shares * each)
    np.testing.assert_allclose(sums, masses.sum(axis=1))
    assert seen == pytest.approx(sums.sum())


def test_a_tiny_share_seen_keeps_its_digits():
    """One person in a billion billion is seen, and 1 - p_0 would be 0."""
    masses, sums = np.empty((1, 2)), np.empty(1)
    odds = np.full((2, 3), 1e-18)
    seen = history_masses(np.array([[True, False, False]]), np.log([0.5, 0.5]), odds, masses, sums)
    assert seen == pytest.approx(3e-18, rel=1e-12)


def test_density_of_shares_is_the_stick_breaking_prior():
    """Differences are those of the beta sticks and the gamma concentration, integrated by quadrature."""
    from scipy.integrate import quad

    prior = (0.25, 0.25)

    def written_out(shares):
        left = np.concatenate([[1.0], 1 - np.cumsum(shares[:-2])])
        sticks = shares[:-1] / left

        def at(alpha):
            log_sticks = stats.beta(1, alpha).logpdf(sticks).sum() - np.log(left).sum()
            return np.exp(log_sticks + stats.gamma(prior[0], scale=1 / prior[1]).logpdf(alpha))

        return np.log(quad(at, 0, 1)[0] + quad(at, 1, np.inf)[0])

    a, b = np.random.default_rng(2).dirichlet(np.ones(4), 2)
    ours = log_density_of_shares(np.log(a), prior) - log_density_of_shares(np.log(b), prior)
    assert ours == pytest.approx(written_out(a) - written_out(b), rel=1e-6)


def test_levels_hold_ever_fewer_persons():
    """The first holds all, none more than the one before, and persons of rare histories do not all leave at once."""
    counts = np.array([995, 54, 1, 1, 1, 1, 1, 1])
    parts = _partial_counts(counts, np.geomspace(1, 0.02, 8))
    assert (parts[0] == counts).all()
    assert (np.diff(parts, axis=0) <= 0).all()
    assert len({tuple(row[2:]) for row in parts.tolist()}) > 4


def test_the_number_of_persons_has_no_cap():
    """Where hardly anybody is seen, N is as large as it has to be: no end at twenty times the number seen."""
    odds = np.full((2, 1, 1, 3), 1e-15)
    run = _with_totals(np.zeros((2, 1, 1)), odds, np.ones((2, 1)), 100, np.random.default_rng(1))
    assert run.totals == pytest.approx(100 / 3e-15, rel=0.6)


def test_draws_repeat_from_the_seed():
    """The same seed gives the same draws, another seed others."""
    first, again, other = (latent_class(load_dataset("Korea"), seed=seed, **SHORTEST) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.draws, again.draws)
    assert (first.draws != other.draws).any()


def test_order_and_names_of_the_lists_say_nothing(posterior):
    """Renamed and reordered lists give the same answer, to four Monte Carlo standard errors."""
    korea = load_dataset("Korea")
    other = latent_class(korea.reorder_lists(korea.lists[::-1]).rename_lists({korea.lists[0]: "new"}), seed=5, **SHORT)
    ours, theirs = (np.log(p.draws[:, 0] - 122) for p in (posterior, other))
    sizes = [p.diagnostics["ess_bulk"] for p in (posterior, other)]
    error = np.sqrt(ours.var() / sizes[0] + theirs.var() / sizes[1])
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_the_tree_holds_what_arviz_asks_for(posterior):
    """Groups, dimensions, and draws that are those of the answer."""
    tree = posterior.idata
    groups = {"posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior", "observed_data"}
    assert set(tree.children) == groups
    np.testing.assert_array_equal(tree.posterior["N"].to_numpy().reshape(-1), posterior.draws[:, 0])
    np.testing.assert_allclose(tree.posterior["share"].sum("class"), 1)
    predicted = tree.posterior_predictive["count"].sum("history")
    assert (predicted == posterior.n_observed).all()


@pytest.mark.slow
def test_chains_on_two_modes_are_refused_and_the_modes_named():
    """The table of the Netherlands: near 50,000 and near 140,000, as two seeds of other software say."""
    with pytest.raises(NotConverged, match=r"sit on 2 modes, near (4|5)\d,\d{3} and near 1\d\d,\d{3}") as caught:
        latent_class(load_dataset("Ned"), seed=1, max_steps=10_000)
    assert len(caught.value.reasons) > 1


def test_unconverged_draws_are_marked_for_ever():
    """In diagnostics, provenance and notes."""
    table = load_dataset("Artificial_3")
    marked = latent_class(table, seed=1, **SHORTEST)
    assert marked.diagnostics["converged"] == 0
    assert marked.provenance["options"]["converged"] is False
    assert any(note.startswith("NOT CONVERGED") for note in marked.notes)
    with pytest.raises(NotConverged, match="effective sample size of N"):
        latent_class(table, seed=1, **(SHORTEST | {"allow_unconverged": False}))


def test_two_modes_are_told_from_one():
    """A wide single peak is one mode, two heaps far apart are two, and a heap of one in a hundred is none."""
    random = np.random.default_rng(1)
    one = random.normal(1, 0.4, 4000)
    assert len(modes_of(one, 100)) == 1
    two = np.concatenate([one, random.normal(4, 0.2, 1000)])
    assert [round(share, 1) for _, share in modes_of(two, 100)] == [0.8, 0.2]
    assert len(modes_of(np.concatenate([one, random.normal(4, 0.2, 30)]), 100)) == 1
    torn = _torn(modes_of(two, 100), two.reshape(4, -1), 100)
    assert re.search(r"sit on 2 modes, near 3\d\d and near 5,\d{3}, .* no single number stands for them", torn)


def test_what_cannot_be_used_is_refused():
    """Two lists, no overlap, impossible and censored cells, strata, and options out of range."""
    korea = load_dataset("Korea")
    counts = {"110": 0, "100": 30, "010": 20, "001": 20, "011": 5, "101": 4}
    cells = {tuple(map(int, text)): count for text, count in counts.items()}
    with pytest.raises(BadInput, match="two lists"):
        latent_class(CaptureHistories.from_counts(("a", "b"), {(1, 0): 5, (0, 1): 5, (1, 1): 2}), seed=1)
    with pytest.raises(NoOverlap):
        latent_class(CaptureHistories.from_counts(tuple("abc"), {(1, 0, 0): 5, (0, 1, 0): 5, (0, 0, 1): 2}), seed=1)
    with pytest.raises(BadInput, match="cannot occur"):
        latent_class(CaptureHistories.from_counts(tuple("abc"), cells, structural_zeros=["110"]), seed=1)
    with pytest.raises(Refused, match="upper bound"):
        latent_class(CaptureHistories.from_counts(tuple("abc"), cells, censored_cells=["100"]), seed=1)
    for option in ({"n_classes": 1}, {"n_draws": 10}, {"n_chains": 1}, {"max_steps": 10}, {"prior_alpha": (0, 1)}):
        with pytest.raises(BadInput):
            latent_class(korea, seed=1, **option)


def test_strata_have_classes_of_their_own_and_are_added_up():
    """Draws by stratum, whose sum is the total's; a table with strata is sent there by name."""
    counts = np.array([[30, 41], [25, 37], [9, 12], [28, 50], [8, 15], [10, 11], [5, 7]])
    table = CaptureHistories(tuple("abc"), counts, strata=("women", "men"), covariates=("sex",))
    with pytest.raises(BadInput, match="each_stratum"):
        latent_class(table, seed=1)
    fit = partial(latent_class, n_draws=100, max_steps=2500, allow_unconverged=True)
    estimate = each_stratum(fit)(table, seed=1)
    assert estimate.draws.shape == (400, 2)
    assert list(estimate.per_stratum) == ["women", "men"]
    assert estimate.n_hat == pytest.approx(np.median(estimate.draws.sum(axis=1)))
    assert estimate.n_observed == counts.sum()
