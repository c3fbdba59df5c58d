"""Draws of the totals of several strata, from the posterior and from the prior, and the ArviZ tree of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.pooled_density import FAMILIES, PooledTarget, StrataParameters, along_years

__all__ = ["PooledDraws", "pooled_tree", "prior_draws", "totals_of"]

type Array = NDArray[np.float64]

N_PRIOR_DRAWS = 4000


@dataclass(frozen=True, eq=False, slots=True)
class PooledDraws:
    """One run: N and its parts (n_chains, n_draws, n_strata), the parameters, the sampler's statistics."""

    totals: Mapping[str, Array]
    values: StrataParameters
    statistics: Mapping[str, Array]
    diagnostics: dict[str, float]


def totals_of(log_hidden: Array, seen: Array, random: np.random.Generator) -> dict[str, Array]:
    """Draws of N (..., n_strata) and of the sum: expected seen is gamma given seen (flat prior on its log)."""
    expected_seen = random.gamma(seen, size=log_hidden.shape)
    n_hidden = random.poisson(expected_seen * np.exp(log_hidden)).astype(np.float64)
    return {
        "N": seen + n_hidden,
        "n_hidden": n_hidden,
        "expected_seen": expected_seen,
        "total": (seen + n_hidden).sum(axis=-1),
    }


def prior_draws(target: PooledTarget, seed: int) -> dict[str, Array]:
    """What is believed of N in each stratum and in all before the overlaps are looked at, shape (1, n, ...)."""
    random, prior, effects = np.random.default_rng([seed, 3]), target.prior, target.effects
    common = random.normal(prior.log_hidden_mean, prior.log_hidden_sd, (1, N_PRIOR_DRAWS))
    sds = np.abs(random.normal(0, prior.difference_scale, (1, N_PRIOR_DRAWS, len(effects.parts))))
    z = random.normal(size=(1, N_PRIOR_DRAWS, effects.basis.shape[1]))
    lengths = np.exp(random.normal(prior.log_length_mean, prior.log_length_sd, (1, N_PRIOR_DRAWS, 1)))
    deviations = along_years(effects, (sds[..., effects.part] * z)[..., None, :], lengths)[..., 0, :]
    log_hidden = common[..., None] + deviations @ effects.basis.T
    totals = totals_of(log_hidden, target.counts.sum(axis=1), random)
    of_process = {"length_scale": lengths[..., 0]} if effects.is_process else {}
    return totals | {"hidden_per_seen": np.exp(log_hidden), "typical_hidden_per_seen": np.exp(common)} | of_process


def pooled_tree(
    target: PooledTarget,
    run: PooledDraws,
    histories: CaptureHistories,
    terms: list[str],
    believed: Mapping[str, Array],
    seed: int,
) -> Any:
    """The ArviZ tree of a run, with what was believed before it; `terms` names the interactions."""
    random = np.random.default_rng([seed, 2])
    totals, values, prior = run.totals, run.values, target.prior
    means = totals["expected_seen"][..., None] * np.exp(values.log_shares)
    surprise = (values.typical_log_hidden - prior.log_hidden_mean) / prior.log_hidden_sd
    sds = {f"sd_{family}": values.sds[..., i, :] for i, family in enumerate(FAMILIES)}
    groups = {
        "posterior": {
            "total": totals["total"],
            "N": totals["N"],
            "n_hidden": totals["n_hidden"],
            "hidden_per_seen": np.exp(values.log_hidden),
            "typical_hidden_per_seen": np.exp(values.typical_log_hidden),
            "list_effects": values.list_effects,
            "interactions": values.interactions,
            **sds,
            "tau": values.tau,
            **({"length_scale": values.length_scale[..., 0]} if target.effects.is_process else {}),
        },
        "posterior_predictive": {"count": random.poisson(means)},
        "log_likelihood": {"count": target.counts * np.log(means) - means - gammaln(target.counts + 1)},
        "log_prior": {"typical_hidden_per_seen": -0.5 * surprise**2},
        "sample_stats": dict(run.statistics),
        "prior": {name: values for name, values in believed.items() if name != "expected_seen"},
        "observed_data": {"count": target.counts},
    }
    possible = histories.cells_that_can_occur
    return posterior_tree(
        groups,
        coords={
            "stratum": list(histories.strata),
            "list": list(histories.lists),
            "term": terms,
            "part": list(target.effects.parts),
            "history": [as_text(w) for w, keep in zip(histories.histories, possible, strict=True) if keep],
        },
        dims={
            "N": ["stratum"],
            "n_hidden": ["stratum"],
            "hidden_per_seen": ["stratum"],
            "list_effects": ["stratum", "list"],
            "interactions": ["stratum", "term"],
            **{name: ["part"] for name in sds},
            "count": ["stratum", "history"],
        },
    )
