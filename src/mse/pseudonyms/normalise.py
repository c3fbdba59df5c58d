"""Normal forms: what two agencies typed differently for one person becomes the same text, or is missing.

Everything here follows tables in `rules.json` and `transliteration.json`, so that the offline page can do the same.
A value that cannot be trusted (an unknown character, a placeholder such as "ukjent", a number of the wrong form) is
missing: a missing value says nothing, while a wrong one would say that two records are two persons.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from itertools import chain, combinations

from mse.identifiers import is_duf, kind_of_identifier
from mse.pseudonyms.rules import UNKNOWN, rules

__all__ = [
    "Forms",
    "aliases",
    "birth_date",
    "birth_year",
    "digits",
    "duf",
    "identity_number",
    "joined",
    "name_forms",
    "name_words",
    "normal_forms",
    "phone",
    "skeleton",
]

ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
YEAR = re.compile(r"([0-9]{4})(\.0+)?")
Words = tuple[str, ...]
Forms = dict[str, tuple[str, ...]]


@lru_cache(maxsize=1 << 16)
def name_words(text: str) -> tuple[str, ...]:
    """The words of a name in lower-case ASCII letters, the Norwegian letters folded both ways.

    Parameters
    ----------
    text : str
        As typed, in any script.

    Returns
    -------
    tuple of str
        Empty when the name is missing: nothing typed, a placeholder, or a character that cannot be read, such as
        the question mark that an old code page leaves for a Norwegian letter.

    Examples
    --------
    >>> name_words("Håkon-Øystein"), name_words("HAAKON OEYSTEIN")
    (('hakon', 'oystein'), ('hakon', 'oystein'))
    >>> name_words("Bj?rn")
    ()
    """
    table = rules().tables["names"]
    # What is not in the table is missing before it is composed too: which compositions there are depends on the
    # Unicode version of whoever composes.
    if len(text) > table["longest"] or UNKNOWN in text.translate(rules().letters):
        return ()
    letters = unicodedata.normalize("NFC", text).translate(rules().letters)
    if UNKNOWN in letters:
        return ()
    folded = tuple(_folded(word) for word in letters.split(" ") if word)
    whole = joined(folded)
    return () if len(whole) < table["shortest"] or whole in _placeholders() else folded


@lru_cache(maxsize=1 << 16)
def joined(words: tuple[str, ...]) -> str:
    """The words of a name as one, so that "Anne-Lise", "Anne Lise" and "Annelise" are the same."""
    return _folded("".join(words))


@lru_cache(maxsize=1 << 16)
def skeleton(words: tuple[str, ...]) -> str:
    """The consonants that survive most ways of writing a name in Latin letters; empty for no words.

    A name of which less than two letters would be left stands as it is: one letter is no name.

    Examples
    --------
    >>> {skeleton(name_words(name)) for name in ("Mohammed", "Muhamad", "Mahamed", "محمد")}
    {'mmd'}
    >>> {skeleton(name_words(name)) for name in ("Володимир", "Volodymyr", "Wladimir")}
    {'fldmr'}
    """
    table = rules().tables["skeleton"]
    text = joined(words)
    if not text:
        return ""
    for old, new in table["replace"]:
        text = text.replace(old, new)
    text = re.sub(r"(.)\1+", r"\1", text)
    first = table["initial"] if text[0] in table["silent"] else text[0]
    left = first + "".join(letter for letter in text[1:] if letter not in table["silent"])
    return left if len(left) >= table["shortest"] else joined(words)


def aliases(text: str) -> tuple[tuple[str, ...], ...]:
    """The words of each alias in a cell; several aliases are separated by one of `;|/,`."""
    parts = _split(text, rules().tables["names"]["alias_separators"])
    return tuple(words for words in map(name_words, parts) if words)


@lru_cache(maxsize=1 << 16)
def birth_date(text: str) -> date | None:
    """An ISO date of birth within the years that can be; anything else is missing."""
    found = ISO_DATE.fullmatch(_stripped(text))
    if found is None:
        return None
    limits = rules().tables["birth"]
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        return None
    return day if limits["earliest"] <= day.year <= limits["latest"] else None


def birth_year(text: str) -> str:
    """A year of birth as four digits, or empty when missing."""
    found = YEAR.fullmatch(_stripped(text))
    limits = rules().tables["birth"]
    return found[1] if found and limits["earliest"] <= int(found[1]) <= limits["latest"] else ""


def digits(text: str) -> str:
    """The digits of a number typed with blanks, points or dashes; empty when anything else stands in it."""
    kept = text.translate(_separators())
    return kept if kept.isascii() and kept.isdigit() else ""


def duf(text: str) -> str:
    """A DUF number, real or synthetic; only its form can be checked."""
    found = digits(text)
    return found if is_duf(found) or is_duf(found, rule="synthetic") else ""


@lru_cache(maxsize=1 << 16)
def identity_number(text: str) -> tuple[str, str] | None:
    """A fodselsnummer or D-number: which of the two it is, and its 11 digits; None when it cannot be one.

    The check digits may follow today's rule or the one from 2032, and the number may be of the Tax Administration's
    synthetic series. A leading zero that a spreadsheet dropped is put back.

    Examples
    --------
    >>> identity_number("179120 99997"), identity_number("579120-75186"), identity_number("17912099998")
    (('fnr', '17912099997'), ('d_number', '57912075186'), None)
    """
    found = digits(text)
    found = f"0{found}" if len(found) == 10 else found
    kind = kind_of_identifier(found) if len(found) == 11 else None
    return None if kind is None else (kind.removeprefix("synthetic_"), found)


def phone(text: str) -> str:
    """A telephone number as digits, a Norwegian one without its country code; missing when it cannot be one."""
    if not text:
        return ""
    table = rules().tables["numbers"]["phone"]
    typed = _stripped(text)
    plus = typed.startswith("+")
    found = digits(typed.removeprefix("+").replace("(", "").replace(")", ""))
    if found.startswith("00"):
        found, plus = found[2:], True
    country, national = table["country"], table["national"]
    if found.startswith(country) and len(found) == len(country) + national:
        found, plus = found[len(country) :], False
    fits = table["shortest"] <= len(found) <= table["longest"] and len(set(found)) > 1
    return f"+{found}" if fits and plus else found if fits else ""


def normal_forms(person: Mapping[str, str], *, wanted: Container[str] | None = None) -> Forms:
    """The normal forms of one person, by the name of the form.

    Parameters
    ----------
    person : mapping of str to str
        Identifier fields to what was typed; a missing field is absent. Several aliases or numbers stand in one cell,
        separated.
    wanted : container of str, optional
        Forms that are needed; those of names that are not among them may be left out, which saves time.

    Returns
    -------
    dict of str to tuple of str
        Only forms that are not missing; one value, or several different ones.

    Notes
    -----
    A date of birth on 1 January counts as a year only: it is what registers hold for persons whose date is unknown.
    Nothing is derived from the digits of a D-number, which may hold the day of registration.

    Examples
    --------
    >>> forms = normal_forms({"given_name": "Åse", "family_name": "Østbye", "birth_date": "1990-01-01"})
    >>> forms["names"], forms["skeletons"], forms["birth_years"], "birth_date" in forms
    (('ase ostbye',), ('as astb',), ('1989-1990', '1990-1991'), False)
    """
    forms = name_forms(
        name_words(person.get("given_name", "")),
        name_words(person.get("family_name", "")),
        aliases(person["alias"]) if "alias" in person else (),
        wanted=rules().forms if wanted is None else wanted,
    )
    forms.update(_birth_forms(birth_date(person.get("birth_date", "")), birth_year(person.get("birth_year", ""))))
    if "fnr" in person or "d_number" in person:
        forms |= _identity_numbers(f"{person.get('d_number', '')};{person.get('fnr', '')}")
    for field, read in (("duf", duf), ("phone", phone)):
        if field in person:
            found = _distinct(map(read, _split(person[field], rules().tables["numbers"]["several"])))
            if found:
                forms[field] = found
    return forms


def name_forms(given: Words, family: Words, others: tuple[Words, ...], *, wanted: Container[str]) -> Forms:
    """The forms of the names of one person that are not missing; those that are not wanted may be left out.

    What depends on one name is remembered, by what is called here; what depends on two hardly ever comes again.

    Parameters
    ----------
    given, family : tuple of str
        From `name_words`.
    others : tuple of tuple of str
        From `aliases`.
    wanted : container of str
    """
    names = [name for name in (given, family, *others) if name]
    forms: Forms = {}
    if given and family:
        forms["names"] = (" ".join(sorted({*given, *family})),)
        if "skeletons" in wanted:
            one, other = skeleton(given), skeleton(family)
            forms["skeletons"] = (f"{one} {other}" if one <= other else f"{other} {one}",)
    is_paired = "slips" in wanted or "pairs" in wanted
    if is_paired or "word_skeletons" in wanted:
        forms |= _part_forms(names, is_paired=is_paired)
    if "given" in wanted or "family" in wanted or "aliases" in wanted:
        single = {"given": (joined(given),), "family": (joined(family),), "aliases": _distinct(map(joined, others))}
        forms.update((form, values) for form, values in single.items() if any(values))
    if "words" in wanted:
        words = _distinct([word for name in names for word in _long(name)])
        if words:
            forms["words"] = words
    return forms


def _part_forms(names: list[Words], *, is_paired: bool) -> Forms:
    """The forms of the parts of names, alone and two by two."""
    parts = [(number, *part) for number, name in enumerate(names) for part in _parts(name)]
    del parts[rules().tables["names"]["most_words"] :]
    if not parts:
        return {}
    forms: Forms = {"word_skeletons": _distinct([text for _, _, text in parts])}
    if is_paired:
        pairs = _distinct(_pairs(parts))
        if pairs:
            forms["pairs"] = pairs
            forms["slips"] = _slips(pairs[0]) if len(pairs) == 1 else _distinct(chain.from_iterable(map(_slips, pairs)))
    return forms


@lru_cache(maxsize=1 << 16)
def _parts(name: Words) -> tuple[tuple[bool, str], ...]:
    """What may stand for a name in a key: each of its words, and all of them as one.

    For each part whether it is the whole of a name of several words, and its skeleton. Particles such as "al" and
    "van" stand alone only in names that have no other word.
    """
    long = _long(name)
    telling = [word for word in long if word not in _particles()] or long
    parts = [(False, skeleton((word,))) for word in telling]
    return (*parts, (True, skeleton(name))) if len(name) > 1 else tuple(parts)


@lru_cache(maxsize=1 << 16)
def _long(name: Words) -> Words:
    """The words of a name that are long enough to be looked at alone."""
    shortest = rules().tables["names"]["shortest"]
    return tuple(word for word in name if len(word) >= shortest)


def _pairs(parts: list[tuple[int, bool, str]]) -> Iterator[str]:
    """Two different parts, in alphabetical order, of two names.

    Only where all of a person stands in one name do two words of it make a pair: a double given name is no two names.
    """
    alone = len({number for number, _, _ in parts}) == 1
    for (first, whole, one), (second, other_whole, other) in combinations(parts, 2):
        if one != other and (first != second or (alone and not (whole or other_whole))):
            yield " ".join(sorted((one, other)))


@lru_cache(maxsize=1 << 15)
def _slips(pair: str) -> tuple[str, ...]:
    """A pair as it stands, and with one letter left out of one of the two."""
    one, other = pair.split(" ")
    found = {f"{one} {left}" if one <= left else f"{left} {one}" for left in _shortened(other)}
    found.update([f"{other} {left}" if other <= left else f"{left} {other}" for left in _shortened(one)])
    found.add(pair)
    return tuple(sorted(found))


@lru_cache(maxsize=1 << 16)
def _shortened(word: str) -> tuple[str, ...]:
    """A word with one letter left out, in all ways; none of a word that is too short."""
    if len(word) < rules().tables["names"]["slip_shortest"]:
        return ()
    return tuple(word[:place] + word[place + 1 :] for place in range(len(word)))


@lru_cache(maxsize=1 << 16)
def _birth_forms(day: date | None, year: str) -> Mapping[str, tuple[str, ...]]:
    """The forms of the birth of one person, from the full date where there is one."""
    year = year if day is None else f"{day.year:04}"
    if not year:
        return {}
    number = int(year)
    digits_of_year = [f"1:{year[2]}", f"2:{year[3]}"]
    forms = {
        "birth_year": (year,),
        "birth_years": (f"{number - 1:04}-{year}", f"{year}-{number + 1:04}"),
        "birth_parts": _distinct([f"y:{year}", *digits_of_year]),
    }
    if day is None or f"{day:%m-%d}" in rules().tables["birth"]["year_only"]:
        return forms
    low, high = sorted((day.month, day.day))
    month_day = f"{day.month:02}-{day.day:02}"
    positions = [f"{place}:{digit}" for place, digit in enumerate(month_day.replace("-", ""), 3)]
    return forms | {
        "birth_date": (f"{year}-{month_day}",),
        "month_day": (month_day,),
        "birth_parts": _distinct([f"y:{year}", *digits_of_year, *positions, f"o:{low:02}-{high:02}"]),
    }


def _identity_numbers(typed: str) -> Forms:
    """The numbers by their kind: one typed into the column of the other counts as what it is."""
    found: dict[str, list[str]] = {"d_number": [], "fnr": []}
    for part in _split(typed, rules().tables["numbers"]["several"]):
        number = identity_number(part)
        if number is not None:
            found[number[0]].append(number[1])
    return {kind: _distinct(numbers) for kind, numbers in found.items() if numbers}


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    """The values that are not empty, each once, in the order of their code points."""
    several = {*values}
    several.discard("")
    return tuple(sorted(several) if len(several) > 1 else several)


def _split(text: str, separators: str) -> list[str]:
    """The parts of a cell between any of the separators."""
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return text.split(separators[0]) if text else []


def _stripped(text: str) -> str:
    return text.strip(rules().tables["blanks"])


def _folded(word: str) -> str:
    """Norwegian letters written with two letters, folded until nothing changes."""
    digraphs = rules().tables["names"]["digraphs"]
    before = ""
    while word != before:
        before = word
        for pair, letter in digraphs:
            word = word.replace(pair, letter)
    return word


@cache
def _separators() -> dict[int, None]:
    return dict.fromkeys(map(ord, rules().tables["numbers"]["separators"]))


@cache
def _particles() -> frozenset[str]:
    return frozenset(rules().tables["names"]["particles"])


@cache
def _placeholders() -> frozenset[str]:
    return frozenset(_folded(name.replace(" ", "")) for name in rules().tables["names"]["placeholders"])
