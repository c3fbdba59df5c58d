"""Commands that run at an agency: a key for the project, and a list without names."""

from pathlib import Path
from typing import Annotated

import typer

from mse.cli.printing import say

__all__ = ["encode_list", "new"]


def new(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    project: Annotated[str, typer.Option(help="Name of the study that the key is for.")],
) -> None:
    """Make a new random key in a file that only its owner can read."""
    from mse.pseudonyms import new_key

    key = new_key(path, project=project)
    say(f"wrote {path}: the key of project {key.project}, fingerprint {key.fingerprint[:12]}")
    say("Only the agencies of this project may have it. Send it apart from the lists, never to the linkage unit.")


def encode_list(
    path: Annotated[Path, typer.Argument(help="The list: CSV, Excel or Parquet, with its codebook (TOML) beside it.")],
    key: Annotated[Path, typer.Option(help="The project's key file.")],
    codebook: Annotated[Path | None, typer.Option(help="The codebook, when it is not beside the list.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; by default beside the list, ending in .mse.")] = None,
    set_aside: Annotated[bool, typer.Option(help="Leave rows that cannot be read aside instead of stopping.")] = False,
) -> None:
    """Replace the names and numbers of a list by keyed tokens, so that it can leave the building."""
    from mse.pseudonyms import encode, read_key
    from mse.registers import read_register

    register = read_register(path, codebook=codebook, unreadable="set_aside" if set_aside else "refuse")
    secret = read_key(key)
    encoded = encode(register, key=secret, project=secret.project)
    target = out if out is not None else path.with_suffix(".mse")
    encoded.write(target)
    for note in register.notes:
        say(note)
    for problem in register.problems:
        say(f"set aside: {problem}")
    say(f"wrote {target}: {len(encoded)} records of {len(register)} rows, key {secret.fingerprint[:12]}, no name in it")
