"""The synthetic persons before anyone has met them: exploitation, origin, residence, place and visibility."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["REGIONS", "TRAITS", "assumptions", "draw_by", "draw_population", "fill_in", "read_packaged"]

REGIONS = ("eastern_europe", "africa", "asia", "western_europe", "south_america", "middle_east")
TRAITS = (
    "sex",
    "form",
    "form_of_service",
    "region",
    "nationality",
    "legal_track",
    "from_reflection",
    "city",
    "first_year",
    "birth_year",
    "place",
    "identification",
    "visibility",
)


def read_packaged(name: str) -> dict[str, Any]:
    """A TOML file that lies beside this module, parsed."""
    return tomllib.loads(files("mse.synthetic").joinpath(name).read_text("utf-8"))


@cache
def assumptions() -> Mapping[str, Any]:
    """The assumptions about the population, from `population.toml`."""
    return read_packaged("population.toml")


def draw_population(n: int, *, year: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw adults independently of each other.

    Parameters
    ----------
    n : int
        Number of persons.
    year : int
        The year studied; ages and the year of first contact count from it.
    rng : Generator

    Returns
    -------
    DataFrame, one row per person, with the columns `TRAITS`.
    """
    empty = pd.DataFrame({name: pd.Series([None] * n, dtype=object) for name in ("sex", "form", "region")})
    return fill_in(empty, year=year, rng=rng)


def fill_in(known: pd.DataFrame, *, year: int, rng: np.random.Generator) -> pd.DataFrame:
    """Complete persons of whom some traits are given.

    Parameters
    ----------
    known : DataFrame
        Columns among ``sex``, ``form``, ``region``, ``legal_track``, ``city``, ``first_year``; gaps are drawn.
    year : int
    rng : Generator

    Returns
    -------
    DataFrame with the index of `known` and the columns `TRAITS`.
    """
    about = assumptions()
    n = len(known)

    def given(name: str, drawn: NDArray[Any]) -> NDArray[Any]:
        if name not in known:
            return drawn
        own = known[name].to_numpy(dtype=object)
        return np.where(pd.notna(own), own, drawn)

    form = given("form", _draw(about["form"], n, rng))
    woman = np.array([about["woman"][one] for one in form]) if n else np.zeros(0)
    sex = given("sex", np.where(rng.random(n) < woman, "woman", "man"))
    group = np.where(form == "sexual", "sexual", np.where(form == "labour", "labour", "other"))
    region = given("region", draw_by(about["region"], group, rng))
    nationality = draw_by(about["nationality"], region, rng)
    residence = np.where(np.isin(nationality, about["residence"]["eea"]), "eea", "third_country")
    track = given("legal_track", draw_by(about["track"], residence, rng))
    earlier = year - _draw(about["first_year"], n, rng).astype(np.int64)
    first = given("first_year", np.where(rng.random(n) < about["new_share"], year, earlier)).astype(np.int64)
    age = 18 + np.floor(rng.gamma(2.2, np.where(form == "sexual", 4.6, 6.4))).astype(np.int64)
    from_reflection = (track == "asylum") & (rng.random(n) < about["passes_to_asylum"])
    return pd.DataFrame(
        {
            "sex": sex,
            "form": form,
            "form_of_service": np.where(form == "services", _draw(about["form_of_service"], n, rng), ""),
            "region": region,
            "nationality": nationality,
            "legal_track": track,
            "from_reflection": from_reflection,
            "city": given("city", _draw(about["city"], n, rng)),
            "first_year": first,
            "birth_year": year - 1 - np.minimum(age, 62),
            "place": draw_by(about["place"], np.where(track == "asylum", "asylum", "norway"), rng),
            "identification": _draw(about["identification"], n, rng),
            "visibility": rng.normal(0.0, about["visibility_sd"], n),
        },
        index=known.index,
    )


def _draw(shares: Mapping[str, float], n: int, rng: np.random.Generator) -> NDArray[Any]:
    weights = np.array(list(shares.values()))
    edges = np.cumsum(weights / weights.sum())[:-1]
    return np.array(list(shares), dtype=object)[np.searchsorted(edges, rng.random(n), side="right")]


def draw_by(shares: Mapping[str, Mapping[str, float]], group: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """One draw for each person, from the shares of that person's group."""
    drawn = np.empty(len(group), dtype=object)
    for name, own in shares.items():
        every = _draw(own, len(group), rng)
        drawn = np.where(group == name, every, drawn)
    return drawn
