"""Every Bayesian model answers with a whole ArviZ tree; from calls as short as they may be, not meant to converge."""

import numpy as np
import pytest

import mse
from mse.models.bayes import partial_pooling

SHORT = {"seed": 1, "n_chains": 2, "allow_unconverged": True}
CALLS = {
    "bayes_loglinear": lambda: mse.bayes_loglinear(mse.load_dataset("Korea"), prior="normal", n_draws=4, **SHORT),
    "bayes_threshold": lambda: mse.bayes_threshold(mse.load_dataset("Kosovo"), n_draws=200, **SHORT),
    "decomposable": lambda: mse.decomposable(mse.load_dataset("Korea")),
    "latent_class": lambda: mse.latent_class(mse.load_dataset("Korea"), n_draws=100, max_steps=2500, **SHORT),
    "bayes_averaging": lambda: mse.bayes_averaging(mse.load_dataset("Korea"), n_draws=100, max_steps=2500, **SHORT),
    "heterogeneity": lambda: mse.heterogeneity(mse.load_dataset("hare"), n_draws=200, **SHORT),
    "multilevel": lambda: mse.multilevel(mse.load_dataset("spina", covariates=["eth"]), n_draws=4, **SHORT),
}
GROUPS = {"posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior", "observed_data"}


@pytest.fixture(params=CALLS, scope="module")
def posterior(request):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partial_pooling, "N_TUNE", 10)
        return CALLS[request.param]()


def test_every_group_is_there_and_finite(posterior):
    """Of the six groups, and the draws of the answer are those of the tree."""
    tree = posterior.idata
    assert set(tree.children) >= GROUPS
    for group in tree.children.values():
        for name, values in group.data_vars.items():
            assert values.size, name
            assert np.isfinite(values.to_numpy()).all(), name
    total = tree.posterior["total" if "total" in tree.posterior else "N"].to_numpy()
    np.testing.assert_array_equal(total.ravel(), posterior.draws.sum(axis=1))


def test_the_counts_are_predicted_and_weighed_cell_by_cell_for_each_draw(posterior):
    """Replicated counts are whole numbers, log likelihoods those of probabilities, both shaped like the counts."""
    tree = posterior.idata
    observed, chains = tree.observed_data["count"], tree.posterior.sizes
    for group in ("posterior_predictive", "log_likelihood"):
        count = tree[group]["count"]
        assert count.dims == ("chain", "draw", *observed.dims)
        assert dict(count.sizes) == {"chain": chains["chain"], "draw": chains["draw"], **observed.sizes}
    assert (tree.posterior_predictive["count"] >= 0).all()
    assert tree.posterior_predictive["count"].dtype == observed.dtype == np.int64
    assert (tree.log_likelihood["count"] <= 0).all()
    assert tree.sample_stats["lp"].sizes == {name: chains[name] for name in ("chain", "draw")}


def test_prior_and_posterior_can_be_laid_side_by_side(posterior):
    """At least one quantity is drawn before and after the counts, with the same dimensions."""
    before, after = posterior.idata.prior, posterior.idata.posterior
    both = set(before.data_vars) & set(after.data_vars)
    assert both
    for name in both:
        assert before[name].dims == after[name].dims


def test_a_flat_prior_leaves_no_prior_group():
    """Nothing can be drawn from it."""
    tree = mse.bayes_threshold(mse.load_dataset("Kosovo"), prior="improper", n_draws=200, **SHORT).idata
    assert GROUPS - set(tree.children) == {"prior"}
