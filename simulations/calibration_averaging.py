"""Simulation-based calibration of `bayes_averaging`: are its posteriors those of its own prior?

As `simulations.calibration`: model, coefficients and N are drawn from the prior, a table from them, and the ranks of
the true N and of the true number of interactions among 99 thinned draws of the posterior are uniform when the sampler
is right. The prior is unit information; under SBH a draw of the prior is a table with everybody in one cell. N is drawn
from 1/N between two ends, and of the posterior the draws between these ends are taken. A table without a person on two
lists is drawn again, and one that is refused is left out: both are judged by the counts alone, so that the ranks of the
others stay uniform.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

import mse
from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.models.bayes.averaging_prior import PRIORS, prior_draws
from mse.models.bayes.averaging_tree import terms_in
from mse.models.bayes.cross_classified import cross_table
from mse.progress import progress
from simulations.calibration import CHUNK, DATA_SETS, ENDS, RANKS
from simulations.rows import Row, Rows

__all__ = ["data_set", "run"]

N_LISTS, MAX_ORDER, PRIOR = 4, 3, "unit-information"
MAX_STEPS = 2_000_000
SEED = 20272
COLUMNS = ("true_n", "true_size", "n_observed", "rank", "rank_of_size", "inside", "r_hat", "n_steps", "refused")


def data_set(number: int) -> tuple[int, int, CaptureHistories]:
    """The true N of a data set, its number of interactions, and its capture histories."""
    random = np.random.default_rng([SEED, number])
    lists = tuple("ABCD")
    table = cross_table(CaptureHistories(lists, np.ones(2**N_LISTS - 1, dtype=np.int64)), MAX_ORDER)
    whole = np.concatenate([table.hidden, table.cells.columns.T])
    while True:
        total = int(np.exp(random.uniform(*np.log(ENDS))))
        models, betas, _ = prior_draws(table, PRIORS[PRIOR], 1, random)
        counts = random.multinomial(total, softmax(whole @ betas[0]))
        if counts[[value.bit_count() > 1 for value in range(2**N_LISTS)]].any():
            return total, int(terms_in(models, len(table.terms)).sum()), CaptureHistories(lists, counts[1:])


def row_of(number: int) -> Row:
    """Ranks of the true N and of the true number of interactions, 0 to 99."""
    true_n, true_size, histories = data_set(number)
    found: dict[str, float | str] = {"true_n": true_n, "true_size": true_size, "n_observed": histories.n_observed}
    try:
        posterior = mse.bayes_averaging(histories, prior=PRIOR, max_order=MAX_ORDER, seed=number, max_steps=MAX_STEPS)
    except Refused as refusal:
        return found | {"refused": str(refusal)}
    draws = posterior.draws[:, 0]
    sizes = posterior.idata.posterior["included"].to_numpy().reshape(len(draws), -1).sum(axis=1)
    inside = np.flatnonzero((draws >= ENDS[0]) & (draws <= ENDS[1]))
    thinned = inside[np.linspace(0, len(inside) - 1, RANKS).round().astype(int)]
    random = np.random.default_rng([SEED, number, 1])
    return found | {
        "rank": _rank(draws[thinned], true_n, random),
        "rank_of_size": _rank(sizes[thinned], true_size, random),
        "inside": len(inside) / len(draws),
        "r_hat": posterior.diagnostics["r_hat"],
        "n_steps": posterior.diagnostics["n_steps"],
    }


def _rank(draws: NDArray[np.float64], truth: int, random: np.random.Generator) -> int:
    """How many draws are smaller; a tie of whole numbers is broken at random, as the theory of ranks asks."""
    return int((draws < truth).sum() + random.integers(0, (draws == truth).sum() + 1))


def run(results: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the rows; a run that was stopped goes on where it ended."""
    settings = {"lists": N_LISTS, "max_order": MAX_ORDER, "prior": PRIOR, "ends": list(ENDS), "seed": SEED}
    rows = Rows(results / "calibration-averaging.csv", COLUMNS, settings)
    with progress("calibration of bayes_averaging", total=data_sets) as bar:
        rows.complete(row_of, range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)
