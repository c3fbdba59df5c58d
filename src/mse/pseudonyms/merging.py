"""Duplicates within one agency's list, found in plain text, the only place where it is easy."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from mse.pseudonyms.normalise import normal_forms
from mse.registers import IDENTIFIER_FIELDS, Register

__all__ = ["duplicates", "is_alias", "merged", "persons_of", "same_person"]

NUMBERS = {"fnr": "fodselsnummer", "d_number": "D-number", "duf": "DUF number"}
NAMES_AND_DATE = ("names", "birth_date")
NAMES_AND_YEAR = ("names", "birth_year")
UNDATED = "the same names and year of birth, without a day to compare: please look"
COLUMNS = ("row", "same_as_row", "reason", "merged")
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
    persons = persons_of(register)
    forms = [normal_forms(person) for person in persons]
    rows = [int(row) for row in register.records.index]
    groups, reasons = same_person(forms)
    found = [
        (rows[i], rows[group[0]], f"the same {reasons[i]}", True) for group in groups for i in group if i != group[0]
    ]
    first_of = {i: group[0] for group in groups for i in group}
    for first, *others in _shared(forms, NAMES_AND_YEAR):
        for other in others:
            undated = "birth_date" not in forms[first] or "birth_date" not in forms[other]
            if undated and first_of[first] != first_of[other] and not _contradict(forms, [first, other]):
                found.append((rows[other], rows[first], UNDATED, False))
    return pd.DataFrame(sorted(found), columns=list(COLUMNS))


def persons_of(register: Register) -> list[Person]:
    """What was typed in the identifier fields of each row; missing fields are absent, all aliases stand in one."""
    frame = register.records
    persons: list[Person] = [{} for _ in range(len(frame))]
    for field in register.identifier_fields:
        alias = is_alias(field)
        if not alias and field not in IDENTIFIER_FIELDS:
            continue
        for person, value, missing in zip(persons, frame[field], frame[field].isna(), strict=True):
            if missing:
                continue
            if alias and "alias" in person:
                value = f"{person['alias']};{value}"
            person["alias" if alias else field] = str(value)
    return persons


def is_alias(field: str) -> bool:
    """Whether a field of the records is one of the alias columns, of which a list may have several."""
    return ALIAS.fullmatch(field) is not None


def same_person(forms: Sequence[Mapping[str, str]]) -> tuple[list[list[int]], dict[int, str]]:
    """Group positions that are the same person in plain text.

    Returns
    -------
    groups : list of lists of int
        Each in ascending order, sorted by their first; a position alone is a group of one.
    reasons : dict of int to str
        For each position that joined an earlier one, what was the same.
    """
    group_of = {i: [i] for i in range(len(forms))}
    reasons: dict[int, str] = {}

    def join(first: int, other: int, reason: str) -> None:
        into, absorbed = sorted((group_of[first], group_of[other]))
        if into is not absorbed:
            reasons[absorbed[0]] = reason
            into[:] = sorted(into + absorbed)
            group_of.update(dict.fromkeys(absorbed, into))

    for form, name in NUMBERS.items():
        for same in _shared(forms, (form,)):
            for other in same[1:]:
                join(same[0], other, name)
    for same in _shared(forms, NAMES_AND_DATE):
        for other in same[1:]:
            if not _contradict(forms, [*group_of[same[0]], *group_of[other]]):
                join(same[0], other, "names and date of birth")
    groups = sorted({group[0]: group for group in group_of.values()}.values())
    return groups, reasons


def merged(persons: Sequence[Person]) -> Person:
    """One person from several rows: what was typed first in each field, other names as aliases."""
    one: Person = {}
    for person in persons:
        one = person | one
    names = [person[field] for person in persons for field in ("given_name", "family_name", "alias") if field in person]
    others = dict.fromkeys(name for name in names if name not in (one.get("given_name"), one.get("family_name")))
    return one | ({"alias": ";".join(others)} if others else {})


def _shared(forms: Sequence[Mapping[str, str]], names: tuple[str, ...]) -> Iterator[list[int]]:
    """Positions that have the same value in all of these forms, two or more at a time."""
    by_value: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, form in enumerate(forms):
        if all(name in form for name in names):
            by_value[tuple(form[name] for name in names)].append(i)
    yield from (same for same in by_value.values() if len(same) > 1)


def _contradict(forms: Sequence[Mapping[str, str]], positions: Sequence[int]) -> bool:
    """Whether the positions hold two different numbers of one kind."""
    return any(len({forms[i][name] for i in positions if name in forms[i]}) > 1 for name in NUMBERS)
