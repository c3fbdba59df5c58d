"""Questions to the agencies: which pairs of records are asked about, and in which order."""

import numpy as np
import pandas as pd
import pytest

import mse
from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.propagation import question_list

LISTS = ("a", "b", "c")


def links_of(*draws: list[int], names: str) -> mse.Links:
    records = pd.DataFrame({"list": list(names), "record": [f"{name}{place}" for place, name in enumerate(names)]})
    return mse.Links(records, np.array(draws, np.int32), LISTS)


def total(histories: CaptureHistories) -> float:
    """Three times the persons on one list only: simple enough to be worked out by hand."""
    on_one = [sum(history) == 1 for history in histories.histories]
    return 3.0 * float(histories.counts[np.array(on_one)].sum())


def test_a_doubtful_pair_is_named_with_what_its_answer_changes() -> None:
    """Joining two persons who are on one list each takes both out of the sum; the doubt is worth half of that."""
    sure, bold = [0, 1, 2, 0], [0, 1, 1, 0]
    found = question_list(links_of(sure, bold, sure, bold, names="abcb"), total=total)
    assert found[["list_a", "record_a", "list_b", "record_b"]].to_numpy().tolist() == [["b", "b1", "c", "c2"]]
    assert found[["share", "change", "influence"]].to_numpy().tolist() == [[0.5, -6.0, 3.0]]


def test_a_pair_that_is_joined_in_the_central_draw_is_parted_with_its_companions() -> None:
    """The third record goes with the one it is with more often: one person on one list comes to one on two."""
    draws = [[0, 0, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0]]
    found = question_list(links_of(*draws, names="abc"), total=total)
    assert found.loc[0, ["record_a", "record_b"]].tolist() == ["a0", "b1"]
    assert found["change"].tolist() == [-3.0, -3.0]


def test_two_persons_who_share_a_list_leave_a_record_over() -> None:
    """a0 and b3 are one: then b1, whom the other person held, is a person of its own on one list."""
    draws = [[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 1]]
    found = question_list(links_of(*draws, names="abcb"), total=total)
    joined = found[(found.record_a == "a0") & (found.record_b == "b3")]
    assert joined["change"].tolist() == [3.0]


def test_the_pair_that_decides_whether_there_is_a_total_comes_first() -> None:
    """Without its only overlap the table has no estimate: that question is worth everything."""
    draws = [[0, 1, 2, 0], [0, 1, 2, 3], [0, 1, 2, 0]]
    records = pd.DataFrame({"list": ["a", "a", "b", "b"], "record": range(4)})
    found = question_list(mse.Links(records, np.array(draws, np.int32), ("a", "b")))
    assert found["change"].tolist() == [np.inf]


def test_draws_that_agree_leave_nothing_to_ask() -> None:
    """The list is empty, with its columns."""
    found = question_list(links_of([0, 1, 0], [0, 1, 0], names="abc"))
    assert len(found) == 0
    assert list(found) == ["list_a", "record_a", "list_b", "record_b", "share", "change", "influence"]


def test_what_cannot_be_asked_is_refused() -> None:
    """A single draw, and no room for a question."""
    links = links_of([0, 1, 0], names="abc")
    with pytest.raises(BadInput, match="one draw holds no doubt"):
        question_list(links)
    with pytest.raises(BadInput, match="n_questions=0"):
        question_list(links_of([0, 1, 0], [0, 1, 2], names="abc"), n_questions=0)
