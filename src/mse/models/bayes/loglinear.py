"""A Bayesian log-linear model: all interactions up to an order, shrunk together towards none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from mse import provenance
from mse.errors import BadInput, NoOverlap
from mse.estimate import Posterior
from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import cautions, convergence, faults, posterior_tree, refuse_unless_converged
from mse.models.bayes.nuts import SAMPLERS, nuts_draws
from mse.models.bayes.prior_of_hidden import log_hidden_of, prior_in_words
from mse.models.bayes.shrinkage_density import Parameters, ShrinkagePrior, Target, log_density, parameters
from mse.models.loglinear.terms import LogLinear, all_terms, design_matrix

__all__ = ["bayes_loglinear"]

type Array = NDArray[np.float64]

PRIORS = ("horseshoe", "normal")
N_TUNE = 500
N_PRIOR_DRAWS = 2000
LONGER = 4
ADVICE = (
    "give a larger n_draws, a lower max_order, or prior='normal'; allow_unconverged=True returns the draws marked as "
    "unconverged"
)


def bayes_loglinear(
    histories: CaptureHistories,
    *,
    prior: str = "horseshoe",
    max_order: int = 2,
    seed: int,
    prior_hidden: tuple[float, float] = (0.05, 20.0),
    interaction_scale: float = 0.5,
    n_draws: int = 500,
    n_chains: int = 4,
    sampler: str = "pymc",
    allow_unconverged: bool = False,
) -> Posterior:
    """Posterior of the total under a log-linear model whose interactions are shrunk towards none.

    Takes every interaction up to `max_order` lists and lets the counts say which are away from zero, so that nothing
    is selected and empty overlaps are data. Rests, as all log-linear estimates, on there being no interaction of
    higher order.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more, without strata. Structural zeros are left out of the likelihood.
    prior : {"horseshoe", "normal"}
        Of the interactions: the regularised horseshoe leaves large ones alone and presses small ones to zero; the
        normal one presses all alike.
    max_order : int
        Lists in the largest interaction, from 2 to one less than the number of lists.
    seed : int
        0 or more.
    prior_hidden : pair of float
        Central 95 % of the prior of hidden persons per person seen (log-normal). Says what is believed of N before the
        overlaps are looked at, and nothing else in the prior bears on it.
    interaction_scale : float
        Scale of the half-Student-t prior (3 df) of the common size of the interactions, in log-odds.
    n_draws : int
        Draws kept of each chain, 4 or more. If the chains have not converged they are run once more, four times as
        long.
    n_chains : int
        Two or more; they run one after another.
    sampler : {"pymc", "nutpie"}
        PyMC's sampler repeats its draws from the seed; nutpie's may not, and `notes` then says so.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    Posterior
        `draws` (n_chains * n_draws, 1) of N in persons; `idata` holds posterior, prior, posterior predictive, log
        likelihood (Poisson, by history), sample statistics and observed counts.

    Raises
    ------
    BadInput
        For fewer than three lists, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    NotConverged
        When R-hat is above 1.01, the bulk or tail effective sample size of N below 400, or more than 1 % of the draws
        diverged.

    References
    ----------
    Piironen and Vehtari (2017), doi:10.1214/17-EJS1337SI; Fienberg, Johnson and Junker (1999),
    doi:10.1111/1467-985X.00143.

    Examples
    --------
    >>> import mse
    >>> korea = mse.load_dataset("Korea")
    >>> estimate = mse.bayes_loglinear(korea, prior="normal", seed=1, n_draws=50, n_chains=2, allow_unconverged=True)
    >>> estimate.draws.shape, bool(estimate.draws.min() >= korea.n_observed)
    ((100, 1), True)
    """
    _check(histories, prior, max_order, prior_hidden, interaction_scale, n_draws, n_chains, sampler, seed)
    shrinkage = ShrinkagePrior(prior, *log_hidden_of(prior_hidden), global_scale=interaction_scale)
    target, terms = _target(histories, max_order, shrinkage)
    label = f"Bayesian log-linear (order {max_order}, {prior})"
    run = _run(target, histories.n_observed, n_draws, n_chains, seed, sampler)
    if faults(run.diagnostics) and not allow_unconverged:
        run = _run(target, histories.n_observed, LONGER * n_draws, n_chains, seed, sampler)
        refuse_unless_converged(label, run.diagnostics, ADVICE)
    found = faults(run.diagnostics)
    options = {
        "prior": prior,
        "max_order": max_order,
        "prior_hidden": list(prior_hidden),
        "interaction_scale": interaction_scale,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "sampler": sampler,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    return Posterior(
        model=label,
        n_observed=histories.n_observed,
        draws=run.totals["N"].reshape(-1, 1),
        diagnostics=run.diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(
            prior_in_words(shrinkage.log_hidden_mean, shrinkage.log_hidden_sd, histories.n_observed),
            *(f"NOT CONVERGED: {fault}" for fault in found),
            *cautions(run.diagnostics),
            *(("nutpie was asked for; its draws may not repeat from the seed",) if sampler == "nutpie" else ()),
        ),
        idata=_tree(target, run, histories, terms, seed),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Run:
    """The draws of one run: N and its parts (n_chains, n_draws), the parameters, the sampler's statistics."""

    totals: Mapping[str, Array]
    values: Parameters
    statistics: Mapping[str, Array]
    diagnostics: dict[str, float]


