"""The table of the simulation-based calibrations, from their rows."""

from pathlib import Path

import pandas as pd

from simulations.calibration import uniformity
from simulations.markdown import table

__all__ = ["calibration_part"]

MODELS = {
    "latent-class": ("`latent_class`", {"rank": "N"}),
    "averaging": ("`bayes_averaging`", {"rank": "N", "rank_of_size": "interactions in the model"}),
    "linkage": (
        "partitions of `link`",
        {"rank": "N", "rank_of_persons": "distinct persons", "rank_of_rate": "an error rate"},
    ),
}
HEAD = ("model", "data sets", "refused", "rank of", "ranks by tenths", "chi-squared (9)", "p")


def calibration_part(folder: Path) -> str:
    """Markdown of the table."""
    lines = []
    for name, (model, ranked) in MODELS.items():
        path = folder / f"calibration-{name}.csv"
        if not path.exists():
            continue
        frame = pd.read_csv(path, comment="#")
        for column, of in ranked.items():
            ranks = frame[column].dropna().to_numpy()
            statistic, p_value = uniformity(ranks)
            tenths = pd.Series(ranks).floordiv(10).astype(int).value_counts().reindex(range(10), fill_value=0)
            refused = str(int(frame["refused"].notna().sum()))
            counts = " ".join(map(str, tenths))
            lines.append([model, str(len(frame)), refused, of, counts, f"{statistic:.1f}", f"{p_value:.2f}"])
    return table(HEAD, lines) if lines else "No rows yet.\n"
