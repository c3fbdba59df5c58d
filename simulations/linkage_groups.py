"""Study of the evidence of a group: one hub per field, or the mean over its pairs ("field-mean").

The two differ in groups of three and more, so that the lists are short and share many persons. Both samplers get the
same evidence on pairs.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mse.errors import Refused
from mse.linkage.answers import Answers
from mse.linkage.matching import match
from mse.linkage.partition_posterior import sample_partitions
from mse.progress import progress
from mse.propagation.agreement_thresholds import joined_at, pairs_together
from simulations.accuracy import mean
from simulations.linkage_data import data_set
from simulations.linkage_lists import Setting
from simulations.linkage_ours import SAMPLER
from simulations.linkage_scores import independence, of_truth, pair_scores
from simulations.markdown import table, with_error
from simulations.rows import Row, Rows

__all__ = ["DATA_SETS", "SETTINGS", "groups_part", "rows_of", "run"]

SEED = 20216
DATA_SETS = 10
N_DRAWS = 100
CHUNK = 1
LISTS = {"n_persons": 1200, "n_lists": 5, "list_size": 400}
SETTINGS = (Setting("groups-10", **LISTS, missing=0.10), Setting("groups-30", **LISTS, missing=0.30))
EVIDENCE = {"hub": False, "mean": True}
FIGURES = ("n_persons_low", "n_persons", "n_persons_high", "n_hat", "f1", "expected", "true", "squared", "r_hat")
COLUMNS = ("n_persons_true", "n_hat_perfect", *(f"{own}_{figure}" for own in EVIDENCE for figure in FIGURES))


def rows_of(setting: Setting, folder: Path) -> Rows:
    """The file of one setting."""
    settings = {"study": "groups", "seed": SEED, "n_draws": N_DRAWS, "sampler": SAMPLER, **vars(setting)}
    return Rows(folder / "groups" / f"{setting.name}.csv", COLUMNS, settings)


def run(folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the rows; a run that was stopped goes on where it ended."""
    for place, setting in enumerate(SETTINGS):
        with progress(setting.name, total=data_sets) as bar:
            rows_of(setting, folder).complete(
                lambda number, place=place: row(place, number), range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar
            )


def row(place: int, number: int) -> Row:
    """Draws under either evidence of a group, held against the truth."""
    data = data_set(SETTINGS[place].lists(np.random.default_rng([SEED, place, number])), "plain")
    lists = data.linkable.lists
    matches = match(
        data.linkable,
        Answers.of(None, data.linkable.records),
        is_clean=np.ones(len(lists), np.bool_),
        seed=number,
        n_jobs=1,
        all_pairs=True,
    )
    truth = of_truth(data)
    found: dict[str, float | str] = {name: truth[name] for name in ("n_persons_true", "n_hat_perfect")}
    for name, is_mean in EVIDENCE.items():
        try:
            drawn = sample_partitions(matches.evidence, n_draws=N_DRAWS, seed=number, is_mean=is_mean)
        except Refused:
            continue
        links = data.joined(drawn.persons[:, matches.unit])
        distinct = links.distinct_persons()
        left, right, count = pairs_together(links)
        probability = count / links.n_draws
        is_true = data.true_person[left] == data.true_person[right]
        figures = (
            *(distinct.low, float(np.median(links.n_persons)), distinct.high),
            float(np.median([independence(replace(links, persons=own[None])).n_hat for own in links.persons])),
            pair_scores(joined_at(links, [0.5]), data.true_person)["f1"],
            *(float(probability.sum()), int(is_true.sum())),
            *(float(((probability - is_true) ** 2).sum()), drawn.r_hat),
        )
        found |= {f"{name}_{figure}": value for figure, value in zip(FIGURES, figures, strict=True)}
    return found


def groups_part(folder: Path) -> str:
    """Markdown of the study."""
    head = (
        *("lists", "evidence of a group", "data sets", "distinct persons covered", "their error, %", "error of N, %"),
        *("F1", "pairs expected / true", "squared error of pair probabilities", "largest R-hat"),
    )
    lines = []
    for setting in SETTINGS:
        frame = rows_of(setting, folder).frame()
        for name in EVIDENCE if len(frame) > 1 else ():
            own = frame[frame[f"{name}_f1"].notna()]
            lines.append([f"`{setting.name}`", name, str(len(own)), *_cells(own, name)])
    return table(head, lines) if lines else "No rows yet.\n"


def _cells(frame: pd.DataFrame, name: str) -> list[str]:
    true, perfect = frame["n_persons_true"], frame["n_hat_perfect"]
    held = (frame[f"{name}_n_persons_low"] <= true) & (true <= frame[f"{name}_n_persons_high"])
    return [
        f"{held.sum()} of {len(frame)}",
        with_error(mean(100 * (frame[f"{name}_n_persons"] / true - 1).to_numpy()), 2, sign=True),
        with_error(mean(100 * (frame[f"{name}_n_hat"] / perfect - 1).to_numpy()), 1, sign=True),
        with_error(mean(frame[f"{name}_f1"].to_numpy()), 4),
        f"{frame[f'{name}_expected'].sum() / frame[f'{name}_true'].sum():.3f}",
        with_error(mean(frame[f"{name}_squared"].to_numpy()), 1),
        f"{frame[f'{name}_r_hat'].max():.3f}",
    ]
