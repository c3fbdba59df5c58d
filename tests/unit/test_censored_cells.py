"""Censored cells: counts that are upper bounds, because a list also holds persons outside the population."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mse
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories, read_histories
from mse.models.one_inflation import one_inflated_lower_bound
from mse.models.two_lists import every_pair

THREE = ("a", "b", "c")
COUNTS = np.array([60, 40, 15, 50, 12, 14, 6])


def table(counts: np.ndarray = COUNTS, cells: tuple[str, ...] = ("001",)) -> CaptureHistories:
    return CaptureHistories(THREE, counts, censored_cells=frozenset(cells))


def test_a_censored_cell_is_declared_as_text_or_as_a_tuple() -> None:
    """Both forms, the constructor, the mapping and the reader give the same table."""
    frame = pd.DataFrame([(0, 0, 1, 5), (1, 1, 0, 3)], columns=[*THREE, "count"])
    as_text = read_histories(frame, censored_cells=["001"])
    assert as_text.censored_cells == {(0, 0, 1)}
    from_counts = CaptureHistories.from_counts(THREE, {(0, 0, 1): 5, (1, 1, 0): 3}, censored_cells=[(0, 0, 1)])
    assert from_counts.sha256 == as_text.sha256
    assert from_counts.sha256 != replace(from_counts, censored_cells=frozenset()).sha256


def test_the_persons_observed_are_those_known_to_belong() -> None:
    """The count of a censored cell is listed, and only what is confirmed is observed."""
    declared = table()
    assert (declared.n_observed, declared.n_listed, declared.is_censored) == (137, 197, True)
    confirmed = replace(declared, confirmed=np.array([20, 9, 0, 0, 0, 0, 0]))
    assert (confirmed.n_observed, confirmed.known_counts.tolist()) == (157, [20, 40, 15, 50, 12, 14, 6])
    assert [declared.at_bound(bound).n_observed for bound in ("lower", "upper")] == [137, 197]
    assert repr(declared) == "CaptureHistories of 137 to 197 persons on a, b, c (1 censored cell)"
    assert "001" in declared._repr_html_()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"censored_cells": frozenset({"01"})}, "'01' is not a history over"),
        ({"censored_cells": frozenset({"000"})}, "'000' is not a history over"),
        ({"censored_cells": "001"}, r"give a list of histories, for example \['001'\]"),
        ({"censored_cells": frozenset({"001"}), "confirmed": np.full(7, 61)}, "above its count"),
        ({"censored_cells": frozenset({"001"}), "confirmed": np.zeros(3)}, r"has the shape \(3,\)"),
        ({"censored_cells": frozenset(f"{i:03b}" for i in range(1, 8))}, "nobody in the table is known"),
    ],
)
def test_what_cannot_be_declared_is_refused(options: dict[str, object], told: str) -> None:
    """Each wrong declaration is named with its value."""
    with pytest.raises(BadInput, match=told):
        CaptureHistories(THREE, COUNTS, **options)


def test_a_cell_cannot_be_both_impossible_and_censored() -> None:
    """The two declarations contradict each other."""
    with pytest.raises(BadInput, match="both impossible and censored"):
        CaptureHistories.from_counts(THREE, {(1, 1, 0): 3}, structural_zeros=["001"], censored_cells=["001"])


def test_regrouping_keeps_what_is_confirmed_by_other_lists() -> None:
    """Persons who are also on a list that is dropped or merged are known to belong."""
    declared = table()
    smaller = declared.drop_lists("a")
    assert smaller.censored_cells == {(0, 1)}
    assert smaller.counts.tolist() == [72, 54, 21]
    assert smaller.known_counts.tolist() == [12, 54, 21]
    assert not declared.drop_lists("c").is_censored
    merged = declared.merge_lists({"bc": ("b", "c")})
    assert (merged.known_counts.tolist(), merged.counts.tolist()) == ([55, 50, 32], [115, 50, 32])
    assert declared.reorder_lists(("c", "a", "b")).censored_cells == {(1, 0, 0)}
    assert smaller.drop_lists is not None
    assert declared.rename_lists({"a": "x"}).is_censored


def test_strata_and_their_sum_keep_the_confirmed_persons() -> None:
    """A stratum has its own confirmed persons, and the sum of the strata all of them."""
    counts, confirmed = np.stack([COUNTS, 2 * COUNTS], axis=1), np.zeros((7, 2), dtype=int)
    confirmed[0] = (3, 5)
    both = CaptureHistories(
        THREE, counts, strata=("f", "m"), covariates=("sex",), censored_cells=frozenset({"001"}), confirmed=confirmed
    )
    assert both.stratum("m").n_observed == 2 * 137 + 5
    assert both.collapse_strata().n_observed == 3 * 137 + 8
    assert both.drop_lists("a").collapse_strata().sha256 == both.collapse_strata().drop_lists("a").sha256


def test_declared_cells_are_written_and_read_again(tmp_path: Path) -> None:
    """A table with structural zeros, censored cells and confirmed persons survives its file."""
    counts = COUNTS.copy()
    counts[6] = 0
    declared = replace(table(counts), structural_zeros=frozenset({"111"}))
    for one in (declared, declared.drop_lists("a"), replace(table(), confirmed=np.eye(7, dtype=int)[0])):
        one.write(tmp_path / "histories.csv")
        assert read_histories(tmp_path / "histories.csv").sha256 == one.sha256


def test_faults_in_the_columns_of_declared_cells_are_named() -> None:
    """A word that is not offered and a confirmed number above its count are told by row."""
    frame = pd.DataFrame(
        [(0, 1, 5, "censored", 6), (1, 1, 3, "certain", 0)], columns=["a", "b", "count", "cell", "confirmed"]
    )
    with pytest.raises(BadInput, match=r"(?s)cell is 'certain'; use one of.*confirmed is 6"):
        read_histories(frame)


@pytest.mark.parametrize(
    "method",
    [
        lambda h: mse.decomposable(h),
        lambda h: mse.closed_population(h, model="Mb", ordered=True),
        lambda h: mse.sample_coverage(h),
        lambda h: mse.fit_loglinear(h, "independence").glm,
        lambda h: mse.chapman(h, lists=("a", "c")),
    ],
)
def test_a_method_without_censored_cells_says_so(method: object) -> None:
    """No method takes an upper bound for a count in silence: it refuses with a way out."""
    with pytest.raises(Refused, match=r"censored|upper bound") as refusal:
        method(table())  # type: ignore[operator]
    assert ";" in str(refusal.value)


def test_lower_bounds_take_the_number_that_makes_them_lowest() -> None:
    """With every number that a censored cell can stand for the bound is no lower than the one given."""
    cases = [(mse.chao_lower_bound, cell) for cell in ("001", "011", "111")]
    for bound, cell in (*cases, (one_inflated_lower_bound, "001"), (one_inflated_lower_bound, "111")):
        declared = table(cells=(cell,))
        lowest = bound(declared).n_hat
        row = declared.row(tuple(map(int, cell)))
        for number in range(1, COUNTS[row] + 1):
            counts = COUNTS.copy()
            counts[row] = number
            assert bound(CaptureHistories(THREE, counts)).n_hat >= lowest - 1e-9


def test_every_pair_has_two_rows_with_a_number_or_a_reason() -> None:
    """The table agrees with the single calls, and rows without an estimate say why."""
    found = every_pair(table())
    assert len(found) == 6
    assert found["refusal"].ne("").sum() == 4
    sound = found[found["refusal"] == ""].set_index("method")
    assert sound.loc["Chapman", "n_hat"] == mse.chapman(table(), lists=("a", "b")).n_hat
    apart = CaptureHistories.from_counts(THREE, {(1, 0, 0): 5, (0, 1, 0): 4, (1, 0, 1): 2, (0, 0, 1): 3})
    reasons = every_pair(apart).set_index(["first", "second"])["refusal"]
    assert reasons.loc[("a", "b")].str.contains("no person is on two").all()
    assert reasons.loc[("a", "c")].eq("").all()
    with pytest.raises(BadInput, match="strata"):
        every_pair(mse.load_dataset("ScotPWID", covariates=("Gender",)))


def test_a_pair_that_structural_zeros_make_dependent_is_refused() -> None:
    """Where nobody can be on both lists, or on one without the other, two lists say nothing."""
    counts = {(1, 0, 0): 5, (0, 1, 0): 4, (1, 0, 1): 2, (0, 0, 1): 3}
    women_and_men = CaptureHistories.from_counts(THREE, counts, structural_zeros=["110", "111"])
    with pytest.raises(Refused, match="nobody can be on both"):
        mse.chapman(women_and_men, lists=("a", "b"))
    inside = CaptureHistories.from_counts(("a", "b"), {(0, 1): 5, (1, 1): 4}, structural_zeros=["10"])
    with pytest.raises(Refused, match="nobody can be on the first alone"):
        mse.lincoln_petersen(inside)
