"""Capture histories read from a file or a data frame, with every problem of the input named."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.histories.cells import CENSORED, COUNTED, STRUCTURAL_ZERO, declared_cells, history_of
from mse.histories.table import CELL, CONFIRMED, COUNT, CaptureHistories, check_lists

__all__ = ["read_histories"]

CELLS = (COUNTED, STRUCTURAL_ZERO, CENSORED)
ZERO_OR_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "False": 0, "True": 1}


def read_histories(
    source: str | Path | pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    count: str = COUNT,
    structural_zeros: Iterable[Sequence[int] | str] = (),
    censored_cells: Iterable[Sequence[int] | str] = (),
) -> CaptureHistories:
    """Read capture histories from a CSV or Parquet file, or from a data frame.

    Parameters
    ----------
    source : path or DataFrame
        One 0/1 column per list, optional covariate columns, and the column of counts (persons).
        Histories that are absent are zeros; a history given twice is summed, and `notes` says so. A column `cell`
        with ``counted``, ``structural zero`` and ``censored``, and one `confirmed` with the persons of a censored cell
        who are known to be in the population, are read as `CaptureHistories.write` writes them.
    covariates : sequence of str
        Columns that are not lists; each combination of their values is a stratum.
    count : str
        Name of the column of counts.
    structural_zeros : iterable of history
        Histories that cannot occur, as ``(1, 1, 0)`` or ``"110"``.
    censored_cells : iterable of history
        Histories whose count is an upper bound, since the list also holds persons outside the population.

    Returns
    -------
    CaptureHistories

    Raises
    ------
    BadInput
        For a file that cannot be read, fewer than two lists, values other than 0 and 1, the all-zero history,
        counts that are negative, fractional or missing, unknown columns, tables without a person, and cells that are
        declared what they cannot be.

    References
    ----------
    Bishop, Fienberg and Holland (1975), Discrete Multivariate Analysis, chapter 6, doi:10.1007/978-0-387-72806-3.

    Examples
    --------
    >>> frame = pd.DataFrame({"police": [1, 0, 1], "ngo": [0, 1, 1], "count": [27, 34, 9]})
    >>> read_histories(frame).n_observed
    70
    """
    frame = source if isinstance(source, pd.DataFrame) else _read_table(Path(source))
    told = "the data frame" if isinstance(source, pd.DataFrame) else Path(source).name
    covariates = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    about = _cell_columns(frame)
    lists = _list_columns(frame, (*covariates, *about), count, told)
    _raise_if(_problems(frame, lists, covariates, count) + _cell_problems(frame, about, count), told)
    values = np.zeros(len(frame), dtype=np.int64)
    for name in lists:
        values = 2 * values + _as_text_column(frame[name]).map(ZERO_OR_ONE).to_numpy(dtype=np.int64)
    persons = pd.to_numeric(frame[count]).to_numpy(dtype=np.int64)
    strata, codes = _strata(frame, covariates)
    counts = np.zeros((2 ** len(lists) - 1, len(strata)), dtype=np.int64)
    np.add.at(counts, (values - 1, codes), persons)
    repeated = int(pd.DataFrame({"value": values, "stratum": codes}).duplicated().sum())
    notes = (_summed(repeated, told),) if repeated else ()
    kinds = _kinds(frame, about)
    declared = {
        kind: frozenset(history_of(int(value), len(lists)) for value in values[kinds == kind]) for kind in CELLS
    }
    confirmed = np.zeros_like(counts)
    if CONFIRMED in about:
        np.add.at(confirmed, (values - 1, codes), _numbers(frame[CONFIRMED].replace("", "0")).astype(np.int64))
    table = CaptureHistories(
        lists,
        counts if covariates else counts[:, 0],
        strata=strata,
        covariates=covariates,
        structural_zeros=declared[STRUCTURAL_ZERO] | declared_cells(structural_zeros, lists),
        censored_cells=declared[CENSORED] | declared_cells(censored_cells, lists),
        confirmed=(confirmed if covariates else confirmed[:, 0]) if confirmed.any() else None,
        notes=notes,
    )
    return replace(table, notes=(*notes, *_oddities(table)))


def _read_table(path: Path) -> pd.DataFrame:
    """The columns of a file as text (CSV) or as they are (Parquet)."""
    if not path.is_file():
        raise BadInput(f"there is no file {path}; give the path of a CSV or Parquet file of capture histories")
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            return pd.read_parquet(path)
        text = path.read_text("utf-8-sig")
    except (ValueError, OSError) as fault:
        raise BadInput(
            f"{path} cannot be read as a table ({type(fault).__name__}); save it as CSV in UTF-8 with a header line"
        ) from None
    return _parse_csv(text, path.name)


def _parse_csv(text: str, told: str) -> pd.DataFrame:
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    if not rows:
        raise BadInput(f"{told} is empty; give a header line with the lists and count, and a line for each history")
    header = [name.strip() for name in rows[0]]
    for name in header:
        if header.count(name) > 1:
            raise BadInput(f"{told} has the column {name!r} twice; give each column its own name")
    uneven = [
        f"row {i}: {len(row)} values where the header has {len(header)}"
        for i, row in enumerate(rows[1:], start=1)
        if len(row) != len(header)
    ]
    _raise_if(uneven, told)
    return pd.DataFrame(rows[1:], columns=header, dtype=object)


def _list_columns(frame: pd.DataFrame, covariates: tuple[str, ...], count: str, told: str) -> tuple[str, ...]:
    columns = [str(column) for column in frame.columns]
    for name in (count, *covariates):
        if name not in columns:
            raise BadInput.unknown(f"column in {told}", name, columns)
    lists = tuple(name for name in columns if name not in covariates and name != count)
    check_lists(lists)
    return lists


def _cell_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns that declare cells; a list may bear these names too, and then holds 0 and 1."""
    if CELL not in frame.columns or not _as_text_column(frame[CELL]).isin(CELLS).any():
        return ()
    return (CELL, CONFIRMED) if CONFIRMED in frame.columns else (CELL,)


