"""What `bayes_loglinear` and `multilevel` have in common: options, refusals, marks, and draws that repeat."""

from types import SimpleNamespace

import numpy as np
import pytest

from mse.errors import BadInput, NoOverlap, NotConverged
from mse.histories import CaptureHistories
from mse.models.bayes import partial_pooling
from mse.models.bayes.convergence import write_tree
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.bayes.partial_pooling import multilevel
from mse.models.bayes.sampled_loglinear import interaction_design

LISTS = ("police", "ngo", "health")
HISTORIES = ("001", "010", "011", "100", "101", "110", "111")
FEW = {"n_draws": 8, "n_chains": 2, "allow_unconverged": True}


@pytest.fixture(params=["bayes_loglinear", "multilevel"])
def model(request, monkeypatch):
    """The call, and its kind of table of some counts; hardly tuned where that is slow, since no draw matters here."""
    monkeypatch.setattr(partial_pooling, "N_TUNE", 10)
    fit = {"bayes_loglinear": bayes_loglinear, "multilevel": multilevel}[request.param]

    def table(counts, lists=LISTS, **declared):
        if request.param == "bayes_loglinear":
            return CaptureHistories(lists, np.array(counts), **declared)
        halves = np.array([[n - n // 2, n // 2] for n in counts])
        return CaptureHistories(lists, halves, strata=("north", "south"), covariates=("region",), **declared)

    return SimpleNamespace(fit=fit, table=table)


@pytest.fixture
def counts():
    return [60, 50, 12, 70, 14, 16, 4]


def test_same_seed_gives_the_same_bytes(tmp_path, model, counts):
    """Two runs with one seed write the same file; another seed gives other draws."""
    first, again, other = (model.fit(model.table(counts), seed=s, **FEW) for s in (4, 4, 5))
    write_tree(first.idata, tmp_path / "first.nc")
    write_tree(again.idata, tmp_path / "again.nc")
    assert (tmp_path / "first.nc").read_bytes() == (tmp_path / "again.nc").read_bytes()
    assert not (first.draws == other.draws).all()


def test_unconverged_draws_are_refused_or_marked(model, counts):
    """Too few draws are refused with the figures; asked for in spite of that they say so everywhere."""
    options = {"seed": 1, "n_draws": 4, "n_chains": 2}
    with pytest.raises(NotConverged, match=r"effective sample size of N \d+ \(at least 400\); give a larger n_draws"):
        model.fit(model.table(counts), **options)
    told = model.fit(model.table(counts), allow_unconverged=True, **options)
    assert any(note.startswith("NOT CONVERGED") for note in told.notes)
    assert told.diagnostics["converged"] == 0
    assert told.provenance["options"]["converged"] is False


def test_structural_zeros_leave_the_likelihood(model, counts):
    """Two lists that cannot share anybody have no interaction, and their histories no likelihood."""
    zeros = frozenset({(1, 1, 0), (1, 1, 1)})
    told = model.fit(model.table([*counts[:5], 0, 0], structural_zeros=zeros), seed=1, **FEW)
    assert told.idata.posterior.term.to_numpy().tolist() == ["police:health", "ngo:health"]
    assert told.idata.log_likelihood.history.to_numpy().tolist() == ["001", "010", "011", "100", "101"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_order": 3}, "max_order=3 is not offered"),
        ({"sampler": "gibbs"}, "sampler='gibbs' is not offered"),
        ({"n_draws": 1}, "n_draws=1 is too small"),
        ({"n_chains": 1}, "n_chains=1 is too small"),
        ({"seed": -1}, "seed=-1 is too small"),
        ({"prior_hidden": (2.0, 1.0)}, "is not a range"),
        ({"interaction_scale": 0.0}, "interaction_scale=0.0 is not a scale"),
    ],
)
def test_options_that_are_not_offered_are_named(model, counts, options, message):
    """An option outside its range is refused before anything is sampled."""
    with pytest.raises(BadInput, match=message):
        model.fit(model.table(counts), **{"seed": 1, **options})


def test_lists_that_say_nothing_of_each_other_are_refused(model, counts):
    """Two lists cannot show how they depend on each other, and lists that share nobody give no answer."""
    with pytest.raises(BadInput, match="give three or more"):
        model.fit(model.table([30, 20, 10], lists=LISTS[:2]), seed=1)
    with pytest.raises(NoOverlap, match="no person is on two of the lists"):
        model.fit(model.table([60, 50, 0, 70, 0, 0, 0]), seed=1)


def test_design_has_lists_first_and_then_the_interactions_that_can_occur(counts):
    """A row for each possible history, a column for each list, and one for each pair that some history contains."""
    design, names = interaction_design(CaptureHistories(LISTS, np.array(counts)), 2)
    assert names == ["police:ngo", "police:health", "ngo:health"]
    members = np.array([[int(digit) for digit in history] for history in HISTORIES])
    np.testing.assert_array_equal(design[:, :3], members)
    np.testing.assert_array_equal(design[:, 3:], members[:, [0, 0, 1]] * members[:, [1, 2, 2]])
