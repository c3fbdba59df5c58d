"""The normalisation rules, read from the two rule files that the package and the offline page share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from mse.pseudonyms.header import TokenField

__all__ = ["UNKNOWN", "Form", "Letters", "Rules", "Token", "rules"]

UNKNOWN = "\ufffd"
MEANING = {"_": "", "-": " "}
RULE_FILES = ("rules.json", "transliteration.json")


@dataclass(frozen=True, slots=True)
class Form:
    """One normal form: the fields it is made of, and whether it needs all of them or any."""

    fields: tuple[str, ...]
    needs_all: bool

    def is_in(self, present: frozenset[str]) -> bool:
        """Whether a list with these fields can have the form."""
        return (all if self.needs_all else any)(field in present for field in self.fields)


@dataclass(frozen=True, slots=True)
class Token:
    """One column of an encoded list: the normal forms that are hashed together, and how.

    Attributes
    ----------
    name, kind : str
        ``token`` (one value of each form), ``tokens`` (all combinations of their values), ``bloom`` (one filter of one
        form) or ``blooms`` (a filter for each value of it).
    forms : tuple of str
    encodings : tuple of str
        The encodings that have the column.
    hashed_as : str
        Name in the subkey: filters of one name can be compared with each other.
    grams : str
        What enters a filter: the ``bigrams`` of each value, or the ``values`` themselves; empty for tokens.
    """

    name: str
    kind: str
    forms: tuple[str, ...]
    encodings: tuple[str, ...]
    hashed_as: str
    grams: str


class Letters(dict[int, str]):
    """A table for `str.translate` in which a code point that is not listed is unknown."""

    def __missing__(self, point: int) -> str:
        return UNKNOWN


@dataclass(frozen=True)
class Rules:
    """All that decides what is hashed.

    Attributes
    ----------
    version : str
        Raised whenever a rule changes; part of what every subkey is made from.
    digest : str
        SHA-256 of both rule files as one canonical text, so that a change without a new version is seen too.
    letters : Letters
        A code point to its lower-case ASCII letters, a blank for the end of a word, nothing for what is not a letter.
    tables : mapping
        The remaining tables of `rules.json`: names, skeleton, birth, numbers, hashing, bloom.
    forms : mapping of str to Form
    tokens : tuple of Token
    """

    version: str
    digest: str
    letters: Letters
    tables: Mapping[str, Any]
    forms: Mapping[str, Form]
    tokens: tuple[Token, ...]

    def token_field(self, token: Token) -> TokenField:
        """What the header says of a token: its name, its kind, and the fields it is made of."""
        of = dict.fromkeys(field for form in token.forms for field in self.forms[form].fields)
        return TokenField(token.name, token.kind, tuple(of))

    def tokens_of(self, fields: frozenset[str], *, encoding: str) -> tuple[Token, ...]:
        """The columns that a list with these fields has in an encoding, in their fixed order."""
        return tuple(
            token
            for token in self.tokens
            if encoding in token.encodings and all(self.forms[form].is_in(fields) for form in token.forms)
        )


@cache
def rules() -> Rules:
    """The rules of this version of the package.

    Examples
    --------
    >>> rules().version
    '2'
    >>> [token.name for token in rules().tokens_of(frozenset({"given_name", "birth_year"}), encoding="bloom")]
    ['bloom_given_name', 'bloom_birth']
    """
    folder = files("mse.pseudonyms")
    parsed = [json.loads(folder.joinpath(name).read_text("utf-8")) for name in RULE_FILES]
    return rules_from(*parsed)


def rules_from(tables: Mapping[str, Any], transliteration: Mapping[str, Any]) -> Rules:
    """Build the rules from the content of the two rule files."""
    canonical = json.dumps([tables, transliteration["runs"]], sort_keys=True, separators=(",", ":"))
    letters = Letters(
        (int(first, 16) + i, MEANING.get(found, found))
        for first, run in transliteration["runs"].items()
        for i, found in enumerate(run.split(" "))
    )
    letters.update({ord(letter): found for letter, found in tables["names"]["letters"].items()})
    forms = {
        name: Form(tuple(form.get("all_of") or form["any_of"]), "all_of" in form)
        for name, form in tables["forms"].items()
    }
    return Rules(
        tables["version"],
        hashlib.sha256(canonical.encode("ascii")).hexdigest(),
        letters,
        MappingProxyType(dict(tables)),
        MappingProxyType(forms),
        tuple(_token(about) for about in tables["tokens"]),
    )


def _token(about: Mapping[str, Any]) -> Token:
    return Token(
        about["name"],
        about["kind"],
        tuple(about["forms"]),
        tuple(about["encodings"]),
        about.get("hashed_as", about["name"]),
        about.get("grams", ""),
    )
