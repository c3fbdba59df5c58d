"""Key: the secret of one project, made once, read from a file that only its owner can read."""

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mse.errors import BadInput
from mse.provenance import versions
from mse.writing import write_bytes

__all__ = ["Key", "new_key", "read_key"]

FORMAT = "mse-key 1"
N_BYTES = 32
FEWEST_VALUES = 16  # 32 random bytes hold fewer than 16 different values less than once in 10**11 keys
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ENTRIES = {"format", "project", "made_by", "fingerprint", "key"}
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
        If the file exists or the project name is not plain.

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
    if os.path.lexists(path):
        raise BadInput(f"{path} exists, and a key is never overwritten; choose another name or move the old key away")
    secret = secrets.token_bytes(N_BYTES)
    while _fault(secret):
        secret = secrets.token_bytes(N_BYTES)
    key = Key(project, secret)
    entries = {
        "format": FORMAT,
        "project": project,
        "made_by": f"mse {versions()['mse']}",
        "fingerprint": key.fingerprint,
        "key": secret.hex(),
    }
    _write_once(path, (json.dumps(entries, indent=2) + "\n").encode("ascii"))
    return key


def read_key(path: str | Path) -> Key:
    """Read a key file.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    BadInput
        If the file is missing, can be read by others than its owner, is not a key file of `mse key new`, or holds
        less than 32 random bytes: too short, a passphrase, or one byte again and again.
    """
    path = Path(path)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > 4096:
            raise BadInput(f"{path} is not a key file; {AGAIN}")
        # Windows keeps rights in access lists that this mode does not show.
        if os.name == "posix" and state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise BadInput(
                f"the key file {path} can be read by others (mode {stat.S_IMODE(state.st_mode):04o}); "
                f"run `chmod 600 {path}`, and make a new key if someone may have copied it"
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"there is no key file {path}; {AGAIN}") from None
    except OSError as error:
        raise BadInput(f"the key file {path} cannot be read ({error.strerror}); check its rights") from None
    return _key_of(content, path)


def _key_of(content: bytes, path: Path) -> Key:
    """The key of a file's content; no message repeats any of it."""
    try:
        entries = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict) or set(entries) != ENTRIES or entries["format"] != FORMAT:
        raise BadInput(f"{path} is not a key file of `mse key new`; {AGAIN}") from None
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


def _write_once(path: Path, content: bytes) -> None:
    """Write a file whole, owner-only, and never over another: a hard link fails where the name is taken."""
    whole = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    write_bytes(whole, content, owner_only=True)
    try:
        os.link(whole, path)
    except FileExistsError:
        raise BadInput(f"{path} exists, and a key is never overwritten; choose another name") from None
    except OSError as error:
        raise BadInput(
            f"{path.parent} cannot hold a key file ({error.strerror}); choose a folder on a disk that keeps file rights"
        ) from None
    finally:
        whole.unlink()
