"""How the life of a key ends: it is destroyed when the study is over, or it is lost."""

import os
import re
import secrets
from datetime import date
from pathlib import Path

from mse.errors import BadInput
from mse.pseudonyms.encoded import read_encoded
from mse.pseudonyms.key import PROJECT, key_entries
from mse.pseudonyms.key_book import KeyEnd, enter

__all__ = ["destroy_key", "report_lost"]

FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def destroy_key(path: str | Path, *, on: date, copy: bool = False) -> KeyEnd:
    """Overwrite and remove a key file or a share, and record it, so that no list is encoded with the key again.

    Overwriting reaches the file's place on the disk. A solid-state disk, a backup, or a folder that is copied to a
    server may still hold an older copy: only an encrypted disk, or its destruction, is safe then.

    Parameters
    ----------
    path : str or Path
        Key file or share. It may be one that others can read.
    on : date
        The day, as the user states it, for the record.
    copy : bool
        Whether this is only one copy of a key that lives on elsewhere; then nothing is recorded.

    Returns
    -------
    KeyEnd
        What stands in the key book beside the file, `mse-keys.json`.

    Raises
    ------
    BadInput
        If the file is no key file and no share: nothing else is ever overwritten.
    """
    path = Path(path)
    entries = key_entries(path)
    end = _end(entries.get("project"), entries.get("fingerprint"), "destroyed", on, path)
    folder = path.absolute().parent
    if not copy:
        # Before the file goes: a stop in between leaves a key that is refused, not one that is gone without record.
        enter(folder, end)
    actual = path.resolve()
    try:
        with actual.open("r+b") as stream:
            stream.write(secrets.token_bytes(actual.stat().st_size))
            stream.flush()
            os.fsync(stream.fileno())
        actual.unlink()
        path.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path} cannot be overwritten and removed ({error.strerror}); check its rights") from None
    return end


def report_lost(path: str | Path, *, on: date) -> KeyEnd:
    """Record that a key is lost, or that somebody may have copied it, so that it is not used again.

    Parameters
    ----------
    path : str or Path
        A key file, a share, or, when no key file is left, any list that was encoded with the key.
    on : date
        The day, as the user states it.

    Returns
    -------
    KeyEnd
        What stands in the key book beside the file.
    """
    path = Path(path)
    if path.suffix.lower() == ".mse":
        header = read_encoded(path).header
        end = KeyEnd(header.project, header.key_fingerprint, "lost", on)
    else:
        entries = key_entries(path)
        end = _end(entries.get("project"), entries.get("fingerprint"), "lost", on, path)
    enter(path.absolute().parent, end)
    return end


def _end(project: object, fingerprint: object, event: str, on: date, path: Path) -> KeyEnd:
    if not (isinstance(project, str) and PROJECT.fullmatch(project)):
        raise BadInput(f"{path} does not name the project of its key, so its end cannot be recorded; remove it by hand")
    if not (isinstance(fingerprint, str) and FINGERPRINT.fullmatch(fingerprint)):
        raise BadInput(f"{path} does not name its key, so its end cannot be recorded; remove it by hand")
    return KeyEnd(project, fingerprint, event, on)