def _cell_problems(frame: pd.DataFrame, about: tuple[str, ...], count: str) -> list[str]:
    """What is wrong in the columns that declare cells, by row."""
    found = []
    if CELL in about:
        found += [
            f"row {row + 1}: cell is {frame[CELL].iloc[row]!r}; use one of {', '.join(map(repr, CELLS))}"
            for row in np.flatnonzero(~_as_text_column(frame[CELL]).isin(CELLS))
        ]
    if CONFIRMED in about:
        numbers = _numbers(frame[CONFIRMED].replace("", "0"))
        bad = ~((numbers >= 0) & (numbers == np.floor(numbers)) & (numbers <= _numbers(frame[count])))
        found += [
            f"row {row + 1}: confirmed is {frame[CONFIRMED].iloc[row]}; it is a number of persons, at most the count"
            for row in np.flatnonzero(bad)
        ]
    return found


def _kinds(frame: pd.DataFrame, about: tuple[str, ...]) -> NDArray[np.str_]:
    """What each row's history is declared to be, shape (n_rows,)."""
    return np.array(_as_text_column(frame[CELL]) if CELL in about else [COUNTED] * len(frame), dtype=np.str_)


def _numbers(column: "pd.Series[Any]") -> NDArray[np.float64]:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)


def _problems(frame: pd.DataFrame, lists: tuple[str, ...], covariates: tuple[str, ...], count: str) -> list[str]:
    """Every value that cannot be used, by row (1 is the first row of data)."""
    found = []
    for name in lists:
        bad = ~_as_text_column(frame[name]).isin(list(ZERO_OR_ONE)).to_numpy(dtype=np.bool_)
        found += [
            f"row {row + 1}: list {name!r} has {frame[name].iloc[row]!r}; only 0 and 1 are possible (name covariate "
            "columns in covariates=)"
            for row in np.flatnonzero(bad)
        ]
    numbers = _numbers(frame[count])
    for row in np.flatnonzero(~(numbers >= 0) | (numbers != np.floor(numbers)) | np.isinf(numbers)):
        found.append(
            f"row {row + 1}: count is {frame[count].iloc[row]!r}; a count is a whole number of persons, 0 or more"
        )
    if not found:
        total = sum(_as_text_column(frame[name]).map(ZERO_OR_ONE).to_numpy(dtype=np.int64) for name in lists)
        found += [
            f"row {row + 1}: the history {'0' * len(lists)} is the missing cell, which nobody can count; remove the row"
            for row in np.flatnonzero(total == 0)
        ]
    for name in covariates:
        empty = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
        found += [f"row {row + 1}: covariate {name!r} is empty; give it a value" for row in np.flatnonzero(empty)]
    return found


def _raise_if(problems: list[str], told: str) -> None:
    if len(problems) == 1:
        raise BadInput(f"{told}, {problems[0]}")
    if problems:
        raise BadInput.several(told, problems)


def _strata(frame: pd.DataFrame, covariates: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of the strata, sorted, and the stratum of each row."""
    if not covariates:
        return ("all",), np.zeros(len(frame), dtype=np.int64)
    names = frame[list(covariates)].astype(str).agg(", ".join, axis=1)
    codes, found = pd.factorize(names, sort=True)
    return tuple(str(name) for name in found), codes.astype(np.int64)


def _as_text_column(column: "pd.Series[Any]") -> "pd.Series[str]":
    return column.astype(str).str.strip()


def _oddities(table: CaptureHistories) -> tuple[str, ...]:
    """Empty, universal and duplicate lists, named."""
    return (
        *(f"list {name} is empty" for name in table.empty_lists),
        *(f"everybody is on list {name}" for name in table.universal_lists),
        *(f"lists {a} and {b} hold exactly the same persons" for a, b in table.duplicate_lists),
    )


def _summed(repeated: int, told: str) -> str:
    rows = f"1 row of {told} repeats" if repeated == 1 else f"{repeated} rows of {told} repeat"
    return f"{rows} a history that was given before; the counts were summed"
