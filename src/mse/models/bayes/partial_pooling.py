"""Log-linear models of several strata, partially pooled: years, regions and forms of exploitation in one posterior."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import norm

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import cautions, convergence, faults, posterior_tree, refuse_unless_converged
from mse.models.bayes.nuts import SAMPLERS, nuts_draws
from mse.models.bayes.pooled_density import (
    FAMILIES,
    PooledPrior,
    PooledTarget,
    StrataParameters,
    log_density,
    parameters,
)
from mse.models.bayes.strata_effects import StrataEffects, strata_effects
from mse.models.bayes.strata_totals import MultilevelPosterior
from mse.models.loglinear.terms import LogLinear, all_terms, design_matrix

__all__ = ["multilevel"]

type Array = NDArray[np.float64]

N_TUNE = 500
N_PRIOR_DRAWS = 4000
LONGER = 4
ADVICE = (
    "give a larger n_draws, a lower max_order, or fewer strata; allow_unconverged=True returns the draws marked as "
    "unconverged"
)


def multilevel(
    histories: CaptureHistories,
    *,
    years: str | None = None,
    max_order: int = 2,
    seed: int,
    prior_hidden: tuple[float, float] = (0.05, 20.0),
    interaction_scale: float = 0.5,
    difference_scale: float = 0.5,
    n_draws: int = 500,
    n_chains: int = 4,
    sampler: str = "pymc",
    allow_unconverged: bool = False,
) -> MultilevelPosterior:
    """Posterior of the totals of all strata under log-linear models that share hyperparameters.

    Strata with few persons borrow from the others as much as the strata are seen to be alike: hidden persons per
    person seen, the lists' reach, and the dependence of lists each have a common value and deviations, by the values of
    each covariate, along a random walk over the years, and stratum by stratum. For several strata of which some are too
    small to stand alone; with a single one use `bayes_loglinear`. Rests, as all log-linear estimates, on there being no
    interaction of higher order.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more and two strata or more, in each of which somebody was seen.
    years : str or None
        The covariate whose values are years: neighbouring years are alike, in a random walk. None treats the values of
        every covariate as equally alike.
    max_order : int
        Lists in the largest interaction, from 2 to one less than the number of lists.
    seed : int
        0 or more.
    prior_hidden : pair of float
        Central 95 % of the prior of hidden persons per person seen in a typical stratum (log-normal).
    interaction_scale : float
        Scale of the half-Student-t prior (3 df) of the common size of the interactions, in log-odds.
    difference_scale : float
        Scale of the half-normal priors of the standard deviations between strata, of log hidden persons per person
        seen, of list effects and of interactions. Larger values pool less.
    n_draws : int
        Draws kept of each chain, 4 or more. If the chains have not converged they are run once more, four times as
        long.
    n_chains : int
        Two or more; they run one after another.
    sampler : {"pymc", "nutpie", "numpyro"}
        As in `bayes_loglinear`.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    MultilevelPosterior
        `draws` (n_chains * n_draws, n_strata) of N in persons, each row one joint draw; `totals` adds strata; `idata`
        holds posterior, prior, posterior predictive, log likelihood (Poisson, by stratum and history), log prior of
        hidden persons, sample statistics and observed counts.

    Raises
    ------
    BadInput
        For fewer than three lists, fewer than two strata, a stratum without a person, or an option that is not
        offered.
    NoOverlap
        When nobody is on two lists in any stratum.
    NotConverged
        When, for the total or any stratum, R-hat is above 1.01 or the bulk or tail effective sample size below 400,
        when more than 1 % of the draws diverged, or E-BFMI is below 0.3.

    References
    ----------
    Gelman and Hill (2006), Data Analysis Using Regression and Multilevel/Hierarchical Models,
    doi:10.1017/CBO9780511790942; Betancourt and Girolami (2015), Hamiltonian Monte Carlo for hierarchical models,
    doi:10.1201/b18502-5.

    Examples
    --------
    >>> import pandas as pd
    >>> import mse
    >>> rows = [("north", 1, 1, 0, 4), ("north", 1, 0, 0, 20), ("north", 0, 0, 1, 9), ("north", 0, 1, 1, 3),
    ...         ("south", 1, 1, 0, 1), ("south", 0, 1, 0, 6), ("south", 1, 0, 1, 2), ("south", 0, 0, 1, 5)]
    >>> frame = pd.DataFrame(rows, columns=["region", "police", "ngo", "health", "count"])
    >>> table = mse.read_histories(frame, covariates=["region"])
    >>> estimate = mse.multilevel(table, seed=1, n_draws=50, n_chains=2, allow_unconverged=True)
    >>> estimate.draws.shape, estimate.totals("region").region.tolist()
    ((100, 2), ['north', 'south'])
    """
    _check(histories, max_order, prior_hidden, interaction_scale, difference_scale, n_draws, n_chains, sampler, seed)
    effects = strata_effects(histories.strata, histories.covariates, years)
    low, high = prior_hidden
    prior = PooledPrior(
        log(low * high) / 2,
        log(high / low) / (2 * float(norm.ppf(0.975))),
        interaction_scale=interaction_scale,
        difference_scale=difference_scale,
    )
    target, terms = _target(histories, max_order, effects, prior)
    label = f"multilevel log-linear (order {max_order}, {histories.n_strata} strata)"
    run = _run(target, n_draws, n_chains, seed, sampler)
    if faults(run.diagnostics) and not allow_unconverged:
        run = _run(target, LONGER * n_draws, n_chains, seed, sampler)
        refuse_unless_converged(label, run.diagnostics, ADVICE)
    found = faults(run.diagnostics)
    believed = _prior_draws(target, seed)
    options = {
        "years": years,
        "max_order": max_order,
        "prior_hidden": [low, high],
        "interaction_scale": interaction_scale,
        "difference_scale": difference_scale,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "sampler": sampler,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    return MultilevelPosterior(
        model=label,
        n_observed=histories.n_observed,
        draws=run.totals["N"].reshape(-1, histories.n_strata),
        strata=histories.strata,
        diagnostics=run.diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(
            _prior_in_words(prior, prior_hidden, histories.n_observed, believed["total"]),
            _pooling_in_words(effects, years),
            *(f"NOT CONVERGED: {fault}" for fault in found),
            *cautions(run.diagnostics),
            *(("nutpie was asked for; its draws may not repeat from the seed",) if sampler == "nutpie" else ()),
        ),
        idata=_tree(target, run, histories, terms, believed, seed),
        covariates=histories.covariates,
        n_observed_by_stratum=tuple(int(n) for n in target.counts.sum(axis=1)),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Run:
    """One run: N and its parts (n_chains, n_draws, n_strata), the parameters, the sampler's statistics."""

    totals: Mapping[str, Array]
    values: StrataParameters
    statistics: Mapping[str, Array]
    diagnostics: dict[str, float]


