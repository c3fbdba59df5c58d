"""Tokens: the normal forms of a person under a keyed hash, which only the holders of the key can make."""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from mse.pseudonyms.key import Key
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import Token, rules

__all__ = ["known_answer_digest", "token_columns"]

N_BYTES = 16  # 128 bits: two different values meet less than once in 10**25 among a million persons
JOIN = "\x1f"  # stands in no normal form, so joined forms cannot be mistaken for one another


def token_columns(
    persons: Sequence[Mapping[str, str]], tokens: Iterable[Token], *, key: Key
) -> dict[str, list[str | None]]:
    """HMAC-SHA-256 of the normal forms of persons, with one subkey for each token.

    Parameters
    ----------
    persons : sequence of mappings of str to str
        The normal forms of each person.
    tokens : iterable of Token
    key : Key

    Returns
    -------
    dict of str to list of length n_persons
        For each token its cells: 32 hexadecimal digits, several in ascending order joined by ``|``, or None where a
        form that the token needs is missing.

    Examples
    --------
    >>> persons = [normal_forms({"given_name": name}) for name in ("Åse", "AASE", "?")]
    >>> cells = token_columns(persons, rules().tokens, key=Key("demo", bytes(range(32))))
    >>> len(set(cells["given_name"][:2])), cells["given_name"][2]
    (1, None)
    """
    return {token.name: _column(token, persons, key) for token in tokens}


def _column(token: Token, persons: Iterable[Mapping[str, str]], key: Key) -> list[str | None]:
    hashed = _Hashed(key.subkey("token", token.name, version=rules().version))
    if len(token.forms) == 1:
        values = [forms.get(token.forms[0]) for forms in persons]
    else:
        cells = [[forms.get(form) for form in token.forms] for forms in persons]
        values = [None if None in parts else JOIN.join(filter(None, parts)) for parts in cells]
    if token.kind == "tokens":
        return [value and "|".join(sorted(hashed[word] for word in value.split(" "))) for value in values]
    return [value and hashed[value] for value in values]


class _Hashed(dict[str, str]):
    """Each value that was asked for, and its token."""

    def __init__(self, subkey: bytes) -> None:
        super().__init__()
        self._keyed = hmac.new(subkey, digestmod="sha256")

    def __repr__(self) -> str:
        return f"{len(self)} tokens"

    def __missing__(self, value: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(value.encode("ascii"))
        token = self[value] = keyed.hexdigest()[: 2 * N_BYTES]
        return token


def known_answer_digest(key: Key) -> str:
    """Digest of the tokens of 50 fixed fake persons: equal for the same key, code and rules, and for nothing else.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    persons = json.loads(files("mse.pseudonyms").joinpath("known_answers.json").read_text("utf-8"))["persons"]
    columns = token_columns([normal_forms(person) for person in persons], rules().tokens, key=key)
    lines = [",".join(cell or "" for cell in cells) for cells in zip(*columns.values(), strict=True)]
    subkey = key.subkey("known answers", "all", version=rules().version)
    return hmac.digest(subkey, "\n".join([rules().digest, *lines]).encode("ascii"), "sha256").hex()
