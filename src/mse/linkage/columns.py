"""The columns in which records are compared: normal forms of what was typed, or the tokens and filters of them.

Personal numbers have the same columns for plain and encoded registers; all else has its own: text can be similar, a
token of names and birth can be equal, a filter lies between the two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.pseudonyms import EncodedRegister, TokenField
from mse.pseudonyms.normalise import aliases, joined, name_forms, name_words, normal_forms, skeleton
from mse.registers import IDENTIFIER_FIELDS, Register
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["IDENTITY_COLUMNS", "SEVERAL_VALUED", "plain_columns", "token_columns"]

Cell = str | list[str] | None
Cells = NDArray[np.object_]

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
    found: dict[str, Cells] = {}
    parts: dict[str, list[_Typed]] = {}
    for field in register.fields:
        if field not in used:
            continue
        typed = _Typed.of(register.records[field])
        identity = _identity_field(field, kinds)
        if identity is None:
            found |= _other_columns(field, kinds[field], typed)
        else:
            parts.setdefault(identity, []).append(typed)
    identities = {field: _Typed.together(own) for field, own in parts.items()}
    made: dict[str, Cells] = {}
    for columns, fields, make in MADE_OF:
        if any(field in identities for field in fields):
            made |= _made(columns, [identities.get(field, _Typed.nothing(len(register))) for field in fields], make)
    found |= {column: made[column] for column in IDENTITY_COLUMNS if column in made}
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


def token_columns(register: EncodedRegister, *, used: Sequence[str]) -> pd.DataFrame:
    """The comparison columns of an encoded register: its tokens and filters, and its attributes in clear."""
    found: dict[str, list[Cell] | Cells] = {}
    for token in register.header.fields:
        if not _is_used(token, used):
            continue
        cells = _texts(register.records[token.name])
        several = token.kind in ("tokens", "blooms")
        found[token.name] = [(cell.split(SEVERAL) if several else cell) if cell else None for cell in cells]
    for attribute in register.attributes:
        if attribute in used:
            found |= _other_columns(attribute, "category", _Typed.of(register.records[attribute]))
    return pd.DataFrame(found, index=range(len(register)), dtype=object)


@dataclass(frozen=True)
class _Typed:
    """What was typed in one field: texts, empty where missing, and the place of each record's text among them."""

    texts: Sequence[str]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, values: pd.Series) -> "_Typed":
        place, different = pd.factorize(values, use_na_sentinel=False)
        return cls(["" if pd.isna(cell) else str(cell) for cell in different], place.astype(np.int64))

    @classmethod
    def nothing(cls, n_records: int) -> "_Typed":
        return cls([""], np.zeros(n_records, np.int64))

    @classmethod
    def together(cls, several: Sequence["_Typed"]) -> "_Typed":
        """Several fields as one, their texts separated as aliases and numbers are within a cell."""
        if len(several) == 1:
            return several[0]
        texts, place = _combinations(several)
        return cls([";".join(filter(None, own)) for own in texts], place)

    def column(self, cells: Sequence[Cell]) -> Cells:
        """A column from one cell for each text."""
        each = np.empty(len(cells), object)
        each[:] = cells
        return np.asarray(each[self.place])


def _combinations(several: Sequence[_Typed]) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    """The combinations of texts that records have in several fields, and which of them each record has."""
    place = np.zeros_like(several[0].place)
    for typed in several:
        place = np.unique(place * len(typed.texts) + typed.place, return_inverse=True)[1]
    first = np.unique(place, return_index=True)[1]
    by_field = [[typed.texts[at] for at in typed.place[first]] for typed in several]
    return list(zip(*by_field, strict=True)), place


def _made(columns: Sequence[str], typed: Sequence[_Typed], make: Callable[..., Sequence[Cell]]) -> dict[str, Cells]:
    """Those of the columns that hold any value, each combination of texts worked out once."""
    texts, place = _combinations(typed)
    each = _Typed((), place)
    cells = zip(*(make(*own) for own in texts), strict=True)
    return {
        column: each.column([cell or None for cell in own])
        for column, own in zip(columns, cells, strict=True)
        if any(own)
    }


def _name(typed: str) -> tuple[str, str]:
    """A name as one word, and its skeleton."""
    words = name_words(typed)
    return joined(words), skeleton(words)


def _names(given: str, family: str, alias: str) -> tuple[str, list[str]]:
    """Given and family name without order, and all words of all names."""
    others = aliases(alias) if alias else ()
    forms = name_forms(name_words(given), name_words(family), others, wanted=("names", "words"))
    return forms.get("names", ("",))[0], list(forms.get("words", ()))


def _birth(day: str, year: str) -> tuple[str, str, str]:
    """Date of birth, the same with month and day in either order, and the year."""
    forms = normal_forms({"birth_date": day, "birth_year": year}, wanted=())
    (date,), (born,) = forms.get("birth_date", ("",)), forms.get("birth_year", ("",))
    first, *others = date.split("-")
    return date, "-".join((first, *sorted(others))), born


def _numbers(*fields: str) -> Callable[..., list[list[str]]]:
    """How the numbers of a person are read from these fields."""

    def numbers(*typed: str) -> list[list[str]]:
        forms = normal_forms(dict(zip(fields, typed, strict=True)), wanted=())
        return [list(forms.get(field, ())) for field in fields]

    return numbers


# Identity columns, the fields that they are made of, and how.
MADE_OF: Sequence[tuple[tuple[str, ...], tuple[str, ...], Callable[..., Sequence[Cell]]]] = (
    (("given_name", "given_skeleton"), ("given_name",), _name),
    (("family_name", "family_skeleton"), ("family_name",), _name),
    (("name_pair", "name_words"), ("given_name", "family_name", "alias"), _names),
    (("birth_date", "birth_date_any_order", "birth_year"), ("birth_date", "birth_year"), _birth),
    (("nationality",), ("nationality",), lambda typed: (joined(name_words(typed)),)),
    *((own, own, _numbers(*own)) for own in (("fnr", "d_number"), ("duf",), ("phone",))),
)


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


def _other_columns(field: str, kind: str, typed: _Typed) -> dict[str, Cells]:
    """The columns of a field of any other meaning."""
    if kind == "name":
        words = [name_words(text) for text in typed.texts]
        return {
            field: typed.column([" ".join(own) or None for own in words]),
            f"{field}_skeleton": typed.column([skeleton(own) or None for own in words]),
        }
    plain = [" ".join(text.casefold().split()) or None for text in typed.texts]
    if kind == "date":
        years = [text[:4] if text else None for text in plain]
        return {field: typed.column(plain), f"{field}_year": typed.column(years)}
    is_unknown = field in COMMON_CATEGORIES
    return {field: typed.column([None if is_unknown and text == UNKNOWN else text for text in plain])}


def _texts(values: pd.Series) -> list[str]:
    """The cells as text, empty where missing."""
    return [str(cell) for cell in values.astype(object).where(values.notna(), "")]
