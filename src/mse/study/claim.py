"""An output folder belongs to one study, and one run works in it at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mse.errors import BadInput
from mse.study.layout import LOCK, MARKER
from mse.study.stage import as_json
from mse.writing import write_text

__all__ = ["claimed"]


@contextmanager
def claimed(folder: Path, study: str) -> Iterator[None]:
    """Hold the folder for one run; the lock of a process that died is free at once, since the system releases it.

    Raises
    ------
    BadInput
        When the folder holds something else, or another run works in it.
    """
    _check(folder, study)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(f"{folder}: another run of this study is at work here; wait until it has finished") from None
    try:
        _check(folder, study)
        for left_over in folder.rglob(".*.part"):
            left_over.unlink()
        if not (folder / MARKER).exists():
            write_text(folder / MARKER, as_json({"study": study}))
        yield
    finally:
        lock.release()


def _check(folder: Path, study: str) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BadInput(f"{folder} is a file; name a folder for the results")
    marker = folder / MARKER
    if not marker.exists():
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise BadInput(f"{folder} holds other files; name a new or empty folder for the results")
        return
    try:
        held = json.loads(marker.read_text("utf-8"))["study"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{marker} cannot be read; name a new or empty folder for the results") from None
    if held != study:
        raise BadInput(f"{folder} holds the results of the study {held!r}, not of {study!r}; name another folder")
