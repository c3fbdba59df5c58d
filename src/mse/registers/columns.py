"""One column of a register: what it means, and everything that can be wrong with its declaration."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from unicodedata import normalize

from mse.errors import BadInput
from mse.registers.categories import COMMON_CATEGORIES

__all__ = ["IDENTIFIER_FIELDS", "KINDS", "REPEATABLE_FIELDS", "Column", "column_of", "mapping_of", "spec_problems"]

KINDS = ("name", "date", "number", "category", "text", "ignore")
IDENTIFIER_FIELDS = (
    "given_name",
    "family_name",
    "alias",
    "birth_date",
    "birth_year",
    "nationality",
    "fnr",
    "d_number",
    "duf",
    "phone",
)
REPEATABLE_FIELDS = ("alias",)
FREE_KINDS = ("name", "text")
# Fields whose values only one kind can read; the others take any kind but `ignore`.
KIND_OF_FIELD: Mapping[str, str] = MappingProxyType(
    {
        "given_name": "name",
        "family_name": "name",
        "alias": "name",
        "birth_date": "date",
        "birth_year": "number",
        "fnr": "text",
        "d_number": "text",
        "duf": "text",
        "phone": "text",
    }
    | dict.fromkeys(COMMON_CATEGORIES, "category")
)
COLUMN_KEYS = ("kind", "field", "identifier", "ictip", "codes")
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NUMBERED_ALIAS = re.compile(r"alias_[0-9]+")
CATEGORY_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of a register means.

    Attributes
    ----------
    name : str
        The heading of the column in the agency's file.
    kind : str
        ``name``, ``date``, ``number``, ``category``, ``text``, or ``ignore`` for a column that is not read.
    field : str
        The common field, for example ``given_name`` or ``sex``; empty for an ignored column.
    identifier : bool
        Whether the values identify a person: they are then never printed, and leave the agency only as pseudonyms.
        In a codebook file that does not say, the identifier fields and all names, texts and dates do.
    ictip : str
        The IC-TIP concept, in words.
    codes : mapping of str to str
        Local code to common category. Empty when the file already holds the common categories.

    Raises
    ------
    BadInput
        With everything that is wrong with the column.

    Examples
    --------
    >>> Column("kjonn", "category", "sex", codes={"K": "woman", "M": "man"}).identifier
    False
    """

    name: str
    kind: str
    field: str = ""
    identifier: bool = False
    ictip: str = ""
    codes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        # A Mac writes Å as two characters, others as one; headings and codes must be found either way.
        object.__setattr__(self, "name", normalize("NFC", self.name))
        object.__setattr__(self, "codes", {normalize("NFC", local): common for local, common in self.codes.items()})
        problems = [f"column {self.name!r}: {problem}" for problem in _column_problems(self)]
        if problems:
            raise BadInput.several("the codebook", problems)

    @property
    def accepted_codes(self) -> dict[str, str]:
        """Local code to category: the declared codes, or else the common categories themselves; may be empty."""
        if self.codes or self.field not in COMMON_CATEGORIES:
            return dict(self.codes)
        return {code: code for code in COMMON_CATEGORIES[self.field].codes}


def mapping_of(column: Column) -> dict[str, Any]:
    """The [columns.*] part of a codebook that declares the column."""
    if column.kind == "ignore":
        return {"kind": "ignore"}
    about: dict[str, Any] = {"kind": column.kind, "field": column.field, "identifier": column.identifier}
    if column.ictip:
        about["ictip"] = column.ictip
    if column.codes:
        about["codes"] = dict(column.codes)
    return about


def column_of(name: str, spec: Mapping[str, Any]) -> Column:
    """The column that a [columns.*] part of sound shape declares."""
    kind, common = spec["kind"], spec.get("field", "")
    guess = common in IDENTIFIER_FIELDS or kind in (*FREE_KINDS, "date")
    return Column(name, kind, common, spec.get("identifier", guess), spec.get("ictip", ""), spec.get("codes", {}))


def spec_problems(name: str, spec: object) -> Iterator[str]:
    """What is wrong with the shape of one [columns.*] part, before its meaning is looked at."""
    if not isinstance(spec, dict):
        yield f'column {name!r}: must be a table such as {{ kind = "ignore" }}, not {spec!r}'
        return
    shapes = {"kind": str, "field": str, "identifier": bool, "ictip": str, "codes": dict}
    for key, value in spec.items():
        if key not in shapes:
            yield f"column {name!r}: {key!r} is not a key of a column; there are {', '.join(COLUMN_KEYS)}"
        elif not isinstance(value, shapes[key]):
            yield f"column {name!r}: {key} must be {_word(shapes[key])}, not {value!r}"
    if "kind" not in spec:
        yield f"column {name!r}: the key kind is missing; use one of {', '.join(KINDS)}"
    codes = spec.get("codes", {})
    if isinstance(codes, dict):
        for local, common in codes.items():
            if not isinstance(common, str):
                yield f"column {name!r}: the code {local!r} must map to a category in quotes, not {common!r}"


def _word(shape: type) -> str:
    return {str: "text in quotes", bool: "true or false", dict: "a table"}[shape]


def _column_problems(column: Column) -> Iterator[str]:
    """What is wrong with the meaning of one column."""
    if not column.name.strip() or column.name != column.name.strip():
        yield "the name of a column is not empty and has no blanks around it"
    if column.kind not in KINDS:
        yield f"kind={column.kind!r} is not offered; use one of {', '.join(KINDS)}"
        return
    if column.kind == "ignore":
        if column.field or column.codes or column.identifier:
            yield "an ignored column has no field, no codes and no identifier; leave them out"
        return
    if not FIELD_NAME.fullmatch(column.field):
        yield f"field={column.field!r} is not a name such as given_name or sex (small letters, digits, _)"
        return
    if NUMBERED_ALIAS.fullmatch(column.field):
        yield f"the field {column.field} is written alias; several columns may have it, and are numbered when read"
    if column.kind != (right := KIND_OF_FIELD.get(column.field, column.kind)):
        yield f"the field {column.field} has kind {right!r}, not {column.kind!r}"
    if column.field in IDENTIFIER_FIELDS and not column.identifier:
        yield f"the field {column.field} identifies a person: identifier = true"
    if column.field in COMMON_CATEGORIES and column.identifier:
        yield f"the field {column.field} holds common categories, not an identifier: identifier = false"
    if column.kind in FREE_KINDS and column.field not in IDENTIFIER_FIELDS and not column.identifier:
        yield f"kind {column.kind!r} may hold anything that was typed, also a name: identifier = true, or kind 'ignore'"
    yield from _code_problems(column)


def _code_problems(column: Column) -> Iterator[str]:
    if column.codes and column.kind != "category":
        yield f"codes belong to kind 'category', not to {column.kind!r}"
        return
    table = COMMON_CATEGORIES.get(column.field)
    if column.kind == "category" and not column.codes and not column.identifier and table is None:
        yield f"the field {column.field} has no common categories, so its codes must be listed"
    for local, common in column.codes.items():
        if not local or local != local.strip():
            yield f"the local code {local!r} is empty or has blanks around it; an empty cell is missing without a code"
        if table is not None and common not in table.codes:
            yield (
                f"the code {local!r} maps to {common!r}, which is no category of {column.field}; "
                f"there are {', '.join(table.codes)}"
            )
        elif table is None and not column.identifier and not CATEGORY_NAME.fullmatch(common):
            yield f"the code {local!r} maps to {common!r}; a category is written in small letters, digits, - and _"
