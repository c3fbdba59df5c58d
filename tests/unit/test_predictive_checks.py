"""Predictive checks, histories left out, lists left out, and the figure of the prior."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import logsumexp

import mse
from mse.errors import BadInput, NotIdentified, Refused
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.left_out_history import MAX_PARETO_K
from mse.robustness.list_by_list import within_list


@pytest.fixture(scope="module")
def korea():
    return mse.load_dataset("Korea")


@pytest.fixture(scope="module")
def estimate(korea):
    return mse.bayes_loglinear(korea, prior="normal", seed=3)


@pytest.fixture
def replicated():
    """An estimate whose replicates are known: 01, 10 and 11 have 0 to 9, always 5, and always 2."""
    posterior = np.stack([np.arange(10.0), np.full(10, 5.0), np.full(10, 2.0)], axis=-1)[None]
    tree = posterior_tree(
        {
            "posterior": {"N": np.full((1, 10), 20.0)},
            "posterior_predictive": {"count": posterior},
            "observed_data": {"count": np.array([2.0, 5.0, 0.0])},
        },
        coords={"history": ["01", "10", "11"]},
        dims={"count": ["history"]},
    )
    return Posterior("known", 7, np.full((10, 1), 20.0), idata=tree)


def test_ranks_of_known_replicates(replicated):
    """The share of replicates below the observed value, ties half; the prior is NaN where none was drawn."""
    told = mse.predictive_checks(replicated).set_index("statistic")
    assert told.observed.to_dict() == {
        "persons seen": 7,
        "persons on list 1": 5,
        "persons on list 2": 2,
        "persons on list 1 and list 2": 0,
        "persons on 1 list": 7,
        "persons on 2 lists": 0,
        "empty histories": 1,
    }
    assert told.posterior_rank.loc["persons on list 1 and list 2"] == 0
    assert told.posterior_rank.loc["persons on list 2"] == pytest.approx(0.05)
    assert told.posterior_rank.loc["persons on 1 list"] == pytest.approx(0.25)
    assert told.posterior_median.loc["persons on list 1"] == 7
    assert told.prior_rank.isna().all()


def test_a_model_that_fits_replicates_its_counts(estimate, korea):
    """List totals are near the middle of their replicates, within those of the prior, and list names are said."""
    told = mse.predictive_checks(estimate).set_index("statistic")
    for name, total in korea.list_totals.items():
        row = told.loc[f"persons on {name}"]
        assert row.observed == total
        assert row.posterior_low <= total <= row.posterior_high
        assert row.prior_low <= row.posterior_median <= row.prior_high
    assert told.loc["persons seen"].prior_low == korea.n_observed


@pytest.mark.parametrize(("level", "message"), [(1.0, "is not between 0 and 1"), (0.95, "keeps no replicated counts")])
def test_checks_that_cannot_be_made_are_refused(level, message):
    """A level that is none, and an estimate without a tree."""
    with pytest.raises(BadInput, match=message):
        mse.predictive_checks(Posterior("bare", 1, np.ones((1, 1))), level=level)


@pytest.fixture(scope="module")
def refitted(korea, estimate):
    return mse.leave_one_out(korea, estimate, seed=1, max_pareto_k=-np.inf)


def test_only_what_weights_cannot_carry_is_refitted(korea, estimate):
    """The history with the largest k is fitted anew without its count, which is then less probable than with it."""
    by_weights = mse.leave_one_out(korea, estimate, seed=1, max_pareto_k=np.inf)
    second = np.sort(by_weights.pareto_k)[-2]
    told = mse.leave_one_out(korea, estimate, seed=1, max_pareto_k=second)
    at = int(by_weights.pareto_k.argmax())
    assert (by_weights.how == "psis").all()
    assert np.flatnonzero(told.how == "refit").tolist() == [at]
    log_likelihood = estimate.idata.log_likelihood["count"].to_numpy()[..., at]
    assert told.elpd[at] < logsumexp(log_likelihood) - np.log(log_likelihood.size)
    assert told.low[at] <= told.predicted[at] <= told.high[at]
    assert told.drop(index=at).equals(by_weights.drop(index=at))


@pytest.mark.slow
def test_a_refit_does_not_see_the_count_it_predicts(estimate, refitted):
    """Leaving a count out makes it less probable than with it, for every history."""
    log_likelihood = estimate.idata.log_likelihood["count"].to_numpy().reshape(-1, 7)
    with_it = logsumexp(log_likelihood, axis=0) - np.log(len(log_likelihood))
    assert (refitted.how == "refit").all()
    assert (refitted.elpd.to_numpy() < with_it + 0.05).all()
    assert refitted.elpd.sum() < with_it.sum() - 1


@pytest.mark.slow
def test_weights_agree_with_refits_where_they_are_trusted():
    """Below the limit of k within a tenth in log probability; the largest k are off by more than two."""
    kosovo = mse.load_dataset("Kosovo")
    estimate = mse.bayes_loglinear(kosovo, seed=1)
    weighted, refitted = (mse.leave_one_out(kosovo, estimate, seed=1, max_pareto_k=k) for k in (np.inf, -np.inf))
    apart = (weighted.elpd - refitted.elpd).abs()
    trusted = weighted.pareto_k <= MAX_PARETO_K
    assert trusted.sum() >= 2
    assert (apart[trusted] < 0.1).all()
    assert (apart[weighted.pareto_k > 1.2] > 2).all()


def test_an_estimate_of_another_table_or_model_is_not_left_out(korea, estimate):
    """The refit needs the options of bayes_loglinear and the table they were used on."""
    other = korea.rename_lists({korea.lists[0]: "other"})
    with pytest.raises(BadInput, match="of another table"):
        mse.leave_one_out(other, estimate, seed=1)
    with pytest.raises(BadInput, match="refits bayes_loglinear alone"):
        mse.leave_one_out(korea, mse.decomposable(korea), seed=1)
    with pytest.raises(BadInput, match="seed=-1 is too small"):
        mse.leave_one_out(korea, estimate, seed=-1)


def _independent(totals):
    """Expected counts of three independent lists among 1,000 persons, rounded."""
    chances = np.array(totals)
    counts = {}
    for history in np.ndindex(2, 2, 2):
        if any(history):
            counts[history] = round(1000 * np.prod(np.where(history, chances, 1 - chances)))
    return CaptureHistories.from_counts(("a", "b", "c"), counts)


def test_lists_that_are_independent_predict_each_other():
    """Chapman's estimate of a list from the two others is its length, where the lists are independent."""
    table = _independent((0.5, 0.4, 0.3))
    told = mse.leave_one_list_out(table, lambda h, s: mse.chapman(h), seed=1).set_index("list")
    assert told.known.to_dict() == table.list_totals
    assert told.seen.loc["a"] == table.list_totals["a"] - table.counts[table.row((1, 0, 0))]
    np.testing.assert_allclose(told.n_hat, told.known, rtol=0.02)
    assert (told.inside == 1).all()
    assert np.abs(told.log_ratio).max() < 0.02
    assert told["rank"].isna().all()


