"""The cells of a list file, whatever its format: a heading row and rows of text. Nothing is interpreted here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from math import isnan
from unicodedata import normalize
from warnings import catch_warnings, simplefilter

import openpyxl
import pyarrow.parquet as pq

from mse.errors import BadInput
from mse.registers.register import Problem

__all__ = ["LONGEST_CELL", "Fault", "RawRow", "Table", "as_text", "parquet_table", "table_of", "xlsx_table"]

# The longest text a cell of a list can sensibly hold; beyond it something has run together.
LONGEST_CELL = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """The heading row of a file and its rows of data, every cell as text without blanks around it.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of (int, tuple of str)
        Row number (1 is the first row of data) and as many cells as the header has; an empty cell is "".
    problems : tuple of Problem
        Rows that are not in `rows`, and faults of the whole file.
    notes : tuple of str
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


class Fault(str):
    """The reason why a cell cannot be read, standing where its text would."""

    __slots__ = ()


RawRow = tuple[str, ...] | str


def table_of(file: str, header: Iterable[str], raw: Iterable[RawRow], notes: Iterable[str] = ()) -> Table:
    """A table of the raw rows in file order; a raw row that is one text is the reason why it cannot be read.

    Rows without any content are left out, and said to be, unless they only end the file. A last column without
    heading and content is left out too.
    """
    header, notes = [normalize("NFC", name.strip()) for name in header], list(notes)
    numbered = list(enumerate(raw, start=1))
    while numbered and not isinstance(numbered[-1][1], str) and not any(numbered[-1][1]):
        numbered.pop()
    n_unnamed = _unnamed_at_end(header, [row for _, row in numbered if not isinstance(row, str)])
    if n_unnamed:
        header = header[:-n_unnamed]
        notes.append(f"{file}: {n_unnamed} empty column(s) without heading at the right were left out")
    rows, problems, empty = [], [], []
    for number, row in numbered:
        reason = row if isinstance(row, str) else _fault(row, len(header), n_unnamed)
        if reason:
            problems.append(Problem(file, number, None, reason))
        elif not any(row):
            empty.append(number)
        else:
            rows.append((number, tuple(row[: len(header)])))
    if empty:
        notes.append(f"{file}: rows without any content were left out (row {', '.join(map(str, empty))})")
    return Table(tuple(header), tuple(rows), tuple(problems), tuple(notes))


def _unnamed_at_end(header: list[str], rows: list[tuple[str, ...]]) -> int:
    """Number of columns at the right that have neither heading nor content."""
    n_named = max((place for place, name in enumerate(header, start=1) if name), default=0)
    if any(any(row[n_named:]) for row in rows):
        return 0
    return len(header) - n_named


def _fault(row: tuple[str, ...], n_columns: int, n_unnamed: int) -> str:
    if not any(row):
        return ""
    if len(row) not in (n_columns, n_columns + n_unnamed):
        way = "a separator inside a value must stand in quotes" if len(row) > n_columns else "some are missing"
        return f"{len(row)} fields where the heading row has {n_columns}; {way}"
    return ""


def as_text(value: object) -> str:
    """A cell as the text a person would have typed, numbers without a needless decimal part; or its `Fault`."""
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > LONGEST_CELL:
            return Fault(f"a text of more than {LONGEST_CELL} characters")
        return Fault("a text with a NUL character") if "\0" in value else value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return "" if isnan(value) else str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        at_midnight = value.time() == datetime.min.time()
        return value.date().isoformat() if at_midnight else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return Fault(f"a value of kind {type(value).__name__}, which a list cannot hold")


def xlsx_table(content: bytes, file: str, *, sheet: str) -> Table:
    """The cells of one sheet of an Excel workbook; its first row is the heading row.

    The workbook is opened twice, with stored values and with formulas: a formula whose value Excel never stored
    would otherwise read as an empty cell.
    """
    try:
        with catch_warnings():
            simplefilter("ignore")  # openpyxl warns of styles and validations that it does not keep; none is a value
            name, raw = _excel_rows(content, file, sheet)
    except BadInput:
        raise
    except Exception:  # whatever the parser raises on a damaged file, its message may hold what stands in a cell
        raise BadInput(f"{file} cannot be opened as an Excel workbook; it may be damaged or encrypted") from None
    if not raw or not any(raw[0]):
        raise BadInput(f"the sheet {name!r} of {file} has no heading row; the first row must hold the headings")
    n_columns = _width(raw[0])
    # Formatted but empty cells to the right of the last heading are no columns; content there is reported.
    rows = [(*row, *[""] * n_columns)[: max(n_columns, _width(row))] for row in raw]
    return table_of(file, rows[0], rows[1:])


def _excel_rows(content: bytes, file: str, sheet: str) -> tuple[str, list[tuple[str, ...]]]:
    """The name of the sheet that holds the list, and its rows."""
    values, formulas = (
        openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=stored) for stored in (True, False)
    )
    name = _sheet_of(values, file, sheet)
    read, typed = values[name], formulas[name]
    read.reset_dimensions()
    typed.reset_dimensions()
    rows = zip(read.iter_rows(), typed.iter_rows(), strict=True)
    return name, [_excel_row(cells, origin) for cells, origin in rows]


def _sheet_of(workbook: openpyxl.Workbook, file: str, sheet: str) -> str:
    names = [each.title for each in workbook.worksheets]
    if sheet:
        if sheet not in names:
            raise BadInput.unknown(f"sheet of {file}", sheet, names)
        return sheet
    filled = [
        each.title
        for each in workbook.worksheets
        if any(cell is not None for row in each.iter_rows(values_only=True) for cell in row)
    ]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise BadInput(f"{file} is empty: no sheet holds anything")
    raise BadInput(
        f"{file} has {len(filled)} sheets with content ({', '.join(map(repr, filled))}); say which one holds the list "
        'with sheet = "..." in the [register] part of the codebook'
    )


def _excel_row(cells: tuple[object, ...], origin: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(_excel_cell(cell, typed) for cell, typed in zip(cells, origin, strict=True))


def _excel_cell(cell: object, typed: object) -> str:
    """The text of a cell, given the cell with its stored value and the same cell with its formula."""
    value = getattr(cell, "value", None)
    if getattr(cell, "data_type", "n") == "e":
        return Fault("an Excel error stands in the cell")
    if value is None and getattr(typed, "data_type", "n") == "f":
        return Fault("a formula without a stored value; open the workbook in Excel and save it")
    return as_text(value)


def _width(row: tuple[str, ...]) -> int:
    """Number of cells up to the last one with content."""
    return max((place for place, text in enumerate(row, start=1) if text), default=0)


def parquet_table(content: bytes, file: str) -> Table:
    """The cells of a Parquet file."""
    try:
        table = pq.read_table(BytesIO(content))
        header, columns = table.column_names, [column.to_pylist() for column in table.columns]
    except Exception:  # as for Excel
        raise BadInput(f"{file} cannot be opened as a Parquet file; it may be damaged") from None
    return table_of(file, header, [tuple(map(as_text, cells)) for cells in zip(*columns, strict=True)])