def _run(target: PooledTarget, n_draws: int, n_chains: int, seed: int, sampler: str) -> _Run:
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
    totals = _totals(values.log_hidden, target.counts.sum(axis=1), np.random.default_rng([seed, 1]))
    of_stratum = {f"N of {s}": totals["N"][..., s] for s in range(len(target.counts))}
    log_hidden = {f"log hidden of {s}": values.log_hidden[..., s] for s in range(len(target.counts))}
    watched = {"N": totals["total"], **of_stratum, **log_hidden}
    n_parts = len(target.effects.parts)
    others = [
        values.list_effects.reshape(*positions.shape[:2], -1),
        values.interactions.reshape(*positions.shape[:2], -1),
        np.log(values.sds).reshape(*positions.shape[:2], len(FAMILIES) * n_parts),
    ]
    return _Run(totals, values, statistics, convergence(watched, statistics, others))


def _target(
    histories: CaptureHistories, max_order: int, effects: StrataEffects, prior: PooledPrior
) -> tuple[PooledTarget, list[str]]:
    """The density, and the names of the interactions; one that no possible history contains is left out."""
    possible = histories.cells_that_can_occur
    model = LogLinear.from_terms(histories.lists, all_terms(histories.n_lists, max_order))
    incidence = design_matrix(model.terms, histories.n_lists)[possible, 1:]
    kept = incidence.any(axis=0)
    names = [model.name_of(term) for term, keep in zip(model.terms, kept, strict=True) if keep]
    counts = histories.counts[possible].T.astype(np.float64)
    return PooledTarget.of(counts, incidence[:, kept], histories.n_lists, effects, prior), names[histories.n_lists :]


