"""Commands for the life of a key: made, split and joined, destroyed, or reported lost."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mse.cli.printing import say

__all__ = ["destroy", "join", "lost", "new", "split"]

ON = typer.Option("--on", formats=["%Y-%m-%d"], help="The day, for the record: 2027-01-31.")
BOOK = "mse-keys.json"
OTHER_COPIES = (
    "Its place on the disk was overwritten. A solid-state disk, a backup or a folder that is copied to a server may "
    "still hold it: see to those as well."
)


def new(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    project: Annotated[str, typer.Option(help="Name of the study that the key is for.")],
) -> None:
    """Make a new random key in a file that only its owner can read."""
    from mse.pseudonyms import new_key

    key = new_key(path, project=project)
    say(f"wrote {path}: the key of project {key.project}, fingerprint {key.fingerprint[:12]}")
    say("Only the agencies of this project may have it. Send it apart from the lists, never to the linkage unit.")


def split(
    path: Annotated[Path, typer.Argument(help="The key file.")],
    shares: Annotated[list[Path], typer.Argument(help="Files to write, one for each agency; two or more.")],
) -> None:
    """Split a key into shares that make it only all together, so that no agency can use it alone."""
    from mse.pseudonyms import split_key

    key = split_key(path, shares)
    for share in shares:
        say(f"wrote {share}")
    say(f"The key {key.fingerprint[:12]} is made again from all {len(shares)} shares with `mse key join`.")
    say(f"Remove the whole key with `mse key destroy {path} --copy --yes` when each agency has its share.")


def join(
    shares: Annotated[list[Path], typer.Argument(help="All shares that `mse key split` wrote, in any order.")],
    out: Annotated[Path, typer.Option(help="Key file to write; it must not exist.")],
) -> None:
    """Make a key again from all of its shares."""
    from mse.pseudonyms import join_key

    key = join_key(shares, out=out)
    say(f"wrote {out}: the key of project {key.project}, fingerprint {key.fingerprint[:12]}")
    say(f"Remove it with `mse key destroy {out} --copy --yes` when the lists are encoded; the shares remain.")


def destroy(
    path: Annotated[Path, typer.Argument(help="Key file or share.")],
    on: Annotated[datetime | None, ON] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Only this copy: the key lives on, nothing is recorded.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is touched.")] = False,
) -> None:
    """Overwrite and remove a key, and record it: no list is encoded with it again."""
    from mse.errors import BadInput
    from mse.pseudonyms import destroy_key

    if on is None and not copy:
        raise BadInput("the day of the destruction is not given; write it for the record, as in --on 2027-01-31")
    if not yes:
        raise BadInput(f"{path} is not touched yet; a destroyed key cannot be had back, so say --yes to destroy it")
    end = destroy_key(path, on=(on or datetime.min).date(), copy=copy)
    say(f"removed {path}, the key {end.fingerprint[:12]} of project {end.project}. {OTHER_COPIES}")
    if not copy:
        say(f"recorded in {path.parent / BOOK}: no list is encoded with this key in this folder again")


def lost(
    path: Annotated[Path, typer.Argument(help="The key file, a share, or any list (.mse) encoded with the key.")],
    on: Annotated[datetime, ON],
) -> None:
    """Record that a key is lost, or that somebody may have copied it."""
    from mse.pseudonyms import report_lost

    end = report_lost(path, on=on.date())
    say(f"recorded in {path.parent / BOOK}: the key {end.fingerprint[:12]} of project {end.project} is lost")
    say(
        "Tell the linkage unit to delete the lists that were encoded with it. Let one agency make a new key with "
        "`mse key new`; every agency encodes its list again with that one."
    )
