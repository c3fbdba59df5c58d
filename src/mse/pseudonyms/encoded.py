"""EncodedRegister: one agency's list without names, as it leaves the building."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mse.errors import BadInput
from mse.pseudonyms.header import Header
from mse.registers import COMMON_CATEGORIES
from mse.writing import write_parts

__all__ = ["EncodedRegister", "read_encoded"]

RECORD = r"[0-9a-f]{24}"
CELLS = {"token": r"[0-9a-f]{32}", "bloom": r"[0-9a-f]{128}"}
ROWS_AT_A_TIME = 20_000
CATEGORY = r"[a-z0-9][a-z0-9_\-]{0,39}"
CHANGED = "the file was changed or cut after it was written, ask the agency for the original"


@dataclass(frozen=True, eq=False)
class EncodedRegister:
    """One agency's list as keyed tokens and allow-listed attributes.

    Attributes
    ----------
    header : Header
        What the file declares: project, key fingerprint, rules, and the codebook's declarations.
    records : DataFrame of str, one row per record, sorted by `record`
        Column ``record`` (random-looking id of 24 hexadecimal digits), then one column per token field (32
        hexadecimal digits, of a filter 128, several joined by ``|``, or missing), then the attributes in the common
        categories.

    Raises
    ------
    BadInput
        If the records are not exactly what the header declares.

    Examples
    --------
    >>> from pathlib import Path
    >>> encoded = read_encoded(Path("rosa.mse"))  # doctest: +SKIP
    >>> encoded.header.key_fingerprint[:8]  # doctest: +SKIP
    '5c1f0a9e'
    """

    header: Header
    records: pd.DataFrame

    def __post_init__(self) -> None:
        problem = _problem(self.header, self.records)
        if problem:
            raise BadInput(f"encoded register {self.header.register!r}: {problem}")

    @property
    def name(self) -> str:
        """Short name of the register."""
        return self.header.register

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the token columns."""
        return tuple(token.name for token in self.header.fields)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute columns."""
        return self.header.attributes

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return (
            f"EncodedRegister({self.name!r}, {len(self)} records, {len(self.fields)} token fields, "
            f"project {self.header.project!r}, key {self.header.key_fingerprint[:8]})"
        )

    def to_text(self) -> str:
        """The whole file: a line of JSON, a line of column names, one line per record; Unix line ends."""
        return b"".join(self._parts()).decode("utf-8")

    @property
    def sha256(self) -> str:
        """SHA-256 of the records and what the header declares, as stands in the file."""
        return _digest(self.header, _body(self.records), n_bytes=_n_bytes(self.records))

    def write(self, path: Path) -> None:
        """Write the file whole or not at all; the same register gives the same bytes."""
        write_parts(Path(path), self._parts())

    def _parts(self) -> Iterator[bytes]:
        yield self.header.to_json(digest=self.sha256).encode("utf-8") + b"\n"
        yield from _body(self.records)


def read_encoded(path: str | Path) -> EncodedRegister:
    """Read an encoded file strictly.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    EncodedRegister

    Raises
    ------
    BadInput
        If the file is missing, not an encoded file, cut, or differs in any byte from what was written, or a readable
        column of it is no common attribute or holds what is no common category. The digest in the header finds
        accidents and careless edits; it is not a signature.
    """
    file = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no file {file!r}; check the path") from None
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror}); check the path and its rights") from None
    except UnicodeDecodeError:
        raise BadInput(
            f"{file}: is not UTF-8 text, so not an encoded file; encode the list with `mse encode`"
        ) from None
    line, separator, body = text.partition("\n")
    header, digest = Header.from_json(line, file=file)
    if not separator or _digest_of_text(header, body) != digest:
        raise BadInput(f"{file}: its content does not fit the digest in its header; {CHANGED}")
    if header.to_json(digest=digest) != line:
        raise BadInput(f"{file}: its header is not written as this package writes it; {CHANGED}")
    register = EncodedRegister(header, _frame(header, body, file))
    faults = _not_common(register)
    if faults:
        raise BadInput.several(f"{file} cannot be used", [f"{file}: {fault}" for fault in faults])
    return register


def _not_common(register: EncodedRegister) -> list[str]:
    """Readable columns and categories that are not on the allow-list; what stands in them is not repeated."""
    faults = []
    for field in register.attributes:
        if field not in COMMON_CATEGORIES:
            faults.append(f"its column {field} is no common attribute; do not use the file, ask the agency why")
        elif not register.records[field].dropna().isin(COMMON_CATEGORIES[field].codes).all():
            faults.append(f"its column {field} holds what is no common category; do not use the file")
    return faults


def _frame(header: Header, body: str, file: str) -> pd.DataFrame:
    """The records of the body, all of them text, missing where a cell is empty."""
    columns = header.columns
    lines = body.split("\n")
    if lines[0] != ",".join(columns):
        raise BadInput(f"{file}: its columns are not those that its header declares; {CHANGED}")
    if lines.pop() != "":
        raise BadInput(f"{file}: its last line is not complete; {CHANGED}")
    cells = [line.split(",") for line in lines[1:]]
    if any(len(row) != len(columns) for row in cells):
        raise BadInput(f"{file}: a record does not have {len(columns)} cells; {CHANGED}")
    data = {name: [row[i] or None for row in cells] for i, name in enumerate(columns)}
    return pd.DataFrame(data, dtype="str")


def _body(records: pd.DataFrame) -> Iterator[bytes]:
    """The column names and the records, some thousand at a time; no cell needs quotes, since all fit their forms."""
    yield (",".join(records.columns) + "\n").encode("utf-8")
    for start in range(0, len(records), ROWS_AT_A_TIME):
        part = records.iloc[start : start + ROWS_AT_A_TIME]
        cells = [part[name].fillna("").tolist() for name in part]
        yield "".join(f"{','.join(row)}\n" for row in zip(*cells, strict=True)).encode("utf-8")


def _n_bytes(records: pd.DataFrame) -> int:
    """Length of the body: all cells are ASCII, each followed by a comma or the end of its line."""
    names = sum(len(str(name)) + 1 for name in records)
    return names + sum(len(records) + int(records[name].str.len().sum()) for name in records)


def _digest_of_text(header: Header, body: str) -> str:
    content = body.encode("utf-8")
    return _digest(header, [content], n_bytes=len(content))


def _digest(header: Header, body: Iterable[bytes], *, n_bytes: int) -> str:
    """SHA-256 of header and body, each after its length, as `sha256_of` has it of the two; the body comes in parts."""
    about = header.to_json().encode("utf-8")
    digest = hashlib.sha256(len(about).to_bytes(8, "big") + about + n_bytes.to_bytes(8, "big"))
    for part in body:
        digest.update(part)
    return digest.hexdigest()


def _problem(header: Header, records: pd.DataFrame) -> str | None:
    """What is wrong with the records, without repeating a value: it might be what must not be seen."""
    if tuple(records.columns) != header.columns:
        return f"its columns must be {', '.join(header.columns)}, in this order"
    if len(records) != header.n_records:
        return f"it holds {len(records)} records, its header says {header.n_records}"
    if header.n_records > header.n_rows:
        return f"it holds {header.n_records} records made of only {header.n_rows} rows"
    ids = records["record"]
    if not _all_fit(ids, RECORD, missing=False) or not _ascend(ids):
        return "its record ids must be 24 hexadecimal digits each, all different, in ascending order"
    for token in header.fields:
        one = CELLS[token.kind.removesuffix("s")]
        form = one if token.kind in CELLS else rf"{one}(\|{one})*"
        if not _all_fit(records[token.name], form, missing=True):
            return f"column {token.name} holds something that is not a token"
    for attribute in header.attributes:
        if not _all_fit(records[attribute], CATEGORY, missing=True):
            return f"column {attribute} holds something that is not a common category"
    return None


def _ascend(column: pd.Series) -> bool:
    """Whether each cell comes after the one before it, without a table of all of them."""
    cells = pa.array(column)
    return pc.all(pc.less(cells[:-1], cells[1:])).as_py() is not False


def _all_fit(column: pd.Series, form: str, *, missing: bool) -> bool:
    """Whether every cell is text of this form."""
    if column.dtype != "str" or (column.isna().any() and not missing):
        return False
    # A part at a time: the longest column of a large list is not to be copied.
    parts = (column.iloc[start : start + ROWS_AT_A_TIME] for start in range(0, len(column), ROWS_AT_A_TIME))
    return all(part.dropna().str.fullmatch(form).all() for part in parts)
