"""Laws of stepwise and downhill choice, of averaging, and of the proof that an MLE exists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import histories, models

from mse.errors import MseError, Refused
from mse.estimability import mle_exists, total_is_identified
from mse.histories import CaptureHistories
from mse.models.loglinear.averaging import average_loglinear
from mse.models.loglinear.certificate import existence_is_proved
from mse.models.loglinear.downhill import downhill_ranking
from mse.models.loglinear.extended import full_table, support_of
from mse.models.loglinear.poisson import CONVERGED, fit_cells
from mse.models.loglinear.search import select_loglinear
from mse.models.loglinear.stepwise import stepwise_path


@given(st.data())
@settings(max_examples=200)
def test_what_is_proved_is_true(data: st.DataObject) -> None:
    """Whenever the smallest eigenvalue proves an MLE, the linear programme and the ranks agree."""
    h = data.draw(histories(lists=(2, 4)))
    model = data.draw(models(h.lists))
    counts, possible = full_table(h)
    support = support_of(model, counts, possible)
    fit = fit_cells(support.masks, support.active, counts)
    if fit.status == CONVERGED and existence_is_proved(support.masks, support.active, counts, fit.means):
        assert mle_exists(support.design, counts[support.active] > 0)
        assert total_is_identified(support.design)


@given(histories(lists=(3, 4)), st.sampled_from([0.0, 0.01, 0.02, 0.2, 1.0]))
@settings(max_examples=60)
def test_a_higher_threshold_only_goes_further_on_the_same_path(h: CaptureHistories, p: float) -> None:
    """The steps below a threshold are the first of those below a larger one."""
    try:
        near, far = stepwise_path(h, p=p / 2).steps, stepwise_path(h, p=p).steps
    except Refused:
        return
    assert far["term"].tolist()[: len(near)] == near["term"].tolist()
    assert (far["deviance"].diff().iloc[1:] < 1e-7).all()


@given(histories(lists=(3, 4)))
@settings(max_examples=40)
def test_downhill_is_never_better_than_the_full_search(h: CaptureHistories) -> None:
    """Its answer is one of the full ranking, with the same number, and no neighbour of it is better."""
    try:
        met, full = downhill_ranking(h, starts=["main effects", "all pairs"]), select_loglinear(h).ranking
    except Refused:
        return
    same = full[full["model"] == met["model"][0]].iloc[0]
    assert met["bic"][0] >= full["bic"][0] - 1e-6
    assert met["n_hat"][0] == pytest.approx(same["n_hat"], rel=1e-6)
    assert met["bic"][0] == pytest.approx(same["bic"], abs=1e-6)


@given(histories(lists=(3, 3)))
@settings(max_examples=60)
def test_an_average_lies_within_its_models(h: CaptureHistories) -> None:
    """Its median is between the lowest and the highest estimate, its modes share the weight in rising order."""
    try:
        average = average_loglinear(h, seed=1, n_draws=10)
    except MseError:
        return
    n_hat = average.ranking["n_hat"][average.ranking["weight"] > 0]
    assert n_hat.min() * (1 - 1e-6) <= average.n_hat <= n_hat.max() * (1 + 1e-6)
    assert sum(mode.weight for mode in average.modes) == pytest.approx(1)
    assert all(a.high < b.low for a, b in zip(average.modes[:-1], average.modes[1:], strict=True))
    assert all(mode.low <= mode.high for mode in average.modes)
    assert np.all(average.draws >= h.n_observed)


@given(histories(lists=(3, 3)), st.permutations((0, 1, 2)))
@settings(max_examples=40)
def test_the_order_of_the_lists_carries_no_information(h: CaptureHistories, order: list[int]) -> None:
    """The average and the best model met are the same when the lists change places."""
    cells = np.arange(1, 8)
    bits = [cells >> (2 - j) & 1 for j in range(3)]
    moved = sum(bits[j] << (2 - place) for place, j in enumerate(order))
    counts = np.empty(7, dtype=np.int64)
    counts[moved - 1] = h.counts
    other = CaptureHistories(tuple(h.lists[j] for j in order), counts)
    try:
        ours = average_loglinear(h, seed=1, n_draws=1), downhill_ranking(h, starts=["main effects"])
    except MseError:
        return
    theirs = average_loglinear(other, seed=1, n_draws=1), downhill_ranking(other, starts=["main effects"])
    assert ours[0].n_hat == pytest.approx(theirs[0].n_hat, rel=1e-6)
    assert ours[1]["bic"][0] == pytest.approx(theirs[1]["bic"][0], abs=1e-6)
