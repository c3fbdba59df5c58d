"""Match keys as evidence: one ladder for names and birth, and nothing of them twice."""

import duckdb
import numpy as np
import pytest

from mse.linkage.match_keys import KEYS, match_key_comparisons
from mse.pseudonyms import Key
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import subkeys, token_columns

KEY = Key("p", bytes(range(32)))
FIELDS = ("given_name", "family_name", "birth_date", "birth_year")
TOKENS = [token for token in rules().tokens if token.name in KEYS]


ANA = ("Ana Maria", "Popescu", "1990-04-23", None)
# How another list has her, and the level of the ladder on which the two meet.
OTHERS = [
    (ANA, "names and date"),
    (("Popesku", "Anna-Maria", "1990-04-23", None), "names nearly the same, and date"),
    (("Ana", "Radu", "1990-04-23", None), "a name and the date"),
    (("Ana Maria", "Popesku", "1987-04-23", None), "names nearly the same, another year"),
    (("Ana Maria", "Popescu", "1990-11-02", None), "names and year"),
    (("Ana", "Popesku", "1990-11-02", None), "names nearly the same, and year"),
    (("Ana Maria", "Popetcu", "1990-11-02", None), "one slip in the names, and year"),
    (("Ana Maria", "Popescu", "1991-11-02", None), "names nearly the same, years one apart"),
    (("Ana Maria", "Popescu", "1990-01-01", None), "names and year"),
    (("Ana Maria", "Popescu", None, "1991"), "names nearly the same, years one apart"),
    (("Olena", "Koval", "1971-05-06", None), "different"),
]


def levels(one, other):
    """The level of each comparison on which two persons stand; a comparison that says nothing is left out."""
    forms = [normal_forms(dict(zip(FIELDS, (cell or "" for cell in person), strict=True))) for person in (one, other)]
    cells = token_columns(forms, TOKENS, records=["0", "1"], subkeys=subkeys(KEY, TOKENS))
    several = {token.name for token in TOKENS if token.kind == "tokens"}
    sides = [
        f"{[*cell.split('|')] if name in several else repr(cell)} AS {name}_{side}"
        if cell
        else f"NULL AS {name}_{side}"
        for name, both in cells.items()
        for side, cell in zip("lr", both, strict=True)
    ]
    found = []
    for comparison in match_key_comparisons(KEYS):
        cases = " ".join(f"WHEN {level.condition.sql()} THEN '{level.label}'" for level in comparison.levels)
        level_of = f"CASE WHEN {comparison.silent_when.sql()} THEN NULL {cases} ELSE 'different' END"
        query = f"SELECT {level_of} FROM (SELECT {', '.join(sides)})"
        ((level,),) = duckdb.connect(":memory:").execute(query).fetchall()
        found += [level] if level else []
    return found


@pytest.mark.parametrize(("other", "label"), OTHERS)
def test_each_way_to_agree_stands_on_its_level(other, label):
    """One comparison speaks for names and birth, on the most telling level that holds."""
    assert levels(ANA, other) == [label]


def test_a_name_with_a_date_and_one_with_a_year_say_nothing():
    """Where neither a date nor two names can be compared, the ladder is silent."""
    assert levels(("Ana", None, "1990-04-23", None), ("Ana", None, None, "1990")) == []


def test_names_and_birth_count_once():
    """Full dates and years are two comparisons of one field, and no pair is judged by both."""
    comparisons = list(match_key_comparisons(KEYS))
    assert [comparison.counts_as for comparison in comparisons] == ["names_and_birth"] * 2
    for comparison in comparisons:
        starts = np.array(comparison.starts)
        assert (starts > 0).all()
        assert np.allclose(starts.sum(axis=0), 1.0)


def test_a_list_without_names_or_birth_has_no_ladder():
    """Lists that hold personal numbers only are compared by these."""
    assert list(match_key_comparisons(["duf"])) == []
