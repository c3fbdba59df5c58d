"""Linkable: the records of all registers in one table, and the comparisons that its columns allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.columns import IDENTITY_COLUMNS, plain_columns, token_columns
from mse.linkage.comparison import (
    Comparison,
    birth_date_comparison,
    birth_year_comparison,
    category_comparison,
    date_comparison,
    family_name_comparison,
    given_name_comparison,
    name_comparison,
    number_comparison,
    personal_number_comparison,
    text_comparison,
)
from mse.pseudonyms import EncodedRegister
from mse.registers import Register
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["Linkable", "linkable_encoded", "linkable_plain"]

# Probability that two records of one person agree: numbers kept for life, or changed; categories read alike, or not.
M_PERSONAL_NUMBERS: Mapping[str, float] = {"fnr": 0.95, "d_number": 0.90, "duf": 0.95, "phone": 0.50}
M_CATEGORIES: Mapping[str, float] = {"sex": 0.97, "nationality": 0.93, "region": 0.93, "age_group": 0.80}
M_OTHER_CATEGORY = 0.90
WEAK_ATTRIBUTES = ("sex", "region", "age_group")
# Names tell the origin, so that origin counts half; a group is silent where the value itself is known.
DISCOUNTS: Mapping[str, float] = {"nationality": 0.5, "region": 0.5}
FINER: Mapping[str, str] = {"region": "nationality", "age_group": "birth_year"}
NEVER_COMPARED = ("local_id",)
NAME_COLUMNS = ("given_name", "given_skeleton", "family_name", "family_skeleton", "name_pair", "name_words")
BIRTH_COLUMNS = ("birth_date", "birth_date_any_order", "birth_year")
TELLING = (("given_name", "given_skeleton"), ("family_name", "family_skeleton"), ("birth_date", "birth_year"))


@dataclass(frozen=True)
class Linkable:
    """All records of all lists, ready to be compared.

    Attributes
    ----------
    columns : DataFrame, one row per record
        Comparison columns; nothing of it goes on to `Links`.
    records : DataFrame, one row per record
        ``list``, ``record`` and the common attributes.
    list_of_record : ndarray of int64, shape (n_records,)
    lists : tuple of str
    comparisons : tuple of Comparison
    notes : tuple of str
    """

    columns: pd.DataFrame
    records: pd.DataFrame
    list_of_record: NDArray[np.int64]
    lists: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


def linkable_plain(registers: Sequence[Register], *, fields: Sequence[str] | None) -> Linkable:
    """The records of plain registers, compared by these fields, or by all that identify and the weak attributes."""
    kinds, identifying = _kinds(registers)
    used = [*identifying, *(name for name in WEAK_ATTRIBUTES if name in kinds)] if fields is None else list(fields)
    for field in used:
        if field not in kinds:
            raise BadInput.unknown("field", field, kinds)
    columns = [plain_columns(register, kinds=kinds, used=used) for register in registers]
    records = [_records(register.name, register.records.index.astype(str), register.records) for register in registers]
    return _linkable(columns, records, kinds, similar=True)


def linkable_encoded(registers: Sequence[EncodedRegister], *, fields: Sequence[str] | None) -> Linkable:
    """The records of encoded registers, compared by the tokens of these fields, or by all tokens."""
    known = {source for register in registers for token in register.header.fields for source in token.of}
    known |= {attribute for register in registers for attribute in register.attributes}
    for field in fields or ():
        if field not in known:
            raise BadInput.unknown("field", field, sorted(known))
    used = fields
    if used is None:
        used = [name for name in sorted(known) if name not in COMMON_CATEGORIES or name in WEAK_ATTRIBUTES]
    columns = [token_columns(register, used=used) for register in registers]
    kinds = {str(name): "text" for own in columns for name in own if name not in COMMON_CATEGORIES}
    kinds |= {str(name): "category" for own in columns for name in own if name in COMMON_CATEGORIES}
    records = [_records(register.name, register.records["record"], register.records) for register in registers]
    return _linkable(columns, records, kinds, similar=False)


def _linkable(
    columns: Sequence[pd.DataFrame], records: Sequence[pd.DataFrame], kinds: Mapping[str, str], *, similar: bool
) -> Linkable:
    lists = tuple(str(own["list"].iloc[0]) for own in records)
    joined = pd.concat(columns, ignore_index=True)
    for column in (*NAME_COLUMNS, *BIRTH_COLUMNS):
        if column not in joined:
            joined[column] = None
    comparisons, notes = [], []
    for comparison in _comparisons(joined, kinds, similar=similar):
        values = joined[comparison.name].dropna()
        if comparison.name in IDENTITY_COLUMNS or values.duplicated().any():
            comparisons.extend([comparison] if len(values) else [])
        elif len(values):
            notes.append(f"the field {comparison.name} was not compared: no value of it stands on two records")
    if not any(comparison.block_on for comparison in comparisons):
        raise BadInput(
            "the lists have no field in common by which a person could be recognised; give names, dates of birth or "
            "personal numbers, or name other fields with fields="
        )
    n_scarce = _n_scarce(joined, comparisons)
    if n_scarce:
        notes.append(
            f"{n_scarce} of {len(joined)} records hold fewer than two of given name, family name, birth and other "
            "telling fields, and no personal number: they can hardly be linked, and may each count as a person"
        )
    return Linkable(
        joined,
        pd.concat(records, ignore_index=True),
        np.repeat(np.arange(len(columns), dtype=np.int64), [len(own) for own in columns]),
        lists,
        tuple(comparisons),
        tuple(notes),
    )


def _kinds(registers: Sequence[Register]) -> tuple[dict[str, str], list[str]]:
    """The kind of each field, and the fields that identify, over all registers."""
    kinds: dict[str, str] = {}
    identifying: dict[str, None] = {}
    for register in registers:
        for field, column in register.codebook.record_fields.items():
            if kinds.setdefault(field, column.kind) != column.kind:
                raise BadInput(
                    f"the field {field} has kind {kinds[field]!r} on one register and {column.kind!r} on "
                    f"{register.name}; give it the same kind in both codebooks"
                )
            if column.identifier and field not in NEVER_COMPARED:
                identifying[field] = None
    return kinds, list(identifying)


def _comparisons(columns: pd.DataFrame, kinds: Mapping[str, str], *, similar: bool) -> Iterator[Comparison]:
    """The comparisons that the columns allow, in a fixed order."""
    yield given_name_comparison(similar=similar)
    yield family_name_comparison(similar=similar)
    yield birth_date_comparison(similar=similar)
    yield birth_year_comparison(similar=similar)
    for number, m_start in M_PERSONAL_NUMBERS.items():
        if number in columns:
            yield personal_number_comparison(number, m_start=m_start, similar=similar)
    done = {*IDENTITY_COLUMNS} - {"nationality"}
    for name in [*M_CATEGORIES, *kinds]:
        if name in columns and name not in done:
            done.add(name)
            yield _other_comparison(name, kinds.get(name, "category"), columns, similar=similar)


def _other_comparison(name: str, kind: str, columns: pd.DataFrame, *, similar: bool) -> Comparison:
    if kind == "category" or name in M_CATEGORIES:
        return category_comparison(
            name,
            m_start=M_CATEGORIES.get(name, M_OTHER_CATEGORY),
            n_categories=columns[name].nunique(),
            discount=DISCOUNTS.get(name, 1.0),
            unless_known=[FINER[name]] if FINER.get(name) in columns else [],
        )
    if kind == "name" and similar:
        return name_comparison(name, similar=similar)
    if kind == "date" and similar:
        return date_comparison(name)
    if kind == "number" and similar:
        return number_comparison(name)
    return text_comparison(name, similar=similar)


def _n_scarce(columns: pd.DataFrame, comparisons: Sequence[Comparison]) -> int:
    """Records with too little on them to be recognised; sex, region and age do not count."""
    others = [
        (comparison.name,)
        for comparison in comparisons
        if comparison.block_on and comparison.name not in (*IDENTITY_COLUMNS, *M_PERSONAL_NUMBERS)
    ]
    told = sum(columns[list(fields)].notna().any(axis=1).astype(int) for fields in (*TELLING, *others))
    numbers = [name for name in M_PERSONAL_NUMBERS if name in columns]
    return int(((told < 2) & columns[numbers].isna().all(axis=1)).sum())


def _records(name: str, ids: pd.Index | pd.Series, typed: pd.DataFrame) -> pd.DataFrame:
    """What goes on to `Links`: list, record id and the common attributes, never an identifier."""
    attributes = {field: typed[field].to_numpy() for field in COMMON_CATEGORIES if field in typed}
    return pd.DataFrame({"list": name, "record": ids.to_numpy()} | attributes).astype("str")
