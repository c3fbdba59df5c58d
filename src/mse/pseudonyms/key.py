"""Key: the secret of one project, made once, read from a file that only its owner can read."""

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mse.errors import BadInput
from mse.provenance import versions
from mse.pseudonyms.key_book import check_not_ended
from mse.pseudonyms.owner_only import check_owner_only, write_once

__all__ = ["Key", "check_project", "key_entries", "key_file", "new_key", "read_key"]

FORMAT = "mse-key 2"
SHARE_FORMAT = "mse-key-share 1"
N_BYTES = 32
FEWEST_VALUES = 16  # 32 random bytes hold fewer than 16 different values less than once in 10**11 keys
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ENTRIES = {"format", "project", "made_by", "fingerprint", "seal", "key"}
LARGEST = 4096
LISTS = (".csv", ".xlsx", ".xls", ".parquet", ".mse", ".toml")
LIKE_A_SECRET = re.compile(r"(0x)?[0-9A-Fa-f]{32,}|[A-Za-z0-9+/_-]{40,}={0,2}")
AGAIN = "make a key with `mse key new`, or ask who made it for the file again"


@dataclass(frozen=True, repr=False, eq=False)
class Key:
    """The secret of one project. Its text form shows only the fingerprint, and it cannot be pickled.

    Attributes
    ----------
    project : str
        The study the key was made for; it takes part in every subkey.

    Raises
    ------
    BadInput
        If the secret is not 32 random bytes, as far as can be seen.

    Examples
    --------
    >>> Key("demo", bytes(range(32)))
    Key(project 'demo', fingerprint 389061764dbc)
    """

    project: str
    _secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_project(self.project)
        fault = _fault(self._secret)
        if fault:
            raise BadInput(f"the key of project {self.project!r} {fault}; {AGAIN}")

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that tell two keys apart and do not help to find either."""
        return hmac.new(self._secret, b"fp", hashlib.sha256).hexdigest()

    @cached_property
    def seal(self) -> str:
        """64 hexadecimal digits that bind the key to its project: a key file with another project's name breaks it."""
        return hmac.new(self._secret, f"project|{self.project}".encode("ascii"), hashlib.sha256).hexdigest()

    def subkey(self, purpose: str, name: str, *, version: str) -> bytes:
        """32 bytes for one purpose ("token", "record", "known answers") and one field, by HKDF-SHA-256 (RFC 5869).

        Parameters
        ----------
        purpose, name : str
        version : str
            Version of the normalisation rules, so that tokens of two versions never meet.
        """
        info = "|".join((self.project, name, purpose, version)).encode("utf-8")
        return HKDF(algorithm=SHA256(), length=N_BYTES, salt=None, info=info).derive(self._secret)

    def __repr__(self) -> str:
        return f"Key(project {self.project!r}, fingerprint {self.fingerprint[:12]})"

    def __reduce__(self) -> NoReturn:
        raise BadInput("a key is not copied to another process or file; give the path of its file instead")


def check_project(project: str) -> None:
    """Refuse a project name that is not plain letters, digits, `.`, `_` and `-`."""
    if not PROJECT.fullmatch(project):
        raise BadInput(
            f"the project name {project!r} must be 1 to 64 letters a-z, digits, '.', '_' or '-', "
            "and begin with a letter or digit"
        )


def new_key(path: str | Path, *, project: str) -> Key:
    """Make a new random key and write it to a file that only its owner can read.

    Parameters
    ----------
    path : str or Path
        Must not exist: a key that is overwritten is lost, and with it every link to what was encoded with it.
    project : str
        The study that the key is for.

    Returns
    -------
    Key

    Raises
    ------
    BadInput
        If the file exists or has the name of a list, or the project name is not plain.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "demo.key"
    >>> read_key(path).fingerprint == new_key(path, project="demo").fingerprint
    Traceback (most recent call last):
    mse.errors.BadInput: there is no key file ...
    >>> new_key(path, project="demo").fingerprint == read_key(path).fingerprint
    True
    """
    path = Path(path)
    check_project(project)
    check_name(path)
    secret = secrets.token_bytes(N_BYTES)
    while _fault(secret):
        secret = secrets.token_bytes(N_BYTES)
    key = Key(project, secret)
    write_once(path, key_file(key))
    return key


