"""A stage on disk: written once, known to be whole by the `stage.json` written last, and redone when it is not."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType

from mse.errors import BadInput
from mse.provenance import sha256_of, sha256_of_file, versions
from mse.writing import write_text

__all__ = ["as_json", "run_stage"]

RECORD = "stage.json"


def run_stage(
    folder: Path,
    *,
    inputs: Mapping[str, str],
    options: Mapping[str, object],
    write: Callable[[Path], None],
) -> tuple[Mapping[str, str], bool]:
    """Let a stage write its folder, unless it stands there already, whole and made from the same input.

    A stage that is not whole, or was made from other input, options or versions, is removed and made anew; so a
    run that was killed at any moment and started again leaves the same bytes as one that was not.

    Parameters
    ----------
    folder : Path
        The stage's own folder, for example ``out/03-links``; everything in it belongs to the stage.
    inputs : mapping of name to SHA-256
    options : mapping
        What besides the inputs decides the result; must be serialisable as JSON.
    write : callable
        Writes the files of the stage into an empty folder.

    Returns
    -------
    outputs : mapping of relative file name to SHA-256
    was_kept : bool
        Whether a finished stage was found.
    """
    made_from = {"inputs": dict(inputs), "options": dict(options), "versions": dict(versions()), "code": code_sha256()}
    asked = sha256_of(folder.name.encode(), as_json(made_from).encode())
    finished = _finished(folder, asked)
    if finished is not None:
        return finished, True
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with _heeding_interrupts():
        write(folder)
    outputs = _hashes(folder)
    record = {"stage": folder.name, "input_sha256": asked, "made_from": made_from, "outputs": outputs}
    write_text(folder / RECORD, as_json(record))
    return outputs, False


@contextmanager
def _heeding_interrupts() -> Iterator[None]:
    """Let a stop by the user end the stage also where a library swallows it.

    PyMC's sampler does, and returns the draws it has: they must not pass for a finished result.
    """
    if current_thread() is not main_thread():  # only the main thread receives signals
        yield
        return
    stops: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
    if stops:
        raise KeyboardInterrupt


def as_json(value: object) -> str:
    """JSON with sorted keys, so that equal values are equal bytes."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _finished(folder: Path, asked: str) -> Mapping[str, str] | None:
    """The outputs of a stage that is whole and made from what is asked, else None."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        stands = record["input_sha256"] == asked and record["outputs"] == _hashes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record["outputs"] if stands else None


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a stage but its record, by path relative to the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / RECORD)
    return {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}


@cache
def code_sha256() -> str:
    """SHA-256 of the package's own source: a stage made by other code is made anew."""
    root = Path(__file__).parents[1]
    sources = sorted(path for path in root.rglob("*") if path.suffix in {".py", ".html", ".css", ".js", ".j2"})
    if not sources:
        raise BadInput(f"{root}: the package's source files are not there; install it unpacked")
    names = [path.relative_to(root).as_posix().encode() for path in sources]
    return sha256_of(
        *(part for pair in zip(names, (path.read_bytes() for path in sources), strict=True) for part in pair)
    )