def _check(
    histories: CaptureHistories,
    max_order: int,
    prior_hidden: tuple[float, float],
    interaction_scale: float,
    difference_scale: float,
    n_draws: int,
    n_chains: int,
    sampler: str,
    seed: int,
) -> None:
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how they depend on each other; give three or more")
    if not histories.is_stratified:
        raise BadInput(
            "the capture histories have no strata to pool; read them with covariates=, or use bayes_loglinear"
        )
    if histories.is_censored:
        raise Refused(
            "some counts are upper bounds, and this method takes every count as exact; see both extremes with "
            'h.at_bound("lower") and h.at_bound("upper"), or drop the list that over-covers'
        )
    for name, value, offered in (
        ("max_order", max_order, range(2, histories.n_lists)),
        ("sampler", sampler, SAMPLERS),
    ):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    for name, count, least in (("n_draws", n_draws, 4), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    if not 0 < prior_hidden[0] < prior_hidden[1] < float("inf"):
        raise BadInput(
            f"prior_hidden={prior_hidden!r} is not a range; give the low and the high end of hidden persons per person "
            "seen, both above 0"
        )
    for name, scale in (("interaction_scale", interaction_scale), ("difference_scale", difference_scale)):
        if not 0 < scale < float("inf"):
            raise BadInput(f"{name}={scale!r} is not a scale; give a number above 0, such as 0.5")
    empty = [name for name, n in zip(histories.strata, histories.counts.sum(axis=0), strict=True) if not n]
    if empty:
        raise BadInput(
            f"nobody was seen in the stratum {', '.join(map(repr, empty))}, so nothing is known of its size; leave it "
            "out, or give covariates with fewer values"
        )
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.total_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def _totals(log_hidden: Array, seen: Array, random: np.random.Generator) -> dict[str, Array]:
    """Draws of N (..., n_strata) and of the sum: expected seen is gamma given seen (flat prior on its log)."""
    expected_seen = random.gamma(seen, size=log_hidden.shape)
    n_hidden = random.poisson(expected_seen * np.exp(log_hidden)).astype(np.float64)
    return {
        "N": seen + n_hidden,
        "n_hidden": n_hidden,
        "expected_seen": expected_seen,
        "total": (seen + n_hidden).sum(axis=-1),
    }


def _prior_draws(target: PooledTarget, seed: int) -> dict[str, Array]:
    """What is believed of N in each stratum and in all before the overlaps are looked at, shape (1, n, ...)."""
    random, prior, effects = np.random.default_rng([seed, 3]), target.prior, target.effects
    common = random.normal(prior.log_hidden_mean, prior.log_hidden_sd, (1, N_PRIOR_DRAWS))
    sds = np.abs(random.normal(0, prior.difference_scale, (1, N_PRIOR_DRAWS, len(effects.parts))))
    z = random.normal(size=(1, N_PRIOR_DRAWS, effects.basis.shape[1]))
    log_hidden = common[..., None] + (sds[..., effects.part] * z) @ effects.basis.T
    totals = _totals(log_hidden, target.counts.sum(axis=1), random)
    return totals | {"hidden_per_seen": np.exp(log_hidden), "typical_hidden_per_seen": np.exp(common)}


def _prior_in_words(prior: PooledPrior, hidden: tuple[float, float], n_observed: int, total: Array) -> str:
    low, median, high = np.quantile(total, [0.025, 0.5, 0.975])
    return (
        "prior on N: in a typical stratum hidden persons per person seen is log-normal, 95 % between "
        f"{hidden[0]:.3g} and {hidden[1]:.3g}, and strata differ around it by standard deviations (of the log) that "
        f"are half-normal with scale {prior.difference_scale:g}; with {n_observed:,} seen, N of all strata together "
        f"has the prior median {median:,.0f} and 95 % between {low:,.0f} and {high:,.0f}; how many are seen is not "
        "predicted"
    )


def _pooling_in_words(effects: StrataEffects, years: str | None) -> str:
    told = [f"a random walk over {part}" if part == years else f"the values of {part}" for part in effects.parts]
    if len(told) > 1:
        told[-1] = "what is left of each stratum"
    return f"partially pooled: hidden persons per person seen, list effects and interactions vary by {'; '.join(told)}"


def _tree(
    target: PooledTarget,
    run: _Run,
    histories: CaptureHistories,
    terms: list[str],
    believed: Mapping[str, Array],
    seed: int,
) -> Any:
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
        },
        "posterior_predictive": {"count": random.poisson(means)},
        "log_likelihood": {"count": target.counts * np.log(means) - means - gammaln(target.counts + 1)},
        "log_prior": {"typical_hidden_per_seen": -0.5 * surprise**2},
        "sample_stats": dict(run.statistics),
        "prior": {
            name: believed[name] for name in ("total", "N", "n_hidden", "hidden_per_seen", "typical_hidden_per_seen")
        },
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
