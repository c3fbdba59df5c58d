"""Published limits recomputed with many seeds, kept on disk as they come, and compared."""

import json
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd

from mse.datasets import load_dataset
from mse.errors import BadInput
from mse.progress import progress
from mse.provenance import record
from mse.reproduce.comparing import compare_limits, published_limits
from mse.reproduce.figures import draw_figures
from mse.reproduce.tasks import TASKS, Task, limits_of
from mse.writing import write_text

__all__ = ["rerun"]

COLUMNS = ("task", "seed", "quantity", "n_top", "ordering", "value")
SEEDS = "seeds.csv"
RUN = "run.json"
COMPARISON = "comparison.csv"
DIGITS = 6  # kept of each number, in persons far below what is printed


def rerun(
    work: str, *, n_seeds: int = 20, n_boot: int = 1000, out: Path | None = None, n_jobs: int = 1
) -> pd.DataFrame:
    """Recompute the limits of a publication with the seeds 1 to `n_seeds`, and compare.

    One seed moves a limit by ten per cent, and theirs is not known; hence many seeds, and a rule that says which
    published limit could have come from another one. Nothing is read but the tables that come with the package.

    Parameters
    ----------
    work : {"scv2024", "csv2021"}
    n_seeds : int
        Two or more; two are enough for a look.
    n_boot : int
        Resamples for each seed; 1000 in both papers.
    out : Path, optional
        Folder for ``seeds.csv`` (every number of every seed), ``run.json`` (versions and digests of the tables),
        ``comparison.csv`` and, for scv2024, ``figure1.svg`` to ``figure4.svg`` and the same as PNG. A run that was
        stopped goes on from there. None keeps nothing.
    n_jobs : int
        Workers for the resamples; the result does not depend on it.

    Returns
    -------
    DataFrame
        What `compare_limits` says of each published number.

    Raises
    ------
    BadInput
        For an unknown publication, less than two seeds, and a folder that holds the results of another run.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9; Chan, Silverman and Vincent (2021),
    doi:10.1080/01621459.2019.1708748.

    Examples
    --------
    >>> from mse.reproduce import rerun
    >>> table = rerun("csv2021", n_seeds=2, n_boot=50)
    >>> table.loc[table.quantity == "n_hat", ["published", "ours", "verdict"]].round(1).values.tolist()[0]
    [1184.0, 1183.7, 'agrees']
    """
    if work not in TASKS:
        raise BadInput.unknown("publication with resamples", work, TASKS)
    if n_seeds < 2:
        raise BadInput(f"n_seeds={n_seeds!r} shows no spread between seeds; use 2 or more, 20 for the comparison")
    kept = _Kept.at(out, work, n_boot)
    steps = [(task, seed) for seed in range(1, n_seeds + 1) for task in TASKS[work]]
    done = set(zip(kept.results["task"], kept.results["seed"], strict=True))
    with progress(f"recomputing {work}", total=len(steps)) as bar:
        for task, seed in steps:
            if any((name, seed) not in done for name in task.names):
                kept = kept.with_seed(task, seed, n_jobs)
            bar.advance()
    results = kept.results[kept.results["seed"] <= n_seeds]
    compared = compare_limits([one for one in published_limits() if one.work == work], results, n_boot=n_boot)
    if out is not None:
        write_text(out / COMPARISON, compared.to_csv(index=False, lineterminator="\n", float_format=f"%.{DIGITS}f"))
        if work == "scv2024":
            draw_figures(results, out)
    return compared


@dataclass(frozen=True, eq=False)
class _Kept:
    """The numbers so far, in memory and, with a folder, on disk."""

    results: pd.DataFrame
    n_boot: int
    out: Path | None

    @classmethod
    def at(cls, out: Path | None, work: str, n_boot: int) -> "_Kept":
        """What an earlier run of the same kind left in the folder, or nothing."""
        empty = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
        if out is None:
            return cls(empty, n_boot, None)
        run = _run(work, n_boot)
        if (out / RUN).exists():
            found = json.loads((out / RUN).read_text("utf-8"))
            other = [name for name, value in run.items() if found.get(name) != value]
            if other:
                raise BadInput(
                    f"{out} holds the results of another run, which differs in {', '.join(other)}; give another folder"
                )
        else:
            write_text(out / RUN, json.dumps(run, indent=1) + "\n")
        if not (out / SEEDS).exists():
            return cls(empty, n_boot, out)
        text = (out / SEEDS).read_text("utf-8")
        return cls(pd.read_csv(StringIO(text), dtype={"seed": int, "n_top": float, "value": float}), n_boot, out)

    def with_seed(self, task: Task, seed: int, n_jobs: int) -> "_Kept":
        """One task and seed more, on disk before anything else is begun."""
        found = limits_of(task, seed=seed, n_boot=self.n_boot, n_jobs=n_jobs)
        rows = [
            (name, seed, one.quantity, one.n_top, one.ordering, round(one.value, DIGITS))
            for name, ones in found.items()
            for one in ones
        ]
        new = pd.DataFrame(rows, columns=COLUMNS)
        results = pd.concat([self.results, new], ignore_index=True) if len(self.results) else new
        if self.out is not None:
            text = results.assign(n_top=[_short(value) for value in results["n_top"]])
            write_text(self.out / SEEDS, text.to_csv(index=False, lineterminator="\n"))
        return _Kept(results, self.n_boot, self.out)


def _run(work: str, n_boot: int) -> dict[str, object]:
    """What makes two runs the same: versions, resamples, and the tables by digest."""
    tables = dict.fromkeys(task.dataset for task in TASKS[work])
    return {
        "work": work,
        "n_boot": n_boot,
        "versions": record()["versions"],
        "input_sha256": {name: load_dataset(name).sha256 for name in tables},
    }


def _short(n_top: float) -> str:
    return str(int(n_top)) if isfinite(n_top) else str(np.inf)
