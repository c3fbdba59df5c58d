"""Lists with a known truth for the study of linkage: invented persons, and an error channel of their own.

Nothing is shared with `mse.synthetic` or with the rules by which names are compared: names are made of syllables, with
a Zipf law within each origin, and are written down with slips of the keyboard, other spellings and missing values. The
region is that of the nationality as it was written, so that it adds nothing where nationality can be read; encoded
lists keep the region alone.

Every person waits for every list, an exponential time of their own, and a list holds those who came first. Equal rates
make the lists independent simple samples. Visible persons come at a higher rate to all lists, which makes the lists
agree, and part of the persons on the first list are referred to the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.registers import Codebook, Column, Register

__all__ = ["Lists", "Setting"]

FIELDS: Mapping[str, str] = {
    **{"given_name": "name", "family_name": "name", "birth_date": "date"},
    **{"sex": "category", "nationality": "category", "region": "category"},
}
IDENTIFIERS = ("given_name", "family_name", "birth_date", "nationality")
REGIONS: Mapping[str, str] = {
    **{"ROU": "eastern_europe", "NGA": "africa", "VNM": "asia", "UKR": "ukraine", "PHL": "asia"},
    **{"BGR": "eastern_europe", "LTU": "eastern_europe", "ALB": "eastern_europe", "ERI": "africa"},
    **{"BRA": "south_america", "THA": "asia", "SOM": "africa"},
}
ORIGINS = tuple(REGIONS)
N_GIVEN, N_FAMILY = 150, 500  # names of one sex, and family names, of one origin
ZIPF = 0.8
ONSETS = (*"bdfghjklmnprstvz", "br", "dr", "gr", "kr", "st", "tr", "sh", "ch", "th")
VOWELS = (*"aeiouaeio", "ia", "ai", "ou")
CODAS = ["", "", "", "n", "r", "s", "l", "m", "k", "t", "ng"]
OTHER_SPELLINGS = (("i", "y"), ("k", "c"), ("s", "z"), ("th", "t"), ("ou", "u"), ("v", "w"), ("ch", "sh"), ("j", "y"))
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))

Names = NDArray[np.object_]


@dataclass(frozen=True)
class Setting:
    """How many persons and lists, and what goes wrong when a list is written.

    Attributes
    ----------
    name : str
    n_persons, n_lists, list_size : int
        Every list holds this many different persons.
    missing : float
        Chance of each field of each record to be missing, independently.
    visible, visibility : float
        Share of the persons who come to every list at this rate, where the others come at rate 1.
    referred : float
        Chance of a person on the first list to be on the second one for that reason alone.
    slip, spelling, swapped, new_years_day : float
        Chance of one slip in each name and date, of another spelling of each name, of names in each other's column,
        and of a date whose day and month are given as 1 January.
    """

    name: str
    n_persons: int
    n_lists: int
    list_size: int
    missing: float
    slip: float = 0.10
    spelling: float = 0.05
    swapped: float = 0.01
    new_years_day: float = 0.10
    visible: float = 0.0
    visibility: float = 1.0
    referred: float = 0.0

    @property
    def is_independent(self) -> bool:
        return not (self.visible and self.visibility != 1.0) and not self.referred

    def lists(self, rng: np.random.Generator) -> "Lists":
        """One data set."""
        persons = _persons(self.n_persons, rng)
        registers, truth = [], []
        for number, chosen in enumerate(self.members(rng)):
            name = f"list-{number + 1}"
            rows = [self._written(persons.iloc[person], rng) for person in chosen]
            frame = pd.DataFrame(rows, columns=list(FIELDS), index=range(1, self.list_size + 1)).astype("str")
            registers.append(_register(name, frame))
            truth.append(pd.DataFrame({"register": name, "row": frame.index, "person": chosen}))
        return Lists(registers, pd.concat(truth, ignore_index=True))

    def members(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """The persons on each list, in no order."""
        rate = np.where(rng.random(self.n_persons) < self.visible, self.visibility, 1.0)
        members: list[NDArray[np.int64]] = []
        for number in range(self.n_lists):
            waiting = rng.exponential(size=self.n_persons) / rate
            if number == 1:
                waiting[members[0][rng.random(self.list_size) < self.referred]] = 0.0
            members.append(rng.permutation(np.argsort(waiting)[: self.list_size]))
        return members

    def _written(self, person: pd.Series, rng: np.random.Generator) -> list[str | None]:
        names = [person["given_name"], person["family_name"]]
        for place, name in enumerate(names):
            spelt = _other_spelling(name, rng) if rng.random() < self.spelling else name
            names[place] = _slipped(spelt, rng) if rng.random() < self.slip else spelt
        if rng.random() < self.swapped:
            names.reverse()
        born = _other_date(person["birth_date"], rng) if rng.random() < self.slip else person["birth_date"]
        if rng.random() < self.new_years_day:
            born = date(born.year, 1, 1)
        row = [*names, born.isoformat(), person["sex"], person["nationality"]]
        is_missing = rng.random(len(row)) < self.missing
        written = [None if gone else value for value, gone in zip(row, is_missing, strict=True)]
        return [*written, REGIONS[written[-1]] if written[-1] else None]


@dataclass(frozen=True)
class Lists:
    """Registers, and the person of each of their rows.

    Attributes
    ----------
    registers : list of Register
    truth : DataFrame
        Columns ``register``, ``row`` (from 1) and ``person``.
    """

    registers: list[Register]
    truth: pd.DataFrame


def _persons(n_persons: int, rng: np.random.Generator) -> pd.DataFrame:
    origin = _zipf(len(ORIGINS), n_persons, rng)
    is_woman = rng.random(n_persons) < 0.6
    given, family = np.empty(n_persons, object), np.empty(n_persons, object)
    for own in range(len(ORIGINS)):
        onsets = rng.permutation(ONSETS)[:14]  # an origin has sounds of its own
        for sex in (True, False):
            here = (origin == own) & (is_woman == sex)
            given[here] = _invented(N_GIVEN, onsets, 2, rng)[_zipf(N_GIVEN, int(here.sum()), rng)]
        here = origin == own
        family[here] = _invented(N_FAMILY, onsets, 3, rng)[_zipf(N_FAMILY, int(here.sum()), rng)]
    days = rng.integers(365 * 35, size=n_persons)
    return pd.DataFrame(
        {
            "given_name": given,
            "family_name": family,
            "birth_date": [date(1967, 1, 2) + timedelta(days=int(day)) for day in days],
            "sex": np.where(is_woman, "woman", "man"),
            "nationality": np.array(ORIGINS)[origin],
        }
    )


def _zipf(n_values: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    weights = np.arange(1, n_values + 1) ** -ZIPF
    return rng.choice(n_values, size, p=weights / weights.sum())


def _invented(n_names: int, onsets: NDArray[np.str_], n_syllables: int, rng: np.random.Generator) -> Names:
    """Different names of two syllables, or of up to this many."""
    names: dict[str, None] = {}
    while len(names) < n_names:
        length = int(rng.integers(2, n_syllables + 1))
        syllables = [f"{rng.choice(onsets)}{rng.choice(VOWELS)}" for _ in range(length)]
        names["".join(syllables) + str(rng.choice(CODAS))] = None
    return np.array([name.capitalize() for name in names], object)


def _other_spelling(name: str, rng: np.random.Generator) -> str:
    usable = [(old, new) for old, new in OTHER_SPELLINGS if old in name]
    if not usable:
        return name
    old, new = usable[int(rng.integers(len(usable)))]
    return name.replace(old, new, 1)


def _slipped(name: str, rng: np.random.Generator) -> str:
    """One letter left out, put in, replaced, or changed with the next one."""
    place = int(rng.integers(1, len(name) - 1))
    letter = str(rng.choice(LETTERS))
    kinds = (
        name[:place] + name[place + 1 :],
        name[:place] + letter + name[place:],
        name[:place] + letter + name[place + 1 :],
        name[:place] + name[place + 1] + name[place] + name[place + 2 :],
    )
    return kinds[int(rng.integers(len(kinds)))]


def _other_date(born: date, rng: np.random.Generator) -> date:
    """One part of a date wrong: another day, another month, a year too few or too many, or day and month swapped."""
    day = min(born.day, 28)
    kinds = [born.replace(day=int(rng.integers(1, 29))), born.replace(month=int(rng.integers(1, 13)), day=day)]
    kinds += [born.replace(year=born.year + step, day=day) for step in (-1, 1)]
    if born.day <= 12:
        kinds.append(born.replace(month=born.day, day=born.month))
    return kinds[int(rng.integers(len(kinds)))]


def _register(name: str, frame: pd.DataFrame) -> Register:
    columns = tuple(Column(field, kind, field, identifier=field in IDENTIFIERS) for field, kind in FIELDS.items())
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", columns)
    return Register(codebook, frame, source_sha256=name)
