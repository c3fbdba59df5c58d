"""The machinery of the recovery studies: rows that are resumed, figures with their errors, tables from the rows."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import mse
from mse.errors import BadInput, NoFiniteMLE
from simulations import __main__ as command
from simulations import coverage, febrl, tables, threshold
from simulations.accuracy import covered, mean, root_mean_square, root_mean_square_difference
from simulations.coverage_tables import Variant, judged
from simulations.methods import METHODS, Method, columns_of
from simulations.rows import Rows
from simulations.threshold_tables import score_of
from simulations.truth import Truth

SMALL = Truth("Korea", "[b,c][c,d]", seed=3)
HERE = Path(command.__file__).parent


def rows_in(folder: Path, name: str = "true-model", truth: Truth = SMALL) -> Rows:
    return coverage.rows_of(name, folder, truth=truth, n_boot=30)


def make(name: str = "true-model"):
    return partial(METHODS[name].row, SMALL, n_boot=30)


def test_a_data_set_is_the_same_whichever_others_are_drawn() -> None:
    """Data set 7 does not depend on those before it, differs from 8, and holds the population's lists."""
    again = Truth(SMALL.table, SMALL.model, SMALL.seed)
    SMALL.data_set(6)
    assert SMALL.data_set(7).counts.tolist() == again.data_set(7).counts.tolist()
    assert SMALL.data_set(7).counts.tolist() != SMALL.data_set(8).counts.tolist()
    assert SMALL.seed_of(7) != SMALL.seed_of(8)
    assert SMALL.data_set(7).lists == mse.load_dataset("Korea").lists


def test_data_sets_have_the_fitted_means() -> None:
    """Over many data sets each history's mean count is that of the fit, and so is the number observed."""
    counts = np.array([SMALL.data_set(number).counts for number in range(400)])
    expected = SMALL.true_n * SMALL.shares[1:]
    assert SMALL.shares.sum() == pytest.approx(1)
    assert np.abs(counts.mean(axis=0) - expected).max() < 4 * np.sqrt(expected.max() / 400)


def test_the_published_truth() -> None:
    """The truth of the coverage study is what stepwise choice ends in on the five-list UK table."""
    chosen = mse.select_loglinear(mse.load_dataset("UKdat_5"), search="stepwise")
    assert chosen.model == coverage.TRUTH.model
    assert round(chosen.n_hat) == coverage.TRUTH.true_n


def test_resumed_rows_are_the_same_bytes(tmp_path: Path) -> None:
    """Six data sets at once, in pieces and out of order, or by two workers: one file."""
    once, pieces, workers = (rows_in(tmp_path / name, "stepwise") for name in ("once", "pieces", "workers"))
    once.complete(make("stepwise"), range(6), chunk=10)
    pieces.complete(make("stepwise"), [4, 1], chunk=1)
    pieces.complete(make("stepwise"), range(6), chunk=2)
    with parallel_config(backend="threading"):
        workers.complete(make("stepwise"), range(6), chunk=3, n_jobs=2)
    assert once.path.read_bytes() == pieces.path.read_bytes() == workers.path.read_bytes()
    assert once.frame().index.tolist() == list(range(6))


def test_a_run_that_is_stopped_keeps_its_chunks(tmp_path: Path) -> None:
    """An interrupt loses the chunk at work and nothing else, and the next run makes only what is missing."""
    rows, made = rows_in(tmp_path), []

    def interrupted(number: int):
        if number == 5:
            raise KeyboardInterrupt
        return make()(number)

    with pytest.raises(KeyboardInterrupt):
        rows.complete(interrupted, range(8), chunk=2)
    assert rows.frame().index.tolist() == [0, 1, 2, 3]

    def noted(number: int):
        made.append(number)
        return make()(number)

    rows.complete(noted, range(8), chunk=2)
    assert made == [4, 5, 6, 7]


def test_rows_of_other_settings_are_not_added_to(tmp_path: Path) -> None:
    """Another seed is another study: its rows do not go into the same file."""
    rows_in(tmp_path).complete(make(), range(1), chunk=1)
    other = rows_in(tmp_path, truth=Truth(SMALL.table, SMALL.model, seed=4))
    with pytest.raises(BadInput, match="made with other settings"):
        other.complete(make(), range(2), chunk=1)


def test_a_refusal_is_a_row_without_an_estimate() -> None:
    """Data sets without an estimate are counted, and left out of the errors."""

    def refuses(*given: object):
        raise NoFiniteMLE("no estimate here")

    row = Method("never", ("profile",), refuses).row(SMALL, 0, 0)
    assert row == {"n_observed": SMALL.data_set(0).n_observed, "refused": "no estimate here"}
    frame = pd.DataFrame({"n_hat": [np.nan, 90.0, 110.0]})
    for column in columns_of(METHODS["true-model"])[3:-1]:
        frame[column] = [np.nan, 80.0 if column.endswith("low") else 120.0, np.nan]
    told = judged(Variant("true-model", "", "profile", frame), 100.0)
    assert (told.n_data_sets, told.n_refused, told.n_without_interval) == (3, 1, 1)
    assert told.rmse.value == pytest.approx(10)
    assert told.covers[0.95].value == pytest.approx(50)


