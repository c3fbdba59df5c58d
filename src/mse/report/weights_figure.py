"""The match-weight chart: what each way in which two records can agree says for or against one person."""

from collections.abc import Mapping
from math import log2
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from mse.errors import BadInput
from mse.links import Links
from mse.report.plots import BAR, CREDIBLE, INK, QUIET, RULE

__all__ = ["plot_match_weights"]

ROW, GAP = 0.19, 0.5  # inches for a level; rows between two comparisons
ROOM = 0.16  # share of the width for the numbers beside the bars
OPTIONS, WEIGHTS = "options", "weights"


def plot_match_weights(links: Links, *, ax: Axes | None = None) -> Axes:
    """Match weights of the linkage: a bar for each level of each comparison, in bits, for and against one person.

    The weight of a level is log2(m / u): how many times more often records of one person agree in this way (m) than
    records of two (u), in powers of two. Ten bits for are about a thousand to one. Weights that the linkage lowers or
    raises for a single pair, for rare names and for what another field has told already, are drawn as they start.

    Parameters
    ----------
    links : Links
        From `mse.link`, whose provenance holds m and u.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes

    Raises
    ------
    BadInput
        When the links say nothing of their weights.

    References
    ----------
    Fellegi and Sunter (1969), doi:10.1080/01621459.1969.10501049.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> weights = {"sex": {"same": {"m": 0.98, "u": 0.49}, "different": {"m": 0.02, "u": 0.51}}}
    >>> records = pd.DataFrame({"list": ["a", "b"], "record": ["1", "2"]})
    >>> about = {"options": {"weights": weights}}
    >>> ax = plot_match_weights(Links(records, np.array([[0, 0]], np.int32), ("a", "b"), provenance=about))
    >>> [round(float(bar.get_width()), 2) for bar in ax.patches]
    [1.0, -4.67]
    """
    told = _weights(links)
    n_rows = sum(len(levels) + GAP + 1 for levels in told.values())
    size = (7.2, 1.2 + ROW * n_rows)
    axes = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    place, places, labels = 0.0, [], []
    for comparison, levels in told.items():
        places.append(place)
        labels.append(comparison.replace("_", " "))
        for level, bits in levels.items():
            place += 1
            is_for = bits >= 0
            axes.barh(place, bits, height=0.78, color=BAR if is_for else CREDIBLE, hatch=None if is_for else "///////")
            axes.patches[-1].set_edgecolor("white")
            axes.annotate(
                f"{bits:+.1f}".replace("-", "\N{MINUS SIGN}"),
                (bits, place),
                (3 if is_for else -3, 0),
                textcoords="offset points",
                ha="left" if is_for else "right",
                va="center",
                fontsize=7.5,
                color=QUIET,
            )
            places.append(place)
            labels.append(level)
        place += 1 + GAP
    axes.set_yticks(places, labels, fontsize=8.5)
    for label in axes.get_yticklabels():
        if label.get_text() in {name.replace("_", " ") for name in told}:
            label.set_fontweight("bold")
            label.set_color(INK)
    axes.set_ylim(place - GAP, -0.8)
    every = [bits for levels in told.values() for bits in levels.values()]
    low, high = min(0.0, *every), max(0.0, *every)
    axes.set_xlim(low - ROOM * (high - low), high + ROOM * (high - low))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel("match weight, log2(m / u), in bits")
    axes.set_title("Against one person (left) and for (right)", loc="left", fontsize=11)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes


def _weights(links: Links) -> dict[str, dict[str, float]]:
    """Bits by comparison and level, the strongest first: files keep no order."""
    options: Any = links.provenance.get(OPTIONS, {})
    weights = options.get(WEIGHTS) if isinstance(options, Mapping) else None
    if not weights:
        raise BadInput("the links hold no match weights in their provenance; give what mse.link returned")
    bits = {
        comparison: {level: log2(one["m"] / one["u"]) for level, one in levels.items() if one["m"] > 0 < one["u"]}
        for comparison, levels in weights.items()
    }
    strongest_first = sorted((name for name, own in bits.items() if own), key=lambda name: -max(bits[name].values()))
    return {name: dict(sorted(bits[name].items(), key=lambda one: -one[1])) for name in strongest_first}
