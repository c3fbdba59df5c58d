"""A Bayesian log-linear model: all interactions up to an order, shrunk together towards none."""

from dataclasses import replace
from math import log

import numpy as np

from mse import provenance
from mse.errors import BadInput, NoOverlap
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.models.bayes.beside_default import beside_default, refuse_if_ruled_out
from mse.models.bayes.convergence import cautions, faults, refuse_unless_converged
from mse.models.bayes.expert_prior import ExpertPrior
from mse.models.bayes.interaction_scales import R2_RANGE
from mse.models.bayes.nuts import SAMPLERS
from mse.models.bayes.prior_of_hidden import prior_in_words
from mse.models.bayes.shrinkage_before import before_counts, interactions_in_words, spread_in_words
from mse.models.bayes.shrinkage_options import (
    COUNT_SPREAD,
    INTERACTION_SCALE,
    PRIOR_HIDDEN,
    R2_SPLIT,
    shrinkage_prior,
)
from mse.models.bayes.shrinkage_run import run_chains
from mse.models.bayes.shrinkage_table import Table
from mse.models.bayes.shrinkage_tree import tree_of

__all__ = ["bayes_loglinear"]

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
    prior_hidden: tuple[float, float] = PRIOR_HIDDEN,
    interaction_scale: float = INTERACTION_SCALE,
    r2: tuple[float, float] = R2_RANGE,
    r2_split: float = R2_SPLIT,
    likelihood: str = "poisson",
    count_spread: float = COUNT_SPREAD,
    n_draws: int = 500,
    n_chains: int = 4,
    sampler: str = "pymc",
    expert: ExpertPrior | None = None,
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
    prior : {"horseshoe", "normal", "r2"}
        Of the interactions: the regularised horseshoe leaves large ones alone and presses small ones to zero; the
        normal one presses all alike; the R2 prior is stated on what all interactions do together.
    max_order : int
        Lists in the largest interaction, from 2 to one less than the number of lists.
    seed : int
        0 or more.
    prior_hidden : pair of float
        Central 95 % of the prior of hidden persons per person seen (log-normal). Says what is believed of N before the
        overlaps are looked at, and nothing else in the prior bears on it.
    interaction_scale : float
        Scale of the half-Student-t prior (3 df) of the common size of the interactions, in log-odds; horseshoe and
        normal.
    r2 : pair of float
        Central 95 % of the beta prior of R2, between 0 and 1: how much of who is on a list the other lists tell. It is
        the variance that the interactions bring to the log-odds of being on a list, between a person on no other and
        one on all others, over itself plus that of the logistic distribution; the mean over lists.
    r2_split : float
        Concentration of the Dirichlet that splits it among the interactions: below 1 a few hold most of it, far above 1
        all are of one size.
    likelihood : {"poisson", "negative_binomial"}
        Of the counts. Negative-binomial counts vary more than Poisson ones around what the model says, as
        they do when persons come in groups or are found together. The hidden persons then vary as much: their
        number is uncertain by the spread even where their expectation is known. One table has one count for each
        history, so that the spread is told by the histories beyond the number of terms alone, and rests on its
        prior where they are few; without any it is refused. A large interaction of higher order looks like spread.
    count_spread : float
        Scale of the half-normal prior of the spread, the relative standard deviation of a count beyond Poisson.
    n_draws : int
        Draws kept of each chain, 4 or more. If the chains have not converged they are run once more, four times as
        long.
    n_chains : int
        Two or more; they run one after another.
    sampler : {"pymc", "nutpie", "numpyro"}
        PyMC's and NumPyro's (the extra ``[jax]``) repeat their draws from the seed; nutpie's may not, and `notes` then
        says so. All three sample the same density.
    expert : ExpertPrior or None
        A belief about N from `elicit_prior`, which takes the place of `prior_hidden`. The answer then says so
        everywhere, with the estimate under the default prior beside it, which doubles the time.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    Posterior
        `draws` (n_chains * n_draws, 1) of N in persons; `idata` holds posterior, prior, the predictives of both, log
        likelihood (by history), log prior of N, sample statistics and observed counts.

    Raises
    ------
    BadInput
        For fewer than three lists, an option that is not offered or that the prior or likelihood has no use for, or
        negative-binomial counts without a history to spare.
    NoOverlap
        When nobody is on two lists.
    Refused
        When the expert rules out the persons seen.
    NotConverged
        When R-hat is above 1.01, the bulk or tail effective sample size of N below 400, more than 1 % of the draws
        diverged, or E-BFMI is below 0.3.

    References
    ----------
    Piironen and Vehtari (2017), doi:10.1214/17-EJS1337SI; Fienberg, Johnson and Junker (1999),
    doi:10.1111/1467-985X.00143; Zhang, Naughton, Bondell and Reich (2022), doi:10.1080/01621459.2020.1825449.

    Examples
    --------
    >>> import mse
    >>> korea = mse.load_dataset("Korea")
    >>> estimate = mse.bayes_loglinear(korea, prior="normal", seed=1, n_draws=50, n_chains=2, allow_unconverged=True)
    >>> estimate.draws.shape, bool(estimate.draws.min() >= korea.n_observed)
    ((100, 1), True)
    """
    _check(histories, max_order, n_draws, n_chains, sampler, seed)
    shrinkage = shrinkage_prior(prior, prior_hidden, interaction_scale, r2, r2_split, likelihood, count_spread)
    if expert is not None:
        shrinkage = replace(shrinkage, log_n=_log_n(expert, prior_hidden, histories.n_observed))
    table = Table.of(histories, max_order)
    target = table.target(shrinkage)
    label = f"Bayesian log-linear (order {max_order}, {prior})"
    if likelihood != "poisson":
        label = f"{label[:-1]}, negative binomial)"
    run = run_chains(target, histories.n_observed, n_draws, n_chains, seed, sampler)
    if faults(run.diagnostics) and not allow_unconverged:
        run = run_chains(target, histories.n_observed, LONGER * n_draws, n_chains, seed, sampler)
        refuse_unless_converged(label, run.diagnostics, ADVICE)
    found = faults(run.diagnostics)
    options = {
        "prior": prior,
        "max_order": max_order,
        "prior_hidden": None if expert else list(prior_hidden),
        "interaction_scale": interaction_scale,
        "r2": list(r2),
        "r2_split": r2_split,
        "likelihood": likelihood,
        "count_spread": count_spread,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "sampler": sampler,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    posterior = Posterior(
        model=label,
        n_observed=histories.n_observed,
        draws=run.totals["N"].reshape(-1, 1),
        diagnostics=run.diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(
            *(
                ()
                if expert
                else (prior_in_words(shrinkage.log_hidden_mean, shrinkage.log_hidden_sd, histories.n_observed),)
            ),
            interactions_in_words(shrinkage, target.n_interactions),
            *(() if run.values.spread is None else (spread_in_words(count_spread, run.values.spread, table.n_spare),)),
            *(f"NOT CONVERGED: {fault}" for fault in found),
            *cautions(run.diagnostics),
            *(("nutpie was asked for; its draws may not repeat from the seed",) if sampler == "nutpie" else ()),
        ),
        idata=tree_of(
            target,
            run,
            before_counts(shrinkage, table.incidence, table.term_sizes, histories.n_observed, seed),
            histories,
            list(table.terms),
            np.random.default_rng([seed, 3]),
        ),
    )
    if expert is None:
        return posterior

    def under_default() -> Posterior:
        return bayes_loglinear(
            histories,
            prior=prior,
            max_order=max_order,
            seed=seed,
            interaction_scale=interaction_scale,
            r2=r2,
            r2_split=r2_split,
            likelihood=likelihood,
            count_spread=count_spread,
            n_draws=n_draws,
            n_chains=n_chains,
            sampler=sampler,
            allow_unconverged=allow_unconverged,
        )

    return beside_default(posterior, under_default, expert)


def _check(histories: CaptureHistories, max_order: int, n_draws: int, n_chains: int, sampler: str, seed: int) -> None:
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how they depend on each other; give three or more, or use chapman")
    for name, value, offered in (("max_order", max_order, range(2, histories.n_lists)), ("sampler", sampler, SAMPLERS)):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    for name, count, least in (("n_draws", n_draws, 4), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.total_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def _log_n(expert: ExpertPrior, prior_hidden: tuple[float, float], n_observed: int) -> tuple[float, float, float]:
    if expert.list is not None:
        raise BadInput(
            f"bayes_loglinear takes an expert's belief about N, and this one is about {expert.about}; use decomposable"
        )
    if prior_hidden != PRIOR_HIDDEN:
        raise BadInput("there are two priors of N, prior_hidden and the expert's; give one of them")
    refuse_if_ruled_out(expert, n_observed)
    return (*expert.parameters, log(n_observed))
