"""How interactions were judged against a threshold, and how likely another seed is to judge them alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from mse.models.bayes.convergence import convergence

__all__ = ["LIKELY", "Judged", "closeness"]

type Array = NDArray[np.float64]

LIKELY = 0.95  # share of seeds with the same choice, below which the answer says so


@dataclass(frozen=True, slots=True)
class Judged:
    """An interaction at the stage where it was judged; `z_error` is the Monte Carlo error of its z."""

    term: int
    mean: float
    sd: float
    z_error: float
    kept: bool

    @property
    def z(self) -> float:
        """Posterior mean in posterior standard deviations."""
        return self.mean / self.sd

    @classmethod
    def of(cls, values: Array, term: int, threshold: float) -> "Judged":
        """From draws (n_chains, n_draws) of the interaction."""
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        size = min(convergence({"term": values}, {})["ess_bulk"], values.size)
        # Delta method for a normal posterior: variance (1 + z**2 / 2) / effective sample size.
        error = float(np.sqrt((1 + (mean / sd) ** 2 / 2) / size))
        return cls(term, mean, sd, error, abs(mean) >= threshold * sd)

    def flip_probability(self, threshold: float) -> float:
        """Chance that another seed decides otherwise: both z have the same error, and differ by it twice."""
        return float(norm.sf(abs(abs(self.z) - threshold) / (sqrt(2) * self.z_error)))


def closeness(judged: Sequence[Judged], threshold: float) -> dict[str, float]:
    """How close the nearest interaction was to the threshold, and how likely another seed is to keep the same set."""
    if not judged or threshold <= 0:
        return {}
    nearest = max(judged, key=lambda row: row.flip_probability(threshold))
    return {
        "nearest_z": nearest.z,
        "nearest_gap": abs(nearest.z) - threshold,
        "nearest_gap_error": nearest.z_error,
        "flip_probability": nearest.flip_probability(threshold),
        "same_set_probability": prod(1 - row.flip_probability(threshold) for row in judged),
    }
