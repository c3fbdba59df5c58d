"""The sampling variance of one draw's estimate: what its own interval or its own resamples say."""

from math import inf, log
from typing import NamedTuple

import numpy as np

from mse.errors import Refused
from mse.estimate import Estimate
from mse.propagation.rubin import LEVEL, standard_error_on_log_scale

__all__ = ["LEAST_REPLICATES", "NO_UPPER_END", "OnLog", "on_log"]

LEAST_REPLICATES = 40  # of which one is beyond each end of a 95 % interval
NOBODY_HIDDEN = (
    "the estimate leaves nobody hidden beyond the smallest number of persons in any draw, and the log of 0 persons "
    "cannot be pooled"
)
NO_UPPER_END = "the 95 % interval has no upper end"


class OnLog(NamedTuple):
    """log(N-hat - floor), its sampling variance, where that came from, and what the interval said of itself."""

    log_excess: float
    variance: float
    source: str
    note: str


def on_log(estimate: Estimate, floor: int) -> OnLog | Refused:
    """An estimate on the scale on which draws are pooled, or why it is not on it.

    The variance is that of the estimate's replicates if it has 40 or more, else that of its 95 % interval.
    """
    excess = estimate.n_hat - floor
    if not excess > 0:
        return Refused(NOBODY_HIDDEN)
    totals = estimate.draws.sum(axis=1)
    if len(totals) >= LEAST_REPLICATES:
        low, high = np.quantile(totals, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        source, note = "resamples", ""
    else:
        try:
            interval = estimate.interval(LEVEL)
        except Refused as refusal:
            return refusal
        low, high, source, note = interval.low, interval.high, f"{interval.kind} interval", interval.note
    if not high < inf:
        return Refused(NO_UPPER_END)
    se = standard_error_on_log_scale(estimate.n_hat, float(low), float(high), floor)
    return OnLog(log(excess), se**2, source, note)
