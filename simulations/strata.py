"""Study of strata: pooled in part, estimated one by one, and taken as one population.

Six strata of known size, from 600 persons down to 30, on four lists with one positive and one negative dependence. In
the setting `differing` capture, lists' reach and dependence vary between strata; in `alike` they do not, which is what
taking all as one supposes. In both about as many persons are hidden as seen, where the default prior of a single table
has its middle; in `hidden` strata differ as in `differing`, the odds of being listed are a third, and strata are four
times as large, so that some three persons are hidden for each one seen. Every data set draws new strata and the history
of every person.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mse
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.models.loglinear.terms import all_terms, design_matrix
from mse.progress import progress
from simulations.rows import Row, Rows

__all__ = ["COLUMNS", "DATA_SETS", "METHODS", "SETTINGS", "SIZES", "data_set", "row", "rows_of", "run"]

DATA_SETS = 100
CHUNK = 2
SEED = 20231
SIZES = (600, 300, 150, 80, 50, 30)
LISTS = ("a", "b", "c", "d")
LIST_EFFECTS = (-1.6, -1.2, -1.9, -1.4)
INTERACTIONS = (0.8, 0.0, 0.0, 0.0, 0.0, -0.5)


@dataclass(frozen=True, slots=True)
class Setting:
    """What strata are like.

    Attributes
    ----------
    sds : tuple of float
        Standard deviations between strata, in log-odds: of all lists together, of each list, of each interaction.
    times_as_large : int
        As SIZES.
    reach : float
        Added to the effect of every list.
    """

    sds: tuple[float, float, float]
    times_as_large: int = 1
    reach: float = 0.0

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.times_as_large * size for size in SIZES)


SETTINGS = {
    "differing": Setting((0.4, 0.3, 0.25)),
    "alike": Setting((0.0, 0.0, 0.0)),
    "hidden": Setting((0.4, 0.3, 0.25), times_as_large=4, reach=-1.1),
}
METHODS = ("partial", "separate", "complete")
N_DRAWS = 500
N_CHAINS, N_CHAINS_ALONE = 3, 2
# The quicker one; its draws may in rare cases not repeat from the seed.
SAMPLER = "nutpie"
ENDS = ("n_hat", "low", "high")
OF = (*(str(s) for s in range(len(SIZES))), "total")
COLUMNS = (
    *(f"n_observed_{s}" for s in range(len(SIZES))),
    *(f"{method}_{of}_{end}" for method in METHODS for of in OF for end in ENDS),
    *(f"{method}_refused" for method in METHODS),
)


def rows_of(name: str, folder: Path) -> Rows:
    """The file of one setting."""
    if name not in SETTINGS:
        raise BadInput.option("setting", name, SETTINGS)
    setting = SETTINGS[name]
    settings = {
        "study": "strata",
        "seed": SEED,
        "sizes": setting.sizes,
        "sds": setting.sds,
        **({"reach": setting.reach} if setting.reach else {}),
        "n_draws": N_DRAWS,
        "sampler": SAMPLER,
    }
    return Rows(folder / "strata" / f"{name}.csv", COLUMNS, settings)


def run(names: list[str], folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the files of these settings up to a number of data sets."""
    for name in names:
        with progress(name, total=data_sets) as bar:
            rows_of(name, folder).complete(
                partial(row, name), range(data_sets), chunk=max(CHUNK, n_jobs), n_jobs=n_jobs, bar=bar
            )


def data_set(name: str, number: int) -> CaptureHistories:
    """One table with a stratum for each size; the same whichever others are drawn."""
    random = np.random.default_rng([SEED, list(SETTINGS).index(name), number])
    setting = SETTINGS[name]
    of_all, of_list, of_interaction = setting.sds
    n_lists = len(LISTS)
    design = design_matrix([*(1 << (n_lists - 1 - j) for j in range(n_lists)), *all_terms(n_lists, 2)], n_lists)[:, 1:]
    counts = []
    for size in setting.sizes:
        effects = setting.reach + np.array(LIST_EFFECTS) + random.normal(0, of_all) + random.normal(0, of_list, n_lists)
        interactions = np.array(INTERACTIONS) + random.normal(0, of_interaction, len(INTERACTIONS))
        means = np.concatenate([[1.0], np.exp(design @ np.concatenate([effects, interactions]))])
        counts.append(random.multinomial(size, means / means.sum())[1:])
    names = tuple(f"s{s}" for s in range(len(SIZES)))
    return CaptureHistories(LISTS, np.array(counts).T, strata=names, covariates=("region",))


def row(name: str, number: int) -> Row:
    """Medians and 95 % intervals of every stratum and of their sum, by each method."""
    table = data_set(name, number)
    found: dict[str, float | str] = {f"n_observed_{s}": int(n) for s, n in enumerate(table.counts.sum(axis=0))}
    for method, draw in (("partial", _partial), ("separate", _separate), ("complete", _complete)):
        draws, refusals = draw(table, number)
        found[f"{method}_refused"] = "; ".join(refusals)
        known = {str(s): totals for s, totals in draws.items()}
        if len(known) == len(SIZES):
            known["total"] = np.sum(list(known.values()), axis=0)
        for of, totals in known.items():
            low, middle, high = np.quantile(totals, (0.025, 0.5, 0.975))
            found |= {f"{method}_{of}_{end}": float(x) for end, x in zip(ENDS, (middle, low, high), strict=True)}
    return found


type Draws = tuple[dict[int, NDArray[np.float64]], list[str]]


def _partial(table: CaptureHistories, seed: int) -> Draws:
    try:
        told = mse.multilevel(table, seed=seed, n_draws=N_DRAWS, n_chains=N_CHAINS, sampler=SAMPLER)
    except Refused as refusal:
        return {}, [str(refusal)]
    return {s: told.draws[:, s] for s in range(len(SIZES))}, []


def _separate(table: CaptureHistories, seed: int) -> Draws:
    """Each stratum by itself; one that has no estimate is left out, and then there is no sum."""
    draws, refusals = {}, []
    for s, name in enumerate(table.strata):
        try:
            told = _alone(table.stratum(name), seed)
        except Refused as refusal:
            refusals.append(f"{name}: {refusal}")
        else:
            draws[s] = _as_many(told.draws[:, 0])
    return draws, refusals


def _complete(table: CaptureHistories, seed: int) -> Draws:
    """All strata as one population: each has the hidden persons per person seen of all."""
    try:
        told = _alone(table.collapse_strata(), seed)
    except Refused as refusal:
        return {}, [str(refusal)]
    ratio = _as_many(told.idata.posterior.hidden_per_seen.to_numpy().ravel())
    random = np.random.default_rng([seed, 1])
    seen = table.counts.sum(axis=0)
    hidden = random.poisson(random.gamma(seen, size=(len(ratio), len(seen))) * ratio[:, None])
    return {s: seen[s] + hidden[:, s] for s in range(len(SIZES))}, []


def _alone(table: CaptureHistories, seed: int) -> mse.Estimate:
    return mse.bayes_loglinear(
        table, prior="normal", seed=seed, n_draws=N_DRAWS, n_chains=N_CHAINS_ALONE, sampler=SAMPLER
    )


def _as_many(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every so-manyth draw: chains that were run once more are longer, and sums need as many of each stratum."""
    return draws[:: len(draws) // (N_DRAWS * N_CHAINS_ALONE)]
