"""The columns in which plain and encoded registers meet: normal forms of what was typed, or the tokens of them.

Names, birth and personal numbers have the same columns for both (`given_name`, `given_skeleton`, `name_pair`,
`name_words`, `birth_date`, `fnr`, ...), so that the same comparisons serve; tokens can be equal, text also similar.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mse.pseudonyms import EncodedRegister, TokenField
from mse.pseudonyms.normalise import name_words, normal_forms, skeleton
from mse.registers import IDENTIFIER_FIELDS, Register
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["IDENTITY_COLUMNS", "SEVERAL_VALUED", "plain_columns", "token_columns"]

Cell = str | list[str] | None

# Normal forms of the agencies' rules, by the column that holds them here; the tokens bear the same names.
COLUMN_OF_FORM: Mapping[str, str] = {
    "given": "given_name",
    "given_skeleton": "given_skeleton",
    "family": "family_name",
    "family_skeleton": "family_skeleton",
    "names": "name_pair",
    "words": "name_words",
    "birth_date": "birth_date",
    "birth_date_any_order": "birth_date_any_order",
    "birth_year": "birth_year",
    "nationality": "nationality",
    "fnr": "fnr",
    "d_number": "d_number",
    "duf": "duf",
    "phone": "phone",
}
IDENTITY_COLUMNS = tuple(COLUMN_OF_FORM.values())
# Other words for the same field: the columns of registers that were not made for this package.
SAME_FIELD: Mapping[str, tuple[str, str]] = {
    "first_name": ("given_name", "name"),
    "surname": ("family_name", "name"),
    "last_name": ("family_name", "name"),
    "date_of_birth": ("birth_date", "date"),
}
SEVERAL_VALUED = ("name_words",)
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
    forms = [
        normal_forms({field: ";".join(filter(None, cells)) for field, cells in person.items()}) for person in persons
    ]
    for form, column in COLUMN_OF_FORM.items():
        if any(form in own for own in forms):
            several = column in SEVERAL_VALUED
            found[column] = [own[form].split(" ") if several and form in own else own.get(form) for own in forms]
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


def token_columns(register: EncodedRegister, *, used: Sequence[str]) -> pd.DataFrame:
    """The comparison columns of an encoded register: its tokens, and its attributes in clear.

    Keys made of several forms are kept only where the list has no token of a single form.
    """
    chosen = [token for token in register.header.fields if _is_used(token, used)]
    if any(token.name in IDENTITY_COLUMNS for token in chosen):
        chosen = [token for token in chosen if token.name in IDENTITY_COLUMNS]
    found: dict[str, list[Cell]] = {}
    for token in chosen:
        cells = _texts(register.records[token.name])
        found[token.name] = [cell.split("|") if token.kind == "tokens" else cell for cell in cells]
        found[token.name] = [cell if cell and cell != [""] else None for cell in found[token.name]]
    for attribute in register.attributes:
        if attribute in used:
            found |= _other_columns(attribute, "category", _texts(register.records[attribute]))
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


def _is_used(token: TokenField, used: Sequence[str]) -> bool:
    """Whether a token speaks of the fields to compare: a pair or key of all its fields, any other of one of them."""
    needs_all = token.name == "name_pair" or token.name not in IDENTITY_COLUMNS
    return (all if needs_all else any)(field in used for field in token.of)


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
    return {field: [None if field in COMMON_CATEGORIES and cell == UNKNOWN else cell for cell in plain]}


def _texts(values: pd.Series) -> list[str]:
    """The cells as text, empty where missing."""
    return [str(cell) for cell in values.astype(object).where(values.notna(), "")]
