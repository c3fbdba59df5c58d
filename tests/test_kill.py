"""A run that is killed at any moment and started again leaves the same bytes as one that was left alone."""

import multiprocessing
import shutil
import signal
import time
from pathlib import Path
from random import Random

import pytest

from mse.study import run_study, write_demo

MOMENTS = 20
# Modules that take seconds to import are imported once, in the server from which every run is forked.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["mse.study", "mse.linkage", "splink", "duckdb", "matplotlib.pyplot"])


def start(study: Path, out: Path) -> multiprocessing.Process:
    """A run of the study in a process of its own."""
    process = CONTEXT.Process(target=run_study, args=(study,), kwargs={"out": out, "progress": False})
    process.start()
    return process


def finish(study: Path, out: Path) -> float:
    """Run the study to its end; the seconds that it took."""
    begun = time.monotonic()
    process = start(study, out)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


def kill_at(study: Path, out: Path, moment: float) -> bool:
    """Start a run and kill it after some seconds; whether it was still at work."""
    process = start(study, out)
    process.join(moment)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def content(out: Path) -> dict[str, bytes]:
    """Every file of the output but the log, by its path."""
    files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != "run.log")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, write_small_study) -> tuple[Path, dict[str, bytes], float]:
    """The small study, the bytes of a run that was left alone, and the seconds that a run takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    study = write_small_study(folder / "study")
    first = CONTEXT.Process(target=len, args=((),))  # waits until the server has imported everything
    first.start()
    first.join()
    seconds = finish(study, folder / "out")
    return study, content(folder / "out"), seconds


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_killed_run_is_finished_with_the_same_bytes(tmp_path, undisturbed, number):
    """One kill -9 at a random moment of each twentieth of the run; then the run is started again."""
    study, expected, seconds = undisturbed
    moment = seconds * (number + Random(number).random()) / MOMENTS
    while not kill_at(study, tmp_path / "out", moment):
        # The machine was faster this time and the run had ended: a kill that comes too late shows nothing.
        shutil.rmtree(tmp_path / "out")
        moment *= 0.7
    finish(study, tmp_path / "out")
    found = content(tmp_path / "out")
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.slow
def test_the_demo_killed_twenty_times_ends_with_the_same_bytes(tmp_path):
    """The synthetic 2020 study with its Bayesian model, killed again and again in one folder."""
    study = write_demo(tmp_path / "demo")
    finish(study, tmp_path / "first")
    seconds = finish(study, tmp_path / "undisturbed")
    assert content(tmp_path / "first") == content(tmp_path / "undisturbed")
    random = Random(2020)
    killed = [kill_at(study, tmp_path / "out", random.uniform(0, seconds / 2)) for _ in range(MOMENTS)]
    assert killed[0]
    finish(study, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")
