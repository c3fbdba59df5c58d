"""Splink as a user would set it up from its manual, on plain fields, field filters or match keys.

Linacre et al. (2022), https://doi.org/10.23889/ijpds.v7i3.1794. The lists are linked to each other (`link_only`). The
prior comes from pairs that agree on two of names and birth, over the share of true pairs that the user expects to do
so; u from random pairs; m by expectation maximisation on blocks that leave each comparison free at least once.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import splink.comparison_library as cl
from numpy.typing import NDArray
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule
from splink.comparison_level_library import CustomLevel
from splink.comparison_library import CustomComparison

from mse.linkage.field_filters import FEWEST_BITS_OF_A_DATE
from simulations.linkage_data import DataSet
from simulations.linkage_joins import join_components, join_one_to_one
from simulations.linkage_scores import BIN_COLUMNS, POINT_COLUMNS, of_pairs, of_point, of_truth
from simulations.rows import Row

__all__ = ["COLUMNS", "VARIANTS", "ScoredPairs", "row", "scored_pairs"]

THRESHOLDS = (0.5, 0.9)
VARIANTS = tuple(f"{how}_{least}" for how in ("one_to_one", "components") for least in THRESHOLDS)
COLUMNS = (*(f"{variant}_{column}" for variant in VARIANTS for column in POINT_COLUMNS), *BIN_COLUMNS)
LEAST = 0.001  # pairs below this probability are not kept, for the calibration either
MAX_RANDOM_PAIRS = 5e6
MAX_EM_PAIRS = 2e6
AGREES = 0.7  # share of true pairs that agree on two fields, where these are known


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of records of two lists with their match probabilities, the most probable first."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    probability: NDArray[np.float64]


@dataclass(frozen=True)
class _Model:
    """What a user sets: comparisons, blocks to predict in, sure pairs for the prior, blocks to train in."""

    comparisons: Sequence[object]
    blocks: Sequence[object]
    sure: Sequence[object]
    training: Sequence[object]


def row(data: DataSet, *, seed: int) -> Row:
    """Splink's pairs, joined at two thresholds in two ways."""
    pairs = scored_pairs(data, seed=seed)
    found: dict[str, float | str] = {**of_truth(data)}
    for least in THRESHOLDS:
        chosen = pairs.probability >= least
        left, right = pairs.left[chosen], pairs.right[chosen]
        persons = {
            "one_to_one": join_one_to_one(left, right, data.list_of_record),
            "components": join_components(left, right, n_records=len(data.true_person)),
        }
        for how, person in persons.items():
            found |= {f"{how}_{least}_{column}": value for column, value in of_point(person, data).items()}
    return found | dict(of_pairs(pairs.left, pairs.right, pairs.probability, data.true_person))


def scored_pairs(data: DataSet, *, seed: int) -> ScoredPairs:
    """Train the model on these lists and predict."""
    columns = data.linkable.columns
    if "bloom_given_name_n" in columns:
        model, known = _filters(columns), [f"bloom_{name}_n" for name in ("given_name", "family_name", "birth")]
    elif "key_names_date" in columns:
        model, known = _match_keys(columns), []
    else:
        columns = data.written.drop(columns="region")
        model, known = _plain(), ["given_name", "family_name", "birth_date"]
    connection = duckdb.connect(":memory:")
    connection.execute("SET threads = 1").fetchall()
    connection.execute("SET enable_progress_bar = false").fetchall()
    with _quiet():
        linker = _linker(connection, columns, data.list_of_record, model)
        _train(linker, model, recall=_expected(columns, known), seed=seed)
        predicted = linker.inference.predict(threshold_match_probability=LEAST, warning_mode="never")
        frame = connection.sql(
            f"SELECT unique_id_l, unique_id_r, match_weight, match_probability FROM {predicted.physical_name}"
        ).fetchnumpy()
    first, second = (np.asarray(frame[f"unique_id_{side}"], np.int64) for side in "lr")
    left, right = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((right, left, -np.round(np.asarray(frame["match_weight"], np.float64), 9)))
    return ScoredPairs(left[order], right[order], np.asarray(frame["match_probability"], np.float64)[order])


def _linker(
    connection: duckdb.DuckDBPyConnection, columns: pd.DataFrame, list_of_record: NDArray[np.int64], model: _Model
) -> Linker:
    database = DuckDBAPI(connection=connection)
    table = _table(columns)
    tables = [
        database.register(table.filter(pa.array(list_of_record == own)), dataset_display_name=f"list_{own}")
        for own in range(int(list_of_record.max()) + 1)
    ]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=list(model.comparisons),
        blocking_rules_to_generate_predictions=list(model.blocks),
    )
    return Linker(tables, settings, log_level=logging.CRITICAL)


def _train(linker: Linker, model: _Model, *, recall: float, seed: int) -> None:
    training = linker.training
    training.estimate_probability_two_random_records_match(list(model.sure), recall=recall)
    training.estimate_u_using_random_sampling(max_pairs=MAX_RANDOM_PAIRS, seed=seed + 1)
    for rule in model.training:
        training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=MAX_EM_PAIRS)


def _expected(columns: pd.DataFrame, known: Sequence[str]) -> float:
    """Share of true pairs that agree on two fields of three, by how often the fields are filled in at all."""
    if not known:
        return AGREES
    both = float(columns[list(known)].notna().to_numpy().mean()) ** 2
    return AGREES * (3 * both**2 - 2 * both**3)


