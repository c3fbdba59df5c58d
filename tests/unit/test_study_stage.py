"""Stages on disk: finished once, kept while whole and made from the same, else made anew."""

import os
import signal

import pytest

from mse.study.stage import run_stage


class Writer:
    """Counts how often a stage was made."""

    def __init__(self):
        self.times = 0

    def __call__(self, folder):
        self.times += 1
        (folder / "result.txt").write_text("42")
        (folder / "more").mkdir()
        (folder / "more" / "result.txt").write_text("43")


@pytest.fixture
def writer():
    return Writer()


def run(folder, writer, *, inputs=None, options=None):
    return run_stage(folder, inputs=inputs or {"list": "ab"}, options=options or {"seed": 1}, write=writer)


def test_a_finished_stage_is_kept(tmp_path, writer):
    """The second run finds the stage whole and gives the same hashes."""
    first, was_kept = run(tmp_path / "01", writer)
    again, was_kept_again = run(tmp_path / "01", writer)
    assert sorted(first) == ["more/result.txt", "result.txt"]
    assert (first, was_kept, was_kept_again, writer.times) == (again, False, True, 1)


@pytest.mark.parametrize("change", [{"inputs": {"list": "cd"}}, {"options": {"seed": 2}}])
def test_other_input_or_options_make_it_anew(tmp_path, writer, change):
    """A stage made from something else does not count."""
    run(tmp_path / "01", writer)
    assert run(tmp_path / "01", writer, **change)[1] is False
    assert writer.times == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "result.txt").write_text("41"),
        lambda folder: (folder / "result.txt").unlink(),
        lambda folder: (folder / "more" / "left.txt").write_text(""),
        lambda folder: (folder / "stage.json").unlink(),
        lambda folder: (folder / "stage.json").write_text("{"),
        lambda folder: (folder / "stage.json").write_text("[]"),
    ],
    ids=["changed", "removed", "added", "unfinished", "torn", "another shape"],
)
def test_a_damaged_stage_is_made_anew_and_cleanly(tmp_path, writer, damage):
    """Whatever was changed, removed, added or cut, the stage ends with its own files only."""
    run(tmp_path / "01", writer)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "01").rglob("*") if path.is_file()}
    damage(tmp_path / "01")
    assert run(tmp_path / "01", writer)[1] is False
    assert {path.name: path.read_bytes() for path in (tmp_path / "01").rglob("*") if path.is_file()} == whole


def test_a_stage_that_fails_is_not_finished(tmp_path, writer):
    """An error while writing leaves no record, so the next run makes the stage."""

    def fails(folder):
        (folder / "result.txt").write_text("4")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(tmp_path / "01", fails)
    assert not (tmp_path / "01" / "stage.json").exists()
    assert run(tmp_path / "01", writer)[1] is False
    assert (tmp_path / "01" / "result.txt").read_text() == "42"


def test_a_stop_that_a_library_swallows_still_ends_the_stage(tmp_path, writer):
    """A sampler that returns what it has after Ctrl-C does not leave a finished stage."""

    def swallows(folder):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        except KeyboardInterrupt:
            (folder / "result.txt").write_text("half")

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "01", swallows)
    assert not (tmp_path / "01" / "stage.json").exists()
    assert run(tmp_path / "01", writer)[1] is False
