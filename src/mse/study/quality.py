"""Finished links of synthetic lists held against the truth, which nothing else in a study opens."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mse.errors import BadInput
from mse.linkage import linkage_quality
from mse.links import Links
from mse.study.stage import as_json
from mse.writing import write_text

__all__ = ["read_quality", "write_quality"]


def write_quality(folder: Path, links: Links, agency_only: Path, truth: Path) -> None:
    """Precision, recall and the true number of persons on the lists."""
    id_maps = {path.stem: pd.read_csv(path, dtype=str) for path in sorted(agency_only.glob("*.csv"))}
    missing = [name for name in links.lists if name not in id_maps]
    if missing:
        raise BadInput(
            f"the registers {', '.join(missing)} came encoded, so their rows are not known and the links cannot be "
            "held against the truth; leave truth out of the study file"
        )
    try:
        persons = pd.read_csv(truth, dtype=str)
    except ValueError:
        raise BadInput(f"{truth}: the truth cannot be read as CSV in UTF-8") from None
    about = asdict(linkage_quality(links, persons, id_maps=id_maps))
    write_text(folder / "quality.json", as_json(about))


def read_quality(folder: Path) -> dict[str, float]:
    """The numbers of `write_quality`, without the interval of distinct persons that the study has anyway."""
    about = json.loads((folder / "quality.json").read_text("utf-8"))
    return {name: value for name, value in about.items() if isinstance(value, (int, float))}
