"""Duplicates within one agency's list, found in plain text, the only place where it is easy."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from mse.pseudonyms.normalise import Forms, normal_forms
from mse.registers import IDENTIFIER_FIELDS, Register

__all__ = ["Person", "compared", "duplicates", "is_alias", "merged", "persons_of", "same_person"]

NUMBERS = {"fnr": "fodselsnummer", "d_number": "D-number", "duf": "DUF number"}
NAMES_AND = {"birth_date": "names_and_date", "birth_year": "names_and_year"}
UNDATED = "the same names and year of birth, without a day to compare: please look"
COLUMNS = ("row", "same_as_row", "reason", "merged")
SEVERAL = " "  # between several numbers of one row; a number holds no blank
ALIAS = re.compile(r"alias(_[0-9]+)?")
Person = dict[str, str]


def duplicates(register: Register) -> pd.DataFrame:
    """What `encode` merges in a list, and what it leaves for the agency to look at.

    Parameters
    ----------
    register : Register

    Returns
    -------
    DataFrame, columns row, same_as_row, reason, merged
        One line per row of the file that repeats an earlier one, without any value of it. Rows are merged when a
        fodselsnummer, D-number or DUF number is the same, or both names and the full date of birth are and no number
        contradicts it. The same names and year of birth with no day to compare are listed and not merged.
    """
    table = compared([normal_forms(person) for person in persons_of(register)])
    rows = [int(row) for row in register.records.index]
    groups, reasons = same_person(table)
    found = [
        (rows[i], rows[group[0]], f"the same {reasons[i]}", True) for group in groups for i in group if i != group[0]
    ]
    first_of = {i: group[0] for group in groups for i in group}
    for first, *others in _shared(table["names_and_year"]):
        for other in others:
            undated = table["names_and_date"].iloc[[first, other]].isna().any()
            apart = first_of.get(first, first) != first_of.get(other, other)
            if undated and apart and not _contradict(table, [first], [other]):
                found.append((rows[other], rows[first], UNDATED, False))
    return pd.DataFrame(sorted(found), columns=list(COLUMNS))


def persons_of(register: Register, records: pd.DataFrame | None = None) -> list[Person]:
    """What was typed in the identifier fields of each row; missing fields are absent, all aliases stand in one.

    Parameters
    ----------
    register : Register
    records : DataFrame, optional
        Some of its records; all of them when not given.
    """
    frame = register.records if records is None else records
    persons: list[Person] = [{} for _ in range(len(frame))]
    for field in register.identifier_fields:
        alias = is_alias(field)
        if not alias and field not in IDENTIFIER_FIELDS:
            continue
        for person, value, missing in zip(persons, frame[field].tolist(), frame[field].isna().tolist(), strict=True):
            if missing:
                continue
            if alias and "alias" in person:
                value = f"{person['alias']};{value}"
            person["alias" if alias else field] = str(value)
    return persons


def is_alias(field: str) -> bool:
    """Whether a field of the records is one of the alias columns, of which a list may have several."""
    return ALIAS.fullmatch(field) is not None


def compared(forms: Sequence[Forms]) -> pd.DataFrame:
    """What decides whether rows are the same person: their numbers, and their names with the date or year of birth."""
    cells = {
        **{kind: [SEVERAL.join(own.get(kind, ())) or None for own in forms] for kind in NUMBERS},
        **{
            column: [_together(own.get("names"), own.get(birth)) for own in forms]
            for birth, column in NAMES_AND.items()
        },
    }
    return pd.DataFrame(cells, index=range(len(forms)), dtype="str")


def same_person(table: pd.DataFrame) -> tuple[list[list[int]], dict[int, str]]:
    """Group positions that are the same person in plain text.

    Parameters
    ----------
    table : DataFrame
        From `compared`.

    Returns
    -------
    groups : list of lists of int
        Of two or more positions, each in ascending order, sorted by their first.
    reasons : dict of int to str
        For each position that joined an earlier one, what was the same.
    """
    group_of: dict[int, list[int]] = {}
    reasons: dict[int, str] = {}

    def group(position: int) -> list[int]:
        return group_of.setdefault(position, [position])

    def join(first: int, other: int, reason: str) -> None:
        into, absorbed = sorted((group(first), group(other)))
        if into is not absorbed:
            reasons[absorbed[0]] = reason
            into[:] = sorted(into + absorbed)
            group_of.update(dict.fromkeys(absorbed, into))

    for kind, name in NUMBERS.items():
        for same in _shared(table[kind].str.split(SEVERAL).explode() if table[kind].notna().any() else table[kind]):
            for other in same[1:]:
                join(same[0], other, name)
    for same in _shared(table["names_and_date"]):
        for other in same[1:]:
            if not _contradict(table, group(same[0]), group(other)):
                join(same[0], other, "names and date of birth")
    groups = sorted({own[0]: own for own in group_of.values() if len(own) > 1}.values())
    return groups, reasons


def merged(persons: Sequence[Person]) -> Person:
    """One person from several rows: what was typed first in each field, all numbers, other names as aliases."""
    one: Person = {}
    for person in persons:
        one = person | one
    names = [person[field] for person in persons for field in ("given_name", "family_name", "alias") if field in person]
    others = dict.fromkeys(name for name in names if name not in (one.get("given_name"), one.get("family_name")))
    for kind in (*NUMBERS, "phone"):
        if kind in one:
            one[kind] = ";".join(dict.fromkeys(person[kind] for person in persons if kind in person))
    return one | ({"alias": ";".join(others)} if others else {})


def _together(names: tuple[str, ...] | None, birth: tuple[str, ...] | None) -> str | None:
    return f"{names[0]};{birth[0]}" if names and birth else None


def _shared(values: pd.Series) -> Iterator[list[int]]:
    """Positions that have the same value, two or more at a time, in the order of the values' first positions."""
    known = values.dropna()
    # Numbers by first appearance in Arrow's memory: a table of a million texts in Python's takes hundreds of megabytes.
    texts = pa.array(known)
    encoded = (texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts).dictionary_encode()
    codes = encoded.indices.to_numpy()
    repeated = np.flatnonzero(np.bincount(codes, minlength=1)[codes] > 1)
    in_order = repeated[np.argsort(codes[repeated], kind="stable")]
    positions = known.index.to_numpy()[in_order]
    for same in np.split(positions, np.flatnonzero(np.diff(codes[in_order])) + 1):
        if len(same):
            yield [int(position) for position in same]


def _contradict(table: pd.DataFrame, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether both sides hold numbers of one kind and none in common."""
    return any(
        sides[0] and sides[1] and not sides[0] & sides[1]
        for kind in NUMBERS
        for sides in [
            [{n for cell in table[kind].iloc[list(own)].dropna() for n in cell.split(SEVERAL)} for own in (one, other)]
        ]
    )
