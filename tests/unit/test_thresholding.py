"""Bayesian thresholding: exact draws, the choice of interactions, and how near it was."""

import numpy as np
import pytest

from mse.datasets import load_dataset
from mse.errors import BadInput, NoFiniteMLE, NoOverlap, NotConverged
from mse.histories import CaptureHistories
from mse.models.bayes.judged_terms import Judged, closeness
from mse.models.bayes.poisson_posterior import PoissonPosterior, draws_of
from mse.models.bayes.thresholding import bayes_threshold


@pytest.fixture(scope="module")
def kosovo():
    return bayes_threshold(load_dataset("Kosovo"), seed=1)


def test_draws_have_the_moments_of_the_posterior_on_a_grid():
    """Two coefficients, one flat and one with a normal prior, against sums over a fine grid."""
    design, counts = np.array([[1.0, 0], [1, 1], [1, 1]]), np.array([4.0, 0, 1])
    posterior = PoissonPosterior(design, counts, np.array([0.0, 1.0]))
    a, b = np.meshgrid(np.linspace(-4, 5, 700), np.linspace(-7, 6, 700), indexing="ij")
    grid = np.stack([a, b], axis=-1)
    weights = np.exp(posterior.log_density(grid))
    weights /= weights.sum()
    draws = draws_of(posterior, 4000, 4, 1, seed=(1, 0))[0].reshape(-1, 2)
    for j in range(2):
        mean = (weights * grid[..., j]).sum()
        sd = np.sqrt((weights * (grid[..., j] - mean) ** 2).sum())
        assert draws[:, j].mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(4000))
        assert draws[:, j].std() == pytest.approx(sd, rel=0.06)


def test_kosovo_keeps_the_published_interactions(kosovo):
    """All but ABA:HRW, with a total near 14,000 [12,200-16,400]."""
    kept = set(kosovo.terms.term[kosovo.terms.kept])
    assert kept == {"EXH:ABA", "EXH:OSCE", "EXH:HRW", "ABA:OSCE", "OSCE:HRW"}
    assert kosovo.n_hat == pytest.approx(14_000, rel=0.01)
    assert kosovo.diagnostics["flip_probability"] < 1e-6


def test_three_lists_are_judged_when_all_their_pairs_were_kept():
    """Kosovo: two of the four interactions of three lists are candidates, and both are kept."""
    posterior = bayes_threshold(load_dataset("Kosovo"), max_order=3, seed=1)
    triples = posterior.terms[posterior.terms.order == 3]
    assert triples.term.tolist() == ["EXH:ABA:OSCE", "EXH:OSCE:HRW"]
    assert triples.kept.all()
    assert posterior.n_hat == pytest.approx(11_800, rel=0.02)
    dropped = bayes_threshold(load_dataset("Kosovo"), max_order=3, threshold=3.0, seed=1).terms
    assert dropped.set_index("term").kept["EXH:ABA:OSCE"]
    assert not dropped.set_index("term").kept["EXH:OSCE:HRW"]


def test_an_interaction_near_the_threshold_is_told_of():
    """LA:PFNCA on the five-list table under flat priors: kept or not by luck, and the total moves with it."""
    uk = load_dataset("UKdat_5")
    posterior = bayes_threshold(uk, prior="improper", seed=1)
    assert any("LA:PFNCA has z" in note and "another seed may decide otherwise" in note for note in posterior.notes)
    assert posterior.diagnostics["flip_probability"] > 0.01
    assert any("LA:GP: -inf" in note for note in posterior.notes)
    published = bayes_threshold(uk, prior="improper", keep="[LA,NG][LA,PFNCA][NG,GP][PFNCA,GP][GO,GP]", seed=1)
    assert published.n_hat == pytest.approx(12_163, rel=0.01)


def test_the_set_that_seeds_do_not_agree_on_is_told_of(kosovo):
    """Below 95 % the answer says so, and other seeds show it; above, all seeds keep one set and nothing is said."""
    # LA:PFNCA has z = 1.97.
    uk = bayes_threshold(load_dataset("UKdat_5"), prior="improper", threshold=1.97, seed=1, n_draws=400)
    alike = uk.diagnostics["same_set_probability"]
    assert alike <= 1 - uk.diagnostics["flip_probability"] < 0.95
    assert any(f"with a probability of {100 * alike:.0f} %, below 95 %" in note for note in uk.notes)
    assert "another seed keeps the same interactions" in uk.interval(0.8).note
    assert kosovo.interval().note == ""
    seeds = uk.kept_by_seed(4)
    assert seeds.share.sum() == pytest.approx(1)
    assert len(seeds) > 1
    assert seeds.n_hat.max() > 1.03 * seeds.n_hat.min()
    assert seeds.model[seeds.is_this].tolist() in ([], [uk.model.removeprefix("Bayesian threshold ")])
    assert kosovo.diagnostics["same_set_probability"] > 0.999
    assert not any("below 95 %" in note for note in kosovo.notes)
    one = kosovo.kept_by_seed(1)
    assert (one.share.tolist(), one.is_this.tolist()) == ([1.0], [True])


