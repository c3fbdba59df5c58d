"""Tokens: the normal forms of a person under a keyed hash, which only the holders of the key can make."""

import hmac
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.resources import files

from mse.pseudonyms.key import Key
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import Token, rules

__all__ = ["Tokenizer", "known_answer_digest"]

N_BYTES = 16  # 128 bits: two different values meet less than once in 10**25 among a million persons
JOIN = b"\x1f"  # stands in no normal form, so joined forms cannot be mistaken for one another


class Tokenizer:
    """HMAC-SHA-256 of normal forms, with one subkey for each token field.

    Parameters
    ----------
    key : Key
    tokens : iterable of Token
        The token columns to make, in their order.

    Examples
    --------
    >>> tokenizer = Tokenizer(Key("demo", bytes(range(32))), rules().tokens)
    >>> tokenizer.encode({"given_name": "Åse"}) == tokenizer.encode({"given_name": "AASE"})
    True
    """

    def __init__(self, key: Key, tokens: Iterable[Token]) -> None:
        self._key = key
        self._tokens = tuple(tokens)
        self._known: dict[tuple[str, bytes], str] = {}

    def __repr__(self) -> str:
        return f"Tokenizer({self._key!r}, {len(self._tokens)} tokens)"

    @cached_property
    def _subkeys(self) -> Mapping[str, bytes]:
        version = rules().version
        return {token.name: self._key.subkey("token", token.name, version=version) for token in self._tokens}

    def encode(self, person: Mapping[str, str]) -> tuple[str | None, ...]:
        """The token cells of one person, None where a form that the token needs is missing.

        Parameters
        ----------
        person : mapping of str to str
            Identifier fields to what was typed.
        """
        forms = {
            name: tuple(value.encode("ascii") for value in values) for name, values in normal_forms(person).items()
        }
        return tuple(self._cell(token, forms) for token in self._tokens)

    def _cell(self, token: Token, forms: Mapping[str, tuple[bytes, ...]]) -> str | None:
        if not all(form in forms for form in token.forms):
            return None
        if token.kind == "tokens":
            return "|".join(sorted(self._token(token.name, value) for form in token.forms for value in forms[form]))
        return self._token(token.name, JOIN.join(forms[form][0] for form in token.forms))

    def _token(self, name: str, value: bytes) -> str:
        known = self._known.get((name, value))
        if known is None:
            known = hmac.digest(self._subkeys[name], value, "sha256")[:N_BYTES].hex()
            self._known[name, value] = known
        return known


def known_answer_digest(key: Key) -> str:
    """Digest of the tokens of 50 fixed fake persons: equal for the same key, code and rules, and for nothing else.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    persons = json.loads(files("mse.pseudonyms").joinpath("known_answers.json").read_text("utf-8"))["persons"]
    tokenizer = Tokenizer(key, rules().tokens)
    lines = [",".join(cell or "" for cell in tokenizer.encode(person)) for person in persons]
    subkey = key.subkey("known answers", "all", version=rules().version)
    return hmac.digest(subkey, "\n".join([rules().digest, *lines]).encode("ascii"), "sha256").hex()
