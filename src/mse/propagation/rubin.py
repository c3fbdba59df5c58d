"""Rubin's rules: estimates of one quantity from several imputed data sets, here linkage draws, pooled."""

from dataclasses import dataclass
from math import asinh, exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from mse.errors import BadInput
from mse.interval import Interval, check_level

__all__ = ["LEVEL", "OnLogScale", "RubinPool", "pool", "standard_error_on_log_scale"]

LEVEL = 0.95  # of the interval whose length is turned into a variance


@dataclass(frozen=True, slots=True)
class RubinPool:
    """A quantity pooled over draws.

    Attributes
    ----------
    centre : float
        Mean of the estimates.
    within : float
        Mean of their sampling variances, W.
    between : float
        Variance of the estimates over the draws, B.
    n_draws : int
    """

    centre: float
    within: float
    between: float
    n_draws: int

    @property
    def added(self) -> float:
        """Variance due to linkage: (1 + 1/D) B."""
        return (1 + 1 / self.n_draws) * self.between

    @property
    def total(self) -> float:
        """W + (1 + 1/D) B."""
        return self.within + self.added

    @property
    def linkage_share(self) -> float:
        """Share of the total variance that is due to linkage."""
        return self.added / self.total if self.total > 0 else 0.0

    @property
    def df(self) -> float:
        """Degrees of freedom, (D - 1) / share^2; infinite where the draws agree.

        Those of Barnard and Rubin (1999) with infinite degrees of freedom for a fit without linkage uncertainty, since
        its interval is a normal one.
        """
        return (self.n_draws - 1) / self.linkage_share**2 if self.linkage_share > 0 else inf

    def half_width(self, level: float) -> float:
        """Half the t interval of the quantity at this level."""
        share = 0.5 + check_level(level) / 2
        quantile = ndtri(share) if self.df == inf else stdtrit(self.df, share)
        return float(quantile) * sqrt(self.total)


def pool(estimates: NDArray[np.float64], variances: NDArray[np.float64]) -> RubinPool:
    """Pool estimates of one quantity with their sampling variances, both of shape (n_draws,).

    Raises
    ------
    BadInput
        When they do not fit together.

    References
    ----------
    Rubin (1987), doi:10.1002/9780470316696, section 3.1.

    Examples
    --------
    >>> pooled = pool(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 0.5]))
    >>> pooled.centre, pooled.within, pooled.between, round(pooled.total, 3), round(pooled.df, 3)
    (2.0, 0.5, 1.0, 1.833, 3.781)
    """
    if estimates.shape != variances.shape or estimates.ndim != 1 or not len(estimates):
        raise BadInput(
            f"estimates of shape {estimates.shape} and variances of shape {variances.shape} cannot be pooled; give one "
            "of each for every draw"
        )
    between = float(estimates.var(ddof=1)) if len(estimates) > 1 else 0.0
    return RubinPool(float(estimates.mean()), float(variances.mean()), between, len(estimates))


@dataclass(frozen=True, slots=True)
class OnLogScale:
    """The interval of a total whose log above `floor` was pooled; a rule for any level."""

    floor: int
    pooled: RubinPool
    note: str = ""

    @property
    def n_hat(self) -> float:
        return self.floor + exp(self.pooled.centre)

    def at(self, level: float) -> Interval:
        half = self.pooled.half_width(level)
        low, high = (self.floor + _exp(self.pooled.centre + side * half) for side in (-1, 1))
        return Interval(low, high, level, "rubin", note=self.note)


def standard_error_on_log_scale(n_hat: float, low: float, high: float, floor: float) -> float:
    """Standard error of log(N - floor) whose log-normal interval is as long, in persons, as the 95 % one given.

    With h = N-hat - floor it solves h exp(zs) - h exp(-zs) = high - low. A log-normal interval gives its own standard
    error back; an end at or below the floor, as resamples have it, does no harm.
    """
    return asinh((high - low) / (2 * (n_hat - floor))) / float(ndtri(0.5 + LEVEL / 2))


def _exp(x: float) -> float:
    return exp(x) if x < log(1e300) else inf
