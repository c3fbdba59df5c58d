"""The table of the study of strata, from its rows."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulations import strata
from simulations.accuracy import Figure, covered, mean, root_mean_square, root_mean_square_difference
from simulations.markdown import table, with_error

__all__ = ["strata_part"]

SAYS = {"partial": "pooled in part", "separate": "each stratum alone", "complete": "all as one population"}
HEAD = (
    *("strata", "method", "data sets", "RMSE of log N of a stratum", "less that of pooled in part"),
    *("of the three smallest", "RMSE of log of the sum", "bias of log of the sum", "95 % covers a stratum, %"),
    *("95 % covers the sum, %", "95 % high / low of the sum, median", "refused"),
)
N_SMALL = 3


def strata_part(folder: Path) -> str:
    """Markdown of the study; errors are over the data sets, since strata of one data set are estimated together."""
    lines = []
    for name in strata.SETTINGS:
        frame = strata.rows_of(name, folder).frame()
        if len(frame) > 1:
            sizes = np.array(strata.SETTINGS[name].sizes)
            lines += [[name, SAYS[method], str(len(frame)), *_cells(frame, method, sizes)] for method in strata.METHODS]
    return table(HEAD, lines) if lines else "No rows yet.\n"


def _cells(frame: pd.DataFrame, method: str, sizes: NDArray[np.int64]) -> list[str]:
    errors, base = _squares(frame, method, sizes), _squares(frame, "partial", sizes)
    # Compared on the strata that both have: those that a method refuses are not the easy ones.
    base = np.where(np.isnan(errors), np.nan, base)
    both = ~(np.isnan(errors).all(axis=1) | np.isnan(base).all(axis=1))
    common = np.where(np.isnan(base), np.nan, errors)
    small = np.argsort(sizes)[:N_SMALL]
    roots, alike, base_roots = (np.sqrt(np.nanmean(part[both], axis=1)) for part in (errors, common, base))
    of_sum = frame[f"{method}_total_n_hat"]
    found = of_sum.notna()
    off = np.log(of_sum[found].to_numpy() / sizes.sum())
    ends = frame[[f"{method}_total_low", f"{method}_total_high"]].to_numpy()[found]
    held = np.mean(
        [covered(frame[f"{method}_{s}_low"], frame[f"{method}_{s}_high"], size) for s, size in enumerate(sizes)],
        axis=0,
    )
    held_sum = covered(frame[f"{method}_total_low"], frame[f"{method}_total_high"], int(sizes.sum()))
    apart = "" if method == "partial" else with_error(root_mean_square_difference(alike, base_roots), 3, sign=True)
    return [
        with_error(root_mean_square(roots), 3),
        apart,
        with_error(root_mean_square(np.sqrt(np.nanmean(errors[both][:, small], axis=1))), 3),
        with_error(root_mean_square(off), 3),
        with_error(mean(off), 3, sign=True),
        with_error(mean(held).times(100), 1),
        with_error(_share(held_sum), 0),
        f"{np.median(ends[:, 1] / ends[:, 0]):.2f}",
        str(int(frame[f"{method}_refused"].notna().sum())),
    ]


def _squares(frame: pd.DataFrame, method: str, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared errors of log N, shape (data sets, strata); NaN where there is no estimate."""
    n_hats = frame[[f"{method}_{s}_n_hat" for s in range(len(sizes))]].to_numpy(dtype=np.float64)
    return np.log(n_hats / sizes) ** 2


def _share(held: NDArray[np.float64]) -> Figure:
    """Per cent with its binomial error, which is not 0 where all or none are held (Agresti and Coull 1998)."""
    value, n = float(held.mean()), len(held)
    drawn_in = (held.sum() + 2) / (n + 4)
    return Figure(100 * value, float(100 * np.sqrt(drawn_in * (1 - drawn_in) / (n + 4))))
