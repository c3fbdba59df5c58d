"""Spark in the place of DuckDB, for lists whose candidate pairs outgrow one machine: the extra `[spark]`, on Java 17.

Texts are compared by DuckDB's own functions, run batch by batch inside Spark's workers: the functions that Splink
ships for Spark are others, and put some pairs on the other side of a cut.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from shutil import rmtree, which
from tempfile import mkdtemp
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.conditions import ALIKE

__all__ = ["Spark", "check_spark"]

DRIVER_MEMORY = "4g"
LEFT_BY_SPLINK = "__splink__"


def check_spark() -> None:
    """Refuse where PySpark or Java is missing.

    Raises
    ------
    BadInput
        With what is missing and how to get it.
    """
    way_out = "or leave backend at 'duckdb'"
    if find_spec("pyspark") is None:
        raise BadInput(
            f"backend='spark' needs PySpark, which is not here; install this package with [spark], {way_out}"
        )
    home = os.environ.get("JAVA_HOME", "")
    if not (which("java") or (home and which("java", path=os.path.join(home, "bin")))):
        raise BadInput(
            f"backend='spark' needs Java, and no java is on PATH or in JAVA_HOME; install Java 17, {way_out}"
        )


class Spark:
    """A session of Spark on which Splink makes pairs: the one at work, such as a cluster's, or one on this machine.

    Used as a context. What a session on this machine writes to disk lies in a folder that only its owner can read
    and that is removed at the end; on a cluster it lies where the cluster keeps its own.

    Parameters
    ----------
    n_threads : int
        Cores of a session on this machine.
    """

    def __init__(self, *, n_threads: int) -> None:
        check_spark()
        self.n_threads = n_threads
        self.folder = ""

    def __enter__(self) -> "Spark":
        with _quiet_about_pandas():
            from pyspark.sql import SparkSession

            self.session: Any = SparkSession.getActiveSession() or self._own_session(SparkSession)
            try:
                for name, (returned, function) in ALIKE.items():
                    self.session.udf.register(name, _text_function(function, returned))
            except BaseException:
                self._leave()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def database(self) -> Any:
        """Spark as Splink wants it."""
        from splink.backends.spark import SparkAPI

        return SparkAPI(spark_session=self.session, break_lineage_method="persist", register_udfs_automatically=False)

    def fetch(self, sql: str) -> dict[str, NDArray[Any]]:
        """The answer of a query, column by column."""
        with _quiet_about_pandas():
            table: pa.Table = self.session.sql(sql).toArrow()
        return {name: np.asarray(table.column(name)) for name in table.column_names}

    def _leave(self) -> None:
        """Stop a session of our own; of another one take away what was put into it."""
        if self.folder:
            self.session.stop()
            rmtree(self.folder, ignore_errors=True)
            return
        for table in self.session.catalog.listTables():
            if table.isTemporary and table.name.startswith(LEFT_BY_SPLINK):
                self.session.catalog.uncacheTable(table.name)
                self.session.catalog.dropTempView(table.name)

    def _own_session(self, session: Any) -> Any:
        self.folder = mkdtemp(prefix="mse-spark-")
        builder = (
            session.builder.master(f"local[{self.n_threads}]")
            .appName("mse")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.local.dir", self.folder)
            .config("spark.sql.warehouse.dir", os.path.join(self.folder, "warehouse"))
            .config("spark.sql.shuffle.partitions", str(2 * self.n_threads))
            .config("spark.driver.memory", DRIVER_MEMORY)
        )
        # The workers are started by what PYSPARK_PYTHON said when the session began, python3 on PATH by default.
        before = os.environ.get("PYSPARK_PYTHON")
        os.environ["PYSPARK_PYTHON"] = before or sys.executable
        try:
            made = builder.getOrCreate()
        finally:
            if before is None:
                del os.environ["PYSPARK_PYTHON"]
        made.sparkContext.setLogLevel("ERROR")
        return made


def _text_function(function: str, returned: str) -> Any:
    """One of DuckDB's functions of two texts, for Spark."""
    from pyspark.sql.functions import arrow_udf

    def compared(left: pa.Array, right: pa.Array) -> pa.Array:
        # It runs in Spark's workers, which know nothing of this module.
        import duckdb
        import pyarrow as pa

        pairs = pa.table({"place": range(len(left)), "a": left.cast(pa.string()), "b": right.cast(pa.string())})
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.register("pairs", pairs)
            alike = connection.sql(f"SELECT {function}(a, b) AS alike FROM pairs ORDER BY place").to_arrow_table()
        return alike.column("alike").combine_chunks()

    return arrow_udf(compared, returned)


@contextmanager
def _quiet_about_pandas() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield
