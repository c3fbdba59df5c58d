"""Simulation-based calibration of `latent_class`: are its posteriors those of its own prior?

Talts and others (2020), arXiv:1804.06788: parameters are drawn from the prior, data from the parameters, and the rank
of the true N among 99 thinned draws of the posterior is uniform when the sampler is right. The prior 1/N has no sum, so
N is drawn from 1/N between two ends, and of the posterior the draws between these ends are taken: that is the posterior
under the prior that was drawn from.
"""

from pathlib import Path

import numpy as np
from scipy import stats

import mse
from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.progress import progress
from simulations.rows import Row, Rows

__all__ = ["DATA_SETS", "run", "uniformity"]

DATA_SETS = 100
CHUNK = 5
N_LISTS, N_CLASSES = 4, 10
ENDS = (200, 20_000)
PRIOR_ALPHA = (0.25, 0.25)
RANKS = 99
SEED = 20271
COLUMNS = ("true_n", "n_observed", "rank", "inside", "r_hat", "refused")


def data_set(number: int) -> tuple[int, CaptureHistories]:
    """The true N of a data set, and its capture histories."""
    random = np.random.default_rng([SEED, number])
    total = int(np.exp(random.uniform(*np.log(ENDS))))
    alpha = max(random.gamma(PRIOR_ALPHA[0], 1 / PRIOR_ALPHA[1]), 1e-12)
    log_rest = np.log(random.uniform(size=N_CLASSES - 1)) / alpha
    left = np.exp(np.concatenate([[0.0], np.cumsum(log_rest)]))
    shares = left * np.concatenate([-np.expm1(log_rest), [1.0]])
    captured = random.uniform(size=(N_CLASSES, N_LISTS))
    classes = random.choice(N_CLASSES, size=total, p=shares / shares.sum())
    on = random.uniform(size=(total, N_LISTS)) < captured[classes]
    cells = on @ (1 << np.arange(N_LISTS)[::-1])
    counts = np.bincount(cells, minlength=2**N_LISTS)[1:]
    return total, CaptureHistories(tuple("ABCD"), counts)


def row_of(number: int) -> Row:
    """Rank of the true N among the draws between the ends, 0 to 99."""
    true_n, histories = data_set(number)
    found: dict[str, float | str] = {"true_n": true_n, "n_observed": histories.n_observed}
    try:
        posterior = mse.latent_class(histories, n_classes=N_CLASSES, seed=number, prior_alpha=PRIOR_ALPHA)
    except Refused as refusal:
        return found | {"refused": str(refusal)}
    draws = posterior.draws[:, 0]
    inside = draws[(draws >= ENDS[0]) & (draws <= ENDS[1])]
    thinned = inside[np.linspace(0, len(inside) - 1, RANKS).round().astype(int)]
    random = np.random.default_rng([SEED, number, 1])
    # Whole numbers tie; a tie is broken at random, as the theory of ranks asks.
    rank = int((thinned < true_n).sum() + random.integers(0, (thinned == true_n).sum() + 1))
    return found | {"rank": rank, "inside": len(inside) / len(draws), "r_hat": posterior.diagnostics["r_hat"]}


def run(results: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
    """Complete the rows; a run that was stopped goes on where it ended."""
    settings = {"lists": N_LISTS, "classes": N_CLASSES, "ends": list(ENDS), "alpha": list(PRIOR_ALPHA), "seed": SEED}
    rows = Rows(results / "calibration-latent-class.csv", COLUMNS, settings)
    with progress("calibration of latent_class", total=data_sets) as bar:
        rows.complete(row_of, range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)


def uniformity(ranks: np.ndarray, n_bins: int = 10) -> tuple[float, float]:
    """Chi-squared of the ranks in equal bins against a uniform law, and its p-value."""
    counts = np.bincount((np.asarray(ranks) * n_bins // (RANKS + 1)).astype(int), minlength=n_bins)
    test = stats.chisquare(counts)
    return float(test.statistic), float(test.pvalue)
