"""The ways to search for a log-linear model, each with its ranking and with a chooser that repeats it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.loglinear.choosing import AllModels, AmongModels, Chooser
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import STARTS, Downhill, downhill_ranking
from mse.models.loglinear.extended import persons_of, possible_cells
from mse.models.loglinear.ranking import in_order_of_degree, rank_models
from mse.models.loglinear.space import Space, search_space
from mse.models.loglinear.stepwise import Stepwise, stepwise_path
from mse.models.loglinear.terms import all_terms, bitsets_of, hierarchical_models
from mse.progress import progress

__all__ = ["Found", "Search", "downhill", "exhaustive", "stepwise"]

LARGEST_TO_RANK = 40_000  # more models than this are searched by branch and bound, and the best kept
KEPT = 100
GOOD_STARTS = 30
MOST_TERMS = 64  # bits of a bitset


@dataclass(frozen=True)
class Search:
    """What is asked of a search."""

    criterion: Criterion
    max_order: int | None
    force: tuple[str, ...]
    forbid: tuple[str, ...]
    max_models: int | None
    p: float
    seed: int | None


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found, and how resamples repeat it.

    Attributes
    ----------
    ranking : DataFrame
    best : str
        The model that was chosen.
    everything : callable
        Makes the chooser that repeats the whole search.
    in_order : callable or None
        Makes the chooser among the ranking's models that have an answer, in the order of degree 1 or 2; None for a
        search that ranks nothing.
    """

    ranking: pd.DataFrame
    best: str
    everything: Callable[[], Chooser]
    in_order: Callable[[int], AmongModels] | None

    def chooser(self, n_top: int | None, ordering: int) -> Chooser:
        """For resamples: the whole search, or the first `n_top` models of an order."""
        if n_top is None:
            return self.everything()
        if self.in_order is None:
            raise BadInput(f"n_top={n_top} does not go with the stepwise search, which has no ranking to take it from")
        ordered = self.in_order(ordering)
        return replace(ordered, models=ordered.models[:n_top])


def exhaustive(histories: CaptureHistories, asked: Search) -> Found:
    """The proven best of all models of the space."""
    space = search_space(histories, asked.max_order, asked.force, asked.forbid)
    n_models = space.n_models
    if asked.max_models is not None and n_models > asked.max_models:
        raise BadInput(
            f"the search covers {n_models:,} models and max_models={asked.max_models:,} allows fewer; use max_order=2, "
            "or force and forbid terms"
        )
    ranking = _ranked(histories, space, asked.criterion)
    best = _first_sound(ranking)

    def everything() -> Chooser:
        starts = bitsets_of(
            ranking.loc[ranking["status"] == "ok", "model"].iloc[:GOOD_STARTS], space.lists, space.terms.tolist()
        )
        return AllModels(
            space.terms, space.possible, space.n_lists, asked.criterion, space.forced, space.allowed, starts
        )

    return Found(ranking, best, everything, partial(_in_order, ranking, histories, asked))


def downhill(histories: CaptureHistories, asked: Search) -> Found:
    """The best model that is met on walks from several starts; random starts only with a seed."""
    starts = STARTS if asked.seed is not None else tuple(start for start in STARTS if start != "random")
    with progress("searching downhill"):
        ranking = downhill_ranking(
            histories,
            by=asked.criterion.by,
            bic_n=asked.criterion.bic_n,
            max_order=asked.max_order,
            force=asked.force,
            forbid=asked.forbid,
            starts=starts,
            seed=asked.seed,
        )

    def everything() -> Chooser:
        return Downhill.within(
            histories, asked.criterion, asked.max_order, asked.force, asked.forbid, starts=starts, seed=asked.seed or 0
        )

    return Found(ranking, ranking["model"].iloc[0], everything, partial(_in_order, ranking, histories, asked))


def stepwise(histories: CaptureHistories, asked: Search) -> Found:
    """Forward choice of two-list terms by p-value; the ranking holds the models on the way."""
    if asked.max_order not in (None, 2) or asked.force or asked.forbid:
        raise BadInput("the stepwise search takes two-list terms one by one; leave out max_order, force and forbid")
    terms = np.array(all_terms(histories.n_lists, 2), dtype=np.int64)
    if len(terms) > MOST_TERMS:
        raise BadInput(f"{histories.n_lists} lists have {len(terms)} pairs, more than can be ranked; merge lists")
    path = stepwise_path(histories, p=asked.p)
    chosen = bitsets_of([str(path.model)], histories.lists, terms.tolist())
    on_the_way = {0, int(chosen[0])}
    steps = 0
    for term in path.steps["term"].iloc[1:]:
        steps |= int(bitsets_of([f"[{term.replace(':', ',')}]"], histories.lists, terms.tolist())[0])
        on_the_way.add(steps)
    models = np.array(sorted(on_the_way), dtype=np.uint64)
    ranking = rank_models(histories, models, by=asked.criterion.by, bic_n=asked.criterion.bic_n, max_order=2)

    def everything() -> Chooser:
        return Stepwise(terms, possible_cells(histories), histories.n_lists, asked.p)

    return Found(ranking, str(path.model), everything, None)


def _ranked(histories: CaptureHistories, space: Space, criterion: Criterion) -> pd.DataFrame:
    """All models of the space, or the best of them where there are too many to list."""
    if space.n_models <= LARGEST_TO_RANK:
        models = space.within(hierarchical_models(space.n_lists, space.max_order))
    else:
        chooser = AllModels(
            space.terms, space.possible, space.n_lists, criterion, space.forced, space.allowed, space.first_starts()
        )
        with progress("searching all models"):
            models = np.array([choice.model for choice in chooser.best(persons_of(histories), KEPT)], dtype=np.uint64)
    return rank_models(histories, models, by=criterion.by, bic_n=criterion.bic_n, max_order=space.max_order)


def _first_sound(ranking: pd.DataFrame) -> str:
    if not len(ranking) or ranking["status"].iloc[0] != "ok":
        few = {0: "no model has a", 1: "the only model has no"}
        said = few.get(len(ranking), f"none of the {len(ranking):,} models has a")
        raise NoFiniteMLE(
            f"{said} finite MLE and an identified total on these counts; merge small lists, or report the number of "
            "distinct persons only"
        )
    return str(ranking["model"].iloc[0])


def _in_order(ranking: pd.DataFrame, histories: CaptureHistories, asked: Search, ordering: int) -> AmongModels:
    """The models that have an answer, in the order of this degree."""
    terms = np.array(all_terms(histories.n_lists, asked.max_order), dtype=np.int64)
    models = in_order_of_degree(_sound_bitsets(ranking, histories, asked.max_order), ordering)
    return AmongModels(models, terms, possible_cells(histories), histories.n_lists, asked.criterion)


def _sound_bitsets(ranking: pd.DataFrame, histories: CaptureHistories, max_order: int | None) -> NDArray[np.uint64]:
    """Bitsets of the ranking's models that have an answer, best first."""
    terms = all_terms(histories.n_lists, max_order)
    if len(terms) > MOST_TERMS:
        raise BadInput(
            f"{histories.n_lists} lists have {len(terms)} terms, more than n_top can hold; use max_order=2 or no n_top"
        )
    return bitsets_of(ranking.loc[ranking["status"] == "ok", "model"], histories.lists, terms)
