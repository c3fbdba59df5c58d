"""KOM's published counts for 2020, as margins that a list must have.

Source: Koordineringsenheten for ofre for menneskehandel (KOM), annual report 2020, published in June 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

__all__ = ["FORM_COLUMNS", "REGION_COLUMNS", "SEX_COLUMNS", "Margins", "margins_of", "overlap_facts", "police_reports"]

SEX_COLUMNS: Mapping[str, tuple[str, ...]] = {"female": ("woman",), "male": ("man",)}
FORM_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sexual": ("sexual",),
    "labour_or_services": ("labour", "services"),
    "combined": ("several",),
    "organ": ("organ",),
    "unclear": ("not_clarified", "forced_marriage"),
}
REGION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "east_europe": ("eastern_europe",),
    "africa": ("africa",),
    "asia": ("asia",),
    "west_europe": ("western_europe",),
    "south_america": ("south_america",),
    "middle_east": ("middle_east",),
}


@dataclass(frozen=True, slots=True)
class Margins:
    """The published counts of one row; a dimension that the report does not give is empty.

    Attributes
    ----------
    total : int
    new : int or None
        New in 2020.
    sex, form, region : mapping of tuple of str to int
        Common categories, taken together, to persons.
    other_region : int
        Persons whose region the report gives only loosely or not at all.
    """

    total: int
    new: int | None
    sex: Mapping[tuple[str, ...], int]
    form: Mapping[tuple[str, ...], int]
    region: Mapping[tuple[str, ...], int]
    other_region: int


def margins_of(row: str) -> Margins:
    """The margins of one row of `kom2020_agencies.csv`, for example ``"ROSA"``."""
    values = _table("kom2020_agencies.csv").set_index("agency").loc[row]
    counts = {name: _count(values[name]) for name in values.index if name not in ("section", "unit", "note")}
    new = counts["new_2020"]
    return Margins(
        total=counts["total"] or 0,
        new=new,
        sex=_dimension(counts, SEX_COLUMNS),
        form=_dimension(counts, FORM_COLUMNS),
        region=_dimension(counts, REGION_COLUMNS),
        other_region=counts["other_or_unspecified_region"] or 0,
    )


def overlap_facts() -> pd.DataFrame:
    """The overlaps that can be read from the report, as text."""
    return _table("kom2020_overlap_facts.csv")


def police_reports() -> pd.DataFrame:
    """Reports to the police by district: 2016 to 2020, and 2020 by form."""
    return _table("kom2020_police_reports.csv")


def _dimension(counts: Mapping[str, int | None], columns: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    given = {categories: counts[name] for name, categories in columns.items()}
    if all(count is None for count in given.values()):
        return {}
    return {categories: count or 0 for categories, count in given.items()}


def _count(text: str) -> int | None:
    return int(text) if text else None


@cache
def _table(name: str) -> pd.DataFrame:
    with files("mse.synthetic").joinpath(name).open("rb") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)