def test_lists_that_depend_on_each_other_fail_the_comparison():
    """Two lists that share more than chance take the third for smaller than it is, and are penalised for missing it."""
    counts = {
        (1, 0, 0): 20,
        (0, 1, 0): 20,
        (1, 1, 0): 200,
        (0, 0, 1): 300,
        (1, 0, 1): 10,
        (0, 1, 1): 10,
        (1, 1, 1): 100,
    }
    table = CaptureHistories.from_counts(("a", "b", "c"), counts)
    told = mse.leave_one_list_out(table, lambda h, s: mse.chapman(h), seed=1).set_index("list")
    row = told.loc["c"]
    assert row.inside == 0
    assert row.n_hat < 0.4 * row.known
    width = np.log(row.high / row.low)
    assert row.score == pytest.approx(width + 40 * np.log(row.known / row.high))


def test_a_refusal_is_a_row():
    """A list of which the model can say nothing has the reason in the place of a number."""

    def refuses(histories, seed):
        raise NotIdentified.of("this model")

    told = mse.leave_one_list_out(_independent((0.5, 0.4, 0.3)), refuses, seed=1)
    assert told.n_hat.isna().all()
    assert told.refused.str.contains("do not determine").all()


def test_each_list_has_a_seed_of_its_own_and_draws_have_a_rank():
    """Equal seeds repeat; draws tell where the known number lies among them."""
    seeds = []

    def fit(histories, seed):
        seeds.append(seed)
        return Posterior("even", histories.n_observed, np.arange(1.0, 1001.0)[:, None])

    table = _independent((0.5, 0.4, 0.3))
    told = mse.leave_one_list_out(table, fit, seed=5).set_index("list")
    again = mse.leave_one_list_out(table, fit, seed=5).set_index("list")
    assert seeds[:3] == seeds[3:]
    assert len(set(seeds)) == 3
    assert told["rank"].loc["a"] == pytest.approx((told.known.loc["a"] - 0.5) / 1000)
    assert told.equals(again)


