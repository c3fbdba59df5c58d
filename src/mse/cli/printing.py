"""Tables and sentences on standard output, as text, JSON or CSV; at full precision but for the text."""

import json
from enum import StrEnum
from math import isfinite

import pandas as pd
import typer

__all__ = ["Format", "say", "show"]


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def show(frame: pd.DataFrame, how: Format) -> None:
    """Print a table: aligned text rounded for reading, or every digit as JSON records or CSV."""
    match how:
        case Format.json:
            records = [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
            typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
        case Format.csv:
            typer.echo(frame.to_csv(index=False, lineterminator="\n"), nl=False)
        case Format.table:
            typer.echo(_aligned(frame))


def say(sentence: str) -> None:
    """Print a sentence of a result."""
    typer.echo(sentence)


def _plain(value: object) -> object:
    """A cell as JSON can hold it; infinity as text, missing as null."""
    if isinstance(value, float):
        return value if isfinite(value) else None if value != value else str(value)
    return value.item() if hasattr(value, "item") else value


def _aligned(frame: pd.DataFrame) -> str:
    """Columns padded to their widest cell, numbers to the right, two blanks between columns."""
    columns = []
    for name in frame.columns:
        is_number = pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
        cells = [str(name), *(_rounded(value) for value in frame[name])]
        width = max(map(len, cells))
        columns.append([cell.rjust(width) if is_number else cell.ljust(width) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _rounded(value: object) -> str:
    if isinstance(value, float):
        if value != value:
            return ""
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
