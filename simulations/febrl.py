"""FEBRL study: three lists of invented Australians with several records a person, linked by mse and by plain Splink.

Each is taken once as it is, one list with duplicates, and once split into lists that hold a person at most once: the
original records, the first duplicates, the second ones, and so on. Who is whom stands in the numbers of the records; no
linker reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from mse.errors import BadInput, Refused
from mse.linkage import link, linkage_quality
from mse.links import Links
from mse.progress import progress
from mse.registers import Codebook, Column, Register
from simulations.febrl_splink import THRESHOLDS, clusters
from simulations.rows import Row, Rows

__all__ = ["COLUMNS", "METHODS", "SETTINGS", "Setting", "numbers_of", "row", "rows_of", "run", "truth_of"]

DATA = Path(__file__).parents[1] / "tests" / "reference" / "data"
SEED = 2008
N_DRAWS = 100
ONE_LIST = "register"
# The fields of a register, with their kinds, by the columns of the file.
FIELDS: Mapping[str, tuple[str, str]] = {
    "given_name": ("given_name", "name"),
    "surname": ("family_name", "name"),
    "street_number": ("street_number", "number"),
    "address_1": ("address_1", "text"),
    "address_2": ("address_2", "text"),
    "suburb": ("suburb", "text"),
    "postcode": ("postcode", "number"),
    "state": ("state", "category"),
    "date_of_birth": ("birth_date", "date"),
    "soc_sec_id": ("soc_sec_id", "number"),
}
NUMBER = "soc_sec_id"
COMPARED: Mapping[str, tuple[str, ...]] = {
    "all but the number": tuple(column for column in FIELDS if column != NUMBER),
    "names and date of birth": ("given_name", "surname", "date_of_birth"),
    "all": tuple(FIELDS),
}
COLUMNS = (
    *("n_persons_true", "precision", "recall", "f1"),
    *("n_persons_low", "n_persons", "n_persons_high", "r_hat", "refused"),
)


@dataclass(frozen=True)
class Setting:
    """One of the three files, split into lists or not, and the columns to compare."""

    file: int
    is_split: bool
    compared: str

    @property
    def columns(self) -> tuple[str, ...]:
        return COMPARED[self.compared]


SETTINGS = tuple(
    Setting(file, is_split, compared) for compared in COMPARED for is_split in (False, True) for file in (1, 2, 3)
)


@dataclass(frozen=True)
class Method:
    """A way to link: `link` gives the draws of who is whom; `one_to_one` is possible where lists are clean."""

    title: str
    link: Callable[[Setting], Links]
    made_with: Mapping[str, object]
    one_to_one: bool = False


def numbers_of(method: str) -> list[int]:
    """The settings, by their place, in which a method can be used."""
    return [number for number, own in enumerate(SETTINGS) if own.is_split or not METHODS[method].one_to_one]


def rows_of(method: str, folder: Path) -> Rows:
    """The file of one method; its rows are numbered by the place of the setting."""
    if method not in METHODS:
        raise BadInput.option("method", method, METHODS)
    return Rows(
        folder / "febrl" / f"{method}.csv", COLUMNS, {"study": "febrl", "seed": SEED, **METHODS[method].made_with}
    )


def run(methods: Sequence[str], folder: Path, *, n_jobs: int = 1) -> None:
    """Complete the rows of these methods."""
    for method in methods:
        numbers = numbers_of(method)
        with progress(method, total=len(numbers)) as bar:
            rows_of(method, folder).complete(partial(row, method), numbers, chunk=n_jobs, n_jobs=n_jobs, bar=bar)


def row(method: str, number: int) -> Row:
    """Link in one setting, and hold it against the truth."""
    setting = SETTINGS[number]
    truth = truth_of(setting)
    n_true = {"n_persons_true": truth["person"].nunique()}
    try:
        links = METHODS[method].link(setting)
    except Refused as refusal:
        return {**n_true, "refused": str(refusal)}
    quality = linkage_quality(links, truth)
    told = quality.n_persons
    return {
        **n_true,
        **{"precision": quality.precision, "recall": quality.recall, "f1": quality.f1},
        **{"n_persons_low": told.low, "n_persons": told.median or 0.0, "n_persons_high": told.high},
        **{name: links.diagnostics[name] for name in ("r_hat",) if name in links.diagnostics},
    }


@cache
def records_of(file: int) -> pd.DataFrame:
    """The records as text, by their number, with the person and the list that a split puts them on."""
    frame = pd.read_csv(DATA / f"febrl{file}.csv.gz", dtype="str").set_index("rec_id")
    told = frame.index.str.extract(r"^rec-(?P<person>\d+)-(?P<list>org|dup-\d+)$").set_index(frame.index)
    return frame.join(told)


def lists_of(setting: Setting) -> dict[str, pd.DataFrame]:
    """The records of each list, the original ones first."""
    records = records_of(setting.file)
    if not setting.is_split:
        return {ONE_LIST: records}
    names = sorted(records["list"].unique(), key=lambda name: (name != "org", name))
    return {name: records[records["list"] == name] for name in names}


def truth_of(setting: Setting) -> pd.DataFrame:
    """The person of each row of each list, as `linkage_quality` reads it."""
    parts = [
        pd.DataFrame({"register": name, "row": range(1, len(own) + 1), "person": own["person"].to_numpy()})
        for name, own in lists_of(setting).items()
    ]
    return pd.concat(parts, ignore_index=True)


def registers_of(setting: Setting) -> list[Register]:
    """The lists as registers, dates as a reader of registers writes them."""
    registers = []
    used = {column: FIELDS[column] for column in setting.columns}
    for name, own in lists_of(setting).items():
        columns = [Column(column, kind, field, identifier=True) for column, (field, kind) in used.items()]
        year = (date(2020, 1, 1), date(2020, 12, 31))
        codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", tuple(columns))
        frame = own.assign(date_of_birth=own["date_of_birth"].map(_iso_date, na_action="ignore"))
        frame = frame[list(used)].set_axis([column.field for column in columns], axis=1)
        frame = frame.set_axis(range(1, len(frame) + 1)).astype("str")
        registers.append(Register(codebook, frame, source_sha256=f"febrl{setting.file}-{name}"))
    return registers


def _iso_date(typed: str) -> str | None:
    """Year, month and day without signs as an ISO date; None for a date that cannot be."""
    try:
        return date(int(typed[:4]), int(typed[4:6]), int(typed[6:])).isoformat()
    except ValueError:
        return None


def _by_mse(setting: Setting, *, n_draws: int) -> Links:
    """Scarce records are kept: left out they would count neither as found nor as missed."""
    registers = registers_of(setting)
    if setting.is_split:
        return link(registers, seed=SEED, n_draws=n_draws, scarce="keep")
    return link(registers, seed=SEED, n_draws=n_draws, scarce="keep", duplicates=[ONE_LIST])


def _by_splink(setting: Setting, *, threshold: float, one_to_one: bool) -> Links:
    lists = {name: own[list(setting.columns)] for name, own in lists_of(setting).items()}
    found = _splink_clusters(setting)[threshold, one_to_one]
    records = pd.DataFrame(
        {
            "list": [name for name, own in lists.items() for _ in range(len(own))],
            "record": [str(place) for own in lists.values() for place in range(1, len(own) + 1)],
        }
    )
    persons = pd.concat([found.loc[own.index] for own in lists.values()])
    return Links(records, persons.to_numpy()[None], tuple(lists))


@cache
def _splink_clusters(setting: Setting) -> Mapping[tuple[float, bool], pd.Series]:
    return clusters({name: own[list(setting.columns)] for name, own in lists_of(setting).items()}, seed=SEED)


METHODS = {
    "mse": Method("mse, 100 draws", partial(_by_mse, n_draws=N_DRAWS), {"n_draws": N_DRAWS}),
    "mse-point": Method("mse, one linkage", partial(_by_mse, n_draws=1), {"n_draws": 1}),
} | {
    f"splink-{threshold}-{'one-to-one' if one_to_one else 'components'}": Method(
        f"Splink at {threshold}, {'one record per list' if one_to_one else 'connected components'}",
        partial(_by_splink, threshold=threshold, one_to_one=one_to_one),
        {"splink": version("splink"), "threshold": threshold},
        one_to_one,
    )
    for one_to_one in (False, True)
    for threshold in THRESHOLDS
}
