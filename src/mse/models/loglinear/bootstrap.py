"""Bootstrap intervals that choose the model again in every resample.

Percentile, and bias-corrected and accelerated (BCa; Efron 1987, doi:10.1080/01621459.1987.10478410), as in Silverman,
Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9.
"""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from mse.errors import BadInput, Refused
from mse.interval import Interval, check_level
from mse.models.loglinear.choosing import Choice, Chooser

__all__ = ["BCa", "Percentile", "Resampling", "choose_in_resamples", "resample_counts"]

LEAST_SHARE = 0.95
TIES = 1e-9  # relative; resamples that choose a model with the same total differ by rounding
CHUNK = 25


@dataclass(frozen=True, eq=False)
class Resampling:
    """What came out of the resamples.

    Attributes
    ----------
    totals : ndarray of float64, shape (n_resamples,)
        Totals of the resamples that have an answer, in order.
    models : tuple of int
        The model that each of these chose.
    n_refused : int
        Resamples without one.
    """

    totals: NDArray[np.float64]
    models: tuple[int, ...]
    n_refused: int


def resample_counts(
    counts: NDArray[np.float64], n_boot: int, *, seed: int, n_hat: float | None = None
) -> NDArray[np.float64]:
    """Resampled tables, shape (n_boot, 2**K).

    The persons observed are drawn with replacement. With `n_hat` their number is drawn too, binomial with N-hat trials;
    without, it stays as it is.
    """
    if n_boot < 1:
        raise BadInput(f"n_boot={n_boot!r} gives no resample; 1000 is usual")
    rng = np.random.default_rng(seed)
    n_observed = int(counts.sum())
    if n_hat is None:
        return rng.multinomial(n_observed, counts / n_observed, size=n_boot).astype(np.float64)
    sizes = rng.binomial(max(round(n_hat), n_observed), n_observed / n_hat, size=n_boot)
    return np.stack([rng.multinomial(size, counts / n_observed) for size in sizes]).astype(np.float64)


def choose_in_resamples(chooser: Chooser, resamples: NDArray[np.float64], *, n_jobs: int = 1) -> Resampling:
    """The best model and its total in each resample; the same whatever `n_jobs`.

    Raises
    ------
    Refused
        When more than 5 % of the resamples have no model with an answer.
    """
    chunks = [resamples[i : i + CHUNK] for i in range(0, len(resamples), CHUNK)]
    parts = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_choose)(chooser, chunk) for chunk in chunks)
    choices = [choice for part in parts for choice in part]
    sound = [choice for choice in choices if choice is not None]
    if len(sound) < LEAST_SHARE * len(choices):
        raise Refused(
            f"{len(choices) - len(sound)} of {len(choices)} resamples have no model with a finite MLE and an "
            "identified total, so no bootstrap interval can be given; merge small lists"
        )
    return Resampling(
        np.array([choice.n_hat for choice in sound]),
        tuple(choice.model for choice in sound),
        len(choices) - len(sound),
    )


def _choose(chooser: Chooser, chunk: NDArray[np.float64]) -> list[Choice | None]:
    return [next(iter(chooser.best(counts)), None) for counts in chunk]


@dataclass(frozen=True, eq=False)
class Percentile:
    """Quantiles of the resampled totals."""

    totals: NDArray[np.float64]
    note: str = ""

    def at(self, level: float) -> Interval:
        """Interval between the two tails."""
        tail = (1 - check_level(level)) / 2
        low, high = np.quantile(self.totals, [tail, 1 - tail], method="median_unbiased")
        return Interval(float(low), float(high), level, "percentile", note=self.note)


@dataclass(frozen=True, eq=False)
class BCa:
    """Quantiles of the resampled totals, shifted for bias and for a spread that changes with N.

    `z0` is the normal quantile of the share of resamples below the estimate, `acceleration` comes from the jackknife.
    """

    totals: NDArray[np.float64]
    z0: float
    acceleration: float
    note: str = ""

    @classmethod
    def of(
        cls, chooser: Chooser, counts: NDArray[np.float64], n_hat: float, totals: NDArray[np.float64], note: str = ""
    ) -> "BCa":
        """From the resampled totals, and a jackknife over the persons of each observed cell.

        Raises
        ------
        Refused
            When all resamples lie on one side of the estimate, so that the bias is not finite, or a jackknife table
            has no answer.
        """
        share = float(np.mean(totals < n_hat * (1 - TIES)))
        if not 0 < share < 1:
            raise Refused(
                f"all {len(totals)} resamples lie on one side of the estimate {n_hat:,.1f}, so the BCa interval is not "
                "defined; take more resamples, or interval='percentile'"
            )
        return cls(np.sort(totals), float(ndtri(share)), _acceleration(chooser, counts), note)

    def at(self, level: float) -> Interval:
        """Interval, with a word when an end falls on the smallest or the largest resample."""
        tails = ndtri(np.array([(1 - check_level(level)) / 2, (1 + level) / 2]))
        shifted = ndtr(self.z0 + (self.z0 + tails) / (1 - self.acceleration * (self.z0 + tails)))
        low, high = np.quantile(self.totals, shifted, method="median_unbiased")
        told = [self.note] if self.note else []
        told += ["the lower end is the smallest resample"] if low <= self.totals[0] else []
        told += ["the upper end is the largest resample"] if high >= self.totals[-1] else []
        return Interval(float(low), float(high), level, "bca", note="; ".join(told))


def _acceleration(chooser: Chooser, counts: NDArray[np.float64]) -> float:
    """Skewness of the jackknife values: one person of each observed cell is left out, weighted by the cell's count."""
    cells = np.flatnonzero(counts)
    values = []
    for cell in cells:
        fewer = counts.copy()
        fewer[cell] -= 1
        choice = next(iter(chooser.best(fewer)), None)
        if choice is None:
            raise Refused(
                "without one person no model has a finite MLE and an identified total, so the BCa interval is not "
                "defined; use interval='percentile', or merge small lists"
            )
        values.append(choice.n_hat)
    weights = counts[cells]
    d = np.average(values, weights=weights) - np.array(values)
    spread = float(np.sum(weights * d**2))
    return float(np.sum(weights * d**3) / (6 * spread**1.5)) if spread > 0 else 0.0
