"""Comparisons of field filters: names and birth in the Bloom filters of `mse.pseudonyms`, by their Dice similarity.

DuckDB compares the filters as eight whole numbers each. Lists that are too long for all their pairs are blocked on
samples of bits from two filters at a time (locality-sensitive hashing), the same bits for all records.
"""

from collections.abc import Container, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.linkage.comparison import SEX, Comparison, Level
from mse.linkage.conditions import WORDS, AtLeast, Both, Contained, Dice, Either, Known, Not, missing

__all__ = ["FILTERS", "filter_columns", "filter_comparisons"]

FILTERS = ("bloom_given_name", "bloom_family_name", "bloom_birth")
GIVEN, FAMILY, BIRTH = FILTERS
ALIAS = "bloom_alias"
MOST_ALIASES = 2
BITS_PER_WORD = 64
# Of equal values flipped bits leave a Dice of 0.78 (two letters) to 0.9; measured on the synthetic lists of 2020, see
# decisions/0016: above the first 0.1-0.5 % of pairs of two persons, above the last 1 %.
SAME, NEAR, SIMILAR = 0.77, 0.65, 0.55
SAME_DATE, ONE_SLIP, SAME_YEAR = 0.75, 0.60, 0.70
FEWEST_BITS_OF_A_DATE = 66  # a year alone sets at most 36 and flips 10 more; the eight parts of a date set 84 or more
ALL_PAIRS = 800  # records up to which every pair is compared
N_TABLES = 16
SAMPLED_WITH_SEED = 2026  # which bits block together; any seed does


def filter_columns(columns: pd.DataFrame) -> pd.DataFrame:
    """The columns with each filter as eight whole numbers and the number of its bits, and columns to block on.

    Parameters
    ----------
    columns : DataFrame, one row per record
        Filters as hexadecimal digits, several in a list; other columns are kept.
    """
    n_records = len(columns)
    filters = {name: columns[name] for name in FILTERS if name in columns}
    if ALIAS in columns:
        for place in range(MOST_ALIASES):
            filters[f"{ALIAS}_{place}"] = columns[ALIAS].map(
                lambda own, at=place: own[at] if isinstance(own, list) and len(own) > at else None
            )
    found = {name: columns[name] for name in columns if name not in (*FILTERS, ALIAS)}
    bits = {name: _bits(filters.get(name, pd.Series([None] * n_records))) for name in (*FILTERS, *_aliases())}
    for name, own in bits.items():
        words = np.packbits(own, axis=1).view(">u8").astype(np.int64)
        missing = ~own.any(axis=1)
        for place in range(WORDS):
            found[f"{name}_{place}"] = pd.Series(words[:, place], dtype="Int64").mask(missing)
        found[f"{name}_n"] = pd.Series(own.sum(axis=1), dtype="Int64").mask(missing)
    if n_records <= ALL_PAIRS:
        found["everyone"] = pd.Series(["all"] * n_records, dtype=object)
    else:
        found["alike"] = pd.Series(_bands(bits, n_records), dtype=object)
    return pd.DataFrame(found, index=range(n_records))


