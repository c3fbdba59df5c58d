"""The chains of the shrunken log-linear model, and the draws of N that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.models.bayes.convergence import convergence
from mse.models.bayes.nuts import nuts_draws
from mse.models.bayes.shrinkage_density import Parameters, Target, log_density, parameters

__all__ = ["Run", "run_chains", "totals_of", "varied"]

type Array = NDArray[np.float64]

N_TUNE = 500
# A spread below this is Poisson to the last digit of a count.
LEAST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """The draws of one run: N and its parts (n_chains, n_draws), the parameters, the sampler's statistics."""

    totals: Mapping[str, Array]
    values: Parameters
    statistics: Mapping[str, Array]
    diagnostics: dict[str, float]


def run_chains(target: Target, n_observed: int, n_draws: int, n_chains: int, seed: int, sampler: str) -> Run:
    """Sample the target; the seed repeats the draws as far as the sampler does."""
    positions, statistics = nuts_draws(
        lambda position: log_density(target, position),
        target.n_coordinates,
        n_draws=n_draws,
        n_tune=N_TUNE,
        n_chains=n_chains,
        seed=seed,
        sampler=sampler,
    )
    values = parameters(target, positions)
    totals = totals_of(values, target.counts.sum(), target.counted, n_observed, seed)
    watched = {"N": totals["N"], "log_hidden": values.log_hidden}
    others = [values.list_effects, values.interactions]
    if values.spread is not None:
        others.append(values.spread[..., None])
    diagnostics = convergence(watched, statistics, others)
    return Run(totals, values, statistics, diagnostics)


def totals_of(values: Parameters, n_counted: float, counted: Array, n_observed: int, seed: int) -> dict[str, Array]:
    """Draws of N: Poisson counts with the flat prior on their log have a gamma number expected, given those counted.

    Under negative-binomial counts the expected number was drawn, and the hidden persons vary around theirs as every
    history does.
    """
    random = np.random.default_rng([seed, 1])
    if values.log_seen is None:
        expected_seen = random.gamma(n_counted, size=values.log_hidden.shape)
        if not counted.all():
            expected_seen /= np.exp(values.log_shares) @ counted
    else:
        expected_seen = np.exp(values.log_seen)
    hidden = varied(expected_seen * np.exp(values.log_hidden), values.spread, random)
    n_hidden = random.poisson(hidden).astype(np.float64)
    return {"N": n_observed + n_hidden, "n_hidden": n_hidden, "expected_seen": expected_seen}


def varied(means: Array, spread: Array | None, random: np.random.Generator) -> Array:
    """Means with the gamma noise of negative-binomial counts, of this relative standard deviation; None has none."""
    if spread is None:
        return means
    size = np.maximum(spread, LEAST_SPREAD) ** -2
    return np.asarray(means * random.gamma(np.broadcast_to(size, means.shape)) / size)
