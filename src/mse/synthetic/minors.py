"""Minors: a population of their own, on lists of their own, never among the adults."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from mse.synthetic.identities import IDENTITY, age_group, identify
from mse.synthetic.layouts import Layout
from mse.synthetic.norway import SyntheticList, list_of, marked
from mse.synthetic.recording import quality_of, write_down

__all__ = ["ACCOMPANYING", "MINORS_IN_REPORTS", "REPORTS_WITH_MINORS", "minors_2020"]

# KOM's annual report 2020: section 8.3 (15 aggrieved under 18 in 7 reports) and the notes on children in 7.4 and 7.5
# (ROSA 11, Lauras hus 3, HTSO 1, Hope for Justice 1).
MINORS_IN_REPORTS, REPORTS_WITH_MINORS = 15, 7
ACCOMPANYING = 16
NATIONALITIES = ("ROU", "BGR", "NGA", "ERI", "VNM", "SYR", "AFG", "ALB")  # assumption


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
    people = pd.DataFrame(
        {
            "sex": np.where(rng.random(n) < 0.6, "woman", "man"),
            "form": "not_clarified",
            "nationality": rng.choice(np.array(NATIONALITIES, dtype=object), n),
            "legal_track": "none",
            "birth_year": year - ages,
        }
    )
    people = people.join(identify(people, rng=rng))
    people.insert(0, "person", [f"M{number:04d}" for number in range(1, n + 1)])
    people["age_group"] = [age_group(born, on=date(year, 7, 1)) for born in people["birth_date"]]
    numbers = _report_numbers(police, rng)
    lists = {}
    for layout, own in zip(layouts, (people.iloc[:MINORS_IN_REPORTS], people.iloc[MINORS_IN_REPORTS:]), strict=True):
        order = rng.permutation(len(own))
        rows = []
        for place in order:
            traits = {str(key): str(value) for key, value in own.iloc[place].items()}
            stated = {"sex": traits["sex"], "age_group": traits["age_group"], "birth_date": traits["birth_date"]}
            if layout is layouts[0]:
                stated["local_id"] = numbers[place]
            rows.append(write_down(traits, layout.fields, stated, quality_of(layout.quality), year=year, rng=rng))
        persons = [str(own.iloc[place]["person"]) for place in order]
        lists[layout.name] = list_of(layout, rows, persons, period, folder="minors/")
    shown = people[["person", *IDENTITY, "sex", "age_group", "nationality"]]
    return marked(shown), lists


def _report_numbers(police: SyntheticList, rng: np.random.Generator) -> list[str]:
    """A report for each minor: every one of a few reports has at least one."""
    column = next(column.name for column in police.codebook.columns if column.field == "local_id")
    known = sorted(set(police.table[column]))
    chosen = [str(one) for one in rng.choice(known, REPORTS_WITH_MINORS, replace=False)]
    more = rng.choice(chosen, MINORS_IN_REPORTS - REPORTS_WITH_MINORS).tolist()
    return [*chosen, *more]
