"""The key book: which keys were destroyed or lost, so that no list is encoded with them again."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from mse.errors import BadInput
from mse.writing import write_text

__all__ = ["BOOK", "KeyEnd", "check_not_ended", "enter", "read_book"]

BOOK = "mse-keys.json"
FORMAT = "mse-keys 1"
EVENTS = ("destroyed", "lost")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
NEW_KEY = "let one agency make a new key with `mse key new`, and every agency encode its list again with that one"
MESSAGES = {
    "destroyed": "was destroyed on {on}, so no list is encoded with it any more; for a late list {way_out}",
    "lost": "was reported lost on {on}, so somebody else may hold it; {way_out}",
}


@dataclass(frozen=True, order=True)
class KeyEnd:
    """The end of one key: its project and fingerprint, what happened, and on which day as the user states it."""

    project: str
    fingerprint: str
    event: str
    on: date


def read_book(folder: Path) -> tuple[KeyEnd, ...]:
    """The ends of keys that are recorded in a folder; none where it has no key book.

    Raises
    ------
    BadInput
        If the book cannot be read or was changed by hand to something that is no key book.
    """
    path = folder / BOOK
    try:
        about = json.loads(path.read_text("utf-8"))
        if set(about) != {"format", "keys"} or about["format"] != FORMAT:
            raise ValueError
        ends = [KeyEnd(**end | {"on": date.fromisoformat(end["on"])}) for end in about["keys"]]
        if any(end.event not in EVENTS or not FINGERPRINT.fullmatch(end.fingerprint) for end in ends):
            raise ValueError
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); it tells which keys were destroyed") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(f"{path} is not a key book; it tells which keys were destroyed, so restore it") from None
    return tuple(ends)


def enter(folder: Path, end: KeyEnd) -> None:
    """Record the end of a key in a folder; the same end is recorded once."""
    ends = sorted({*read_book(folder), end})
    keys = [asdict(one) | {"on": one.on.isoformat()} for one in ends]
    write_text(folder / BOOK, json.dumps({"format": FORMAT, "keys": keys}, indent=2) + "\n")


def check_not_ended(
    fingerprint: str, folders: Iterable[Path], *, events: tuple[str, ...] = EVENTS, what: str = "the key"
) -> None:
    """Refuse a key whose end is recorded in one of the folders.

    Parameters
    ----------
    fingerprint : str
    folders : iterable of Path
        Where a key book is looked for.
    events : tuple of str
        Which ends matter: lists that were encoded before a key was destroyed stay good, those of a lost one do not.
    what : str
        What the message is about.
    """
    for folder in dict.fromkeys(folders):
        for end in read_book(folder):
            if end.fingerprint == fingerprint and end.event in events:
                told = MESSAGES[end.event].format(on=end.on, way_out=NEW_KEY)
                raise BadInput(f"{what} {fingerprint[:12]} of project {end.project!r} {told} ({folder / BOOK})")
