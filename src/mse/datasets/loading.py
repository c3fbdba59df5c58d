"""Load a published table: look it up in the index, verify its checksum, hand on capture histories."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Any

import pandas as pd

from mse import provenance
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories, read_histories

__all__ = ["Dataset", "dataset", "dataset_names", "describe_datasets", "load_dataset"]

COUNT = "count"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known about one published table.

    Attributes
    ----------
    name, title, kind : str
        `kind` is the field it comes from: trafficking, human rights, epidemiology, ecology ...
    lists, covariates : tuple of str
    n_observed : int
        Persons on at least one list, summed over the covariates.
    citation, doi, url : str
        The publication; `doi` and `url` may be empty.
    taken_from : str
        Where the counts were copied from.
    note : str
        What the reader must know, such as which of two versions this is.
    sha256 : str
        SHA-256 of the file's bytes.
    ordered_occasions : bool
        Whether the columns are occasions in time order and not agencies.
    covariates_with_missing_values : tuple of str
        Covariates that cannot define strata, since they are missing for some persons.
    """

    name: str
    title: str
    kind: str
    lists: tuple[str, ...]
    covariates: tuple[str, ...]
    n_observed: int
    citation: str
    doi: str
    url: str
    taken_from: str
    note: str
    sha256: str
    ordered_occasions: bool = False
    covariates_with_missing_values: tuple[str, ...] = ()


def load_dataset(name: str, *, covariates: Sequence[str] | None = None) -> CaptureHistories:
    """Load one of the published capture-history tables.

    Parameters
    ----------
    name : str
        One of `dataset_names()`.
    covariates : sequence of str, optional
        Covariates whose combinations become the strata. None sums over all of them.

    Returns
    -------
    CaptureHistories
        Its `provenance` holds citation, DOI and checksum, its `notes` which version of the table it is.

    Raises
    ------
    BadInput
        For an unknown name or covariate, and for a file that was changed since it was shipped.
    Refused
        For a covariate that is missing for some persons.

    References
    ----------
    Silverman (2020), doi:10.1111/rssa.12505, and the publication of each table in `describe_datasets()`.

    Examples
    --------
    >>> load_dataset("UKdat_5")
    CaptureHistories of 2,744 persons on LA, NG, PFNCA, GO, GP
    >>> load_dataset("spina", covariates=["eth"]).strata
    ('afro-american', 'caucasian', 'other')
    """
    about = dataset(name)
    chosen = _chosen_covariates(about, covariates)
    content = (files("mse.datasets") / "tables" / f"{name}.csv").read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != about.sha256:
        raise BadInput(
            f"the table {name} was changed after it was shipped: its SHA-256 is {found} and must be {about.sha256}; "
            "install the package again"
        )
    # Text throughout: pandas would read the New Zealand column values NA as missing and 0/1 as floats.
    frame = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    frame[COUNT] = frame[COUNT].astype("int64")
    summed = frame.groupby([*about.lists, *chosen], sort=False)[COUNT].sum().reset_index()
    table = read_histories(summed, covariates=chosen)
    return replace(
        table,
        notes=(*((f"{name}: {about.note}",) if about.note else ()), *table.notes),
        provenance=provenance.record(
            input_sha256=about.sha256,
            options={"dataset": name, "covariates": list(chosen), "citation": about.citation, "doi": about.doi},
        ),
    )


def dataset(name: str) -> Dataset:
    """What is known about one table: its title, lists, citation, checksum."""
    if name not in _index():
        raise BadInput.unknown("dataset", name, _index())
    return _index()[name]


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` knows."""
    return tuple(_index())


def describe_datasets() -> pd.DataFrame:
    """One row per table: name, title, kind, lists, covariates, persons, citation, checksum and note.

    Returns
    -------
    DataFrame
        The columns are the attributes of `Dataset`; names of lists and covariates are joined by commas.

    Examples
    --------
    >>> describe_datasets().set_index("name").loc["Korea", "n_observed"].item()
    123
    """
    names = [field.name for field in fields(Dataset)]
    rows = [[_told(getattr(about, name)) for name in names] for about in _index().values()]
    return pd.DataFrame(rows, columns=names)


def _told(value: object) -> object:
    return ", ".join(value) if isinstance(value, tuple) else value


def _chosen_covariates(about: Dataset, covariates: Sequence[str] | None) -> tuple[str, ...]:
    chosen = (covariates,) if isinstance(covariates, str) else tuple(covariates or ())
    for name in chosen:
        if name not in about.covariates:
            raise BadInput.unknown(f"covariate of {about.name}", name, about.covariates)
        if name in about.covariates_with_missing_values:
            raise Refused(
                f"covariate {name!r} of {about.name} is missing for some persons, and strata need a value for "
                f"everybody; load_dataset({about.name!r}) sums over it"
            )
    return chosen


@cache
def _index() -> Mapping[str, Dataset]:
    text = (files("mse.datasets") / "index.toml").read_text("utf-8")
    return MappingProxyType({name: _entry(name, entry) for name, entry in tomllib.loads(text).items()})


def _entry(name: str, entry: Mapping[str, Any]) -> Dataset:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Dataset(name=name, **values)
