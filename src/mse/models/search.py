"""Choosing among log-linear models by BIC, AIC or AICc, over all hierarchical models.

A model is a candidate for the answer only if its MLE exists and the total is identified; the others stay in the
ranking, last, with the reason and without a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, NoFiniteMLE
from mse.histories import CaptureHistories
from mse.models.existence import statuses_of
from mse.models.extended import STATUSES, extended_mle, full_table, log_likelihood_of_counts
from mse.models.loglinear import LogLinearEstimate, estimate_of
from mse.models.poisson import fit_batch
from mse.models.terms import LogLinear, all_terms, hierarchical_models, parse_model, terms_of

__all__ = ["SelectedLogLinear", "rank_models", "select_loglinear"]

CRITERIA = ("bic", "aic", "aicc")
PENALTIES = ("individuals", "cells")
IGNORES_SELECTION = "ignores model selection"
LARGEST_SEARCH = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class SelectedLogLinear(LogLinearEstimate):
    """The best model's estimate, with the ranking of all models that it was chosen from."""

    ranking: pd.DataFrame = field(kw_only=True)


def select_loglinear(
    histories: CaptureHistories,
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
    interval: str | None = None,
    force: Sequence[str] = (),
    forbid: Sequence[str] = (),
) -> SelectedLogLinear:
    """Estimate the total under the best of all hierarchical log-linear models.

    The interval is that of the best model as if it had been given, and says so: it ignores that the model was
    chosen, and models a unit of BIC away may give half or twice the total. Read `ranking` before the number.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata; up to 5 lists, or 6 with ``max_order=2``.
    by : {"bic", "aic", "aicc"}
    bic_n : {"individuals", "cells"}
        Whether BIC's penalty is the log of the number of persons observed or of the number of cells.
    max_order : int, optional
        Largest number of lists in a term; None for K - 1.
    interval : {"profile", "log-normal"}, optional
        None is profile.
    force, forbid : sequence of str
        Terms that every candidate must hold, or must not hold, as ``"police,rosa"``.

    Returns
    -------
    SelectedLogLinear
        `ranking` has columns model, positions, n_hat, deviance, df, aic, bic, aicc, weight, status, sorted by the
        criterion; `n_hat` and `weight` are NaN unless `status` is ``ok``, and those rows come last.

    Raises
    ------
    BadInput
        For unknown options, and for more lists than can be searched exhaustively.
    NoFiniteMLE
        When no candidate has an MLE and an identified total.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9.

    Examples
    --------
    >>> import mse
    >>> best = mse.select_loglinear(mse.load_dataset("Korea"))
    >>> best.model, round(best.n_hat, 4), best.ranking.status.tolist()[-1]
    ('[b,c][c,d]', 157.1667, 'no_mle')
    """
    if by not in CRITERIA:
        raise BadInput.option("by", by, CRITERIA)
    if interval not in (None, "profile", "log-normal"):
        raise BadInput.option("interval", interval, ("profile", "log-normal"))
    candidates = _candidates(histories, max_order, force, forbid)
    ranking = rank_models(histories, candidates, by=by, bic_n=bic_n, max_order=max_order)
    if not len(ranking) or ranking["status"].iloc[0] != "ok":
        raise NoFiniteMLE(
            f"none of the {len(ranking):,} models has a finite MLE and an identified total on these counts; merge "
            "small lists, or report the number of distinct persons only"
        )
    best = parse_model(ranking["model"].iloc[0], histories.lists)
    options: dict[str, object] = {
        "by": by,
        "bic_n": bic_n,
        "max_order": max_order,
        "interval": interval or "profile",
        "force": list(force),
        "forbid": list(forbid),
        "n_models": len(ranking),
    }
    fitted = estimate_of(
        extended_mle(histories, best),
        interval=interval or "profile",
        note=IGNORES_SELECTION,
        input_sha256=histories.sha256,
        options=options,
    )
    return SelectedLogLinear(**{name: getattr(fitted, name) for name in fitted.__dataclass_fields__}, ranking=ranking)


