"""The columns in which records are compared: normal forms of what was typed, or the tokens and filters of them.

Personal numbers have the same columns for plain and encoded registers; all else has its own: text can be similar, a
token of names and birth can be equal, a filter lies between the two.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mse.pseudonyms import EncodedRegister, TokenField
from mse.pseudonyms.normalise import joined, name_words, normal_forms, skeleton
from mse.registers import IDENTIFIER_FIELDS, Register
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["IDENTITY_COLUMNS", "SEVERAL_VALUED", "plain_columns", "token_columns"]

Cell = str | list[str] | None

IDENTITY_COLUMNS = (
    *("given_name", "given_skeleton", "family_name", "family_skeleton", "name_pair", "name_words"),
    *("birth_date", "birth_date_any_order", "birth_year"),
    "nationality",
    *("fnr", "d_number", "duf", "phone"),
)
# Other words for the same field: the columns of registers that were not made for this package.
SAME_FIELD: Mapping[str, tuple[str, str]] = {
    "first_name": ("given_name", "name"),
    "surname": ("family_name", "name"),
    "last_name": ("family_name", "name"),
    "date_of_birth": ("birth_date", "date"),
}
SEVERAL_VALUED = (
    *("name_words", "fnr", "d_number", "duf", "phone"),
    *("key_phone_word", "key_word_date", "key_skeletons_years", "key_pair_year", "key_slip_year"),
)
SEVERAL = "|"
# Where the normal form of the agencies' rules has another name than the column.
ONE_VALUED: Mapping[str, str] = {"name_pair": "names", "birth_date": "birth_date", "birth_year": "birth_year"}
WITH_SEVERAL: Mapping[str, str] = {
    "name_words": "words",
    **{name: name for name in ("fnr", "d_number", "duf", "phone")},
}
UNKNOWN = "unknown"


def plain_columns(register: Register, *, kinds: Mapping[str, str], used: Sequence[str]) -> pd.DataFrame:
    """The comparison columns of a plain register; they stay in memory.

    Parameters
    ----------
    register : Register
    kinds : mapping of str to str
        Kind of every field that is on any of the registers.
    used : sequence of str
        Fields to compare.
    """
    typed = {field: _texts(register.records[field]) for field in register.fields if field in used}
    persons: list[dict[str, list[str]]] = [{} for _ in range(len(register))]
    found: dict[str, list[Cell]] = {}
    for field, cells in typed.items():
        identity = _identity_field(field, kinds)
        if identity is None:
            found |= _other_columns(field, kinds[field], cells)
            continue
        for person, cell in zip(persons, cells, strict=True):
            person.setdefault(identity, []).append(cell)
    compared = [
        _compared({field: ";".join(filter(None, cells)) for field, cells in person.items()}) for person in persons
    ]
    for column in IDENTITY_COLUMNS:
        if any(column in own for own in compared):
            found[column] = [own.get(column) for own in compared]
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


def token_columns(register: EncodedRegister, *, used: Sequence[str]) -> pd.DataFrame:
    """The comparison columns of an encoded register: its tokens and filters, and its attributes in clear."""
    found: dict[str, list[Cell]] = {}
    for token in register.header.fields:
        if not _is_used(token, used):
            continue
        cells = _texts(register.records[token.name])
        several = token.kind in ("tokens", "blooms")
        found[token.name] = [(cell.split(SEVERAL) if several else cell) if cell else None for cell in cells]
    for attribute in register.attributes:
        if attribute in used:
            found |= _other_columns(attribute, "category", _texts(register.records[attribute]))
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


def _compared(person: Mapping[str, str]) -> dict[str, Cell]:
    """The identity columns of one person, those that are not missing."""
    forms = normal_forms(person)
    given, family = name_words(person.get("given_name", "")), name_words(person.get("family_name", ""))
    cells: dict[str, Cell] = {
        "given_name": joined(given),
        "given_skeleton": skeleton(given),
        "family_name": joined(family),
        "family_skeleton": skeleton(family),
        "nationality": joined(name_words(person.get("nationality", ""))),
    }
    cells |= {column: forms[form][0] for column, form in ONE_VALUED.items() if form in forms}
    cells |= {column: list(forms[form]) for column, form in WITH_SEVERAL.items() if form in forms}
    if "birth_date" in forms:
        year, month, day = forms["birth_date"][0].split("-")
        cells["birth_date_any_order"] = "-".join((year, *sorted((month, day))))
    return {column: cell for column, cell in cells.items() if cell}


def _is_used(token: TokenField, used: Sequence[str]) -> bool:
    """Whether a token speaks of the fields to compare: a number of one of its fields, any other of nothing else."""
    return (any if token.name in IDENTITY_COLUMNS else all)(field in used for field in token.of)


def _identity_field(field: str, kinds: Mapping[str, str]) -> str | None:
    """The identity field that a field fills, if any; a second alias is `alias_2`."""
    if field in IDENTIFIER_FIELDS:
        return field
    if field.startswith("alias_"):
        return "alias"
    same, kind = SAME_FIELD.get(field, ("", ""))
    return same if same and kinds[field] == kind and same not in kinds else None


def _other_columns(field: str, kind: str, cells: Sequence[str]) -> dict[str, list[Cell]]:
    """The columns of a field of any other meaning."""
    if kind == "name":
        words = [name_words(cell) for cell in cells]
        return {
            field: [" ".join(own) or None for own in words],
            f"{field}_skeleton": [skeleton(own) or None for own in words],
        }
    plain = [" ".join(cell.casefold().split()) or None for cell in cells]
    if kind == "date":
        return {field: list(plain), f"{field}_year": [cell[:4] if cell else None for cell in plain]}
    return {field: [None if field in COMMON_CATEGORIES and cell == UNKNOWN else cell for cell in plain]}


def _texts(values: pd.Series) -> list[str]:
    """The cells as text, empty where missing."""
    return [str(cell) for cell in values.astype(object).where(values.notna(), "")]
