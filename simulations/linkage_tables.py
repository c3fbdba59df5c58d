"""The table of the linkage study, from its rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from simulations import linkage
from simulations.accuracy import Figure
from simulations.markdown import table, with_error

__all__ = ["linkage_part"]

HEAD = (
    *("lists", "data sets", "left out, %", "precision", "recall", "F1"),
    *("distinct persons, error in %", "95 % interval covers, %", "N of independent lists, error in %", "refused"),
)


def linkage_part(folder: Path) -> str:
    """Markdown of the study."""
    lines = []
    for name, setting in linkage.SETTINGS.items():
        frame = linkage.rows_of(name, folder).frame()
        if "refused" in frame and not frame.empty:
            lines.append([f"`{name}`", str(len(frame)), *_cells(frame, setting.n_lists * setting.list_size)])
    return table(HEAD, lines) if lines else "No rows yet.\n"


def _cells(frame: pd.DataFrame, n_records: int) -> list[str]:
    linked = frame[frame["refused"].isna()]
    truth = linked["n_persons_true"]
    covers = (linked["n_persons_low"] <= truth) & (truth <= linked["n_persons_high"])
    return [
        with_error(_mean(100 * linked["n_left_out"] / n_records), 1),
        *(with_error(_mean(linked[score]), 3) for score in ("precision", "recall", "f1")),
        with_error(_mean(100 * (linked["n_persons"] / truth - 1)), 2, sign=True),
        with_error(_mean(100.0 * covers), 0),
        with_error(_mean(100 * (linked["n_hat"] / linked["n_hat_perfect"] - 1)), 1, sign=True),
        str(len(frame) - len(linked)),
    ]


def _mean(values: pd.Series) -> Figure:
    """Mean and its standard error over the data sets; the error is NaN for one data set."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Figure(float(values.mean()), spread / np.sqrt(len(values)))
