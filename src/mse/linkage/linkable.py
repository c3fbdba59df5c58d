"""Linkable: the records of all registers in one table, and the comparisons that its columns allow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.columns import IDENTITY_COLUMNS, SEVERAL_VALUED, plain_columns, token_columns
from mse.linkage.comparison import (
    ORIGIN,
    Comparison,
    birth_date_comparison,
    birth_year_comparison,
    category_comparison,
    date_comparison,
    name_comparison,
    name_comparisons,
    number_comparison,
    personal_number_comparison,
    text_comparison,
)
from mse.linkage.field_filters import FILTERS, filter_columns, filter_comparisons
from mse.linkage.match_keys import KEYS, NAMES_AND_DATE, NAMES_AND_YEAR, match_key_comparisons
from mse.linkage.scarce import find_scarce, told_scarce
from mse.pseudonyms import EncodedRegister
from mse.registers import Register
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["Linkable", "linkable_encoded", "linkable_plain"]

# Probability that two records of one person agree: numbers kept for life, or changed; categories read alike, or not.
M_PERSONAL_NUMBERS: Mapping[str, float] = {
    **{"fnr": 0.95, "d_number": 0.90, "duf": 0.95},
    **{"phone": 0.50, "key_phone_word": 0.45},
}
M_CATEGORIES: Mapping[str, float] = {"sex": 0.97, "nationality": 0.93, "region": 0.93, "age_group": 0.80}
M_OTHER_CATEGORY = 0.90
WEAK_ATTRIBUTES = ("sex", "region", "age_group")
# A group is silent where the value itself is known.
FINER: Mapping[str, tuple[str, ...]] = {
    "region": ("nationality",),
    "age_group": ("birth_year", NAMES_AND_DATE, NAMES_AND_YEAR, "bloom_birth_n"),
}
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

    @property
    def origin(self) -> NDArray[np.int64]:
        """Number of the origin of each record, by the finest column that tells it; -1 where it is missing."""
        finest = next((name for name in ORIGIN if name in self.columns), None)
        if finest is None:
            return np.full(len(self.columns), -1)
        return np.asarray(pd.factorize(self.columns[finest])[0], np.int64)


def linkable_plain(registers: Sequence[Register], *, fields: Sequence[str] | None, scarce: str = "drop") -> Linkable:
    """The records of plain registers, compared by these fields, or by all that identify and the weak attributes."""
    kinds, identifying = _kinds(registers)
    used = [*identifying, *(name for name in WEAK_ATTRIBUTES if name in kinds)] if fields is None else list(fields)
    for field in used:
        if field not in kinds:
            raise BadInput.unknown("field", field, kinds)
    columns = [plain_columns(register, kinds=kinds, used=used) for register in registers]
    joined = _joined(columns, always=(*NAME_COLUMNS, *BIRTH_COLUMNS))
    others = [
        (name,) for name, kind in kinds.items() if name in used and kind != "category" and name not in IDENTITY_COLUMNS
    ]
    told = [fields for fields in (*TELLING, *others) if set(fields) & set(joined)]
    return _linkable(registers, joined, _plain_comparisons(joined, kinds), told, scarce)


def linkable_encoded(
    registers: Sequence[EncodedRegister], *, fields: Sequence[str] | None, scarce: str = "drop"
) -> Linkable:
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
    joined = _joined(columns, always=())
    if registers[0].header.encoding == "bloom":
        joined = filter_columns(joined)
        names_and_birth = filter_comparisons(joined)
        told: list[tuple[str, ...]] = [(f"{name}_n",) for name in FILTERS]
    else:
        joined = _joined(columns, always=KEYS if set(KEYS) & set(joined) else ())
        names_and_birth, told = match_key_comparisons(joined), [(NAMES_AND_DATE, NAMES_AND_YEAR)] * 2
    return _linkable(registers, joined, _encoded_comparisons(joined, names_and_birth), told, scarce)


def _joined(columns: Sequence[pd.DataFrame], *, always: Sequence[str]) -> pd.DataFrame:
    """The columns of all lists, and those that the comparisons read whether a list has them or not."""
    joined = pd.concat(columns, ignore_index=True)
    return joined.assign(**{name: None for name in always if name not in joined})


def _linkable(
    registers: Sequence[Register] | Sequence[EncodedRegister],
    columns: pd.DataFrame,
    possible: Iterable[Comparison],
    told: Sequence[tuple[str, ...]],
    scarce: str,
) -> Linkable:
    records = pd.concat([_records(register) for register in registers], ignore_index=True)
    list_of_record = np.repeat(np.arange(len(registers), dtype=np.int64), [len(register) for register in registers])
    is_scarce = find_scarce(columns, told, numbers=[name for name in M_PERSONAL_NUMBERS if name in columns])
    is_left_out = is_scarce if scarce == "drop" else np.zeros_like(is_scarce)
    notes = told_scarce(records, is_scarce, scarce=scarce)
    columns, records = (table[~is_left_out].reset_index(drop=True) for table in (columns, records))
    comparisons = []
    for comparison in possible:
        name = comparison.counts_as if comparison.counts_as in columns else comparison.name
        if name not in columns or name in SEVERAL_VALUED:
            comparisons.append(comparison)
            continue
        values = columns[name].dropna()
        if name in IDENTITY_COLUMNS or values.duplicated().any():
            comparisons.extend([comparison] if len(values) else [])
        elif len(values):
            notes.append(f"the field {comparison.name} was not compared: no value of it stands on two records")
    if not any(comparison.block_on for comparison in comparisons):
        raise BadInput(
            "the lists have no field in common by which a person could be recognised; give names, dates of birth or "
            "personal numbers, or name other fields with fields="
        )
    return Linkable(
        columns,
        records,
        list_of_record[~is_left_out],
        tuple(register.name for register in registers),
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


def _plain_comparisons(columns: pd.DataFrame, kinds: Mapping[str, str]) -> Iterator[Comparison]:
    """The comparisons that the columns of plain registers allow, in a fixed order."""
    yield from name_comparisons()
    yield birth_date_comparison()
    yield birth_year_comparison()
    yield from _number_comparisons(columns, similar=True)
    done = {*IDENTITY_COLUMNS} - {"nationality"}
    for name in [*M_CATEGORIES, *kinds]:
        if name in columns and name not in done:
            done.add(name)
            yield _other_comparison(name, kinds.get(name, "category"), columns)


def _encoded_comparisons(columns: pd.DataFrame, names_and_birth: Iterable[Comparison]) -> Iterator[Comparison]:
    """The comparisons that the columns of encoded registers allow, in a fixed order."""
    yield from names_and_birth
    yield from _number_comparisons(columns, similar=False)
    for name in WEAK_ATTRIBUTES:
        if name in columns:
            yield _category_comparison(name, columns)


def _number_comparisons(columns: pd.DataFrame, *, similar: bool) -> Iterator[Comparison]:
    for number, m_start in M_PERSONAL_NUMBERS.items():
        if number in columns and columns[number].notna().any():
            yield personal_number_comparison(number, m_start=m_start, similar=similar)


def _category_comparison(name: str, columns: pd.DataFrame) -> Comparison:
    return category_comparison(
        name,
        m_start=M_CATEGORIES.get(name, M_OTHER_CATEGORY),
        n_categories=columns[name].nunique(),
        unless_known=[finer for finer in FINER.get(name, ()) if finer in columns],
    )


def _other_comparison(name: str, kind: str, columns: pd.DataFrame) -> Comparison:
    if kind == "category" or name in M_CATEGORIES:
        return _category_comparison(name, columns)
    by_kind = {"name": name_comparison, "date": date_comparison, "number": number_comparison}
    return by_kind.get(kind, text_comparison)(name)


def _records(register: Register | EncodedRegister) -> pd.DataFrame:
    """What goes on to `Links`: list, record id and the common attributes, never an identifier."""
    typed = register.records
    ids = typed.index.astype(str) if isinstance(register, Register) else typed["record"]
    attributes = {field: typed[field].to_numpy() for field in COMMON_CATEGORIES if field in typed}
    return pd.DataFrame({"list": register.name, "record": ids.to_numpy()} | attributes).astype("str")
