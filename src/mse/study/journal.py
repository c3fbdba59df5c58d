"""What a run tells while it works: a progress bar on a terminal, and `run.log`, the only file with clock times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mse.progress import Bar, progress

__all__ = ["Journal", "open_journal"]


@dataclass(frozen=True, slots=True)
class Journal:
    """Notes each step of a run; steps are named after stages and never after anything in a list."""

    log: Path
    bar: Bar

    @contextmanager
    def step(self, name: str) -> Iterator[list[bool]]:
        """One step; append True to what is yielded when it stood finished and was kept."""
        self._write(name, "begun")
        self.bar.tell(name)
        kept: list[bool] = []
        yield kept
        self._write(name, "kept" if any(kept) else "done")
        self.bar.advance()

    def _write(self, name: str, what: str) -> None:
        with self.log.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {name} {what}\n")


@contextmanager
def open_journal(log: Path, n_steps: int, *, shown: bool | None) -> Iterator[Journal]:
    """A journal over `n_steps` steps; `shown=None` shows a bar only where somebody looks."""
    with progress("", total=n_steps, shown=shown) as bar:
        yield Journal(log, bar)
