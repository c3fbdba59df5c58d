"""The list files: headings, local codes, formats and codebooks, each agency in its own way."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import openpyxl
import pandas as pd

from mse.registers import COMMON_CATEGORIES, IDENTIFIER_FIELDS, Codebook, Column
from mse.synthetic.identities import origins
from mse.synthetic.population import read_packaged

__all__ = ["MARK", "FileForm", "Layout", "codebook_of", "file_bytes", "localised"]

MARK = "SYNTHETIC"
KINDS: Mapping[str, str] = {
    "given_name": "name",
    "family_name": "name",
    "alias": "name",
    "birth_date": "date",
    "birth_year": "number",
    "fnr": "text",
    "d_number": "text",
    "duf": "text",
    "local_id": "text",
}
DATE_FORMS: Mapping[str, str] = {"norwegian": "%d.%m.%Y", "slashed": "%d/%m/%Y", "iso": "%Y-%m-%d"}
ICTIP: Mapping[str, str] = {"nationality": "Victim: citizenship"}
# An archive needs a time of writing; this is the earliest that it can hold.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
CREATED = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms)")


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a list file is written."""

    type: str
    style: str
    dates: str
    separator: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Layout:
    """One list file: who keeps it, its columns in order, and what its codebook declares."""

    name: str
    agency: str
    file: FileForm
    fields: tuple[str, ...]
    quality: str
    case_definition: str
    case_definition_id: str
    counting_rule: str
    population_covered: str
    population: str = "adults"
    presence: str = "in contact"
    twice: int = 0
    extra: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, spec: Mapping[str, Any], definitions: Mapping[str, str]) -> "Layout":
        """A layout from its part of a TOML file."""
        about = dict(spec)
        form, fields = FileForm(**about.pop("file")), tuple(about.pop("fields"))
        return cls(file=form, fields=fields, case_definition=definitions[about["case_definition_id"]], **about)

    @property
    def file_name(self) -> str:
        return f"{MARK}-{self.name}.{self.file.type}"


def codebook_of(layout: Layout, period: tuple[date, date]) -> Codebook:
    """The codebook that belongs to a list file."""
    style = _styles()[layout.file.style]
    columns = [Column(MARK, "ignore")]
    for one in layout.fields:
        codes = {local: common for common, local in _codes(layout.file.style, one).items()}
        table = COMMON_CATEGORIES.get(one)
        columns.append(
            Column(
                name=style["headings"][one],
                kind=KINDS.get(one, "category"),
                field=one,
                identifier=one in IDENTIFIER_FIELDS or one == "local_id",
                ictip=table.ictip if table else ICTIP.get(one, ""),
                codes=codes,
            )
        )
    return Codebook(
        name=layout.name,
        agency=layout.agency,
        population=layout.population,
        presence=layout.presence,
        period=period,
        case_definition=layout.case_definition,
        case_definition_id=layout.case_definition_id,
        counting_rule=layout.counting_rule,
        population_covered=layout.population_covered,
        columns=tuple(columns),
    )


def localised(rows: Sequence[Mapping[str, str]], layout: Layout) -> pd.DataFrame:
    """The rows under the agency's headings, in its codes and its way of writing dates, marked as synthetic."""
    style = _styles()[layout.file.style]
    columns = {MARK: [MARK] * len(rows)}
    for one in layout.fields:
        codes = _codes(layout.file.style, one)
        values = [row[one] for row in rows]
        if codes:
            values = [codes[value] if value else "" for value in values]
        elif KINDS[one] == "date" and layout.file.type == "csv":
            form = DATE_FORMS[layout.file.dates]
            values = [date.fromisoformat(value).strftime(form) if value else "" for value in values]
        columns[style["headings"][one]] = values
    return pd.DataFrame(columns, dtype=object)


def file_bytes(table: pd.DataFrame, layout: Layout) -> bytes:
    """The bytes of a list file, the same on every machine."""
    if layout.file.type == "xlsx":
        return _xlsx(table, layout)
    stream = StringIO()
    line_end = "\r\n" if layout.file.separator == ";" else "\n"
    writer = csv.writer(stream, delimiter=layout.file.separator, lineterminator=line_end)
    writer.writerow(table.columns)
    writer.writerows(table.itertuples(index=False))
    return stream.getvalue().encode(layout.file.encoding)


def _codes(style: str, one: str) -> dict[str, str]:
    """Common category to local code; empty for a field without codes."""
    if one == "nationality":
        names = _styles()[style]["codes"][one] == "names"
        return {code: origin.name if names else code for code, origin in origins().items()}
    codes: dict[str, str] = _styles()[style]["codes"].get(one, {})
    return codes


def _xlsx(table: pd.DataFrame, layout: Layout) -> bytes:
    """An Excel workbook with dates and numbers as Excel keeps them, and numbers of persons as text."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "Liste"
    sheet.append(list(table.columns))
    kinds = ["text", *(KINDS.get(one, "category") for one in layout.fields)]
    for row in table.itertuples(index=False):
        sheet.append([_cell(value, kind) for value, kind in zip(row, kinds, strict=True)])
    plain = BytesIO()
    workbook.save(plain)
    stable = BytesIO()
    with ZipFile(plain) as old, ZipFile(stable, "w", ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = CREATED.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", content)
            entry = ZipInfo(name, ZIP_EPOCH)
            entry.create_system = 3  # Unix, whatever machine writes
            new.writestr(entry, content)
    return stable.getvalue()


def _cell(value: str, kind: str) -> object:
    if not value:
        return None
    if kind == "date":
        return date.fromisoformat(value)
    return int(value) if kind in ("category", "number") and value.isdigit() else value


@cache
def _styles() -> Mapping[str, Any]:
    return read_packaged("styles.toml")
