"""Candidates of long lists: which pairs of records are worth comparing, and what they agree on, by Splink on DuckDB.

Splink (Linacre et al. 2022, https://doi.org/10.23889/ijpds.v7i3.1794) blocks, compares and leaves out what is hopeless
under the m- and u-probabilities that it is given; it estimates none itself. Everything happens in memory. Shorter lists
are compared pair by pair (`mse.linkage.all_pairs`).
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule
from splink.comparison_level_library import CustomLevel
from splink.comparison_library import CustomComparison

from mse.linkage.all_pairs import Listed
from mse.linkage.columns import SEVERAL_VALUED
from mse.linkage.comparison import Comparison
from mse.linkage.compiled import SILENT
from mse.linkage.conditions import Dialect
from mse.linkage.ladders import Ladders
from mse.linkage.spark import Spark
from mse.linkage.weights import Weights

__all__ = ["Workbench", "gathered"]

MAX_PAIRS_PER_RULE = 400_000
MAX_PAIRS_PER_RECORD = 4  # and rule, where that is more
MAX_WITHIN_PAIRS = 300_000
MIN_LOG2_RATIO = -2.0  # weaker pairs are left out: with a prior below 1 in 100 they are never one person
RECORDS_PER_CHUNK = 500_000  # of which the pairs are made at a time
PRIOR_LOG2 = -10.0  # Splink wants a prior; only sums of weights are taken from it


class Workbench:
    """The records of all lists in one DuckDB table, on which pairs are made, counted and scored.

    Parameters
    ----------
    columns : DataFrame, one row per record
        Comparison columns as text, or lists of text where a record may have several values.
    list_of_record : ndarray of int64, shape (n_records,)
    comparisons : sequence of Comparison
    ladder : Ladders
        Of the comparisons.
    n_threads : int
        DuckDB threads; the result does not depend on it.
    spark : Spark, optional
        Where Splink makes the pairs instead of on DuckDB; they are the same. Blocks are counted on DuckDB all the same.
    """

    def __init__(
        self,
        columns: pd.DataFrame,
        list_of_record: NDArray[np.int64],
        comparisons: Sequence[Comparison],
        ladder: Ladders,
        *,
        n_threads: int,
        spark: Spark | None = None,
    ) -> None:
        self.spark = spark
        self.comparisons = tuple(comparisons)
        self.ladder = ladder
        self.list_of_record = list_of_record
        self.table = _arrow(columns, list_of_record)
        self.several_valued = {name for name in columns if pa.types.is_list(self.table.schema.field(name).type)}
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(f"SET threads = {n_threads:d}").fetchall()
        # In Jupyter without ipywidgets DuckDB has no progress bar, and refuses to have it turned off.
        with suppress(duckdb.InvalidInputException):
            self.connection.execute("SET enable_progress_bar = false").fetchall()
        self.connection.register("linkable", self.table)

    def within_lists(self, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Combinations of levels on pairs of records of one list, a sample of them, and how many pairs have each.

        Returns
        -------
        levels : ndarray of int64, shape (n_combinations, n_comparisons)
        n_pairs : ndarray of float64, shape (n_combinations,)
        """
        chosen = _sample_within(self.list_of_record, max_pairs=MAX_WITHIN_PAIRS, seed=seed)
        rule = CustomRule("l.list_number = r.list_number")
        with _quiet():
            compared = self._linker(self.table.take(pa.array(chosen)), [rule], None).inference.predict(
                warning_mode="never"
            )
            listed = ", ".join(f"gamma_{comparison.name}" for comparison in self.comparisons)
            counted = self._fetch(
                f"SELECT {listed}, count(*) AS n FROM {compared.physical_name} GROUP BY {listed} ORDER BY {listed}"
            )
            compared.drop_table_from_database_and_remove_from_cache()
        return self._levels(counted).astype(np.int64), np.asarray(counted["n"], np.float64)

    def choose_rules(self) -> list[tuple[str, ...]]:
        """The blocking rules: each key alone while its blocks are small enough, else together with another key.

        Left out are rules without pairs, and those of which another rule makes all pairs: who shares a date of birth
        shares its year, too.
        """
        most = max(MAX_PAIRS_PER_RULE, MAX_PAIRS_PER_RECORD * len(self.list_of_record))
        keys = list(dict.fromkeys(key for comparison in self.comparisons for key in comparison.block_on))
        large = [key for key in keys if self._n_pairs((key,)) > most]
        partners = [*large, *(key for key in ("birth_year",) if large and key in self.table.column_names)]
        possible = [*((key,) for key in keys if key not in large), *combinations(partners, 2)]
        follows = self._follows(list(dict.fromkeys([*keys, *partners])))
        rules: list[tuple[str, ...]] = []
        for rule in sorted(possible, key=lambda rule: sum(len(follows[key]) for key in rule)):
            equal = {other for key in rule for other in follows[key]}
            if not any(equal.issuperset(other) for other in rules) and 0 < self._n_pairs(rule) <= most:
                rules.append(rule)
        return rules

    def _follows(self, keys: Sequence[str]) -> dict[str, set[str]]:
        """For each key itself, and the others that are equal wherever it is."""
        codes = {
            key: self.table.column(key).combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
            for key in keys
            if key not in self.several_valued
        }
        follows = {key: {key} for key in keys}
        for key, own in codes.items():
            known = own >= 0
            for other, code in codes.items():
                of_value = np.full(own.max(initial=-1) + 1, -1)
                of_value[own[known]] = code[known]
                if other != key and (code[known] >= 0).all() and (of_value[own[known]] == code[known]).all():
                    follows[key].add(other)
        return follows

    def score(self, rules: Sequence[tuple[str, ...]], weights: Weights) -> Listed:
        """The candidate pairs that are not hopeless under these weights, within lists too."""
        settings = self._linker(self.table, self._splink_rules(rules), weights)
        return self._predicted(settings, MIN_LOG2_RATIO + PRIOR_LOG2)

    def compared(self, near: pa.ListArray) -> Listed:
        """All pairs of records that are near the same thing; `near` gives the numbers of what each is near to."""
        table = self.table.append_column("near", near)
        return self._predicted(self._linker(table, [block_on("near", arrays_to_explode=["near"])], None), None)

    def _predicted(self, linker: Linker, least: float | None) -> Listed:
        """The pairs that a linker finds, sorted, each once."""
        n_chunks = 1 + len(self.list_of_record) // RECORDS_PER_CHUNK
        parts = [self._chunk(linker, (number, n_chunks), least) for number in range(1, n_chunks + 1)]
        one, other = (np.concatenate([part[name] for part in parts]) for name in ("unique_id_l", "unique_id_r"))
        left, right = np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)
        levels = np.concatenate([self._levels(part) for part in parts])
        del parts, one, other
        order = np.argsort(left * len(self.list_of_record) + right)
        return Listed(left[order], right[order], levels[order])

    def _chunk(self, linker: Linker, chunk: tuple[int, int], least: float | None) -> dict[str, NDArray[np.generic]]:
        """Numbers and levels of the pairs of some records with all; what Splink keeps beside them is dropped."""
        with _quiet():
            found = linker.inference.predict_chunk(left_chunk=chunk, threshold_match_weight=least, warning_mode="never")
            listed = ", ".join(
                f"CAST(gamma_{comparison.name} AS TINYINT) AS gamma_{comparison.name}"
                for comparison in self.comparisons
            )
            pairs = self._fetch(f"SELECT unique_id_l, unique_id_r, {listed} FROM {found.physical_name}")
            found.drop_table_from_database_and_remove_from_cache()
        return pairs

    def _levels(self, frame: dict[str, NDArray[np.generic]]) -> NDArray[np.int8]:
        """Splink counts levels from the least telling, and a field that says nothing as -1."""
        gammas = [np.asarray(frame[f"gamma_{comparison.name}"], np.int8) for comparison in self.comparisons]
        levels = [
            np.where(gamma < 0, np.int8(SILENT), np.int8(len(comparison.levels)) - gamma)
            for gamma, comparison in zip(gammas, self.comparisons, strict=True)
        ]
        return np.stack(levels, axis=1)

    def _fetch(self, sql: str) -> dict[str, NDArray[np.generic]]:
        """The answer of a query on what Splink made, column by column."""
        return self.connection.sql(sql).fetchnumpy() if self.spark is None else self.spark.fetch(sql)

    def _n_pairs(self, keys: tuple[str, ...]) -> int:
        """Pairs that a rule makes, at most (several-valued keys can make a pair more than once)."""
        source = "linkable"
        for key in keys:
            if key in self.several_valued:
                source = f"(SELECT * REPLACE (unnest({key}) AS {key}) FROM {source})"
        present = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        ((n_pairs,),) = self.connection.execute(
            f"SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM "
            f"(SELECT count(*) AS n FROM {source} WHERE {present} GROUP BY {', '.join(keys)})"
        ).fetchall()
        return int(n_pairs)

    def _splink_rules(self, rules: Sequence[tuple[str, ...]]) -> list[object]:
        return [
            block_on(*rule, arrays_to_explode=[key for key in rule if key in self.several_valued] or None)
            for rule in rules
        ]

    def _linker(self, table: pa.Table, rules: Sequence[object], weights: Weights | None) -> Linker:
        ladder = self.ladder
        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[
                _splink_comparison(
                    comparison,
                    "duckdb" if self.spark is None else "spark",
                    *(
                        (weights.m[first:last], weights.u[first:last, -1])
                        if weights
                        else tuple(np.array(starts) for starts in zip(*comparison.starts, strict=True))
                    ),
                )
                for comparison, first, last in zip(self.comparisons, ladder.first[:-1], ladder.first[1:], strict=True)
            ],
            blocking_rules_to_generate_predictions=list(rules),
            probability_two_random_records_match=2.0**PRIOR_LOG2,
            retain_matching_columns=True,  # without them Splink leaves out the levels, too
            retain_intermediate_calculation_columns=False,
            additional_columns_to_retain=["list_number"],
        )
        database = DuckDBAPI(connection=self.connection) if self.spark is None else self.spark.database()
        return Linker(database.register(table), settings, log_level=logging.CRITICAL)


