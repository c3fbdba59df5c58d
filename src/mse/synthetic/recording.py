"""How an agency writes a person down: other spellings, typing errors, missing fields, aliases, local codes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from mse.synthetic.identities import age_group, origins
from mse.synthetic.population import read_packaged

__all__ = ["Quality", "attributes_missing", "misspelt", "mistyped", "quality_of", "write_down"]

IDENTIFYING = (
    "given_name",
    "family_name",
    "alias",
    "birth_date",
    "birth_year",
    "nationality",
    "fnr",
    "d_number",
    "duf",
    "local_id",
)
NEIGHBOURS: Mapping[str, str] = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
LATEST_ADULT_AGE = 75
SECOND_SPELLING = 0.3  # chance that a name spelt otherwise is so in two places
ALIAS_WRITTEN = 0.7
FAMILY_FIRST_SWAPS = 6  # how many times likelier the columns are swapped where the family name is said first


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a list is kept: the chance, for each row, of what goes wrong."""

    typing_error: float
    other_spelling: float
    swapped_names: float
    initials: float
    known_by_alias: float
    new_years_day: float
    day_and_month_swapped: float
    wrong_digit: float
    missing: Mapping[str, float]


@cache
def quality_of(name: str) -> Quality:
    """One of the qualities in `styles.toml`: authority, shelter or outreach."""
    return Quality(**read_packaged("styles.toml")["quality"][name])


@cache
def attributes_missing() -> Mapping[str, float]:
    """The chance that an attribute which no published count rests on is left out, by field."""
    return dict(read_packaged("styles.toml")["quality"]["attributes_missing"])


def write_down(
    person: Mapping[str, str],
    fields: tuple[str, ...],
    attributes: Mapping[str, str],
    quality: Quality,
    *,
    year: int,
    rng: np.random.Generator,
) -> dict[str, str]:
    """One row of a list, with common categories still in place of local codes.

    Parameters
    ----------
    person : mapping
        The person's true identity and traits.
    fields : tuple of str
        The fields that the list has.
    attributes : mapping
        Values that the list states as they are (form, region, sex, state ...), by field.
    quality : Quality
    year : int
    rng : Generator
    """
    written = {**_names(person, fields, quality, rng), **_numbers(person, quality, rng)}
    written |= _birth(person, quality, year, rng)
    written["nationality"] = person["nationality"]
    row = {}
    for field in fields:
        value = attributes.get(field, written.get(field, person.get(field, "")))
        if field == "age_group":
            value = age_group(person["birth_date"], on=date(year, 7, 1))
        chance = (quality.missing if field in IDENTIFYING else attributes_missing()).get(field, 0.0)
        row[field] = "" if field not in attributes and rng.random() < chance else value
    return row


def misspelt(name: str, rules: tuple[tuple[str, str], ...], rng: np.random.Generator) -> str:
    """The name in another spelling that its country of origin allows; unchanged where no rule applies."""
    usable = [(old, new) for old, new in rules if old in name]
    if not usable:
        return name
    old, new = usable[int(rng.integers(len(usable)))]
    return name.replace(old, new, 1)


def mistyped(name: str, rng: np.random.Generator) -> str:
    """The name with one letter left out, doubled, swapped with the next, or replaced by one beside it on the keys."""
    if len(name) < 3:
        return name
    place = int(rng.integers(1, len(name) - 1))
    letter = name[place]
    if not letter.isalpha():
        return name
    typed: tuple[Callable[[], str], ...] = (
        lambda: name[:place] + name[place + 1 :],
        lambda: name[:place] + letter + name[place:],
        lambda: name[:place] + name[place + 1] + letter + name[place + 2 :],
        lambda: name[:place] + _beside(letter, rng) + name[place + 1 :],
    )
    return typed[int(rng.integers(len(typed)))]()


def _beside(letter: str, rng: np.random.Generator) -> str:
    near = NEIGHBOURS.get(letter.lower(), letter)
    return near[int(rng.integers(len(near)))]


def _names(
    person: Mapping[str, str], fields: tuple[str, ...], quality: Quality, rng: np.random.Generator
) -> dict[str, str]:
    origin = origins()[person["nationality"]]
    given, family, alias = person["given_name"], person["family_name"], person["alias"]

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance)

    names = []
    for name in (given, family):
        if happens(quality.other_spelling):
            name = misspelt(name, origin.rules, rng)
            if rng.random() < SECOND_SPELLING:
                name = misspelt(name, origin.rules, rng)
        if happens(quality.typing_error):
            name = mistyped(name, rng)
        names.append(name)
    given, family = names
    if " " in family and rng.random() < 0.5:
        family = family.split()[0]
    by_alias, initial = happens(quality.known_by_alias), happens(quality.initials)
    if alias and by_alias and "alias" not in fields:
        given, family = alias, ""
    elif initial:
        given = f"{given[0]}."
    if happens(quality.swapped_names * (FAMILY_FIRST_SWAPS if origin.style == "family_first" else 1)):
        given, family = family, given
    shown = alias if rng.random() < ALIAS_WRITTEN else ""
    return {"given_name": given, "family_name": family, "alias": shown}


def _birth(person: Mapping[str, str], quality: Quality, year: int, rng: np.random.Generator) -> dict[str, str]:
    born = date.fromisoformat(person["birth_date"])
    luck = rng.random(4)
    if luck[0] < quality.new_years_day:
        written = date(born.year, 1, 1)
    elif luck[1] < quality.day_and_month_swapped and born.day <= 12:
        written = date(born.year, born.day, born.month)
    elif luck[2] < quality.typing_error:
        written = _other_date(born, year, rng)
    else:
        written = born
    typed_year = born.year
    if luck[3] < quality.typing_error:
        typed_year = _other_date(date(born.year, 1, 1), year, rng).year
    return {"birth_date": written.isoformat(), "birth_year": str(typed_year)}


def _other_date(born: date, year: int, rng: np.random.Generator) -> date:
    """A date with one part wrong; the person stays an adult."""
    day = min(born.day, 28)
    choices = [born.replace(year=born.year - 1, day=day), born.replace(year=born.year + 1, day=day)]
    choices += [born.replace(month=born.month % 12 + 1, day=day), born.replace(day=day % 28 + 1)]
    other = choices[int(rng.integers(len(choices)))]
    return other if 18 < year - other.year <= LATEST_ADULT_AGE or year - born.year < 19 else born


def _numbers(person: Mapping[str, str], quality: Quality, rng: np.random.Generator) -> dict[str, str]:
    """The numbers as typed. The digits of month and DUF year stay, so that no error makes a real number."""
    written = {}
    for field, first in (("fnr", 4), ("d_number", 4), ("duf", 4)):
        number = person[field]
        if number and rng.random() < quality.wrong_digit:
            place = int(rng.integers(first, len(number)))
            digit = str((int(number[place]) + int(rng.integers(1, 10))) % 10)
            number = number[:place] + digit + number[place + 1 :]
        written[field] = number
    return written
