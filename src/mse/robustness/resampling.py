"""Totals of resampled tables with the model chosen anew in each, among the models that were close at first."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.models.existence import statuses_of
from mse.models.extended import full_table
from mse.models.poisson import CONVERGED, fit_batch
from mse.models.terms import all_terms, parse_model

__all__ = ["Resampled", "resampled_totals"]

N_RESAMPLES = 200
N_TOP = 100
LEAST_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Resampled:
    """`totals` (n_resamples,) in persons, and the share of resamples that chose the original best model."""

    totals: NDArray[np.float64]
    share_same_model: float


def resampled_totals(
    histories: CaptureHistories, ranking: pd.DataFrame, *, max_order: int | None, seed: int
) -> Resampled:
    """Resample the persons (n fixed) and choose by BIC among the first `N_TOP` sound models of the ranking.

    Raises
    ------
    Refused
        When more than 5 % of the resamples have no such model.
    """
    terms = np.array(all_terms(histories.n_lists, max_order), dtype=np.int64)
    bit_of = {int(term): 1 << j for j, term in enumerate(terms)}
    names = ranking.loc[ranking["status"] == "ok", "model"].head(N_TOP)
    models = np.array(
        [sum(bit_of[t] for t in parse_model(name, histories.lists).interactions) for name in names], dtype=np.uint64
    )
    counts, possible = full_table(histories)
    resamples = np.random.default_rng(seed).multinomial(histories.n_observed, counts / counts.sum(), size=N_RESAMPLES)
    totals, same = [], 0
    for resample in resamples.astype(np.float64):
        best, total = _best(models, terms, possible, resample, histories.n_lists)
        if best >= 0:
            totals.append(total)
            same += best == 0
    if len(totals) < LEAST_SHARE * N_RESAMPLES:
        raise Refused(f"{N_RESAMPLES - len(totals)} of {N_RESAMPLES} resamples have no model with a finite MLE")
    return Resampled(np.array(totals), same / len(totals))


def _best(
    models: NDArray[np.uint64],
    terms: NDArray[np.int64],
    possible: NDArray[np.bool_],
    counts: NDArray[np.float64],
    n_lists: int,
) -> tuple[int, float]:
    """Index and total of the model with the smallest BIC among those that give an answer; -1 if none does."""
    n_hidden, deviance, smallest, n_parameters, ended, zero_terms = fit_batch(models, terms, possible, counts, n_lists)
    n_observed = counts.sum()
    bic = np.where(ended == CONVERGED, deviance + np.log(n_observed) * n_parameters, np.inf)
    for m in np.argsort(bic, kind="stable"):
        one = slice(m, m + 1)
        checks = {"smallest": smallest[one], "ended": ended[one], "zero_terms": zero_terms[one]}
        if ended[m] == CONVERGED and not statuses_of(models[one], terms, possible, counts, n_lists, **checks)[0]:
            return int(m), float(n_observed + n_hidden[m])
    return -1, np.nan
