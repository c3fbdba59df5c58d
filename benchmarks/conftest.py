"""The fixture `measured`: times a workload, measures its memory in a child process, and registers its row."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from table import Row, machine, merge_rows

FOLDER = Path(__file__).parent
ROWS = pytest.StashKey[list[Row]]()

Workload = Callable[[], Callable[[], object]]


@pytest.fixture
def measured(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that times a workload and registers the row.

    Call it with `what`, and a workload: a function of the bench file that prepares and returns what is timed. `rounds`
    is how often; `target` in seconds, or, with `per` units of work in one call, in units a second; `elsewhere` is what
    others need, as the source states it.
    """

    def measure(
        what: str,
        workload: Workload,
        *,
        target: float | None = None,
        per: int | None = None,
        unit: str = "",
        elsewhere: str = "",
        rounds: int = 5,
    ) -> None:
        action = workload()
        benchmark.pedantic(action, rounds=rounds, warmup_rounds=1)
        seconds = benchmark.stats.stats
        alone = _alone(request.path, workload.__name__)
        row = Row(
            what,
            elsewhere,
            _aim(target, per, unit),
            _figure(seconds.median, per, unit),
            _figure(seconds.min, per, unit),
            "" if target is None else "yes" if _reached(seconds.median, target, per) else "no",
            _figure(alone["seconds"], None, ""),
            f"{alone['bytes'] / 1e6:.0f} MB",
            machine(),
        )
        request.config.stash.setdefault(ROWS, []).append(row)

    return measure


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the rows of a run that came to its end; an interrupted one leaves the table as it was."""
    rows = session.config.stash.get(ROWS, [])
    if rows and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        merge_rows(FOLDER / "README.md", rows)


def _alone(path: Path, name: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "child.py"), str(path), name], check=True, capture_output=True, text=True
    )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _reached(seconds: float, target: float, per: int | None) -> bool:
    return seconds <= target if per is None else per / seconds >= target


def _aim(target: float | None, per: int | None, unit: str) -> str:
    if target is None:
        return ""
    return f"≤ {target:g} s" if per is None else f"≥ {target:,.0f} {unit}/s"


def _figure(seconds: float, per: int | None, unit: str) -> str:
    return f"{seconds:.3g} s" if per is None else f"{per / seconds:,.0f} {unit}/s"
