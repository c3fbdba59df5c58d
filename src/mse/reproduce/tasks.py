"""What is recomputed with resamples: a table, a search, and the limits that one seed gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mse.datasets import load_dataset
from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.interval import Interval
from mse.models.loglinear.bootstrap import BCa, choose_in_resamples, choose_without_one, resample_counts
from mse.models.loglinear.choosing import Chooser
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import Downhill
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.stability import StabilityCurve, stability_curve
from mse.models.loglinear.stepwise import Stepwise
from mse.models.loglinear.terms import all_terms

__all__ = ["TASKS", "Found", "Task", "limits_of"]

SHOWN = (1, 2, 5, 10, 15, 20, 30, 40, 50, 60)  # values of n_top in figures 1 to 3
RANKS = (1, 5, 10, 50, 100)  # of table 4
QUANTILES = (5, 25, 50, 75, 95)  # per cent, of the ranks in figure 4
LEVELS = (95, 80)


class Found(NamedTuple):
    """One number of one seed; `n_top` is infinite for all models; it and `ordering` are 0 where they mean nothing."""

    quantity: str
    n_top: float
    ordering: int
    value: float


@dataclass(frozen=True, slots=True)
class Task:
    """A published table and a search; `max_order` is the largest number of lists in a term."""

    dataset: str
    search: str
    max_order: int

    @property
    def name(self) -> str:
        """As in the first column of the results, for example ``UKdat_5 exhaustive order 4``."""
        order = f" order {self.max_order}" if self.search in ("exhaustive", "downhill") else ""
        return f"{self.dataset} {self.search}{order}"


TASKS = {
    "scv2024": (
        *(Task("Kosovo", search, order) for search in ("exhaustive", "downhill") for order in (3, 2)),
        *(Task("Korea", search, 2) for search in ("exhaustive", "downhill")),
        *(Task(table, search, order) for table in ("UKdat_5", "NewOrl_5_n186")
          for search in ("exhaustive", "downhill") for order in (4, 2)),
        *(Task("UKdat", "downhill", order) for order in (5, 2)),
        *(Task("NewOrl_n186", "downhill", order) for order in (7, 2)),
    ),
    "csv2021": (
        Task("NewOrl", "main effects", 1),
        *(Task(table, "stepwise", 2) for table in ("NewOrl", "NewOrl_5", "Western")),
    ),
}  # fmt: skip


def limits_of(task: Task, *, seed: int, n_boot: int, n_jobs: int = 1) -> list[Found]:
    """Point estimate, limits and ranks that one seed gives.

    The persons observed are drawn with replacement and their number is kept, as in both papers. A limit that is
    refused is left out.
    """
    histories = load_dataset(task.dataset)
    if task.search == "exhaustive":
        return list(_curves(histories, task.max_order, seed, n_boot, n_jobs))
    if task.search == "main effects":
        estimate = fit_loglinear(histories, "independence", interval="log-normal")
        return [Found("n_hat", 0, 0, estimate.n_hat), *_both_ends(estimate.interval(), 0, 0)]
    return list(_one_interval(histories, _chooser(histories, task), seed, n_boot, n_jobs))


def _chooser(histories: CaptureHistories, task: Task) -> Chooser:
    """Stepwise at the published threshold, or downhill from main effects alone, as the papers walked."""
    if task.search == "downhill":
        order = None if task.max_order == histories.n_lists - 1 else task.max_order
        return Downhill.within(histories, Criterion(), order, (), (), starts=("main effects",))
    _, possible = full_table(histories)
    return Stepwise(np.array(all_terms(histories.n_lists, 2), dtype=np.int64), possible, histories.n_lists)


def _one_interval(
    histories: CaptureHistories, chooser: Chooser, seed: int, n_boot: int, n_jobs: int
) -> Iterator[Found]:
    counts, _ = full_table(histories)
    n_hat = chooser.best(counts)[0].n_hat
    yield Found("n_hat", 0, 0, n_hat)
    totals = choose_in_resamples(chooser, resample_counts(counts, n_boot, seed=seed), n_jobs=n_jobs).totals
    left_out = choose_without_one(chooser, counts, n_jobs=n_jobs)
    rule = BCa.of(totals, n_hat, left_out, counts[counts > 0])
    for level in LEVELS:
        yield from _both_ends(rule.at(level / 100), 0, 0)


def _curves(histories: CaptureHistories, max_order: int, seed: int, n_boot: int, n_jobs: int) -> Iterator[Found]:
    """Limits against n_top in both orderings, and where in them the best model of each resample stands."""
    first, second = (
        stability_curve(
            histories, n_top=n_top, ordering=ordering, max_order=max_order, n_boot=n_boot, seed=seed, n_jobs=n_jobs
        )
        for ordering, n_top in ((1, (*SHOWN, None)), (2, SHOWN))
    )
    yield Found("n_hat", 0, 0, first.n_hat)
    for ordering, curve in ((1, first), (2, second)):
        for n_top in SHOWN:
            yield from _limits_at(curve, n_top, ordering)
        yield from _limits_at(first, None, ordering)  # all models: the order has no say
        ranks = _ranks_in(curve, first)
        for n_top in RANKS:
            yield Found("within", n_top, ordering, float(np.sum(ranks <= n_top)))
        others = ranks[first.ranks != 1]
        for share, rank in zip(QUANTILES, np.quantile(others, np.array(QUANTILES) / 100, method="lower"), strict=True):
            yield Found(f"rank_{share}", 0, ordering, float(rank))


def _ranks_in(curve: StabilityCurve, first: StabilityCurve) -> NDArray[np.float64]:
    """Ranks in a curve's order; infinite for a model without an answer on the original table."""
    places = {int(model): place for place, model in enumerate(curve.bitsets, start=1)}
    best = (int(first.bitsets[int(rank) - 1]) if np.isfinite(rank) else None for rank in first.ranks)
    return np.array([inf if model is None else places[model] for model in best])


def _limits_at(curve: StabilityCurve, n_top: int | None, ordering: int) -> Iterator[Found]:
    for level in LEVELS:
        try:
            interval = curve.interval(n_top, level=level / 100)
        except Refused:
            return
        yield from _both_ends(interval, inf if n_top is None else n_top, ordering)


def _both_ends(interval: Interval, n_top: float, ordering: int) -> tuple[Found, Found]:
    level = round(100 * interval.level)
    return (
        Found(f"low_{level}", n_top, ordering, interval.low),
        Found(f"high_{level}", n_top, ordering, interval.high),
    )
