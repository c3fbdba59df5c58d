"""Simulation-based calibration: are the posteriors of a model those of its own prior?

Talts and others (2020), arXiv:1804.06788: parameters are drawn from the prior, data from the parameters, and the rank
of the truth among 99 thinned draws of the posterior is uniform when the sampler is right. The prior 1/N has no sum, so
N is drawn from 1/N between two ends, and of the posterior the draws between these ends are taken: that is the posterior
under the prior that was drawn from. With hidden persons per person seen given, a flat prior of the log of the expected
number seen is the same as 1/N.

A data set whose counts no model of the package takes, with nobody on two lists, is drawn again: the counts alone decide
it, so that the ranks of the others stay uniform. One that does not converge is run longer, and kept whatever comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mse.errors import NotConverged, Refused
from mse.histories import CaptureHistories
from mse.progress import progress
from simulations.rows import Row, Rows

__all__ = [
    "CHUNK",
    "DATA_SETS",
    "LONGER",
    "RANKS",
    "Calibration",
    "Sample",
    "from_one_over_n",
    "has_overlap",
    "rank_of",
    "row_of",
    "uniformity",
]

type Array = NDArray[np.float64]

DATA_SETS = 100
CHUNK = 5
RANKS = 99
LONGER = 16
MOST_RUNS = 8
OTHER_SEED = 1_000_000


@dataclass(frozen=True)
class Sample:
    """Draws of one posterior.

    Attributes
    ----------
    draws : mapping of str to ndarray, shape (n_draws,)
        By the names that are ranked.
    totals : ndarray, shape (n_draws, n_strata)
        N, whose draws between the ends are kept.
    diagnostics : mapping
        Of the answer: `r_hat`, `ess_bulk` and `converged`; empty for draws that are exact.
    """

    draws: Mapping[str, Array]
    totals: Array
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def joined(self, other: "Sample") -> "Sample":
        """Draws of two runs as those of one."""
        draws = {name: np.concatenate([own, other.draws[name]]) for name, own in self.draws.items()}
        return Sample(draws, np.concatenate([self.totals, other.totals]), self.diagnostics)


@dataclass(frozen=True)
class Calibration:
    """One model, how truths and data are drawn from its prior, and what of its posterior is ranked.

    Attributes
    ----------
    name : str
        Of the file of its rows.
    says : str
        What the table calls it.
    ranked : mapping of str to str
        Quantity, and what the table calls it; `n` is N.
    ends : tuple of int
        Of the prior of N, or of the N of each stratum.
    seed : int
    settings : mapping
        What else the rows depend on.
    data_set : callable
        The truth by quantity, and the capture histories, of a number.
    sample : callable
        ``sample(histories, seed, length, allow_unconverged)``, `length` times as long as usual.
    """

    name: str
    says: str
    ranked: Mapping[str, str]
    ends: tuple[int, int]
    seed: int
    settings: Mapping[str, object]
    data_set: Callable[[int], tuple[Mapping[str, float], CaptureHistories]]
    sample: Callable[[CaptureHistories, int, int, bool], Sample]

    @property
    def ranks(self) -> dict[str, str]:
        """Column of the rank of each quantity."""
        return {name: "rank" if name == "n" else f"rank_of_{name}" for name in self.ranked}

    def rows(self, folder: Path) -> Rows:
        """The file of the rows."""
        columns = (
            *(f"true_{name}" for name in self.ranked),
            "n_observed",
            *self.ranks.values(),
            *("inside", "r_hat", "length", "runs", "converged", "refused"),
        )
        settings = {**self.settings, "ends": list(self.ends), "seed": self.seed}
        return Rows(folder / f"calibration-{self.name}.csv", columns, settings)

    def run(self, folder: Path, *, data_sets: int = DATA_SETS, n_jobs: int = 1) -> None:
        """Complete the rows; a run that was stopped goes on where it ended."""
        with progress(f"calibration of {self.name}", total=data_sets) as bar:
            self.rows(folder).complete(partial(row_of, self), range(data_sets), chunk=CHUNK, n_jobs=n_jobs, bar=bar)


def row_of(calibration: Calibration, number: int) -> Row:
    """Ranks of the truth among the draws between the ends, 0 to 99.

    `length` tells how many times as long as usual the chains ran, `runs` how many were joined because few of their
    draws lie between the ends, and `converged` whether the last was judged so.
    """
    truth, histories = calibration.data_set(number)
    found: dict[str, float | str] = {f"true_{name}": truth[name] for name in calibration.ranked}
    found["n_observed"] = histories.n_observed
    try:
        length, sample = _sample(calibration, histories, number)
        runs = 1
        while _effective(calibration, sample, runs) < RANKS and runs < MOST_RUNS:
            seed = number + OTHER_SEED * runs
            sample = sample.joined(calibration.sample(histories, seed, length, True))
            runs += 1
    except Refused as refusal:
        return found | {"refused": str(refusal)}
    inside = np.flatnonzero(_inside(calibration, sample))
    if len(inside) < RANKS:
        return found | {"refused": f"{len(inside)} draws between the ends", "length": length, "runs": runs}
    thinned = inside[np.linspace(0, len(inside) - 1, RANKS).round().astype(int)]
    random = np.random.default_rng([calibration.seed, number, 1])
    ranks = {
        column: rank_of(sample.draws[name][thinned], truth[name], random) for name, column in calibration.ranks.items()
    }
    return (
        found
        | ranks
        | {
            "inside": len(inside) / len(sample.totals),
            "r_hat": sample.diagnostics.get("r_hat", ""),
            "length": length,
            "runs": runs,
            "converged": int(sample.diagnostics.get("converged", 1)),
        }
    )


def _sample(calibration: Calibration, histories: CaptureHistories, seed: int) -> tuple[int, Sample]:
    """The draws, and how many times as long as usual the chains ran."""
    try:
        return 1, calibration.sample(histories, seed, 1, False)
    except NotConverged:
        return LONGER, calibration.sample(histories, seed, LONGER, True)


def _inside(calibration: Calibration, sample: Sample) -> NDArray[np.bool_]:
    low, high = calibration.ends
    return np.asarray(((sample.totals >= low) & (sample.totals <= high)).all(axis=1))


def _effective(calibration: Calibration, sample: Sample, runs: int) -> float:
    """Effective draws between the ends, by the effective size of one run."""
    size = sample.diagnostics.get("ess_bulk", len(sample.totals) / runs)
    return float(_inside(calibration, sample).mean() * size * runs)


def rank_of(draws: NDArray[Any], truth: float, random: np.random.Generator) -> int:
    """How many draws are smaller; a tie of whole numbers is broken at random, as the theory of ranks asks."""
    return int((draws < truth).sum() + random.integers(0, (draws == truth).sum() + 1))


def from_one_over_n(ends: tuple[int, int], random: np.random.Generator) -> int:
    """A whole number from 1/N between two ends."""
    return int(np.exp(random.uniform(*np.log(ends))))


def has_overlap(counts: NDArray[np.int64]) -> bool:
    """Whether anybody is on two lists; counts are of all histories, that on no list first."""
    return bool(counts[[value.bit_count() > 1 for value in range(len(counts))]].any())


def uniformity(ranks: NDArray[Any], n_bins: int = 10) -> tuple[float, float]:
    """Chi-squared of the ranks in equal bins against a uniform law, and its p-value."""
    counts = np.bincount((np.asarray(ranks) * n_bins // (RANKS + 1)).astype(int), minlength=n_bins)
    test = stats.chisquare(counts)
    return float(test.statistic), float(test.pvalue)
