"""Quality: how a linkage fares against a known truth, as synthetic lists have one. Never used while linking."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.interval import Interval
from mse.links import Links

__all__ = ["Quality", "linkage_quality"]

TRUTH_COLUMNS = ("register", "row", "person")


@dataclass(frozen=True, slots=True)
class Quality:
    """A linkage against the truth.

    Attributes
    ----------
    precision : float
        Share of the joined pairs of records that are one person; mean over the draws.
    recall : float
        Share of the pairs of records of one person that are joined; mean over the draws.
    f1 : float
        Harmonic mean of the two.
    n_persons_true : int
        Persons on at least one list.
    n_persons : Interval
        Linked persons, with the median, over the draws.

    Examples
    --------
    >>> str(Quality(0.9, 0.8, 0.847, 226, Interval(220, 232, 0.95, "equal-tailed", median=226.0)))
    'precision 0.900, recall 0.800, F1 0.847; distinct persons 226 (220 to 232), in truth 226'
    """

    precision: float
    recall: float
    f1: float
    n_persons_true: int
    n_persons: Interval

    def __str__(self) -> str:
        median = "" if self.n_persons.median is None else f"{self.n_persons.median:,.0f} "
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, F1 {self.f1:.3f}; distinct persons "
            f"{median}({self.n_persons.low:,.0f} to {self.n_persons.high:,.0f}), in truth {self.n_persons_true:,}"
        )


def linkage_quality(links: Links, truth: pd.DataFrame, *, id_maps: Mapping[str, pd.DataFrame] | None = None) -> Quality:
    """Compare draws of who is whom with the truth, over all pairs of records, of one list too.

    Parameters
    ----------
    links : Links
        As `link` made it, before lists are merged: the names of its lists are those of the registers.
    truth : DataFrame
        Columns ``register``, ``row`` (row number in the list file, from 1) and ``person``; other columns are ignored.
        Rows of the truth that are on no record are persons all the same.
    id_maps : mapping of str to DataFrame, optional
        For encoded registers, by name: columns ``record`` and ``row``, as the agency keeps them. A record may stand
        for several rows. Without it the record is the row number.

    Raises
    ------
    BadInput
        If the truth lacks a column, or a record has no person in it.

    Examples
    --------
    >>> records = pd.DataFrame({"list": ["a", "a", "b"], "record": ["1", "2", "1"]})
    >>> links = Links(records, np.array([[0, 1, 0]], np.int32), ("a", "b"))
    >>> truth = pd.DataFrame({"register": ["a", "a", "b"], "row": [1, 2, 1], "person": ["p", "q", "p"]})
    >>> linkage_quality(links, truth).f1
    1.0
    """
    lacking = [name for name in TRUTH_COLUMNS if name not in truth.columns]
    if lacking:
        raise BadInput(f"the truth lacks the columns {', '.join(lacking)}; it needs {', '.join(TRUTH_COLUMNS)}")
    person_of_row = {
        (str(register), str(row)): str(person)
        for register, row, person in truth[list(TRUTH_COLUMNS)].itertuples(index=False)
    }
    row_of_record = _rows(id_maps)
    persons = []
    for name, own in links.records[["list", "record"]].itertuples(index=False):
        row = own if id_maps is None else row_of_record.get((name, own), "")
        if (name, row) not in person_of_row:
            raise BadInput(
                f"record {own} of list {name!r} has no person in the truth; give the truth of these very registers"
                + ("" if id_maps else ", and for encoded registers their id maps")
            )
        persons.append(person_of_row[(name, row)])
    true_person = pd.factorize(np.array(persons, dtype=object))[0].astype(np.int64)
    n_true = _n_pairs(true_person)
    scores = []
    for draw in links.persons:
        both = _n_pairs(true_person * (int(draw.max()) + 1) + draw)
        joined = _n_pairs(draw)
        scores.append((both / joined if joined else 1.0, both / n_true if n_true else 1.0))
    precision, recall = (float(score) for score in np.mean(scores, axis=0))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    on_lists = truth["register"].astype(str).isin(links.lists)
    return Quality(precision, recall, f1, int(truth.loc[on_lists, "person"].nunique()), links.distinct_persons())


def _rows(id_maps: Mapping[str, pd.DataFrame] | None) -> dict[tuple[str, str], str]:
    """The row of each record of each list; the first one where a record stands for several rows."""
    rows: dict[tuple[str, str], str] = {}
    for name, own in (id_maps or {}).items():
        for record, row in own[["record", "row"]].itertuples(index=False):
            rows.setdefault((name, str(record)), str(row))
    return rows


def _n_pairs(person: NDArray[np.int64] | NDArray[np.int32]) -> float:
    """Pairs of records within the same person."""
    sizes = np.unique(person, return_counts=True)[1].astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
