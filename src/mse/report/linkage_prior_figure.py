"""The curve of N-hat against the linkage prior: how much the total rests on the population that linkage assumes."""

import re

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.links import Links
from mse.report.curve_axes import curve_axes
from mse.report.plots import BAR, CREDIBLE, QUIET, RULE

__all__ = ["plot_linkage_prior"]

AT_FACTOR = re.compile(r"n_hat_at_(?P<factor>[0-9.]+)_prior_n")


def plot_linkage_prior(links: Links, *, ax: Axes | None = None) -> Axes:
    """The total that independent lists would give, against the number of persons that the linkage takes for given.

    The linkage joins two records with prior odds of about 1 to N. The dot is at the N that it found itself; the dashed
    line is where the total equals the N assumed. A steep curve means that the total is put in as much as it is found;
    a flat one, that the evidence on pairs decides.

    Parameters
    ----------
    links : Links
        From `mse.link` with several draws, whose diagnostics hold the curve.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        Both axes are in persons.

    Raises
    ------
    BadInput
        When the diagnostics hold no curve.

    References
    ----------
    Tancredi and Liseo (2011), doi:10.1214/10-AOAS447: N and the linkage depend on each other.

    Examples
    --------
    >>> import pandas as pd
    >>> told = {"prior_n": 200.0, "n_hat_at_0.75_prior_n": 180.0, "n_hat_at_1_prior_n": 190.0}
    >>> records = pd.DataFrame({"list": ["a", "b"], "record": ["1", "2"]})
    >>> ax = plot_linkage_prior(Links(records, np.array([[0, 0]], np.int32), ("a", "b"), told))
    >>> ax.lines[0].get_xydata().tolist()
    [[150.0, 180.0], [200.0, 190.0]]
    """
    curve = _curve(links)
    axes = curve_axes(ax)
    (line,) = axes.plot(curve[:, 0], curve[:, 1], color=BAR, marker="o", markersize=4, linewidth=1.6)
    at = int(np.abs(curve[:, 0] - links.diagnostics["prior_n"]).argmin())
    axes.plot(*curve[at], marker="o", markersize=9, color=BAR, zorder=3)
    axes.annotate(
        "drawn with the linkage", curve[at], (8, -9), textcoords="offset points", va="top", color=QUIET, fontsize=9
    )
    least, most = float(curve.min()), float(curve.max())
    room = 0.08 * (most - least)
    axes.axline((least, least), slope=1, color=CREDIBLE, linewidth=1.2, linestyle=(0, (4, 3)))
    where = least + 0.85 * (most - least)
    axes.annotate(
        "total = N assumed", (where, where), (-9, 0), textcoords="offset points", ha="right", color=CREDIBLE, fontsize=9
    )
    axes.set_xlim(float(curve[:, 0].min()) - room, float(curve[:, 0].max()) + room)
    axes.set_ylim(least - room, most + room)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("persons in the population that the linkage takes for given")
    axes.set_ylabel("total of independent lists (persons)")
    axes.set_title("The total against the linkage prior", loc="left", fontsize=11)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    line.set_zorder(2.5)
    return axes


def _curve(links: Links) -> NDArray[np.float64]:
    """N taken for given and the total, ascending, shape (n_points, 2)."""
    prior_n = links.diagnostics.get("prior_n")
    found = [
        (float(match["factor"]) * prior_n, value)
        for name, value in links.diagnostics.items()
        if prior_n is not None and (match := AT_FACTOR.fullmatch(name))
    ]
    if len(found) < 2:
        raise BadInput("the links hold no curve of totals by linkage prior; link with several draws, as n_draws=100")
    return np.array(sorted(found))
