"""Linking: draws of who is whom among 10,000 records, and the candidate pairs of a million beside plain Splink.

The rows of a million leave out the making of the lists, and the columns have a row of their own. Candidates are all
that comes before the weights are fitted to them: the table in DuckDB, the rules, chance agreements within lists, the
pairs with their levels, each record's own chances, and records of one list that are the same person. Plain Splink is
given the table and the rules, and learns u and m by itself.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from invented_lists import invented_registers
from splink import block_on

from mse.linkage import link
from mse.linkage.candidates import MIN_LOG2_RATIO, Workbench
from mse.linkage.ladders import ladders
from mse.linkage.linkable import Linkable, linkable_plain
from mse.linkage.matching import _blocked
from mse.linkage.weights import starting_weights

Measured = Callable[..., None]
SEED = 1
N_LISTS = 5
TRAINING_PAIRS = 1e6
TRAINED_IN = ("name_pair", "birth_date")


def hundred_draws() -> Callable[[], object]:
    registers = invented_registers(N_LISTS, 2_000, n_persons=6_000, seed=SEED)
    return lambda: link(registers, seed=SEED, n_draws=100)


def columns_of_a_million() -> Callable[[], object]:
    registers = _registers_of_a_million()
    return lambda: linkable_plain(registers, fields=None)


def candidates_of_a_million() -> Callable[[], object]:
    linkable = _million()
    return lambda: _candidates(linkable, n_threads=2)


def candidates_on_one_thread() -> Callable[[], object]:
    linkable = _million()
    return lambda: _candidates(linkable, n_threads=1)


def splink_on_one_thread() -> Callable[[], object]:
    linkable = _million()
    bench = _bench(linkable, n_threads=1)
    rules = bench.choose_rules()
    return lambda: _plain_splink(bench, rules)


def test_hundred_draws(measured: Measured) -> None:
    measured("who is whom among 10,000 records of five lists, 100 draws", hundred_draws, target=60, rounds=1)


def test_columns_of_a_million(measured: Measured) -> None:
    measured("1,000,000 records brought into the columns that are compared", columns_of_a_million, rounds=1)


def test_candidates_of_a_million(measured: Measured) -> None:
    measured(
        "candidate pairs of 1,000,000 records with levels and weights, 2 cores",
        candidates_of_a_million,
        target=60,
        rounds=1,
    )


def test_candidates_on_one_thread(measured: Measured) -> None:
    measured(
        "the candidate pairs of 1,000,000 records on one thread",
        candidates_on_one_thread,
        elsewhere="the next row",
        rounds=1,
    )


def test_splink_on_one_thread(measured: Measured) -> None:
    measured(
        "plain Splink on the same comparisons and blocks: u, expectation-maximisation, prediction; one thread",
        splink_on_one_thread,
        rounds=1,
    )


@cache
def _registers_of_a_million() -> list[object]:
    return invented_registers(N_LISTS, 1_000_000 // N_LISTS, n_persons=600_000, seed=SEED)


@cache
def _million() -> Linkable:
    return linkable_plain(_registers_of_a_million(), fields=None)


def _bench(linkable: Linkable, *, n_threads: int) -> Workbench:
    return Workbench(
        linkable.columns,
        linkable.list_of_record,
        linkable.comparisons,
        ladders(linkable.comparisons),
        n_threads=n_threads,
    )


def _candidates(linkable: Linkable, *, n_threads: int) -> object:
    ladder = ladders(linkable.comparisons)
    start = starting_weights(linkable.comparisons, ladder, n_records=1)
    is_clean = np.ones(N_LISTS, np.bool_)
    return _blocked(linkable, ladder, start, is_clean=is_clean, seed=SEED, n_jobs=n_threads, spark=None)


def _plain_splink(bench: Workbench, rules: list[tuple[str, ...]]) -> object:
    """Splink with the same comparisons and rules, which learns u and m by itself and predicts as many pairs."""
    linker = bench._linker(bench.table, bench._splink_rules(rules), None)
    linker.training.estimate_u_using_random_sampling(max_pairs=TRAINING_PAIRS, seed=SEED)
    for column in TRAINED_IN:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column), max_pairs=TRAINING_PAIRS)
    prior = linker._settings_obj._probability_two_random_records_match
    least = MIN_LOG2_RATIO + float(np.log2(prior) - np.log2(1 - prior))
    return linker.inference.predict(threshold_match_weight=least, warning_mode="never")
