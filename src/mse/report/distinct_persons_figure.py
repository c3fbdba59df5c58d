"""The histogram of the number of distinct persons over the draws of the linkage."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mse.errors import BadInput
from mse.links import Links
from mse.report.curve_axes import BAND, curve_axes
from mse.report.plots import BAR, INK, QUIET, RULE

__all__ = ["plot_distinct_persons"]

MOST_BARS = 30


def plot_distinct_persons(links: Links, *, level: float = 0.95, ax: Axes | None = None) -> Axes:
    """How many distinct persons are on the lists: the share of the linkage draws by number of persons.

    The dashed line is the median, the band the equal-tailed interval. Persons on no list are not in it.

    Parameters
    ----------
    links : Links
        Two draws or more.
    level : float
        Level of the interval.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The horizontal axis is in persons, the vertical one in per cent of the draws.

    Raises
    ------
    BadInput
        For a single draw, which has no distribution.

    References
    ----------
    Sadinle (2014), doi:10.1214/14-AOAS779: a posterior of the number of distinct persons by drawing partitions.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"list": ["a", "a", "b"], "record": ["1", "2", "1"]})
    >>> ax = plot_distinct_persons(Links(records, np.array([[0, 1, 0], [0, 1, 1], [0, 1, 2]], np.int32), ("a", "b")))
    >>> [round(bar.get_height()) for bar in ax.patches if bar.get_label() == "share"]
    [67, 33]
    """
    if links.n_draws < 2:
        raise BadInput("one draw has no distribution of the number of persons; link with n_draws=100")
    axes = curve_axes(ax)
    low, high = int(links.n_persons.min()), int(links.n_persons.max())
    width = max(1, -(-(high - low + 1) // MOST_BARS))
    starts = np.arange(low, high + 1, width)
    share = np.bincount((links.n_persons - low) // width, minlength=len(starts)) * 100 / links.n_draws
    interval = links.distinct_persons(level)
    axes.axvspan(interval.low - 0.5, interval.high + 0.5, color=BAR, alpha=BAND, linewidth=0)
    bars = axes.bar(starts + (width - 1) / 2, share, width=0.86 * width, color=BAR)
    for bar in bars:
        bar.set_label("share")
    median = float(np.median(links.n_persons))
    axes.axvline(median, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    told = f"median {median:,.0f}; {100 * level:g} %: {interval.low:,.0f} to {interval.high:,.0f}"
    axes.annotate(told, (1, 1.02), xycoords="axes fraction", ha="right", va="bottom", color=QUIET, fontsize=9)
    axes.set_ylim(0, 1.08 * share.max())
    axes.set_xlim(low - 1.5 * width, high + 1.5 * width)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("distinct persons on the lists")
    axes.set_ylabel(f"per cent of {links.n_draws:,} draws")
    axes.set_title("Distinct persons", loc="left", fontsize=11)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
