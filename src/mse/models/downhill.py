"""Greedy downhill search over hierarchical models, for more lists than can be searched exhaustively.

From each start the walk goes to the best neighbour, one term more or one maximal term less, until none improves
(Silverman, Chan and Vincent 2024, doi:10.1007/s11222-023-10346-9). It ends in a local minimum: several starts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, inf, log, nan

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.certificate import finite_part, fit_with_status
from mse.models.extended import full_table, log_likelihood_of_counts
from mse.models.poisson import superset_sums
from mse.models.stepwise import stepwise_bitset
from mse.models.terms import LogLinear, all_terms, parse_model

__all__ = ["STARTS", "Visited", "downhill_ranking", "walk_downhill"]

STARTS = ("main effects", "all pairs", "stepwise", "random")
N_RANDOM = 10
CRITERIA = ("bic", "aic", "aicc")
PENALTIES = ("individuals", "cells")
MAX_POSITIONS = 9  # one digit for each list

Terms = frozenset[int]


@dataclass(frozen=True, slots=True)
class Visited:
    """What is known of one model: `n_hidden` and `deviance` are NaN unless `status` is ok."""

    n_hidden: float
    deviance: float
    n_parameters: int
    status: str


@dataclass(frozen=True, eq=False)
class _Table:
    """The counts, what the criterion is, and every model fitted so far."""

    counts: NDArray[np.float64]
    possible: NDArray[np.bool_]
    n_lists: int
    by: str
    bic_n: str
    visited: dict[Terms, Visited] = field(default_factory=dict)

    @cached_property
    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Persons, and possible cells, that contain each mask."""
        overlaps, cells_of = self.counts.copy(), self.possible.astype(np.float64)
        superset_sums(overlaps, self.n_lists)
        superset_sums(cells_of, self.n_lists)
        return overlaps, cells_of

    @cached_property
    def constants(self) -> tuple[float, float, int]:
        """-2 log L of a perfect fit, BIC's penalty for a parameter, and the number of cells."""
        n_cells = int(self.possible.sum())
        penalty = log(self.counts.sum() if self.bic_n == "individuals" else n_cells)
        return -2 * log_likelihood_of_counts(self.counts), penalty, n_cells

    def fitted(self, terms: Terms) -> Visited:
        if terms not in self.visited:
            singles = [1 << j for j in range(self.n_lists)]
            masks, active, n_parameters = finite_part(np.array([*singles, *sorted(terms)]), self.possible, *self.sums)
            fit, status = fit_with_status(masks, active, self.counts)
            n_hidden, deviance = nan, nan
            if status == "ok":
                n_hidden, deviance = exp(fit.beta[0]), _deviance(self.counts, fit.means, active)
            self.visited[terms] = Visited(n_hidden, deviance, n_parameters, status)
        return self.visited[terms]

    def criteria(self, found: Visited) -> dict[str, float]:
        """AIC, BIC and AICc, with the factorials of the counts in -2 log L."""
        perfect, penalty, n_cells = self.constants
        p, minus_two_log = found.n_parameters, found.deviance + perfect
        spare = n_cells - p - 1
        aic = minus_two_log + 2 * p
        return {
            "aic": aic,
            "bic": minus_two_log + penalty * p,
            "aicc": aic + 2 * p * (p + 1) / spare if spare > 0 else nan,
        }

    def value(self, terms: Terms) -> float:
        """The criterion, or inf for a model without an answer or without a criterion."""
        found = self.fitted(terms)
        value = self.criteria(found)[self.by] if found.status == "ok" else inf
        return inf if value != value else value


@dataclass(frozen=True, eq=False)
class _Moves:
    """The terms that may come and go: `allowed` by size, then position; `forced` never leave."""

    allowed: tuple[int, ...]
    forced: Terms
    parts: dict[int, Terms]

    @classmethod
    def of(cls, allowed: tuple[int, ...], forced: Terms) -> "_Moves":
        parts = {term: frozenset(t for t in _one_list_less(term) if t.bit_count() > 1) for term in allowed}
        return cls(allowed, forced, parts)

    def neighbours(self, terms: Terms) -> Iterator[Terms]:
        """All hierarchical models with one term more or one maximal term less."""
        for term in self.allowed:
            if term not in terms:
                if self.parts[term] <= terms:
                    yield terms | {term}
            elif term not in self.forced and not any(term & other == term != other for other in terms):
                yield terms - {term}


