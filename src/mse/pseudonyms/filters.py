"""Bloom filters of names and dates of birth: similar values keep similar filters, which only the key can make.

Each gram sets bits that one HMAC-SHA-256 of it chooses (random hashing), and further bits are flipped by a second
HMAC of the record, so that equal names do not have equal filters. All of it is arithmetic on whole numbers.
"""

import hmac
from collections.abc import Iterable
from functools import lru_cache

from mse.pseudonyms.rules import rules

__all__ = ["bigrams", "filter_of", "flipped"]

WORD = 2  # bytes of a digest that choose one bit


def bigrams(text: str) -> tuple[str, ...]:
    """The different pairs of neighbouring letters, the ends padded, in their order; no more than the rules allow.

    Examples
    --------
    >>> bigrams("anna")
    ('_a', 'an', 'nn', 'na', 'a_')
    """
    table = rules().tables["bloom"]
    padded = f"{table['pad']}{text}{table['pad']}"
    return tuple(dict.fromkeys(padded[i : i + 2] for i in range(len(padded) - 1)))[: table["most_grams"]]


def filter_of(grams: Iterable[str], *, subkey: bytes) -> int:
    """The filter as a whole number: bit 0 of the filter is the highest of the number.

    A gram sets the bits named by the first `hashes` big-endian 16-bit words of its HMAC-SHA-256, modulo `bits`.

    Examples
    --------
    >>> found = filter_of(bigrams("anna"), subkey=bytes(32))
    >>> found.bit_length() <= 512, 40 < found.bit_count() <= 60
    (True, True)
    """
    return _plain(tuple(grams), subkey)


def flipped(plain: int, *, name: str, subkey: bytes) -> str:
    """The filter with some bits flipped, as hexadecimal digits.

    The HMAC-SHA-256 of `name`, which is different for each filter, chooses the bits as in `filter_of`; a bit chosen
    twice is flipped back.

    Parameters
    ----------
    plain : int
        From `filter_of`.
    name : str
        Record and place of the filter, in ASCII.
    subkey : bytes

    Returns
    -------
    str
        A quarter as many digits as the filter has bits.
    """
    table = rules().tables["bloom"]
    for place in _places(hmac.digest(subkey, name.encode("ascii"), "sha256"), table["flips"]):
        plain ^= 1 << (table["bits"] - 1 - place)
    return f"{plain:0{table['bits'] // 4}x}"


@lru_cache(maxsize=1 << 14)
def _plain(grams: tuple[str, ...], subkey: bytes) -> int:
    """A filter before bits of it are flipped: many persons share a name or a birth."""
    found = 0
    for gram in grams:
        found |= _bits(gram, subkey)
    return found


@lru_cache(maxsize=1 << 14)
def _bits(gram: str, subkey: bytes) -> int:
    table = rules().tables["bloom"]
    found = 0
    for place in _places(hmac.digest(subkey, gram.encode("ascii"), "sha256"), table["hashes"]):
        found |= 1 << (table["bits"] - 1 - place)
    return found


def _places(digest: bytes, n: int) -> Iterable[int]:
    bits = rules().tables["bloom"]["bits"]
    return (int.from_bytes(digest[WORD * i : WORD * i + WORD], "big") % bits for i in range(n))
