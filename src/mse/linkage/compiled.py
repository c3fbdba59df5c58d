"""Comparisons in compiled code: the columns as numbers, and the conditions as steps over them.

Equal text has equal numbers; which different texts are near each other, or one slip apart, is looked up in a table of
pairs of values that DuckDB fills with the functions that Splink would call, so that both ways of comparing agree.
"""

from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison
from mse.linkage.conditions import (
    WORDS,
    AtLeast,
    Both,
    Condition,
    Contained,
    Dice,
    Either,
    Equal,
    Known,
    Near,
    Not,
    OneApart,
    OneSlip,
    Shares,
)

__all__ = ["SILENT", "Compiled", "compiled", "levels_of", "nothing_compiled"]

SILENT = -1
EQUAL, KNOWN, LIKE, APART, SHARES, SOME_ON_BOTH, DICE, CONTAINED, AT_LEAST = range(9)
NOT, JUMP_IF_FALSE, JUMP_IF_TRUE, NEVER, ANSWER = range(9, 14)

Ints = NDArray[np.int64]


class Compiled(NamedTuple):
    """All records and comparisons as arrays.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_steps, 4)
        Operation, and what it needs.
    first_step : ndarray of int64, shape (n_comparisons,)
    constants : ndarray of float64
    codes : ndarray of int32, shape (n_records, n_columns)
        Number of the value, or the whole number itself; -1 where it is missing.
    sets : ndarray of int32, shape (n_records, n_columns, most)
        Numbers of several values, ascending; -1 where there are no more.
    filters : ndarray of uint64, shape (n_records, n_filters, 8)
    n_bits : ndarray of int32, shape (n_records, n_filters)
        0 where the filter is missing.
    likeness : ndarray of int8
        Tables of pairs of values, one after the other: how like two values are, 0 for not.
    likeness_start, likeness_size : ndarray of int64, shape (n_tables,)
    """

    steps: Ints
    first_step: Ints
    constants: NDArray[np.float64]
    codes: NDArray[np.int32]
    sets: NDArray[np.int32]
    filters: NDArray[np.uint64]
    n_bits: NDArray[np.int32]
    likeness: NDArray[np.int8]
    likeness_start: Ints
    likeness_size: Ints

    def merged(self, unit: Ints) -> "Compiled":
        """One record for each group of records: what the first of them that knows a value says."""
        order = np.argsort(unit, kind="stable")
        firsts = np.searchsorted(unit[order], np.arange(int(unit.max()) + 1))
        merged = self._replace(
            codes=self.codes[order[firsts]],
            sets=self.sets[order[firsts]],
            filters=self.filters[order[firsts]],
            n_bits=self.n_bits[order[firsts]],
        )
        for place in np.setdiff1d(np.arange(len(unit)), firsts):
            own, record = unit[order[place]], order[place]
            lacks = merged.codes[own] < 0
            merged.codes[own][lacks] = self.codes[record][lacks]
            lacks = merged.sets[own][:, 0] < 0
            merged.sets[own][lacks] = self.sets[record][lacks]
            lacks = merged.n_bits[own] == 0
            merged.filters[own][lacks], merged.n_bits[own][lacks] = (
                self.filters[record][lacks],
                self.n_bits[record][lacks],
            )
        return merged


def compiled(columns: pd.DataFrame, comparisons: Sequence[Comparison]) -> Compiled:
    """The comparisons of these records, ready to run.

    Parameters
    ----------
    columns : DataFrame, one row per record
        As for `mse.linkage.candidates.Workbench`.
    comparisons : sequence of Comparison
    """
    builder = _Builder(columns, _near_grades(comparisons))
    first_step = []
    for comparison in comparisons:
        first_step.append(len(builder.steps))
        conditions = (comparison.silent_when, *(level.condition for level in comparison.levels))
        for answer, condition in enumerate(conditions, start=SILENT):
            builder.add(condition)
            builder.steps.append([JUMP_IF_FALSE, len(builder.steps) + 2, 0, 0])
            builder.steps.append([ANSWER, answer, 0, 0])
        builder.steps.append([ANSWER, len(comparison.levels), 0, 0])
    return builder.finished(np.array(first_step, np.int64))


