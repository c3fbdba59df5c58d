"""Candidates of long lists: few rules make all pairs, in one piece or in several, and frequencies are counted."""

import numpy as np
import pandas as pd
import pytest

from mse.linkage import candidates
from mse.linkage.candidates import Workbench
from mse.linkage.comparison import category_comparison, name_comparisons
from mse.linkage.ladders import ladders
from mse.linkage.linkable import Linkable, linkable_plain
from mse.linkage.value_frequencies import frequency_chances
from mse.linkage.weights import starting_weights
from simulations.linkage_lists import Setting


@pytest.fixture(scope="module")
def linkable() -> Linkable:
    own = Setting("small", 200, 3, 100, missing=0.1).lists(np.random.default_rng(4))
    return linkable_plain(own.registers, fields=None)


@pytest.fixture(scope="module")
def bench(linkable: Linkable) -> Workbench:
    return Workbench(
        linkable.columns, linkable.list_of_record, linkable.comparisons, ladders(linkable.comparisons), n_threads=1
    )


def test_fewer_rules_and_pieces_make_the_same_pairs(linkable, bench, monkeypatch):
    """What a coarser key makes already has no rule of its own; records taken in pieces have the same pairs."""
    weights = starting_weights(linkable.comparisons, bench.ladder, n_records=1)
    every = [(key,) for comparison in linkable.comparisons for key in comparison.block_on]
    rules = bench.choose_rules()
    assert ("birth_date_any_order",) in rules
    assert ("birth_date",) not in rules
    expected = bench.score(every, weights)
    assert len(expected) > 100
    found = [bench.score(rules, weights)]
    monkeypatch.setattr(candidates, "RECORDS_PER_CHUNK", 100)
    found.append(bench.score(rules, weights))
    for pairs in found:
        assert np.array_equal(pairs.left, expected.left)
        assert np.array_equal(pairs.right, expected.right)
        assert np.array_equal(pairs.levels, expected.levels)


def test_large_blocks_are_split_by_a_second_key(bench, monkeypatch):
    """Keys with too many pairs are used two together, and more pairs are allowed where there are more records."""
    monkeypatch.setattr(candidates, "MAX_PAIRS_PER_RULE", 1)
    monkeypatch.setattr(candidates, "MAX_PAIRS_PER_RECORD", 0.2)
    rules = bench.choose_rules()
    assert any(len(rule) == 2 for rule in rules)
    assert all(0 < bench._n_pairs(rule) <= 0.2 * len(bench.list_of_record) for rule in rules)


def test_frequencies_of_names_among_those_of_one_origin():
    """Others with the name over others of the origin; who misses name or origin has the chance of all."""
    columns = pd.DataFrame(
        {"given_name": ["a", "a", "a", "b", None, "a"], "nationality": ["x", "x", "y", "x", "x", None]}, dtype=object
    )
    comparisons = [next(name_comparisons()), category_comparison("nationality", m_start=0.9, n_categories=2)]
    ladder = ladders(comparisons)
    weights = starting_weights(comparisons, ladder, n_records=1)
    own = frequency_chances(weights, ladder, columns, comparisons).own
    (same,) = (place for place, level in enumerate(comparisons[0].levels) if level.frequency_of)
    chance = (np.maximum(own.found - 1.0, 0.0) + own.shape[:, None]) * own.per_pair  # one is the pair that is judged
    one_origin, any_origin = (chance[:, ladder.by_record[same], state] for state in (0, 1))
    more = 1 / weights.u[same, 0]
    assert one_origin == pytest.approx(
        [1 / (2 + more), 1 / (2 + more), 1 / more, 1 / (2 + more), weights.u[same, 0], weights.u[same, 0]]
    )
    assert any_origin == pytest.approx([3 / (4 + more)] * 3 + [1 / (4 + more), weights.u[same, 1], 3 / (4 + more)])
