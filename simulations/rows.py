"""Rows of a study on disk: added chunk by chunk, taken up again where a run ended.

The first line of the file says with what settings its rows were made; under other settings nothing is added. Rows are
kept in the order of the data sets, so that the file is the same whatever order and chunks they were made in.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from joblib import Parallel, delayed

from mse.errors import BadInput
from mse.progress import Bar
from mse.provenance import versions
from mse.writing import write_text

__all__ = ["Row", "Rows"]

type Row = Mapping[str, float | str]

KEY = "data_set"
DIGITS = 8
VERSIONS = ("mse", "numpy")


@dataclass(frozen=True)
class Rows:
    """A CSV file with one row per data set.

    Attributes
    ----------
    path : Path
    columns : tuple of str
        Beside the number of the data set.
    settings : Mapping
        What the rows depend on; versions of mse and NumPy are added.
    """

    path: Path
    columns: tuple[str, ...]
    settings: Mapping[str, object]

    def complete(
        self, make: Callable[[int], Row], numbers: Iterable[int], *, chunk: int, n_jobs: int = 1, bar: Bar | None = None
    ) -> None:
        """Make the rows that are missing, and write the file after every chunk.

        Raises
        ------
        BadInput
            When another run adds to the same file, or its rows were made with other settings.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BadInput(f"{self.path}: another run adds to this file; wait until it has finished") from None
        try:
            rows = self._read()
            missing = [number for number in numbers if number not in rows]
            for part in batched(missing, chunk):
                made = Parallel(n_jobs=n_jobs)(delayed(make)(number) for number in part)
                rows |= {number: self._as_text(row) for number, row in zip(part, made, strict=True)}
                write_text(self.path, self._file(rows))
                if bar is not None:
                    bar.advance(len(part))
        finally:
            lock.release()

    def frame(self) -> pd.DataFrame:
        """The rows as numbers, by data set; empty when there are none.

        Raises
        ------
        BadInput
            When they were made with other settings, whatever the versions.
        """
        if not self.path.exists():
            return pd.DataFrame(columns=[*self.columns], index=pd.Index([], name=KEY))
        if not self.is_of_these_settings():
            raise BadInput(f"{self.path} holds rows made with other settings; move it away to start anew")
        return pd.read_csv(self.path, skiprows=1, index_col=KEY)

    def is_of_these_settings(self) -> bool:
        """Whether the file was made with these settings, with these or other versions."""
        with self.path.open(encoding="utf-8") as file:
            held = json.loads(file.readline().removeprefix("# "))
        return {name: own for name, own in held.items() if name not in VERSIONS} == json.loads(
            json.dumps(self.settings)
        )

    def _head(self) -> str:
        return json.dumps({**self.settings, **{name: versions()[name] for name in VERSIONS}}, sort_keys=True)

    def _read(self) -> dict[int, list[str]]:
        """The cells of the file as text, which is what is written again."""
        if not self.path.exists():
            return {}
        head, _, body = self.path.read_text("utf-8").partition("\n")
        if head != f"# {self._head()}":
            raise BadInput(
                f"{self.path} holds rows made with other settings ({head.removeprefix('# ')}); move it away to start "
                "anew"
            )
        return {int(cells[0]): cells[1:] for cells in list(csv.reader(io.StringIO(body)))[1:]}

    def _file(self, rows: Mapping[int, list[str]]) -> str:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([KEY, *self.columns])
        writer.writerows([number, *rows[number]] for number in sorted(rows))
        return f"# {self._head()}\n{stream.getvalue()}"

    def _as_text(self, row: Row) -> list[str]:
        """Cells in the order of the columns; eight digits of a number, and nothing where the row has none."""
        unknown = set(row) - set(self.columns)
        if unknown:
            raise BadInput(f"{self.path} has no column for {sorted(unknown)}; add them to {self.columns}")
        cells = [row.get(column, "") for column in self.columns]
        return [f"{cell:.{DIGITS}g}" if isinstance(cell, float) else str(cell) for cell in cells]
