"""An interval and the rules that make one: a rule is a frozen value that answers any level."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mse.errors import BadInput

__all__ = ["EqualTailed", "Interval", "IntervalRule", "LogNormal", "Tabulated", "check_level"]

CONFIDENCE_KINDS = ("log-normal", "profile", "percentile", "bca", "rubin")
CREDIBLE_KINDS = ("equal-tailed", "hdi")


@dataclass(frozen=True, slots=True)
class Interval:
    """Low and high ends of an interval, with its level and its kind.

    Attributes
    ----------
    low, high : float
        Ends, in persons. `high` is `inf` where the likelihood never comes down again.
    level : float
        Nominal level, for example 0.95.
    kind : str
        `log-normal`, `profile`, `percentile`, `bca`, `rubin` (confidence), or `equal-tailed`, `hdi` (credible).
    median : float or None
        Median of the distribution that the interval describes, where there is one.
    note : str
        What the reader must know, for example that the interval ignores model selection.

    Examples
    --------
    >>> str(Interval(11985.17, 15133.43, 0.95, "log-normal"))
    '95 % confidence interval 11,985 to 15,133 (log-normal)'
    """

    low: float
    high: float
    level: float
    kind: str
    median: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.kind not in CONFIDENCE_KINDS + CREDIBLE_KINDS:
            raise BadInput.option("kind", self.kind, CONFIDENCE_KINDS + CREDIBLE_KINDS)
        if not self.low <= self.high:
            raise BadInput(f"an interval cannot run from {self.low!r} to {self.high!r}; give the lower end first")

    @property
    def is_credible(self) -> bool:
        """Whether this is a credible interval (Bayes) and not a confidence interval."""
        return self.kind in CREDIBLE_KINDS

    def __str__(self) -> str:
        word = "credible" if self.is_credible else "confidence"
        note = f"; {self.note}" if self.note else ""
        return f"{100 * self.level:g} % {word} interval {self.low:,.0f} to {self.high:,.0f} ({self.kind}{note})"


class IntervalRule(Protocol):
    """Answers the interval for any level between 0 and 1."""

    def at(self, level: float) -> Interval: ...


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Wald interval on the log of the hidden number: n + n_hidden exp(+-z se).

    `n_hidden` in persons; `se_log_hidden` the standard error of its log.
    """

    n_observed: int
    n_hidden: float
    se_log_hidden: float
    note: str = ""

    def at(self, level: float) -> Interval:
        spread = exp(float(ndtri(0.5 + check_level(level) / 2)) * self.se_log_hidden)
        low, high = self.n_observed + self.n_hidden / spread, self.n_observed + self.n_hidden * spread
        return Interval(low, high, level, "log-normal", note=self.note)

    @classmethod
    def from_variance(cls, n_observed: int, n_hat: float, variance: float, note: str = "") -> "LogNormal":
        """The rule for an estimator that comes with a variance of N-hat (Chao 1987).

        Takes log(N-hat - n) as normal with variance log(1 + variance / n_hidden^2).
        """
        n_hidden = n_hat - n_observed
        se = sqrt(np.log1p(variance / n_hidden**2)) if n_hidden > 0 else 0.0
        return cls(n_observed, n_hidden, se, note)


@dataclass(frozen=True, slots=True)
class EqualTailed:
    """Equal-tailed credible interval of posterior draws of N, shape (n_draws,).

    Of `few` draws the ends lie where one draw more would fall outside as often as the level says, between order
    statistics at p (n + 1) (Hyndman and Fan 1996, doi:10.2307/2684934, type 6); the usual ones hold too little then.
    """

    draws: NDArray[np.float64]
    note: str = ""
    few: bool = False

    def at(self, level: float) -> Interval:
        tail = (1 - check_level(level)) / 2
        method: Literal["weibull", "linear"] = "weibull" if self.few else "linear"
        low, median, high = np.quantile(self.draws, [tail, 0.5, 1 - tail], method=method)
        return Interval(float(low), float(high), level, "equal-tailed", median=float(median), note=self.note)


@dataclass(frozen=True, slots=True)
class Tabulated:
    """Intervals read back from a file: answers the levels that were stored, and no other."""

    intervals: Mapping[float, Interval]

    def at(self, level: float) -> Interval:
        if level not in self.intervals:
            raise BadInput.option("level", level, sorted(self.intervals))
        return self.intervals[level]


def check_level(level: float) -> float:
    """The level, if it lies strictly between 0 and 1."""
    if not 0 < level < 1:
        raise BadInput(f"level={level!r} is not between 0 and 1; 0.95 asks for a 95 % interval")
    return level
