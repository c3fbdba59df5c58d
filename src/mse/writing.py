"""Files are written whole or not at all: to a temporary name in the same folder, then moved into place."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["write_bytes", "write_parts", "write_text"]


def write_bytes(path: Path, content: bytes, *, owner_only: bool = False) -> None:
    """Replace a file in one step; after a kill at any moment the path holds the old bytes or the new ones.

    Parameters
    ----------
    path : Path
    content : bytes
    owner_only : bool
        Whether only the owner may read the file (mode 0600), as for a key.
    """
    write_parts(path, [content], owner_only=owner_only)


def write_parts(path: Path, parts: Iterable[bytes], *, owner_only: bool = False) -> None:
    """Replace a file in one step by parts that are made one after the other, for what is too large for the memory.

    Parameters
    ----------
    path : Path
    parts : iterable of bytes
    owner_only : bool
        Whether only the owner may read the file (mode 0600), as for a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        if not owner_only:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step, UTF-8 with Unix line ends."""
    write_bytes(path, text.encode("utf-8"))