def downhill_ranking(
    histories: CaptureHistories,
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
    force: Sequence[str] = (),
    forbid: Sequence[str] = (),
    starts: Sequence[str] = STARTS,
    n_random: int = N_RANDOM,
    seed: int | None = None,
) -> pd.DataFrame:
    """Search downhill from several starts, and rank every model that was fitted on the way.

    The first row is the best model met, which need not be the best there is. From main effects alone the walk on
    UKdat_5 ends at 12,262, where the best model gives 25,311; so take several starts, and the exhaustive search where
    there are few enough lists for it.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata.
    by : {"bic", "aic", "aicc"}
    bic_n : {"individuals", "cells"}
        Whether BIC's penalty is the log of the number of persons observed or of the number of cells.
    max_order : int, optional
        Largest number of lists in a term; None for K - 1.
    force, forbid : sequence of str
        Terms that every model must hold, or must not hold, as ``"police,rosa"``.
    starts : sequence of {"main effects", "all pairs", "stepwise", "random"}
    n_random : int
        Number of random starts.
    seed : int, optional
        Needed for random starts.

    Returns
    -------
    DataFrame
        One row per model fitted: model, positions (empty for ten lists and more), n_hat, deviance, df, aic, bic, aicc,
        weight (among these models), status; sorted by the criterion, models without an answer last and without
        numbers.

    Raises
    ------
    BadInput
        For unknown options, terms that contradict each other, or random starts without a seed.
    NoFiniteMLE
        When no model that was met has an MLE and an identified total.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9.

    Examples
    --------
    >>> import mse
    >>> ranking = downhill_ranking(mse.load_dataset("NewOrl_n186"), max_order=2, starts=["main effects"])
    >>> ranking.model[0], round(ranking.n_hat[0])
    ('[D,E][A][B][C][F][G][H]', 1110)
    """
    _check(histories, by, bic_n, max_order, starts, n_random, seed)
    counts, possible = full_table(histories)
    table = _Table(counts, possible, histories.n_lists, by, bic_n)
    moves = _moves(histories, max_order, force, forbid)
    for start in _starts(table, moves, starts, n_random, seed):
        _walk(table, moves, start)
    return _ranking(table, histories)


def walk_downhill(
    counts: NDArray[np.float64],
    possible: NDArray[np.bool_],
    terms: Sequence[int],
    n_lists: int,
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    starts: Sequence[frozenset[int]] = (frozenset(),),
) -> tuple[frozenset[int], Visited]:
    """The best model met from the starts, as its interactions, on arrays; for resamples.

    Parameters
    ----------
    counts : ndarray of float64, shape (2**K,)
        Index 0 is the missing cell, and is 0.
    possible : ndarray of bool, shape (2**K,)
    terms : sequence of int
        Bitmasks of the interactions that may come and go.
    n_lists : int
    by, bic_n : str
        As in `downhill_ranking`.
    starts : sequence of frozenset of int
        Models by their interactions, closed under subsets.

    Raises
    ------
    NoFiniteMLE
        When no model that was met has an answer.
    """
    table = _Table(counts, possible, n_lists, by, bic_n)
    moves = _Moves.of(tuple(terms), frozenset())
    ends = [_walk(table, moves, start) for start in starts]
    best = min(ends, key=table.value)
    if table.value(best) == inf:
        raise _no_answer(len(table.visited))
    return best, table.fitted(best)


def _walk(table: _Table, moves: _Moves, start: Terms) -> Terms:
    """Where the walk ends; from a start without an answer it goes to the best neighbour that has one."""
    here, value = start, table.value(start)
    while True:
        best = min(moves.neighbours(here), key=table.value, default=here)
        if not table.value(best) < value:
            return here
        here, value = best, table.value(best)


def _starts(table: _Table, moves: _Moves, starts: Sequence[str], n_random: int, seed: int | None) -> Iterator[Terms]:
    """The models to start from, with what is forced and within what is allowed."""
    pairs = [term for term in moves.allowed if term.bit_count() == 2]
    for start in starts:
        if start == "main effects":
            yield moves.forced
        elif start == "all pairs":
            yield moves.forced | set(pairs)
        elif start == "stepwise":
            bitset = stepwise_bitset(table.counts, table.possible, pairs, table.n_lists)
            yield moves.forced | {pair for j, pair in enumerate(pairs) if bitset >> j & 1}
        else:
            for number in range(n_random):
                yield _random(moves, np.random.default_rng([0 if seed is None else seed, number]))


