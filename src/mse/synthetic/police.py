"""The police list: reports with their numbers and districts, and the minors who are aggrieved in some of them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mse.synthetic.published import police_reports

__all__ = ["CITY_DISTRICT", "DISTRICTS", "reports"]

DISTRICTS = {
    "Oslo": "oslo",
    "Oest": "oest",
    "Innlandet": "innlandet",
    "Soer-Oest": "soer-oest",
    "Agder": "agder",
    "Soer-Vest": "soer-vest",
    "Vest": "vest",
    "Moere og Romsdal": "moere-og-romsdal",
    "Troendelag": "troendelag",
    "Nordland": "nordland",
    "Troms": "troms",
    "Finnmark": "finnmark",
    "Scene of crime abroad": "abroad",
}
CITY_DISTRICT = {
    "Oslo": "Oslo",
    "Bergen": "Vest",
    "Stavanger": "Soer-Vest",
    "Trondheim": "Troendelag",
    "Kristiansand": "Agder",
    "Drammen": "Soer-Oest",
    "Tromso": "Troms",
}
FORM_COLUMNS = {
    "2020_sexual": ("sexual",),
    "2020_labour_services": ("labour", "services"),
    "2020_organ": ("organ",),
    "2020_facilitation": ("not_clarified", "forced_marriage"),
}
SHARED_REPORT = "2020_labour_services"


def reports(persons: pd.DataFrame, form: "pd.Series[str]", *, year: int, rng: np.random.Generator) -> pd.DataFrame:
    """Give everyone on the police list a report, so that reports by district and form are those published.

    Parameters
    ----------
    persons : DataFrame
        The persons on the list, with ``city`` and ``place``.
    form : Series of str
        The form of exploitation that the police write.
    year : int
    rng : Generator

    Returns
    -------
    DataFrame with the index of `persons` and the columns ``local_id`` (the report) and ``district``. Persons beyond the
    number of reports share a report in Oslo on labour or services.
    """
    table = police_reports().set_index("district").drop(index="Total")
    slots = [
        (DISTRICTS[district], categories)
        for column, categories in FORM_COLUMNS.items()
        for district in table.index
        for _ in range(int(table.loc[district, column] or 0))
    ]
    numbers = [f"{year}-{number}" for number in rng.permutation(np.arange(100001, 100001 + len(slots)))]
    n_more = len(persons) - len(slots)
    shared = next(i for i, slot in enumerate(slots) if slot == ("oslo", FORM_COLUMNS[SHARED_REPORT]))
    slots += [slots[shared]] * n_more
    numbers += [numbers[shared]] * n_more
    cost = _cost(persons, form, slots) + 0.1 * rng.random((len(persons), len(slots)))
    _, slot = linear_sum_assignment(cost)
    return pd.DataFrame(
        {"local_id": [numbers[i] for i in slot], "district": [slots[i][0] for i in slot]}, index=persons.index
    )


def _cost(
    persons: pd.DataFrame, form: "pd.Series[str]", slots: list[tuple[str, tuple[str, ...]]]
) -> NDArray[np.float64]:
    """0 where the report is from the person's own district, 1 elsewhere, prohibitive where the form differs."""
    cost = np.ones((len(persons), len(slots)))
    own = [DISTRICTS[CITY_DISTRICT[city]] for city in persons["city"]]
    for i, (district, categories) in enumerate(slots):
        near = np.array([district == one for one in own])
        if district == "abroad":
            near = (persons["place"] != "norway").to_numpy()
        cost[near, i] = 0.0
        cost[~form.isin(categories).to_numpy(), i] = 1000.0
    return cost
