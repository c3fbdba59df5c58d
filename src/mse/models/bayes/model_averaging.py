"""Log-linear models averaged by their posterior probabilities, over lists and covariates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.models.bayes.averaging_chains import BLOCK, look_points, run_chains
from mse.models.bayes.averaging_enumeration import enumerate_models
from mse.models.bayes.averaging_prior import CoefficientPrior
from mse.models.bayes.averaging_run import Run
from mse.models.bayes.averaging_tree import averaging_tree, terms_in
from mse.models.bayes.convergence import cautions, convergence, faults, refuse_unless_converged
from mse.models.bayes.cross_classified import CrossTable, cross_table
from mse.models.bayes.modes import in_words, modes_of
from mse.progress import progress

__all__ = ["ModelPosterior", "bayes_averaging"]

type Array = NDArray[np.float64]

METHODS = ("sampler", "enumeration")
BEST = 100
FEWEST = 20  # draws of a model from which its median is told
FURTHEST = 1e10  # hidden persons per person seen
LARGEST_TAIL = 1e-3
ADVICE = {
    "sampler": "give a larger max_steps, or a smaller max_order; allow_unconverged=True returns the draws marked as "
    "unconverged",
    "enumeration": "give more draws, or use method='sampler'; allow_unconverged=True returns the draws marked as "
    "unconverged",
}


@dataclass(frozen=True, eq=False, repr=False)
class ModelPosterior(Posterior):
    """The posterior of N over log-linear models.

    Attributes
    ----------
    models : DataFrame
        The 100 most probable models: model, n_terms (interactions), probability, error (Monte Carlo standard error of
        the probability, from the differences between chains), n_hat (median of N given the model; NaN where fewer
        than 20 draws have it).
    terms : DataFrame
        Every interaction: term, order, probability that the model has it, error.
    """

    models: pd.DataFrame = field(default_factory=pd.DataFrame)
    terms: pd.DataFrame = field(default_factory=pd.DataFrame)


def bayes_averaging(
    histories: CaptureHistories,
    *,
    prior: str = "sbh",
    max_order: int | None = 2,
    method: str = "sampler",
    seed: int,
    n_draws: int = 1000,
    n_chains: int = 4,
    max_steps: int = 400_000,
    allow_unconverged: bool = False,
) -> ModelPosterior:
    """Posterior of the total over all hierarchical log-linear models of lists and covariates.

    Counts are Poisson. Every model has all list and covariate effects; which interactions it has is unknown, and each
    hierarchical model is as likely as any other beforehand. Rests on one of these models being true: an interaction
    of all lists is in none of them.

    The total has the prior 1/N, whichever model holds and whatever its coefficients are: in contrasts that sum to zero
    a flat intercept carries the size of the population and nothing of its composition. Strata share this one total.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more, or two with covariates. Strata are read as combinations of their covariates, which are
        factors like the lists; combinations in which nobody was seen can hold hidden persons too. A censored cell says
        that its number lies between its bounds. Structural zeros are left out.
    prior : {"sbh", "unit-information"}
        Of all coefficients but the intercept, normal around 0 with s (X'X / n)**-1, where X is the design of all n
        cells, hidden ones too. With "unit-information" s is 1; with "sbh" (Sabanes Bove and Held) s is unknown,
        inverse gamma(0.0005, 0.0005).
    max_order : int or None
        Factors in the largest interaction; None allows all interactions that leave a list out.
    method : {"sampler", "enumeration"}
        A chain over models and coefficients; or every model that Laplace's approximation puts within a factor 10,000 of
        the best, its marginal likelihood by importance sampling.
    seed : int
        0 or more.
    n_draws : int
        Draws kept of each chain, or of each replication of the enumeration, 100 or more.
    n_chains : int
        Two or more. Chains start at the smallest, the largest, and random models, and run one after another.
    max_steps : int
        Where a chain stops when the chains do not agree, 2,500 or more; until then they go on by themselves.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    ModelPosterior
        `draws` (n_chains * n_draws, n_strata) of N in whole persons; `models` and `terms` hold posterior
        probabilities; `idata` posterior, prior, posterior predictive, log likelihood, sample statistics and observed
        counts.

    Raises
    ------
    BadInput
        For tables without an interaction to choose, more than 63 of them, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    Refused
        When more than a thousandth of the posterior lies beyond any plausible total.
    NotConverged
        When R-hat is above 1.01, or the bulk or tail effective sample size of N below 400.

    References
    ----------
    Overstall and King (2014), doi:10.18637/jss.v058.i07; King and Brooks (2001), doi:10.1093/biomet/88.2.317;
    Sabanes Bove and Held (2011), doi:10.1214/11-BA615.

    Examples
    --------
    >>> import mse
    >>> spina = mse.load_dataset("spina", covariates=["eth"])
    >>> estimate = mse.bayes_averaging(spina, prior="unit-information", seed=1)
    >>> estimate.models.model[0], estimate.draws.shape, 700 < estimate.n_hat < 750
    ('[S2,S3][S1][eth]', (4000, 3), True)
    """
    believed = CoefficientPrior.named(prior)
    _check(histories, max_order, method, n_draws, n_chains, max_steps, seed)
    table = cross_table(histories, max_order)
    label = f"model averaging ({prior})"
    judged: dict[str, float] = {}

    def judge(run: Run) -> bool:
        judged.clear()
        judged.update(_diagnostics(run))
        return not faults(judged)

    total = look_points(max_steps)[-1] * BLOCK if method == "sampler" else n_chains
    with progress(label, total=total) as bar:
        drawn: Callable[..., Run] = (
            partial(run_chains, max_steps=max_steps, accept=judge) if method == "sampler" else enumerate_models
        )
        run = drawn(table, believed, n_draws=n_draws, n_chains=n_chains, seed=seed, advanced=bar.advance)
    _refuse_far(label, run, histories.n_observed)
    if not judged:
        judge(run)
    found = faults(judged)
    if found and not allow_unconverged:
        refuse_unless_converged(label, judged, ADVICE[method])
    options = {
        "prior": prior,
        "prior_n": "1/N",
        "max_order": max_order,
        "method": method,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "max_steps": max_steps,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    return ModelPosterior(
        model=label,
        n_observed=histories.n_observed,
        draws=run.totals.reshape(-1, len(table.strata)),
        strata=table.strata,
        diagnostics=judged | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(*(f"NOT CONVERGED: {fault}" for fault in found), *cautions(judged), *_notes(histories, table, run)),
        idata=averaging_tree(histories, table, believed, run, seed),
        models=_models(table, run),
        terms=_terms(table, run),
    )


def _check(
    histories: CaptureHistories,
    max_order: int | None,
    method: str,
    n_draws: int,
    n_chains: int,
    max_steps: int,
    seed: int,
) -> None:
    if method not in METHODS:
        raise BadInput.option("method", method, METHODS)
    if max_order is not None and max_order < 2:
        raise BadInput(f"max_order={max_order!r} leaves one model, list effects alone; give 2 or more")
    if histories.n_lists < 3 and not histories.is_stratified:
        raise BadInput("two lists leave no interaction to average over; give three or more, or use chapman")
    bounds = (("n_draws", n_draws, 100), ("n_chains", n_chains, 2), ("max_steps", max_steps, BLOCK), ("seed", seed, 0))
    for name, count, smallest in bounds:
        if count < smallest:
            raise BadInput(f"{name}={count!r} is too small; give {smallest:,} or more")
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.known_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def _diagnostics(run: Run) -> dict[str, float]:
    sizes = terms_in(run.models, 64).sum(axis=-1)
    others = [sizes[..., None]] if np.ptp(sizes) else []
    judged = convergence({"N": run.total, "log_hidden": run.log_hidden}, {}, others)
    return judged | run.figures | {"n_models": float(len(run.found))}


def _refuse_far(label: str, run: Run, n_observed: int) -> None:
    """Refuse when the counts leave N open and only the prior bounds it."""
    beyond = float((run.log_hidden > np.log(FURTHEST * n_observed)).mean())
    if beyond > LARGEST_TAIL:
        raise Refused(
            f"{100 * beyond:.2g} % of the posterior of {label} lies beyond {FURTHEST:.0e} hidden persons per person "
            "seen: the counts and the prior do not bound the total; merge small lists, give a smaller max_order, or "
            "use prior='unit-information'"
        )


def _notes(histories: CaptureHistories, table: CrossTable, run: Run) -> tuple[str, ...]:
    notes = []
    modes = modes_of(run.log_hidden - np.log(histories.n_observed), histories.n_observed)
    if len(modes) > 1:
        notes.append(f"the posterior has {len(modes)} modes: {in_words(modes)}")
    if unseen := len(table.strata) - histories.n_strata:
        notes.append(f"{unseen} combinations of {', '.join(histories.covariates)} in which nobody was seen were added")
    return tuple(notes)


def _error(shares: Array) -> Array:
    """Standard error of the mean over independent chains, shape (n,)."""
    return np.asarray(shares.std(axis=0, ddof=1) / np.sqrt(len(shares)))


def _models(table: CrossTable, run: Run) -> pd.DataFrame:
    probability, error = run.shares.mean(axis=0), _error(run.shares)
    rows = []
    for i in np.argsort(-probability, kind="stable")[:BEST].tolist():
        model = table.model(int(run.found[i]))
        totals = run.total[run.models == run.found[i]]
        median = float(np.median(totals)) if totals.size >= FEWEST else float("nan")
        rows.append((str(model), len(model.interactions), probability[i], error[i], median))
    return pd.DataFrame(rows, columns=["model", "n_terms", "probability", "error", "n_hat"])


def _terms(table: CrossTable, run: Run) -> pd.DataFrame:
    shares = run.shares @ terms_in(run.found, len(table.terms))
    return pd.DataFrame(
        {
            "term": list(table.term_names),
            "order": [term.bit_count() for term in table.terms],
            "probability": shares.mean(axis=0),
            "error": _error(shares),
        }
    )
