"""CaptureHistories: how many persons have each capture history. No row about one person comes past here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, Refused
from mse.histories.cells import (
    CENSORED,
    COUNTED,
    STRUCTURAL_ZERO,
    History,
    as_text,
    checked_confirmed,
    declared_cells,
    history_of,
)
from mse.histories.person_strata import person_strata
from mse.links import Links
from mse.writing import write_text

__all__ = ["CELL", "CONFIRMED", "COUNT", "CaptureHistories", "check_lists"]

MAX_LISTS = 20
COUNT, CELL, CONFIRMED = "count", "cell", "confirmed"


@dataclass(frozen=True, eq=False, repr=False)
class CaptureHistories:
    """Counts of persons by capture history, and by stratum where there are covariates.

    Attributes
    ----------
    lists : tuple of str
        Names of the K lists in order; the first is the most significant bit.
    counts : ndarray of int64, shape (2**K - 1,) or (2**K - 1, n_strata)
        Persons; row i is the history with binary value i + 1, so that the missing cell has no row.
    strata : tuple of str
        ``("all",)`` when not stratified.
    covariates : tuple of str
        Names of the covariates whose combinations the strata are.
    structural_zeros : frozenset of tuple of int
        Histories that cannot occur, for example on a list of women and on a list of men.
    censored_cells : frozenset of tuple of int
        Histories whose count is an upper bound, as on the one list that also holds persons outside the population.
        Given as tuples or as text, ``"001"``.
    confirmed : ndarray of int64, shape of `counts`, or None
        Persons in the censored cells who are known to be in the population; None for nobody.
    notes : tuple of str
        What was done to the input that the reader must know.
    provenance : mapping of str to object

    Raises
    ------
    BadInput
        For fewer than two lists, names given twice, negative counts, a wrong shape, no person at all, or cells that
        are declared what they cannot be.

    Examples
    --------
    >>> h = CaptureHistories.from_counts(("police", "ngo"), {(1, 0): 27, (0, 1): 34, (1, 1): 9})
    >>> h.n_observed, h.overlap("police", "ngo"), h.counts.tolist()
    (70, 9, [34, 27, 9])
    """

    lists: tuple[str, ...]
    counts: NDArray[np.int64]
    strata: tuple[str, ...] = ("all",)
    covariates: tuple[str, ...] = ()
    structural_zeros: frozenset[History] = frozenset()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    censored_cells: frozenset[History] = frozenset()
    confirmed: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        check_lists(self.lists)
        counts = np.array(self.counts, dtype=np.int64)
        n_cells = 2 ** len(self.lists) - 1
        if counts.shape not in {(n_cells,), (n_cells, len(self.strata))} or (counts.ndim == 1) != (not self.covariates):
            raise BadInput(
                f"counts of shape {counts.shape} do not fit {len(self.lists)} lists and {len(self.strata)} strata; "
                f"give ({n_cells},), or ({n_cells}, n_strata) with covariates"
            )
        if counts.min() < 0:
            raise BadInput(f"a count is {counts.min()}; a count is a number of persons, 0 or more")
        if not counts.any():
            raise BadInput("all counts are 0; give at least one history with a person")
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "structural_zeros", declared_cells(self.structural_zeros, self.lists))
        object.__setattr__(self, "censored_cells", declared_cells(self.censored_cells, self.lists))
        for history in sorted(self.structural_zeros):
            if found := int(self.total_counts[self.row(history)]):
                raise BadInput(
                    f"history {as_text(history)} is declared impossible, but {found} persons have it; drop the "
                    "declaration"
                )
        if (self.structural_zeros or self.censored_cells) and {CELL, CONFIRMED} & set(self.lists):
            raise BadInput(f"a list named {CELL!r} or {CONFIRMED!r} does not go with declared cells; rename_lists it")
        for history in sorted(self.structural_zeros & self.censored_cells):
            raise BadInput(
                f"history {as_text(history)} is declared both impossible and censored; it can be one of them"
            )
        if self.confirmed is not None:
            object.__setattr__(self, "confirmed", checked_confirmed(self.confirmed, counts, self._censored_rows))
        if not self.known_counts.any():
            raise BadInput("nobody in the table is known to be in the population; declare fewer cells censored")

    @property
    def n_lists(self) -> int:
        """Number of lists, K."""
        return len(self.lists)

    @property
    def n_strata(self) -> int:
        return len(self.strata)

    @property
    def is_stratified(self) -> bool:
        return bool(self.covariates)

    @cached_property
    def total_counts(self) -> NDArray[np.int64]:
        """Counts summed over the strata, shape (2**K - 1,)."""
        return self.counts if self.counts.ndim == 1 else self.counts.sum(axis=1)

    @cached_property
    def histories(self) -> tuple[History, ...]:
        """The history of each row of `counts`."""
        return tuple(history_of(value, self.n_lists) for value in range(1, 2**self.n_lists))

    @property
    def n_observed(self) -> int:
        """Persons of the population on at least one list; of a censored cell only those who are confirmed."""
        return int(self.known_counts.sum())

    @property
    def n_listed(self) -> int:
        """Persons on at least one list, in the population or not: `n_observed` where no cell is censored."""
        return int(self.total_counts.sum())

    @cached_property
    def known_counts(self) -> NDArray[np.int64]:
        """Persons known to be in the population, shape of `counts`: `counts` less the doubtful ones."""
        known = self.counts.copy()
        rows = self._censored_rows
        known[rows] = 0 if self.confirmed is None else self.confirmed[rows]
        known.setflags(write=False)
        return known

    @property
    def is_censored(self) -> bool:
        """Whether some persons counted may not be in the population."""
        return self.n_listed > self.n_observed

    @cached_property
    def list_totals(self) -> dict[str, int]:
        """Persons on each list."""
        return {name: int(self.total_counts[self._rows_on(name)].sum()) for name in self.lists}

    @cached_property
    def cells_that_can_occur(self) -> NDArray[np.bool_]:
        """Which rows of `counts` are not structural zeros, shape (2**K - 1,)."""
        possible = np.ones(2**self.n_lists - 1, dtype=np.bool_)
        possible[[self.row(history) for history in self.structural_zeros]] = False
        return possible

    @cached_property
    def sha256(self) -> str:
        """Hash of lists, strata, structural zeros, counts and known counts: equal tables have equal hashes."""
        names = json.dumps([self.lists, self.strata, self.covariates, sorted(self.structural_zeros)])
        tables = [self.counts] if not self.censored_cells else [self.counts, self.known_counts]
        content = [np.ascontiguousarray(table, dtype="<i8").tobytes() for table in tables]
        return provenance.sha256_of(names.encode(), *content)

    def row(self, history: Sequence[int]) -> int:
        """Row of `counts` that holds this history."""
        return int("".join(map(str, history)), 2) - 1

    def overlap(self, *names: str) -> int:
        """Persons on all of these lists, whatever other lists they are on."""
        rows = np.logical_and.reduce([self._rows_on(name) for name in names])
        return int(self.total_counts[rows].sum())

    def overlap_table(self) -> pd.DataFrame:
        """Persons on each pair of lists; the diagonal holds the list totals. Shape (K, K)."""
        table = [[self.overlap(a, b) for b in self.lists] for a in self.lists]
        return pd.DataFrame(table, index=list(self.lists), columns=list(self.lists))

    @cached_property
    def empty_overlaps(self) -> tuple[tuple[str, str], ...]:
        """Pairs of lists that share nobody."""
        return tuple(pair for pair in combinations(self.lists, 2) if not self.overlap(*pair))

    @cached_property
    def empty_lists(self) -> tuple[str, ...]:
        """Lists with nobody on them."""
        return tuple(name for name, total in self.list_totals.items() if not total)

    @cached_property
    def universal_lists(self) -> tuple[str, ...]:
        """Lists with everybody on them: they say nothing about who is on none."""
        return tuple(name for name, total in self.list_totals.items() if total == self.n_listed)

    @cached_property
    def duplicate_lists(self) -> tuple[tuple[str, str], ...]:
        """Pairs of lists with exactly the same persons: one list given twice."""
        totals = self.list_totals
        return tuple((a, b) for a, b in combinations(self.lists, 2) if totals[a] == totals[b] == self.overlap(a, b) > 0)

    def single_stratum(self) -> NDArray[np.int64]:
        """The counts, shape (2**K - 1,), of a table without strata, for a method that takes every count as exact.

        Raises
        ------
        BadInput
            For a table with strata.
        Refused
            For a table with censored cells.
        """
        self.require_one_stratum()
        if self.is_censored:
            raise Refused(
                f"the count of {self._told_censored()} is an upper bound, and this method takes every count as exact; "
                "use fit_loglinear, select_loglinear, average_loglinear or closed_population, drop the list that "
                'over-covers with h.drop_lists(name), or see both extremes with h.at_bound("lower") and '
                'h.at_bound("upper")'
            )
        return self.counts

    def require_one_stratum(self) -> None:
        """Refuse a table with strata."""
        if self.is_stratified:
            raise BadInput(
                f"the capture histories have {self.n_strata} strata by {', '.join(self.covariates)}, and this method "
                "takes one table; pick one with h.stratum(name), fit each with mse.propagation.each_stratum, or pool "
                "them with h.collapse_strata()"
            )

    def at_bound(self, bound: str) -> "CaptureHistories":
        """The table with every censored count taken as exact, at its ``"lower"`` or its ``"upper"`` bound.

        The two show how far an answer can depend on what is not known; for a method that takes no censored cells they
        are the way to see that.

        Examples
        --------
        >>> counts = {(1, 0): 27, (0, 1): 34, (1, 1): 9}
        >>> h = CaptureHistories.from_counts(("police", "ngo"), counts, censored_cells=["01"])
        >>> h
        CaptureHistories of 36 to 70 persons on police, ngo (1 censored cell)
        >>> h.at_bound("lower").n_observed, h.at_bound("upper").n_observed
        (36, 70)
        """
        if bound not in ("lower", "upper"):
            raise BadInput.option("bound", bound, ("lower", "upper"))
        chosen = self.known_counts if bound == "lower" else self.counts
        if not self.censored_cells:
            return self
        note = f"the count of {self._told_censored()} is taken at its {bound} bound"
        return replace(self, counts=chosen, censored_cells=frozenset(), confirmed=None, notes=(*self.notes, note))

    def stratum(self, name: str) -> "CaptureHistories":
        """The table of one stratum."""
        if name not in self.strata or not self.is_stratified:
            raise BadInput.unknown("stratum", name, self.strata)
        j = self.strata.index(name)
        confirmed = None if self.confirmed is None else self.confirmed[:, j]
        told = (*self.notes, f"stratum {name} only")
        return replace(self, counts=self.counts[:, j], strata=("all",), covariates=(), notes=told, confirmed=confirmed)

    def collapse_strata(self) -> "CaptureHistories":
        """The table summed over all strata."""
        summed = self.is_stratified and self.confirmed is not None
        confirmed = np.asarray(self.confirmed).sum(axis=1) if summed else self.confirmed
        return replace(self, counts=self.total_counts, strata=("all",), covariates=(), confirmed=confirmed)

    def drop_lists(self, *names: str) -> "CaptureHistories":
        """The table without these lists; persons on no other list leave it, and `notes` says how many."""
        kept = tuple(name for name in self.lists if name not in {self._known(name) for name in names})
        groups = {name: (name,) for name in kept}
        smaller = self._regrouped(groups, f"without the list {', '.join(names)}")
        left = self.n_listed - smaller.n_listed
        return replace(smaller, notes=(*smaller.notes, f"{left} persons were on no other list")) if left else smaller

    def merge_lists(self, merged: Mapping[str, Sequence[str]]) -> "CaptureHistories":
        """The table with several lists counted as one, in the place of the first of them.

        Parameters
        ----------
        merged : mapping of the new name to the lists that it joins

        Examples
        --------
        >>> import mse
        >>> mse.load_dataset("UKdat").merge_lists({"PFNCA": ("PF", "NCA")}).lists
        ('LA', 'NG', 'PFNCA', 'GO', 'GP')
        """
        new_name = {}
        for name, members in merged.items():
            for member in members:
                if self._known(member) in new_name:
                    raise BadInput(f"list {member!r} is merged twice; name it in one merged list only")
                new_name[member] = name
        groups: dict[str, tuple[str, ...]] = {}
        for name in self.lists:
            target = new_name.get(name, name)
            groups[target] = (*groups.get(target, ()), name)
        told = "; ".join(f"{name} joins {', '.join(members)}" for name, members in merged.items())
        return self._regrouped(groups, told)

    def rename_lists(self, names: Mapping[str, str]) -> "CaptureHistories":
        """The same table with other list names."""
        for name in names:
            self._known(name)
        return replace(self, lists=tuple(names.get(name, name) for name in self.lists))

    def reorder_lists(self, lists: Sequence[str]) -> "CaptureHistories":
        """The same table with the lists in this order."""
        if sorted(lists) != sorted(self.lists):
            raise BadInput(f"the order {tuple(lists)} does not name each of the lists {self.lists} once")
        return replace(self._regrouped({name: (name,) for name in lists}, ""), notes=self.notes)

    def _regrouped(self, groups: Mapping[str, Sequence[str]], note: str) -> "CaptureHistories":
        """A table whose lists are unions of lists of this one.

        A history is impossible if all that it joins are; it is censored if one of them is, with the persons of the
        others confirmed.
        """
        check_lists(tuple(groups))
        value = np.zeros(len(self.total_counts), dtype=np.int64)
        for members in groups.values():
            on_any = np.logical_or.reduce([self._rows_on(name) for name in members])
            value = 2 * value + on_any
        counts, known = np.zeros((2, 2 ** len(groups), *self.counts.shape[1:]), dtype=np.int64)
        np.add.at(counts, value, self.counts)
        np.add.at(known, value, self.known_counts)
        censored = {int(v) for v in value[self._censored_rows]} - {0}
        possible = np.zeros(len(counts), dtype=np.bool_)
        possible[value[self.cells_that_can_occur]] = True
        zeros = frozenset(history_of(int(v), len(groups)) for v in np.flatnonzero(~possible[1:]) + 1)
        return replace(
            self,
            lists=tuple(groups),
            counts=counts[1:],
            structural_zeros=zeros if self.structural_zeros else frozenset(),
            censored_cells=frozenset(history_of(v, len(groups)) for v in censored),
            confirmed=known[1:] if censored else None,
            notes=(*self.notes, note) if note else self.notes,
        )

    def to_frame(self, *, all_histories: bool = False) -> pd.DataFrame:
        """One row per history with persons: a 0/1 column per list, `stratum` if stratified, and `count`.

        Where cells are declared, `cell` says ``counted``, ``structural zero`` or ``censored``, and `confirmed` how many
        persons of a censored cell are known to be in the population; those cells have a row in any case.
        """
        columns = {name: [history[j] for history in self.histories] for j, name in enumerate(self.lists)}
        wide = pd.DataFrame(columns)
        parts = []
        for j, stratum in enumerate(self.strata):
            part = wide.assign(**({"stratum": stratum} if self.is_stratified else {}))
            part = part.assign(count=self.counts if self.counts.ndim == 1 else self.counts[:, j])
            if self.structural_zeros or self.censored_cells:
                part[CELL] = [self._cell(history) for history in self.histories]
            if self.confirmed is not None:
                part[CONFIRMED] = self.confirmed if self.counts.ndim == 1 else self.confirmed[:, j]
            parts.append(part)
        long = pd.concat(parts, ignore_index=True)
        shown = long[COUNT] > 0
        if self.structural_zeros or self.censored_cells:
            shown |= long[CELL] != COUNTED
        return long if all_histories else long[shown].reset_index(drop=True)

    def write(self, path: Path) -> None:
        """Write a CSV that `read_histories` reads, with the declared cells; notes are not in it."""
        write_text(path, self.to_frame().to_csv(index=False, lineterminator="\n"))

    def __repr__(self) -> str:
        strata = f", {self.n_strata} strata" if self.is_stratified else ""
        return f"CaptureHistories of {self._persons()} persons on {', '.join(self.lists)}{strata}{self._declared()}"

    def _repr_html_(self) -> str:
        told = f"{self._persons()} persons on {self.n_lists} lists{self._declared()}"
        if self.censored_cells:
            told += f"; {self._told_censored()}: the count is an upper bound"
        return f"<p>{told}</p>" + self.overlap_table().to_html()

    def _persons(self) -> str:
        return f"{self.n_observed:,} to {self.n_listed:,}" if self.is_censored else f"{self.n_observed:,}"

    def _declared(self) -> str:
        told = [
            f"{len(cells)} {kind}{'' if len(cells) == 1 else 's'}"
            for kind, cells in (("structural zero", self.structural_zeros), ("censored cell", self.censored_cells))
            if cells
        ]
        return f" ({', '.join(told)})" if told else ""

    def _told_censored(self) -> str:
        """The censored cells with doubtful persons, as a sentence names them."""
        return ", ".join(as_text(history) for history in sorted(self.censored_cells, reverse=True))

    def _cell(self, history: History) -> str:
        if history in self.structural_zeros:
            return STRUCTURAL_ZERO
        return CENSORED if history in self.censored_cells else COUNTED

    @property
    def _censored_rows(self) -> list[int]:
        return [self.row(history) for history in sorted(self.censored_cells)]

    def _rows_on(self, name: str) -> NDArray[np.bool_]:
        bit = self.n_lists - 1 - self.lists.index(self._known(name))
        return (np.arange(1, 2**self.n_lists) >> bit & 1).astype(np.bool_)

    def _known(self, name: str) -> str:
        if name not in self.lists:
            raise BadInput.unknown("list", name, self.lists)
        return name

    @classmethod
    def from_counts(
        cls,
        lists: Sequence[str],
        counts: Mapping[Sequence[int], int],
        *,
        structural_zeros: Iterable[Sequence[int] | str] = (),
        censored_cells: Iterable[Sequence[int] | str] = (),
    ) -> "CaptureHistories":
        """From a mapping of history to count; histories that are not named are zeros."""
        check_lists(tuple(lists))
        full = np.zeros(2 ** len(lists), dtype=np.int64)
        for history, count in counts.items():
            if len(history) != len(lists) or not set(history) <= {0, 1} or not any(history):
                raise BadInput(
                    f"{history!r} is not a history over {tuple(lists)}; give a 0 or 1 for each list, not all 0"
                )
            if count != int(count):
                raise BadInput(
                    f"history {as_text(history)} has the count {count!r}; a count is a whole number of persons"
                )
            full[int(as_text(history), 2)] += int(count)
        names = tuple(lists)
        return cls(
            names,
            full[1:],
            structural_zeros=declared_cells(structural_zeros, names),
            censored_cells=declared_cells(censored_cells, names),
        )

    @classmethod
    def from_records(cls, records: pd.DataFrame, *, person: str, list: str) -> "CaptureHistories":
        """From a frame with one row per record, a column that names the person and one that names the list.

        A person who is on a list more than once counts once there, and `notes` says how often that was.
        """
        for column in (person, list):
            if column not in records.columns:
                raise BadInput.unknown("column", column, records.columns)
            if records[column].isna().any():
                raise BadInput(f"column {column!r} is empty in {int(records[column].isna().sum())} records; fill it")
        pairs = records[[person, list]].drop_duplicates()
        lists = tuple(str(name) for name in sorted(pairs[list].unique()))
        on_list = pd.crosstab(pairs[person], pairs[list]).sort_index(axis=1).to_numpy(dtype=np.bool_)
        repeated = len(records) - len(pairs)
        notes = (
            (f"records that repeat a person on the same list were not counted again: {repeated}",) if repeated else ()
        )
        return cls._from_membership(lists, on_list, notes)

    @classmethod
    def from_links(cls, links: Links, *, strata: Sequence[str] = ()) -> "tuple[CaptureHistories, ...]":
        """One table per draw of who is whom.

        Parameters
        ----------
        links : Links
        strata : sequence of str
            Attributes of the records whose combinations the strata are, such as ``("sex",)``. A person has the value
            of most of the person's records that know one; without such a value, ``unknown``. All draws have the same
            strata, and the notes of each say how many persons' records disagree or say nothing.

        Raises
        ------
        BadInput
            For an attribute that the records do not have.

        Examples
        --------
        >>> records = pd.DataFrame({"list": ["a", "b", "b"], "record": ["1", "1", "2"], "sex": ["man", None, "woman"]})
        >>> links = Links(records, np.array([[0, 0, 1], [0, 1, 2]], np.int32), ("a", "b"))
        >>> tables = CaptureHistories.from_links(links, strata=("sex",))
        >>> tables[0].strata, tables[0].counts.tolist(), tables[1].counts.tolist()
        (('man', 'unknown', 'woman'), [[0, 0, 1], [0, 0, 0], [1, 0, 0]], [[0, 1, 1], [1, 0, 0], [0, 0, 0]])
        """
        names = (strata,) if isinstance(strata, str) else tuple(strata)
        if not names:
            return tuple(
                cls._from_membership(links.lists, links.membership(draw), links.notes) for draw in range(links.n_draws)
            )
        check_lists(links.lists)
        persons = person_strata(links, names)
        tables = []
        for draw in range(links.n_draws):
            value = _history_values(links.membership(draw))
            counts = np.zeros((2 ** len(links.lists), len(persons.names)), dtype=np.int64)
            np.add.at(counts, (value, persons.of_person[draw]), 1)
            notes = (*links.notes, *persons.notes[draw])
            tables.append(cls(links.lists, counts[1:], strata=persons.names, covariates=names, notes=notes))
        return tuple(tables)

    @classmethod
    def _from_membership(
        cls, lists: tuple[str, ...], on_list: NDArray[np.bool_], notes: tuple[str, ...]
    ) -> "CaptureHistories":
        check_lists(lists)
        counts = np.bincount(_history_values(on_list), minlength=2 ** len(lists))
        return cls(lists, counts[1:], notes=notes)


def _history_values(on_list: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The binary value of each person's history, shape (n_persons,), from membership of shape (n_persons, n_lists)."""
    value = np.zeros(len(on_list), dtype=np.int64)
    for on_this in on_list.T:
        value = 2 * value + on_this
    return value


def check_lists(lists: tuple[str, ...]) -> None:
    """Refuse list names that a model could not name, and fewer than two lists."""
    if len(lists) < 2:
        raise BadInput(f"capture histories need two lists or more; there is {len(lists)}: {lists}")
    if len(lists) > MAX_LISTS:
        raise BadInput(f"there are {len(lists)} lists, and at most {MAX_LISTS} are possible; merge some of them")
    for name in lists:
        if not name or any(sign in name for sign in "[],") or name != name.strip():
            raise BadInput(f"list name {name!r} cannot be written in a model; use a name without brackets and commas")
        if lists.count(name) > 1:
            raise BadInput(f"list name {name!r} is given twice; give each list its own name")
