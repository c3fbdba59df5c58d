"""The verdict: each finding, its weight, and the outcome."""

from dataclasses import replace

import numpy as np
import pytest

import mse
from mse.histories import CaptureHistories
from mse.robustness.sentences import SENTENCES


def _codes(table: CaptureHistories) -> dict[str, str]:
    return {finding.code: finding.weight for finding in mse.feasibility(table, seed=1).findings}


def _table(counts: dict[str, int]) -> CaptureHistories:
    n_lists = len(next(iter(counts)))
    names = tuple("abcdefgh"[:n_lists])
    return CaptureHistories.from_counts(names, {tuple(map(int, history)): n for history, n in counts.items()})


@pytest.mark.parametrize(
    ("dataset", "outcome"),
    [
        ("UKdat_5", "estimate_with_reservations"),
        ("Artificial_3", "distinct_persons_only"),
        ("Korea", "estimate_with_reservations"),
    ],
)
def test_published_tables_get_their_verdict(dataset: str, outcome: str) -> None:
    """What the papers estimate with caution is estimated with reservations; the made-up sparse table is not."""
    assert mse.feasibility(mse.load_dataset(dataset), seed=1).outcome == outcome


def test_dense_independent_lists_carry_an_estimate() -> None:
    """Expected counts of three independent lists with capture probability one half."""
    table = _table({f"{v:03b}": 1000 for v in range(1, 8)})
    verdict = mse.feasibility(table, seed=1)
    assert verdict.outcome == "estimate"
    assert all(finding.weight == "supports" for finding in verdict.findings)


@pytest.mark.parametrize(
    ("counts", "code", "weight"),
    [
        ({"100": 9, "010": 8, "001": 7}, "no_overlap", "blocks"),
        ({"100": 9, "010": 8, "001": 7, "110": 3, "011": 3}, "overlap_persons", "blocks"),
        ({"100": 90, "010": 80, "001": 70, "110": 30, "011": 33}, "empty_overlaps", "reserves"),
        ({"100": 90, "001": 70, "110": 30, "111": 10, "101": 9}, "nested_list", "reserves"),
        ({"100": 90, "110": 30, "111": 10, "101": 9}, "universal_list", "blocks"),
        ({"110": 30, "111": 10, "001": 9}, "duplicate_lists", "blocks"),
        ({"100": 90, "010": 70, "110": 30}, "empty_list", "reserves"),
        ({"10": 90, "01": 70, "11": 40}, "n_lists", "reserves"),
    ],
)
def test_each_weakness_is_found_and_weighed(counts: dict[str, int], code: str, weight: str) -> None:
    """One table for each finding about lists."""
    assert _codes(_table(counts))[code] == weight


def test_reasons_are_sentences_and_those_that_block_come_first() -> None:
    """No placeholder is left, and the order follows the weight."""
    verdict = mse.feasibility(mse.load_dataset("Artificial_3"), seed=1)
    order = ["blocks", "reserves", "supports"]
    weights = [order.index(finding.weight) for finding in verdict.findings]
    assert weights == sorted(weights)
    assert not any("{" in reason for reason in verdict.reasons)
    assert verdict.reasons[0] == "6 of 96 persons (6.2%) are on two lists or more"
    assert {finding.code for finding in verdict.findings} <= SENTENCES.keys()


def test_the_same_seed_gives_the_same_verdict() -> None:
    """The resampling is the only random part."""
    table = mse.load_dataset("Korea")
    one, two, other = (mse.feasibility(table, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one.facts["wide_interval.high"] != other.facts["wide_interval.high"]


def test_the_facts_hold_the_measured_quantities() -> None:
    """For UKdat_5 the models within 6 units of BIC run from 10,674 to 34,083."""
    facts = mse.feasibility(mse.load_dataset("UKdat_5"), seed=1).facts
    assert round(facts["model_spread.low"]) == 10674
    assert round(facts["model_spread.high"]) == 34083
    assert facts["models_exist.n_ok"] == 6519


def test_a_censored_cell_without_doubtful_persons_changes_no_verdict() -> None:
    """Everybody confirmed: findings, facts and outcome of the exact table."""
    exact = mse.load_dataset("Korea")
    declared = replace(exact, censored_cells=frozenset({(0, 0, 1)}), confirmed=exact.counts)
    assert mse.feasibility(declared, seed=1) == mse.feasibility(exact, seed=1)


def test_censored_cells_are_judged_by_the_models_that_take_them() -> None:
    """The verdict names the model of `select_loglinear`, counts overlaps among the known, and says who is in doubt."""
    exact = _table({"001": 160, "010": 140, "011": 45, "100": 150, "101": 42, "110": 44, "111": 16})
    declared = replace(exact, censored_cells=frozenset({(0, 0, 1)}))
    verdict = mse.feasibility(declared, seed=1)
    best = mse.select_loglinear(declared)
    assert verdict.facts["best_model.n_hat"] == pytest.approx(best.n_hat, rel=1e-9)
    assert verdict.facts["overlap_persons.n_observed"] == declared.n_observed == 437
    assert verdict.reasons.count("160 of the 597 persons on the lists may not be in the population; how many are is "
        "estimated by the model, and lists and overlaps are counted without them") == 1  # fmt: skip
    weights = {finding.code: finding.weight for finding in verdict.findings}
    assert weights["doubtful_persons"] == "reserves"
    assert verdict.outcome != "estimate"
    few = replace(declared, confirmed=np.array([150, 0, 0, 0, 0, 0, 0]))
    assert _codes(few)["doubtful_persons"] == "supports"


def test_what_depends_on_the_doubtful_is_not_found_of_a_list() -> None:
    """A list whose known persons are all on another one is not nested, nor empty of news, while others may belong."""
    exact = _table({"100": 90, "010": 40, "110": 30, "101": 30, "111": 12})
    counts = np.array([20, *exact.counts[1:]])
    declared = replace(exact, counts=counts, censored_cells=frozenset({(0, 0, 1)}))
    assert "nested_list" in _codes(exact)
    assert "nested_list" not in _codes(declared)
    doubtful_only = replace(_table({"100": 90, "010": 70, "110": 30, "001": 25}), censored_cells=frozenset({"001"}))
    assert _codes(doubtful_only)["empty_list"] == "reserves"
    assert _codes(doubtful_only)["n_lists"] == "reserves"
