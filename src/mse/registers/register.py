"""One agency's list as read: its codebook and its records. It never shows an identifier on its own."""

from dataclasses import dataclass
from html import escape

import pandas as pd

from mse.errors import BadInput
from mse.registers.codebook import Codebook

__all__ = ["Problem", "Register"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in a list file that cannot be read; it never holds what stands in the cell.

    `row` is 1 for the first row of data, and None for what concerns the whole file; `column` is the heading in the
    agency's file, or None.
    """

    file: str
    row: int | None
    column: str | None
    reason: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}{row}{column}: {self.reason}"


@dataclass(frozen=True, eq=False, repr=False)
class Register:
    """One agency's list of persons, as read by `read_register`.

    Attributes
    ----------
    codebook : Codebook
    records : DataFrame, one row per record
        One text column per common field; a missing value is missing, never a category. Identifiers are as typed,
        without blanks around them; dates are ``YYYY-MM-DD``; numbers are digits with a decimal point; attributes are
        in the common categories. The index is the row number in the file (1 is the first row of data).
    source_sha256 : str
        SHA-256 of the bytes of the list file.
    notes : tuple of str
        What the reader did that its user must know, for example an encoding it had to detect.
    problems : tuple of Problem
        The rows that were set aside, with the reasons.

    Notes
    -----
    Only `records` holds what the agency typed. The text and HTML forms of a register show counts.

    Examples
    --------
    >>> from datetime import date
    >>> from mse.registers import Column
    >>> columns = (Column("navn", "name", "given_name", identifier=True),)
    >>> year = (date(2020, 1, 1), date(2020, 12, 31))
    >>> codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", columns)
    >>> Register(codebook, pd.DataFrame({"given_name": ["Ana"]}, index=[1], dtype="str"), source_sha256="")
    Register rosa (ROSA), adults in contact, 2020-01-01 to 2020-12-31: 1 record, 1 field (1 identifier)
    """

    codebook: Codebook
    records: pd.DataFrame
    source_sha256: str
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        expected = tuple(self.codebook.record_fields)
        if tuple(self.records.columns) != expected:
            raise BadInput(f"the records of {self.name} must have the fields {', '.join(expected)} of its codebook")

    @property
    def name(self) -> str:
        return self.codebook.name

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the records, identifiers and attributes, in the order of the codebook."""
        return tuple(self.codebook.record_fields)

    @property
    def identifier_fields(self) -> tuple[str, ...]:
        return tuple(field for field, column in self.codebook.record_fields.items() if column.identifier)

    @property
    def attribute_fields(self) -> tuple[str, ...]:
        return tuple(field for field, column in self.codebook.record_fields.items() if not column.identifier)

    @property
    def n_set_aside(self) -> int:
        """Number of rows of the file that could not be read and were set aside."""
        return len({problem.row for problem in self.problems})

    def __len__(self) -> int:
        return len(self.records)

    def describe(self) -> pd.DataFrame:
        """Counts by field: kind, identifier or not, values present, missing, share missing, distinct values."""
        columns = self.codebook.record_fields
        present = self.records.notna().sum()
        return pd.DataFrame(
            {
                "kind": [columns[field].kind for field in self.fields],
                "identifier": [columns[field].identifier for field in self.fields],
                "n_present": present.to_numpy(),
                "n_missing": len(self) - present.to_numpy(),
                "share_missing": 1 - present.to_numpy() / max(len(self), 1),
                "n_distinct": [self.records[field].nunique() for field in self.fields],
            },
            index=pd.Index(self.fields, name="field"),
        )

    def __repr__(self) -> str:
        start, end = self.codebook.period
        aside = f", {_count(self.n_set_aside, 'row')} set aside" if self.n_set_aside else ""
        return (
            f"Register {self.name} ({self.codebook.agency}), {self.codebook.population} "
            f"{'new' if self.codebook.presence == 'new' else 'in contact'}, {start} to {end}: "
            f"{_count(len(self), 'record')}, {_count(len(self.fields), 'field')} "
            f"({_count(len(self.identifier_fields), 'identifier')}){aside}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.describe().to_html(float_format='{:.3f}'.format)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
