"""Conditions on a pair of records, written once: as SQL for Splink, and as steps of a compiled comparison.

A condition is true or false; whatever it asks of a missing value is false. Steps work on one truth value: a test sets
it, `Not` turns it round, and a jump leaves the rest out once it is settled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = [
    "ALIKE",
    "AtLeast",
    "Both",
    "Condition",
    "Contained",
    "Dialect",
    "Dice",
    "Either",
    "Equal",
    "Known",
    "Near",
    "Not",
    "OneApart",
    "OneSlip",
    "Shares",
    "missing",
]

Dialect = Literal["duckdb", "spark"]
# What Spark calls DuckDB's functions of two texts, once they are registered with it: name there, type and name here.
ALIKE = {
    "mse_jaro_winkler": ("double", "jaro_winkler_similarity"),
    "mse_damerau_levenshtein": ("bigint", "damerau_levenshtein"),
}
WORDS = 8  # whole numbers that hold the 512 bits of a filter: columns <filter>_0 to <filter>_7, and <filter>_n


class Condition(Protocol):
    """What is true or false of two records."""

    def sql(self, dialect: Dialect = "duckdb") -> str:
        """SQL on ``<column>_l`` and ``<column>_r``, never NULL."""
        ...

    def parts(self) -> "Iterator[Condition]":
        """The conditions that it is made of; itself where it asks of columns."""
        ...


class _Asked:
    """A condition that asks of columns."""

    def parts(self) -> Iterator[Condition]:
        yield self  # type: ignore[misc]


@dataclass(frozen=True)
class Known(_Asked):
    """Neither record misses the value."""

    column: str

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return f"({self.column}_l IS NOT NULL AND {self.column}_r IS NOT NULL)"


@dataclass(frozen=True)
class Equal(_Asked):
    """The values are the same."""

    column: str

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return _never_null(f"{self.column}_l = {self.column}_r")


@dataclass(frozen=True)
class Near(_Asked):
    """The Jaro-Winkler similarity of two texts is at least this."""

    column: str
    least: float

    def sql(self, dialect: Dialect = "duckdb") -> str:
        function = {"duckdb": "jaro_winkler_similarity", "spark": "mse_jaro_winkler"}[dialect]
        return _never_null(f"{function}({self.column}_l, {self.column}_r) >= {self.least}")


@dataclass(frozen=True)
class OneSlip(_Asked):
    """One letter left out, put in or replaced, or two neighbours changed (Damerau-Levenshtein distance of 1 or 0).

    Of a several-valued column the first values are compared.
    """

    column: str
    several: bool = False

    def sql(self, dialect: Dialect = "duckdb") -> str:
        function = {"duckdb": "damerau_levenshtein", "spark": "mse_damerau_levenshtein"}[dialect]
        first = ("[1]" if dialect == "duckdb" else "[0]") if self.several else ""
        return _never_null(f"{function}({self.column}_l{first}, {self.column}_r{first}) <= 1")


@dataclass(frozen=True)
class OneApart(_Asked):
    """Whole numbers written as text are 1 apart."""

    column: str

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return _never_null(f"abs(CAST({self.column}_l AS INT) - CAST({self.column}_r AS INT)) = 1")


@dataclass(frozen=True)
class Shares(_Asked):
    """A several-valued column has this many values in common."""

    column: str
    least: int = 1

    def sql(self, dialect: Dialect = "duckdb") -> str:
        common = {
            "duckdb": f"len(list_intersect({self.column}_l, {self.column}_r))",
            "spark": f"size(array_intersect({self.column}_l, {self.column}_r))",
        }[dialect]
        return _never_null(f"{common} >= {self.least}")


@dataclass(frozen=True)
class AtLeast(_Asked):
    """A whole number is at least this on both records."""

    column: str
    least: int

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return _never_null(f"{self.column}_l >= {self.least} AND {self.column}_r >= {self.least}")


@dataclass(frozen=True)
class Dice(_Asked):
    """Twice the bits in common over the bits of both filters is at least this."""

    left: str
    right: str
    least: float

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return _never_null(
            f"2 * {_common_bits(self.left, self.right)} / nullif({self.left}_n_l + {self.right}_n_r, 0) >= {self.least}"
        )


@dataclass(frozen=True)
class Contained(_Asked):
    """The bits in common are at least this share of those of the smaller filter."""

    column: str
    least: float

    def sql(self, dialect: Dialect = "duckdb") -> str:
        common = _common_bits(self.column, self.column)
        return _never_null(f"{common} / nullif(least({self.column}_n_l, {self.column}_n_r), 0) >= {self.least}")


@dataclass(frozen=True)
class Both:
    """All of these conditions hold."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return f"({' AND '.join(condition.sql(dialect) for condition in self.conditions)})"

    def parts(self) -> Iterator[Condition]:
        for condition in self.conditions:
            yield from condition.parts()


@dataclass(frozen=True)
class Either:
    """One of these conditions holds; with none of them, false."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return f"({' OR '.join(condition.sql(dialect) for condition in self.conditions) or 'FALSE'})"

    def parts(self) -> Iterator[Condition]:
        for condition in self.conditions:
            yield from condition.parts()


@dataclass(frozen=True)
class Not:
    """The condition does not hold, or a value that it asks for is missing."""

    condition: Condition

    def sql(self, dialect: Dialect = "duckdb") -> str:
        return f"(NOT {self.condition.sql(dialect)})"

    def parts(self) -> Iterator[Condition]:
        yield from self.condition.parts()


def missing(column: str) -> Not:
    """One of the records misses the value."""
    return Not(Known(column))


def _never_null(sql: str) -> str:
    return f"coalesce({sql}, FALSE)"


def _common_bits(left: str, right: str) -> str:
    words = " + ".join(f"bit_count({left}_{place}_l & {right}_{place}_r)" for place in range(WORDS))
    # DuckDB adds up its one-byte counts in one byte, and Spark divides decimals to few digits.
    return f"(CAST(0 AS DOUBLE) + {words})"
