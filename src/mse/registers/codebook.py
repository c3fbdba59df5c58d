"""The codebook of one register: who is on it, under which rules, and what each of its columns means."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from mse.errors import BadInput
from mse.registers.columns import REPEATABLE_FIELDS, Column, column_of, mapping_of, spec_problems
from mse.writing import write_text

__all__ = ["Codebook", "codebook_path", "read_codebook", "write_codebook"]

POPULATIONS = ("adults", "minors")
PRESENCES = ("in contact", "new")
TEXT_KEYS = ("name", "agency", "case_definition", "case_definition_id", "counting_rule", "population_covered")
REGISTER_KEYS = (*TEXT_KEYS, "population", "presence", "period")
REGISTER_NAME = re.compile(r"[^\W\d_][\w-]*")


@dataclass(frozen=True, slots=True)
class Codebook:
    """The declarations of one register, and its columns in the order they were declared.

    Attributes
    ----------
    name, agency : str
        Short name of the register, and the agency that keeps it.
    population : str
        ``adults`` or ``minors``.
    presence : str
        Who is on the register: everyone ``in contact`` in the period, or only those ``new`` in it.
    period : tuple of two dates
        First and last day, both within the period.
    case_definition, case_definition_id, counting_rule, population_covered : str
        In words; lists are compared by the short `case_definition_id`.
    columns : tuple of Column
    sheet : str
        The sheet of an Excel workbook that holds the list; empty when there is only one.

    Raises
    ------
    BadInput
        With everything that is wrong, not the first thing.
    """

    name: str
    agency: str
    population: str
    presence: str
    period: tuple[date, date]
    case_definition: str
    case_definition_id: str
    counting_rule: str
    population_covered: str
    columns: tuple[Column, ...]
    sheet: str = ""

    def __post_init__(self) -> None:
        values = {key: getattr(self, key) for key in REGISTER_KEYS}
        start, end = self.period
        problems = [*_register_problems(values | {"period": {"start": start, "end": end}})]
        problems += _columns_problems(self.columns)
        if problems:
            raise BadInput.several(f"the codebook of {self.name!r}", problems)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """The columns that are read: all but the ignored ones."""
        return tuple(column for column in self.columns if column.kind != "ignore")

    @property
    def record_fields(self) -> Mapping[str, Column]:
        """The column behind each field of the records; a second ``alias`` becomes ``alias_2``, and so on."""
        seen: Counter[str] = Counter()
        fields = {}
        for column in self.read_columns:
            seen[column.field] += 1
            count = seen[column.field]
            fields[column.field if count == 1 else f"{column.field}_{count}"] = column
        return MappingProxyType(fields)


def codebook_path(path: Path | str) -> Path:
    """Where the codebook of a list file is expected: beside it, same stem, `.toml`."""
    return Path(path).with_suffix(".toml")


def read_codebook(path: Path | str) -> Codebook:
    """Read a codebook (TOML).

    Parameters
    ----------
    path : Path or str
        The TOML file.

    Raises
    ------
    BadInput
        If the file is absent or is not TOML, or with all its problems in one error: unknown and missing keys,
        wrong kinds, unknown categories, fields declared twice, a period that ends before it starts.

    Examples
    --------
    >>> from pathlib import Path; from tempfile import mkdtemp
    >>> read_codebook(Path(mkdtemp()) / "rosa.toml")
    Traceback (most recent call last):
    mse.errors.BadInput: no codebook rosa.toml ...
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        raise BadInput(
            f"no codebook {path.name} in {path.parent}; a codebook (TOML) says what the columns of the list mean, "
            "and lies beside it under the same name (`mse encode LIST --new-codebook` writes a draft)"
        ) from None
    except OSError as error:
        raise BadInput(f"the codebook {path.name} cannot be opened: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"the codebook {path.name} is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"the codebook {path.name} is not valid TOML: {error}") from None
    return _codebook_of(raw, path.name)


