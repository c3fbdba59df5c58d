"""Spark in the place of DuckDB: the same pairs, the same links, and a clear word where it cannot be had."""

from importlib.util import find_spec
from shutil import which

import numpy as np
import pyarrow as pa
import pytest

from mse.errors import BadInput
from mse.linkage import link, linking, spark
from mse.linkage.candidates import Workbench
from mse.linkage.conditions import Contained, Dice, Near, OneSlip, Shares
from mse.linkage.ladders import ladders
from mse.linkage.linkable import Linkable, linkable_encoded, linkable_plain
from mse.linkage.weights import starting_weights
from mse.pseudonyms import Key, encode
from simulations.linkage_lists import Lists, Setting

KEY = Key("SYNTHETIC-spark", bytes(range(32)))


def lists() -> Lists:
    return Setting("small", 200, 3, 100, missing=0.1).lists(np.random.default_rng(4))


def test_without_pyspark_or_java_a_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for Spark and lacks a part of it is told which one, before anything is read or compared."""
    registers = lists().registers
    monkeypatch.setattr(spark, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs PySpark, which is not here; install this package with \[spark\]"):
        link(registers, seed=1, n_draws=1, backend="spark")
    monkeypatch.setattr(spark, "find_spec", lambda name: "found")
    monkeypatch.setattr(spark, "which", lambda *name, **path: None)
    with pytest.raises(BadInput, match="needs Java, and no java is on PATH"):
        link(registers, seed=1, n_draws=1, backend="spark")
    with pytest.raises(BadInput, match="backend='dask' is not offered; use one of 'duckdb', 'spark'"):
        link(registers, seed=1, n_draws=1, backend="dask")  # type: ignore[arg-type]


def test_conditions_in_the_words_of_spark() -> None:
    """What DuckDB and Spark call differently, by condition."""
    assert Near("name", 0.9).sql("spark") == "coalesce(mse_jaro_winkler(name_l, name_r) >= 0.9, FALSE)"
    assert (
        OneSlip("duf", several=True).sql("spark") == "coalesce(mse_damerau_levenshtein(duf_l[0], duf_r[0]) <= 1, FALSE)"
    )
    assert Shares("duf").sql("spark") == "coalesce(size(array_intersect(duf_l, duf_r)) >= 1, FALSE)"
    for condition in (Dice("a", "b", 0.8), Contained("a", 0.8)):
        assert condition.sql("spark") == condition.sql("duckdb")


needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or which("java") is None, reason="needs PySpark (the extra [spark]) and Java 17"
)


@pytest.mark.slow
@needs_spark
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_finds_what_duckdb_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain names and similar filters: the same pairs with the same levels, and in the end the same links."""
    own = lists()
    encoded = [encode(register, key=KEY, project=KEY.project, encoding="bloom") for register in own.registers]
    for linkable in (linkable_plain(own.registers, fields=None), linkable_encoded(encoded, fields=None)):
        ladder = ladders(linkable.comparisons)
        weights = starting_weights(linkable.comparisons, ladder, n_records=len(linkable.records))
        local = bench_of(linkable, None)
        rules = local.choose_rules()
        expected = local.score(rules, weights)
        levels, n_pairs = local.within_lists(seed=1)
        near = pa.array([[row // 2] for row in range(len(linkable.records))])
        with spark.Spark(n_threads=2) as session:
            remote = bench_of(linkable, session)
            assert remote.choose_rules() == rules
            found = remote.score(rules, weights)
            its_levels, its_n_pairs = remote.within_lists(seed=1)
            again = remote.compared(near)
        assert len(expected) > 100
        for one, other in ((expected, found), (local.compared(near), again)):
            assert np.array_equal(one.left, other.left)
            assert np.array_equal(one.right, other.right)
            assert np.array_equal(one.levels, other.levels)
        assert np.array_equal(levels, its_levels)
        assert np.array_equal(n_pairs, its_n_pairs)
    monkeypatch.setattr(linking, "ALL_PAIRS", 0)
    for registers in (own.registers, encoded):
        by_duckdb = link(registers, seed=1, n_draws=4)
        by_spark = link(registers, seed=1, n_draws=4, backend="spark", n_jobs=2)
        assert by_duckdb.n_persons.min() < by_duckdb.n_records
        assert np.array_equal(by_duckdb.persons, by_spark.persons)


def bench_of(linkable: Linkable, session: spark.Spark | None) -> Workbench:
    return Workbench(
        linkable.columns,
        linkable.list_of_record,
        linkable.comparisons,
        ladders(linkable.comparisons),
        n_threads=1,
        spark=session,
    )