def _random(moves: _Moves, rng: np.random.Generator) -> Terms:
    """A random hierarchical model: a share of up to one half of the terms that its smaller terms allow."""
    share, terms = rng.uniform(0, 0.5), set(moves.forced)
    for term, drawn in zip(moves.allowed, rng.uniform(size=len(moves.allowed)), strict=True):
        if drawn < share and moves.parts[term] <= terms:
            terms.add(term)
    return frozenset(terms)


def _moves(histories: CaptureHistories, max_order: int | None, force: Sequence[str], forbid: Sequence[str]) -> _Moves:
    lists, terms = histories.lists, all_terms(histories.n_lists, max_order)
    forced = frozenset(part for text in force for part in parse_model(f"[{text}]", lists).interactions)
    barred = {max(parse_model(f"[{text}]", lists).interactions, key=int.bit_count, default=0) for text in forbid}
    allowed = tuple(term for term in terms if not any(term & bar == bar for bar in barred))
    if 0 in barred or not forced <= set(terms) or any(not parse_model(f"[{t}]", lists).interactions for t in force):
        raise BadInput(
            f"the terms {[*force, *forbid]} are not all among the interactions that the search covers; name two lists "
            "or more"
        )
    if not forced <= set(allowed):
        raise BadInput(f"the forced terms {list(force)} contain a forbidden one of {list(forbid)}; drop one of them")
    return _Moves.of(allowed, forced)


def _check(
    histories: CaptureHistories,
    by: str,
    bic_n: str,
    max_order: int | None,
    starts: Sequence[str],
    n_random: int,
    seed: int | None,
) -> None:
    if by not in CRITERIA:
        raise BadInput.option("by", by, CRITERIA)
    if bic_n not in PENALTIES:
        raise BadInput.option("bic_n", bic_n, PENALTIES)
    largest = histories.n_lists - 1
    if max_order is not None and not 1 <= max_order <= largest:
        raise BadInput(f"max_order={max_order!r} is not possible with {largest + 1} lists; use 1 to {largest}")
    for start in starts:
        if start not in STARTS:
            raise BadInput.option("starts", start, STARTS)
    if not starts:
        raise BadInput(f"starts is empty; give one or more of {', '.join(map(repr, STARTS))}")
    if "random" in starts and (seed is None or n_random < 1):
        raise BadInput(
            f"random starts with n_random={n_random!r} and seed={seed!r} cannot be made; give a positive number and a "
            "seed, or leave 'random' out of starts"
        )


def _ranking(table: _Table, histories: CaptureHistories) -> pd.DataFrame:
    """Every model fitted, the best first."""
    n_cells = int(table.possible.sum())
    rows = []
    for terms, found in table.visited.items():
        model, sound = LogLinear(histories.lists, terms), found.status == "ok"
        criteria = table.criteria(found) if sound else {"aic": nan, "bic": nan, "aicc": nan}
        rows.append(
            {
                "model": str(model),
                "positions": model.positions if histories.n_lists <= MAX_POSITIONS else "",
                "n_hat": histories.n_observed + found.n_hidden,
                "deviance": found.deviance,
                "df": n_cells - found.n_parameters,
                **criteria,
                "status": found.status,
            }
        )
    frame = pd.DataFrame(rows)
    best = frame[table.by].min()
    if best != best:
        raise _no_answer(len(frame))
    raw = np.exp((best - frame[table.by]) / 2)
    frame.insert(8, "weight", raw / raw.sum())
    frame["_unsound"] = frame["status"] != "ok"
    ordered = frame.sort_values(["_unsound", table.by, "bic", "model"], kind="stable", ignore_index=True)
    return ordered.drop(columns="_unsound")


@njit(cache=True, nogil=True)
def _deviance(counts, means, active):  # type: ignore[no-untyped-def]
    total = 0.0
    for cell in range(counts.size):
        if active[cell]:
            total += means[cell] - counts[cell]
            if counts[cell] > 0.0:
                total += counts[cell] * np.log(counts[cell] / means[cell])
    return 2.0 * total


def _no_answer(n_models: int) -> NoFiniteMLE:
    return NoFiniteMLE(
        f"none of the {n_models:,} models met on the way has a finite MLE and an identified total on these counts; "
        "merge small lists, or report the number of distinct persons only"
    )


def _one_list_less(term: int) -> Iterator[int]:
    left = term
    while left:
        yield term & ~(left & -left)
        left &= left - 1
