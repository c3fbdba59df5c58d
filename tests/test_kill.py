"""A run that is killed at any moment and started again leaves the same bytes as one that was left alone."""

import multiprocessing
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from mse.study import run_study, write_demo

MOMENTS = 20
N_CHAINS = 4
# Modules that take seconds to import are imported once, in the server from which every run is forked.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "mse.study",
        "mse.linkage",
        "splink",
        "sqlglot.dialects.duckdb",
        "pyarrow.dataset",
        "numba.typed",
        "matplotlib.pyplot",
    ]
)


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


@dataclass(frozen=True)
class Undisturbed:
    """A run that was left alone: its study, its bytes, and when, in seconds from its start, each stage was done."""

    study: Path
    content: dict[str, bytes]
    seconds: float
    done: tuple[float, ...]

    def begun(self, moment: float) -> float:
        """When the stage began that is at work at a moment: where a run that is killed then goes on."""
        return max((time for time in self.done if time <= moment), default=0.0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, write_small_study) -> Undisturbed:
    """The small study, run to its end by nobody's hand."""
    folder = tmp_path_factory.mktemp("undisturbed")
    study = write_small_study(folder / "study")
    finish(study, folder / "first")  # the server has imported everything and the kernels are compiled when it ends
    begun = time.time()
    seconds = finish(study, folder / "out")
    done = sorted(path.stat().st_mtime - begun for path in (folder / "out").rglob("stage.json"))
    assert 0 < done[0] < done[-1] < seconds
    return Undisturbed(study, content(folder / "out"), seconds, tuple(done))


@pytest.mark.parametrize("chain", range(N_CHAINS))
def test_a_run_killed_again_and_again_is_finished_with_the_same_bytes(tmp_path, undisturbed, chain):
    """One kill -9 at a random moment of each twentieth of the run, every fourth of them in one folder.

    A run that goes on skips the stages that are done, so the next of its moments is counted from the stage that the
    last kill fell into.
    """
    out, begun = tmp_path / "out", 0.0
    for number in range(chain, MOMENTS, N_CHAINS):
        moment = undisturbed.seconds * (number + Random(number).random()) / MOMENTS
        while not kill_at(undisturbed.study, out, moment - begun):
            # The machine was faster this time and the run had ended: a kill that comes too late shows nothing.
            shutil.rmtree(out)
            moment, begun = 0.7 * moment, 0.0
        begun = undisturbed.begun(moment)
    finish(undisturbed.study, out)
    found = content(out)
    assert found.keys() == undisturbed.content.keys()
    assert [name for name in found if found[name] != undisturbed.content[name]] == []


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
