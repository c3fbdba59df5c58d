"""Reading a list file: the only place where what an agency typed comes in.

Nothing is guessed and nothing is dropped without being said. Only an empty cell is missing: ``NA`` is a name, and a
missing attribute stays missing unless the codebook maps a local code to ``unknown``. No message holds the content of
a cell, not even of an attribute: in a row whose cells have slipped, a name may stand under any heading.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pandas as pd

from mse.errors import BadInput
from mse.registers.codebook import Codebook, codebook_path, read_codebook
from mse.registers.columns import Column
from mse.registers.delimited import csv_table
from mse.registers.register import Problem, Register
from mse.registers.tables import Fault, Table, parquet_table, xlsx_table
from mse.registers.values import (
    NUMBER_FIELDS,
    Unreadable,
    official_number,
    parse_category,
    parse_date,
    parse_number,
)

__all__ = ["read_register"]

FORMATS = (".csv", ".xlsx", ".parquet")
UNREADABLE = ("refuse", "set_aside")
# From the text of a cell to its value and a remark ("" when there is none).
Parser = Callable[[str], tuple[str | None, str]]


def read_register(
    path: Path | str,
    *,
    codebook: Codebook | Path | str | None = None,
    unreadable: Literal["refuse", "set_aside"] = "refuse",
) -> Register:
    """Read one agency's list: CSV, Excel (.xlsx) or Parquet, as its codebook declares.

    Parameters
    ----------
    path : Path or str
        The list. CSV may be UTF-8 with or without byte order mark, or Latin-1 or Windows-1252, which is then said in
        the notes; separated by ``;`` or ``,``. The first row holds the headings.
    codebook : Codebook, Path or str, optional
        By default the TOML file beside the list, under the same name.
    unreadable : {"refuse", "set_aside"}
        What to do when rows cannot be read: refuse the file, or keep the sound rows and list the others in
        `.problems`. Faults of the whole file are refused in any case.

    Returns
    -------
    Register
        A number (fnr, D-number, DUF) that fails its rule is taken out and named in the notes, and its row is kept.

    Raises
    ------
    BadInput
        With every problem of the file, each named by file, row (1 is the first row of data), column and kind of
        fault: headings that are not declared, absent or doubled, rows with too many or too few fields, impossible
        dates, codes that are not listed.

    Examples
    --------
    >>> from datetime import date; from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "rosa.csv"
    >>> _ = path.write_bytes(b"navn;kjonn" + bytes([10]) + b"Tam;?")
    >>> columns = (Column("navn", "name", "given_name", identifier=True),
    ...            Column("kjonn", "category", "sex", codes={"K": "woman", "?": "unknown"}))
    >>> year = (date(2020, 1, 1), date(2020, 12, 31))
    >>> codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", columns)
    >>> register = read_register(path, codebook=codebook)
    >>> register.records["sex"].tolist()
    ['unknown']
    """
    path = Path(path)
    if unreadable not in UNREADABLE:
        raise BadInput.option("unreadable", unreadable, UNREADABLE)
    content = _content(path)
    if not isinstance(codebook, Codebook):
        codebook = read_codebook(codebook_path(path) if codebook is None else codebook)
    table = _table(path, content, codebook)
    problems = [*table.problems, *_heading_problems(path.name, table, codebook)]
    if not table.rows and not problems:
        raise BadInput(f"{path.name} has a heading row and no rows of data")
    records, found, notes = _records(path.name, table, codebook)
    problems = sorted([*problems, *found], key=lambda problem: (problem.row or 0, problem.column or ""))
    whole_file = any(problem.row is None for problem in problems)
    if problems and (whole_file or unreadable == "refuse"):
        raise BadInput.several(f"{path.name} cannot be read as the list {codebook.name}", map(str, problems))
    if records.empty:
        raise BadInput.several(f"no row of {path.name} can be read", map(str, problems))
    digest = sha256(content).hexdigest()
    return Register(codebook, records, digest, (*table.notes, *notes), tuple(problems))


def _content(path: Path) -> bytes:
    if path.suffix.lower() not in FORMATS:
        raise BadInput(f"{path.name} is not a list that can be read; save it as one of {', '.join(FORMATS)}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"there is no file {path.name} in {path.parent}") from None
    except OSError as error:
        raise BadInput(f"the file {path.name} cannot be opened: {error.strerror}") from None


def _table(path: Path, content: bytes, codebook: Codebook) -> Table:
    if not content:
        raise BadInput(f"{path.name} is empty")
    if path.suffix.lower() == ".xlsx":
        return xlsx_table(content, path.name, sheet=codebook.sheet)
    if path.suffix.lower() == ".parquet":
        return parquet_table(content, path.name)
    return csv_table(content, path.name, declared=[column.name for column in codebook.columns])


def _heading_problems(file: str, table: Table, codebook: Codebook) -> list[Problem]:
    """What is wrong with the heading row against the codebook."""
    declared = [column.name for column in codebook.columns]
    if not set(declared) & set(table.header):
        reason = (
            f"the first row holds none of the declared headings ({', '.join(declared)}); is the heading row missing?"
        )
        return [Problem(file, None, None, reason)]
    reasons = [f"column {place} has no heading" for place, name in enumerate(table.header, start=1) if not name]
    counts = Counter(name for name in table.header if name)
    # A heading row that ran together with the first row of data is wider than every other row; it is not shown.
    fits = bool(table.rows)
    shown = {name: _shown(name, table.header.index(name) + 1, declared=name in declared, fits=fits) for name in counts}
    reasons += [f"{shown[name]} stands {count} times in the heading row" for name, count in counts.items() if count > 1]
    reasons += [
        f'{shown[name]} is not declared in the codebook; declare it, or as kind = "ignore"'
        for name in counts
        if name not in declared
    ]
    reasons += [
        f"the column {name!r} is declared in the codebook and absent from the file"
        for name in declared
        if name not in counts
    ]
    return [Problem(file, None, None, reason) for reason in reasons]


def _shown(name: str, place: int, *, declared: bool, fits: bool) -> str:
    """A heading for a message; one that may be data (digits, several lines, too long) is named by its place alone."""
    like_data = not fits or re.search(r"\d{3}|[\x00-\x1f]", name) or len(name) > 60
    return f"column {place}" if like_data and not declared else f"the column {name!r}"


def _records(file: str, table: Table, codebook: Codebook) -> tuple[pd.DataFrame, list[Problem], list[str]]:
    """The sound rows in common form, the problems of the others, and notes on numbers that were taken out."""
    fields = {field: column for field, column in codebook.record_fields.items() if column.name in table.header}
    places = {field: table.header.index(column.name) for field, column in fields.items()}
    parsers = {field: _parser(column, codebook) for field, column in fields.items()}
    problems: list[Problem] = []
    remarks: dict[tuple[str, str], list[int]] = {}
    kept: dict[int, dict[str, str | None]] = {}
    for number, cells in table.rows:
        record: dict[str, str | None] = {}
        sound = True
        for field, place in places.items():
            text = cells[place]
            try:
                record[field], remark = _value(text, parsers[field])
            except Unreadable as error:
                problems.append(Problem(file, number, fields[field].name, error.reason))
                sound = False
                continue
            if remark:
                remarks.setdefault((fields[field].name, remark), []).append(number)
        if sound:
            kept[number] = record
    columns = {
        field: pd.Series([record.get(field) for record in kept.values()], dtype="str")
        for field in codebook.record_fields
    }
    records = pd.DataFrame(columns)
    records.index = pd.Index(list(kept), dtype="int64", name="row")
    return records, problems, _notes(file, remarks, set(kept))


def _value(text: str, parser: Parser) -> tuple[str | None, str]:
    if isinstance(text, Fault):
        raise Unreadable(text)
    return parser(text) if text else (None, "")


def _notes(file: str, remarks: Mapping[tuple[str, str], list[int]], kept: set[int]) -> list[str]:
    notes = []
    for (column, remark), rows in remarks.items():
        own = [row for row in rows if row in kept]
        if own:
            notes.append(f"{file}, column {column}: {remark} (row {', '.join(map(str, own))})")
    return notes


def _parser(column: Column, codebook: Codebook) -> Parser:
    end = codebook.period[1]
    if column.field in NUMBER_FIELDS:
        return lambda text: _number_or_remark(*official_number(text, column.field, latest=end))
    if column.kind == "date":
        return lambda text: (parse_date(text, latest=end), "")
    if column.kind == "number":
        latest_year = end.year if column.field == "birth_year" else None
        return lambda text: (parse_number(text, latest_year=latest_year), "")
    if column.kind == "category":
        codes = column.accepted_codes
        return lambda text: (parse_category(text, codes) if codes else text, "")
    return lambda text: (text, "a character was lost before the file came here (\ufffd)" if "\ufffd" in text else "")


def _number_or_remark(value: str | None, fault: str) -> tuple[str | None, str]:
    if value is None:
        return None, f"{fault}; the number was taken out and the rest of the row kept"
    return value, fault
