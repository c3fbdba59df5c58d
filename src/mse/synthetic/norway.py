"""The value that a simulation gives: persons with a known N, the lists of those who met them, and who is whom."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from pathlib import Path

import pandas as pd

from mse.registers import Codebook, codebook_path, write_codebook
from mse.synthetic.layouts import MARK, Layout, codebook_of, file_bytes, localised
from mse.writing import write_bytes, write_text

__all__ = ["SyntheticList", "SyntheticNorway", "list_of", "marked"]


@dataclass(frozen=True, eq=False)
class SyntheticList:
    """One list file.

    Attributes
    ----------
    codebook : Codebook
    table : DataFrame of str
        As the file holds it: the agency's headings and codes, the mark in the first column.
    persons : tuple of str
        The true person of each row.
    path : str
        The file, below the output folder.
    content : bytes
        The file's bytes.
    """

    codebook: Codebook
    table: pd.DataFrame
    persons: tuple[str, ...]
    path: str
    content: bytes

    @property
    def name(self) -> str:
        return self.codebook.name

    @property
    def n_persons(self) -> int:
        """Number of distinct persons; a few stand on two rows."""
        return len(set(self.persons))


@dataclass(frozen=True, eq=False)
class SyntheticNorway:
    """Synthetic persons, lists and truth.

    Attributes
    ----------
    scenario : str
    true_n : mapping of int to int
        Adults in each year, met by an agency or not.
    seed : int
    persons : DataFrame, one row per adult
        Identity and traits, and on how many lists the person is.
    lists : mapping of str to SyntheticList
        By name, adults only; in the scenario of several years the name ends with the year.
    truth : DataFrame
        Columns SYNTHETIC, register, row (1 is the first row of data), person.
    minors : DataFrame
        Persons under 18, never among `persons`.
    minor_lists : mapping of str to SyntheticList
    n_redrawn : int
        Persons drawn again because the published margins demanded one whom the population lacked.
    texts : mapping of str to str
        Further files by path: the study files.

    Notes
    -----
    The persons whom no list holds are the hidden number: `true_n` is known here and nowhere else. Whether an estimate
    comes close says how it does on this dependence and these sizes, not how it would do in Norway.
    """

    scenario: str
    true_n: Mapping[int, int]
    seed: int
    persons: pd.DataFrame
    lists: Mapping[str, SyntheticList]
    minors: pd.DataFrame
    minor_lists: Mapping[str, SyntheticList]
    n_redrawn: int
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def truth(self) -> pd.DataFrame:
        return truth_of(self.lists.values())

    def on(self, *names: str) -> set[str]:
        """Persons who are on at least one of the lists."""
        return {person for name in names for person in self.lists[name].persons}

    def __repr__(self) -> str:
        met = len(self.on(*self.lists))
        return (
            f"SyntheticNorway {self.scenario}, seed {self.seed}: {len(self.persons)} adults, of whom {met} are on "
            f"{len(self.lists)} lists with {len(self.truth)} rows"
        )

    def write(self, out: Path | str) -> None:
        """Write every list with its codebook, the persons, the truth and the study files below a folder."""
        folder = Path(out)
        for one in [*self.lists.values(), *self.minor_lists.values()]:
            write_bytes(folder / one.path, one.content)
            write_codebook(one.codebook, codebook_path(folder / one.path))
        write_text(folder / f"{MARK}-persons.csv", csv_text(self.persons))
        for part in sorted({Path(one.path).parent for one in self.lists.values()}):
            own = [one for one in self.lists.values() if Path(one.path).parent == part]
            write_text(folder / part / f"{MARK}-truth.csv", csv_text(truth_of(own)))
        write_text(folder / "minors" / f"{MARK}-minors-persons.csv", csv_text(self.minors))
        write_text(folder / "minors" / f"{MARK}-minors-truth.csv", csv_text(truth_of(self.minor_lists.values())))
        for path, text in self.texts.items():
            write_text(folder / path, text)


def list_of(
    layout: Layout,
    rows: Sequence[Mapping[str, str]],
    persons: Sequence[str],
    period: tuple[date, date],
    folder: str = "",
) -> SyntheticList:
    """The list file of some rows, in the agency's own way."""
    table = localised(rows, layout)
    path = f"{folder}{layout.file_name}"
    return SyntheticList(codebook_of(layout, period), table, tuple(persons), path, file_bytes(table, layout))


def truth_of(lists: Iterable[SyntheticList]) -> pd.DataFrame:
    """Who stands on which row of which list."""
    rows = [(one.name, row, person) for one in lists for row, person in enumerate(one.persons, start=1)]
    return marked(pd.DataFrame(rows, columns=["register", "row", "person"]))


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the mark as first column and a plain index."""
    frame = frame.reset_index(drop=True)
    frame.insert(0, MARK, MARK)
    return frame


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV with commas and Unix line ends."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False))
    return stream.getvalue()
