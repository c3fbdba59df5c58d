"""The tables of the study of `bayes_threshold`, from its rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from simulations import thresholding
from simulations.accuracy import covered, mean, root_mean_square
from simulations.markdown import table, with_error

__all__ = ["thresholding_part"]

ALIKE = 0.95
SEEDS_HEAD = (
    *("table", "priors", "largest interaction", "seeds", "kept", "share of the seeds, %", "chance told", "N, median"),
    *("95 %, medians", "most frequent set, at least 95 %"),
)
RECOVERY_HEAD = (
    *("truth", "data sets", "true kept, % of the sets", "a false one kept, %", "RMSE of log N", "bias of log N"),
    *("95 % covers, %", "80 % covers, %", "95 % high / low, median", "refused"),
)


def thresholding_part(folder: Path) -> str:
    """Markdown of both tables."""
    seeds = [line for name in thresholding.TABLES for line in _seeds(name, folder)]
    recovery = [line for name in thresholding.TRUTHS for line in _recovery(name, folder)]
    parts = [table(SEEDS_HEAD, seeds) if seeds else "No rows of seeds yet.\n"]
    parts.append(table(RECOVERY_HEAD, recovery) if recovery else "No rows of recovery yet.\n")
    return "\n".join(parts)


def _seeds(name: str, folder: Path) -> list[list[str]]:
    """One line for each set that was kept, the most frequent first."""
    frame, about = thresholding.seeds_rows(name, folder).frame(), thresholding.TABLES[name]
    if frame.empty:
        return []
    sets = sorted(frame.groupby("model"), key=lambda one: (-len(one[1]), one[0]))
    most = len(sets[0][1]) / len(frame)
    lines = []
    for model, rows in sets:
        low, middle, high = (f"{rows[column].median():,.0f}" for column in ("low", "n_hat", "high"))
        share, told = len(rows) / len(frame), rows["same_set_probability"].median()
        lines.append(
            [
                *(about.dataset, about.prior, str(about.max_order), str(len(frame)), str(model)),
                *(f"{100 * share:.0f}", f"{100 * told:.0f} %", middle, f"{low} to {high}"),
                "yes" if most >= ALIKE else "NO",
            ]
        )
    return lines


def _recovery(name: str, folder: Path) -> list[list[str]]:
    frame = thresholding.recovery_rows(name, folder).frame()
    found = frame[frame["n_hat"].notna()] if len(frame) else frame
    if len(found) < 2:
        return []
    n_true = sum(len(term) == 2 for term in thresholding.TRUTHS[name])
    all_true = (found["kept_true"] == n_true).to_numpy(np.float64)
    off = np.log(found["n_hat"].to_numpy() / thresholding.N)
    words = ", ".join(f"{term} {size:+g}" for term, size in thresholding.TRUTHS[name].items())
    return [
        [
            words or "independent lists",
            str(len(frame)),
            with_error(mean(all_true).times(100), 0) if n_true else "–",
            with_error(mean((found["kept_false"] > 0).to_numpy(np.float64)).times(100), 0),
            with_error(root_mean_square(off), 3),
            with_error(mean(off), 3, sign=True),
            *(_covers(found, *ends) for ends in (("low", "high"), ("low_80", "high_80"))),
            f"{(found['high'] / found['low']).median():.2f}",
            str(int(frame["refused"].notna().sum())),
        ]
    ]


def _covers(frame: pd.DataFrame, low: str, high: str) -> str:
    return with_error(mean(covered(frame[low], frame[high], thresholding.N)).times(100), 0)
