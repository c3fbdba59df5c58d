"""Coverage study: Chan, Silverman and Vincent (2021), section 3.4, doi:10.1080/01621459.2019.1708748, and beyond.

The truth is the model that stepwise choice ends in on the five-list UK table, with its fitted total and probabilities.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mse.errors import BadInput
from mse.progress import progress
from simulations.methods import METHODS, columns_of
from simulations.rows import Rows
from simulations.truth import Truth

__all__ = ["CHUNK", "DATA_SETS", "N_BOOT", "TRUTH", "rows_of", "run"]

DATA_SETS = 500
N_BOOT = 1000
CHUNK = 10
TRUTH = Truth("UKdat_5", "[LA,NG][LA,PFNCA][NG,GO][NG,GP][PFNCA,GP][GO,GP]", seed=20210)


def rows_of(name: str, folder: Path, *, truth: Truth = TRUTH, n_boot: int = N_BOOT) -> Rows:
    """The file of one method."""
    if name not in METHODS:
        raise BadInput.option("method", name, METHODS)
    method = METHODS[name]
    settings: dict[str, object] = {"method": name, **truth.told()}
    if method.resamples:
        settings["n_boot"] = n_boot
    return Rows(folder / "coverage" / f"{name}.csv", columns_of(method), settings)


def run(
    names: Sequence[str],
    folder: Path,
    *,
    data_sets: int = DATA_SETS,
    truth: Truth = TRUTH,
    n_boot: int = N_BOOT,
    n_jobs: int = 1,
) -> None:
    """Complete the files of these methods up to a number of data sets."""
    for name in names:
        make = partial(METHODS[name].row, truth, n_boot=n_boot)
        with progress(name, total=data_sets) as bar:
            rows = rows_of(name, folder, truth=truth, n_boot=n_boot)
            rows.complete(make, range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)
