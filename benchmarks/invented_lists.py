"""Lists of invented persons by the million: a fast error channel for measuring speed, not for judging linkage."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.registers import Codebook, Column, Register

__all__ = ["invented_registers"]

KINDS = {
    **{"given_name": "name", "family_name": "name", "birth_date": "date"},
    **{"sex": "category", "nationality": "category"},
}
N_ORIGINS, N_GIVEN, N_FAMILY, ZIPF = 12, 3_000, 20_000, 0.8
SLIP, MISSING = 0.10, 0.10
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Texts = NDArray[np.object_]


def invented_registers(n_lists: int, list_size: int, *, n_persons: int, seed: int) -> list[Register]:
    """Registers that each hold `list_size` different persons of `n_persons`, with slips and missing values."""
    rng = np.random.default_rng(seed)
    origin = rng.choice(N_ORIGINS, n_persons, p=_zipf(N_ORIGINS))
    is_woman = rng.random(n_persons) < 0.6
    given = _names(N_GIVEN, 2, rng)[_by_origin(origin, is_woman, N_GIVEN, rng)]
    family = _names(N_FAMILY, 3, rng)[_by_origin(origin, np.zeros_like(is_woman), N_FAMILY, rng)]
    born = np.datetime64("1967-01-02") + rng.integers(365 * 35, size=n_persons)
    countries = np.array([a + b + c for a in "AB" for b in "CD" for c in "EFG"], object)
    registers = []
    for number in range(n_lists):
        own = rng.choice(n_persons, list_size, replace=False)
        cells = {
            "given_name": _slipped(given[own], rng),
            "family_name": _slipped(family[own], rng),
            "birth_date": _other_days(born[own], rng).astype(str).astype(object),
            "sex": np.where(is_woman[own], "woman", "man").astype(object),
            "nationality": countries[origin[own]],
        }
        for column in cells.values():
            column[rng.random(list_size) < MISSING] = None
        frame = pd.DataFrame(cells, index=range(1, list_size + 1)).astype("str")
        registers.append(_register(f"list-{number + 1}", frame))
    return registers


def _zipf(n: int) -> NDArray[np.float64]:
    weight = np.arange(1, n + 1) ** -ZIPF
    return np.asarray(weight / weight.sum())


def _names(n: int, n_syllables: int, rng: np.random.Generator) -> Texts:
    syllables = np.array([first + second for first in "bdfgklmnprstvz" for second in "aeiou"])
    names: dict[str, None] = {}
    while len(names) < n:
        drawn = rng.choice(syllables, (n, n_syllables))
        ends = rng.choice(["", "n", "r", "s", "k"], n)
        names |= dict.fromkeys("".join(own).capitalize() + end for own, end in zip(drawn, ends, strict=True))
    return np.array(list(names)[:n], object)


def _by_origin(
    origin: NDArray[np.int64], is_woman: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Places of names with a Zipf law, each origin (and sex) beginning at another place of the pool."""
    place = rng.choice(n, len(origin), p=_zipf(n))
    return np.asarray((place + (origin * 2 + is_woman) * (n // (2 * N_ORIGINS))) % n)


def _slipped(names: Texts, rng: np.random.Generator) -> Texts:
    """One letter of some names left out, put in, replaced, or changed with the next one."""
    names = names.copy()
    for row in np.flatnonzero(rng.random(len(names)) < SLIP):
        name = names[row]
        place, kind, letter = int(rng.integers(1, len(name) - 1)), int(rng.integers(4)), LETTERS[rng.integers(26)]
        middle = ("", letter + name[place], letter, name[place + 1] + name[place])[kind]
        names[row] = name[:place] + middle + name[place + 1 + (kind == 3) :]
    return names


def _other_days(born: NDArray[np.datetime64], rng: np.random.Generator) -> NDArray[np.datetime64]:
    """Some dates a day, a month or a year off, and some on 1 January."""
    step = rng.choice([0, 1, 31, 365], len(born), p=[1 - SLIP, *[SLIP / 3] * 3]) * rng.choice([-1, 1], len(born))
    born = born + step
    return np.where(rng.random(len(born)) < 0.10, born.astype("datetime64[Y]").astype("datetime64[D]"), born)


def _register(name: str, frame: pd.DataFrame) -> Register:
    columns = tuple(Column(field, kind, field, identifier=field != "sex") for field, kind in KINDS.items())
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", columns)
    return Register(codebook, frame, source_sha256=name)
