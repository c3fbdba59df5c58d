"""The table of the simulation-based calibrations, from their rows."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from scipy.stats import chi2

from simulations.calibrated import CALIBRATIONS
from simulations.calibration import uniformity
from simulations.calibration_linkage import ENDS, LIST_SIZES
from simulations.markdown import table

__all__ = ["BOUND", "LEVEL", "calibration_part", "frame_of"]

LEVEL = 0.01
BOUND = float(chi2.ppf(1 - LEVEL, 9))
LINKAGE = {"rank": "N", "rank_of_persons": "distinct persons", "rank_of_rate": "an error rate"}
HEAD = (
    *("model", "lists", "N", "data sets", "run longer", "of these not converged", "refused"),
    *("rank of", "ranks by tenths", "chi-squared (9)", "p", "within the bound"),
)


def calibration_part(folder: Path) -> str:
    """Markdown of the table."""
    lines = []
    for each in CALIBRATIONS:
        frame = frame_of(each.name, folder)
        if frame.empty:
            continue
        about = [each.says, str(each.settings["lists"]), _range(each.ends), *_counts(frame)]
        lines += _lines(about, frame, {column: each.ranked[name] for name, column in each.ranks.items()})
    linkage = frame_of("linkage", folder)
    if len(linkage):
        lines += _lines(
            ["partitions of `link`", str(len(LIST_SIZES)), _range(ENDS), *_counts(linkage)], linkage, LINKAGE
        )
    return table(HEAD, lines) if lines else "No rows yet.\n"


def frame_of(name: str, folder: Path) -> pd.DataFrame:
    """The rows of a model by data set; empty when there are none."""
    path = folder / f"calibration-{name}.csv"
    return pd.read_csv(path, comment="#", index_col="data_set") if path.exists() else pd.DataFrame()


def _range(ends: tuple[int, int]) -> str:
    return f"{ends[0]:,} to {ends[1]:,}"


def _counts(frame: pd.DataFrame) -> list[str]:
    """Data sets, those run longer, those of them that did not converge, and those refused."""
    longer = unconverged = "–"
    if "length" in frame:
        longer, unconverged = str(int((frame["length"] > 1).sum())), str(int((frame["converged"] == 0).sum()))
    return [str(len(frame)), longer, unconverged, str(int(frame["refused"].notna().sum()))]


def _lines(about: list[str], frame: pd.DataFrame, ranked: Mapping[str, str]) -> list[list[str]]:
    lines = []
    for column, of in ranked.items():
        ranks = frame[column].dropna().to_numpy()
        statistic, p_value = uniformity(ranks)
        tenths = pd.Series(ranks).floordiv(10).astype(int).value_counts().reindex(range(10), fill_value=0)
        within = "yes" if p_value >= LEVEL else "NO"
        counts = " ".join(map(str, tenths))
        lines.append([*about, of, counts, f"{statistic:.1f}", f"{p_value:.2f}", within])
    return lines
