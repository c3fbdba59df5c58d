"""Stepwise choice: the p-value, the order of steps, what is turned down, and the same choice on resamples."""

import numpy as np
import pytest
from scipy.stats import poisson

import mse
from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import choose_in_resamples, resample_counts
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.stepwise import Stepwise, _log_smaller_tail, stepwise_bitset, stepwise_path
from mse.models.loglinear.terms import all_terms, bitsets_of

UK5 = mse.load_dataset("UKdat_5")


def test_the_first_p_value_is_the_smaller_poisson_tail_of_the_overlap() -> None:
    """LA:NG joins first: its persons against their mean under independence, by hand."""
    first = stepwise_path(UK5).steps.iloc[1]
    expected = fit_loglinear(UK5, "independence").glm.fittedvalues
    cells = np.arange(1, 32) & 0b11000 == 0b11000
    mean, overlap = float(expected[cells].sum()), UK5.overlap("LA", "NG")
    assert first["term"] == "LA:NG"
    assert first["n_overlap"] == overlap
    assert first["expected"] == pytest.approx(mean, rel=1e-8)
    assert first["p"] == pytest.approx(min(poisson.cdf(overlap, mean), poisson.sf(overlap - 1, mean)), rel=1e-6)


def test_the_smaller_tail_is_found_on_either_side_and_in_the_middle() -> None:
    """Counts below, at and above the mean, a mean of zero, and a tail that would underflow."""
    for count, mean in ((0, 3.0), (2, 9.5), (4, 4.0), (1, 0.7), (5, 4.9), (30, 8.0), (1000, 1200.0)):
        tails = poisson.logcdf(count, mean), poisson.logsf(count - 1, mean)
        assert _log_smaller_tail(float(count), mean) == pytest.approx(min(tails), rel=1e-9, abs=1e-12)
    assert _log_smaller_tail(0.0, 0.0) == 0.0
    assert _log_smaller_tail(10_000.0, 1_000.0) == pytest.approx(float(poisson.logpmf(10_000, 1_000)), rel=1e-3)


def test_the_deviance_falls_at_every_step_and_the_last_model_is_the_one_returned() -> None:
    """Six steps on the UK table of five lists."""
    path = stepwise_path(UK5)
    assert path.steps["term"].tolist() == ["", "LA:NG", "NG:GP", "PFNCA:GP", "LA:PFNCA", "GO:GP", "NG:GO"]
    assert path.steps["deviance"].is_monotonic_decreasing
    assert (path.steps["p"].iloc[1:] < 0.02).all()
    assert fit_loglinear(UK5, path.model).n_hat == path.steps["n_hat"].iloc[-1]


def test_a_threshold_of_zero_leaves_main_effects() -> None:
    """Nothing is below it."""
    assert str(stepwise_path(UK5, p=0).model) == "[LA][NG][PFNCA][GO][GP]"


def test_a_pair_whose_model_has_no_answer_is_turned_down() -> None:
    """At a threshold of 1 all pairs join, but for those that leave Korea without an MLE."""
    path = stepwise_path(mse.load_dataset("Korea"), p=1)
    assert path.model.positions == "[12,23]"


def test_lists_without_an_overlap_stay_at_main_effects_without_an_answer() -> None:
    """Nothing joins a model that has no answer itself, and a resample like it is refused."""
    h = CaptureHistories(("A", "B", "C"), np.array([5, 6, 0, 7, 0, 0, 0]))
    counts, possible = full_table(h)
    terms = np.array(all_terms(3, 2))
    assert stepwise_bitset(counts, possible, terms.tolist(), 3) == 0
    assert Stepwise(terms, possible, 3).best(counts) == []


def test_the_bitset_is_over_the_terms_given() -> None:
    """Terms of more than two lists are passed over, and two-list terms that are not offered do not join."""
    counts, possible = full_table(UK5)
    path = stepwise_path(UK5)
    terms = all_terms(5)
    assert stepwise_bitset(counts, possible, terms, 5) == bitsets_of([str(path.model)], UK5.lists, terms)[0]
    assert stepwise_bitset(counts, possible, (0b11000,), 5) == 1


def test_resamples_choose_their_own_models() -> None:
    """The chooser gives the estimate on the table itself, and many models on 100 resamples."""
    counts, possible = full_table(UK5)
    chooser = Stepwise(np.array(all_terms(5, 2)), possible, 5)
    itself = chooser.best(counts)[0]
    assert (itself.n_hat, itself.criterion) == pytest.approx((11312.99029, 16.3513834), rel=1e-8)
    resampled = choose_in_resamples(chooser, resample_counts(counts, 100, seed=1))
    assert len(set(resampled.models)) > 5
    assert 0.5 < np.median(resampled.totals) / itself.n_hat < 2


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_threshold_that_is_no_probability_is_refused(p: float) -> None:
    """The message names it."""
    with pytest.raises(BadInput, match=r"p=.* is not between 0 and 1; 0\.02 is the published threshold"):
        stepwise_path(UK5, p=p)
