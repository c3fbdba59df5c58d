"""Records with too little on them: who they are, and what the reader is told."""

import numpy as np
import pandas as pd

from mse.linkage.scarce import find_scarce, told_scarce

TOLD = [("given_name",), ("family_name",), ("birth_date", "birth_year")]


def test_two_of_three_or_a_number_are_enough():
    """A full date and its year are one thing told; an absent column tells nothing."""
    columns = pd.DataFrame(
        {
            "given_name": ["a", "b", None, None],
            "birth_date": [None, "1990-01-02", "1990-01-02", None],
            "birth_year": [None, "1990", "1990", None],
            "duf": [None, None, None, ["209900000001"]],
        }
    )
    assert find_scarce(columns, TOLD, numbers=["duf"]).tolist() == [True, False, True, False]


def test_the_notes_count_by_list_and_name_what_is_uneven():
    """Lists without a scarce record are not named; an even spread over an attribute is not told."""
    records = pd.DataFrame(
        {
            "list": ["a"] * 200 + ["b"] * 10,
            "record": [str(row) for row in range(210)],
            "sex": (["woman", "man"] * 105),
            "region": ["north"] * 100 + ["south"] * 110,
        }
    )
    is_scarce = np.arange(210) < 30
    notes = told_scarce(records, is_scarce, scarce="drop")
    assert len(notes) == 2
    assert notes[0].startswith("a: 30 of 200 records left out, with fewer than two of given name")
    assert notes[1] == (
        "the records left out are unevenly spread over region: north 30%, south 0%; estimate by stratum"
    )
    assert told_scarce(records, np.zeros(210, np.bool_), scarce="drop") == []


def test_kept_records_are_told_too():
    """Who keeps them is told what they do to the estimate."""
    records = pd.DataFrame({"list": ["a", "b"], "record": ["1", "2"]})
    (note,) = told_scarce(records, np.array([True, False]), scarce="keep")
    assert note.startswith("1 of 2 records hold fewer than two of given name")
