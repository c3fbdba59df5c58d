"""One answer shape for every model, and what can be derived from it written once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.interval import EqualTailed, Interval, IntervalRule

__all__ = ["Estimate", "Posterior", "Replicated", "completeness", "n_hidden", "no_draws", "to_frame"]


@runtime_checkable
class Estimate(Protocol):
    """What every model returns.

    Attributes
    ----------
    model : str
        The model in the field's notation, for example ``"[police,rosa][udi]"``.
    n_observed : int
        Persons on at least one list.
    n_hat : float
        Maximum-likelihood estimate, or posterior median, of the total.
    strata : tuple of str
        ``("all",)`` when not stratified.
    draws : ndarray of float, shape (n_draws, n_strata)
        Bootstrap replicates or posterior draws of N; ``(0, n_strata)`` when none were made.
    diagnostics : mapping of str to float
        Deviance, df, AIC and BIC, or R-hat and effective sample size.
    provenance : mapping of str to object
        Versions, seed, SHA-256 of the input, options.
    """

    @property
    def model(self) -> str: ...
    @property
    def n_observed(self) -> int: ...
    @property
    def n_hat(self) -> float: ...
    @property
    def strata(self) -> tuple[str, ...]: ...
    @property
    def draws(self) -> NDArray[np.float64]: ...
    @property
    def diagnostics(self) -> Mapping[str, float]: ...
    @property
    def provenance(self) -> Mapping[str, object]: ...

    def interval(self, level: float = 0.95) -> Interval: ...


class _Shown:
    """One line for `str`, one table for a notebook; shared by the two answer classes."""

    def __str__(self: Any) -> str:
        return f"{self.model}: N {self.n_hat:,.0f}, {self.interval()}, {self.n_observed:,} observed"

    __repr__ = __str__

    def _repr_html_(self: Any) -> str:
        rows = {
            "model": self.model,
            "N": f"{self.n_hat:,.1f}",
            "interval": str(self.interval()),
            "observed": f"{self.n_observed:,}",
            "hidden": f"{n_hidden(self):,.1f}",
            "completeness": f"{completeness(self):.3f}",
            **{name: f"{value:,.5g}" for name, value in self.diagnostics.items()},
        }
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
        return f"<table>{cells}</table>"


def no_draws(n_strata: int = 1) -> NDArray[np.float64]:
    """The `draws` of an estimate for which none were made, shape (0, n_strata)."""
    return np.empty((0, n_strata))


@dataclass(frozen=True, eq=False, repr=False)
class Replicated(_Shown):
    """A likelihood or moment estimate; `uncertainty` answers its confidence interval at any level."""

    model: str
    n_observed: int
    n_hat: float
    uncertainty: IntervalRule
    strata: tuple[str, ...] = ("all",)
    draws: NDArray[np.float64] = field(default_factory=no_draws)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def interval(self, level: float = 0.95) -> Interval:
        """Confidence interval of N at this level, in persons."""
        return self.uncertainty.at(level)


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(_Shown):
    """A Bayesian estimate: posterior draws of N and, in `idata`, the ArviZ tree they came from."""

    model: str
    n_observed: int
    draws: NDArray[np.float64]
    strata: tuple[str, ...] = ("all",)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    idata: Any = None

    @property
    def n_hat(self) -> float:
        """Posterior median of the total."""
        return float(np.median(self.draws.sum(axis=1)))

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed credible interval of N at this level, in persons."""
        return EqualTailed(self.draws.sum(axis=1)).at(level)


def n_hidden(estimate: Estimate) -> float:
    """Estimated number of persons on no list (the dark figure)."""
    return estimate.n_hat - estimate.n_observed


def completeness(estimate: Estimate) -> float:
    """Share of the estimated total that is on at least one list."""
    return estimate.n_observed / estimate.n_hat


def to_frame(estimates: Sequence[Estimate] | Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Several estimates side by side, one row each, at full precision.

    Parameters
    ----------
    estimates : Estimate or sequence of Estimate
    level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        Columns model, n_observed, n_hat, n_hidden, completeness, low, high, level, kind, note.

    Raises
    ------
    BadInput
        When there is no estimate to show.

    References
    ----------
    International Working Group for Disease Monitoring and Forecasting (1995), doi:10.1093/oxfordjournals.aje.a117558.

    Examples
    --------
    >>> import mse
    >>> mse.to_frame(mse.chapman(mse.load_dataset("HAV"), lists=("A", "B"))).n_hat.round().tolist()
    [334.0]
    """
    several = [estimates] if isinstance(estimates, Estimate) else list(estimates)
    if not several:
        raise BadInput("no estimates were given; pass one or more")
    return pd.DataFrame([_row(estimate, level) for estimate in several])


def _row(estimate: Estimate, level: float) -> dict[str, object]:
    interval = estimate.interval(level)
    return {
        "model": estimate.model,
        "n_observed": estimate.n_observed,
        "n_hat": estimate.n_hat,
        "n_hidden": n_hidden(estimate),
        "completeness": completeness(estimate),
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "kind": interval.kind,
        "note": interval.note,
    }
