"""Bootstrap intervals that choose the model again in every resample.

Percentile, and bias-corrected and accelerated (BCa; Efron 1987, doi:10.1080/01621459.1987.10478410), as in Silverman,
Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from mse.errors import BadInput, Refused
from mse.interval import Interval, check_level
from mse.models.loglinear.choosing import Choice, Chooser
from mse.workers import answers_in_order

__all__ = [
    "BCa",
    "Percentile",
    "Resampling",
    "answer_each",
    "bootstrap_rule",
    "choose_in_resamples",
    "choose_without_one",
    "first_choice",
    "one_person_less",
    "resample_counts",
]

LEAST_SHARE = 0.95
TIES = 1e-9  # relative; resamples that choose a model with the same total differ by rounding
CHUNK = 8  # tables of up to 5 lists for a worker at a time; more lists take long enough to go one by one


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

    @classmethod
    def of(cls, choices: Sequence[Choice | None]) -> "Resampling":
        """From what each resample chose.

        Raises
        ------
        Refused
            When more than 5 % of the resamples have no model with an answer.
        """
        sound = [choice for choice in choices if choice is not None]
        if len(sound) < LEAST_SHARE * len(choices):
            raise Refused(
                f"{len(choices) - len(sound)} of {len(choices)} resamples have no model with a finite MLE and an "
                "identified total, so no bootstrap interval can be given; merge small lists"
            )
        return cls(
            np.array([choice.n_hat for choice in sound]),
            tuple(choice.model for choice in sound),
            len(choices) - len(sound),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the interval must know."""
        if not self.n_refused:
            return ()
        n_resamples = len(self.totals) + self.n_refused
        return (f"{self.n_refused} of {n_resamples} resamples had no model with an answer and are left out",)


def resample_counts(
    counts: NDArray[np.float64], n_boot: int, *, seed: int, n_hat: float | None = None, n_outside: float = 0.0
) -> NDArray[np.float64]:
    """Resampled tables, shape (n_boot, 2**K).

    The persons listed are drawn with replacement. With `n_hat` their number is drawn too, binomial with N-hat trials;
    without, it stays as it is. `n_outside` of them, who are not in the population, are no outcome of these trials:
    their number, to a whole person, stays.
    """
    if n_boot < 1:
        raise BadInput(f"n_boot={n_boot!r} gives no resample; 1000 is usual")
    rng = np.random.default_rng(seed)
    n_observed = int(counts.sum())
    if n_hat is None:
        return rng.multinomial(n_observed, counts / n_observed, size=n_boot).astype(np.float64)
    n_inside = n_observed - n_outside
    sizes = rng.binomial(max(round(n_hat), round(n_inside)), n_inside / n_hat, size=n_boot) + round(n_outside)
    return np.stack([rng.multinomial(size, counts / n_observed) for size in sizes]).astype(np.float64)


def choose_in_resamples(chooser: Chooser, resamples: NDArray[np.float64], *, n_jobs: int = 1) -> Resampling:
    """The best model and its total in each resample; the same whatever `n_jobs`.

    Raises
    ------
    Refused
        When more than 5 % of the resamples have no model with an answer.
    """
    return Resampling.of(answer_each(partial(first_choice, chooser), resamples, text="resamples", n_jobs=n_jobs))


def choose_without_one(chooser: Chooser, counts: NDArray[np.float64], *, n_jobs: int = 1) -> list[Choice | None]:
    """The best model without one person of each observed cell, in the order of the cells: the jackknife of BCa."""
    tables, _ = one_person_less(counts)
    return answer_each(partial(first_choice, chooser), tables, text="jackknife", n_jobs=n_jobs)