def nothing_compiled() -> Compiled:
    """No comparison at all, where the levels of pairs come from elsewhere."""
    return Compiled(
        np.zeros((0, 4), np.int64),
        np.zeros(0, np.int64),
        np.zeros(1),
        np.zeros((0, 1), np.int32),
        np.zeros((0, 1, 1), np.int32),
        np.zeros((0, 1, WORDS), np.uint64),
        np.zeros((0, 1), np.int32),
        np.zeros(1, np.int8),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
    )


@njit(cache=True, nogil=True)
def levels_of(compared, a, b, levels):  # type: ignore[no-untyped-def]
    """Write the level of each comparison of records a and b, -1 where it says nothing."""
    steps, codes, sets = compared.steps, compared.codes, compared.sets
    filters, n_bits, constants = compared.filters, compared.n_bits, compared.constants
    for comparison in range(len(levels)):
        step = compared.first_step[comparison]
        truth = False
        while True:
            operation, x, y, z = steps[step, 0], steps[step, 1], steps[step, 2], steps[step, 3]
            step += 1
            if operation == ANSWER:
                levels[comparison] = x
                break
            if operation == JUMP_IF_FALSE:
                if not truth:
                    step = x
            elif operation == JUMP_IF_TRUE:
                if truth:
                    step = x
            elif operation == NOT:
                truth = not truth
            elif operation == EQUAL:
                truth = codes[a, x] == codes[b, x] and codes[a, x] >= 0
            elif operation == KNOWN:
                truth = codes[a, x] >= 0 and codes[b, x] >= 0
            elif operation == LIKE:
                one, other = codes[a, x], codes[b, x]
                truth = False
                if one >= 0 and other >= 0:
                    at = compared.likeness_start[y] + one * compared.likeness_size[y] + other
                    truth = one == other or compared.likeness[at] >= z
            elif operation == APART:
                one, other = codes[a, x], codes[b, x]
                truth = one >= 0 and other >= 0 and abs(one - other) == 1
            elif operation == SHARES:
                truth = _n_shared(sets[a, x], sets[b, x]) >= y
            elif operation == SOME_ON_BOTH:
                truth = sets[a, x, 0] >= 0 and sets[b, x, 0] >= 0
            elif operation == DICE:
                total = n_bits[a, x] + n_bits[b, y]
                truth = False
                if n_bits[a, x] > 0 and n_bits[b, y] > 0:
                    truth = 2.0 * _n_common(filters[a, x], filters[b, y]) / total >= constants[z]
            elif operation == CONTAINED:
                least = min(n_bits[a, x], n_bits[b, x])
                truth = least > 0 and float(_n_common(filters[a, x], filters[b, x])) / least >= constants[z]
            elif operation == AT_LEAST:
                truth = codes[a, x] >= y and codes[b, x] >= y
            else:
                truth = False


@njit(cache=True, nogil=True)
def _n_shared(one, other):  # type: ignore[no-untyped-def]
    """Numbers that two ascending rows have in common; -1 ends a row."""
    i = j = n = 0
    while i < len(one) and j < len(other) and one[i] >= 0 and other[j] >= 0:
        if one[i] == other[j]:
            n += 1
            i += 1
            j += 1
        elif one[i] < other[j]:
            i += 1
        else:
            j += 1
    return n


