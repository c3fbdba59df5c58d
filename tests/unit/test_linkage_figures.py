"""Figures of a linkage: what is drawn is what the links say, with titles, units and no colour alone to tell apart."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import mse
from mse.errors import BadInput
from mse.linkage import list_overlaps
from mse.links import Links

WEIGHTS = {
    "sex": {"same": {"m": 0.98, "u": 0.49}, "different": {"m": 0.02, "u": 0.51}},
    "birth_date": {
        "different": {"m": 0.05, "u": 0.96},
        "same date": {"m": 0.85, "u": 0.85 / 1024},
        "never seen": {"m": 0.0, "u": 0.0},
    },
}
CURVE = {f"n_hat_at_{factor:g}_prior_n": n_hat for factor, n_hat in ((0.75, 260), (1, 275), (1.5, 281), (2, 290))}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture
def links():
    rng = np.random.default_rng(5)
    records = pd.DataFrame({"list": rng.choice(["police", "rosa", "udi"], 60), "record": range(60)})
    persons = rng.integers(0, 40, (50, 60)).astype(np.int32)
    about = {"options": {"weights": WEIGHTS}}
    return Links(records, persons, ("police", "rosa", "udi"), {"prior_n": 270.0} | CURVE, about)


def test_match_weights_are_in_bits_the_strongest_first(links):
    """log2(m / u) by level; the direction is told by side and hatching too; what was never seen has no bar."""
    ax = mse.plot_match_weights(links)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx([10, np.log2(0.05 / 0.96), 1, np.log2(0.02 / 0.51)])
    assert [bar.get_hatch() is None for bar in ax.patches] == [width > 0 for width in widths]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["birth date", "same date", "different", "sex", "same", "different"]
    assert [text.get_text() for text in ax.texts][:2] == ["+10.0", "\N{MINUS SIGN}4.3"]
    assert "bits" in ax.get_xlabel()
    with pytest.raises(BadInput, match="hold no match weights"):
        mse.plot_match_weights(Links(links.records, links.persons, links.lists))


def test_agreement_shows_what_each_two_lists_share(links):
    """Dots at the medians, lines over the interval, diamonds at what independent lists share; the largest first."""
    table = list_overlaps(links)
    ax = mse.plot_agreement(table)
    found, expected = ax.lines
    order = np.argsort(-np.maximum(table["found"], table["expected"]), kind="stable")
    assert found.get_xdata().tolist() == table["found"].iloc[order].tolist()
    assert expected.get_xdata().tolist() == table["expected"].iloc[order].tolist()
    assert found.get_marker() != expected.get_marker()
    segments = ax.collections[0].get_segments()
    assert [one[:, 0].tolist() for one in segments] == table[["low", "high"]].iloc[order].to_numpy().tolist()
    assert len(mse.plot_agreement(table, n_top=1).get_yticklabels()) == 1
    for frame, told in ((table.drop(columns="expected"), "has no column expected"), (table[:0], "has no row")):
        with pytest.raises(BadInput, match=told):
            mse.plot_agreement(frame)


def test_the_linkage_prior_curve_is_that_of_the_diagnostics(links):
    """Points ascending, the dot at the N drawn with the linkage, and the line where the total equals N."""
    ax = mse.plot_linkage_prior(links)
    assert ax.lines[0].get_xydata().tolist() == [[202.5, 260], [270, 275], [405, 281], [540, 290]]
    assert ax.lines[1].get_xydata().tolist() == [[270, 275]]
    assert ax.lines[2].get_slope() == 1
    with pytest.raises(BadInput, match="hold no curve"):
        mse.plot_linkage_prior(Links(links.records, links.persons, links.lists))


@pytest.mark.parametrize("spread", [1, 40])
def test_distinct_persons_are_all_draws_once(links, spread):
    """Bars add up to 100 per cent, also where each stands for several numbers; median and interval are told."""
    rng = np.random.default_rng(6)
    records = pd.DataFrame({"list": ["a", "b"] * 60, "record": range(120)})
    n_persons = 60 + rng.integers(0, 3 * spread, 200).clip(max=60)
    own = Links(records, np.stack([np.minimum(np.arange(120), n - 1) for n in n_persons]).astype(np.int32), ("a", "b"))
    ax = mse.plot_distinct_persons(own)
    bars = [bar for bar in ax.patches if bar.get_label() == "share"]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
    assert len(bars) <= 30
    assert f"median {np.median(own.n_persons):,.0f}" in ax.texts[0].get_text()
    with pytest.raises(BadInput, match="one draw has no distribution"):
        mse.plot_distinct_persons(Links(records, own.persons[:1], ("a", "b")))


def test_every_figure_has_a_title_and_named_axes(links, tmp_path):
    """Drawn on given axes too, and saved whole, without a warning."""
    figure, axes = plt.subplots(1, 4, figsize=(20, 6), layout="constrained")
    mse.plot_match_weights(links, ax=axes[0])
    mse.plot_agreement(list_overlaps(links), ax=axes[1])
    mse.plot_linkage_prior(links, ax=axes[2])
    mse.plot_distinct_persons(links, ax=axes[3])
    for ax in axes:
        assert ax.get_title(loc="left")
        assert re.search("persons|bits", ax.get_xlabel())
    figure.savefig(tmp_path / "figures.png")
    assert (tmp_path / "figures.png").stat().st_size > 10_000
