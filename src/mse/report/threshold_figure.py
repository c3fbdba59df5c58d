"""The figure of a threshold curve: the total if records were joined once, against the threshold."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mse.errors import BadInput
from mse.estimate import Estimate
from mse.report.curve_axes import BAND, curve_axes, scale_persons
from mse.report.plots import BAR, CONFIDENCE, CREDIBLE, INK, QUIET

__all__ = ["plot_thresholds"]

COLUMNS = {"threshold", "n_hat", "low", "high"}


def plot_thresholds(curve: pd.DataFrame, *, pooled: Estimate | None = None, ax: Axes | None = None) -> Axes:
    """The estimate at every threshold of the linkage, and beside it the one pooled over all draws.

    Parameters
    ----------
    curve : DataFrame
        From `mse.propagation.threshold_curve`. A threshold without an estimate leaves a gap.
    pooled : Estimate, optional
        From `propagate`; its interval at the level of the curve is a band over the whole width.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The vertical axis is in persons, logarithmic where the limits are far apart.

    Raises
    ------
    BadInput
        When the frame is no threshold curve, or no threshold has an estimate.

    Examples
    --------
    >>> curve = pd.DataFrame({"threshold": [0.5, 0.9], "n_hat": [90, 97], "low": [80, 85], "high": [110, 120]})
    >>> ax = plot_thresholds(curve.assign(level=0.95))
    >>> ax.get_ylabel()
    'persons'
    """
    missing = sorted((COLUMNS | {"level"}) - set(curve.columns))
    if missing:
        raise BadInput(f"the frame has no column {', '.join(missing)}; give what threshold_curve returned")
    if not curve["n_hat"].notna().any():
        raise BadInput("no threshold of the curve has an estimate; use lower thresholds or a simpler model")
    axes = curve_axes(ax)
    drawn = curve.sort_values("threshold").astype({name: float for name in COLUMNS})
    axes.fill_between(drawn["threshold"], drawn["low"], drawn["high"], color=BAR, alpha=BAND, linewidth=0)
    axes.plot(drawn["threshold"], drawn["n_hat"], color=BAR, marker="o", markersize=3.5, linewidth=1)
    if pooled is not None:
        ends = pooled.interval(float(curve["level"].iloc[0]))
        axes.axhspan(
            ends.low, ends.high, color=CREDIBLE if ends.is_credible else CONFIDENCE, alpha=BAND / 2, linewidth=0
        )
        axes.axhline(pooled.n_hat, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(" pooled", (1, pooled.n_hat), xycoords=("axes fraction", "data"), color=QUIET, fontsize=9)
    tops = drawn[["n_hat", "high"]].to_numpy()
    scale_persons(axes, float(drawn["low"].min()), float(tops[np.isfinite(tops)].max()))
    axes.set_xlabel("share of draws in which two records must be one person")
    axes.set_title("The total by threshold of the linkage", loc="left", fontsize=11)
    return axes
