"""Capture histories: what is read, what is refused, and how lists are regrouped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput
from mse.histories import CaptureHistories, read_histories
from mse.links import Links

THREE = CaptureHistories.from_counts(
    ("a", "b", "c"), {(1, 0, 0): 5, (0, 1, 0): 4, (0, 0, 1): 3, (1, 1, 0): 2, (0, 1, 1): 1, (1, 1, 1): 6}
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,count\n0,0,3\n1,1,2\n", "the history 00 is the missing cell"),
        ("a,b,count\n1,1,-2\n1,0,1\n", "row 1: count is '-2'"),
        ("a,b,count\n1,1,2.5\n", "row 1: count is '2.5'"),
        ("a,b,count\n1,1,\n", "row 1: count is ''"),
        ("a,b,count\n1,1,inf\n", "row 1: count is 'inf'"),
        ("a,b,count\n1,2,3\n", "row 1: list 'b' has '2'; only 0 and 1 are possible"),
        ("a,count\n1,3\n", "two lists or more; there is 1"),
        ("a,b,n\n1,1,3\n", "no column in x.csv named 'count'"),
        ("a,a,count\n1,1,3\n", "has the column 'a' twice"),
        ("a,b,count\n1,1\n", "row 1: 2 values where the header has 3"),
        ("a,b,count\n", "all counts are 0"),
        ("", "x.csv is empty"),
        ("a,b],count\n1,1,3\n", r"list name 'b\]' cannot be written in a model"),
    ],
)
def test_bad_files_are_refused_with_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    """Each fault is named with its row and value."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_histories(tmp_path / "x.csv")


def test_all_problems_of_a_file_come_in_one_error(tmp_path: Path) -> None:
    """Two bad rows are two reasons of one error."""
    (tmp_path / "x.csv").write_text("a,b,count\n1,2,3\n1,1,-1\n1,0,4\n")
    with pytest.raises(BadInput, match="2 problems") as caught:
        read_histories(tmp_path / "x.csv")
    assert len(caught.value.reasons) == 2


def test_a_missing_file_and_an_unreadable_one_are_named(tmp_path: Path) -> None:
    """The path stands in the message."""
    with pytest.raises(BadInput, match=r"there is no file .*nothing\.csv"):
        read_histories(tmp_path / "nothing.csv")
    (tmp_path / "x.csv").write_bytes(b"a,b,count\n\xff\xfe,1,1\n")
    with pytest.raises(BadInput, match="cannot be read as a table"):
        read_histories(tmp_path / "x.csv")


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_history_given_twice_is_summed_and_said(tmp_path: Path, separator: str) -> None:
    """Counts add up, absent histories are zeros, and the notes tell."""
    (tmp_path / "x.csv").write_text("\ufeffa,b,count\n1,1,3\n1,0,4\n1,1,2\n0,1,1\n".replace(",", separator), "utf-8")
    histories = read_histories(tmp_path / "x.csv")
    assert histories.counts.tolist() == [1, 4, 5]
    assert histories.notes == ("1 row of x.csv repeats a history that was given before; the counts were summed",)


def test_csv_parquet_and_frame_give_the_same_table(tmp_path: Path) -> None:
    """What is written is read back, from each kind of source."""
    THREE.write(tmp_path / "x.csv")
    THREE.to_frame().to_parquet(tmp_path / "x.parquet")
    for source in (tmp_path / "x.csv", tmp_path / "x.parquet", THREE.to_frame()):
        assert read_histories(source).sha256 == THREE.sha256


def test_rows_follow_the_binary_value_with_the_first_list_most_significant() -> None:
    """Row i is the history with binary value i + 1."""
    assert THREE.histories[0] == (0, 0, 1)
    assert THREE.histories[3] == (1, 0, 0)
    assert THREE.counts.tolist() == [3, 4, 1, 5, 0, 2, 6]


def test_overlaps_are_counted_over_all_other_lists() -> None:
    """Persons on a and b include those on c too."""
    assert THREE.overlap("a", "b") == 8
    assert THREE.overlap("a", "c") == 6
    assert THREE.list_totals == {"a": 13, "b": 13, "c": 10}
    assert THREE.overlap_table().loc["b", "c"] == 7


