"""Every list in turn as a population of known size: what the other lists, and a model, make of it."""

from collections.abc import Callable, Sequence
from math import log

import numpy as np
import pandas as pd

from mse.errors import BadInput, Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories

__all__ = ["leave_one_list_out"]


def leave_one_list_out(
    histories: CaptureHistories,
    fit: Callable[[CaptureHistories, int], Estimate],
    *,
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Leave a list out, and estimate how many persons it holds from the others: a number that is known.

    Among the persons of one list, the other lists see some and miss the rest, who are on that list alone. The model is
    fitted to what the other lists see of them, and its total is compared with the length of the list. Nothing else in
    the data can contradict an estimate of persons on no list: predictive scores of the observed counts, such as
    leave-one-out by history, judge how well a model describes what was seen. A model that fails here has no claim to
    the total; one that succeeds may still fail for persons whom no list finds, who need not be like those on a list.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata; one list more than the model needs, four for most.
    fit : callable
        Takes a table and a seed, and returns an estimate: ``lambda h, s: mse.bayes_loglinear(h, seed=s)``.
    seed : int
        0 or more.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        One row for each list: list; known, its persons; seen, those of them on another list too; n_hat, low, high;
        inside, whether the interval holds the known number; log_ratio, log of n_hat over known; rank, the share of
        draws below the known number, ties half (NaN without draws); score, the interval score of log N, its width
        with a penalty for missing, the smaller the better; refused, why there is no number. To compare models, compare
        the means of `inside`, `log_ratio` and `score` over the same lists.

    Raises
    ------
    BadInput
        For fewer than three lists, a seed below 0, or when the fit does not take so few lists.
    Refused
        For censored cells, whose persons are not known to be of the population.

    References
    ----------
    Hook and Regal (2000), doi:10.1093/aje/152.8.771; Binette and Steorts (2022), doi:10.48550/arXiv.2112.01594;
    Gneiting and Raftery (2007), doi:10.1198/016214506000001437.

    Examples
    --------
    >>> import mse
    >>> kosovo = mse.load_dataset("Kosovo")
    >>> told = mse.leave_one_list_out(kosovo, lambda h, s: mse.decomposable(h), seed=1)
    >>> told.known.tolist() == list(kosovo.list_totals.values())
    True
    """
    if histories.n_lists < 3:
        raise BadInput(f"{histories.n_lists} lists leave no two beside the one left out; give three or more")
    if seed < 0:
        raise BadInput(f"seed={seed!r} is too small; give 0 or more")
    histories.single_stratum()
    seeds = np.random.SeedSequence(seed).generate_state(histories.n_lists)
    return pd.DataFrame(
        [_row(histories, name, fit, int(own), level) for name, own in zip(histories.lists, seeds, strict=True)]
    )


def within_list(histories: CaptureHistories, name: str) -> CaptureHistories:
    """What the other lists see of the persons on this one."""
    at = histories.lists.index(name)
    others = tuple(one for one in histories.lists if one != name)

    def rest(history: tuple[int, ...]) -> tuple[int, ...]:
        return (*history[:at], *history[at + 1 :])

    counts = {
        rest(history): int(count)
        for history, count in zip(histories.histories, histories.single_stratum(), strict=True)
        if history[at] and any(rest(history))
    }
    zeros = [rest(history) for history in histories.structural_zeros if history[at] and any(rest(history))]
    possible: dict[Sequence[int], int] = {history: count for history, count in counts.items() if history not in zeros}
    return CaptureHistories.from_counts(others, possible, structural_zeros=zeros)


def _row(
    histories: CaptureHistories,
    name: str,
    fit: Callable[[CaptureHistories, int], Estimate],
    seed: int,
    level: float,
) -> dict[str, object]:
    table = within_list(histories, name)
    known = histories.list_totals[name]
    row: dict[str, object] = {"list": name, "known": known, "seen": table.n_observed}
    nothing = dict.fromkeys(("n_hat", "low", "high", "inside", "log_ratio", "rank", "score"), float("nan"))
    alone = tuple(int(one == name) for one in histories.lists)
    if alone in histories.structural_zeros:
        return row | nothing | {"refused": f"nobody can be on {name} alone, so that there is nothing to estimate"}
    if table.n_observed == 0:
        return row | nothing | {"refused": f"no other list sees a person of {name}"}
    try:
        estimate = fit(table, seed)
        ends = estimate.interval(level)
    except Refused as refusal:
        return row | nothing | {"refused": str(refusal)}
    draws = estimate.draws.sum(axis=1)
    rank = float(np.mean((draws < known) + 0.5 * (draws == known))) if draws.size else float("nan")
    return row | {
        "n_hat": estimate.n_hat,
        "low": ends.low,
        "high": ends.high,
        "inside": float(ends.low <= known <= ends.high),
        "log_ratio": log(estimate.n_hat / known),
        "rank": rank,
        "score": _interval_score(known, ends.low, ends.high, level),
        "refused": "",
    }


def _interval_score(known: float, low: float, high: float, level: float) -> float:
    """Of log N: the width, and 2 / (1 - level) times how far outside it lies."""
    low, high, truth = log(max(low, 1)), log(high), log(known)
    return high - low + 2 / (1 - level) * (max(low - truth, 0.0) + max(truth - high, 0.0))
