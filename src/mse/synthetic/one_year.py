"""The year 2020: one list for each agency row of KOM's report, and UDI, UNE, IOM and the police."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mse.synthetic.encounters import Encounters, meet
from mse.synthetic.identities import IDENTITY, age_group, identify
from mse.synthetic.layouts import Layout
from mse.synthetic.minors import minors_2020
from mse.synthetic.norway import SyntheticList, SyntheticNorway, list_of, marked
from mse.synthetic.police import reports
from mse.synthetic.population import draw_population, read_packaged
from mse.synthetic.recording import quality_of, write_down
from mse.synthetic.rules import rules_2020
from mse.synthetic.study_file import study_text

__all__ = ["layouts_2020", "simulate_2020"]

YEAR = 2020
PERIOD = (date(2020, 1, 1), date(2020, 12, 31))
# One stream of random numbers for each part, so that a change in one part leaves the others as they were.
PEOPLE, MEETINGS, IDENTITIES, POLICE, MINORS, LISTS = range(6)


def simulate_2020(*, true_n: int, seed: int) -> SyntheticNorway:
    """The persons and lists of 2020; see `simulate_norway`."""
    rules, facts, assumed = rules_2020()
    population = draw_population(true_n, year=YEAR, rng=np.random.default_rng([seed, PEOPLE]))
    met = meet(
        population,
        rules,
        facts,
        year=YEAR,
        earlier_but_new_here=assumed["earlier_but_new_here"],
        rng=np.random.default_rng([seed, MEETINGS]),
    )
    identities = identify(met.persons, rng=np.random.default_rng([seed, IDENTITIES]))
    persons = _persons(met, identities)
    lists = {
        layout.name: _list(layout, met, persons, np.random.default_rng([seed, LISTS, number]), seed)
        for number, layout in enumerate(layouts_2020())
    }
    minors, minor_lists = minors_2020(
        _minor_layouts(), lists["police"], PERIOD, rng=np.random.default_rng([seed, MINORS])
    )
    paths = {name: one.path for name, one in lists.items()}
    texts = {"study.toml": study_text(read_packaged("layouts_2020.toml")["study"], paths, PERIOD, "norway-2020")}
    return SyntheticNorway(
        scenario="2020",
        true_n=true_n,
        seed=seed,
        persons=_persons_file(persons, met),
        lists=lists,
        minors=minors,
        minor_lists=minor_lists,
        n_redrawn=met.n_redrawn,
        texts=texts,
    )


@cache
def layouts_2020() -> tuple[Layout, ...]:
    """The list files of 2020, in the order of `layouts_2020.toml`."""
    raw = read_packaged("layouts_2020.toml")
    return tuple(Layout.of(spec, raw["definitions"]) for spec in raw["register"])


def _minor_layouts() -> tuple[Layout, ...]:
    raw = read_packaged("layouts_2020.toml")
    return tuple(Layout.of(spec, raw["definitions"]) for spec in raw["minors"])


def _persons(met: Encounters, identities: pd.DataFrame) -> pd.DataFrame:
    persons = met.persons.join(identities)
    persons.insert(0, "person", [f"A{number:04d}" for number in range(1, len(persons) + 1)])
    persons["age_group"] = [age_group(born, on=date(YEAR, 7, 1)) for born in persons["birth_date"]]
    return persons


def _persons_file(persons: pd.DataFrame, met: Encounters) -> pd.DataFrame:
    n_lists = pd.Series(0, index=persons.index)
    for own in met.states.values():
        n_lists[own.index] += 1
    columns = ["person", *IDENTITY, "sex", "age_group", "nationality", "region", "form", "form_of_service"]
    columns += ["legal_track", "from_reflection", "place", "identification", "city", "first_year"]
    shown = persons[columns].copy()
    shown["from_reflection"] = np.where(shown["from_reflection"].astype(bool), "yes", "no")
    shown["visibility"] = [f"{value:.3f}" for value in persons["visibility"]]
    shown["n_lists"] = n_lists
    return marked(shown)


def _list(layout: Layout, met: Encounters, persons: pd.DataFrame, rng: np.random.Generator, seed: int) -> SyntheticList:
    states = met.states[layout.name]
    rows = _rows_of(states, layout, rng)
    numbers = _local_ids(layout, len(rows), rng)
    extra = _extra(layout, rows, met)
    if layout.name == "police":
        own = persons.loc[states.index]
        filed = reports(
            own, met.forms["police"].loc[states.index], year=YEAR, rng=np.random.default_rng([seed, POLICE])
        )
    written = []
    for place, person in enumerate(rows):
        traits: dict[str, str] = {str(key): str(value) for key, value in persons.loc[person].items()}
        stated = {"sex": traits["sex"], "form": str(met.forms[layout.name][person]), "region": traits["region"]}
        stated |= {"is_new": str(states[person]), "local_id": numbers[place]} | extra[place]
        if stated["form"] != "services":
            stated["form_of_service"] = ""
        if layout.name == "police":
            stated |= {"local_id": filed.loc[person, "local_id"], "district": filed.loc[person, "district"]}
        written.append(write_down(traits, layout.fields, stated, quality_of(layout.quality), year=YEAR, rng=rng))
    return list_of(layout, written, [persons.loc[person, "person"] for person in rows], PERIOD)


def _rows_of(states: "pd.Series[str]", layout: Layout, rng: np.random.Generator) -> list[int]:
    """The person of each row, in the order in which the agency wrote them down."""
    rows = [person for person, state in states.items() for _ in range(2 if state == "twice" else 1)]
    rows += rng.choice(states.index.to_numpy(), layout.twice, replace=False).tolist()
    return [int(person) for person in rng.permutation(rows)]


def _local_ids(layout: Layout, n: int, rng: np.random.Generator) -> list[str]:
    return [f"{layout.name[:1].upper()}{number}" for number in rng.permutation(np.arange(101, 101 + n))]


def _extra(layout: Layout, rows: list[int], met: Encounters) -> list[dict[str, str]]:
    """The attributes with published counts of their own, for each row."""
    values: list[Mapping[str, Any]] = [
        {key: value for key, value in part.items() if key != "rows"}
        for part in layout.extra
        for _ in range(part["rows"])
    ]
    if not values:
        return [{} for _ in rows]
    # An earlier decision under section 8-3 belongs first to those on that list of the same year.
    first = met.on("udi-reflection") if layout.name == "udi-asylum" else set()
    order = sorted(range(len(rows)), key=lambda place: rows[place] not in first)
    extra: list[dict[str, str]] = [{} for _ in rows]
    for place, value in zip(order, values, strict=True):
        extra[place] = dict(value)
    return extra
