"""Linkage study: lists of invented persons with errors and missing values, linked as if nobody knew the truth.

What is asked: does the interval of distinct persons hold their true number, and what does linkage do to N? The latter
is judged by the estimate of independent lists, which is right here but for linkage, against the same estimate under the
true partition. Both are of the records that are not left out as too scarce.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mse.errors import BadInput, Refused
from mse.linkage import link, linkage_quality
from mse.linkage.population_size import independence_estimate
from mse.links import Links
from mse.progress import progress
from mse.pseudonyms import Key, encode, id_map
from simulations.linkage_lists import Lists, Setting
from simulations.rows import Row, Rows

__all__ = ["COLUMNS", "DATA_SETS", "SETTINGS", "row", "rows_of", "run"]

DATA_SETS = 20
CHUNK = 1
SEED = 20215
N_DRAWS = 100
BLOOM = "-bloom"
KEY = Key("SYNTHETIC-study", bytes(range(32)))
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("sparse-10", 5000, 5, 300, missing=0.10),
        Setting("sparse-30", 5000, 5, 300, missing=0.30),
        Setting("sparse-10-bloom", 5000, 5, 300, missing=0.10),
        Setting("large-10", 6000, 5, 2000, missing=0.10),
        Setting("large-30", 6000, 5, 2000, missing=0.30),
    )
}
COLUMNS = (
    *("n_left_out", "precision", "recall", "f1", "r_hat", "n_sweeps"),
    *("n_persons_true", "n_persons_low", "n_persons", "n_persons_high"),
    *("n_hat_perfect", "n_hat_low", "n_hat", "n_hat_high"),
    *(f"n_hat_at_{factor}_prior_n" for factor in ("0.75", "1", "1.5", "2")),
    "refused",
)


def rows_of(name: str, folder: Path) -> Rows:
    """The file of one setting."""
    if name not in SETTINGS:
        raise BadInput.option("setting", name, SETTINGS)
    settings = {"study": "linkage", "seed": SEED, "n_draws": N_DRAWS, **vars(SETTINGS[name])}
    return Rows(folder / "linkage" / f"{name}.csv", COLUMNS, settings)


def run(names: list[str], folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the files of these settings up to a number of data sets."""
    for name in names:
        with progress(name, total=data_sets) as bar:
            rows_of(name, folder).complete(
                partial(row, name), range(data_sets), chunk=max(CHUNK, n_jobs), n_jobs=n_jobs, bar=bar
            )


def row(name: str, number: int) -> Row:
    """Link one data set and hold it against its truth."""
    setting = SETTINGS[name]
    # Encoded lists are those of the plain setting, so that the two can be compared.
    place = list(SETTINGS).index(name.removesuffix(BLOOM))
    lists = setting.lists(np.random.default_rng([SEED, place, number]))
    given, maps = lists.registers, None
    if name.endswith(BLOOM):
        given = [encode(own, key=KEY, project=KEY.project, encoding="bloom") for own in lists.registers]
        maps = {own.name: id_map(own, key=KEY) for own in lists.registers}
    try:
        links = link(given, seed=number, n_draws=N_DRAWS)
    except Refused as refusal:
        return {"refused": str(refusal)}
    quality = linkage_quality(links, lists.truth, id_maps=maps)
    true_person = _true_person(links, lists, maps)
    sizes = pd.Series(links.records["list"]).value_counts().to_numpy()
    n_true = len(np.unique(true_person))
    distinct = links.distinct_persons()
    n_hats = np.quantile([independence_estimate(sizes, float(n)) for n in links.n_persons], (0.025, 0.5, 0.975))
    return {
        "n_left_out": len(lists.truth) - links.n_records,
        **{"precision": quality.precision, "recall": quality.recall, "f1": quality.f1},
        **{name: links.diagnostics[name] for name in COLUMNS if name in links.diagnostics},
        "n_persons_true": n_true,
        **{"n_persons_low": distinct.low, "n_persons": distinct.median or 0.0, "n_persons_high": distinct.high},
        "n_hat_perfect": independence_estimate(sizes, n_true),
        **{"n_hat_low": float(n_hats[0]), "n_hat": float(n_hats[1]), "n_hat_high": float(n_hats[2])},
    }


def _true_person(links: Links, lists: Lists, maps: dict[str, pd.DataFrame] | None) -> np.ndarray:
    person_of = {(own, str(row)): person for own, row, person in lists.truth.itertuples(index=False)}
    records = list(zip(links.records["list"], links.records["record"], strict=True))
    if maps is not None:
        rows = {
            (name, str(record)): str(row) for name, own in maps.items() for record, row in own.itertuples(index=False)
        }
        records = [(name, rows[name, record]) for name, record in records]
    return np.array([person_of[record] for record in records])
