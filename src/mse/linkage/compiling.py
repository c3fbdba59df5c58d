"""Compiling: comparisons and the columns that they read, as arrays and steps.

Equal text has equal numbers; which different texts are near each other, or one slip apart, is looked up in a table of
pairs of values that DuckDB fills with the functions that Splink would call, so that both ways of comparing agree.
"""

from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison
from mse.linkage.compiled import (
    ANSWER,
    APART,
    AT_LEAST,
    CONTAINED,
    DICE,
    EQUAL,
    JUMP_IF_FALSE,
    JUMP_IF_TRUE,
    KNOWN,
    LIKE,
    NEVER,
    NOT,
    SHARES,
    SILENT,
    SOME_ON_BOTH,
    Compiled,
)
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
from mse.linkage.level_tables import with_level_tables

__all__ = ["compiled", "merged"]

Ints = NDArray[np.int64]


def compiled(columns: pd.DataFrame, comparisons: Sequence[Comparison], *, n_jobs: int = 1) -> Compiled:
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
    return with_level_tables(builder.finished(np.array(first_step, np.int64)), n_jobs=n_jobs)


def merged(compared: Compiled, unit: Ints, *, n_jobs: int = 1) -> Compiled:
    """One record for each group of records: what the first of them that knows a value says."""
    order = np.argsort(unit, kind="stable")
    firsts = np.searchsorted(unit[order], np.arange(int(unit.max()) + 1))
    found = compared._replace(
        codes=compared.codes[order[firsts]],
        sets=compared.sets[order[firsts]],
        filters=compared.filters[order[firsts]],
        n_bits=compared.n_bits[order[firsts]],
    )
    for place in np.setdiff1d(np.arange(len(unit)), firsts):
        own, record = unit[order[place]], order[place]
        lacks = found.codes[own] < 0
        found.codes[own][lacks] = compared.codes[record][lacks]
        lacks = found.sets[own][:, 0] < 0
        found.sets[own][lacks] = compared.sets[record][lacks]
        lacks = found.n_bits[own] == 0
        found.filters[own][lacks], found.n_bits[own][lacks] = (
            compared.filters[record][lacks],
            compared.n_bits[record][lacks],
        )
    return with_level_tables(found, n_jobs=n_jobs)


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
            np.zeros((n, len(first_step)), np.int32),
            np.zeros(1, np.int8),
            np.zeros(len(first_step), np.int64),
            np.zeros(len(first_step), np.int64),
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