def _plain() -> _Model:
    names, year = ("given_name", "family_name"), "substr(birth_date, 1, 4)"
    starts = [f"substr({name}, 1, 3)" for name in names]
    return _Model(
        comparisons=(
            *(cl.NameComparison(name) for name in names),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("nationality").configure(term_frequency_adjustments=True),
            cl.ExactMatch("sex"),
        ),
        blocks=(
            *(block_on(field) for field in (*names, "birth_date")),
            *(block_on(start, year) for start in starts),
            block_on(*starts),
        ),
        sure=(*(block_on(name, "birth_date") for name in names), block_on(*names, "nationality")),
        training=(block_on("birth_date"), block_on(*names)),
    )


def _filters(columns: pd.DataFrame) -> _Model:
    """Dice levels that flipped bits leave room for; a birth that is a year alone is compared as such."""
    given, family, birth = (f"bloom_{name}" for name in ("given_name", "family_name", "birth"))
    dated = " AND ".join(f"{birth}_n_{side} >= {FEWEST_BITS_OF_A_DATE}" for side in "lr")
    same_year = f"{_common(birth)} / least({birth}_n_l, {birth}_n_r) >= 0.70"
    date = {
        "same date": f"{dated} AND {_dice(birth)} >= 0.75",
        "one slip away": f"{dated} AND {_dice(birth)} >= 0.60",
        "one of them a year, the same": f"NOT ({dated}) AND {same_year}",
    }
    pairs = {(given, birth): (0.77, 0.75), (family, birth): (0.77, 0.75), (given, family): (0.77, 0.77)}
    sure = [
        CustomRule(_of_rule(f"region_l = region_r AND {_dice(a)} >= {one} AND {_dice(b)} >= {other}"))
        for (a, b), (one, other) in pairs.items()
    ]
    birth_alone = CustomRule(_of_rule(f"region_l = region_r AND {_dice(birth)} >= 0.75"))
    both_names = CustomRule(_of_rule(f"sex_l = sex_r AND {_dice(given)} >= 0.77 AND {_dice(family)} >= 0.77"))
    key = "alike" if "alike" in columns else "everyone"
    return _Model(
        comparisons=(
            *(
                _ladder(name, {f"{least}": f"{_dice(name)} >= {least}" for least in (0.77, 0.65, 0.55)}, f"{name}_n")
                for name in (given, family)
            ),
            _ladder(birth, date, f"{birth}_n"),
            *_categories(columns),
        ),
        blocks=(block_on(key, arrays_to_explode=["alike"] if key == "alike" else None),),
        sure=sure,
        training=(birth_alone, both_names),
    )


def _match_keys(columns: pd.DataFrame) -> _Model:
    """One ladder of keys, the most telling first, since the keys of a record are made of the same names and birth.

    Keys agree by chance so rarely that most random pairs that do are one person. Splink takes them for two persons, and
    its probabilities stay too low; u estimated in the blocks of training as well was worse.
    """
    several = ("key_word_date", "key_pair_year", "key_slip_year")
    single = ("key_names_date", "key_skeletons_date", "key_skeletons_month_day", "key_names_year")
    order = (*single[:2], several[0], *single[2:], *several[1:])
    levels = {key: (_shared(key) if key in several else f"{key}_l = {key}_r") for key in order}
    silent = " AND ".join(f"({key}_l IS NULL OR {key}_r IS NULL)" for key in ("key_word_date", "key_pair_year"))
    return _Model(
        comparisons=(_ladder("names_and_birth", levels, silent=silent), *_categories(columns)),
        blocks=tuple(block_on(key, arrays_to_explode=[key] if key in several else None) for key in order),
        sure=(block_on("key_names_date"), block_on("key_skeletons_date")),
        training=(block_on("key_names_date"), block_on("region", "sex")),
    )


def _categories(columns: pd.DataFrame) -> Iterator[object]:
    for name in ("region", "sex"):
        if name in columns:
            yield cl.ExactMatch(name)


def _ladder(name: str, levels: Mapping[str, str], column: str = "", *, silent: str = "") -> CustomComparison:
    silent = silent or f"{column}_l IS NULL OR {column}_r IS NULL"
    return CustomComparison(
        output_column_name=name,
        comparison_levels=[
            CustomLevel(silent).configure(is_null_level=True),
            *(CustomLevel(f"coalesce({how}, FALSE)", label) for label, how in levels.items()),
            CustomLevel("ELSE"),
        ],
    )


def _shared(key: str) -> str:
    return f"len(list_intersect({key}_l, {key}_r)) > 0"


def _dice(name: str) -> str:
    return f"2 * {_common(name)} / ({name}_n_l + {name}_n_r)"


def _common(name: str) -> str:
    words = " + ".join(f"bit_count({name}_{place}_l & {name}_{place}_r)" for place in range(8))
    return f"(0.0 + {words})"  # DuckDB adds up its one-byte counts in one byte


def _of_rule(condition: str) -> str:
    """A condition of a comparison, `x_l = x_r`, as blocking rules write it, `l.x = r.x`."""
    return " ".join(_as_rule(word) for word in condition.replace("(", "( ").replace(")", " )").split())


def _as_rule(word: str) -> str:
    for side in "lr":
        if word.endswith(f"_{side}"):
            return f"{side}.{word.removesuffix(f'_{side}')}"
    return word


def _table(columns: pd.DataFrame) -> pa.Table:
    arrays: dict[str, pa.Array] = {"unique_id": pa.array(np.arange(len(columns), dtype=np.int64))}
    for name in columns:
        if columns[name].dtype == "Int64":
            arrays[str(name)] = pa.array(columns[name])
            continue
        cells = [cell if isinstance(cell, str | list) else None for cell in columns[name]]
        is_list = any(isinstance(cell, list) for cell in cells)
        arrays[str(name)] = pa.array(cells, pa.list_(pa.string()) if is_list else pa.string())
    return pa.table(arrays)


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink without its log."""
    log = logging.getLogger("splink")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before