def filter_comparisons(columns: Container[str]) -> Iterator[Comparison]:
    """Given name, family name, and birth as a date or as a year.

    Parameters
    ----------
    columns : container of str
        From `filter_columns`.
    """
    blocks = tuple(name for name in ("everyone", "alike") if name in columns)
    swapped = Both(Dice(GIVEN, FAMILY, NEAR), Dice(FAMILY, GIVEN, NEAR), Not(Dice(GIVEN, GIVEN, SAME)))
    across = Either(Dice(GIVEN, FAMILY, SAME), Dice(FAMILY, GIVEN, SAME))
    one_across = Both(across, Not(Dice(FAMILY, FAMILY, SIMILAR)))
    alias = Either(*(Dice(one, other, SAME) for own in _aliases() for one, other in ((own, GIVEN), (GIVEN, own))))
    known_given, known_family = Known(f"{GIVEN}_n"), Known(f"{FAMILY}_n")
    an_alias = Level("an alias in common", alias, 0.02, 0.002, is_by_record=True)
    same, near = _same_or_near(GIVEN, 0.002)
    similar = Level("similar", Dice(GIVEN, GIVEN, SIMILAR), 0.06, 0.005, is_by_record=True)
    given = (
        same,
        Level("both names, swapped", swapped, 0.01, 1e-5),
        near,
        Level("one name in the column of the other", one_across, 0.01, 0.008, is_by_record=True),
        an_alias,
        similar,
    )
    incomplete = Either(Not(known_given), Not(known_family))
    of_given, of_family = (("region",), SEX), (("region",),)
    yield Comparison("given_name", given, incomplete, blocks, given=of_given)
    family = (
        *_same_or_near(FAMILY, 0.001),
        Level("similar", Dice(FAMILY, FAMILY, SIMILAR), 0.08, 0.003, is_by_record=True),
    )
    # As of plain names: see `mse.linkage.comparison.name_comparisons`.
    silent = Either(incomplete, swapped, Both(one_across, Not(Dice(GIVEN, GIVEN, NEAR))))
    yield Comparison("family_name", family, silent, blocks, given=of_family, beside=("given_name",))
    in_the_other = Level("in the column of the other", across, 0.01, 0.008, is_by_record=True)
    alone = (same, near, in_the_other, an_alias, similar)
    silent = Either(Not(known_given), known_family)
    yield Comparison("given_name_alone", alone, silent, given=of_given, field="given_name")
    silent = Either(Not(known_family), known_given)
    family_alone = (*family[:2], in_the_other, family[-1])
    yield Comparison(
        "family_name_alone", family_alone, silent, given=of_family, beside=("given_name",), field="family_name"
    )
    dated = AtLeast(f"{BIRTH}_n", FEWEST_BITS_OF_A_DATE)
    date = (
        Level("same date", Dice(BIRTH, BIRTH, SAME_DATE), 0.84, 1e-4, is_by_record=True),
        Level("one slip away", Dice(BIRTH, BIRTH, ONE_SLIP), 0.13, 0.005),
    )
    yield Comparison("birth_date", date, Not(dated), blocks, field="birth")
    year = (Level("same year", Contained(BIRTH, SAME_YEAR), 0.92, 0.04),)
    yield Comparison("birth_year", year, Either(missing(f"{BIRTH}_n"), dated), blocks, field="birth")


def _same_or_near(name: str, u_near: float) -> tuple[Level, Level]:
    return (
        Level("same", Dice(name, name, SAME), 0.76, 0.004, is_by_record=True),
        Level("nearly the same", Dice(name, name, NEAR), 0.11, u_near, is_by_record=True),
    )


def _aliases() -> tuple[str, ...]:
    return tuple(f"{ALIAS}_{place}" for place in range(MOST_ALIASES))


def _bits(filters: pd.Series) -> NDArray[np.uint8]:
    """The bits of the filters, shape (n_records, 512); none where one is missing."""
    empty = bytes(WORDS * BITS_PER_WORD // 8)
    content = b"".join(bytes.fromhex(own) if isinstance(own, str) else empty for own in filters)
    return np.unpackbits(np.frombuffer(content, np.uint8).reshape(len(filters), len(empty)), axis=1)


def _bands(bits: dict[str, NDArray[np.uint8]], n_records: int) -> list[list[str] | None]:
    """For each record its samples of bits, of every two filters that it has; the more records, the longer."""
    generator = np.random.default_rng(SAMPLED_WITH_SEED)
    n_each = max(8, int(np.ceil(np.log2(n_records))) - 2)
    found: list[list[str]] = [[] for _ in range(n_records)]
    for first, second in ((GIVEN, FAMILY), (GIVEN, BIRTH), (FAMILY, BIRTH)):
        known = np.flatnonzero(bits[first].any(axis=1) & bits[second].any(axis=1))
        for table in range(N_TABLES):
            places = generator.permutation(WORDS * BITS_PER_WORD)[: 2 * n_each]
            sampled = np.hstack([bits[first][known][:, places[:n_each]], bits[second][known][:, places[n_each:]]])
            for record, own in zip(known, np.packbits(sampled, axis=1), strict=True):
                found[record].append(f"{first[6]}{second[6]}{table}:{own.tobytes().hex()}")
    return [own or None for own in found]
