"""The years 2017 to 2022: the merged lists year by year, persons who stay, and the arrival from Ukraine in 2022."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from mse.synthetic.encounters import Encounters, meet
from mse.synthetic.identities import identify
from mse.synthetic.listing import row_order, written_list
from mse.synthetic.minors import minors_from_ukraine
from mse.synthetic.norway import SyntheticList, SyntheticNorway
from mse.synthetic.one_year import layouts_of, numbered, people_file, records_of
from mse.synthetic.population import TRAITS, draw_by, draw_population, fill_in, read_packaged
from mse.synthetic.published import Margins, police_reports
from mse.synthetic.rules import ListRule
from mse.synthetic.study_file import study_text

__all__ = ["YEARS", "published_totals", "simulate_six_years"]

YEARS = range(2017, 2023)
UKRAINE_YEAR = 2022
FILE = "years_2017_2022.toml"
PEOPLE, MEETINGS, IDENTITIES, MINORS, LISTS, SIZES = range(6)


def simulate_six_years(*, true_n: int, seed: int) -> SyntheticNorway:
    """The persons and lists of 2017 to 2022; see `simulate_norway`."""
    about = read_packaged(FILE)
    people, present = _population(about, true_n, seed)
    met = _meetings(about, people, present, seed)
    identified = people.join(identify(people, rng=np.random.default_rng([seed, IDENTITIES])))
    identified = numbered(identified, on=date(UKRAINE_YEAR, 7, 1))
    lists: dict[str, SyntheticList] = {}
    texts = {}
    for year in YEARS:
        own = _lists_of(about, year, met, identified, seed)
        lists |= own
        texts[f"{year}/study.toml"] = _study(about, year, own)
    minors, minor_lists = minors_from_ukraine(
        layouts_of(FILE, "minors")[0],
        about["assumed"]["ukraine_minors"],
        _period(UKRAINE_YEAR),
        rng=np.random.default_rng([seed, MINORS]),
    )
    shown = people_file(identified, [state.index for own in met.values() for state in own.states.values()])
    for year in YEARS:
        shown[f"in_{year}"] = np.where(identified.index.isin(present[year].index), "yes", "no")
    return SyntheticNorway(
        scenario="2017-2022",
        true_n={year: len(present[year]) for year in YEARS},
        seed=seed,
        persons=shown,
        lists=lists,
        minors=minors,
        minor_lists=minor_lists,
        n_redrawn=sum(own.n_redrawn for own in met.values()),
        texts=texts,
    )


def published_totals() -> Mapping[tuple[str, int], int]:
    """Persons on a list in a year, where a published figure is taken for it."""
    about = read_packaged(FILE)
    totals = {
        (spec["name"], int(year)): int(count)
        for spec in about["list"]
        for year, count in spec.get("totals", {}).items()
    }
    reports = police_reports().set_index("district").loc["Total"]
    return totals | {("police", year): int(str(reports[str(year)])) for year in YEARS if str(year) in reports.index}


def _population(about: Mapping[str, Any], true_n: int, seed: int) -> tuple[pd.DataFrame, dict[int, pd.DataFrame]]:
    """Everyone as they first were, and those present in each year as they were then."""
    assumed = about["assumed"]
    rng = np.random.default_rng([seed, PEOPLE])
    first = draw_population(true_n, year=YEARS[0], rng=rng)
    everyone, present = [first], {YEARS[0]: first}
    for year in YEARS[1:]:
        before = present[year - 1]
        staying = before[rng.random(len(before)) < assumed["stays"]].iloc[:true_n].copy()
        for track, shares in assumed["track_after_a_year"].items():
            own = (staying["legal_track"] == track).to_numpy()
            after = draw_by({track: shares}, np.full(len(staying), track, dtype=object), rng)
            staying["legal_track"] = np.where(own, after, staying["legal_track"].to_numpy(dtype=object))
        new = fill_in(
            pd.DataFrame({"first_year": pd.Series([year] * (true_n - len(staying)), dtype=object)}), year=year, rng=rng
        )
        if year == UKRAINE_YEAR:
            new = pd.concat([new, _from_ukraine(assumed, round(assumed["ukraine_share"] * true_n), rng)])
        start = sum(len(one) for one in everyone)
        new.index = pd.RangeIndex(start, start + len(new))
        everyone.append(new)
        present[year] = pd.concat([staying, new])
    return pd.concat(everyone), present


def _from_ukraine(assumed: Mapping[str, Any], n: int, rng: np.random.Generator) -> pd.DataFrame:
    known = pd.DataFrame(
        {
            "sex": np.where(rng.random(n) < assumed["ukraine_women"], "woman", "man"),
            "form": draw_by({"all": assumed["ukraine_form"]}, np.full(n, "all", dtype=object), rng),
            "region": "ukraine",
            "legal_track": "collective_protection",
            "first_year": UKRAINE_YEAR,
        },
        dtype=object,
    )
    return fill_in(known, year=UKRAINE_YEAR, rng=rng)


def _meetings(
    about: Mapping[str, Any], people: pd.DataFrame, present: Mapping[int, pd.DataFrame], seed: int
) -> dict[int, Encounters]:
    assumed, totals = about["assumed"], published_totals()
    sizes = np.random.default_rng([seed, SIZES])
    met: dict[int, Encounters] = {}
    for year in YEARS:
        rules = []
        before = {f"{name} before": own for name, own in met[year - 1].states.items()} if year - 1 in met else {}
        for spec in about["list"]:
            drawn = int(sizes.poisson(spec["mean"] * assumed["pandemic"].get(str(year), 1.0)))
            if year < spec.get("first_year", year):
                continue
            total = totals.get((spec["name"], year), drawn)
            own = {key: value for key, value in spec.items() if key not in ("mean", "totals", "first_year")}
            rule = ListRule(margins=Margins(total, None, {}, {}, {}, 0), **own)
            again = {f"{rule.name} before": assumed["again"]}
            rules.append(replace(rule, referral={**rule.referral, **again}))
        persons = present[year]
        if year == UKRAINE_YEAR:  # from 2022 Ukraine is shown apart
            persons = persons.assign(region=persons["region"].where(persons["nationality"] != "UKR", "ukraine"))
        met[year] = meet(
            persons[list(TRAITS)],
            rules,
            (),
            year=year,
            earlier_but_new_here=0.0,
            before=before,
            rng=np.random.default_rng([seed, MEETINGS, year]),
        )
    return met


def _lists_of(
    about: Mapping[str, Any], year: int, met: Mapping[int, Encounters], identified: pd.DataFrame, seed: int
) -> dict[str, SyntheticList]:
    own = met[year]
    met_now = own.persons.loc[sorted(own.on(*own.states))]
    traits = identified.loc[met_now.index].copy()
    traits[list(TRAITS)] = met_now[list(TRAITS)]
    persons = records_of(traits)
    lists = {}
    for number, layout in enumerate(layouts_of(FILE, "register")):
        if layout.name not in own.states:
            continue
        rng = np.random.default_rng([seed, LISTS, year, number])
        earlier = {one for past in range(YEARS[0], year) for one in _on(met[past], layout.name)}
        order = row_order(own.states[layout.name], layout, rng)
        stated = [
            {
                "form": str(own.forms[layout.name][one]),
                "is_new": _is_new(one in earlier, int(persons[one]["first_year"]), year),
            }
            for one in order
        ]
        dated = replace(layout, name=f"{layout.name}-{year}")
        lists[dated.name] = written_list(dated, order, persons, stated, _period(year), folder=f"{year}/", rng=rng)
    return lists


def _is_new(was_on_the_list: bool, first_year: int, year: int) -> str:
    # Before the first year of the data only the year of first contact can tell.
    return "earlier" if was_on_the_list or (year == YEARS[0] and first_year < year) else "new"


def _on(met: Encounters, name: str) -> set[int]:
    return met.on(name) if name in met.states else set()


def _study(about: Mapping[str, Any], year: int, lists: Mapping[str, SyntheticList]) -> str:
    study = dict(about["study"])
    for key in ("title", "target_population"):
        study[key] = {language: text.format(year=year) for language, text in study[key].items()}
    study["lists"] = [
        {**one, "registers": [f"{name}-{year}" for name in one["registers"]]}
        for one in study["lists"]
        if f"{one['registers'][0]}-{year}" in lists
    ]
    paths = {name: one.path.split("/")[-1] for name, one in lists.items()}
    return study_text(study, paths, _period(year), name=f"norway-{year}")


def _period(year: int) -> tuple[date, date]:
    return date(year, 1, 1), date(year, 12, 31)
