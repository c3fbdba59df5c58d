"""Candidates: which pairs of records are worth comparing, and what they agree on, by Splink on DuckDB.

Splink (Linacre et al. 2022, https://doi.org/10.23889/ijpds.v7i3.1794) blocks, compares and adds up match weights with
the m- and u-probabilities that it is given; it estimates none itself. Everything happens in memory.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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

from mse.linkage.columns import SEVERAL_VALUED
from mse.linkage.comparison import Comparison
from mse.linkage.weights import MISSING, Agreements, Weights

__all__ = ["Pairs", "Workbench"]

MAX_PAIRS_PER_RULE = 400_000
MAX_WITHIN_PAIRS = 300_000
FREQUENCY_WEIGHT = 0.5  # a person on several lists makes a rare name look common, so that frequency counts half
MIN_LOG2_RATIO = -2.0  # weaker pairs are left out: with a prior below 1 in 100 they are never one person


@dataclass(frozen=True)
class Pairs:
    """Pairs of records with the evidence on them.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n_pairs,)
        Row numbers of the records, left before right; sorted.
    log_ratio : ndarray of float64, shape (n_pairs,)
        Natural log of the likelihood ratio: one person against two, without prior.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    log_ratio: NDArray[np.float64]


class Workbench:
    """The records of all lists in one DuckDB table, on which pairs are made, counted and scored.

    Parameters
    ----------
    columns : DataFrame, one row per record
        Comparison columns as text, or lists of text where a record may have several values.
    list_of_record : ndarray of int64, shape (n_records,)
    comparisons : sequence of Comparison
    n_threads : int
        DuckDB threads; the result does not depend on it.
    """

    def __init__(
        self,
        columns: pd.DataFrame,
        list_of_record: NDArray[np.int64],
        comparisons: Sequence[Comparison],
        *,
        n_threads: int,
    ) -> None:
        self.comparisons = tuple(comparisons)
        self.list_of_record = list_of_record
        self.table = _arrow(columns, list_of_record)
        self.several_valued = {name for name in columns if pa.types.is_list(self.table.schema.field(name).type)}
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(f"SET threads = {n_threads:d}").fetchall()
        # In Jupyter without ipywidgets DuckDB has no progress bar, and refuses to have it turned off.
        with suppress(duckdb.InvalidInputException):
            self.connection.execute("SET enable_progress_bar = false").fetchall()
        self.connection.register("linkable", self.table)

    def within_lists(self, *, seed: int) -> tuple[Agreements, int]:
        """What pairs of records of one list agree on, a sample of them, and how many records made them."""
        chosen = _sample_within(self.list_of_record, max_pairs=MAX_WITHIN_PAIRS, seed=seed)
        rule = CustomRule("l.list_number = r.list_number")
        return self._agreements(self.table.take(pa.array(chosen)), [rule], ""), len(chosen)

    def between_lists(self, rules: Sequence[tuple[str, ...]]) -> Agreements:
        """What candidate pairs of records of two lists agree on."""
        return self._agreements(self.table, self._splink_rules(rules), "WHERE list_number_l <> list_number_r")

    def choose_rules(self) -> list[tuple[str, ...]]:
        """The blocking rules: each key alone while its blocks are small enough, else together with another key."""
        keys = list(dict.fromkeys(key for comparison in self.comparisons for key in comparison.block_on))
        rules: list[tuple[str, ...]] = []
        large = []
        for key in keys:
            if self._n_pairs((key,)) <= MAX_PAIRS_PER_RULE:
                rules.append((key,))
            else:
                large.append(key)
        partners = [*large, *(key for key in ("birth_year",) if large and key in self.table.column_names)]
        rules += [both for both in combinations(partners, 2) if self._n_pairs(both) <= MAX_PAIRS_PER_RULE]
        return [rule for rule in rules if self._n_pairs(rule)]

    def score(self, rules: Sequence[tuple[str, ...]], weights: Weights) -> Pairs:
        """The candidate pairs with the evidence that Splink adds up under these weights, within lists too."""
        prior_log2 = float(np.log2(weights.prior) - np.log2(1 - weights.prior))
        with _quiet():
            linker = self._linker(self.table, self._splink_rules(rules), weights)
            scored = linker.inference.predict(threshold_match_weight=MIN_LOG2_RATIO + prior_log2, warning_mode="never")
            frame = self.connection.sql(
                f"SELECT unique_id_l, unique_id_r, match_weight FROM {scored.physical_name}"
            ).fetchnumpy()
        first = np.asarray(frame["unique_id_l"], np.int64)
        second = np.asarray(frame["unique_id_r"], np.int64)
        left, right = np.minimum(first, second), np.maximum(first, second)
        log_ratio = (np.asarray(frame["match_weight"], np.float64) - prior_log2) * np.log(2)
        order = np.lexsort((right, left))
        return Pairs(left[order], right[order], log_ratio[order])

    def evidence(
        self, near: Sequence[Sequence[int]], weights: Weights
    ) -> tuple[Pairs, NDArray[np.float64], NDArray[np.int64]]:
        """All pairs of records that are near the same thing, and the log-likelihood ratio of each field on them.

        `near` gives for each record the numbers of what it is near to. The second value has shape (n_pairs, n_fields);
        a field that says nothing has 0. The third tells for each record how finely it states each field, (n_records,
        n_fields): a comparison that comes before others of its field is finer.
        """
        names = [comparison.name for comparison in self.comparisons]
        rare = {comparison.name for comparison in self.comparisons if any(x.frequency_of for x in comparison.levels)}
        sums = [f"mw_{name}" + (f" + mw_tf_adj_{name}" if name in rare else "") for name in names]
        table = self.table.append_column("near", pa.array(near, pa.list_(pa.int64())))
        with _quiet():
            linker = self._linker(table, [block_on("near", arrays_to_explode=["near"])], weights, keep_parts=True)
            scored = linker.inference.predict(warning_mode="never")
            listed = ", ".join(f"{expression} AS field_{i}" for i, expression in enumerate(sums))
            frame = self.connection.sql(
                f"SELECT unique_id_l, unique_id_r, {listed} FROM {scored.physical_name}"
            ).fetchnumpy()
        first = np.asarray(frame["unique_id_l"], np.int64)
        second = np.asarray(frame["unique_id_r"], np.int64)
        left, right = np.minimum(first, second), np.maximum(first, second)
        order = np.lexsort((right, left))
        fields = list(dict.fromkeys(comparison.counts_as for comparison in self.comparisons))
        parts = np.zeros((len(order), len(fields)))
        detail = np.zeros((len(self.list_of_record), len(fields)), np.int64)
        for i, comparison in enumerate(self.comparisons):
            own = np.asarray(frame[f"field_{i}"], np.float64) * np.log(2)
            field = fields.index(comparison.counts_as)
            parts[:, field] += own
            n_coarser = sum(other.counts_as == comparison.counts_as for other in self.comparisons[i + 1 :])
            speaking = np.concatenate([left[own != 0.0], right[own != 0.0]])
            detail[speaking, field] = np.maximum(detail[speaking, field], n_coarser)
        return Pairs(left[order], right[order], parts.sum(axis=1)[order]), parts[order], detail

    def _agreements(self, table: pa.Table, rules: Sequence[object], where: str) -> Agreements:
        names = [f"gamma_{comparison.name}" for comparison in self.comparisons]
        with _quiet():
            compared = self._linker(table, rules, None).inference.predict(warning_mode="never")
            listed = ", ".join(names)
            counted = self.connection.sql(
                f"SELECT {listed}, count(*) AS n FROM {compared.physical_name} {where} "
                f"GROUP BY {listed} ORDER BY {listed}"
            ).fetchnumpy()
        gammas = [np.asarray(counted[name], np.int64) for name in names]
        levels = [
            np.where(gamma == MISSING, MISSING, len(comparison.levels) - gamma)
            for gamma, comparison in zip(gammas, self.comparisons, strict=True)
        ]
        return Agreements(np.stack(levels, axis=1), np.asarray(counted["n"], np.float64))

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

    def _linker(
        self, table: pa.Table, rules: Sequence[object], weights: Weights | None, *, keep_parts: bool = False
    ) -> Linker:
        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[
                _splink_comparison(comparison, (weights.m[i], weights.u[i]) if weights else None)
                for i, comparison in enumerate(self.comparisons)
            ],
            blocking_rules_to_generate_predictions=list(rules),
            probability_two_random_records_match=weights.prior if weights else 1e-4,
            retain_matching_columns=weights is None,
            retain_intermediate_calculation_columns=keep_parts,
            additional_columns_to_retain=["list_number"],
        )
        database = DuckDBAPI(connection=self.connection)
        return Linker(database.register(table), settings, log_level=logging.CRITICAL)


def _splink_comparison(
    comparison: Comparison, own: tuple[NDArray[np.float64], NDArray[np.float64]] | None
) -> CustomComparison:
    """The comparison as Splink writes it, with its probabilities given and fixed."""
    m, u = own or tuple(np.array(starts) for starts in zip(*comparison.starts, strict=True))
    levels = [CustomLevel(comparison.silent_when).configure(is_null_level=True)]
    for i, level in enumerate(comparison.levels):
        options: Mapping[str, object] = {}
        if level.frequency_of and own:
            options = {
                "tf_adjustment_column": level.frequency_of,
                "tf_adjustment_weight": FREQUENCY_WEIGHT,
                "disable_tf_exact_match_detection": True,
            }
        levels.append(
            CustomLevel(level.condition, level.label).configure(
                m_probability=float(m[i]), u_probability=float(u[i]), **options
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
        if columns[name].dtype == "Int64":
            arrays[str(name)] = pa.array(columns[name])
            continue
        cells = [cell if isinstance(cell, str | list) else None for cell in columns[name]]
        is_list = name in SEVERAL_VALUED or any(isinstance(cell, list) for cell in cells)
        arrays[str(name)] = pa.array(cells, pa.list_(pa.string()) if is_list else pa.string())
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
