"""What is recomputed with resamples: a table, a search, and the limits that one seed gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mse.datasets import load_dataset
from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.interval import Interval
from mse.models.loglinear.bootstrap import BCa, Resampling, answer_each, one_person_less, resample_counts
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import Downhill
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.search import select_loglinear
from mse.models.loglinear.stability import StabilityCurve, stability_curve

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
    """A published table and a search; `max_orders` are the largest numbers of lists in a term, one after another."""

    dataset: str
    search: str
    max_orders: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """As in the first column of the results, for example ``UKdat_5 exhaustive order 4``."""
        name = f"{self.dataset} {self.search}"
        return tuple(f"{name} order {order}" for order in self.max_orders) or (name,)


TASKS = {
    "scv2024": (
        *(Task("Kosovo", search, (3, 2)) for search in ("exhaustive", "downhill")),
        *(Task("Korea", search, (2,)) for search in ("exhaustive", "downhill")),
        *(Task(table, search, (4, 2)) for table in ("UKdat_5", "NewOrl_5_n186")
          for search in ("exhaustive", "downhill")),
        Task("UKdat", "downhill", (5, 2)),
        Task("NewOrl_n186", "downhill", (7, 2)),
    ),
    "csv2021": (
        Task("NewOrl", "main effects"),
        *(Task(table, "stepwise") for table in ("NewOrl", "NewOrl_5", "Western")),
    ),
}  # fmt: skip


def limits_of(task: Task, *, seed: int, n_boot: int, n_jobs: int = 1) -> dict[str, list[Found]]:
    """Point estimate, limits and ranks that one seed gives, by the names of the task.

    The persons observed are drawn with replacement and their number is kept, as in both papers. A limit that is
    refused is left out.
    """
    histories = load_dataset(task.dataset)
    match task.search:
        case "exhaustive":
            found = [list(_curves(histories, order, seed, n_boot, n_jobs)) for order in task.max_orders]
        case "downhill":
            found = _downhill(histories, task.max_orders, seed, n_boot, n_jobs)
        case "stepwise":
            found = [_stepwise(histories, seed, n_boot, n_jobs)]
        case _:
            estimate = fit_loglinear(histories, "independence", interval="log-normal")
            found = [[Found("n_hat", 0, 0, estimate.n_hat), *_both_ends(estimate.interval(), 0, 0)]]
    return dict(zip(task.names, found, strict=True))


def _stepwise(histories: CaptureHistories, seed: int, n_boot: int, n_jobs: int) -> list[Found]:
    estimate = select_loglinear(histories, search="stepwise", n_boot=n_boot, seed=seed, n_jobs=n_jobs)
    ends = [end for level in LEVELS for end in _both_ends(estimate.interval(level / 100), 0, 0)]
    return [Found("n_hat", 0, 0, estimate.n_hat), *ends]


def _downhill(
    histories: CaptureHistories, orders: tuple[int, ...], seed: int, n_boot: int, n_jobs: int
) -> list[list[Found]]:
    """From main effects alone, as the paper walked; `select_loglinear` takes several starts."""
    counts, _ = full_table(histories)
    search = Downhill.within(histories, Criterion(), None, (), ())
    ends = partial(search.ends, orders=orders)
    resampled = answer_each(ends, resample_counts(counts, n_boot, seed=seed), text="resamples", n_jobs=n_jobs)
    tables, weights = one_person_less(counts)
    left_out = answer_each(ends, tables, text="jackknife", n_jobs=n_jobs)
    found = []
    for place, end in enumerate(ends(counts)):
        assert end is not None  # the published tables have an answer
        totals = Resampling.of([one[place] for one in resampled]).totals
        rule = BCa.of(totals, end.n_hat, [one[place] for one in left_out], weights)
        limits = [limit for level in LEVELS for limit in _both_ends(rule.at(level / 100), 0, 0)]
        found.append([Found("n_hat", 0, 0, end.n_hat), *limits])
    return found


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
