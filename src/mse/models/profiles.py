"""Profile likelihoods of the number of hidden persons: where they are highest, and where they have fallen enough."""

from collections.abc import Callable
from math import exp, inf, log

from scipy.optimize import brentq
from scipy.special import ndtri

from mse.interval import Interval, check_level

__all__ = ["LARGEST_RATIO", "SMALLEST_HIDDEN", "fall", "highest", "interval_of"]

SMALLEST_HIDDEN = 1e-7  # persons; below it the profile no longer changes
LARGEST_RATIO = 1e9  # hidden persons per person observed; beyond it the end is inf


def highest(score: Callable[[float], float], start: float) -> float:
    """Log of the hidden persons at which the score is 0; the floor where the profile falls from there on."""
    low, high = start - 0.1, start + 0.1
    while score(low) < 0:
        low -= 1.0
        if low < log(SMALLEST_HIDDEN):
            return log(SMALLEST_HIDDEN)
    while score(high) > 0:
        high += 1.0
    return float(brentq(score, low, high, xtol=1e-13, rtol=1e-14))


def interval_of(
    log_likelihood: Callable[[float], float], best: float, n_observed: int, level: float, note: str = ""
) -> Interval:
    """Totals whose log-likelihood is within half a chi-squared quantile of the highest.

    `log_likelihood` is a function of the log of the hidden persons, highest at `best`.
    """
    floor = log_likelihood(best) - fall(level)
    low, high = (_end(log_likelihood, floor, best, n_observed, side) for side in (-1, +1))
    return Interval(n_observed + exp(low), n_observed + exp(high) if high < inf else inf, level, "profile", note=note)


def fall(level: float) -> float:
    """Half the chi-squared quantile with one degree of freedom."""
    return float(ndtri(0.5 + check_level(level) / 2)) ** 2 / 2


def _end(log_likelihood: Callable[[float], float], floor: float, best: float, n_observed: int, side: int) -> float:
    """Where the profile crosses the floor on one side, on the log scale; -inf or inf if it does not."""
    inner, step = best, 0.1
    limit = log(SMALLEST_HIDDEN) if side < 0 else log(LARGEST_RATIO * n_observed)
    while side * (limit - inner) > 0:
        outer = inner + side * min(step, abs(limit - inner))
        if log_likelihood(outer) <= floor:
            ends = min(inner, outer), max(inner, outer)
            return float(brentq(lambda x: log_likelihood(x) - floor, *ends, xtol=1e-11, rtol=1e-13))
        inner, step = outer, step * 1.7
    return side * inf