def test_no_seed_changes_a_model_that_was_given():
    """There is nothing to try other seeds for, and a number of seeds below one is refused."""
    korea = load_dataset("Korea")
    with pytest.raises(BadInput, match="given with keep="):
        bayes_threshold(korea, keep="[b,c]", seed=1, n_draws=400).kept_by_seed()
    with pytest.raises(BadInput, match="n_seeds=0"):
        bayes_threshold(korea, seed=1, n_draws=400).kept_by_seed(0)


def test_the_chance_of_another_decision_is_that_of_two_draws_with_an_error():
    """Truth drawn around what was seen, and z of another seed around that: by simulation."""
    row, random = Judged(3, 2.03, 1.0, 0.02, kept=True), np.random.default_rng(4)
    truth = random.normal(row.z, row.z_error, 200_000)
    other = random.normal(truth, row.z_error)
    assert row.flip_probability(2.0) == pytest.approx((other < 2).mean(), abs=0.004)
    near, far = Judged(5, 1.9, 1.0, 0.05, kept=False), Judged(6, -9.0, 1.0, 0.1, kept=True)
    told = closeness([far, row, near], 2.0)
    assert told["nearest_z"] == row.z
    assert told["same_set_probability"] == pytest.approx(
        (1 - told["flip_probability"]) * (1 - near.flip_probability(2))
    )
    assert closeness([], 2.0) == closeness([row], 0.0) == {}


def test_an_empty_overlap_is_data_under_normal_priors():
    """Its interaction has a posterior and a row; under flat priors it is -inf and always kept."""
    uk = load_dataset("UKdat_5")
    proper = bayes_threshold(uk, seed=1).terms.set_index("term")
    flat = bayes_threshold(uk, prior="improper", threshold=1e3, seed=1).terms.set_index("term")
    assert np.isfinite(proper.z["LA:GP"])
    assert flat.kept[flat.kept].index.tolist() == ["LA:GP"]
    assert np.isneginf(flat["mean"]["LA:GP"])


def test_flat_priors_without_a_posterior_are_refused():
    """Korea: the model with all pairs has no finite maximum, and so no posterior; normal priors give one."""
    korea = load_dataset("Korea")
    with pytest.raises(NoFiniteMLE):
        bayes_threshold(korea, prior="improper", seed=1)
    assert bayes_threshold(korea, seed=1).n_hat == pytest.approx(153, rel=0.02)


def test_order_and_names_of_the_lists_say_nothing(kosovo):
    """The same interactions and, to four Monte Carlo standard errors, the same total."""
    names = load_dataset("Kosovo")
    other = bayes_threshold(names.reorder_lists(names.lists[::-1]).rename_lists({"HRW": "new"}), seed=2)
    kept = {frozenset(t.replace("new", "HRW").split(":")) for t in other.terms.term[other.terms.kept]}
    assert kept == {frozenset(t.split(":")) for t in kosovo.terms.term[kosovo.terms.kept]}
    ours, theirs = (np.log(p.draws[:, 0]) for p in (kosovo, other))
    error = np.sqrt(sum(x.var() / p.diagnostics["ess_bulk"] for x, p in ((ours, kosovo), (theirs, other))))
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_draws_repeat_from_the_seed(kosovo):
    """The same seed gives the same draws, another seed others."""
    np.testing.assert_array_equal(kosovo.draws, bayes_threshold(load_dataset("Kosovo"), seed=1).draws)
    assert (kosovo.draws != bayes_threshold(load_dataset("Kosovo"), seed=2).draws).any()


def test_the_tree_holds_what_arviz_asks_for(kosovo):
    """Groups, and draws that are those of the answer."""
    groups = {"posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior", "observed_data"}
    assert set(kosovo.idata.children) == groups
    np.testing.assert_array_equal(kosovo.idata.posterior["N"].to_numpy().reshape(-1), kosovo.draws[:, 0])


def test_too_few_draws_are_refused_or_marked():
    """Below 400 effective draws there is no answer, unless it is marked."""
    korea = load_dataset("Korea")
    with pytest.raises(NotConverged, match="effective"):
        bayes_threshold(korea, seed=1, n_draws=200, n_chains=2)
    marked = bayes_threshold(korea, seed=1, n_draws=200, n_chains=2, allow_unconverged=True)
    assert marked.diagnostics["converged"] == 0
    assert any(note.startswith("NOT CONVERGED") for note in marked.notes)


def test_what_cannot_be_used_is_refused():
    """Two lists, no overlap, and options that are not offered."""
    korea = load_dataset("Korea")
    with pytest.raises(BadInput, match="two lists"):
        bayes_threshold(CaptureHistories.from_counts(("a", "b"), {(1, 0): 5, (0, 1): 5, (1, 1): 2}), seed=1)
    with pytest.raises(NoOverlap):
        bayes_threshold(CaptureHistories.from_counts(tuple("abc"), {(1, 0, 0): 5, (0, 1, 0): 5, (0, 0, 1): 2}), seed=1)
    for option in ({"prior": "flat"}, {"max_order": 3}, {"threshold": -1.0}, {"n_draws": 10}, {"prior_variance": 0.0}):
        with pytest.raises(BadInput):
            bayes_threshold(korea, seed=1, **option)