def rank_models(
    histories: CaptureHistories,
    models: NDArray[np.uint64],
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
) -> pd.DataFrame:
    """Fit the models, bitsets over ``all_terms(K, max_order)``, and sort them by a criterion."""
    if bic_n not in PENALTIES:
        raise BadInput.option("bic_n", bic_n, PENALTIES)
    n_lists = histories.n_lists
    counts, possible = full_table(histories)
    terms = np.array(all_terms(n_lists, max_order), dtype=np.int64)
    n_hidden, deviance, smallest, n_parameters, ended, zero_terms = fit_batch(models, terms, possible, counts, n_lists)
    status = statuses_of(
        models, terms, possible, counts, n_lists, smallest=smallest, ended=ended, zero_terms=zero_terms
    )
    found = status == 0
    n_hidden, deviance = _refit_redundant(histories, models, terms, found & (ended != 0), n_hidden, deviance)
    n_cells = int(possible.sum())
    minus_two_log = deviance - 2 * log_likelihood_of_counts(counts)
    spare = n_cells - n_parameters - 1
    penalty = log(histories.n_observed) if bic_n == "individuals" else log(n_cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.where(spare > 0, 2 * n_parameters * (n_parameters + 1) / spare, np.nan)
    frame = pd.DataFrame(
        {
            "n_hat": np.where(found, histories.n_observed + n_hidden, np.nan),
            "deviance": np.where(found, deviance, np.nan),
            "df": n_cells - n_parameters,
            "aic": np.where(found, minus_two_log + 2 * n_parameters, np.nan),
            "bic": np.where(found, minus_two_log + penalty * n_parameters, np.nan),
            "aicc": np.where(found, minus_two_log + 2 * n_parameters + correction, np.nan),
            "status": np.array(STATUSES)[status],
        }
    )
    names, positions = _notation(models, terms, histories.lists)
    frame.insert(0, "model", names)
    frame.insert(1, "positions", positions)
    frame.insert(8, "weight", _weights(frame[by].to_numpy()))
    order = np.lexsort((models, frame["bic"].to_numpy(), frame[by].to_numpy(), ~found))
    return frame.iloc[order].reset_index(drop=True)


def _candidates(
    histories: CaptureHistories, max_order: int | None, force: Sequence[str], forbid: Sequence[str]
) -> NDArray[np.uint64]:
    n_lists = histories.n_lists
    if max_order is not None and not 1 <= max_order <= n_lists - 1:
        raise BadInput(f"max_order={max_order!r} is not possible with {n_lists} lists; use 1 to {n_lists - 1}")
    if n_lists > 6 or (n_lists == 6 and (max_order is None or max_order > 2)):
        raise BadInput(
            f"all hierarchical models of {n_lists} lists up to order {max_order or n_lists - 1} are too many to "
            "search; use max_order=2 with 6 lists, or merge lists until there are 5"
        )
    models = hierarchical_models(n_lists, max_order)
    terms = all_terms(n_lists, max_order)
    for text in force:
        models = models[(models & _bitset(text, histories.lists, terms)) == _bitset(text, histories.lists, terms)]
    for text in forbid:
        largest = _bitset(text, histories.lists, terms, closed=False)
        models = models[(models & largest) == 0]
    return models


def _bitset(text: str, lists: tuple[str, ...], terms: tuple[int, ...], *, closed: bool = True) -> np.uint64:
    """The bitset of one term given by its lists, with all its subsets if `closed`."""
    model = parse_model(f"[{text}]", lists)
    members = model.interactions if closed else {max(model.interactions, key=int.bit_count, default=0)}
    unknown = [term for term in members if term not in terms]
    if unknown or not members:
        raise BadInput(
            f"the term {text!r} is not among the interactions that the search covers; name two lists or more"
        )
    return np.uint64(sum(1 << terms.index(term) for term in members))


def _refit_redundant(
    histories: CaptureHistories,
    models: NDArray[np.uint64],
    terms: NDArray[np.int64],
    which: NDArray[np.bool_],
    n_hidden: NDArray[np.float64],
    deviance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fits of the sound models whose columns are redundant, which the batch cannot factor."""
    for m in np.flatnonzero(which):
        chosen = LogLinear(histories.lists, frozenset(terms_of(int(models[m]), terms.tolist())))
        mle = extended_mle(histories, chosen)
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
    rows = [np.flatnonzero(row) for row in maximal[:, order]]
    return (
        ["".join([by_name[j] for j in row]) for row in rows],
        [f"[{','.join([by_position[j] for j in row])}]" for row in rows],
    )
