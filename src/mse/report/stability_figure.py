"""The figure of a stability curve: bootstrap limits against the number of models to choose among."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from mse.errors import BadInput, Refused
from mse.interval import Interval
from mse.models.loglinear.stability import StabilityCurve
from mse.report.curve_axes import BAND, curve_axes, scale_persons
from mse.report.plots import BAR, INK, QUIET

__all__ = ["plot_stability"]


def plot_stability(
    curve: StabilityCurve,
    *,
    levels: Sequence[float] = (0.95, 0.8),
    kind: str = "bca",
    ax: Axes | None = None,
) -> Axes:
    """Bootstrap limits of the total against the number of models that a resample may choose among.

    Limits that have settled long before the right end do not depend on that number. An `n_top` without limits leaves a
    gap.

    Parameters
    ----------
    curve : StabilityCurve
        From `stability_curve`.
    levels : sequence of float
        Levels of the intervals, one band each.
    kind : {"bca", "percentile"}
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The vertical axis is in persons, logarithmic where the limits are far apart.

    Raises
    ------
    BadInput
        When there is no level to draw, or the kind is not offered.

    References
    ----------
    Silverman, Chan and Vincent (2024), figures 1 to 3, doi:10.1007/s11222-023-10346-9.

    Examples
    --------
    >>> import mse
    >>> curve = mse.stability_curve(mse.load_dataset("Korea"), n_top=(1, 3, None), n_boot=100, seed=1)
    >>> ax = mse.plot_stability(curve)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['1', '3', 'all']
    """
    if not levels:
        raise BadInput("no level was given; pass one or more, as (0.95, 0.8)")
    axes = curve_axes(ax)
    places = range(len(curve.n_top))
    for level in sorted(levels, reverse=True):
        ends = [_limits(curve, n_top, level, kind) for n_top in curve.n_top]
        low = [end.low if end else float("nan") for end in ends]
        high = [end.high if end else float("nan") for end in ends]
        axes.fill_between(places, low, high, color=BAR, alpha=BAND, linewidth=0)
        for side in (low, high):
            axes.plot(places, side, color=BAR, marker="o", markersize=3.5, linewidth=1)
        last = next((j for j in reversed(places) if ends[j] is not None), None)
        if last is not None:
            axes.annotate(f" {100 * level:g} %", (last, high[last]), va="center", color=QUIET, fontsize=9)
    axes.axhline(curve.n_hat, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    scale_persons(axes, axes.dataLim.ymin, axes.dataLim.ymax)
    axes.set_xticks(list(places), ["all" if n_top is None else f"{n_top:,}" for n_top in curve.n_top])
    axes.set_xlabel("models to choose among in each resample")
    return axes


def _limits(curve: StabilityCurve, n_top: int | None, level: float, kind: str) -> Interval | None:
    try:
        return curve.interval(n_top, level=level, kind=kind)
    except Refused:
        return None
