"""The figures that a notebook draws."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mse.errors import BadInput
from mse.estimate import Posterior, Replicated
from mse.histories import CaptureHistories
from mse.interval import Interval, Tabulated
from mse.report import plot_estimates, plot_overlaps, plot_upset

H = CaptureHistories.from_counts(
    ("A", "B", "C"),
    {(1, 0, 0): 41, (0, 1, 0): 32, (0, 0, 1): 23, (1, 1, 0): 11, (1, 0, 1): 2, (0, 1, 1): 6, (1, 1, 1): 1},
)


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def estimate(model: str = "[A][B][C]", high: float = 400.0) -> Replicated:
    rule = Tabulated({level: Interval(150, high, level, "profile") for level in (0.8, 0.95)})
    return Replicated(model, H.n_observed, 220.0, rule)


def test_upset_plot_has_a_bar_for_every_combination_with_persons() -> None:
    """All combinations, the largest first, and a bar for each list total."""
    top, _, sides = plot_upset(H).axes
    assert [bar.get_height() for bar in top.patches] == [41, 32, 23, 11, 6, 2, 1]
    assert [-bar.get_width() for bar in sides.patches] == [55, 50, 32]


def test_upset_plot_leaves_out_small_combinations_on_request() -> None:
    """No bar of 1 or 2 persons, and no list total with a length when it is hidden."""
    top = plot_upset(H, suppress_below=3).axes[0]
    heights = [bar.get_height() for bar in top.patches]
    assert heights
    assert min(heights) >= 3


def test_upset_plot_draws_the_largest_when_asked_for_few() -> None:
    """n_top keeps the largest."""
    assert [bar.get_height() for bar in plot_upset(H, n_top=2).axes[0].patches] == [41, 32]


def test_overlap_plot_writes_every_count() -> None:
    """Totals on the diagonal, overlaps beside it; colons where they are hidden."""
    texts = [text.get_text() for text in plot_overlaps(H).texts]
    assert texts == ["55", "12", "3", "12", "50", "7", "3", "7", "32"]
    small = CaptureHistories.from_counts(("A", "B"), {(1, 0): 40, (0, 1): 30, (1, 1): 2})
    assert ":" in [text.get_text() for text in plot_overlaps(small, suppress_below=3).texts]


def test_estimates_are_drawn_on_the_axes_given() -> None:
    """One row per estimate, on the caller's axes, at the level asked for."""
    ax = plt.subplots()[1]
    posterior = Posterior("Bayesian", H.n_observed, np.linspace(160, 320, 200)[:, None])
    drawn = plot_estimates([estimate(), posterior], level=0.8, ax=ax)
    assert drawn is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["[A][B][C]", "Bayesian"]
    assert list(ax.lines[0].get_xdata()) == [150, 400]


def test_an_open_interval_ends_in_an_arrow() -> None:
    """An interval without upper end is drawn to the edge with an arrow."""
    ax = plot_estimates([estimate(), estimate("[A,B][C]", high=np.inf)])
    assert ">" in [line.get_marker() for line in ax.lines]


def test_intervals_of_very_different_length_get_a_logarithmic_axis() -> None:
    """A short interval stays visible beside one that is twenty times as long."""
    assert plot_estimates([estimate(), estimate("[A,B][C]", high=4000.0)]).get_xscale() == "log"


def test_no_estimates_are_bad_input() -> None:
    """An empty sequence is refused."""
    with pytest.raises(BadInput, match="no estimates were given; pass one or more"):
        plot_estimates([])
