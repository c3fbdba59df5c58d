"""Links: draws of who is whom. A value that linkage makes and histories reads; it holds no name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.interval import EqualTailed, Interval
from mse.writing import CONFIDENTIAL, mark_confidential, write_bytes

__all__ = ["RECORD_COLUMNS", "Links"]

RECORD_COLUMNS = ("list", "record")


@dataclass(frozen=True, eq=False)
class Links:
    """One or more plausible ways to join the records of several lists into persons.

    Attributes
    ----------
    records : DataFrame, one row per record
        Columns ``list`` (name of the list) and ``record`` (random id), then allow-listed attributes in the
        common categories (sex, age group, ...), which may be missing. Never an identifier.
    persons : ndarray of int32, shape (n_draws, n_records)
        In each draw the person that each record belongs to, numbered from 0 in order of first record.
    lists : tuple of str
        Names of all lists in their order, also those without a record.
    diagnostics : mapping of str to float
        What the linker measured, for example `expected_precision`.
    provenance : mapping of str to object
    notes : tuple of str
        Sentences that the reader of the result must know.

    Examples
    --------
    >>> records = pd.DataFrame({"list": ["a", "a", "b"], "record": ["r1", "r2", "r3"]})
    >>> links = Links(records, np.array([[0, 1, 0], [0, 1, 2]], np.int32), ("a", "b"))
    >>> links.n_persons.tolist()
    [2, 3]
    """

    records: pd.DataFrame
    persons: NDArray[np.int32]
    lists: tuple[str, ...]
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [name for name in RECORD_COLUMNS if name not in self.records.columns]
        if missing:
            raise BadInput(f"links need the record columns {RECORD_COLUMNS}; {missing} are missing")
        if self.persons.ndim != 2 or self.persons.shape[1] != len(self.records) or not len(self.persons):
            raise BadInput(
                f"persons has shape {self.persons.shape}; it must be (n_draws, {len(self.records)}), one draw or more"
            )
        unknown = set(self.records["list"]) - set(self.lists)
        if unknown:
            raise BadInput.unknown("list", sorted(unknown)[0], self.lists)
        persons = np.ascontiguousarray(np.stack([_renumbered(draw) for draw in self.persons]), dtype=np.int32)
        persons.setflags(write=False)
        object.__setattr__(self, "persons", persons)

    @property
    def n_draws(self) -> int:
        return len(self.persons)

    @property
    def n_records(self) -> int:
        return len(self.records)

    @cached_property
    def n_persons(self) -> NDArray[np.int64]:
        """Number of distinct persons in each draw, shape (n_draws,)."""
        return (self.persons.max(axis=1).astype(np.int64) + 1) if self.n_records else np.zeros(self.n_draws, np.int64)

    def distinct_persons(self, level: float = 0.95) -> Interval:
        """Equal-tailed interval, with its median, of the number of distinct persons over the draws."""
        note = "one draw: no linkage uncertainty" if self.n_draws == 1 else ""
        return EqualTailed(self.n_persons.astype(np.float64), note, few=True).at(level)

    def membership(self, draw: int = 0) -> NDArray[np.bool_]:
        """Which person is on which list in one draw, shape (n_persons[draw], n_lists)."""
        codes = pd.Categorical(self.records["list"], categories=list(self.lists)).codes
        on_list = np.zeros((int(self.n_persons[draw]), len(self.lists)), dtype=np.bool_)
        on_list[self.persons[draw], codes] = True
        return on_list

    @cached_property
    def central_draw(self) -> int:
        """Index of the draw whose number of persons is the lower median: the first such draw."""
        middle = np.sort(self.n_persons)[(self.n_draws - 1) // 2]
        return int(np.flatnonzero(self.n_persons == middle)[0])

    def merge_lists(self, merged: Mapping[str, Sequence[str]]) -> "Links":
        """Let several lists form one: the same records and persons under new list names.

        Parameters
        ----------
        merged : mapping of str to sequence of str
            New name to the lists that it holds. The new lists come first, in this order, then the lists that are not
            named. A person may then have several records on one list.

        Raises
        ------
        BadInput
            If a list is unknown or given twice, a new list is empty, or its name is taken by a list left as it is.

        Examples
        --------
        >>> records = pd.DataFrame({"list": ["a", "b", "c"], "record": ["r1", "r2", "r3"]})
        >>> links = Links(records, np.array([[0, 1, 1]], np.int32), ("a", "b", "c"))
        >>> links.merge_lists({"ab": ("a", "b")}).membership().tolist()
        [[True, False], [True, True]]
        """
        new_name: dict[str, str] = {}
        for name, members in merged.items():
            if isinstance(members, str) or not members:
                raise BadInput(f"the merged list {name!r} is given as {members!r}; give the names of its lists")
            for member in members:
                if member not in self.lists:
                    raise BadInput.unknown("list", member, self.lists)
                if member in new_name:
                    raise BadInput(f"the list {member!r} stands in two merged lists; give it to one")
                new_name[member] = name
        rest = tuple(name for name in self.lists if name not in new_name)
        taken = sorted(set(rest) & set(merged))
        if taken:
            raise BadInput(f"the merged list cannot be named {taken[0]!r}: a list that is not merged has that name")
        renamed = self.records["list"].map({name: new_name.get(name, name) for name in self.lists})
        return replace(self, records=self.records.assign(list=renamed), lists=(*merged, *rest))

    def write(self, folder: Path) -> None:
        """Write `records.parquet`, `persons.npy` and `links.json` to a folder, each whole or not at all.

        The folder is marked as confidential: it has a row about each record.
        """
        mark_confidential(folder)
        stream = BytesIO()
        np.save(stream, self.persons, allow_pickle=False)
        write_bytes(folder / "persons.npy", stream.getvalue())
        write_bytes(folder / "records.parquet", self.records.to_parquet(index=False))
        about = {
            "confidential": CONFIDENTIAL,
            "lists": list(self.lists),
            "diagnostics": dict(self.diagnostics),
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
        }
        write_bytes(folder / "links.json", json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False).encode())

    @classmethod
    def read(cls, folder: Path) -> "Links":
        """Read what `write` wrote."""
        about = json.loads((folder / "links.json").read_text("utf-8"))
        return cls(
            pd.read_parquet(folder / "records.parquet"),
            np.load(folder / "persons.npy", allow_pickle=False),
            tuple(about["lists"]),
            about["diagnostics"],
            about["provenance"],
            tuple(about["notes"]),
        )


def _renumbered(draw: NDArray[np.int32]) -> NDArray[np.int32]:
    """Person numbers by first appearance, so that equal partitions are equal arrays."""
    return pd.factorize(draw)[0].astype(np.int32)
