"""Log-linear models of several strata, partially pooled: years, regions and forms of exploitation in one posterior."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.models.bayes.convergence import convergence, faults, refuse_unless_converged
from mse.models.bayes.nuts import nuts_draws
from mse.models.bayes.pooled_density import FAMILIES, PooledPrior, PooledTarget, log_density, parameters
from mse.models.bayes.pooled_draws import PooledDraws, pooled_tree, prior_draws, totals_of
from mse.models.bayes.pooling_in_words import absent_in_words, pooling_in_words, prior_in_words
from mse.models.bayes.prior_of_hidden import log_hidden_of, log_normal_of
from mse.models.bayes.sampled_loglinear import check_input, interaction_design, notes_on_draws
from mse.models.bayes.strata_effects import strata_effects
from mse.models.bayes.strata_totals import MultilevelPosterior

__all__ = ["multilevel"]

type Array = NDArray[np.float64]

N_TUNE = 500
LONGER = 4
LENGTH_SCALE = (1.0, 10.0)
ADVICE = (
    "give a larger n_draws, a lower max_order, or fewer strata; allow_unconverged=True returns the draws marked as "
    "unconverged"
)


def multilevel(
    histories: CaptureHistories,
    *,
    years: str | None = None,
    trend: str = "walk",
    length_scale: tuple[float, float] = LENGTH_SCALE,
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
    each covariate, along the years, and stratum by stratum. For several strata of which some are too
    small to stand alone; with a single one use `bayes_loglinear`. Rests, as all log-linear estimates, on there being no
    interaction of higher order.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more and two strata or more, in each of which somebody was seen.
    years : str or None
        The covariate whose values are years, spaced as they may be: neighbouring years are alike. None treats the
        values of every covariate as equally alike.
    trend : {"walk", "gaussian_process"}
        How years hang together: a random walk, which may turn at every year, or a Gaussian process (Matérn 5/2), whose
        trends bend slowly and return to the common value.
    length_scale : pair of float
        Central 95 % of the prior of the length scale of the process, in years (log-normal): years that are far less
        apart are nearly the same, and those that are two or three times as far apart say little of each other.
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
    doi:10.1201/b18502-5; Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, ISBN 026218253X.

    Examples
    --------
    >>> import pandas as pd
    >>> import mse
    >>> rows = [(year, region, form, *history, count)
    ...         for year in (2018, 2019, 2021) for region in ("north", "south") for form in ("labour", "sexual")
    ...         for history, count in (((1, 0, 0), 9), ((0, 1, 0), 7), ((1, 1, 0), 3), ((0, 1, 1), 2), ((0, 0, 1), 4))]
    >>> columns = ["year", "region", "exploitation", "police", "ngo", "health", "count"]
    >>> table = mse.read_histories(pd.DataFrame(rows, columns=columns), covariates=columns[:3])
    >>> estimate = mse.multilevel(table, years="year", trend="gaussian_process", seed=1, n_draws=20, n_chains=2,
    ...                           allow_unconverged=True)
    >>> estimate.draws.shape, estimate.totals("year").year.tolist(), len(estimate.totals("region", "exploitation"))
    ((40, 12), ['2018', '2019', '2021'], 4)
    """
    _check_strata(histories)
    scales = {"interaction_scale": interaction_scale, "difference_scale": difference_scale}
    check_input(
        histories, max_order=max_order, scales=scales, n_draws=n_draws, n_chains=n_chains, sampler=sampler, seed=seed
    )
    effects = strata_effects(histories.strata, histories.covariates, years, trend)
    log_length = _log_length_of(length_scale)
    prior = PooledPrior(
        *log_hidden_of(prior_hidden), **scales, log_length_mean=log_length[0], log_length_sd=log_length[1]
    )
    incidence, terms = interaction_design(histories, max_order)
    counts = histories.counts[histories.cells_that_can_occur].T.astype(np.float64)
    target = PooledTarget.of(counts, incidence, histories.n_lists, effects, prior)
    label = f"multilevel log-linear (order {max_order}, {histories.n_strata} strata)"
    run = _run(target, n_draws, n_chains, seed, sampler)
    if faults(run.diagnostics) and not allow_unconverged:
        run = _run(target, LONGER * n_draws, n_chains, seed, sampler)
        refuse_unless_converged(label, run.diagnostics, ADVICE)
    found = faults(run.diagnostics)
    believed = prior_draws(target, seed)
    options = {
        "years": years,
        "trend": trend,
        "length_scale": list(length_scale),
        "max_order": max_order,
        "prior_hidden": list(prior_hidden),
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
            prior_in_words(prior, prior_hidden, histories.n_observed, believed["total"]),
            pooling_in_words(effects, years, length_scale),
            *absent_in_words(histories.strata, histories.covariates),
            *notes_on_draws(run.diagnostics, sampler),
        ),
        idata=pooled_tree(target, run, histories, terms, believed, seed),
        covariates=histories.covariates,
        n_observed_by_stratum=tuple(int(n) for n in target.counts.sum(axis=1)),
    )


def _run(target: PooledTarget, n_draws: int, n_chains: int, seed: int, sampler: str) -> PooledDraws:
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
    totals = totals_of(values.log_hidden, target.counts.sum(axis=1), np.random.default_rng([seed, 1]))
    of_stratum = {f"N of {s}": totals["N"][..., s] for s in range(len(target.counts))}
    log_hidden = {f"log hidden of {s}": values.log_hidden[..., s] for s in range(len(target.counts))}
    watched = {"N": totals["total"], **of_stratum, **log_hidden}
    n_parts = len(target.effects.parts)
    others = [
        values.list_effects.reshape(*positions.shape[:2], -1),
        values.interactions.reshape(*positions.shape[:2], -1),
        np.log(values.sds).reshape(*positions.shape[:2], len(FAMILIES) * n_parts),
        values.length_scale,
    ]
    return PooledDraws(totals, values, statistics, convergence(watched, statistics, others))


def _check_strata(histories: CaptureHistories) -> None:
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
    empty = [name for name, n in zip(histories.strata, histories.counts.sum(axis=0), strict=True) if not n]
    if empty:
        raise BadInput(
            f"nobody was seen in the stratum {', '.join(map(repr, empty))}, so nothing is known of its size; leave it "
            "out, or give covariates with fewer values"
        )


def _log_length_of(length_scale: tuple[float, float]) -> tuple[float, float]:
    low, high = length_scale
    if not 0 < low < high < inf:
        raise BadInput(f"length_scale={length_scale!r} is not a range; give its low and its high end in years, above 0")
    return log_normal_of(low, high)
