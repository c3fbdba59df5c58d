"""Files are written whole or not at all: to a temporary name in the same folder, then moved into place."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["CONFIDENTIAL", "mark_confidential", "write_bytes", "write_parts", "write_text"]

MARK = "CONFIDENTIAL.txt"
CONFIDENTIAL = "KONFIDENSIELT. Ikke for publisering. / CONFIDENTIAL. Not for publication."
CONFIDENTIAL_PAGE = """\
KONFIDENSIELT

Denne mappen holder opplysninger om personer på etaters og organisasjoners lister: kodede lister, koblinger
mellom dem, eller tabeller over hvor mange personer som står på hvilke lister. Ingen navn står her. Den som kjenner
noen på listene, kan likevel kjenne dem igjen, også i en tabell: et lavt tall er en person eller to.

- Del mappen bare med dem som etter avtalen eller vedtaket skal ha den.
- Send den ikke i åpen e-post, og legg den ikke i en åpen sky eller et kodelager.
- Slett den når formålet er oppnådd.
- Publiser det totale tallet med intervall og tabellene i rapporten, der lave tall er skjult. Ikke tabellene her.

CONFIDENTIAL

This folder holds information on persons on the lists of agencies and organisations: encoded lists, links
between them, or tables of how many persons are on which lists. No name is in it. Those who know somebody on
the lists may still recognise them, also in a table: a small count is a person or two.

- Share the folder only with those who are to have it by the agreement or the decision.
- Do not send it by open e-mail, and keep it out of open clouds and code repositories.
- Delete it when its purpose is fulfilled.
- Publish the total with its interval and the tables of the report, where small counts are hidden. Not the tables here.
"""


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


def mark_confidential(folder: Path) -> None:
    """Put a page into a folder that says, in Norwegian and English, that it is confidential, and what follows.

    Encoded lists, links and tables of capture histories are personal data or may be: the page is the same for all, so
    that they can stand in one folder.
    """
    write_text(folder / MARK, CONFIDENTIAL_PAGE)
