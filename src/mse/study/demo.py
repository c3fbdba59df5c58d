"""The demonstration: the synthetic Norwegian lists of 2020 and a key that everybody may know."""

import hashlib
import tomllib
from pathlib import Path

from mse.errors import BadInput
from mse.pseudonyms import Key
from mse.pseudonyms.key import key_file
from mse.synthetic import COMMITTED_SEED, simulate_norway
from mse.writing import write_bytes

__all__ = ["write_demo"]

STUDY, RESULTS = "study.toml", "results"
WRITTEN = ("SYNTHETIC", "minors", STUDY, RESULTS, ".")
MADE_BY = "mse demo: SYNTHETIC, public, for no real list"
PUBLIC = b"SYNTHETIC: the public key of the demonstration; a real list is never encoded with it"


def write_demo(folder: Path) -> Path:
    """Write the synthetic lists of 2020, their study file and a public key.

    Returns
    -------
    Path
        The study file.

    Raises
    ------
    BadInput
        When the folder holds something else.
    """
    if folder.exists() and (not folder.is_dir() or any(not path.name.startswith(WRITTEN) for path in folder.iterdir())):
        raise BadInput(f"{folder} holds other files; name a new or empty folder for the demonstration")
    simulate_norway(seed=COMMITTED_SEED, out=folder)
    study = folder / STUDY
    declared = tomllib.loads(study.read_text("utf-8"))["study"]
    key = Key(declared["project"], hashlib.sha256(PUBLIC).digest())
    write_bytes(folder / declared["key"], key_file(key, made_by=MADE_BY), owner_only=True)
    return study
