"""Names, dates of birth and numbers of the synthetic persons: none is meant to be a real person's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.identifiers import synthetic_number
from mse.synthetic.population import assumptions, read_packaged

__all__ = ["IDENTITY", "Origin", "age_group", "identify", "origins"]

IDENTITY = ("given_name", "family_name", "alias", "birth_date", "fnr", "d_number", "duf")
SYNTHETIC_DUF = "2099"
AGE_GROUPS = ((12, "under_12"), (18, "12-17"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (200, "45_and_over"))


@dataclass(frozen=True, slots=True)
class Origin:
    """The names of one country: pools with the commonest first, and how they are put together and misspelt."""

    code: str
    name: str
    style: str
    women: tuple[str, ...]
    men: tuple[str, ...]
    family: tuple[str, ...]
    woman_ending: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]


@cache
def origins() -> Mapping[str, Origin]:
    """The name pools of `names.toml` by country code."""
    found = {}
    for code, raw in read_packaged("names.toml").items():
        men = tuple(raw["men"].split())
        found[code] = Origin(
            code=code,
            name=raw["name"],
            style=raw["style"],
            women=tuple(raw["women"].split()),
            men=men,
            family=tuple(raw["family"].split()) or men,
            woman_ending=tuple((old, new) for old, new in raw.get("woman_ending", [])),
            rules=tuple((old, new) for old, new in raw["rules"]),
        )
    return found


def identify(persons: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Give every person a name, a date of birth and the numbers that authorities would have made.

    Parameters
    ----------
    persons : DataFrame
        With ``sex``, ``form``, ``nationality``, ``legal_track`` and ``birth_year``.
    rng : Generator

    Returns
    -------
    DataFrame with the same index and the columns `IDENTITY`; what a person does not have is "".
    """
    rows = []
    taken: set[str] = set()
    traits = (persons[name].tolist() for name in ("sex", "form", "nationality", "legal_track", "birth_year"))
    for sex, form, nationality, track, birth_year in zip(*traits, strict=True):
        origin = origins()[nationality]
        given = _pick(origin.women if sex == "woman" else origin.men, rng)
        family = _family(origin, given, sex, rng)
        born = _birth_date(int(birth_year), origin, rng)
        rows.append(
            (
                given,
                family,
                _alias(origin, given, sex, form, rng),
                born.isoformat(),
                *_numbers(born, track, nationality, taken, rng),
            )
        )
    return pd.DataFrame(rows, index=persons.index, columns=list(IDENTITY), dtype=object)


def age_group(born: str, *, on: date) -> str:
    """The common age group on a day of someone born on an ISO date.

    >>> age_group("2002-03-01", on=date(2020, 2, 29))
    '12-17'
    """
    day = date.fromisoformat(born)
    age = on.year - day.year - ((on.month, on.day) < (day.month, day.day))
    return next(name for below, name in AGE_GROUPS if age < below)


def _pick(pool: tuple[str, ...], rng: np.random.Generator) -> str:
    """One name, the k-th with a frequency in proportion to 1 / (k + 1)."""
    weights = _zipf(len(pool))
    return pool[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]


@cache
def _zipf(n: int) -> NDArray[np.float64]:
    return np.cumsum(1.0 / np.arange(2, n + 2))


def _family(origin: Origin, given: str, sex: str, rng: np.random.Generator) -> str:
    family = _pick(origin.family, rng)
    while family == given:
        family = _pick(origin.family, rng)
    if sex == "woman":
        for old, new in origin.woman_ending:
            if family.endswith(old):
                family = family.removesuffix(old) + new
                break
    if origin.style == "double" and rng.random() < assumptions()["double_family_name"]:
        second = _pick(origin.family, rng)
        family = family if second == family else f"{family} {second}"
    return family


def _alias(origin: Origin, given: str, sex: str, form: str, rng: np.random.Generator) -> str:
    share = assumptions()["alias_share"]
    if rng.random() >= share.get(form, share["other"]):
        return ""
    other = _pick(origin.women if sex == "woman" else origin.men, rng)
    return "" if other == given else other


def _birth_date(year: int, origin: Origin, rng: np.random.Generator) -> date:
    about = assumptions()
    heap = about["new_years_day_origins"].get(origin.code, about["new_years_day"][origin.style])
    day = date(year, 1, 1) + timedelta(days=int(rng.integers(365)))
    return date(year, 1, 1) if rng.random() < heap else day


def _numbers(
    born: date, track: str, nationality: str, taken: set[str], rng: np.random.Generator
) -> tuple[str, str, str]:
    """The person's fnr, D-number and DUF number, each "" where the authority has made none."""
    shares = assumptions()["identifiers"]
    has_fnr = rng.random() < shares["fnr"].get(track, shares["fnr"]["other"])
    has_d = rng.random() < shares["d_number"].get(track, shares["d_number"]["other"])
    duf_share = shares["duf"].get(track, shares["duf"]["other"])
    if nationality in assumptions()["residence"]["eea"]:
        duf_share = min(duf_share, shares["duf_eea"])
    has_duf = rng.random() < duf_share
    dated = born
    if rng.random() < shares["d_number_of_another_day"]:
        dated = born + timedelta(days=int(rng.integers(1, 28)))
    fnr = _unused(born, taken, rng, d_number=False) if has_fnr else ""
    d_number = _unused(dated, taken, rng, d_number=True) if has_d and not has_fnr else ""
    duf = f"{SYNTHETIC_DUF}{int(rng.integers(10**8)):08d}" if has_duf else ""
    return fnr, d_number, duf


def _unused(born: date, taken: set[str], rng: np.random.Generator, *, d_number: bool) -> str:
    # The serial numbers that are right for a birth in the 1900s, or from 2000 on.
    low, high = (0, 500) if born.year < 2000 else (500, 1000)
    while True:
        number = synthetic_number(born, int(rng.integers(low, high)), d_number=d_number)
        if number is not None and number not in taken:
            taken.add(number)
            return number