def test_structural_zeros_stay_structural_within_a_list():
    """A history that cannot occur on the list cannot occur among its persons; a list nobody is on alone is skipped."""
    counts = {(1, 0, 0, 1): 3, (1, 1, 0, 0): 4, (0, 1, 1, 0): 5, (1, 0, 1, 0): 6, (0, 0, 0, 1): 7}
    table = CaptureHistories.from_counts(tuple("abcd"), counts, structural_zeros=[(1, 1, 1, 0), (0, 1, 0, 0)])
    inner = within_list(table, "a")
    assert inner.lists == ("b", "c", "d")
    assert inner.structural_zeros == {(1, 1, 0)}
    assert inner.n_observed == 13
    told = mse.leave_one_list_out(table, lambda h, s: mse.chao_lower_bound(h), seed=1).set_index("list")
    assert told.refused.loc["b"].startswith("nobody can be on b alone")


def test_too_few_lists_a_bad_seed_and_censored_cells_are_refused():
    """Before anything is fitted."""
    pair = CaptureHistories.from_counts(("a", "b"), {(1, 0): 5, (0, 1): 6, (1, 1): 2})
    with pytest.raises(BadInput, match="leave no two beside"):
        mse.leave_one_list_out(pair, lambda h, s: mse.chapman(h), seed=1)
    with pytest.raises(BadInput, match="seed=-1"):
        mse.leave_one_list_out(_independent((0.5, 0.4, 0.3)), lambda h, s: mse.chapman(h), seed=-1)
    counts = {(1, 0, 0): 30, (0, 1, 0): 20, (0, 0, 1): 25, (1, 0, 1): 6, (0, 1, 1): 5, (1, 1, 0): 3}
    censored = CaptureHistories.from_counts(("W", "M", "X"), counts, censored_cells=["001"])
    with pytest.raises(Refused, match="upper bound"):
        mse.leave_one_list_out(censored, lambda h, s: mse.chapman(h), seed=1)


def test_figure_of_the_prior_shows_both(estimate):
    """Areas are those of prior and posterior draws, the number seen is marked, and the prior is said in words."""
    axes = mse.plot_prior(estimate)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["prior", "posterior"]
    heights = [bar.get_height() for bar in axes.containers[0]] if axes.containers else []
    assert sum(heights) == pytest.approx(1, abs=0.01)
    assert "prior on N" in axes.get_title(loc="left")
    assert any("seen" in text.get_text() for text in axes.texts)
    plt.close(axes.figure)


def test_figure_needs_prior_draws(korea):
    """An estimate under 1/N has none."""
    with pytest.raises(BadInput, match="no prior draws of N"):
        mse.plot_prior(mse.decomposable(korea))
