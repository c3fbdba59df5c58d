"""Comparisons in compiled code: the same levels as SQL gives, for every kind of field, and all pairs of the records."""

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mse.linkage import level_tables
from mse.linkage.all_pairs import survey
from mse.linkage.candidates import Workbench
from mse.linkage.comparison import date_comparison, name_comparison, number_comparison, text_comparison
from mse.linkage.compiled import levels_of
from mse.linkage.compiling import compiled, merged
from mse.linkage.ladders import ladders, ratios_of, state_of
from mse.linkage.linkable import linkable_encoded, linkable_plain
from mse.linkage.weights import starting_weights
from mse.pseudonyms import Key, encode
from mse.registers import read_register

DATA = Path(__file__).parents[2] / "data" / "synthetic" / "2020"
KEY = Key("SYNTHETIC-tests", bytes(range(32)))
OTHER_FIELDS = (
    name_comparison("street"),
    date_comparison("seen"),
    number_comparison("house"),
    text_comparison("shelter"),
)


@pytest.fixture(scope="module")
def registers():
    return [read_register(path) for path in sorted(DATA.glob("*.csv")) if path.with_suffix(".toml").exists()]


def levels_by_sql(columns, comparisons):
    """The level of each comparison of each pair as DuckDB works out the conditions, (n_pairs, n_comparisons)."""
    bench = Workbench(columns, np.zeros(len(columns), np.int64), comparisons, ladders(comparisons), n_threads=1)
    cases = [
        f"CASE WHEN {own.silent_when.sql()} THEN -1 "
        + " ".join(f"WHEN {level.condition.sql()} THEN {place}" for place, level in enumerate(own.levels))
        + f" ELSE {len(own.levels)} END AS c{number}"
        for number, own in enumerate(comparisons)
    ]
    both = ", ".join(f"a.{name} AS {name}_l, b.{name} AS {name}_r" for name in bench.table.column_names)
    pairs = f"SELECT {both} FROM linkable AS a, linkable AS b WHERE a.unique_id < b.unique_id"
    found = bench.connection.sql(
        f"SELECT {', '.join(cases)} FROM ({pairs}) ORDER BY unique_id_l, unique_id_r"
    ).fetchnumpy()
    return np.column_stack([found[f"c{number}"] for number in range(len(comparisons))])


def levels_by_code(columns, comparisons):
    """The same in compiled code."""
    ready, own = compiled(columns, comparisons), np.zeros(len(comparisons), np.int64)
    rows = []
    for a, b in combinations(range(len(columns)), 2):
        levels_of(ready, a, b, own)
        rows.append(own.copy())
    return np.array(rows)


@pytest.mark.parametrize("encoding", ["plain", "match_keys", "bloom"])
def test_compiled_levels_are_those_of_sql(registers, encoding):
    """Names, dates, numbers, categories, keys and filters: every pair stands on the same levels."""
    if encoding == "plain":
        linkable = linkable_plain(registers, fields=None)
    else:
        encoded = [encode(own, key=KEY, project=KEY.project, encoding=encoding) for own in registers]
        linkable = linkable_encoded(encoded, fields=None)
    chosen = linkable.columns.iloc[np.random.default_rng(1).permutation(len(linkable.columns))[:90]]
    columns = chosen.reset_index(drop=True)
    by_sql = levels_by_sql(columns, linkable.comparisons)
    assert np.array_equal(levels_by_code(columns, linkable.comparisons), by_sql)
    assert (by_sql[:, 0] >= 0).any()


def test_fields_of_other_registers_have_the_same_levels_too():
    """Any name, date, number or text; one slip is one letter more, less, other, or two changed."""
    rng = np.random.default_rng(2)
    streets = ["storgata", "storgate", "strogata", "storgataa", "torgata", "kirkeveien", None]
    columns = pd.DataFrame(
        {
            "street": rng.choice(streets, 60),
            "street_skeleton": rng.choice(["strgt", "krkvn", None], 60),
            "seen": rng.choice(["2020-01-02", "2020-01-20", "2020-01-03", "2021-01-02", "2020-10-02", None], 60),
            "seen_year": rng.choice(["2020", "2021", None], 60),
            "house": rng.choice(["1", "12", "21", "112", "3", None], 60),
            "shelter": rng.choice(["north house", "north hous", "south", None], 60),
        }
    ).astype(object)
    columns = columns.where(columns.notna(), None)
    by_sql = levels_by_sql(columns, OTHER_FIELDS)
    assert np.array_equal(levels_by_code(columns, OTHER_FIELDS), by_sql)
    assert all(set(range(len(own.levels))) <= set(by_sql[:, at]) for at, own in enumerate(OTHER_FIELDS))


