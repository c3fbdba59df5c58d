"""Shares: a key split among agencies so that none of them can use it alone."""

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mse.errors import BadInput
from mse.provenance import versions
from mse.pseudonyms.key import N_BYTES, SHARE_FORMAT, Key, check_name, key_entries, key_file, read_key
from mse.pseudonyms.key_book import check_not_ended
from mse.pseudonyms.owner_only import check_owner_only, write_once

__all__ = ["join_key", "split_key"]

ENTRIES = {"format", "project", "made_by", "fingerprint", "seal", "share", "of", "bytes"}
TEXTS = ("project", "made_by", "fingerprint", "seal")
HEX = re.compile(r"[0-9a-f]{64}")
MOST_SHARES = 20
ASK = "ask who split the key for the share again"


def split_key(path: str | Path, shares: Sequence[str | Path]) -> Key:
    """Split a key into shares, all of which are needed to make it again.

    All shares but one are random bytes, and the last is what gives the key when all are combined by exclusive or:
    whoever lacks one share knows nothing of the key. The key file itself stays where it is.

    Parameters
    ----------
    path : str or Path
        The key file.
    shares : sequence of str or Path
        Files to write, one for each agency; at least two, none of which exists.

    Returns
    -------
    Key
        The key that was split.

    Raises
    ------
    BadInput
        If the key cannot be read, there are fewer than two shares, or a file exists.

    References
    ----------
    Menezes, van Oorschot and Vanstone (1996), Handbook of Applied Cryptography, section 12.7.1 (modular sharing).

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from mse.pseudonyms import new_key
    >>> folder = Path(mkdtemp())
    >>> key = new_key(folder / "demo.key", project="demo")
    >>> parts = [folder / "rosa.share", folder / "udi.share"]
    >>> split_key(folder / "demo.key", parts).fingerprint == join_key(parts, out=folder / "joined.key").fingerprint
    True
    """
    key = read_key(path)
    files = [Path(share) for share in shares]
    if not 2 <= len(files) <= MOST_SHARES:
        raise BadInput(f"a key is split into 2 to {MOST_SHARES} shares, not {len(files)}; name a file for each agency")
    if len({file.absolute() for file in files}) < len(files):
        raise BadInput("two shares have the same file name; each agency gets a file of its own")
    for file in files:
        check_name(file)
    parts = [secrets.token_bytes(N_BYTES) for _ in files[1:]]
    parts.append(_combined([key._secret, *parts]))
    for number, (file, part) in enumerate(zip(files, parts, strict=True), start=1):
        entries = {
            "format": SHARE_FORMAT,
            "project": key.project,
            "made_by": f"mse {versions()['mse']}",
            "fingerprint": key.fingerprint,
            "seal": key.seal,
            "share": number,
            "of": len(files),
            "bytes": part.hex(),
        }
        write_once(file, (json.dumps(entries, indent=2) + "\n").encode("ascii"))
    return key


def join_key(shares: Sequence[str | Path], *, out: str | Path) -> Key:
    """Make a key again from all of its shares, in any order.

    Parameters
    ----------
    shares : sequence of str or Path
    out : str or Path
        The key file to write; it must not exist.

    Raises
    ------
    BadInput
        If a share is missing, given twice, damaged, readable by others, or of another key, or the key is recorded as
        destroyed or lost beside a share or the new file.
    """
    out = Path(out)
    check_name(out)
    files = [Path(share) for share in shares]
    found = [_share_of(file) for file in files]
    if not found:
        raise BadInput("no share was given; give the files that `mse key split` wrote")
    if len({entries["fingerprint"] for entries in found}) > 1:
        told = "; ".join(f"{file}: {share['fingerprint'][:12]}" for file, share in zip(files, found, strict=True))
        raise BadInput(f"the shares are of different keys ({told}); give the shares of one key")
    first = found[0]
    numbers = sorted(entries["share"] for entries in found)
    if any(entries["of"] != first["of"] or entries["project"] != first["project"] for entries in found):
        raise BadInput(f"the shares do not belong to one splitting of the key; {ASK}")
    if numbers != list(range(1, first["of"] + 1)):
        given = ", ".join(map(str, numbers))
        raise BadInput(
            f"share {given} of {first['of']} was given; a key is made again from all of its shares, each once"
        )
    check_not_ended(first["fingerprint"], [path.absolute().parent for path in (*files, out)])
    try:
        key = Key(first["project"], _combined([bytes.fromhex(entries["bytes"]) for entries in found]))
    except BadInput:
        key = None
    if key is None or (key.fingerprint, key.seal) != (first["fingerprint"], first["seal"]):
        raise BadInput(f"the shares do not make the key that they name: one of them was changed; {ASK}")
    write_once(out, key_file(key))
    return key


def _share_of(path: Path) -> dict[str, Any]:
    entries = key_entries(path)
    if entries["format"] != SHARE_FORMAT:
        raise BadInput(f"{path} is a whole key and not a share; `mse key join` takes what `mse key split` wrote")
    check_owner_only(path)
    numbers = (entries.get("share"), entries.get("of"))
    if (
        set(entries) != ENTRIES
        or not all(isinstance(entries[name], str) for name in TEXTS)
        or not all(type(number) is int and 1 <= number <= MOST_SHARES for number in numbers)
        or not isinstance(entries["bytes"], str)
        or not HEX.fullmatch(entries["bytes"])
    ):
        raise BadInput(f"the share {path} was changed or cut after it was written; {ASK}")
    return entries


def _combined(parts: Sequence[bytes]) -> bytes:
    """Exclusive or of all parts."""
    whole = 0
    for part in parts:
        whole ^= int.from_bytes(part, "big")
    return whole.to_bytes(N_BYTES, "big")
