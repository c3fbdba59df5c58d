"""A first codebook for an agency that has a list and none: guessed from the headings, to be looked at and filled in."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from mse.errors import BadInput
from mse.pseudonyms.rules import UNKNOWN, rules
from mse.registers import COMMON_CATEGORIES, codebook_path
from mse.registers.columns import KIND_OF_FIELD
from mse.registers.delimited import csv_table
from mse.registers.tables import Fault, parquet_table, xlsx_table
from mse.writing import write_text

__all__ = ["write_codebook_draft"]

MOST_CODES = 30
REGISTER = """\
# Draft of the codebook of {file}: what each column means. Fill in the empty quotes, look at every column, and try it
# with: mse encode {file} --key KEY --dry-run
# A column of kind "ignore" is not read and stays at the agency. Codes map what stands in the list to a common category.

[register]
name = {name}
agency = ""               # who keeps the list
population = "adults"     # or "minors"
presence = "in contact"   # everyone in contact in the period; or "new"
# period = {{ start = 2020-01-01, end = 2020-12-31 }}
case_definition = ""      # who is on the list, in words
case_definition_id = ""   # short; lists of a study are compared by it
counting_rule = ""        # what counts as a contact
population_covered = ""   # where, for instance: the whole country

"""


def write_codebook_draft(path: str | Path) -> Path:
    """Write the draft of a codebook beside a list.

    Parameters
    ----------
    path : str or Path
        The list: CSV, Excel with one sheet, or Parquet.

    Returns
    -------
    Path
        The draft. Headings that are not recognised are ignored columns; it holds no value of a list but the codes of
        columns that are taken for a category, such as sex.

    Raises
    ------
    BadInput
        If a codebook exists, or the list cannot be read.
    """
    path = Path(path)
    target = codebook_path(path)
    if target.exists():
        raise BadInput(f"{target} exists, and a codebook is never overwritten; edit it, or move it away for a draft")
    header, columns = _columns_of(path)
    taken: set[str] = set()
    declared: dict[str, dict[str, Any]] = {}
    for name, values in zip(header, columns, strict=True):
        field = _guessed_field(name)
        declared[name] = _declared(field, values) if field not in taken or field == "alias" else {"kind": "ignore"}
        taken.add(field)
    name = "".join(character if character.isalnum() else "-" for character in path.stem).strip("-")
    text = REGISTER.format(file=path.name, name=json.dumps(name, ensure_ascii=False))
    write_text(target, text + tomli_w.dumps({"columns": {name: about for name, about in declared.items() if name}}))
    return target


def _columns_of(path: Path) -> tuple[Sequence[str], list[list[str]]]:
    """The headings of a list, and the different values below each."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); check the path") from None
    match path.suffix.lower():
        case ".csv":
            table = csv_table(content, path.name, declared=())
        case ".xlsx":
            table = xlsx_table(content, path.name, sheet="")
        case ".parquet":
            table = parquet_table(content, path.name)
        case _:
            raise BadInput(f"{path.name} is not a list that can be read; save it as CSV, .xlsx or .parquet")
    values: list[dict[str, None]] = [{} for _ in table.header]
    for _, cells in table.rows:
        for seen, cell in zip(values, cells, strict=True):
            if cell and not isinstance(cell, Fault):
                seen[cell] = None
    return table.header, [sorted(seen) for seen in values]


def _declared(field: str, values: Sequence[str]) -> dict[str, Any]:
    if not field or (field in COMMON_CATEGORIES and len(values) > MOST_CODES):
        return {"kind": "ignore"}
    if field in COMMON_CATEGORIES:
        return {"kind": "category", "field": field, "codes": {value: _guessed_code(field, value) for value in values}}
    return {"kind": KIND_OF_FIELD.get(field, "text"), "field": field}


def _guessed_field(heading: str) -> str:
    plain = _plain(heading)
    named = _guesses()["headings"].items()
    return next((field for field, names in named if plain and plain in map(_plain, names)), "")


def _guessed_code(field: str, value: str) -> str:
    """The category that a local code means, or empty quotes to fill in."""
    also: Mapping[str, Sequence[str]] = _guesses()["values"].get(field, {})
    for category in COMMON_CATEGORIES[field].categories:
        names = (category.code, category.nb, category.en, *also.get(category.code, ()))
        if value.lower() in (name.lower() for name in names):
            return category.code
    return ""


def _plain(text: str) -> str:
    letters = text.lower().replace("_", " ").translate(rules().letters).replace(UNKNOWN, "")
    return " ".join(letters.split())


@cache
def _guesses() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(files("mse.pseudonyms").joinpath("page/guesses.json").read_text("utf-8"))
    return found
