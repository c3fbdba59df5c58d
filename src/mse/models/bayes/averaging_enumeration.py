"""Every model that matters, weighed by its marginal likelihood: the second method, which has no chain.

Laplace's approximation finds the models; importance sampling around each mode gives marginal likelihoods and draws.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.models.bayes.averaging_moves import fit_models, sample_models
from mse.models.bayes.averaging_prior import CoefficientPrior
from mse.models.bayes.averaging_run import Run, run_of
from mse.models.bayes.cross_classified import CrossTable

__all__ = ["enumerate_models"]

type Array = NDArray[np.float64]
type Bitsets = NDArray[np.uint64]

CUT = np.log(1e4)  # a model this much less likely than the best is left out
MOST_MODELS = 300_000
FIRST = 50  # proposals for each model
REFINED, REFINED_FROM = 2000, 1e-3  # proposals for a model with this share of all
AT_A_TIME = 1000
PER_DRAW = 25  # proposals for each draw


def enumerate_models(
    table: CrossTable,
    prior: CoefficientPrior,
    *,
    n_draws: int,
    n_chains: int,
    seed: int,
    advanced: Callable[[int], None],
) -> Run:
    """`n_chains` replications, each with marginal likelihoods and draws of its own."""
    models = models_that_matter(table, prior)
    parts, shares, efficiency = [], [], []
    for i in range(n_chains):
        random = np.random.default_rng([seed, 2, i])
        share, effective = _shares(random, models, table, prior)
        counts = _systematic(random, share, n_draws)
        drawn = np.flatnonzero(counts)
        n_proposals = np.maximum(FIRST, PER_DRAW * counts[drawn])
        _, _, betas = _sampled(random, models[drawn], n_proposals, counts[drawn], table, prior)
        mixed = random.permutation(n_draws)
        parts.append((np.repeat(models[drawn], counts[drawn])[mixed], betas[mixed]))
        shares.append(share)
        efficiency.append(float(share @ effective))
        advanced(1)
    return run_of(
        table,
        np.stack([part[0] for part in parts]),
        np.stack([part[1] for part in parts]),
        models,
        np.stack(shares),
        {"efficiency": min(efficiency)},
        np.random.default_rng([seed, 1]),
    )


def models_that_matter(table: CrossTable, prior: CoefficientPrior) -> Bitsets:
    """All models that Laplace's approximation does not leave far behind the best, sorted by their bitset.

    Neighbours of such models are looked at until there are no new ones. A model that is far behind is a way to a good
    one only if every way there is bad, which adding and dropping single terms makes unlikely.
    """
    every_term = 2 ** len(table.terms) - 1
    heights: dict[int, float] = {}
    frontier = [0, every_term]
    while frontier:
        asked = np.array(frontier, dtype=np.uint64)
        values, _, _ = fit_models(asked, table.cells, table.term_sets, prior.numbers, False)
        heights |= dict(zip(frontier, values.tolist(), strict=True))
        least = max(heights.values()) - CUT
        near = [model for model in frontier if heights[model] >= least]
        frontier = sorted({other for model in near for other in table.neighbours(model)} - heights.keys())
        if len(heights) > MOST_MODELS:
            raise BadInput(
                f"more than {MOST_MODELS:,} models are in question; use method='sampler', or a smaller max_order"
            )
    return np.array(sorted(model for model, height in heights.items() if height >= least), dtype=np.uint64)


def _shares(
    random: np.random.Generator, models: Bitsets, table: CrossTable, prior: CoefficientPrior
) -> tuple[Array, Array]:
    """Posterior probabilities, and the effective share of the proposals, of each model."""
    evidence, efficiency = np.empty(len(models)), np.empty(len(models))
    chosen = np.arange(len(models))
    for n in (FIRST, REFINED):
        n_proposals, none = np.full(len(chosen), n), np.zeros(len(chosen), dtype=np.int64)
        evidence[chosen], efficiency[chosen], _ = _sampled(random, models[chosen], n_proposals, none, table, prior)
        shares = np.exp(evidence - np.logaddexp.reduce(evidence))
        chosen = np.flatnonzero(shares >= REFINED_FROM)
    return shares, efficiency


def _sampled(
    random: np.random.Generator,
    models: Bitsets,
    n_proposals: NDArray[np.int64],
    n_draws: NDArray[np.int64],
    table: CrossTable,
    prior: CoefficientPrior,
) -> tuple[Array, Array, Array]:
    """What `sample_models` returns; fits are held for a part of the models at a time."""
    found = []
    for i in range(0, len(models), AT_A_TIME):
        part = slice(i, i + AT_A_TIME)
        _, modes, factors = fit_models(models[part], table.cells, table.term_sets, prior.numbers, True)
        found.append(
            sample_models(
                random,
                models[part],
                modes,
                factors,
                n_proposals[part],
                n_draws[part],
                table.cells,
                table.term_sets,
                prior.numbers,
            )
        )
    evidence, efficiency, betas = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return evidence, efficiency, betas


def _systematic(random: np.random.Generator, shares: Array, n: int) -> NDArray[np.int64]:
    """How many of n draws fall on each model, within 1 of their shares."""
    edges = np.concatenate([[0.0], np.cumsum(shares)]) * n
    edges[-1] = n
    return np.diff(np.ceil(edges - random.uniform()).clip(0, n)).astype(np.int64)
