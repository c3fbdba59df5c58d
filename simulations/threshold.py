"""Threshold study: Chan, Silverman and Vincent (2021), section 4.3, doi:10.1080/01621459.2019.1708748.

Seven tables, four generating models each, and nine thresholds for the p-value of the stepwise choice; judged by the
mean squared error of the log of the hidden number, its log averaged over the 28 settings.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

import mse
from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.models.loglinear.stepwise import stepwise_path
from mse.progress import progress
from simulations.rows import Row, Rows
from simulations.truth import Truth

__all__ = ["CHUNK", "DATA_SETS", "SETTINGS", "THRESHOLDS", "Setting", "hidden_at", "rows_of", "run"]

DATA_SETS = 200
CHUNK = 50
TABLES = ("UKdat", "UKdat_5", "Ned", "Ned_5", "NewOrl", "NewOrl_5", "Western")
GENERATED_AT = {"main effects": 0.0, "selected at 0.001": 0.001, "selected at 0.05": 0.05, "full two-list": 1.0}
THRESHOLDS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0)
COLUMNS = ("n_observed", *(f"n_hidden_{p:g}" for p in THRESHOLDS), "refused")
SEED = 20214


@dataclass(frozen=True)
class Setting:
    """A table, and the threshold at which its generating model was chosen: 0 main effects, 1 all two-list terms."""

    table: str
    generated: str

    @cached_property
    def truth(self) -> Truth:
        place = TABLES.index(self.table) * len(GENERATED_AT) + list(GENERATED_AT).index(self.generated)
        chosen = mse.select_loglinear(mse.load_dataset(self.table), search="stepwise", p=GENERATED_AT[self.generated])
        return Truth(self.table, chosen.model, seed=SEED + place)

    @property
    def name(self) -> str:
        return f"{self.table}-{self.generated.replace(' ', '-')}"


SETTINGS = tuple(Setting(table, generated) for table in TABLES for generated in GENERATED_AT)


def rows_of(setting: Setting, folder: Path) -> Rows:
    """The file of one setting."""
    settings = {"study": "threshold", "generated": setting.generated, **setting.truth.told()}
    return Rows(folder / "threshold" / f"{setting.name}.csv", COLUMNS, settings)


def run(folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the files of all settings up to a number of data sets."""
    with progress("threshold study", total=data_sets * len(SETTINGS)) as bar:
        for setting in SETTINGS:
            make = partial(row, setting.truth)
            rows_of(setting, folder).complete(make, range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)


def row(truth: Truth, number: int) -> Row:
    """The hidden number of one data set at each threshold."""
    histories = truth.data_set(number)
    found: dict[str, float | str] = {"n_observed": histories.n_observed}
    try:
        hidden = hidden_at(histories, THRESHOLDS)
    except Refused as refusal:
        return {**found, "refused": str(refusal)}
    return {**found, **{f"n_hidden_{p:g}": value for p, value in zip(THRESHOLDS, hidden, strict=True)}}


def hidden_at(histories: CaptureHistories, thresholds: tuple[float, ...]) -> list[float]:
    """Hidden number under the model that each threshold ends in.

    The thresholds share one path: a smaller one stops earlier on it, before the first term with a p-value that is not
    below.
    """
    steps = stepwise_path(histories, p=1.0).steps
    values = steps["p"].to_numpy()[1:]
    hidden = steps["n_hat"].to_numpy() - histories.n_observed
    stops = [np.flatnonzero(~(values < p)) for p in thresholds]
    return [float(hidden[stop[0]] if len(stop) else hidden[-1]) for stop in stops]