def one_person_less(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A table without one person for each observed cell, shape (n_cells, 2**K), and the persons in these cells."""
    cells = np.flatnonzero(counts)
    tables = np.repeat(counts[None, :], len(cells), axis=0)
    tables[np.arange(len(cells)), cells] -= 1
    return tables, counts[cells]


def answer_each[Answer](
    answer: Callable[[NDArray[np.float64]], Answer], tables: NDArray[np.float64], *, text: str, n_jobs: int = 1
) -> list[Answer]:
    """What `answer` says of each table, in order; the same whatever `n_jobs`."""
    size = CHUNK if tables.shape[1] <= 32 else 1
    return answers_in_order(answer, list(tables), text=text, n_jobs=n_jobs, chunk=size)


def first_choice(chooser: Chooser, counts: NDArray[np.float64]) -> Choice | None:
    """The best model of a table, or None where none has an answer."""
    return next(iter(chooser.best(counts)), None)


def bootstrap_rule(
    kind: str,
    chooser: Chooser,
    counts: NDArray[np.float64],
    n_hat: float,
    totals: NDArray[np.float64],
    *,
    n_observed: int,
    n_jobs: int = 1,
) -> "Percentile | BCa":
    """The interval of this kind, ``percentile`` or ``bca``, from the totals that `chooser` found in resamples."""
    if kind == "percentile":
        return Percentile(totals, n_observed)
    _, weights = one_person_less(counts)
    return BCa.of(totals, n_hat, choose_without_one(chooser, counts, n_jobs=n_jobs), weights, n_observed)


@dataclass(frozen=True, eq=False)
class Percentile:
    """Quantiles of the resampled totals; no end is below the number observed, though a resample may be."""

    totals: NDArray[np.float64]
    n_observed: int = 0
    note: str = ""

    def at(self, level: float) -> Interval:
        """Interval between the two tails, with a word when an end falls on the smallest or the largest resample."""
        tail = (1 - check_level(level)) / 2
        return _between(np.array([tail, 1 - tail]), self.totals, level, "percentile", self.n_observed, self.note)


@dataclass(frozen=True, eq=False)
class BCa:
    """Quantiles of the resampled totals, shifted for bias and for a spread that changes with N.

    `z0` is the normal quantile of the share of resamples below the estimate, `acceleration` comes from the jackknife.
    """

    totals: NDArray[np.float64]
    z0: float
    acceleration: float
    n_observed: int = 0
    note: str = ""

    @classmethod
    def of(
        cls,
        totals: NDArray[np.float64],
        n_hat: float,
        left_out: Sequence[Choice | None],
        weights: NDArray[np.float64],
        n_observed: int = 0,
    ) -> "BCa":
        """From the resampled totals, and what is chosen without one person of each observed cell.

        `weights` holds the persons in these cells.

        Raises
        ------
        Refused
            When all resamples lie on one side of the estimate, so that the bias is not finite, or a jackknife table
            has no answer.
        """
        share = float(np.mean(totals < n_hat * (1 - TIES)))
        if not 0 < share < 1:
            all_lie = "the only resample lies" if len(totals) == 1 else f"all {len(totals)} resamples lie"
            raise Refused(
                f"{all_lie} on one side of the estimate {n_hat:,.1f}, so the BCa interval is not defined; take more "
                "resamples, or interval='percentile'"
            )
        values = [choice.n_hat for choice in left_out if choice is not None]
        if len(values) < len(left_out):
            raise Refused(
                "without one person no model has a finite MLE and an identified total, so the BCa interval is not "
                "defined; use interval='percentile', or merge small lists"
            )
        return cls(np.sort(totals), float(ndtri(share)), _acceleration(np.array(values), weights), n_observed)

    def at(self, level: float) -> Interval:
        """Interval, with a word when an end falls on the smallest or the largest resample."""
        tails = self.z0 + ndtri(np.array([(1 - check_level(level)) / 2, (1 + level) / 2]))
        left = 1 - self.acceleration * tails
        # Where nothing is left the shift has passed infinity: the end is the last resample on that side.
        shifted = ndtr(np.where(left > 0, self.z0 + tails / np.maximum(left, 1e-300), np.copysign(np.inf, tails)))
        return _between(shifted, self.totals, level, "bca", self.n_observed, self.note)


def _between(
    tails: NDArray[np.float64], totals: NDArray[np.float64], level: float, kind: str, n_observed: int, note: str
) -> Interval:
    """The interval between two quantiles of the totals, with a word when they cannot say where it ends."""
    low, high = np.quantile(totals, tails, method="median_unbiased")
    told = [note] if note else []
    if low < n_observed:
        told.append("the lower end is the number observed")
    elif low <= totals.min():
        told.append("the lower end is the smallest resample")
    if high >= totals.max():
        told.append("the upper end is the largest resample")
    ends = float(max(low, n_observed)), float(max(high, n_observed))
    return Interval(*ends, level, kind, note="; ".join(told))


def _acceleration(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Skewness of the jackknife values, each weighted by the persons in its cell."""
    d = np.average(values, weights=weights) - values
    spread = float(np.sum(weights * d**2))
    return float(np.sum(weights * d**3) / (6 * spread**1.5)) if spread > 0 else 0.0