def test_a_table_says_what_the_steps_say_in_either_order(registers, monkeypatch):
    """What two records say of a comparison tells their level, whoever comes first."""
    encoded = [encode(own, key=KEY, project=KEY.project, encoding="bloom") for own in registers]
    for linkable in (linkable_plain(registers, fields=None), linkable_encoded(encoded, fields=None)):
        chosen = np.random.default_rng(3).permutation(len(linkable.columns))[:60]
        columns = linkable.columns.iloc[chosen].reset_index(drop=True)
        found = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(level_tables, "WORTH_A_TABLE", share)
            ready, own = compiled(columns, linkable.comparisons), np.zeros(len(linkable.comparisons), np.int64)
            assert (ready.levels_size > 0).all() == (share == 1.0)
            for a, b in permutations(range(len(columns)), 2):
                levels_of(ready, a, b, own)
                found.append((share, a, b, own.tolist()))
        by_steps = {(a, b): levels for share, a, b, levels in found if share == 0.0}
        assert all(levels == by_steps[a, b] == by_steps[b, a] for share, a, b, levels in found)


@pytest.fixture
def small(registers):
    linkable = linkable_plain(registers, fields=None)
    chosen = np.sort(np.random.default_rng(1).permutation(len(linkable.columns))[:80])
    columns = linkable.columns.iloc[chosen].reset_index(drop=True)
    ladder = ladders(linkable.comparisons)
    start = starting_weights(linkable.comparisons, ladder, n_records=len(columns))
    return columns, linkable.comparisons, linkable.list_of_record[chosen], ladder, start


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_all_pairs_are_counted_and_the_likely_ones_listed(small, n_jobs):
    """Against a loop over pairs: levels by record within and between lists, and the pairs above the bound."""
    columns, comparisons, lists, ladder, start = small
    ready = compiled(columns, comparisons)
    never = np.full(lists.max() + 1, -np.inf)  # no pair of a list is one person: each counts as 1
    counts, listed = survey(ready, ladder, lists, start.ratios_at_start, start.is_rare(ladder), never, n_jobs=n_jobs)
    within, between, likely = np.zeros_like(counts.within), np.zeros_like(counts.between), []
    for (a, b), levels in zip(combinations(range(len(columns)), 2), levels_by_code(columns, comparisons), strict=True):
        for number, level in enumerate(levels):
            if level >= 0:
                place = ladder.first[number] + level, state_of(ladder, number, levels)
                for end in (a, b):
                    (within if lists[a] == lists[b] else between)[end, *place] += 1.0
        ratio = ratios_of(ladder, start.scales, levels[None], np.array([a]), np.array([b]), np.ones(1)).sum()
        if ratio >= 1.0:
            likely.append((a, b, *levels))
    assert np.array_equal(counts.within, within)
    assert np.array_equal(counts.between, between)
    assert np.column_stack([listed.left, listed.right, listed.levels]).tolist() == [list(row) for row in likely]


def test_a_merged_record_says_what_either_says(small):
    """What one record of a unit misses the other tells; what both tell is the first one's."""
    columns, comparisons, *_ = small
    columns = columns.iloc[:3].copy()
    columns.loc[1, :] = columns.loc[0, :]
    name = [column for column in columns if column.startswith(("given", "name_"))]
    columns.loc[0, name] = None
    both = merged(compiled(columns, comparisons), np.array([0, 0, 1]))
    whole = compiled(columns.iloc[[1, 2]].reset_index(drop=True), comparisons)
    found, expected = (np.zeros(len(comparisons), np.int64) for _ in range(2))
    levels_of(both, 0, 1, found)
    levels_of(whole, 0, 1, expected)
    assert found.tolist() == expected.tolist()
