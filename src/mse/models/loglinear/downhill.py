"""Greedy downhill search over hierarchical models, for more lists than can be searched exhaustively.

From each start the walk goes to the best neighbour, one term more or one maximal term less, until none improves
(Silverman, Chan and Vincent 2024, doi:10.1007/s11222-023-10346-9). It ends in a local minimum: several starts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.loglinear.certificate import finite_part, fit_with_status
from mse.models.loglinear.choosing import Choice
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import known_and_doubtful, log_likelihood_of_cells, persons_of, possible_cells
from mse.models.loglinear.persons import apart, hidden_and_deviance
from mse.models.loglinear.poisson import table_sums
from mse.models.loglinear.stepwise import stepwise_bitset
from mse.models.loglinear.terms import LogLinear, all_terms, parse_model

__all__ = ["STARTS", "Downhill", "Visited", "downhill_ranking"]

STARTS = ("main effects", "all pairs", "stepwise", "random")
N_RANDOM = 10
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
    """Known and doubtful persons, the penalty by number of parameters, and every model fitted so far."""

    counts: NDArray[np.float64]
    doubtful: NDArray[np.float64]
    possible: NDArray[np.bool_]
    n_lists: int
    penalty: NDArray[np.float64]
    visited: dict[Terms, Visited] = field(default_factory=dict)

    @cached_property
    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Persons, and possible cells, that contain each mask."""
        overlaps, cells_of = table_sums(self.possible, self.counts, self.n_lists)
        return overlaps, cells_of

    def fitted(self, terms: Terms) -> Visited:
        if terms not in self.visited:
            singles = [1 << j for j in range(self.n_lists)]
            masks, active, n_parameters = finite_part(np.array([*singles, *sorted(terms)]), self.possible, *self.sums)
            fit, status = fit_with_status(masks, active, self.counts, self.doubtful)
            n_hidden, deviance = nan, nan
            if status == "ok":
                n_hidden, deviance = hidden_and_deviance(self.counts, self.doubtful, active, fit.means, fit.beta[0])
            self.visited[terms] = Visited(n_hidden, deviance, n_parameters, status)
        return self.visited[terms]

    def value(self, terms: Terms) -> float:
        """The criterion in the deviance form, or inf for a model without an answer or without a criterion."""
        found = self.fitted(terms)
        return found.deviance + float(self.penalty[found.n_parameters]) if found.status == "ok" else inf


@dataclass(frozen=True, eq=False)
class Downhill:
    """Downhill search on any counts on the same cells; a `Chooser`, for resamples.

    Attributes
    ----------
    terms : tuple of int
        Bitmasks of the interactions that may be in a model, by size, then position.
    possible : ndarray of bool, shape (2**K,)
    n_lists : int
    criterion : Criterion
    forced : frozenset of int
        Interactions that never leave, closed under subsets.
    starts : tuple of str
        Of `STARTS`.
    n_random : int
    seed : int
        Of the random starts, which are the same for all counts.
    """

    terms: tuple[int, ...]
    possible: NDArray[np.bool_]
    n_lists: int
    criterion: Criterion = field(default_factory=Criterion)
    forced: Terms = frozenset()
    starts: tuple[str, ...] = STARTS
    n_random: int = N_RANDOM
    seed: int = 0

    @classmethod
    def within(
        cls,
        histories: CaptureHistories,
        criterion: Criterion,
        max_order: int | None,
        force: Sequence[str],
        forbid: Sequence[str],
        *,
        starts: Sequence[str] = STARTS,
        n_random: int = N_RANDOM,
        seed: int = 0,
    ) -> "Downhill":
        """The search over the models that hold what is forced and nothing that is forbidden."""
        possible = possible_cells(histories)
        terms, forced = _terms(histories, max_order, force, forbid)
        return cls(terms, possible, histories.n_lists, criterion, forced, tuple(starts), n_random, seed)

    @cached_property
    def parts(self) -> dict[int, Terms]:
        """For each term the interactions with one list less, which it needs."""
        return {term: frozenset(t for t in _one_list_less(term) if t.bit_count() > 1) for term in self.terms}

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]:
        """The first `n_top` of the models that were met and have an answer."""
        table = self.visit(counts)
        met = sorted(table.visited, key=lambda terms: (table.value(terms), sorted(terms)))[:n_top]
        return [self._choice(table, terms) for terms in met if table.value(terms) < inf]

    def ends(self, counts: NDArray[np.float64], orders: Sequence[int]) -> list[Choice | None]:
        """Where the walk from main effects ends when terms have up to so many lists, for each of `orders`.

        The walks share their fits, and most of the way. A walk's end is the best model that it meets.
        """
        table = self._table(counts)
        found = [self._walk(table, self.forced, order) for order in orders]
        return [self._choice(table, end) if table.value(end) < inf else None for end in found]

    def visit(self, counts: NDArray[np.float64]) -> _Table:
        """Walk from every start, and keep every model fitted."""
        table = self._table(counts)
        for start in self._starting(counts):
            self._walk(table, start)
        return table

    def _table(self, counts: NDArray[np.float64]) -> _Table:
        parameters = np.arange(2 + self.n_lists + len(self.terms))
        n_cells = int(self.possible.sum())
        known, doubtful = apart(counts, len(self.possible))
        penalty = self.criterion.penalty(parameters, n_observed=float(known.sum()), n_cells=n_cells)
        return _Table(known, doubtful, self.possible, self.n_lists, penalty)

    def _choice(self, table: _Table, terms: Terms) -> Choice:
        model = sum(1 << place for place, term in enumerate(self.terms) if term in terms)
        return Choice(model, float(table.counts.sum()) + table.fitted(terms).n_hidden, table.value(terms))

    def _walk(self, table: _Table, start: Terms, max_order: int | None = None) -> Terms:
        """To the best neighbour until none improves; a start without an answer goes to the best that has one."""
        here, value = start, table.value(start)
        while True:
            near = self._neighbours(here, max_order)
            best = min(near, key=table.value, default=here)
            if not table.value(best) < value:
                return here
            here, value = best, table.value(best)

    def _neighbours(self, terms: Terms, max_order: int | None = None) -> Iterator[Terms]:
        """All hierarchical models with one term more, of up to so many lists, or one maximal term less."""
        for term in self.terms:
            if max_order is not None and term.bit_count() > max_order:
                return  # terms stand by size
            if term not in terms:
                if self.parts[term] <= terms:
                    yield terms | {term}
            elif term not in self.forced and not any(term & other == term != other for other in terms):
                yield terms - {term}

    def _starting(self, counts: NDArray[np.float64]) -> Iterator[Terms]:
        """The models to start from, with what is forced and within what is allowed."""
        pairs = [term for term in self.terms if term.bit_count() == 2]
        for start in self.starts:
            if start == "main effects":
                yield self.forced
            elif start == "all pairs":
                yield self.forced | set(pairs)
            elif start == "stepwise":
                bitset = stepwise_bitset(counts, self.possible, pairs, self.n_lists)
                yield self.forced | {pair for j, pair in enumerate(pairs) if bitset >> j & 1}
            else:
                for number in range(self.n_random):
                    yield self._random(np.random.default_rng([self.seed, number]))

    def _random(self, rng: np.random.Generator) -> Terms:
        """A random hierarchical model: a share of up to one half of the terms that its smaller terms allow."""
        share, terms = rng.uniform(0, 0.5), set(self.forced)
        for term, drawn in zip(self.terms, rng.uniform(size=len(self.terms)), strict=True):
            if drawn < share and self.parts[term] <= terms:
                terms.add(term)
        return frozenset(terms)


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
        Without strata; censored cells count as in `fit_loglinear`.
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
    criterion = Criterion(by, bic_n)
    _check(histories, max_order, starts, n_random, seed)
    persons = persons_of(histories)
    search = Downhill.within(
        histories, criterion, max_order, force, forbid, starts=starts, n_random=n_random, seed=seed or 0
    )
    return _ranking(search.visit(persons), histories, criterion)