def test_figures_and_their_errors() -> None:
    """Mean, root mean square and their standard errors by hand, and by simulating the simulation."""
    assert mean(np.array([1.0, 3.0])).se == pytest.approx(1.0)
    assert root_mean_square(np.array([3.0, -4.0])).value == pytest.approx(np.sqrt(12.5))
    assert covered(pd.Series([1, 2, np.nan]), pd.Series([3, 3, np.nan]), 1.0).tolist() == [1, 0, 0]
    draws = np.random.default_rng(5).standard_normal((2000, 2, 200))
    first, second = 0.3 * draws[:, 0], 0.1 * draws[:, 0] + 0.25 * draws[:, 1]
    told = [root_mean_square_difference(a, b) for a, b in zip(first, second, strict=True)]
    assert np.mean([one.se for one in told]) == pytest.approx(np.std([one.value for one in told]), rel=0.06)


def test_the_score_of_a_threshold() -> None:
    """The log of the mean square, averaged over the settings; its error as over many simulations."""
    score = score_of([np.array([[1.0, 2.0], [1.0, -2.0]]), np.array([[3.0, 1.0], [3.0, 1.0]])])
    assert score.value == pytest.approx([np.log(9) / 2, np.log(4) / 2])
    assert score.best == 1
    rng, told = np.random.default_rng(6), []
    for _ in range(400):
        first = rng.standard_normal((2, 100, 1))
        told.append(score_of(list(np.concatenate([first, first + rng.standard_normal((2, 100, 1))], axis=2))))
    assert {one.best for one in told} == {0}
    spread = np.std([one.above[1].value for one in told])
    assert np.mean([one.above[1].se for one in told]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("setting", [threshold.SETTINGS[2], threshold.SETTINGS[18]], ids=lambda setting: setting.name)
def test_thresholds_share_one_path(setting: threshold.Setting) -> None:
    """The hidden number at each threshold, read off one path, is that of a stepwise choice at this threshold."""
    for number in range(3):
        histories = setting.truth.data_set(number)
        hidden = threshold.hidden_at(histories, threshold.THRESHOLDS)
        for p, value in zip(threshold.THRESHOLDS, hidden, strict=True):
            alone = mse.select_loglinear(histories, search="stepwise", p=p)
            assert value == pytest.approx(alone.n_hat - alone.n_observed, rel=1e-9)


@pytest.mark.parametrize("name", ["stepwise", "bic-pairs-profile", "true-model"])
def test_committed_rows_are_made_again(name: str) -> None:
    """The estimates of the first two data sets of the committed rows are what the package gives today."""
    held = coverage.rows_of(name, command.RESULTS).frame()
    for number in (0, 1):
        search = {"stepwise": {"search": "stepwise"}, "bic-pairs-profile": {"max_order": 2}}.get(name)
        histories = coverage.TRUTH.data_set(number)
        if search is None:
            fitted = mse.fit_loglinear(histories, coverage.TRUTH.model, likelihood="multinomial")
        else:
            fitted = mse.select_loglinear(histories, **search)
        assert held.loc[number, "n_hat"] == pytest.approx(fitted.n_hat, rel=1e-6)
        assert held.loc[number, "n_observed"] == histories.n_observed


def test_febrl_says_who_is_whom() -> None:
    """There are as many pairs of one person as the data sets are known for, and no split list holds a person twice."""
    n_pairs = {1: 500, 2: 1934, 3: 6538}
    for setting in febrl.SETTINGS:
        truth = febrl.truth_of(setting)
        sizes = truth["person"].value_counts()
        assert (sizes * (sizes - 1) // 2).sum() == n_pairs[setting.file]
        assert truth.duplicated(["register", "person"]).any() != setting.is_split
        assert len(febrl.registers_of(setting)[0].fields) == len(setting.columns)


def test_committed_febrl_rows_are_made_again() -> None:
    """The smallest set, split: both linkers find today what the committed rows say."""
    number = febrl.SETTINGS.index(febrl.Setting(1, is_split=True, compared="names and date of birth"))
    for method in ("mse-point", "splink-0.9-components", "splink-0.9-one-to-one"):
        held = febrl.rows_of(method, command.RESULTS).frame().loc[number]
        again = febrl.row(method, number)
        assert {name: held[name] for name in ("precision", "recall", "f1", "n_persons")} == pytest.approx(
            {name: again[name] for name in ("precision", "recall", "f1", "n_persons")}, abs=1e-7
        )


def test_the_page_is_what_the_rows_say(tmp_path: Path) -> None:
    """No figure on the page was typed: it is written again from the committed rows, to the letter."""
    tables.write(command.RESULTS, tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf-8") == (HERE / "README.md").read_text("utf-8")
