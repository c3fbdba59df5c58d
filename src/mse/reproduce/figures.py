"""The figures of Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9, from recomputed numbers."""

from collections.abc import Sequence
from io import BytesIO
from math import isfinite
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mse.writing import write_bytes

__all__ = ["draw_figures"]

ORDER_2, ORDER_4 = "#2b5d7d", "#b5651d"
INK = "#1d2b36"
NAMES = {"UKdat_5": "UK, five lists", "NewOrl_5_n186": "New Orleans, five lists", "Kosovo": "Kosovo"}
RANKED = (
    ("Kosovo", 3, "Kosovo"),
    ("NewOrl_5_n186", 2, "New Orleans,\norder 2"),
    ("NewOrl_5_n186", 4, "New Orleans,\norder 4"),
    ("UKdat_5", 2, "UK,\norder 2"),
    ("UKdat_5", 4, "UK,\norder 4"),
)


def draw_figures(results: pd.DataFrame, out: Path, *, kinds: Sequence[str] = ("svg", "png")) -> tuple[Path, ...]:
    """Write figures 1 to 4, the same bytes for the same numbers.

    Lines are medians over the seeds, bands go from the smallest to the largest.

    Parameters
    ----------
    results : DataFrame
        Columns task, seed, quantity, n_top, ordering, value.
    out : Path
        Folder.
    kinds : sequence of {"svg", "png"}
    """
    drawn = {
        "figure1": _against_n_top(results, "UKdat_5"),
        "figure2": _against_n_top(results, "NewOrl_5_n186"),
        "figure3": _two_orderings(results),
        "figure4": _ranks(results),
    }
    written = []
    for name, figure in drawn.items():
        for kind in kinds:
            path = out / f"{name}.{kind}"
            write_bytes(path, _rendered(figure, kind))
            written.append(path)
    return tuple(written)


def _rendered(figure: Figure, kind: str) -> bytes:
    metadata = dict.fromkeys(("Date", "Creator") if kind == "svg" else ("Software",))
    stream = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "mse", "svg.fonttype": "path"}):
        figure.savefig(stream, format=kind, dpi=150, metadata=metadata)
    return stream.getvalue()


def _against_n_top(results: pd.DataFrame, dataset: str) -> Figure:
    """Limits at 95 % and 80 % by n_top, for models of order up to 2 and up to 4."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    for order, colour in ((2, ORDER_2), (4, ORDER_4)):
        rows = results[results["task"] == f"{dataset} exhaustive order {order}"]
        for level, style in ((95, "-"), (80, "--")):
            for end in ("low", "high"):
                told = f"order up to {order}, {level} %" if end == "low" else None
                _line(axes, rows, f"{end}_{level}", 1, colour, style, told)
        _point(axes, rows, colour)
    _finish(axes, f"{NAMES[dataset]}: limits by number of models that resamples choose among")
    return figure


def _two_orderings(results: pd.DataFrame) -> Figure:
    """Limits at 95 % by n_top, in the order of BIC and in that of neighbours, for models of order up to 4."""
    figure = Figure(figsize=(7.2, 8.0), layout="constrained")
    for axes, dataset in zip(figure.subplots(2), ("UKdat_5", "NewOrl_5_n186"), strict=True):
        rows = results[results["task"] == f"{dataset} exhaustive order 4"]
        for ordering, colour, style in ((1, INK, "-"), (2, ORDER_4, ":")):
            for end in ("low", "high"):
                told = f"ordering of degree {ordering}" if end == "low" else None
                _line(axes, rows, f"{end}_95", ordering, colour, style, told)
        _point(axes, rows, INK)
        _finish(axes, f"{NAMES[dataset]}: 95 % limits in two orderings")
    return figure


def _ranks(results: pd.DataFrame) -> Figure:
    """Boxes of the ranks of each resample's best model, where it is not the best of the original table."""
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplots()
    boxes, positions, colours = [], [], []
    for place, (dataset, order, name) in enumerate(RANKED):
        rows = results[results["task"] == f"{dataset} exhaustive order {order}"]
        for ordering, colour in ((1, ORDER_2), (2, ORDER_4)):
            chosen = rows[rows["ordering"] == ordering]
            five = [float(chosen.loc[chosen["quantity"] == f"rank_{p}", "value"].median()) for p in (5, 25, 50, 75, 95)]
            label = name if ordering == 1 else ""
            boxes.append(dict(zip(("whislo", "q1", "med", "q3", "whishi"), five, strict=True)) | {"label": label})
            positions.append(place + (-0.18 if ordering == 1 else 0.18))
            colours.append(colour)
    drawn = axes.bxp(boxes, positions=positions, widths=0.3, showfliers=False, patch_artist=True)
    for box, colour in zip(drawn["boxes"], colours, strict=True):
        box.set(facecolor=colour, alpha=0.55, edgecolor=colour)
    for median in drawn["medians"]:
        median.set_color(INK)
    axes.set_xticks(range(len(RANKED)), [name for _, _, name in RANKED])
    axes.set_yscale("log")
    axes.set_ylabel("rank of the resample's best model")
    axes.set_title("Ranks: degree 1 (left box) and degree 2 (right box); whiskers 5 % to 95 %", fontsize=10, loc="left")
    _plain(axes)
    return figure


def _line(
    axes: Axes, rows: pd.DataFrame, quantity: str, ordering: int, colour: str, style: str, label: str | None
) -> None:
    chosen = rows[(rows["quantity"] == quantity) & (rows["ordering"] == ordering)]
    by = chosen.groupby("n_top", sort=True)["value"].agg(["median", "min", "max"])
    places = [_place(float(n_top), by.index) for n_top in by.index]
    axes.plot(places, by["median"], style, color=colour, marker="o", markersize=3, linewidth=1.4, label=label)
    axes.fill_between(places, by["min"], by["max"], color=colour, alpha=0.10, linewidth=0)


def _place(n_top: float, shown: pd.Index) -> int:
    """Evenly spaced, since few values of n_top matter and the last is infinite."""
    return int(np.searchsorted(np.asarray(shown, dtype=float), n_top))


def _point(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    point = rows.loc[rows["quantity"] == "n_hat", "value"]
    if len(point):
        axes.axhline(float(point.median()), color=colour, linestyle="-.", linewidth=1.0)
    shown = sorted({float(n) for n in rows.loc[rows["quantity"] == "low_95", "n_top"]})
    axes.set_xticks(range(len(shown)), [str(int(n)) if isfinite(n) else "all" for n in shown])


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("models that resamples choose among (n_top)")
    axes.set_ylabel("persons")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(axis="both", which="both", labelsize=8)
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", which="major", color="#d5dce1", linewidth=0.6)
    axes.set_axisbelow(True)
