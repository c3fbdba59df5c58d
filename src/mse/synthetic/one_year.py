"""The year 2020: one list for each agency row of KOM's report, and UDI, UNE, IOM and the police."""

from collections.abc import Mapping
from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from mse.synthetic.encounters import Encounters, meet
from mse.synthetic.identities import IDENTITY, age_group, identify
from mse.synthetic.layouts import Layout
from mse.synthetic.listing import row_order, written_list
from mse.synthetic.minors import minors_2020
from mse.synthetic.norway import SyntheticList, SyntheticNorway, marked
from mse.synthetic.police import reports
from mse.synthetic.population import draw_population, read_packaged
from mse.synthetic.rules import rules_2020
from mse.synthetic.study_file import study_text

__all__ = ["layouts_of", "numbered", "people_file", "records_of", "simulate_2020"]

YEAR = 2020
PERIOD = (date(2020, 1, 1), date(2020, 12, 31))
LAYOUTS = "layouts_2020.toml"
SHOWN = (
    *("person", *IDENTITY, "sex", "age_group", "nationality", "region", "form", "form_of_service"),
    *("legal_track", "from_reflection", "place", "identification", "city", "first_year", "visibility"),
)
# One stream of random numbers for each part, so that a change in one part leaves the others as they were.
PEOPLE, MEETINGS, IDENTITIES, POLICE, MINORS, LISTS = range(6)


def simulate_2020(*, true_n: int, seed: int) -> SyntheticNorway:
    """The persons and lists of 2020; see `simulate_norway`."""
    rules, facts, assumed = rules_2020()
    met = meet(
        draw_population(true_n, year=YEAR, rng=np.random.default_rng([seed, PEOPLE])),
        rules,
        facts,
        year=YEAR,
        earlier_but_new_here=assumed["earlier_but_new_here"],
        rng=np.random.default_rng([seed, MEETINGS]),
    )
    persons = met.persons.join(identify(met.persons, rng=np.random.default_rng([seed, IDENTITIES])))
    persons = numbered(persons, on=date(YEAR, 7, 1))
    records = records_of(persons)
    lists = {}
    for number, layout in enumerate(layouts_of(LAYOUTS, "register")):
        lists[layout.name] = _list(layout, met, records, np.random.default_rng([seed, LISTS, number]), seed)
    minors, minor_lists = minors_2020(
        layouts_of(LAYOUTS, "minors"), lists["police"], PERIOD, rng=np.random.default_rng([seed, MINORS])
    )
    paths = {name: one.path for name, one in lists.items()}
    return SyntheticNorway(
        scenario="2020",
        true_n={YEAR: true_n},
        seed=seed,
        persons=people_file(persons, [own.index for own in met.states.values()]),
        lists=lists,
        minors=minors,
        minor_lists=minor_lists,
        n_redrawn=met.n_redrawn,
        texts={"study.toml": study_text(read_packaged(LAYOUTS)["study"], paths, PERIOD, name="norway-2020")},
    )


@cache
def layouts_of(file: str, part: str) -> tuple[Layout, ...]:
    """The list files that one part of a file of layouts describes, in its order."""
    raw = read_packaged(file)
    return tuple(Layout.of(spec, raw["definitions"]) for spec in raw[part])


def numbered(persons: pd.DataFrame, *, on: date) -> pd.DataFrame:
    """The persons with their number in the truth, and their age group on a day."""
    persons = persons.copy()
    persons["person"] = [f"A{number:04d}" for number in range(1, len(persons) + 1)]
    persons["age_group"] = [age_group(born, on=on) for born in persons["birth_date"]]
    return persons


def records_of(persons: pd.DataFrame) -> dict[int, dict[str, str]]:
    """Each person's identity and traits as text, by index."""
    text = persons.astype(str)
    return dict(zip(persons.index.tolist(), text.to_dict("records"), strict=True))


def people_file(persons: pd.DataFrame, lists: list["pd.Index[int]"]) -> pd.DataFrame:
    """The persons as the file shows them, with the number of lists that each is on."""
    shown = persons[list(SHOWN)].copy()
    shown["from_reflection"] = np.where(shown["from_reflection"].astype(bool), "yes", "no")
    shown["visibility"] = [f"{value:.3f}" for value in persons["visibility"]]
    n_lists = pd.Series(0, index=persons.index)
    for own in lists:
        n_lists[own] += 1
    return marked(shown.assign(n_lists=n_lists))


def _list(
    layout: Layout, met: Encounters, persons: Mapping[int, Mapping[str, str]], rng: np.random.Generator, seed: int
) -> SyntheticList:
    states = met.states[layout.name]
    order = row_order(states, layout, rng)
    stated = [{"form": str(met.forms[layout.name][one]), "is_new": str(states[one])} for one in order]
    for known, more in zip(stated, _extra(layout, order, met), strict=True):
        known |= more
    if layout.name == "police":
        form = met.forms["police"].loc[states.index]
        filed = reports(met.persons.loc[states.index], form, year=YEAR, rng=np.random.default_rng([seed, POLICE]))
        for known, one in zip(stated, order, strict=True):
            known |= {key: str(filed[key][one]) for key in ("local_id", "district")}
    return written_list(layout, order, persons, stated, PERIOD, rng=rng)


def _extra(layout: Layout, order: list[int], met: Encounters) -> list[dict[str, str]]:
    """The attributes with published counts of their own, for each row."""
    values = [
        {key: str(value) for key, value in part.items() if key != "rows"}
        for part in layout.extra
        for _ in range(part["rows"])
    ]
    extra: list[dict[str, str]] = [{} for _ in order]
    # An earlier decision under section 8-3 belongs first to those on that list of the same year.
    first = met.on("udi-reflection") if layout.name == "udi-asylum" else set()
    places = sorted(range(len(order)), key=lambda place: order[place] not in first)
    for place, value in zip(places, values, strict=False):
        extra[place] = value
    return extra
