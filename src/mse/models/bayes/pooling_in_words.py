"""What an estimate of several strata says of itself: its prior of N, how strata are pooled, and what is in no sum."""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from mse.models.bayes.pooled_density import PooledPrior
from mse.models.bayes.strata_effects import StrataEffects, values_of_strata

__all__ = ["absent_in_words", "pooling_in_words", "prior_in_words"]

type Array = NDArray[np.float64]


def prior_in_words(prior: PooledPrior, hidden: tuple[float, float], n_observed: int, total: Array) -> str:
    """The prior of N of all strata together, from its draws."""
    low, median, high = np.quantile(total, [0.025, 0.5, 0.975])
    return (
        "prior on N: in a typical stratum hidden persons per person seen is log-normal, 95 % between "
        f"{hidden[0]:.3g} and {hidden[1]:.3g}, and strata differ around it by standard deviations (of the log) that "
        f"are half-normal with scale {prior.difference_scale:g}; with {n_observed:,} seen, N of all strata together "
        f"has the prior median {median:,.0f} and 95 % between {low:,.0f} and {high:,.0f}; how many are seen is not "
        "predicted"
    )


def pooling_in_words(effects: StrataEffects, years: str | None, length_scale: tuple[float, float]) -> str:
    """By what strata vary."""
    along = "a random walk"
    if effects.is_process:
        along = f"a Gaussian process with a length scale of {length_scale[0]:g} to {length_scale[1]:g} years (95 %)"
    told = [f"{along} over {part}" if part == years else f"the values of {part}" for part in effects.parts]
    if len(told) > 1:
        told[-1] = "what is left of each stratum"
    return f"partially pooled: hidden persons per person seen, list effects and interactions vary by {'; '.join(told)}"


def absent_in_words(strata: Sequence[str], covariates: Sequence[str]) -> tuple[str, ...]:
    """A combination without a person is no stratum, so that sums over a margin hold nobody of it."""
    values = zip(*values_of_strata(strata, covariates), strict=True)
    n_possible = prod(len(set(column)) for column in values)
    if n_possible == len(strata):
        return ()
    return (
        f"{n_possible - len(strata)} of the {n_possible} combinations of {', '.join(covariates)} are no "
        "stratum, as nobody was seen there; no hidden person of theirs is in any sum",
    )
