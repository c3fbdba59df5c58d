"""Study of `bayes_threshold`: what other seeds keep, and what it recovers.

It is no single posterior, since the interactions are chosen first, and so there are no ranks to look at. Rows of
`seeds`: one of the published tables with one seed. Rows of `recovery`: data sets of a known truth on four lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import mse
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.progress import progress
from simulations.calibration import has_overlap
from simulations.calibration_loglinear import histories_of
from simulations.rows import Row, Rows

__all__ = ["DATA_SETS", "LISTS", "SEEDS", "TABLES", "TRUTHS", "N", "Table", "recovery_rows", "run", "seeds_rows"]

SEEDS = 20
DATA_SETS = 100
CHUNK = 10
SEED = 20278
LISTS = tuple("ABCD")
N = 500
LIST_EFFECTS = (-1.2, -0.8, -1.5, -1.0)
# Interactions in log-odds.
TRUTHS: dict[str, Mapping[str, float]] = {
    "none": {},
    "one": {"AB": 1.0},
    "three": {"AB": 1.0, "CD": 1.0, "BC": -1.0},
    "weak": {"AB": 0.4, "CD": 0.4, "BC": -0.4},
    "three lists": {"AB": 0.5, "AC": 0.5, "BC": 0.5, "ABC": 1.0},
}


@dataclass(frozen=True, slots=True)
class Table:
    """A published table, and how `bayes_threshold` is called on it."""

    dataset: str
    prior: str
    max_order: int


TABLES = {
    "ukdat5-proper": Table("UKdat_5", "proper", 2),
    "ukdat5-improper": Table("UKdat_5", "improper", 2),
    "kosovo-proper": Table("Kosovo", "proper", 2),
    "kosovo-proper-3": Table("Kosovo", "proper", 3),
}
OF_SEEDS = ("model", "n_hat", "low", "high", "same_set_probability", "refused")
OF_RECOVERY = (
    *("n_observed", "n_hat", "low", "high", "low_80", "high_80", "kept", "kept_true", "kept_false", "refused"),
)


def seeds_rows(name: str, folder: Path) -> Rows:
    """The file of one table."""
    table = TABLES[name]
    settings = {"dataset": table.dataset, "prior": table.prior, "max_order": table.max_order}
    return Rows(folder / "thresholding" / f"seeds-{name}.csv", OF_SEEDS, settings)


def recovery_rows(name: str, folder: Path) -> Rows:
    """The file of one truth."""
    settings = {"truth": dict(TRUTHS[name]), "list_effects": list(LIST_EFFECTS), "n": N, "seed": SEED}
    return Rows(folder / "thresholding" / f"recovery-{name.replace(' ', '-')}.csv", OF_RECOVERY, settings)


def run(folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete all rows; seeds are 1 to 20."""
    for name in TABLES:
        with progress(name, total=SEEDS) as bar:
            seeds_rows(name, folder).complete(
                partial(seed_row, name), range(1, SEEDS + 1), chunk=CHUNK, n_jobs=n_jobs, bar=bar
            )
    for name in TRUTHS:
        with progress(name, total=data_sets) as bar:
            recovery_rows(name, folder).complete(
                partial(recovery_row, name), range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar
            )


def seed_row(name: str, seed: int) -> Row:
    """The set that one seed keeps, and the total."""
    table = TABLES[name]
    try:
        told = mse.bayes_threshold(
            mse.load_dataset(table.dataset), prior=table.prior, max_order=table.max_order, seed=seed
        )
    except Refused as refusal:
        return {"refused": str(refusal)}
    ends = told.interval()
    return {
        "model": told.model.removeprefix("Bayesian threshold "),
        "n_hat": told.n_hat,
        "low": ends.low,
        "high": ends.high,
        "same_set_probability": told.diagnostics["same_set_probability"],
    }


def data_set(name: str, number: int) -> CaptureHistories:
    """Persons of one truth, drawn anew while nobody is on two lists."""
    if name not in TRUTHS:
        raise BadInput.option("truth", name, TRUTHS)
    random = np.random.default_rng([SEED, list(TRUTHS).index(name), number])
    on = histories_of(len(LISTS))
    log_means = on @ np.array(LIST_EFFECTS)
    for term, size in TRUTHS[name].items():
        log_means += size * on[:, [LISTS.index(one) for one in term]].prod(axis=1)
    means = np.exp(log_means)
    while True:
        counts = random.multinomial(N, means / means.sum())
        if has_overlap(counts):
            return CaptureHistories(LISTS, counts[1:])


def recovery_row(name: str, number: int) -> Row:
    """The total with its intervals, and how many true and false interactions of two lists were kept."""
    histories = data_set(name, number)
    found: dict[str, float | str] = {"n_observed": histories.n_observed}
    try:
        told = mse.bayes_threshold(histories, seed=number)
    except Refused as refusal:
        return found | {"refused": str(refusal)}
    kept = {term.replace(":", "") for term in told.terms.term[told.terms.kept]}
    true = {term for term in TRUTHS[name] if len(term) == 2}
    wide, narrow = told.interval(0.95), told.interval(0.8)
    return found | {
        "n_hat": told.n_hat,
        "low": wide.low,
        "high": wide.high,
        "low_80": narrow.low,
        "high_80": narrow.high,
        "kept": " ".join(sorted(kept)),
        "kept_true": len(kept & true),
        "kept_false": len(kept - true),
    }