def _run(target: Target, n_observed: int, n_draws: int, n_chains: int, seed: int, sampler: str) -> _Run:
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
    totals = _totals(values.log_hidden, n_observed, seed)
    watched = {"N": totals["N"], "log_hidden": values.log_hidden}
    diagnostics = convergence(watched, statistics, [values.list_effects, values.interactions])
    return _Run(totals, values, statistics, diagnostics)


def _target(histories: CaptureHistories, max_order: int, prior: ShrinkagePrior) -> tuple[Target, list[str]]:
    """The density, and the names of the interactions; one that no possible history contains is left out."""
    possible = histories.cells_that_can_occur
    model = LogLinear.from_terms(histories.lists, all_terms(histories.n_lists, max_order))
    incidence = design_matrix(model.terms, histories.n_lists)[possible, 1:]
    kept = incidence.any(axis=0)
    counts = histories.single_stratum()[possible].astype(np.float64)
    names = [model.name_of(term) for term, keep in zip(model.terms, kept, strict=True) if keep]
    return Target.of(counts, incidence[:, kept], histories.n_lists, prior), names[histories.n_lists :]


def _check(
    histories: CaptureHistories,
    prior: str,
    max_order: int,
    prior_hidden: tuple[float, float],
    interaction_scale: float,
    n_draws: int,
    n_chains: int,
    sampler: str,
    seed: int,
) -> None:
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how they depend on each other; give three or more, or use chapman")
    for name, value, offered in (
        ("prior", prior, PRIORS),
        ("max_order", max_order, range(2, histories.n_lists)),
        ("sampler", sampler, SAMPLERS),
    ):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    for name, count, least in (("n_draws", n_draws, 4), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    log_hidden_of(prior_hidden)
    if not 0 < interaction_scale < float("inf"):
        raise BadInput(f"interaction_scale={interaction_scale!r} is not a scale; give a number above 0, such as 0.5")
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.total_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def _totals(log_hidden: Array, n_observed: int, seed: int) -> dict[str, Array]:
    """Draws of N: with the flat prior on its log, the expected number seen is gamma given the number seen."""
    random = np.random.default_rng([seed, 1])
    expected_seen = random.gamma(n_observed, size=log_hidden.shape)
    n_hidden = random.poisson(expected_seen * np.exp(log_hidden)).astype(np.float64)
    return {"N": n_observed + n_hidden, "n_hidden": n_hidden, "expected_seen": expected_seen}


def _tree(target: Target, run: _Run, histories: CaptureHistories, terms: list[str], seed: int) -> Any:
    random = np.random.default_rng([seed, 2])
    totals, values, prior = run.totals, run.values, target.prior
    means = totals["expected_seen"][..., None] * np.exp(values.log_shares)
    before = random.normal(prior.log_hidden_mean, prior.log_hidden_sd, (1, N_PRIOR_DRAWS))
    believed = _totals(before, histories.n_observed, seed)
    possible = histories.cells_that_can_occur
    groups = {
        "posterior": {
            "N": totals["N"],
            "n_hidden": totals["n_hidden"],
            "log_expected_hidden": np.log(totals["expected_seen"]) + values.log_hidden,
            "hidden_per_seen": np.exp(values.log_hidden),
            "list_effects": values.list_effects,
            "interactions": values.interactions,
            "interaction_sd": values.interaction_sd,
            "tau": values.tau,
        },
        "posterior_predictive": {"count": random.poisson(means)},
        "log_likelihood": {"count": target.counts * np.log(means) - means - gammaln(target.counts + 1)},
        "sample_stats": dict(run.statistics),
        "prior": {"N": believed["N"], "n_hidden": believed["n_hidden"], "hidden_per_seen": np.exp(before)},
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