@njit(cache=True, nogil=True)
def _n_common(one, other):  # type: ignore[no-untyped-def]
    """Bits that are set in both, by counting in parallel (Warren, Hacker's Delight, 2nd ed., figure 5-2)."""
    total = 0
    for word in range(len(one)):
        x = one[word] & other[word]
        x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
        x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += int((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return total


class _Builder:
    """Writes steps, and turns each column that they need into numbers once."""

    def __init__(self, columns: pd.DataFrame, near_grades: dict[str, list[float]]) -> None:
        self.columns = columns
        self.near_grades = near_grades
        self.steps: list[list[int]] = []
        self.constants: list[float] = []
        self.codes: dict[tuple[str, str], NDArray[np.int32]] = {}
        self.sets: dict[str, NDArray[np.int32]] = {}
        self.filters: dict[str, tuple[NDArray[np.uint64], NDArray[np.int32]]] = {}
        self.likeness: dict[tuple[str, str], NDArray[np.int8]] = {}

    def add(self, condition: Condition) -> None:
        """Write the steps after which the truth of the condition stands."""
        if isinstance(condition, Not):
            self.add(condition.condition)
            self.steps.append([NOT, 0, 0, 0])
        elif isinstance(condition, Both | Either):
            jumps = []
            for part in condition.conditions:
                self.add(part)
                jumps.append(len(self.steps))
                self.steps.append([JUMP_IF_FALSE if isinstance(condition, Both) else JUMP_IF_TRUE, 0, 0, 0])
            if not condition.conditions:
                self.steps.append([NEVER, 0, 0, 0])
            for place in jumps:
                self.steps[place][1] = len(self.steps)
        else:
            self.steps.append(self._test(condition))

    def finished(self, first_step: Ints) -> Compiled:
        """Everything as arrays; each with a place to spare, so that none is empty."""
        n = len(self.columns)
        most = max((own.shape[1] for own in self.sets.values()), default=1)
        sets = np.full((n, len(self.sets) + 1, most), -1, np.int32)
        for place, own in enumerate(self.sets.values()):
            sets[:, place, : own.shape[1]] = own
        filters = np.zeros((n, len(self.filters) + 1, WORDS), np.uint64)
        n_bits = np.zeros((n, len(self.filters) + 1), np.int32)
        for place, (words, bits) in enumerate(self.filters.values()):
            filters[:, place], n_bits[:, place] = words, bits
        sizes = np.array([len(table) for table in self.likeness.values()] or [0], np.int64)
        return Compiled(
            np.array(self.steps, np.int64),
            first_step,
            np.array([*self.constants, 0.0]),
            np.column_stack([*self.codes.values(), np.full(n, -1, np.int32)]),
            sets,
            filters,
            n_bits,
            np.concatenate([*(table.ravel() for table in self.likeness.values()), np.zeros(1, np.int8)]),
            np.concatenate([[0], np.cumsum(sizes**2)[:-1]]).astype(np.int64),
            sizes,
        )

    def _test(self, part: Condition) -> list[int]:
        match part:
            case Known(column) if isinstance(_any(self.columns[column]), list):
                return [SOME_ON_BOTH, self._several(column), 0, 0]
            case Equal(column):
                return [EQUAL, self._code("text", column), 0, 0]
            case Known(column):
                kind = "number" if self.columns[column].dtype == "Int64" else "text"
                return [KNOWN, self._code(kind, column), 0, 0]
            case OneApart(column):
                return [APART, self._code("number", column), 0, 0]
            case AtLeast(column, least):
                return [AT_LEAST, self._code("number", column), least, 0]
            case Near(column, similarity):
                grade = self.near_grades[column].index(similarity) + 1
                return [LIKE, self._code("text", column), self._like("near", column), grade]
            case OneSlip(column, several):
                kind = "first" if several else "text"
                return [LIKE, self._code(kind, column), self._like("slip", column), 1]
            case Shares(column, least):
                return [SHARES, self._several(column), least, 0]
            case Dice(left, right, share):
                return [DICE, self._filter(left), self._filter(right), self._constant(share)]
            case Contained(column, share):
                return [CONTAINED, self._filter(column), 0, self._constant(share)]
        raise TypeError(f"no step for {part!r}")

    def _code(self, kind: str, column: str) -> int:
        if (kind, column) not in self.codes:
            values = self._values(kind, column)
            if kind == "number":
                self.codes[kind, column] = pd.to_numeric(values).fillna(-1).to_numpy(np.int32)
            else:
                self.codes[kind, column] = pd.factorize(values)[0].astype(np.int32)
        return list(self.codes).index((kind, column))

    def _values(self, kind: str, column: str) -> pd.Series:
        values = self.columns[column].astype(object)
        if kind == "first":
            values = values.map(lambda own: own[0] if isinstance(own, list) and own else None)
        return values.where(values.notna(), None)

    def _several(self, column: str) -> int:
        if column not in self.sets:
            self.sets[column] = _numbered_sets(self.columns[column])
        return list(self.sets).index(column)

    def _filter(self, name: str) -> int:
        if name not in self.filters:
            words = np.column_stack(
                [self.columns[f"{name}_{place}"].fillna(0).to_numpy(np.int64) for place in range(WORDS)]
            )
            self.filters[name] = words.view(np.uint64), self.columns[f"{name}_n"].fillna(0).to_numpy(np.int32)
        return list(self.filters).index(name)

    def _like(self, kind: str, column: str) -> int:
        if (kind, column) not in self.likeness:
            values = self._values("first" if isinstance(_any(self.columns[column]), list) else "text", column)
            texts = [str(value) for value in pd.factorize(values)[1]]
            table = _near_table(texts, self.near_grades[column]) if kind == "near" else _slip_table(texts)
            self.likeness[kind, column] = table
        return list(self.likeness).index((kind, column))

    def _constant(self, value: float) -> int:
        if value not in self.constants:
            self.constants.append(value)
        return self.constants.index(value)


def _near_grades(comparisons: Sequence[Comparison]) -> dict[str, list[float]]:
    """Similarities that are asked of each column, ascending."""
    found: dict[str, set[float]] = {}
    for comparison in comparisons:
        for condition in (comparison.silent_when, *(level.condition for level in comparison.levels)):
            for part in condition.parts():
                if isinstance(part, Near):
                    found.setdefault(part.column, set()).add(part.least)
    return {column: sorted(least) for column, least in found.items()}


def _any(values: pd.Series) -> object:
    known = values.dropna()
    return known.iloc[0] if len(known) else None


def _numbered_sets(values: pd.Series) -> NDArray[np.int32]:
    """Numbers of several values, ascending, -1 to fill up; shape (n_records, most)."""
    number: dict[str, int] = {}
    rows = [
        sorted({number.setdefault(value, len(number)) for value in own}) if isinstance(own, list) else []
        for own in values
    ]
    found = np.full((len(rows), max(1, *map(len, rows)) if rows else 1), -1, np.int32)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


def _near_table(texts: Sequence[str], at_least: Sequence[float]) -> NDArray[np.int8]:
    """How many of these similarities each two texts reach, shape (n_texts, n_texts)."""
    similarity = "jaro_winkler_similarity(a.text, b.text)"
    grade = " + ".join(f"CAST({similarity} >= {least} AS TINYINT)" for least in at_least)
    return _table(
        texts,
        f"SELECT a.number AS one, b.number AS other, CAST({grade} AS TINYINT) AS grade FROM texts AS a, texts AS b "
        f"WHERE a.number < b.number AND {similarity} >= {at_least[0]}",
    )


def _slip_table(texts: Sequence[str]) -> NDArray[np.int8]:
    """Which two texts are one slip apart: such texts agree once a letter of each is left out, or of one of them."""
    return _table(
        texts,
        "WITH shorter AS (SELECT DISTINCT number, text, part FROM (SELECT number, text, text AS part FROM texts UNION "
        "ALL SELECT number, text, left(text, place - 1) || substr(text, place + 1) AS part FROM texts, "
        "unnest(range(1, length(text) + 1)) AS places(place))), "
        "pairs AS (SELECT DISTINCT a.number AS one, b.number AS other, a.text AS text_a, b.text AS text_b "
        "FROM shorter AS a JOIN shorter AS b ON a.part = b.part AND a.number < b.number) "
        "SELECT one, other, CAST(1 AS TINYINT) AS grade FROM pairs WHERE damerau_levenshtein(text_a, text_b) <= 1",
    )


def _table(texts: Sequence[str], query: str) -> NDArray[np.int8]:
    """A symmetric table of the grades that a query answers for pairs of texts."""
    table = np.zeros((len(texts), len(texts)), np.int8)
    if len(texts) < 2:
        return table
    with duckdb.connect(":memory:") as connection:
        connection.register("texts", pa.table({"number": np.arange(len(texts), dtype=np.int32), "text": list(texts)}))
        found = connection.execute(query).fetchnumpy()
    one, other = np.asarray(found["one"]), np.asarray(found["other"])
    table[one, other] = table[other, one] = np.asarray(found["grade"])
    return table
