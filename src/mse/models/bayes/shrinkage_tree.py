"""The ArviZ tree of the shrunken log-linear model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.hidden_prior import log_hidden_priors
from mse.models.bayes.shrinkage_before import Before
from mse.models.bayes.shrinkage_density import Target
from mse.models.bayes.shrinkage_run import LEAST_SPREAD, Run, varied

__all__ = ["log_mass", "tree_of"]

type Array = NDArray[np.float64]


def tree_of(
    target: Target, run: Run, before: Before, histories: CaptureHistories, terms: list[str], random: np.random.Generator
) -> Any:
    """Posterior, prior, both predictives, log likelihood, log prior of N, sample statistics and observed counts."""
    totals, values, prior = run.totals, run.values, target.prior
    spread = None if values.spread is None else values.spread[..., None]
    means = totals["expected_seen"][..., None] * np.exp(values.log_shares)
    possible = histories.cells_that_can_occur
    name, common = values.common
    posterior = {
        "N": totals["N"],
        "n_hidden": totals["n_hidden"],
        "log_expected_hidden": np.log(totals["expected_seen"]) + values.log_hidden,
        "hidden_per_seen": np.exp(values.log_hidden),
        "list_effects": values.list_effects,
        "interactions": values.interactions,
        "interaction_sd": values.interaction_sd,
        name: common,
    }
    hidden = np.array([prior.log_hidden_mean, prior.log_hidden_sd]), np.array(prior.log_n or (), dtype=np.float64)
    groups = {
        "posterior": posterior if values.spread is None else posterior | {"spread": values.spread},
        "posterior_predictive": {"count": random.poisson(varied(means, spread, random))},
        "log_likelihood": {"count": log_mass(target.counts, means, spread)},
        "log_prior": {"N": log_hidden_priors(values.log_hidden, *hidden)},
        "sample_stats": dict(run.statistics),
        "prior": dict(before.parameters),
        "prior_predictive": {"count": before.counts},
        "observed_data": {"count": target.counts},
    }
    return posterior_tree(
        groups,
        coords={
            "list": list(histories.lists),
            "term": terms,
            "history": [as_text(w) for w, keep in zip(histories.histories, possible, strict=True) if keep],
        },
        dims={
            "list_effects": ["list"],
            "interactions": ["term"],
            "interaction_sd": ["term"],
            "count": ["history"],
        },
    )


def log_mass(counts: Array, means: Array, spread: Array | None) -> Array:
    """Log probability of counts (n_cells,) for means (..., n_cells): Poisson, or negative binomial with a spread."""
    if spread is None:
        return np.asarray(counts * np.log(means) - means - gammaln(counts + 1))
    size = np.maximum(spread, LEAST_SPREAD) ** -2
    chosen = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
    return np.asarray(chosen - size * np.log1p(means / size) + xlogy(counts, means) - counts * np.log(means + size))
