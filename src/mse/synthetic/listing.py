"""From those who are on a list to its file: the order of the rows, those who stand twice, and what a row says."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from mse.synthetic.layouts import Layout
from mse.synthetic.norway import SyntheticList, list_of
from mse.synthetic.recording import quality_of, write_down

__all__ = ["row_order", "written_list"]


def row_order(states: "pd.Series[str]", layout: Layout, rng: np.random.Generator) -> list[int]:
    """The person of each row, in the order in which the agency wrote them down.

    Those in the state ``twice`` have two rows, and so have a few more where the layout says so.
    """
    rows = [
        person
        for person, state in zip(states.index.tolist(), states, strict=True)
        for _ in range(1 + (state == "twice"))
    ]
    rows += rng.choice(states.index.to_numpy(), layout.twice, replace=False).tolist()
    return [int(person) for person in rng.permutation(np.array(rows, dtype=np.int64))]


def written_list(
    layout: Layout,
    order: Sequence[int],
    persons: Mapping[int, Mapping[str, str]],
    stated: Sequence[Mapping[str, str]],
    period: tuple[date, date],
    *,
    folder: str = "",
    rng: np.random.Generator,
) -> SyntheticList:
    """The list file.

    Parameters
    ----------
    layout : Layout
    order : sequence of int
        The person of each row.
    persons : mapping of int to mapping of str to str
        Identity and traits of each person.
    stated : sequence of mappings, one for each row
        What the list states as it is, without errors: form, state, report number ...
    period : tuple of two dates
    folder : str
        Where the file goes, below the output folder; empty, or ending in ``/``.
    rng : Generator
    """
    initial = layout.name[:1].upper()
    numbers = [f"{initial}{number}" for number in rng.permutation(np.arange(101, 101 + len(order)))]
    rows = []
    for person, number, known in zip(order, numbers, stated, strict=True):
        traits = persons[person]
        says = {"sex": traits["sex"], "region": traits["region"], "local_id": number, **known}
        if says.get("form") != "services":
            says["form_of_service"] = ""
        rows.append(write_down(traits, layout.fields, says, quality_of(layout.quality), year=period[1].year, rng=rng))
    return list_of(layout, rows, [persons[person]["person"] for person in order], period, folder)
