"""What a run tells while it works: a progress bar on a terminal, and `run.log`, the only file with clock times."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Journal", "open_journal"]


@dataclass(frozen=True, slots=True)
class Journal:
    """Notes each step of a run; steps are named after stages and never after anything in a list."""

    log: Path
    bar: Progress | None
    task: TaskID

    @contextmanager
    def step(self, name: str) -> Iterator[list[bool]]:
        """One step; append True to what is yielded when it stood finished and was kept."""
        self._write(name, "begun")
        if self.bar is not None:
            self.bar.update(self.task, description=name)
        kept: list[bool] = []
        yield kept
        self._write(name, "kept" if any(kept) else "done")
        if self.bar is not None:
            self.bar.advance(self.task)

    def _write(self, name: str, what: str) -> None:
        with self.log.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {name} {what}\n")


@contextmanager
def open_journal(log: Path, n_steps: int, *, progress: bool | None) -> Iterator[Journal]:
    """A journal over `n_steps` steps; `progress=None` shows a bar only when standard error is a terminal."""
    shown = sys.stderr.isatty() if progress is None else progress
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True) if shown else None
    with bar if bar is not None else nullcontext():
        task = bar.add_task("", total=n_steps) if bar is not None else TaskID(0)
        yield Journal(log, bar, task)
