"""Minors: a population of their own, on lists of their own, never among the adults."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.synthetic.identities import IDENTITY, age_group, identify
from mse.synthetic.layouts import Layout
from mse.synthetic.listing import written_list
from mse.synthetic.norway import SyntheticList, marked

__all__ = ["ACCOMPANYING", "MINORS_IN_REPORTS", "REPORTS_WITH_MINORS", "minors_2020", "minors_from_ukraine"]

# KOM's annual report 2020: section 8.3 (15 aggrieved under 18 in 7 reports) and the notes on children in 7.4 and 7.5
# (ROSA 11, Lauras hus 3, HTSO 1, Hope for Justice 1).
MINORS_IN_REPORTS, REPORTS_WITH_MINORS = 15, 7
ACCOMPANYING = 16
NATIONALITIES = ("ROU", "BGR", "NGA", "ERI", "VNM", "SYR", "AFG", "ALB")  # assumption
WOMEN = 0.6  # assumption


def minors_2020(
    layouts: Sequence[Layout], police: SyntheticList, period: tuple[date, date], *, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, SyntheticList]]:
    """The minors with the police, by report, and the children who came with adults.

    Parameters
    ----------
    layouts : sequence of two Layout
        The list of the police, then that of accompanying children.
    police : SyntheticList
        The adults' list, whose report numbers are used.
    period : tuple of two dates
    rng : Generator

    Returns
    -------
    persons : DataFrame
    lists : dict of str to SyntheticList
    """
    year = period[1].year
    n = MINORS_IN_REPORTS + ACCOMPANYING
    ages = np.concatenate([rng.integers(12, 17, MINORS_IN_REPORTS), rng.integers(1, 15, ACCOMPANYING)])
    nationalities = rng.choice(np.array(NATIONALITIES, dtype=object), n)
    people = _people(ages, nationalities, "unknown", year, rng)
    records = _records(people)
    reports = _report_numbers(police, rng)
    lists = {}
    halves = (people.index[:MINORS_IN_REPORTS], people.index[MINORS_IN_REPORTS:])
    for layout, own in zip(layouts, halves, strict=True):
        order = [int(person) for person in rng.permutation(own.to_numpy())]
        stated = [{key: records[person][key] for key in ("age_group", "birth_date")} for person in order]
        if layout is layouts[0]:
            for known, person in zip(stated, order, strict=True):
                known["local_id"] = reports[person]
        lists[layout.name] = written_list(layout, order, records, stated, period, folder="minors/", rng=rng)
    return _shown(people), lists


def minors_from_ukraine(
    layout: Layout, n: int, period: tuple[date, date], *, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, SyntheticList]]:
    """Minors who fled Ukraine and whom municipal services noted; the list's name gets the year."""
    year = period[1].year
    people = _people(rng.integers(4, 17, n), np.full(n, "UKR", dtype=object), "ukraine", year, rng)
    records = _records(people)
    order = [int(person) for person in rng.permutation(people.index.to_numpy())]
    stated = [{key: records[person][key] for key in ("age_group", "birth_date")} for person in order]
    dated = replace(layout, name=f"{layout.name}-{year}")
    return _shown(people), {dated.name: written_list(dated, order, records, stated, period, folder="minors/", rng=rng)}


def _people(
    ages: NDArray[np.int64], nationalities: NDArray[Any], region: str, year: int, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(ages)
    people = pd.DataFrame(
        {
            "sex": np.where(rng.random(n) < WOMEN, "woman", "man"),
            "form": "not_clarified",
            "region": region,
            "nationality": nationalities,
            "legal_track": "none",
            "birth_year": year - ages,
        }
    )
    people = people.join(identify(people, rng=rng))
    people["person"] = [f"M{number:04d}" for number in range(1, n + 1)]
    people["age_group"] = [age_group(born, on=date(year, 7, 1)) for born in people["birth_date"]]
    return people


def _records(people: pd.DataFrame) -> dict[int, dict[str, str]]:
    return dict(zip(people.index.tolist(), people.astype(str).to_dict("records"), strict=True))


def _shown(people: pd.DataFrame) -> pd.DataFrame:
    return marked(people[["person", *IDENTITY, "sex", "age_group", "nationality"]])


def _report_numbers(police: SyntheticList, rng: np.random.Generator) -> list[str]:
    """A report for each minor: every one of a few reports has at least one."""
    column = next(column.name for column in police.codebook.columns if column.field == "local_id")
    known = sorted(set(police.table[column]))
    chosen = [str(one) for one in rng.choice(known, REPORTS_WITH_MINORS, replace=False)]
    more = rng.choice(chosen, MINORS_IN_REPORTS - REPORTS_WITH_MINORS).tolist()
    return [*chosen, *more]
