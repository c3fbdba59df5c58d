"""Axes of a total against something that was chosen: persons upwards, as both kinds of curve show them."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from mse.report.plots import LOG_FROM_RATIO, RULE

__all__ = ["BAND", "curve_axes", "scale_persons"]

BAND = 0.18  # opacity


def curve_axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    return plt.subplots(figsize=(6.4, 3.8), layout="constrained")[1] if ax is None else ax


def scale_persons(axes: Axes, lowest: float, highest: float) -> None:
    """Persons on the vertical axis, logarithmic where what is drawn is far apart."""
    if highest >= LOG_FROM_RATIO * lowest:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_yticks(_ticks(lowest, highest))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("persons")
    axes.grid(axis="y", color=RULE)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between the ends."""
    steps = [step * 10.0**power for power in range(-1, 16) for step in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]
