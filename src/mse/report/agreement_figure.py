"""The agreement chart: persons whom each two lists share, found by the linkage and expected of independent lists."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mse.errors import BadInput
from mse.report.plots import BAR, CREDIBLE, QUIET, RULE

__all__ = ["plot_agreement"]

COLUMNS = {"list_a", "list_b", "found", "low", "high", "expected"}
ROW = 0.24  # inches for two lists


def plot_agreement(overlaps: pd.DataFrame, *, n_top: int = 40, ax: Axes | None = None) -> Axes:
    """Persons whom each two lists share over the draws of the linkage, beside what independent lists would share.

    A pair far to the right of its diamond has lists that refer persons to each other, or too many links; one far to the
    left has lists of different persons, or links that were missed.

    Parameters
    ----------
    overlaps : DataFrame
        From `mse.linkage.list_overlaps`.
    n_top : int
        How many pairs of lists to draw: those with the largest number, found or expected.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The horizontal axis is in persons.

    Raises
    ------
    BadInput
        When the frame is none of `list_overlaps`.

    Examples
    --------
    >>> overlaps = {"list_a": ["a"], "list_b": ["b"], "found": [12.0], "low": [10.0], "high": [15.0], "expected": [7.5]}
    >>> ax = plot_agreement(pd.DataFrame(overlaps))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['a and b']
    """
    missing = sorted(COLUMNS - set(overlaps.columns))
    if missing or not len(overlaps):
        told = f"has no column {', '.join(missing)}" if missing else "has no row"
        raise BadInput(f"the frame {told}; give what mse.linkage.list_overlaps returned")
    size = np.maximum(overlaps["found"], overlaps["expected"])
    drawn = overlaps.assign(size=size).sort_values(["size", "list_a", "list_b"], ascending=[False, True, True])[:n_top]
    figure_size = (6.8, 1.5 + ROW * len(drawn))
    axes = plt.subplots(figsize=figure_size, layout="constrained")[1] if ax is None else ax
    rows = np.arange(len(drawn))
    axes.hlines(rows, drawn["low"], drawn["high"], color=BAR, linewidth=2.2)
    axes.plot(drawn["found"], rows, "o", color=BAR, markersize=5, label="found: median and 95 % of the draws")
    axes.plot(
        drawn["expected"], rows, "D", color=CREDIBLE, markersize=5, fillstyle="none", label="expected if independent"
    )
    axes.set_yticks(rows, [f"{a} and {b}" for a, b in zip(drawn["list_a"], drawn["list_b"], strict=True)], fontsize=8.5)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    most = max(1.0, float(drawn[["high", "expected"]].to_numpy().max()))
    axes.set_xlim(-0.02 * most, 1.04 * most)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("persons on both lists")
    axes.set_title("Persons whom two lists share", loc="left", fontsize=11, pad=36)
    axes.legend(
        frameon=False, fontsize=8.5, labelcolor=QUIET, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2
    )
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return axes
