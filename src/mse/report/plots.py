"""Figures: an UpSet plot, overlaps, estimates side by side. Drawn on matplotlib axes, for notebooks and the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isinf

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mse.errors import BadInput
from mse.estimate import Estimate
from mse.histories import CaptureHistories, History
from mse.report.suppression import Shown, protect_histories

__all__ = ["Combination", "Point", "draw_estimates", "draw_upset", "plot_estimates", "plot_overlaps", "plot_upset"]

INK, QUIET, RULE = "#1d2b36", "#5a6b78", "#d5dce1"
BAR, EMPTY_DOT, CONFIDENCE, CREDIBLE = "#2b5d7d", "#dfe5e9", "#2b5d7d", "#8a4b2d"
LOG_FROM_RATIO = 8.0  # a linear axis hides the short intervals beside one this many times as high

type Words = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Combination:
    """Persons with one capture history."""

    history: History
    count: int


@dataclass(frozen=True, slots=True)
class Point:
    """An estimate in a figure: point and interval in persons; `high` may be infinite."""

    name: str
    n_hat: float
    low: float
    high: float
    is_credible: bool
    is_main: bool = False


def combinations_shown(histories: CaptureHistories, shown: Shown, n_top: int) -> tuple[Combination, ...]:
    """The largest combinations of lists that may be shown, by falling size, then in the order of the lists."""
    found = [
        Combination(history, count)
        for history in histories.histories
        if (count := shown.get("history", "".join(map(str, history))))
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, tuple(-x for x in one.history)))[:n_top])


def plot_upset(histories: CaptureHistories, *, suppress_below: int = 1, n_top: int = 30) -> Figure:
    """UpSet plot: persons by the combination of lists that they are on.

    Parameters
    ----------
    histories : CaptureHistories
    suppress_below : int
        Counts of persons below this, and what could give them away, are left out; 1 leaves out none.
    n_top : int
        How many combinations to draw, the largest first.

    Returns
    -------
    Figure

    References
    ----------
    Lex, Gehlenborg, Strobelt, Vuillemot and Pfister (2014), doi:10.1109/TVCG.2014.2346248.

    Examples
    --------
    >>> import mse
    >>> figure = mse.plot_upset(mse.load_dataset("Korea"))
    >>> len(figure.axes)
    3
    """
    shown = protect_histories(histories, suppress_below=suppress_below)
    bars = combinations_shown(histories, shown, n_top)
    totals = [shown.get("list", name) for name in histories.lists]
    figure: Figure = plt.figure(figsize=upset_size(len(bars), histories.n_lists), layout="constrained")
    draw_upset(figure, histories.lists, totals, bars, persons="persons", total="persons on the list", number=_english)
    return figure


def plot_overlaps(histories: CaptureHistories, *, suppress_below: int = 1, ax: Axes | None = None) -> Axes:
    """Persons on each pair of lists, as a table of shaded squares; the diagonal holds the list totals.

    Parameters
    ----------
    histories : CaptureHistories
    suppress_below : int
        Counts of persons below this, and what could give them away, are shown as a colon; 1 hides none.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes

    References
    ----------
    International Working Group for Disease Monitoring and Forecasting (1995), doi:10.1093/oxfordjournals.aje.a117558.

    Examples
    --------
    >>> import mse
    >>> ax = mse.plot_overlaps(mse.load_dataset("Korea"))
    >>> len(ax.texts)
    9
    """
    shown = protect_histories(histories, suppress_below=suppress_below)
    lists = histories.lists
    axes = plt.subplots(layout="constrained")[1] if ax is None else ax
    counts = [[shown.overlap(a, b) for b in lists] for a in lists]
    shades = np.array(
        [[np.nan if i == j or x is None else x for j, x in enumerate(row)] for i, row in enumerate(counts)]
    )
    axes.imshow(np.ma.masked_invalid(shades), cmap="Blues", vmin=0, vmax=_largest(shades) * 1.6)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            axes.text(j, i, ":" if count is None else f"{count:,}", ha="center", va="center", color=INK)
    axes.set_xticks(range(len(lists)), lists)
    axes.set_yticks(range(len(lists)), lists)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("persons on both lists")
    return axes


def plot_estimates(estimates: Sequence[Estimate] | Estimate, *, level: float = 0.95, ax: Axes | None = None) -> Axes:
    """Estimates of the total side by side, with their intervals; credible ones in another colour.

    Parameters
    ----------
    estimates : Estimate or sequence of Estimate
    level : float
        Level of the intervals.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The horizontal axis is in persons.

    Raises
    ------
    BadInput
        When there is no estimate to draw.

    References
    ----------
    Cumming and Finch (2005), doi:10.1037/0003-066X.60.2.170.

    Examples
    --------
    >>> import mse
    >>> ax = mse.plot_estimates(mse.chapman(mse.load_dataset("HAV"), lists=("A", "B")))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['Chapman [A][B]']
    """
    several = [estimates] if isinstance(estimates, Estimate) else list(estimates)
    if not several:
        raise BadInput("no estimates were given; pass one or more")
    points = [_point(estimate, level) for estimate in several]
    axes = plt.subplots(figsize=estimates_size(len(points)), layout="constrained")[1] if ax is None else ax
    observed = {estimate.n_observed for estimate in several}
    registered = observed.pop() if len(observed) == 1 else None
    told = f"registered: {registered:,}" if registered is not None else ""
    draw_estimates(axes, points, registered=registered, told=told, axis="persons (estimated)", number=_english)
    return axes


def upset_size(n_bars: int, n_lists: int) -> tuple[float, float]:
    """Width and height in inches that keep the dots apart."""
    return max(5.2, 2.4 + 0.24 * n_bars), 2.4 + 0.24 * n_lists


def estimates_size(n_points: int) -> tuple[float, float]:
    """Width and height in inches for this many rows."""
    return 6.4, 1.1 + 0.34 * n_points


def draw_upset(
    figure: Figure,
    names: Sequence[str],
    totals: Sequence[int | None],
    bars: Sequence[Combination],
    *,
    persons: str,
    total: str,
    number: Words,
) -> None:
    """Bars of combinations above, dots that say which below, list totals to the left; hidden totals have no bar."""
    grid = figure.add_gridspec(2, 2, width_ratios=(1.2, 4), height_ratios=(2, 0.24 * len(names) + 0.1))
    top, dots, sides = (figure.add_subplot(grid[place]) for place in ((0, 1), (1, 1), (1, 0)))
    x, rows = np.arange(len(bars)), np.arange(len(names))
    top.bar(x, [bar.count for bar in bars], color=BAR, width=0.62)
    for i, bar in enumerate(bars):
        top.annotate(number(bar.count), (i, bar.count), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    on = [np.flatnonzero(bar.history) for bar in bars]
    dots.vlines(x, [one.min() for one in on], [one.max() for one in on], color=INK, linewidth=1.4, zorder=2)
    places = np.array([(i, j, j in on[i]) for i in range(len(bars)) for j in rows]).reshape(-1, 3)
    for is_on, color, order in ((0, EMPTY_DOT, 1), (1, INK, 3)):
        chosen = places[places[:, 2] == is_on]
        dots.scatter(chosen[:, 0], chosen[:, 1], s=26, color=color, zorder=order)
    _bare(top, keep="left")
    top.set(xticks=[], ylabel=persons, xlim=(-0.6, max(len(bars), 1) - 0.4))
    top.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    top.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    _bare(dots)
    dots.set(xticks=[], yticks=[], xlim=(-0.6, max(len(bars), 1) - 0.4), ylim=(len(names) - 0.5, -0.5))
    sides.barh(rows, [-(count or 0) for count in totals], color=QUIET, height=0.5)
    widest = max([count or 0 for count in totals] + [1])
    for j, count in enumerate(totals):
        text = ":" if count is None else number(count)
        sides.annotate(
            text, (-(count or 0), j), (-3, 0), textcoords="offset points", ha="right", va="center", fontsize=8
        )
    _bare(sides)
    sides.set(xticks=[], xlim=(-1.45 * widest, 0), ylim=(len(names) - 0.5, -0.5))
    sides.set_yticks(rows, names)
    sides.yaxis.tick_right()
    sides.set_xlabel(total)


def draw_estimates(
    axes: Axes, points: Sequence[Point], *, registered: float | None, told: str, axis: str, number: Words
) -> None:
    """A row for each estimate, and a dashed line at the number registered; an arrow where an interval goes on."""
    limit = _right_end(points)
    lowest = min([point.low for point in points] + ([registered] if registered else []))
    for i, point in enumerate(points):
        color = CREDIBLE if point.is_credible else CONFIDENCE
        goes_on = point.high > limit
        axes.plot([point.low, min(point.high, limit)], [i, i], color=color, linewidth=2.2, solid_capstyle="butt")
        if goes_on:
            axes.plot([limit], [i], marker=">", color=color, markersize=6)
        marker = "D" if point.is_credible else "o"
        axes.plot([point.n_hat], [i], marker=marker, color=color, markersize=9 if point.is_main else 6)
    axes.set_yticks(range(len(points)), [point.name for point in points])
    axes.set_ylim(len(points) - 0.4, -0.9)
    if registered is not None:
        axes.axvline(registered, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(told, (registered, -0.62), (4, 0), textcoords="offset points", fontsize=8, va="center")
    if limit > LOG_FROM_RATIO * max(lowest, 1):
        axes.set_xscale("log")
        axes.set_xlim(max(lowest, 1) / 1.15, limit * 1.2)
        ticks = _log_ticks(max(lowest, 1), limit)
        axes.set_xticks(ticks, [number(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
    else:
        axes.set_xlim(0, limit * 1.06)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.set_xlabel(axis)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    _bare(axes, keep="bottom")


def _right_end(points: Sequence[Point]) -> float:
    """Where the axis ends: at the highest end, unless one interval runs far beyond all point estimates."""
    finite = [point.high for point in points if not isinf(point.high)]
    wish = max([*finite, *(point.n_hat for point in points)])
    return min(wish, 20 * max(point.n_hat for point in points))


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers, 1, 2 and 5 times powers of ten, between two ends."""
    every = [m * 10.0**power for power in range(12) for m in (1, 2, 5)]
    return [tick for tick in every if low <= tick <= high]


def _bare(axes: Axes, keep: str = "") -> None:
    axes.tick_params(length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == keep)
        spine.set_color(RULE)


def _point(estimate: Estimate, level: float) -> Point:
    interval = estimate.interval(level)
    return Point(estimate.model, estimate.n_hat, interval.low, interval.high, interval.is_credible)


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() and np.nanmax(values) > 0 else 1.0


def _english(value: float) -> str:
    return f"{value:,.0f}" if value < inf else ""
