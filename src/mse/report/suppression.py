"""Which counts a report may show: small ones are hidden, and so is whatever they could be computed from.

Every number that the report shows is a sum over the cells of one table: persons by capture history, and records by
register. Counts from 1 to `suppress_below - 1` are hidden first. Then the reader's best attack is computed, by linear
programming: given all numbers still shown, between which values must each small count lie? As long as some small
count is pinned to a range narrower than `suppress_below - 1`, the least valuable of the shown numbers that pin it
(a dual variable other than zero) is hidden too. `decisions/0006-report.md` says what this does and does not promise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from mse.errors import BadInput
from mse.histories import CaptureHistories, as_text
from mse.report.findings import Findings, ListSummary, RegisterSummary

__all__ = ["Key", "Shown", "protect", "protect_histories"]

type Key = tuple[str, ...]

# What is given up first: bars of the figure, then counts of records, then of persons, and the headline last.
VALUE = {
    "history": 0,
    "register": 1,
    "list records": 2,
    "on exactly": 3,
    "overlap": 4,
    "on several": 5,
    "list": 6,
    "sum of lists": 7,
    "n_records": 8,
    "n_observed": 9,
}
ALL_CELLS_UP_TO = 8  # lists; beyond, only cells with persons and those of one or two lists: narrower ranges, so safe
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Shown:
    """The numbers that may be shown; a number that is not among them is hidden.

    Attributes
    ----------
    numbers : mapping of key to int
        Keys: ``("n_observed",)``, ``("list", a)``, ``("overlap", a, b)`` in the order of the lists,
        ``("history", "101")`` (only histories with persons), ``("on exactly", "2")`` lists, ``("on several",)``,
        ``("sum of lists",)``, ``("register", r)``, ``("list records", a)``, ``("n_records",)``.
    hidden : frozenset of key
    small_ones : frozenset of key
        Those of the hidden that are small themselves; the others are hidden to protect them.
    suppress_below : int
    """

    numbers: Mapping[Key, int]
    hidden: frozenset[Key]
    small_ones: frozenset[Key]
    suppress_below: int

    def get(self, *key: str) -> int | None:
        """The number, or None when it is hidden."""
        return self.numbers.get(key)

    def small(self, count: int) -> int | None:
        """A number that stands alone in the report and enters no sum: hidden only if small."""
        return None if 0 < count < self.suppress_below else count

    def overlap(self, a: str, b: str) -> int | None:
        """Persons on both lists, in either order; the total of a list with itself."""
        if a == b:
            return self.get("list", a)
        found = self.get("overlap", a, b)
        return self.get("overlap", b, a) if found is None else found

    @property
    def allows_estimates(self) -> bool:
        """Whether a number computed from the overlaps can be shown at all without giving a small one away."""
        overlaps: tuple[Key, ...] = (("on several",), ("on exactly", "2"))
        return ("n_observed",) not in self.hidden and not self.small_ones.intersection(overlaps)

    @property
    def hides_overlap(self) -> bool:
        """Whether any overlap of two lists is hidden."""
        return any(key[0] == "overlap" for key in self.hidden)


@dataclass(frozen=True)
class _Sums:
    """Sums over the cells of one table: `rows[i] @ cells` has the value `values[i]`."""

    keys: tuple[Key, ...]
    rows: NDArray[np.float64]
    values: NDArray[np.int64]


def protect(findings: Findings, *, suppress_below: int = 3) -> Shown:
    """What a report of these findings may show.

    Parameters
    ----------
    findings : Findings
    suppress_below : int
        Counts of persons from 1 to one less than this are hidden; 1 hides nothing.
    """
    return _protect(findings.histories, findings.registers, findings.lists, suppress_below)


def protect_histories(histories: CaptureHistories, *, suppress_below: int = 3) -> Shown:
    """What may be shown of a table of capture histories alone."""
    return _protect(histories, (), (), suppress_below)


def _protect(
    histories: CaptureHistories,
    registers: tuple[RegisterSummary, ...],
    lists: tuple[ListSummary, ...],
    suppress_below: int,
) -> Shown:
    if suppress_below < 1:
        raise BadInput(f"suppress_below={suppress_below!r} is not a count; 3 hides counts of 1 and 2, 1 hides nothing")
    table = _Table(histories, registers, lists)
    shown = table.shown()
    small = {key for key, value in zip(shown.keys, shown.values, strict=True) if 0 < value < suppress_below}
    hidden = small | _hide_more(_Audit(table, shown, suppress_below), small)
    numbers = {key: int(value) for key, value in zip(shown.keys, shown.values, strict=True) if key not in hidden}
    return Shown(numbers, frozenset(hidden), frozenset(small), suppress_below)


class _Table:
    """The cells that everything is a sum of: persons by capture history, then records by register."""

    def __init__(
        self,
        histories: CaptureHistories,
        registers: tuple[RegisterSummary, ...],
        lists: tuple[ListSummary, ...],
    ) -> None:
        n_lists = histories.n_lists
        every = np.array(histories.histories, dtype=np.int64)
        few = n_lists <= ALL_CELLS_UP_TO
        kept = np.flatnonzero(few | (histories.total_counts > 0) | (every.sum(axis=1) <= 2))
        self.lists = histories.lists
        self.on_list = every[kept].astype(np.bool_)
        self.texts = [as_text(histories.histories[i]) for i in kept]
        self.registers, self.summaries = registers, lists
        records = np.array([one.n_records for one in registers], dtype=np.int64)
        self.cells = np.concatenate([histories.total_counts[kept], records])
        self.n_histories = len(kept)

    def _row(self, chosen: NDArray[np.float64]) -> NDArray[np.float64]:
        """A sum over histories, as a row over all cells."""
        return np.concatenate([chosen, np.zeros(len(self.registers))])

    def _record_row(self, names: Iterable[str]) -> NDArray[np.float64]:
        """A sum over registers, as a row over all cells."""
        wanted = set(names)
        return np.concatenate(
            [np.zeros(self.n_histories), [float(one.name in wanted) for one in self.registers]],
        )

    def _list_row(self, name: str) -> NDArray[np.float64]:
        return self._row(self.on_list[:, self.lists.index(name)].astype(np.float64))

    def _sums(self, rows: Mapping[Key, NDArray[np.float64]]) -> _Sums:
        matrix = np.array(list(rows.values())).reshape(len(rows), len(self.cells))
        return _Sums(tuple(rows), matrix, np.rint(matrix @ self.cells).astype(np.int64))

    def shown(self) -> _Sums:
        """The numbers that the report would show if nothing were hidden."""
        n_on = self.on_list.sum(axis=1)
        rows: dict[Key, NDArray[np.float64]] = {("n_observed",): self._row(np.ones(self.n_histories))}
        rows |= {("list", name): self._list_row(name) for name in self.lists}
        rows[("sum of lists",)] = self._row(n_on.astype(np.float64))
        for a, b in combinations(range(len(self.lists)), 2):
            both = self.on_list[:, a] & self.on_list[:, b]
            rows[("overlap", self.lists[a], self.lists[b])] = self._row(both.astype(np.float64))
        for k in range(1, len(self.lists) + 1):
            rows[("on exactly", str(k))] = self._row((n_on == k).astype(np.float64))
        rows[("on several",)] = self._row((n_on > 1).astype(np.float64))
        for i in np.flatnonzero(self.cells[: self.n_histories]):
            rows[("history", self.texts[i])] = np.eye(1, len(self.cells), i)[0]
        if self.registers:
            rows |= {("register", one.name): self._record_row([one.name]) for one in self.registers}
            rows |= {("list records", one.name): self._record_row(one.registers) for one in self.summaries}
            rows[("n_records",)] = self._record_row([one.name for one in self.registers])
        return self._sums(rows)

    def differences(self) -> _Sums:
        """Counts that are never shown, but that a reader gets by subtracting two that are."""
        rows: dict[Key, NDArray[np.float64]] = {}
        for a in self.lists:
            for b in self.lists:
                if a != b:
                    only = self.on_list[:, self.lists.index(a)] & ~self.on_list[:, self.lists.index(b)]
                    rows[("on first only", a, b)] = self._row(only.astype(np.float64))
        rows[("counted again",)] = self._row(self.on_list.sum(axis=1).astype(np.float64) - 1.0)
        joined = {("repeats", one.name) for one in self.summaries if len(one.registers) > 1}
        rows |= {key: row for key, row in self.repeats().items() if key in joined}
        return self._sums(rows)

    def repeats(self) -> dict[Key, NDArray[np.float64]]:
        """Records of a list beyond one for each person on it: as rows, which are never negative.

        Small ones are guarded where a list joins several registers, since they tell who is on two of them; within one
        register they are the agency's own double entries.
        """
        if not self.registers:
            return {}
        return {
            ("repeats", one.name): self._record_row(one.registers) - self._list_row(one.name) for one in self.summaries
        }


class _Audit:
    """Whether a choice of hidden numbers protects every small count, those got by subtraction included."""

    def __init__(self, table: _Table, shown: _Sums, suppress_below: int) -> None:
        extra = table.differences()
        rows, values = np.concatenate([shown.rows, extra.rows]), np.concatenate([shown.values, extra.values])
        small = (values > 0) & (values < suppress_below)
        self.rows, self.values = rows[small], values[small].astype(np.float64)
        self.width = suppress_below - 1 - TOLERANCE
        self.shown, self.table = shown, table
        self.repeats = list(table.repeats().values())
        self.largest = 10 * int(table.cells.sum()) + 10
        self.tables: list[NDArray[np.float64]] = []  # found so far; those that still agree need not be found again

    def exposed(self, hidden: set[Key]) -> Key | None:
        """One more number to hide, or None when every small count is protected."""
        attack = _Attack(self.shown, hidden, self.repeats, len(self.table.cells), self.largest)
        low, high = self.values.copy(), self.values.copy()

        def widen(table: NDArray[np.float64]) -> None:
            reached = self.rows @ table
            np.minimum(low, reached, out=low)
            np.maximum(high, reached, out=high)

        for table in self.tables:
            if attack.agrees(table):
                widen(table)
        for i, row in enumerate(self.rows):
            attack.pinning[:] = False
            for sign in (-1.0, 1.0):
                if high[i] - low[i] < self.width:
                    self.tables.append(attack.extreme(sign * row))
                    widen(self.tables[-1])
            if high[i] - low[i] < self.width:
                return attack.cheapest_reason(row)
        return None


def _hide_more(audit: _Audit, hidden: set[Key]) -> set[Key]:
    """What must be hidden beside the small counts so that none of them can be computed."""
    more: set[Key] = set()
    while (key := audit.exposed(hidden | more)) is not None:
        more.add(key)
    for key in sorted(more, key=lambda key: (-VALUE[key[0]], key)):
        if audit.exposed(hidden | more - {key}) is None:
            more.remove(key)
    return more


class _Attack:
    """What a reader can conclude: all tables that agree with everything shown.

    The reader knows that no cell is negative, that a list has no more persons than records, and, because zeros are
    shown as zeros, that whatever is hidden in a table is at least 1.
    """

    def __init__(
        self, shown: _Sums, hidden: set[Key], repeats: list[NDArray[np.float64]], n_cells: int, largest: int
    ) -> None:
        known = np.array([key not in hidden for key in shown.keys])
        positive = np.array([key in hidden and key[0] != "history" for key in shown.keys])
        self.keys = [key for key, is_known in zip(shown.keys, known, strict=True) if is_known]
        self.rows, self.values = shown.rows[known], shown.values[known]
        self.at_least = np.concatenate([-shown.rows[positive], -np.reshape(repeats, (len(repeats), n_cells))])
        self.bounds = np.concatenate([-np.ones(positive.sum()), np.zeros(len(repeats))])
        self.largest = largest
        self.pinning = np.zeros(len(self.keys), dtype=np.bool_)

    def agrees(self, table: NDArray[np.float64]) -> bool:
        """Whether a table agrees with everything shown."""
        if np.abs(self.rows @ table - self.values).max(initial=0) > TOLERANCE:
            return False
        return bool((self.at_least @ table - self.bounds).max(initial=0) <= TOLERANCE)

    def extreme(self, objective: NDArray[np.float64]) -> NDArray[np.float64]:
        """The table, agreeing with everything shown, at which the objective is least."""
        answer = linprog(
            objective,
            A_ub=self.at_least if len(self.at_least) else None,
            b_ub=self.bounds if len(self.at_least) else None,
            A_eq=self.rows if len(self.rows) else None,
            b_eq=self.values if len(self.rows) else None,
            bounds=(0, self.largest),
            method="highs",
        )
        if answer.status != 0:
            raise RuntimeError(f"the disclosure audit could not be solved: {answer.message}")
        if len(self.rows):
            self.pinning |= np.abs(answer.eqlin.marginals) > TOLERANCE
        return np.asarray(answer.x, dtype=np.float64)

    def cheapest_reason(self, row: NDArray[np.float64]) -> Key:
        """Of the shown numbers that pin this sum, the one that the report misses least; zeros stay."""
        pinning = self.pinning & (self.values > 0)
        if not pinning.any():
            pinning = (self.values > 0) & (self.rows @ np.abs(row) > 0)
        if not pinning.any():
            pinning = self.values > 0
        choices = [(VALUE[self.keys[i][0]], int(self.values[i]), self.keys[i]) for i in np.flatnonzero(pinning)]
        return min(choices)[2]
