"""Many log-linear models fitted to one table and sorted by a criterion, each with its status."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import NotIdentified
from mse.histories import CaptureHistories
from mse.models.loglinear.criteria import CRITERIA, Criterion
from mse.models.loglinear.existence import KnownExistence, statuses_of
from mse.models.loglinear.extended import (
    STATUSES,
    extended_mle,
    known_and_doubtful,
    log_likelihood_of_cells,
    possible_cells,
)
from mse.models.loglinear.persons import fit_many
from mse.models.loglinear.terms import LogLinear, all_terms, terms_of

__all__ = ["in_order_of_degree", "rank_models"]


def rank_models(
    histories: CaptureHistories,
    models: NDArray[np.uint64],
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
    known: KnownExistence | None = None,
) -> pd.DataFrame:
    """Fit the models, bitsets over ``all_terms(K, max_order)``, and sort them by a criterion.

    What `known` remembers of existence is used, and added to.
    """
    Criterion(by, bic_n)
    n_lists = histories.n_lists
    (counts, doubtful), possible = known_and_doubtful(histories), possible_cells(histories)
    terms = np.array(all_terms(n_lists, max_order), dtype=np.int64)
    n_hidden, deviance, margin, n_parameters, ended, zero_terms = fit_many(
        models, terms, possible, counts, doubtful if histories.is_censored else np.empty(0), n_lists
    )
    status = statuses_of(
        models, terms, possible, counts, n_lists, margin=margin, ended=ended, zero_terms=zero_terms, known=known
    )
    n_hidden, deviance = _refit_redundant(histories, models, terms, ended != 0, status, n_hidden, deviance)
    found = status == 0
    n_cells = int(possible.sum())
    minus_two_log = deviance - 2 * log_likelihood_of_cells(counts, doubtful)
    values = {
        name: minus_two_log
        + Criterion(name, bic_n).penalty(n_parameters, n_observed=histories.n_observed, n_cells=n_cells)
        for name in CRITERIA
    }
    values["aicc"][np.isinf(values["aicc"])] = np.nan
    values = {name: np.where(found, value, np.nan) for name, value in values.items()}
    order = np.lexsort((models, values["bic"], values[by], ~found))
    names, positions = _notation(models[order], terms, histories.lists)
    columns = {
        "n_hat": np.where(found, histories.n_observed + n_hidden, np.nan),
        "deviance": np.where(found, deviance, np.nan),
        "df": n_cells - n_parameters,
        **{name: values[name] for name in ("aic", "bic", "aicc")},
        "weight": _weights(values[by]),
        "status": np.array(STATUSES)[status],
    }
    sorted_columns = {name: column[order] for name, column in columns.items()}
    return pd.DataFrame({"model": names, "positions": positions, **sorted_columns})


def in_order_of_degree(models: NDArray[np.uint64], degree: int) -> NDArray[np.uint64]:
    """Models, given best first, in the order in which a bootstrap takes the first `n_top` of them.

    Degree 1 leaves the order. Degree 2 gives each model the best rank among itself and its neighbours, the models one
    term away, and sorts by that, ties by own rank (Silverman, Chan and Vincent 2024, section 5).
    """
    if degree == 1:
        return models
    by_bitset = np.argsort(models)
    in_order = models[by_bitset]
    best = np.arange(len(models))
    for j in range(int(models.max()).bit_length()):
        neighbours = models ^ np.uint64(1 << j)
        place = np.minimum(np.searchsorted(in_order, neighbours), len(models) - 1)
        exists = in_order[place] == neighbours
        best = np.where(exists, np.minimum(best, by_bitset[place]), best)
    return models[np.argsort(best, kind="stable")]


def _refit_redundant(
    histories: CaptureHistories,
    models: NDArray[np.uint64],
    terms: NDArray[np.int64],
    unfinished: NDArray[np.bool_],
    status: NDArray[np.int64],
    n_hidden: NDArray[np.float64],
    deviance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fits of the sound models whose columns are redundant, which the batch cannot factor."""
    for m in np.flatnonzero(unfinished & (status == 0)):
        chosen = LogLinear(histories.lists, frozenset(terms_of(int(models[m]), terms.tolist())))
        try:
            mle = extended_mle(histories, chosen)
        except NotIdentified:  # the bounds of censored cells are too wide
            status[m] = STATUSES.index("not_identified")
            continue
        n_hidden[m], deviance[m] = mle.n_hidden, mle.deviance
    return n_hidden, deviance


def _weights(criterion: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(-difference / 2), summing to 1 over the models that have the criterion."""
    if np.isnan(criterion).all():
        return criterion
    raw = np.exp(-(criterion - np.nanmin(criterion)) / 2)
    return np.asarray(raw / np.nansum(raw))


def _notation(
    models: NDArray[np.uint64], terms: NDArray[np.int64], lists: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Names form and position form of many models at once."""
    n_lists = len(lists)
    singles = [1 << (n_lists - 1 - j) for j in range(n_lists)]
    masks = [*terms.tolist(), *singles]
    maximal = np.empty((len(models), len(masks)), dtype=np.bool_)
    for j, mask in enumerate(masks):
        above = np.uint64(sum(1 << i for i, t in enumerate(terms.tolist()) if t & mask == mask and t != mask))
        inside = models >> np.uint64(j) & np.uint64(1) == 1 if j < len(terms) else np.ones(len(models), dtype=np.bool_)
        maximal[:, j] = inside & ((models & above) == 0)
    members = [tuple(i for i in range(n_lists) if mask >> (n_lists - 1 - i) & 1) for mask in masks]
    order = sorted(range(len(masks)), key=lambda j: (-len(members[j]), members[j]))
    by_name = [f"[{','.join(lists[i] for i in members[j])}]" for j in order]
    by_position = ["".join(str(i + 1) for i in members[j]) for j in order]
    which, column = np.nonzero(maximal[:, order])
    ends = np.searchsorted(which, np.arange(len(models) + 1)).tolist()
    names = [by_name[j] for j in column.tolist()]
    places = [by_position[j] for j in column.tolist()]
    return (
        ["".join(names[i:j]) for i, j in pairwise(ends)],
        [f"[{','.join(places[i:j])}]" for i, j in pairwise(ends)],
    )