def test_empty_universal_and_duplicate_lists_are_named() -> None:
    """The reader's notes tell which lists say nothing."""
    frame = pd.DataFrame({"a": [1, 1], "b": [0, 1], "c": [0, 1], "d": [0, 0], "count": [2, 3]})
    notes = read_histories(frame).notes
    assert "everybody is on list a" in notes
    assert "list d is empty" in notes
    assert "lists b and c hold exactly the same persons" in notes


def test_dropping_a_list_says_how_many_persons_leave() -> None:
    """Persons on the dropped list alone are no longer observed."""
    smaller = THREE.drop_lists("c")
    assert smaller.lists == ("a", "b")
    assert smaller.n_observed == THREE.n_observed - 3
    assert "3 persons were on no other list" in smaller.notes
    with pytest.raises(BadInput, match="two lists or more"):
        THREE.drop_lists("b", "c")
    with pytest.raises(BadInput, match="no list named 'x'"):
        THREE.drop_lists("x")


def test_merging_lists_keeps_the_persons() -> None:
    """Being on either list is being on the merged one."""
    merged = THREE.merge_lists({"bc": ("b", "c")})
    assert merged.lists == ("a", "bc")
    assert merged.n_observed == THREE.n_observed
    assert merged.counts.tolist() == [8, 5, 8]


def test_structural_zeros_must_be_empty_and_survive_a_merge() -> None:
    """An impossible history cannot have persons; a merged history is impossible if all its parts are."""
    counts = {(1, 0, 0): 5, (0, 1, 0): 4, (0, 0, 1): 3, (1, 0, 1): 2}
    table = CaptureHistories.from_counts(("a", "b", "c"), counts, structural_zeros=[(1, 1, 0), (1, 1, 1)])
    assert table.merge_lists({"ab": ("a", "b")}).structural_zeros == frozenset()
    assert table.drop_lists("c").structural_zeros == {(1, 1)}
    with pytest.raises(BadInput, match="declared impossible, but 5 persons have it"):
        CaptureHistories.from_counts(("a", "b", "c"), counts, structural_zeros=[(1, 0, 0)])


def test_strata_are_columns_and_can_be_taken_or_pooled() -> None:
    """Counts have one column per combination of covariates."""
    frame = pd.DataFrame({"a": [1, 0, 1], "b": [0, 1, 1], "sex": ["w", "m", "w"], "count": [2, 3, 4]})
    histories = read_histories(frame, covariates=["sex"])
    assert histories.strata == ("m", "w")
    assert histories.counts.tolist() == [[3, 0], [0, 2], [0, 4]]
    assert histories.stratum("w").counts.tolist() == [0, 2, 4]
    assert histories.collapse_strata().counts.tolist() == [3, 2, 4]
    with pytest.raises(BadInput, match=r"pick one with h.stratum"):
        histories.single_stratum()


def test_records_of_one_person_on_the_same_list_count_once() -> None:
    """The notes say how many records were repeats."""
    records = pd.DataFrame({"who": ["p", "p", "p", "q"], "where": ["x", "x", "y", "y"]})
    histories = CaptureHistories.from_records(records, person="who", list="where")
    assert histories.counts.tolist() == [1, 0, 1]
    assert histories.notes == ("records that repeat a person on the same list were not counted again: 1",)


def test_each_draw_of_the_links_gives_a_table() -> None:
    """Two draws that differ in one link differ in one person."""
    records = pd.DataFrame({"list": ["a", "a", "b"], "record": ["1", "2", "3"]})
    links = Links(records, np.array([[0, 1, 0], [0, 1, 2]], np.int32), ("a", "b"))
    one, two = CaptureHistories.from_links(links)
    assert one.counts.tolist() == [0, 1, 1]
    assert two.counts.tolist() == [1, 2, 0]


def test_counts_cannot_be_changed_afterwards() -> None:
    """The table is frozen, array included."""
    with pytest.raises(ValueError, match="read-only"):
        THREE.counts[0] = 1