def gathered(owner: NDArray[np.int64], value: NDArray[np.int64], *, n: int) -> pa.ListArray:
    """The values of each owner below `n`, ascending, as lists in one column."""
    order = np.lexsort((value, owner))
    start = np.searchsorted(owner[order], np.arange(n + 1))
    return pa.ListArray.from_arrays(pa.array(start, pa.int32()), pa.array(value[order]))


def _splink_comparison(
    comparison: Comparison, dialect: Dialect, m: NDArray[np.float64], u: NDArray[np.float64]
) -> CustomComparison:
    """The comparison as Splink writes it, with its probabilities given and fixed."""
    levels = [CustomLevel(comparison.silent_when.sql(dialect)).configure(is_null_level=True)]
    for i, level in enumerate(comparison.levels):
        levels.append(
            CustomLevel(level.condition.sql(dialect), level.label).configure(
                m_probability=float(m[i]), u_probability=float(u[i])
            )
        )
    levels.append(CustomLevel("ELSE").configure(m_probability=float(m[-1]), u_probability=float(u[-1])))
    return CustomComparison(output_column_name=comparison.name, comparison_levels=levels)


def _arrow(columns: pd.DataFrame, list_of_record: NDArray[np.int64]) -> pa.Table:
    """The table with its row number as id; columns that hold lists keep them."""
    arrays: dict[str, pa.Array] = {
        "unique_id": pa.array(np.arange(len(columns), dtype=np.int64)),
        "list_number": pa.array(list_of_record),
    }
    for name in columns:
        own = columns[name]
        if own.dtype == "Int64":
            arrays[str(name)] = pa.array(own)
            continue
        is_list = name in SEVERAL_VALUED or any(isinstance(cell, list) for cell in own)
        kind = pa.list_(pa.string()) if is_list else pa.string()
        arrays[str(name)] = pa.array(own.astype(object), kind, from_pandas=True)
    return pa.table(arrays)


def _sample_within(list_of_record: NDArray[np.int64], *, max_pairs: int, seed: int) -> NDArray[np.int64]:
    """Records whose pairs within lists number at most about `max_pairs`; all of them when the lists are small."""
    sizes = np.bincount(list_of_record)
    n_pairs = float((sizes * (sizes - 1) / 2).sum())
    if n_pairs <= max_pairs:
        return np.arange(len(list_of_record))
    share = np.sqrt(max_pairs / n_pairs)
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(np.flatnonzero(list_of_record == own))[: int(np.ceil(size * share))]
        for own, size in enumerate(sizes)
    ]
    return np.sort(np.concatenate(chosen))


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink without its log; nothing global is changed for longer than the call."""
    log = logging.getLogger("splink")
    before = log.level, log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.setLevel(before[0])
        log.disabled = before[1]
