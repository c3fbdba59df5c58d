"""The best of the first n models of an order, for every n at once.

Walking down the order, the best so far changes a few times only; those changes are all there is to know. Most models
need no fit: a deviance is never negative and never below that of a larger model, so that a model whose penalty alone,
or with the deviance of a larger one already fitted, exceeds the best so far cannot win.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.branch_and_bound import SLACK
from mse.models.loglinear.censored import best_of_cells
from mse.models.loglinear.choosing import Choice
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.existence import statuses_of
from mse.models.loglinear.persons import apart, as_models, fit_one
from mse.models.loglinear.poisson import CONVERGED, table_sums, workspace

__all__ = ["FirstModels", "Leader"]

MOST_BOUNDS = 64  # larger models whose deviances are kept; looking more of them up costs as much as a fit


class Leader(NamedTuple):
    """The best of the first `rank` models, and of all that follow up to the next leader."""

    rank: int
    choice: Choice


@dataclass(frozen=True, eq=False)
class FirstModels:
    """Models in a fixed order, bitsets over `terms`; answers the leaders on any counts on the same cells."""

    models: NDArray[np.uint64]
    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    n_lists: int
    criterion: Criterion

    def leaders(self, counts: NDArray[np.float64], best: int | None = None) -> tuple[Leader, ...]:
        """By rising rank, each better than the one before; none where no model has an answer.

        The last leader of a rank up to `n_top` is what `AmongModels` finds among the first `n_top`. `best`, where the
        best of all models is known, saves walking beyond it.
        """
        certain, doubtful = apart(counts, len(self.possible))
        n_observed = certain.sum()
        penalty = self.criterion.penalty(
            np.arange(2 + self.n_lists + len(self.terms)), n_observed=n_observed, n_cells=int(self.possible.sum())
        )
        known = np.flatnonzero(self.models == np.uint64(best)) if best is not None else np.empty(0, dtype=np.int64)
        models = self.models[: known[0] + 1] if len(known) else self.models
        in_doubt = doubtful if doubtful.size else None
        walked = _walk(as_models(models), certain, in_doubt, self.possible, penalty, self.terms, self.n_lists)
        found: list[Leader] = []
        for place, value, n_hidden, margin, ended, zero_terms in zip(*(one.tolist() for one in walked), strict=True):
            choice = Choice(int(self.models[place]), float(n_observed + n_hidden), value)
            if found and (value, choice.model) > (found[-1].choice.criterion, found[-1].choice.model):
                continue
            if margin > 1 or self._has_answer(place, certain, margin, ended, zero_terms):
                found.append(Leader(place + 1, choice))
        return tuple(found)

    def _has_answer(self, place: int, counts: NDArray[np.float64], margin: float, ended: int, zero_terms: int) -> bool:
        return not statuses_of(
            self.models[place : place + 1],
            self.terms,
            self.possible,
            counts,
            self.n_lists,
            margin=np.array([margin]),
            ended=np.array([ended]),
            zero_terms=np.array([zero_terms], dtype=np.uint64),
        )[0]


@njit(cache=True, nogil=True)
def _walk(models, counts, in_doubt, possible, penalty, term_masks, n_lists):  # type: ignore[no-untyped-def]
    """Places of the models that improve on all before them whose MLE certainly exists, with what `fit_model` says.

    Those of doubtful existence are among them but are improved on as if they were not there.
    """
    table, best = table_sums(possible, counts, n_lists), best_of_cells(counts, in_doubt)
    room = workspace(counts.size, n_lists, term_masks.size)
    fixed = 1
    for j in range(n_lists):
        fixed += 1 if table[1][1 << j] > 0.0 else 0
    counted = np.uint64(0)
    for j in range(term_masks.size):
        if table[1][term_masks[j]] > 0.0:
            counted |= np.uint64(1) << np.uint64(j)

    place = np.empty(models.size, np.int64)
    value = np.empty(models.size)
    n_hidden = np.empty(models.size)
    margin = np.empty(models.size)
    ended = np.empty(models.size, np.int64)
    zero_terms = np.empty(models.size, np.uint64)
    n_found = 0
    leading = np.inf
    leader = np.uint64(0)
    larger = np.zeros(MOST_BOUNDS, np.uint64)
    deviance_of_larger = np.zeros(MOST_BOUNDS)
    n_larger = 0
    for r in range(models.size):
        model = models[r]
        rest = model & counted
        n_parameters = fixed
        while rest:
            rest &= rest - np.uint64(1)
            n_parameters += 1
        least = 0.0
        for i in range(min(n_larger, MOST_BOUNDS)):
            if model & ~larger[i] == 0 and deviance_of_larger[i] > least:
                least = deviance_of_larger[i]
        if least + penalty[n_parameters] - SLACK > leading:
            continue
        answer = fit_one(model, term_masks, possible, counts, in_doubt, best, table, n_lists, room)
        if answer[4] == CONVERGED:
            larger[n_larger % MOST_BOUNDS] = model
            deviance_of_larger[n_larger % MOST_BOUNDS] = answer[1]
            n_larger += 1
            new = answer[1] + penalty[answer[3]]
            if new < leading or (new == leading and model < leader):
                place[n_found] = r
                value[n_found] = new
                n_hidden[n_found] = answer[0]
                margin[n_found] = answer[2]
                ended[n_found] = answer[4]
                zero_terms[n_found] = answer[5]
                n_found += 1
                if answer[2] > 1.0:
                    leading = new
                    leader = model
    return (
        place[:n_found], value[:n_found], n_hidden[:n_found], margin[:n_found], ended[:n_found], zero_terms[:n_found]
    )  # fmt: skip