def _terms(
    histories: CaptureHistories, max_order: int | None, force: Sequence[str], forbid: Sequence[str]
) -> tuple[tuple[int, ...], Terms]:
    """The terms that may be in a model, and those that must be."""
    terms = all_terms(histories.n_lists, max_order)
    largest = {text: _term(text, histories.lists, terms) for text in (*force, *forbid)}
    forced = frozenset(t for t in terms if any(largest[text] & t == t for text in force))
    allowed = tuple(t for t in terms if not any(largest[text] & t == largest[text] for text in forbid))
    if not forced <= set(allowed):
        raise BadInput(f"force={list(force)} and forbid={list(forbid)} contradict each other; no model satisfies both")
    return allowed, forced


def _term(text: str, lists: tuple[str, ...], terms: tuple[int, ...]) -> int:
    """The bitmask of one interaction given by its lists."""
    term = max(parse_model(f"[{text}]", lists).interactions, key=int.bit_count, default=0)
    if term not in terms:
        raise BadInput(
            f"the term {text!r} is not among the interactions that the search covers; name two lists or more"
        )
    return term


def _check(
    histories: CaptureHistories, max_order: int | None, starts: Sequence[str], n_random: int, seed: int | None
) -> None:
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


def _ranking(table: _Table, histories: CaptureHistories, criterion: Criterion) -> pd.DataFrame:
    """Every model fitted, the best first."""
    models = [LogLinear(histories.lists, terms) for terms in table.visited]
    found = list(table.visited.values())
    n_cells, n_parameters = int(table.possible.sum()), np.array([one.n_parameters for one in found])
    deviance = np.array([one.deviance for one in found])
    minus_two_log = deviance - 2 * log_likelihood_of_cells(*known_and_doubtful(histories))
    values: dict[str, NDArray[np.float64]] = {}
    for name in ("aic", "bic", "aicc"):
        one = Criterion(name, criterion.bic_n)
        penalty = one.penalty(n_parameters, n_observed=histories.n_observed, n_cells=n_cells)
        values[name] = np.where(np.isfinite(penalty), minus_two_log + penalty, nan)
    if np.isnan(values[criterion.by]).all():
        raise NoFiniteMLE(
            f"none of the {len(models):,} models met on the way has a finite MLE and an identified total on these "
            "counts; merge small lists, or report the number of distinct persons only"
        )
    raw = np.exp((np.nanmin(values[criterion.by]) - values[criterion.by]) / 2)
    frame = pd.DataFrame(
        {
            "model": [str(model) for model in models],
            "positions": [model.positions if model.n_lists <= MAX_POSITIONS else "" for model in models],
            "n_hat": [histories.n_observed + one.n_hidden for one in found],
            "deviance": deviance,
            "df": n_cells - n_parameters,
            **values,
            "weight": raw / np.nansum(raw),
            "status": [one.status for one in found],
        }
    )
    order = np.lexsort((frame["model"], frame["bic"], frame[criterion.by], frame["status"] != "ok"))
    return frame.iloc[order].reset_index(drop=True)


def _one_list_less(term: int) -> Iterator[int]:
    left = term
    while left:
        yield term & ~(left & -left)
        left &= left - 1