def read_key(path: str | Path) -> Key:
    """Read a key file.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    BadInput
        If the file is missing, has the name of a list, can be read by others than its owner, is not a key file of
        `mse key new` or only a share of one, was made for another project, holds less than 32 random bytes (too
        short, a passphrase, or one byte again and again), or is recorded as destroyed or lost in the key book of
        its folder.
    """
    path = Path(path)
    if path.suffix.lower() in LISTS:
        raise BadInput(f"{path} has the name of a list, and a key is not kept in one; {AGAIN}")
    entries = key_entries(path)
    check_owner_only(path)
    if entries["format"] == SHARE_FORMAT:
        raise BadInput(f"{path} is one share of a key and not the key; put the shares together with `mse key join`")
    key = _key_of(entries, path)
    check_not_ended(key.fingerprint, [path.absolute().parent])
    return key


def key_file(key: Key, *, made_by: str = "") -> bytes:
    """The content of a key file."""
    entries = {
        "format": FORMAT,
        "project": key.project,
        "made_by": made_by or f"mse {versions()['mse']}",
        "fingerprint": key.fingerprint,
        "seal": key.seal,
        "key": key._secret.hex(),
    }
    return (json.dumps(entries, indent=2) + "\n").encode("ascii")


def check_name(path: Path) -> None:
    """Refuse to write a key over a file or under the name of a list."""
    if os.path.lexists(path):
        raise BadInput(f"{path} exists, and a key is never overwritten; choose another name or move the old key away")
    if path.suffix.lower() in LISTS:
        raise BadInput(f"{path} has the name of a list, and a key is not kept in one; choose a name such as study.key")


def key_entries(path: Path) -> dict[str, Any]:
    """The entries of a key file or of a share, before anything but its format is looked at."""
    try:
        if not path.is_file():
            raise FileNotFoundError if not path.exists() else IsADirectoryError
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except FileNotFoundError:
        raise BadInput(_missing(path)) from None
    except IsADirectoryError:
        raise BadInput(f"{path} is not a key file; {AGAIN}") from None
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or "its name is not one of a file"
        raise BadInput(f"the key file cannot be read ({told}); check its path and its rights") from None
    try:
        entries = json.loads(content.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict) or entries.get("format") not in (FORMAT, SHARE_FORMAT):
        raise BadInput(f"{path} is not a key file of `mse key new`; {AGAIN}") from None
    return entries


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _missing(path: Path) -> str:
    if LIKE_A_SECRET.fullmatch(str(path)):
        return (
            "a key is read from a file and never typed: what was given looks like a key itself, and stands now in the "
            "history of the terminal; make a new one with `mse key new` and give the path of its file"
        )
    return f"there is no key file {path}; {AGAIN}"


def _key_of(entries: dict[str, Any], path: Path) -> Key:
    """The key of a file's entries; no message repeats any of them."""
    if set(entries) != ENTRIES:
        raise BadInput(f"{path} is not a key file of `mse key new`; {AGAIN}")
    text, project = entries["key"], entries["project"]
    if not isinstance(text, str) or not re.fullmatch(r"([0-9a-f]{2})*", text):
        raise BadInput(f"the key in {path} is not written as hexadecimal digits; {AGAIN}")
    if not isinstance(project, str) or not PROJECT.fullmatch(project):
        raise BadInput(f"the key file {path} does not name its project; {AGAIN}")
    fault = _fault(bytes.fromhex(text))
    if fault:
        raise BadInput(f"the key in {path} {fault}; {AGAIN}")
    key = Key(project, bytes.fromhex(text))
    if key.fingerprint != entries["fingerprint"]:
        raise BadInput(f"the key in {path} does not fit the fingerprint beside it: the file was changed; {AGAIN}")
    if key.seal != entries["seal"]:
        raise BadInput(
            f"the key in {path} was made for another project than {project!r}, and a key serves one project only; "
            f"make one for {project!r} with `mse key new`"
        )
    return key


def _fault(secret: bytes) -> str | None:
    """Why the bytes are not a random key, or None."""
    if len(secret) != N_BYTES:
        return f"has {len(secret)} bytes, it needs {N_BYTES}"
    if len(set(secret)) == 1:
        return "is one byte again and again, not random"
    if all(0x20 <= byte < 0x7F for byte in secret):
        return "is text that can be typed, a passphrase and not random bytes"
    if len(set(secret)) < FEWEST_VALUES:
        return f"holds only {len(set(secret))} different byte values, so it is not random"
    return None
