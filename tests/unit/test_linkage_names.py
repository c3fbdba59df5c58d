"""Comparisons of plain names: what is judged once, and what stands alone."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from mse.linkage.comparison import name_comparisons
from mse.linkage.compiled import levels_of
from mse.linkage.compiling import compiled
from mse.linkage.linkable import linkable_plain
from mse.registers import Codebook, Column, Register

FIELDS = {"given_name": "name", "family_name": "name", "birth_date": "date"}
NAMES = tuple(name_comparisons())
SAME, NEAR, SIMILAR = "same", "same skeleton or nearly the same spelling", "similar spelling"
ACROSS, WORD, DIFFERENT = "one name in the column of the other", "a word in common", "different"


def _register(name, given, family):
    columns = tuple(Column(field, kind, field, identifier=True) for field, kind in FIELDS.items())
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", columns)
    frame = pd.DataFrame([(given, family, "1990-04-23")], columns=list(FIELDS), index=[1], dtype="str")
    return Register(codebook, frame, source_sha256=name)


def _stands(one, other):
    """Labels of the levels on which two records stand: names, then names alone; None where nothing is said."""
    linkable = linkable_plain([_register("a", *one), _register("b", *other)], fields=None, scarce="keep")
    levels = np.zeros(len(NAMES), np.int64)
    levels_of(compiled(linkable.columns, NAMES), 0, 1, levels)
    labels = [[*(level.label for level in own.levels), DIFFERENT] for own in NAMES]
    return tuple(None if at < 0 else own[at] for at, own in zip(levels, labels, strict=True))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Ana", "Popescu"), ("Ana", "Popescu"), (SAME, SAME, None, None)),
        (("Ana", "Popescu"), ("Ana", "Popesku"), (SAME, NEAR, None, None)),
        (("Ana", "Popescu"), ("Ana", "Kovalchuk"), (SAME, DIFFERENT, None, None)),
        (("Ana", "Popescu"), ("Popescu", "Ana"), ("both names, swapped", None, None, None)),
        # One slip more, and the swapped pair is still judged once.
        (("Ana", "Popescu"), ("Popescu", "Anja"), (ACROSS, None, None, None)),
        (("Ana Maria", "Popescu"), ("Maria", "Popescu"), (WORD, SAME, None, None)),
        (("Olena", "Kovalchuk"), ("Ana", "Popescu"), (DIFFERENT, DIFFERENT, None, None)),
        (("Ana", None), ("Ana", "Popescu"), (None, None, SAME, None)),
        (("Popescu", None), ("Ana", "Popescu"), (None, None, WORD, None)),
        ((None, "Popescu"), ("Ana", "Popescu"), (None, None, None, SAME)),
        ((None, "Ana"), ("Ana", "Popescu"), (None, None, None, WORD)),
        (("Ana", None), ("Ana", None), (None, None, SAME, None)),
        (("Ana", None), (None, "Popescu"), (None, None, None, None)),
    ],
)
def test_two_records_stand_on_the_level_of_their_names(one, other, expected):
    """Names in each other's column speak once; a name alone is judged by itself; the order does not matter."""
    assert _stands(one, other) == expected
    assert _stands(other, one) == expected


def test_what_a_name_says_alone_and_beside_the_other_is_one_field():
    """In a group of records a name counts once, however many records have the other name."""
    assert [own.counts_as for own in NAMES] == ["given_name", "family_name"] * 2
    assert all(sum(level.m_start for level in own.levels) < 1 for own in NAMES)
