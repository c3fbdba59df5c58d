"""Field filters as evidence: similarity in DuckDB is the Dice coefficient, and alike records are blocked together."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from mse.linkage import field_filters
from mse.linkage.field_filters import FILTERS, filter_columns, filter_comparisons
from mse.pseudonyms import Key
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import subkeys, token_columns

KEY = Key("p", bytes(range(32)))
TOKENS = [token for token in rules().tokens if token.grams]


def filters(persons):
    forms = [normal_forms(person) for person in persons]
    records = [str(place) for place in range(len(persons))]
    cells = token_columns(forms, TOKENS, records=records, subkeys=subkeys(KEY, TOKENS))
    cells["bloom_alias"] = [cell.split("|") if cell else None for cell in cells["bloom_alias"]]
    return pd.DataFrame(cells, dtype=object)


def levels(one, other):
    """The level of each comparison on which two persons stand, None where it says nothing."""
    columns = filter_columns(filters([one, other]))
    connection = duckdb.connect(":memory:")
    connection.register("persons", columns)
    sides = ", ".join(f"l.{name} AS {name}_l, r.{name} AS {name}_r" for name in columns if name != "everyone")
    both = "(SELECT * FROM persons LIMIT 1) l, (SELECT * FROM persons OFFSET 1) r"
    connection.execute(f"CREATE TABLE pair AS SELECT {sides} FROM {both}")
    found = {}
    for comparison in filter_comparisons(columns):
        cases = " ".join(f"WHEN {level.condition.sql()} THEN '{level.label}'" for level in comparison.levels)
        query = f"SELECT CASE WHEN {comparison.silent_when.sql()} THEN NULL {cases} ELSE 'different' END FROM pair"
        ((found[comparison.name],),) = connection.execute(query).fetchall()
    return found


ANA = {"given_name": "Ana Maria", "family_name": "Popescu", "alias": "Mimi", "birth_date": "1990-04-23"}
ALONE = (None, None)  # of given and family name, where a record misses the other
ACROSS, ACROSS_ALONE = "one name in the column of the other", "in the column of the other"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("same", "same", *ALONE, "same date", None)),
        ({"given_name": "Anamaria", "birth_date": "1990-04-25"}, ("same", "same", *ALONE, "one slip away", None)),
        ({"family_name": "Popesku"}, ("same", "nearly the same", *ALONE, "same date", None)),
        (
            {"given_name": "Popescu", "family_name": "Ana Maria"},
            ("both names, swapped", None, *ALONE, "same date", None),
        ),
        (
            {"given_name": "Popescu", "family_name": "Ana Marja"},
            ("both names, swapped", None, *ALONE, "same date", None),
        ),
        ({"given_name": "Popescu", "family_name": "Olena"}, (ACROSS, None, *ALONE, "same date", None)),
        ({"given_name": "Mimi", "alias": "Bella"}, ("an alias in common", "same", *ALONE, "same date", None)),
        ({"birth_date": "1990-01-01"}, ("same", "same", *ALONE, None, "same year")),
        ({"birth_date": "1971-01-01"}, ("same", "same", *ALONE, None, "different")),
        ({"given_name": "?", "birth_date": ""}, (None, None, None, "same", None, None)),
        ({"family_name": "?"}, (None, None, "same", None, "same date", None)),
        ({"given_name": "Popescu", "family_name": "?"}, (None, None, ACROSS_ALONE, None, "same date", None)),
        ({"given_name": "", "family_name": "Ana Maria"}, (None, None, None, ACROSS_ALONE, "same date", None)),
        (
            {"given_name": "Olena", "family_name": "Kovalchuk", "birth_date": "1971-10-06"},
            ("different", "different", *ALONE, "different", None),
        ),
    ],
)
def test_two_records_stand_on_the_level_of_their_similarity(change, expected):
    """Flipped bits do not hide equality; a slip is a slip; what is missing says nothing."""
    assert tuple(levels(ANA, ANA | change).values()) == expected


def test_the_numbers_hold_the_bits_of_the_filter():
    """Eight words and a count, exactly; nothing where the filter is missing."""
    columns = filters([ANA, {"given_name": "Joy"}])
    found = filter_columns(columns)
    words = [int(found[f"{FILTERS[0]}_{place}"].iloc[0]) % 2**64 for place in range(8)]
    assert int(columns[FILTERS[0]].iloc[0], 16) == sum(word << 64 * (7 - place) for place, word in enumerate(words))
    assert int(found[f"{FILTERS[0]}_n"].iloc[0]) == int(columns[FILTERS[0]].iloc[0], 16).bit_count()
    assert found[f"{FILTERS[2]}_0"].isna().tolist() == [False, True]


def test_long_lists_are_blocked_on_samples_of_bits(monkeypatch):
    """Nearly every pair of one person shares a sample, hardly any pair of two persons does."""
    luck = np.random.default_rng(1)
    names = ["".join(luck.choice(list("abcdefghijklmnoprstuvz"), 7)) for _ in range(300)]
    rows = [
        {"given_name": given, "family_name": family, "birth_date": f"{1960 + place % 40}-0{1 + place % 9}-1{place % 8}"}
        for place, (given, family) in enumerate(zip(names[:150], names[150:], strict=True))
    ]
    monkeypatch.setattr(field_filters, "ALL_PAIRS", 10)
    alike = [set(own) for own in filter_columns(filters([*rows, *rows]))["alike"]]
    same = [bool(alike[place] & alike[place + 150]) for place in range(150)]
    other = [bool(alike[place] & alike[(place + 77) % 150]) for place in range(150)]
    assert np.mean(same) >= 0.99
    assert np.mean(other) <= 0.4
