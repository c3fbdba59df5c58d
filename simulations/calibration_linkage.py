"""Simulation-based calibration of the linkage sampler: are its draws those of its own model?

As `simulations.calibration`. N is drawn from 1/N between two ends, lists are independent samples of its persons, error
rates come from their Dirichlet prior; in each field of a person one record is the hub, the levels of the others against
the hub follow the error rates, which are those of a pair and smaller where more records know the field, and all other
pairs of records agree by chance. The ranks of the true N, of the true number of distinct persons and of a true error
rate among 99 thinned draws are uniform when the sampler is right.
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mse.errors import Refused
from mse.linkage.all_pairs import Listed
from mse.linkage.comparison import Comparison, Level
from mse.linkage.conditions import Equal, missing
from mse.linkage.evidence import Evidence
from mse.linkage.ladders import OwnChances, ladders
from mse.linkage.partition_posterior import sample_partitions
from mse.linkage.weights import M_STRENGTH, Weights
from mse.progress import progress
from simulations.calibration import CHUNK, DATA_SETS, RANKS, from_one_over_n, rank_of
from simulations.rows import Row, Rows

__all__ = ["Truth", "data_set", "run"]

LIST_SIZES = (14, 12, 10)
ENDS = (20, 400)
# Level by level the probability of one person and of two; what is left is that of disagreement.
LEVELS = {"name": ((0.75, 0.02), (0.15, 0.03)), "date": ((0.80, 0.01), (0.10, 0.03)), "sex": ((0.97, 0.5),)}
MISSING = 0.1
N_DRAWS = 4 * RANKS
SEED = 20273
COLUMNS = ("true_n", "true_persons", "rank", "rank_of_persons", "rank_of_rate", "inside", "r_hat", "refused")


@dataclass(frozen=True)
class Truth:
    """What a data set was made of: persons in the population and on the lists, and the rate of equal names."""

    n: int
    n_persons: int
    rate: float


def comparisons() -> tuple[Comparison, ...]:
    """The fields of the model."""
    return tuple(
        Comparison(
            name, tuple(Level(f"level {at}", Equal(name), m, u) for at, (m, u) in enumerate(levels)), missing(name)
        )
        for name, levels in LEVELS.items()
    )


def data_set(number: int) -> tuple[Truth, Evidence]:
    """One truth and the evidence drawn from it."""
    random = np.random.default_rng([SEED, number])
    fields = comparisons()
    ladder = ladders(fields)
    starts = [np.array(own.starts) for own in fields]
    m = [np.maximum(random.dirichlet(M_STRENGTH * own[:, 0]), 1e-12) for own in starts]
    n = from_one_over_n(ENDS, random)
    person = np.concatenate([random.choice(n, size, replace=False) for size in LIST_SIZES])
    lists = np.repeat(np.arange(len(LIST_SIZES)), LIST_SIZES)
    knows = random.uniform(size=(len(lists), len(fields))) >= MISSING
    hub = {
        (own, field): random.choice(np.flatnonzero((person == own) & knows[:, field]))
        for own in np.unique(person)
        for field in range(len(fields))
        if ((person == own) & knows[:, field]).any()
    }
    pairs = [(a, b) for a, b in combinations(range(len(lists)), 2) if lists[a] != lists[b]]
    levels = np.full((len(pairs), len(fields)), -1, np.int8)
    for place, (a, b) in enumerate(pairs):
        for field, own in enumerate(starts):
            if knows[a, field] and knows[b, field]:
                is_copy = person[a] == person[b] and hub[person[a], field] in (a, b)
                n_knowing = int(((person == person[a]) & knows[:, field]).sum())
                chances = of_a_copy(m[field], n_knowing) if is_copy else own[:, 1]
                levels[place, field] = random.choice(len(own), p=chances)
    left, right = (np.array([pair[end] for pair in pairs], np.int64) for end in (0, 1))
    m_start, u = (np.concatenate([own[:, which] for own in starts]) for which in (0, 1))
    weights = Weights(m_start, m_start, u[:, None], np.zeros((len(u), 1)), OwnChances.nothing(len(lists)))
    evidence = Evidence(
        lists,
        np.ones(len(LIST_SIZES), np.bool_),
        Listed(left, right, levels),
        np.zeros(len(pairs), np.int8),
        np.ones(len(pairs)),
        np.zeros((len(lists), len(fields) + 1), np.int64),
        ladder,
        weights,
        1 / n,
    )
    return Truth(n, len(np.unique(person)), float(m[0][0])), evidence


def of_a_copy(m: NDArray[np.float64], n_knowing: int) -> NDArray[np.float64]:
    """Chances of the levels of a copy against its hub: the m-probabilities are those of a pair."""
    errors = m[1:] / m.sum() * n_knowing / (2 * (n_knowing - 1))
    return np.concatenate([[1 - errors.sum()], errors])


def row_of(number: int) -> Row:
    """Ranks of the truth among the draws whose N is between the ends, 0 to 99."""
    truth, evidence = data_set(number)
    found: dict[str, float | str] = {"true_n": truth.n, "true_persons": truth.n_persons}
    try:
        drawn = sample_partitions(evidence, n_draws=N_DRAWS, seed=number, is_robust=False)
    except Refused as refusal:
        return found | {"refused": str(refusal)}
    inside = np.flatnonzero((drawn.sizes >= ENDS[0]) & (drawn.sizes < ENDS[1]))
    thinned = inside[np.linspace(0, len(inside) - 1, RANKS).round().astype(int)]
    n_persons = np.array([len(np.unique(draw)) for draw in drawn.persons[thinned]])
    random = np.random.default_rng([SEED, number, 1])
    return found | {
        "rank": rank_of(drawn.sizes[thinned], truth.n, random),
        "rank_of_persons": rank_of(n_persons, truth.n_persons, random),
        "rank_of_rate": rank_of(drawn.m[thinned, 0], truth.rate, random),
        "inside": len(inside) / N_DRAWS,
        "r_hat": drawn.r_hat,
    }


def run(results: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the rows; a run that was stopped goes on where it ended."""
    settings = {
        "errors": "by size of group",
        "lists": list(LIST_SIZES),
        "ends": list(ENDS),
        "missing": MISSING,
        "n_draws": N_DRAWS,
        "seed": SEED,
    }
    rows = Rows(results / "calibration-linkage.csv", COLUMNS, settings)
    with progress("calibration of the linkage", total=data_sets) as bar:
        rows.complete(row_of, range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)
