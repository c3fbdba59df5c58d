"""Choosing the best model of one table again and again: over all models, or among given ones.

A chooser is a frozen value made once from the original table; it answers any counts on the same cells. With censored
cells these are the 2**K known counts and behind them the 2**K doubtful ones (`persons.apart`).
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mse.models.loglinear.branch_and_bound import best_models
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.existence import KnownExistence, statuses_of
from mse.models.loglinear.persons import apart, fit_many
from mse.models.loglinear.poisson import CONVERGED

__all__ = ["AllModels", "AmongModels", "Choice", "Chooser"]


class Choice(NamedTuple):
    """The best model of a table, as a bitset, its total in persons and its criterion (in the deviance form)."""

    model: int
    n_hat: float
    criterion: float


class Chooser(Protocol):
    """Answers the best models, best first, of any counts on the cells it was made for."""

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]: ...


@dataclass(frozen=True, eq=False)
class AmongModels:
    """Chooses among given models, bitsets over `terms`, by fitting all of them."""

    models: NDArray[np.uint64]
    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    n_lists: int
    criterion: Criterion = field(default_factory=Criterion)
    known: KnownExistence = field(default_factory=KnownExistence)

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]:
        """The first `n_top` models that have an MLE and an identified total."""
        known, doubtful = apart(counts, len(self.possible))
        fits = fit_many(self.models, self.terms, self.possible, known, doubtful, self.n_lists)
        n_hidden, deviance, margin, n_parameters, ended, zero_terms = fits
        n_observed = known.sum()
        penalty = self.criterion.penalty(n_parameters, n_observed=n_observed, n_cells=int(self.possible.sum()))
        value = np.where(ended == CONVERGED, deviance + penalty, np.inf)
        chosen: list[Choice] = []
        for m in np.lexsort((self.models, value)):
            if len(chosen) == n_top or not np.isfinite(value[m]):
                break
            one = slice(m, m + 1)
            if not statuses_of(
                self.models[one],
                self.terms,
                self.possible,
                known,
                self.n_lists,
                margin=margin[one],
                ended=ended[one],
                zero_terms=zero_terms[one],
                known=self.known,
            )[0]:
                chosen.append(Choice(int(self.models[m]), float(n_observed + n_hidden[m]), float(value[m])))
        return chosen


@dataclass(frozen=True, eq=False)
class AllModels:
    """Chooses among all hierarchical models over `terms` by branch and bound; exact.

    `forced` and `allowed` are bitsets closed under subsets; `starts` are models that were good on the original table.
    """

    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    n_lists: int
    criterion: Criterion = field(default_factory=Criterion)
    forced: int = 0
    allowed: int | None = None
    starts: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(1, dtype=np.uint64))
    known: KnownExistence = field(default_factory=KnownExistence)

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]:
        """The first `n_top` models that have an MLE and an identified total."""
        allowed = 2 ** len(self.terms) - 1 if self.allowed is None else self.allowed
        known, doubtful = apart(counts, len(self.possible))
        penalty = self.criterion.penalty(
            np.arange(2 + self.n_lists + len(self.terms)),
            n_observed=known.sum(),
            n_cells=int(self.possible.sum()),
        )
        models = best_models(
            known,
            doubtful,
            self.possible,
            penalty,
            n_top,
            self.terms,
            forced=self.forced,
            allowed=allowed,
            starts=self.starts,
            known=self.known,
        )
        return self._among(models).best(counts, n_top)

    def _among(self, models: NDArray[np.uint64]) -> AmongModels:
        return AmongModels(models, self.terms, self.possible, self.n_lists, self.criterion, self.known)