def write_codebook(codebook: Codebook, path: Path | str) -> None:
    """Write a codebook as TOML, such that `read_codebook` gives an equal one."""
    start, end = codebook.period
    register: dict[str, Any] = {key: getattr(codebook, key) for key in REGISTER_KEYS}
    register["period"] = {"start": start, "end": end}
    if codebook.sheet:
        register["sheet"] = codebook.sheet
    columns = {column.name: mapping_of(column) for column in codebook.columns}
    write_text(Path(path), tomli_w.dumps({"register": register, "columns": columns}))


def _codebook_of(raw: Mapping[str, Any], file: str) -> Codebook:
    problems = [f"[{key}] is not a part of a codebook" for key in raw if key not in ("register", "columns")]
    problems += [f"the part [{key}] is missing" for key in ("register", "columns") if key not in raw]
    register = _table_of(raw, "register", problems)
    specs = _table_of(raw, "columns", problems)
    if "register" in raw:
        problems += _register_problems(register)
    columns = []
    for name, spec in specs.items():
        found = list(spec_problems(name, spec))
        if not found:
            try:
                columns.append(column_of(name, spec))
            except BadInput as error:
                found = list(error.reasons)
        problems += found
    if "columns" in raw:
        problems += _columns_problems(tuple(columns), any_declared=bool(specs))
    if problems:
        raise BadInput.several(f"the codebook {file}", problems)
    period = register["period"]
    texts = {key: register[key] for key in REGISTER_KEYS if key != "period"}
    sheet = register.get("sheet", "")
    return Codebook(**texts, period=(period["start"], period["end"]), columns=tuple(columns), sheet=sheet)


def _table_of(raw: Mapping[str, Any], key: str, problems: list[str]) -> Mapping[str, Any]:
    part = raw.get(key, {})
    if isinstance(part, dict):
        return part
    problems.append(f"[{key}] must be a table, not {part!r}")
    return {}


def _columns_problems(columns: tuple[Column, ...], *, any_declared: bool = False) -> Iterator[str]:
    """What is wrong between the columns of one codebook."""
    names = Counter(column.name for column in columns)
    yield from (f"column {name!r} is declared {count} times" for name, count in names.items() if count > 1)
    by_field: dict[str, list[str]] = {}
    for column in columns:
        if column.kind != "ignore" and column.field not in REPEATABLE_FIELDS:
            by_field.setdefault(column.field, []).append(column.name)
    for common, declared in by_field.items():
        if len(declared) > 1:
            yield f"the columns {', '.join(map(repr, declared))} all have the field {common}; only alias may repeat"
    if not any_declared and all(column.kind == "ignore" for column in columns):
        yield "no column is read; declare at least one column that is not ignored"


def _register_problems(register: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the [register] part; every key is looked at."""
    known = (*REGISTER_KEYS, "sheet")
    yield from (
        f"{key!r} is not a key of [register]; there are {', '.join(known)}" for key in register if key not in known
    )
    yield from (f"[register] lacks {key}" for key in REGISTER_KEYS if key not in register)
    for key in (*TEXT_KEYS, "sheet"):
        value = register.get(key, "unasked")
        if not isinstance(value, str) or not value.strip():
            yield f"{key} must be text in quotes and not empty, not {value!r}"
    name = register.get("name")
    if isinstance(name, str) and name.strip() and not REGISTER_NAME.fullmatch(name):
        yield f"name={name!r} must begin with a letter and hold letters, digits, - and _ only"
    for key, allowed in (("population", POPULATIONS), ("presence", PRESENCES)):
        if key in register and register[key] not in allowed:
            yield f"{key}={register[key]!r} is not offered; use one of {', '.join(map(repr, allowed))}"
    if "period" in register:
        yield from _period_problems(register["period"])


def _period_problems(period: object) -> Iterator[str]:
    form = "period must be { start = 2020-01-01, end = 2020-12-31 }"
    if not isinstance(period, dict) or set(period) != {"start", "end"}:
        yield f"{form}, not {period!r}"
        return
    bad = [key for key, day in period.items() if not isinstance(day, date) or isinstance(day, datetime)]
    yield from (f"{form}: {key}={period[key]!r} is not a date without quotes" for key in bad)
    if not bad and period["end"] < period["start"]:
        yield f"the period ends ({period['end']}) before it starts ({period['start']})"
