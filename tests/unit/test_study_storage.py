"""Results on disk read back to equal values."""

import numpy as np
import pytest

from mse.datasets import load_dataset
from mse.errors import BadInput, NoFiniteMLE
from mse.estimate import Posterior, Replicated
from mse.interval import Interval, LogNormal
from mse.models.loglinear.search import select_loglinear
from mse.robustness.verdict import feasibility
from mse.study.storage import (
    read_interval,
    read_result,
    read_verdict,
    write_interval,
    write_result,
    write_verdict,
)


def test_a_selected_model_comes_back_with_its_ranking(tmp_path):
    """Number, intervals, diagnostics and notes are equal to the last digit, and the ranking stands beside them."""
    made = select_loglinear(load_dataset("Korea"), by="bic")
    write_result(tmp_path, "selected by BIC", made)
    name, read = read_result(tmp_path)
    assert name == "selected by BIC"
    assert (read.model, read.n_hat, read.n_observed) == (made.model, made.n_hat, made.n_observed)
    assert read.interval(0.95) == made.interval(0.95)
    assert read.interval(0.8) == made.interval(0.8)
    assert dict(read.diagnostics) == dict(made.diagnostics)
    assert read.notes == tuple(made.notes)
    assert (tmp_path / "ranking.csv").read_text("utf-8").count("\n") == len(made.ranking) + 1


def test_an_interval_of_a_level_that_was_not_stored_is_refused(tmp_path):
    """The error names the levels that can be asked for."""
    write_result(tmp_path, "x", Replicated("x", 10, 12.0, LogNormal(10, 2.0, 0.5)))
    with pytest.raises(BadInput, match=r"use one of 0.5, 0.8, 0.9, 0.95, 0.99"):
        read_result(tmp_path)[1].interval(0.7)


def test_a_posterior_comes_back_with_its_draws(tmp_path):
    """Draws are equal bit for bit, and so is every interval made from them."""
    draws = np.random.default_rng(1).gamma(3.0, 50.0, size=(400, 1))
    made = Posterior("[a,b][c]", 40, draws, diagnostics={"r_hat": 1.001, "ess": 812.0}, notes=("said",))
    write_result(tmp_path, "Bayes", made)
    _, read = read_result(tmp_path)
    assert isinstance(read, Posterior)
    np.testing.assert_array_equal(read.draws, draws)
    assert read.interval(0.7) == made.interval(0.7)
    assert (read.notes, dict(read.diagnostics)) == (("said",), {"r_hat": 1.001, "ess": 812.0})


def test_a_refusal_is_a_result(tmp_path):
    """The name of the model and the reason are kept."""
    write_result(tmp_path, "log-linear model [a,b][c]", NoFiniteMLE.of("[a,b][c]"))
    name, reason = read_result(tmp_path)
    assert name == "log-linear model [a,b][c]"
    assert reason.startswith("the maximum-likelihood estimate of [a,b][c] does not exist")


def test_an_endless_interval_survives(tmp_path):
    """Infinity is written so that any JSON reader can read the file."""
    made = Interval(10.0, float("inf"), 0.95, "profile")
    write_interval(tmp_path / "interval.json", made)
    assert read_interval(tmp_path / "interval.json") == made
    assert "Infinity" not in (tmp_path / "interval.json").read_text("utf-8")


@pytest.mark.parametrize("name", ["Korea", "Artificial_3"])
def test_a_verdict_comes_back_with_its_sentences(tmp_path, name):
    """Outcome, findings, facts and the sentences made from them are equal."""
    made = feasibility(load_dataset(name), seed=1)
    write_verdict(tmp_path / "verdict.json", made)
    read = read_verdict(tmp_path / "verdict.json")
    assert (read.outcome, read.reasons) == (made.outcome, made.reasons)
    assert dict(read.facts) == dict(made.facts)
