"""Linkage study: lists of invented persons with errors and missing values, linked as if nobody knew the truth.

What is asked: does the interval of distinct persons hold their true number, and what does linkage do to N? The latter
is judged by the estimate of independent lists against the same estimate under the true partition, which is right but
for linkage where the lists are independent, and compares like with like where they are not. All methods get the same
records, those that are not left out as too scarce, and the encodings are of the same lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from mse.errors import BadInput
from mse.progress import progress
from mse.provenance import versions
from simulations import linkage_exact, linkage_ours, linkage_splink
from simulations.linkage_data import DataSet, Encoding, data_set
from simulations.linkage_lists import Setting
from simulations.linkage_scores import TRUTH_COLUMNS
from simulations.rows import Row, Rows

__all__ = ["METHODS", "SETTINGS", "Linked", "asked", "discard_others", "methods_of", "row", "rows_of", "run"]

SEED = 20215
CHUNK = 1
DEPENDENCE = {"visible": 0.3, "visibility": 3.0, "referred": 0.25}
SPARSE = {"n_persons": 5000, "n_lists": 5, "list_size": 300}
LARGE = {"n_persons": 6000, "n_lists": 5, "list_size": 2000}
# The place of a line is part of the seed of its data sets: add at the end.
LISTS = (
    Setting("sparse-10", **SPARSE, missing=0.10),
    Setting("sparse-30", **SPARSE, missing=0.30),
    Setting("large-10", **LARGE, missing=0.10),
    Setting("large-30", **LARGE, missing=0.30),
    Setting("sparse-10-dependent", **SPARSE, missing=0.10, **DEPENDENCE),
    Setting("sparse-30-dependent", **SPARSE, missing=0.30, **DEPENDENCE),
    Setting("large-10-dependent", **LARGE, missing=0.10, **DEPENDENCE),
    Setting("large-30-dependent", **LARGE, missing=0.30, **DEPENDENCE),
)
SUFFIXES: Mapping[Encoding, str] = {"plain": "", "bloom": "-bloom", "match_keys": "-keys"}


@dataclass(frozen=True)
class Linked:
    """Lists under one encoding."""

    lists: Setting
    encoding: Encoding

    @property
    def name(self) -> str:
        return self.lists.name + SUFFIXES[self.encoding]

    def data_set(self, number: int) -> DataSet:
        """The lists of this number are those of all encodings."""
        rng = np.random.default_rng([SEED, LISTS.index(self.lists), number])
        return data_set(self.lists.lists(rng), self.encoding)


SETTINGS = {setting.name: setting for setting in (Linked(lists, own) for own in SUFFIXES for lists in LISTS)}


class Maker(Protocol):
    def __call__(self, data: DataSet, *, seed: int) -> Row: ...


@dataclass(frozen=True)
class Method:
    """How the rows of a method are made, and what they depend on beside the lists."""

    row: Maker
    columns: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    encodings: tuple[Encoding, ...] = tuple(SUFFIXES)


METHODS = {
    "ours": Method(
        linkage_ours.row, linkage_ours.COLUMNS, {"n_draws": linkage_ours.N_DRAWS, "sampler": linkage_ours.SAMPLER}
    ),
    "splink": Method(
        linkage_splink.row, linkage_splink.COLUMNS, {name: versions()[name] for name in ("splink", "duckdb")}
    ),
    "exact": Method(linkage_exact.row, linkage_exact.COLUMNS, encodings=("plain", "match_keys")),
}


def methods_of(setting: str) -> list[str]:
    """The methods that can link these lists: no two filters of a name are equal."""
    encoding = _known("setting", setting, SETTINGS).encoding
    return [name for name, method in METHODS.items() if encoding in method.encodings]


def asked(setting: str) -> int:
    """Data sets of a complete run: most of filters, the best encoding, and where a data set says little."""
    encoding, is_sparse = SETTINGS[setting].encoding, setting.startswith("sparse")
    if encoding == "match_keys":
        return 3
    if is_sparse:
        return 50
    return 10 if encoding == "bloom" else 3


def rows_of(setting: str, method: str, folder: Path) -> Rows:
    """The file of one setting and method."""
    about, own = _known("setting", setting, SETTINGS), _known("method", method, METHODS)
    settings = {
        **{"study": "linkage", "seed": SEED, "encoding": about.encoding, "method": method},
        **own.settings,
        **vars(about.lists),
    }
    return Rows(folder / "linkage" / method / f"{setting}.csv", (*TRUTH_COLUMNS, *own.columns), settings)


def run(
    settings: Sequence[str],
    folder: Path,
    *,
    methods: Sequence[str] = tuple(METHODS),
    data_sets: int | None = None,
    n_jobs: int = 1,
) -> None:
    """Complete the files of these settings and methods up to a number of data sets, or those asked."""
    for method in methods:
        _known("method", method, METHODS)
    for setting in settings:
        for method in [name for name in methods_of(setting) if name in methods]:
            total = asked(setting) if data_sets is None else data_sets
            with progress(f"{setting}, {method}", total=total) as bar:
                rows = rows_of(setting, method, folder)
                rows.complete(
                    partial(row, setting, method), range(total), chunk=max(CHUNK, n_jobs), n_jobs=n_jobs, bar=bar
                )


def discard_others(settings: Sequence[str], folder: Path, *, methods: Sequence[str] = tuple(METHODS)) -> list[Path]:
    """Delete the rows that were made with other settings than today's, such as another sampler; which files."""
    files = [rows_of(setting, method, folder) for setting in settings for method in methods]
    others = [rows.path for rows in files if rows.path.exists() and not rows.is_of_these_settings()]
    for path in others:
        path.unlink()
    return others


def row(setting: str, method: str, number: int) -> Row:
    """Link one data set and hold it against its truth."""
    return METHODS[method].row(SETTINGS[setting].data_set(number), seed=number)


def _known[Value](what: str, name: str, known: Mapping[str, Value]) -> Value:
    if name not in known:
        raise BadInput.option(what, name, known)
    return known[name]
