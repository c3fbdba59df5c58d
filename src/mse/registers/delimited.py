"""CSV files as agencies save them: UTF-8 or an older encoding, semicolon or comma, with or without quotes."""

import csv
import re
from collections.abc import Collection
from io import StringIO
from unicodedata import normalize

from mse.errors import BadInput
from mse.registers.register import Problem
from mse.registers.tables import RawRow, Table, as_text, table_of

__all__ = ["csv_table"]

DELIMITERS = (";", ",")
# What a file is that does not begin like text.
SIGNATURES = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive; if Excel made it, give it the ending .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Excel workbook; save it as .xlsx without a password"),
    (b"PAR1", "a Parquet file; give it the ending .parquet"),
    (b"\xff\xfe", "text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16; save it as UTF-8"),
)
UTF8_LETTER = re.compile(rb"\xc3[\x80-\xbf]")
# Signs that stand between letters only when another code page was meant: in those of MS-DOS (437, 850, 865) and of
# old Macintoshes, the Norwegian letters lie where Windows-1252 has these.
IMPLAUSIBLE = re.compile("[A-Za-z][\u2018\u2019\u201c\u201d†‡ˆ‰‹›Œ¤¦¬¶±×÷¢¥¿¾½¼®¯][A-Za-z]")
APOSTROPHES = re.compile("(?<=[A-Za-z])[\u2019](?=[A-Za-z])")
TWICE_ENCODED = re.compile("Ã[¸¦¥†˜…]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")


def csv_table(content: bytes, file: str, *, declared: Collection[str]) -> Table:
    """The cells of a CSV file.

    Parameters
    ----------
    content : bytes
    file : str
        Name of the file, for messages.
    declared : collection of str
        Headings that the codebook declares: of ``;`` and ``,`` the one that finds more of them separates the fields.

    Raises
    ------
    BadInput
        If the file is empty, not text, in no plausible encoding, or without a readable heading row.
    """
    text, notes = _decoded(content, file)
    first, _, rest = text.partition("\n")
    if first.strip().lower() in ("sep=;", "sep=,"):  # the line by which Excel is told the separator
        text = rest
    delimiter, header = _heading(text, file, declared)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    next(reader)
    raw: list[RawRow] = []
    broken: list[Problem] = []
    while True:
        before = reader.line_num
        try:
            raw.append(tuple(as_text(cell) for cell in next(reader)))
        except StopIteration:
            break
        except csv.Error as error:
            raw.append(_reason(error))
            if reader.line_num > before + 1:
                # The rows that the fault swallowed cannot be counted, so none of them can be set aside one by one.
                lines = f"{reader.line_num - before} lines"
                broken.append(
                    Problem(file, None, None, f"from row {len(raw)} on, {lines} run together: {_reason(error)}")
                )
    table = table_of(file, header, raw, notes)
    return Table(table.header, table.rows, (*table.problems, *broken), table.notes)


def _reason(error: csv.Error) -> str:
    """Why a row cannot be taken apart, without what stands in it."""
    if "field larger" in str(error):
        return f"a field of more than {csv.field_size_limit()} characters"
    if "unexpected end" in str(error):
        return "a quotation mark is opened and never closed"
    return "a quotation mark stands inside a quoted field; double it, or leave the quotes out"


def _heading(text: str, file: str, declared: Collection[str]) -> tuple[str, list[str]]:
    """The separator and the headings."""
    found = {}
    for delimiter in DELIMITERS:
        try:
            found[delimiter] = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
    if not any(any(header) for header in found.values()):
        raise BadInput(f"{file} has no readable heading row; its first line must hold the headings of the columns")

    def _n_declared(delimiter: str) -> tuple[int, int]:
        return len({normalize("NFC", name.strip()) for name in found[delimiter]} & set(declared)), len(found[delimiter])

    best = max(found, key=_n_declared)
    return best, found[best]


def _decoded(content: bytes, file: str) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and a note when it is not UTF-8."""
    if not content.strip():
        raise BadInput(f"{file} is empty")
    for signature, what in SIGNATURES:
        if content.startswith(signature):
            raise BadInput(f"{file} is not a CSV file but {what}")
    if b"\0" in content:
        raise BadInput(f"{file} holds NUL bytes, so it is not a text file; save the list as CSV (UTF-8)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _decoded_otherwise(content, file, line=content.count(b"\n", 0, error.start) + 1)
    if TWICE_ENCODED.search(text):
        return text, (f"{file} seems to have been encoded twice (Ã¸ where ø was meant); look at the names before use",)
    return text, ()


def _decoded_otherwise(content: bytes, file: str, *, line: int) -> tuple[str, tuple[str, ...]]:
    """The text of a file that is not UTF-8 from the given line on, and a note that says how it was read."""
    if UTF8_LETTER.search(content):
        raise BadInput(f"{file} mixes UTF-8 with another encoding (first seen in line {line}); save it again as UTF-8")
    encoding, name = ("cp1252", "Windows-1252") if re.search(rb"[\x80-\x9f]", content) else ("latin-1", "Latin-1")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if CONTROL.search(text) or IMPLAUSIBLE.search(APOSTROPHES.sub("", text)):
        raise BadInput(
            f"{file} is neither UTF-8 nor plausible Latin-1 or Windows-1252 (first seen in line {line}); "
            "save it again as UTF-8"
        )
    note = f"{file} is not UTF-8 and was read as {name}; look whether the Norwegian letters came out right"
    return text, (note,)
