"""The tables of all linkage draws as a folder: what an estimate needs of the linkage, and no row about one person."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from mse.errors import BadInput
from mse.histories.table import CaptureHistories
from mse.writing import CONFIDENTIAL, mark_confidential, write_bytes, write_text

__all__ = ["central_table", "holds_tables", "read_tables", "write_tables"]

ABOUT, COUNTS, CENTRAL, OVERLAP = "about.json", "draws.npy", "histories.csv", "overlap.csv"


def write_tables(
    folder: Path, tables: Sequence[CaptureHistories], *, about: Mapping[str, object] | None = None
) -> None:
    """Write the tables of all draws; the one with the median number of persons also as CSV, with its overlaps.

    Parameters
    ----------
    folder : Path
        Gets `draws.npy` of shape (n_draws, 2**K - 1) or (n_draws, 2**K - 1, n_strata), `about.json`, `histories.csv`,
        `overlap.csv` and the note that all of it is confidential, each whole or not at all.
    tables : sequence of CaptureHistories
        From `CaptureHistories.from_links`: of the same lists and strata.
    about : mapping, optional
        What else `about.json` is to say of the linkage, such as its diagnostics; serialisable as JSON.

    Raises
    ------
    BadInput
        For no table, or tables of different lists, strata or declared cells.
    """
    if not tables:
        raise BadInput("there is no table to write; give one for each linkage draw")
    first = tables[0]
    for table in tables:
        if (table.lists, table.strata, table.covariates) != (first.lists, first.strata, first.covariates):
            raise BadInput(f"the draws have tables of different lists or strata: {first!r} and {table!r}")
        if table.structural_zeros or table.censored_cells:
            raise BadInput("a table of a linkage draw declares cells; declare them after reading the tables")
    central = central_table(tables)
    shared = [note for note in first.notes if all(note in table.notes for table in tables)]
    told = {
        "confidential": CONFIDENTIAL,
        "lists": list(first.lists),
        "strata": list(first.strata),
        "covariates": list(first.covariates),
        "central_draw": central,
        "notes": shared,
        "notes_of_draws": [[note for note in table.notes if note not in shared] for table in tables],
    }
    mark_confidential(folder)
    stream = BytesIO()
    np.save(stream, np.stack([table.counts for table in tables]), allow_pickle=False)
    write_bytes(folder / COUNTS, stream.getvalue())
    tables[central].write(folder / CENTRAL)
    write_text(folder / OVERLAP, tables[central].overlap_table().to_csv(lineterminator="\n"))
    text = json.dumps({**(about or {}), **told}, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(folder / ABOUT, text + "\n")


def read_tables(folder: Path) -> tuple[CaptureHistories, ...]:
    """The tables of all linkage draws that `write_tables` wrote.

    Raises
    ------
    BadInput
        For a folder that holds none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> h = CaptureHistories.from_counts(("police", "ngo"), {(1, 0): 27, (0, 1): 34, (1, 1): 9})
    >>> with TemporaryDirectory() as folder:
    ...     write_tables(Path(folder), [h, h])
    ...     [table.n_observed for table in read_tables(Path(folder))]
    [70, 70]
    """
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        draws = np.load(folder / COUNTS, allow_pickle=False)
    except FileNotFoundError:
        raise BadInput(
            f"{folder} holds no tables of linkage draws; give the folder that `mse link --tables-only` wrote"
        ) from None
    lists, strata, covariates = (tuple(about[name]) for name in ("lists", "strata", "covariates"))
    return tuple(
        CaptureHistories(lists, counts, strata, covariates, notes=(*about["notes"], *own))
        for counts, own in zip(draws, about["notes_of_draws"], strict=True)
    )


def holds_tables(folder: Path) -> bool:
    """Whether a folder holds tables of linkage draws."""
    return (folder / ABOUT).is_file() and (folder / COUNTS).is_file()


def central_table(tables: Sequence[CaptureHistories]) -> int:
    """Position of the table whose number of persons is the lower median: the first such table."""
    persons = np.array([table.n_observed for table in tables])
    return int(np.flatnonzero(persons == np.sort(persons)[(len(persons) - 1) // 2])[0])
