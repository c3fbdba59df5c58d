"""Normal forms: what two agencies typed differently for one person becomes the same text, or is missing.

Everything here follows tables in `rules.json` and `transliteration.json`, so that the offline page can do the same.
A value that cannot be trusted (an unknown character, a placeholder such as "ukjent", a number of the wrong form) is
missing: a missing value says nothing, while a wrong one would say that two records are two persons.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache

from mse.identifiers import is_duf, kind_of_identifier
from mse.pseudonyms.rules import UNKNOWN, rules

__all__ = [
    "aliases",
    "birth_date",
    "birth_year",
    "digits",
    "duf",
    "identity_number",
    "joined",
    "name_words",
    "normal_forms",
    "phone",
    "skeleton",
]

ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
YEAR = re.compile(r"([0-9]{4})(\.0+)?")


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
    if len(text) > table["longest"]:
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
    return first + "".join(letter for letter in text[1:] if letter not in table["silent"])


def aliases(text: str) -> tuple[tuple[str, ...], ...]:
    """The words of each alias in a cell; several aliases are separated by one of `;|/,`."""
    if not text:
        return ()
    separators = rules().tables["names"]["alias_separators"]
    parts = re.split(f"[{re.escape(separators)}]", text)
    return tuple(words for words in map(name_words, parts) if words)


@lru_cache(maxsize=1 << 16)
def birth_date(text: str) -> date | None:
    """An ISO date of birth within the years that can be; anything else is missing."""
    found = ISO_DATE.fullmatch(text.strip())
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
    found = YEAR.fullmatch(text.strip())
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
    plus = text.strip().startswith("+")
    found = digits(text.strip().removeprefix("+").replace("(", "").replace(")", ""))
    if found.startswith("00"):
        found, plus = found[2:], True
    country, national = table["country"], table["national"]
    if found.startswith(country) and len(found) == len(country) + national:
        found, plus = found[len(country) :], False
    fits = table["shortest"] <= len(found) <= table["longest"] and len(set(found)) > 1
    return f"+{found}" if fits and plus else found if fits else ""


def normal_forms(person: Mapping[str, str]) -> dict[str, str]:
    """All normal forms of one person, by the name of the form; several words stand with a blank between them.

    Parameters
    ----------
    person : mapping of str to str
        Identifier fields to what was typed; a missing field is absent. Several aliases stand in ``alias``, separated.

    Returns
    -------
    dict of str to str
        Only forms that are not missing.

    Notes
    -----
    A date of birth on 1 January counts as a year only: it is what registers hold for persons whose date is unknown.
    Nothing is derived from the digits of a D-number, which may hold the day of registration.

    Examples
    --------
    >>> normal_forms({"given_name": "Åse", "birth_date": "1990-01-01"})["birth_year"]
    '1990'
    """
    given, family = name_words(person.get("given_name", "")), name_words(person.get("family_name", ""))
    one = {
        "given": joined(given),
        "given_skeleton": skeleton(given),
        "family": joined(family),
        "family_skeleton": skeleton(family),
        "nationality": joined(name_words(person.get("nationality", ""))),
        "duf": duf(person.get("duf", "")),
        "phone": phone(person.get("phone", "")),
        **_birth(person),
    }
    if given and family:
        one["names"] = " ".join(sorted({*given, *family}))
        one["skeletons"] = " ".join(sorted((one["given_skeleton"], one["family_skeleton"])))
        one["first_skeletons"] = " ".join(sorted((skeleton(given[:1]), skeleton(family[:1]))))
        one["initials"] = " ".join(sorted((given[0][0], family[0][0])))
    for field in ("d_number", "fnr"):  # one typed into the column of the other counts as what it is
        number = identity_number(person[field]) if field in person else None
        if number is not None:
            one[number[0]] = number[1]
    one["words"] = _distinct_words([given, family, *aliases(person.get("alias", ""))])
    return {name: value for name, value in one.items() if value}


def _birth(person: Mapping[str, str]) -> dict[str, str]:
    day = birth_date(person.get("birth_date", ""))
    if day is None:
        return {"birth_year": birth_year(person.get("birth_year", ""))}
    year = {"birth_year": f"{day.year}"}
    if day.isoformat()[5:] in rules().tables["birth"]["year_only"]:
        return year
    low, high = sorted((day.month, day.day))
    return year | {"birth_date": day.isoformat(), "birth_date_any_order": f"{day.year}-{low:02}-{high:02}"}


def _distinct_words(names: Iterable[Sequence[str]]) -> str:
    shortest = rules().tables["names"]["shortest"]
    return " ".join(sorted({word for words in names for word in words if len(word) >= shortest}))


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
def _placeholders() -> frozenset[str]:
    return frozenset(_folded(name.replace(" ", "")) for name in rules().tables["names"]["placeholders"])
