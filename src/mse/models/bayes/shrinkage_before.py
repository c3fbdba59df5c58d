"""What the shrunken log-linear model says before a count is seen: draws of its parameters, of N and of the counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, halfnorm, norm

from mse.models.bayes.interaction_scales import common_scale, log_scale_draws, precisions
from mse.models.bayes.shrinkage_density import ShrinkagePrior
from mse.models.bayes.shrinkage_run import varied

__all__ = ["Before", "before_counts", "interactions_in_words", "spread_in_words"]

type Array = NDArray[np.float64]

N_PRIOR_DRAWS = 2000
# Newton's steps for a convex function whose slope lies between 1 and the number of lists.
N_STEPS = 200
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Before:
    """Draws from the prior, given how many were seen: leading shape (1, N_PRIOR_DRAWS)."""

    parameters: Mapping[str, Array]
    counts: Array


def before_counts(prior: ShrinkagePrior, incidence: Array, term_sizes: Array, n_observed: int, seed: int) -> Before:
    """Draws of N and its parts, of the parameters, and of the counts (1, N_PRIOR_DRAWS, n_cells).

    The prior does not predict how many are seen: they are as many as were. Incidence is (n_cells, K + P), single lists
    first.
    """
    random = np.random.default_rng([seed, 2])
    n_lists = int((term_sizes == 1).sum())
    n_interactions = term_sizes.size - n_lists
    log_hidden = _log_hidden(prior, random)
    expected_seen = random.gamma(n_observed, size=log_hidden.shape)
    scales = log_scale_draws(prior.shrinkage, prior.of_scales, n_interactions, N_PRIOR_DRAWS, random)
    with np.errstate(over="ignore", divide="ignore"):
        sd = precisions(prior.shrinkage, scales, term_sizes[n_lists:], n_lists) ** -0.5
    interactions = sd * random.standard_normal(sd.shape)
    differences = prior.list_effect_sd * random.standard_normal((N_PRIOR_DRAWS, n_lists))
    differences -= differences.mean(axis=1, keepdims=True)
    log_shares = _log_shares(differences, interactions, incidence, log_hidden[0])
    spread = (
        None if prior.spread_scale is None else np.abs(prior.spread_scale * random.standard_normal((1, N_PRIOR_DRAWS)))
    )
    n_hidden = random.poisson(varied(expected_seen * np.exp(log_hidden), spread, random)).astype(np.float64)
    shares = np.exp(log_shares)[None]
    if spread is None:
        counts = random.multinomial(n_observed, shares / shares.sum(axis=-1, keepdims=True))
    else:
        counts = random.poisson(varied(n_observed * shares, spread[..., None], random))
    name, values = common_scale(prior.shrinkage, scales)
    drawn = {
        "N": n_observed + n_hidden,
        "n_hidden": n_hidden,
        "hidden_per_seen": np.exp(log_hidden),
        "interactions": interactions[None],
        name: values[None],
    }
    return Before(drawn if spread is None else drawn | {"spread": spread}, counts.astype(np.float64))


def interactions_in_words(prior: ShrinkagePrior, n_interactions: int) -> str:
    """What the prior says of the interactions."""
    if prior.shrinkage == "r2":
        low, middle, high = beta(*prior.r2).ppf([0.025, 0.5, 0.975])
        return (
            "prior of the interactions: R2, the share of who is on a list that the other lists tell, is beta with "
            f"median {middle:.2g} and 95 % between {low:.2g} and {high:.2g}, split among {n_interactions} interactions "
            f"by a Dirichlet of {prior.r2_split:g} each"
        )
    kind = {"horseshoe": "a regularised horseshoe", "normal": "normal"}[prior.shrinkage]
    return (
        f"prior of the interactions: {kind}; their common size in log-odds is half-Student-t (3 df) of scale "
        f"{prior.global_scale:g}"
    )


def spread_in_words(spread_scale: float, spread: Array, n_spare: int) -> str:
    """What the prior and the counts say of the spread of negative-binomial counts, and how many counts tell it."""
    low, middle, high = np.quantile(spread, [0.025, 0.5, 0.975])
    return (
        "negative-binomial counts: beyond Poisson, a history varies around the model by a relative standard deviation, "
        f"a priori below {halfnorm(scale=spread_scale).ppf(0.95):.2g} with 95 %; the counts make it {middle:.2g}, 95 % "
        f"between {low:.2g} and {high:.2g}; the hidden persons vary as much; histories beyond the number of terms, "
        f"which alone tell it from interactions: {n_spare}"
    )


def _log_hidden(prior: ShrinkagePrior, random: np.random.Generator) -> Array:
    """Draws of r from its prior, shape (1, N_PRIOR_DRAWS); an expert's N is above the number seen."""
    if prior.log_n is None:
        return random.normal(prior.log_hidden_mean, prior.log_hidden_sd, (1, N_PRIOR_DRAWS))
    mean, sd, log_seen = prior.log_n
    least = norm.sf((log_seen - mean) / sd)
    log_n = mean + sd * norm.isf(least * random.uniform(size=(1, N_PRIOR_DRAWS)))
    return np.asarray(np.log(np.expm1(np.maximum(log_n - log_seen, np.finfo(float).eps))))


def _log_shares(differences: Array, interactions: Array, incidence: Array, log_hidden: Array) -> Array:
    """Log shares (n, n_cells) of those seen, with the common level of the lists that r asks for."""
    sizes = incidence[:, : differences.shape[1]].sum(axis=1)
    fixed = np.hstack([differences, interactions]) @ incidence.T
    level = np.zeros((len(fixed), 1))
    for _ in range(N_STEPS):
        log_means = fixed + level * sizes
        top = log_means.max(axis=1, keepdims=True)
        means = np.exp(log_means - top)
        total = means.sum(axis=1, keepdims=True)
        step = (top + np.log(total) + log_hidden[:, None]) / ((means * sizes).sum(axis=1, keepdims=True) / total)
        level -= step
        if np.abs(step).max() < TOLERANCE:
            break
    log_means = fixed + level * sizes
    return np.asarray(log_means + log_hidden[:, None])
