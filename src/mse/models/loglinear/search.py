"""Choosing among hierarchical log-linear models: exhaustively, downhill or stepwise, with an interval.

A model is a candidate for the answer only if its MLE exists and the total is identified; the others stay in the
ranking, last, with the reason and without a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import Resampling, bootstrap_rule, choose_in_resamples
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import extended_mle
from mse.models.loglinear.fitting import (
    RESAMPLED,
    LogLinearEstimate,
    check_interval,
    estimate_of,
    notes_on_resampling,
)
from mse.models.loglinear.parametric_bootstrap import RESAMPLINGS, draw_resamples
from mse.models.loglinear.searches import Search, downhill, exhaustive, stepwise
from mse.models.loglinear.stepwise import DEFAULT_P
from mse.models.loglinear.terms import parse_model

__all__ = ["SelectedLogLinear", "select_loglinear"]

SEARCHES = {"exhaustive": exhaustive, "downhill": downhill, "stepwise": stepwise}
INTERVALS = (None, "profile", "log-normal", *RESAMPLED)
IGNORES_SELECTION = "ignores model selection"


@dataclass(frozen=True, eq=False, repr=False)
class SelectedLogLinear(LogLinearEstimate):
    """The best model's estimate, with the ranking of the models that it was chosen from.

    Attributes
    ----------
    ranking : DataFrame
        Columns model, positions, n_hat, deviance, df, aic, bic, aicc, weight, status, best first.
    resampling : Resampling or None
        Totals and models of the bootstrap resamples, where they were made.
    """

    ranking: pd.DataFrame = field(kw_only=True)
    resampling: Resampling | None = field(kw_only=True, default=None)


def select_loglinear(
    histories: CaptureHistories,
    *,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
    search: str = "exhaustive",
    n_top: int | None = None,
    ordering: int = 1,
    interval: str | None = None,
    force: Sequence[str] = (),
    forbid: Sequence[str] = (),
    max_models: int | None = None,
    p: float = DEFAULT_P,
    n_boot: int = 0,
    resampling: str = "fixed",
    seed: int | None = None,
    n_jobs: int = 1,
) -> SelectedLogLinear:
    """Estimate the total under the best of many hierarchical log-linear models.

    Without resamples the interval is that of the best model as if it had been given, and says so: it ignores that the
    model was chosen, and models a unit of BIC away may give half or twice the total. With ``n_boot`` resamples the
    model is chosen again in each of them. Read `ranking` before the number.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata; censored cells count as in `fit_loglinear`. Exhaustively up to 6 lists; with 6, and terms of
        more than two lists, the ranking holds the 100 best models.
    by : {"bic", "aic", "aicc"}
    bic_n : {"individuals", "cells"}
        Whether BIC's penalty is the log of the number of persons observed or of the number of cells.
    max_order : int, optional
        Largest number of lists in a term; None for K - 1.
    search : {"exhaustive", "downhill", "stepwise"}
        The proven best of all models; the best that is met from several starts (any number of lists; random starts
        only with a seed); or the model that forward choice of two-list terms by p-value ends in, as published in 2021.
    n_top : int, optional
        Resamples choose among this many of the best models; None for all models.
    ordering : {1, 2}
        Order from which the `n_top` are taken: by criterion, or by the best criterion among neighbouring models.
    interval : {"profile", "log-normal", "bca", "percentile"}, optional
        None is bca with resamples and profile without.
    force, forbid : sequence of str
        Terms that every candidate must hold, or must not hold, as ``"police,rosa"``.
    max_models : int, optional
        An exhaustive search over more models is an error.
    p : float
        Threshold of the stepwise search.
    n_boot : int
        Number of resamples.
    resampling : {"fixed", "binomial", "parametric"}
        The persons observed, drawn with replacement; the same, with their number drawn with N-hat trials; or N-hat
        persons of the best model, of whom those on no list are lost again.
    seed : int, optional
        Needed with ``n_boot``.
    n_jobs : int
        Workers for the resamples; the result does not depend on it.

    Returns
    -------
    SelectedLogLinear
        `ranking` is sorted by the criterion; `n_hat` and `weight` are NaN unless `status` is ``ok``, and those rows
        come last. `draws` holds the totals of the resamples.

    Raises
    ------
    BadInput
        For unknown options, resamples without a seed, and more lists than can be searched exhaustively.
    NoFiniteMLE
        When no candidate has an MLE and an identified total.
    Refused
        When the bootstrap interval is not defined.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9; parametric resamples: Buckland and Garthwaite
    (1991), doi:10.2307/2532510.

    Examples
    --------
    >>> import mse
    >>> best = mse.select_loglinear(mse.load_dataset("Korea"))
    >>> best.model, round(best.n_hat, 4), best.ranking.status.tolist()[-1]
    ('[b,c][c,d]', 157.1667, 'no_mle')
    """
    kind = _checked_options(ordering, interval, resampling, n_top, n_boot, seed)
    asked = Search(Criterion(by, bic_n), max_order, tuple(force), tuple(forbid), max_models, p, seed)
    if search not in SEARCHES:
        raise BadInput.option("search", search, SEARCHES)
    found = SEARCHES[search](histories, asked)
    mle = extended_mle(histories, parse_model(found.best, histories.lists))
    options: dict[str, object] = {
        "by": by,
        "bic_n": bic_n,
        "max_order": max_order,
        "search": search,
        "n_top": n_top,
        "ordering": ordering,
        "interval": kind,
        "force": list(force),
        "forbid": list(forbid),
        "p": p if search == "stepwise" else None,
        "n_boot": n_boot,
        "resampling": resampling,
    }
    fitted = estimate_of(
        mle,
        interval="log-normal" if kind == "log-normal" else "profile",
        note=IGNORES_SELECTION,
        input_sha256=histories.sha256,
        seed=seed,
        options=options,
    )
    parts = {name: getattr(fitted, name) for name in fitted.__dataclass_fields__}
    if n_boot:
        assert seed is not None
        chooser = found.chooser(n_top, ordering)
        resamples = draw_resamples(mle, n_boot, how=resampling, seed=seed)
        resampled = choose_in_resamples(chooser, resamples, n_jobs=n_jobs)
        parts |= {"draws": resampled.totals[:, None], "resampling": resampled}
        if kind in RESAMPLED:
            rule = bootstrap_rule(
                kind, chooser, mle.persons, fitted.n_hat, resampled.totals, n_observed=mle.n_observed, n_jobs=n_jobs
            )
            parts |= {"uncertainty": rule, "notes": (*resampled.notes, *notes_on_resampling(mle, resampling))}
    return SelectedLogLinear(**parts, ranking=found.ranking)


def _checked_options(
    ordering: int, interval: str | None, resampling: str, n_top: int | None, n_boot: int, seed: int | None
) -> str:
    """The kind of interval, once all options are sound."""
    if ordering not in (1, 2):
        raise BadInput.option("ordering", ordering, (1, 2))
    if resampling not in RESAMPLINGS:
        raise BadInput.option("resampling", resampling, RESAMPLINGS)
    if n_top is not None and n_top < 1:
        raise BadInput(f"n_top={n_top!r} leaves no model to choose; use 1 or more, or None for all models")
    check_interval(interval, n_boot, seed, INTERVALS)
    return interval or ("bca" if n_boot else "profile")
