"""Persons who differ in how likely they are to be found: the total, and those who can be found at all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap
from mse.estimate import Posterior
from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import cautions, convergence, faults, posterior_tree, refuse_unless_converged
from mse.models.bayes.observable import Observable, observable_draws
from mse.models.bayes.prior_of_hidden import log_hidden_of, prior_in_words
from mse.models.bayes.rasch_density import RaschPosterior, RaschPrior, log_of_rest, persons_at
from mse.models.bayes.rasch_draws import rasch_draws

__all__ = ["HeterogeneousPosterior", "heterogeneity"]

type Array = NDArray[np.float64]

MODEL = "heterogeneity (logistic-normal)"
MOST_LISTS = 10  # the posterior predictive holds 2**K - 1 counts for each draw
N_PRIOR_DRAWS = 2000
LONGER = 4
BATCH = 1000
ADVICE = "give a larger n_draws; allow_unconverged=True returns the draws marked as unconverged"


@dataclass(frozen=True, eq=False, repr=False)
class HeterogeneousPosterior(Posterior):
    """The posterior of N, and of the persons who are likely enough to be found.

    Attributes
    ----------
    observable : Observable or None
        Persons whose chance of being on one list or more is above the threshold that was asked for.
    """

    observable: Observable | None = None

    def above(self, threshold: float) -> Observable:
        """The observable population at another threshold, from the same draws of the parameters."""
        _check_threshold(threshold)
        counts = self.idata.observed_data["count"]
        sizes = [text.count("1") for text in counts.history.to_numpy().tolist()]
        posterior = self.idata.posterior
        effects = posterior.list_effects.to_numpy()
        return Observable(
            threshold,
            observable_draws(
                effects.reshape(-1, effects.shape[-1]),
                posterior.spread.to_numpy().reshape(-1),
                posterior.n_hidden.to_numpy().reshape(-1),
                np.bincount(sizes, weights=counts.to_numpy(), minlength=effects.shape[-1] + 1),
                threshold,
                np.random.default_rng([self.provenance["seed"], 3]),  # type: ignore[arg-type]
            ),
        )


def heterogeneity(
    histories: CaptureHistories,
    *,
    threshold: float = 0.05,
    seed: int,
    prior_hidden: tuple[float, float] = (0.05, 20.0),
    spread_scale: float = 1.5,
    n_draws: int = 1000,
    n_chains: int = 4,
    allow_unconverged: bool = False,
) -> HeterogeneousPosterior:
    """Posterior of the total when lists differ and persons differ, and nothing else makes lists depend on each other.

    The Rasch model with normal persons (logistic-normal Mth): each person has a log-odds of being found, on all lists
    alike, that varies normally among persons; each list adds its own. For lists that share persons because the
    same persons are easy to find everywhere. Two lists that depend on each other for a reason of their own, such as
    referrals, or a person whom one list makes less likely on another, are not in it.

    The total counts persons whom hardly any list would ever find, and their number rests on the normal shape of the
    tail, not on counts: no method estimates it with bounded risk. The observable population leaves them out. It
    holds the persons, seen or not, whose chance of being on one list or more is above `threshold`, and rests on
    persons like those that were seen.

    Parameters
    ----------
    histories : CaptureHistories
        Three to ten lists, without strata, structural zeros or censored cells.
    threshold : float
        Chance of being on one list or more, above 0 and below 1. For `a` on each of K equal lists, as in the paper,
        give ``1 - (1 - a)**K``.
    seed : int
        0 or more.
    prior_hidden : pair of float
        Central 95 % of the prior of hidden persons per person seen (log-normal). Says what is believed of N before the
        overlaps are looked at, and nothing else in the prior bears on it.
    spread_scale : float
        Scale of the half-normal prior of the standard deviation of the persons' log-odds; 0 would be independence.
    n_draws : int
        Draws kept of each chain, 200 or more. If the chains have not converged they are run once more, four times as
        long.
    n_chains : int
        Two or more; they run one after another.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    HeterogeneousPosterior
        `draws` (n_chains * n_draws, 1) of N in persons; `observable` with its own `draws`, `n_hat` and `interval`, and
        `above` for any other threshold; `idata` holds posterior, prior, posterior predictive, log likelihood (of each
        history given being seen), sample statistics and observed counts.

    Raises
    ------
    BadInput
        For fewer than three lists or more than ten, strata, structural zeros, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    NotConverged
        When R-hat is above 1.01, or the bulk or tail effective sample size of N below 400.

    References
    ----------
    Coull and Agresti (1999), doi:10.1111/j.0006-341X.1999.00294.x; Johndrow, Lum and Manrique-Vallier (2019),
    doi:10.1093/biomet/asy065.

    Examples
    --------
    >>> import mse
    >>> hares = mse.heterogeneity(mse.load_dataset("hare"), seed=1)
    >>> 68 < hares.observable.n_hat <= hares.n_hat < 110
    True
    >>> hares.above(0.5).n_hat < hares.observable.n_hat
    True
    """
    counts = _check(histories, threshold, spread_scale, n_draws, n_chains, seed)
    prior = RaschPrior(*log_hidden_of(prior_hidden), spread_scale=spread_scale)
    lists_of = np.array(histories.histories, dtype=np.float64)
    by_size = np.bincount(lists_of.sum(axis=1).astype(np.int64), weights=counts, minlength=histories.n_lists + 1)
    posterior = RaschPosterior(counts @ lists_of, by_size, prior)
    for length in (1, LONGER):
        run = _run(posterior, threshold, n_draws, n_chains, length, seed)
        if allow_unconverged or not faults(run.diagnostics):
            break
    if not allow_unconverged:
        refuse_unless_converged(MODEL, run.diagnostics, ADVICE)
    found = faults(run.diagnostics)
    options = {
        "threshold": threshold,
        "prior_hidden": list(prior_hidden),
        "spread_scale": spread_scale,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    observable = Observable(threshold, run.observable.reshape(-1))
    return HeterogeneousPosterior(
        model=MODEL,
        n_observed=histories.n_observed,
        draws=(histories.n_observed + run.n_hidden).reshape(-1, 1),
        diagnostics=run.diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(
            prior_in_words(prior.log_hidden_mean, prior.log_hidden_sd, histories.n_observed),
            f"N counts persons whom the lists would hardly ever find, and how many they are rests on the normal shape "
            f"of their log-odds; persons with a chance above {threshold:g} of being on one list or more are "
            f"{observable.n_hat:,.0f}, {observable.interval()}",
            *(f"NOT CONVERGED: {fault}" for fault in found),
            *cautions(run.diagnostics),
        ),
        idata=_tree(posterior, run, histories, lists_of, counts, seed),
        observable=observable,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Run:
    """Draws (n_chains, n_draws): effects have a last dimension of lists, log masses one of 0 to K lists."""

    positions: Array
    effects: Array
    log_masses: Array
    n_hidden: Array
    observable: Array
    diagnostics: dict[str, float]

    @property
    def spread(self) -> Array:
        return np.asarray(self.positions[..., -1])

    @property
    def log_hidden(self) -> Array:
        """Log of expected hidden persons per person seen."""
        return np.asarray(self.log_masses[..., 0] - log_of_rest(self.log_masses[..., 0]))


def _run(posterior: RaschPosterior, threshold: float, n_draws: int, n_chains: int, length: int, seed: int) -> _Run:
    positions, accepted = rasch_draws(posterior, n_draws, n_chains, length, seed=(seed, 0))
    shape, n_lists = positions.shape[:2], len(posterior.on_list)
    effects, spread = posterior.effects(positions), positions[..., -1]
    flat_effects, flat_spread = effects.reshape(-1, n_lists), spread.reshape(-1)
    batches = [slice(start, start + BATCH) for start in range(0, len(flat_spread), BATCH)]
    parts = [persons_at(flat_effects[rows], flat_spread[rows]).log_masses for rows in batches]
    log_masses = np.concatenate(parts).reshape(*shape, n_lists + 1)
    log_seen = log_of_rest(log_masses[..., 0])
    log_hidden = log_masses[..., 0] - log_seen
    # Under the prior 1/N the hidden persons are negative binomial: Poisson around a gamma number of expected seen.
    random = np.random.default_rng([seed, 1])
    n_observed = posterior.by_size.sum()
    n_hidden = random.poisson(random.gamma(n_observed, size=shape) * np.exp(log_hidden)).astype(np.float64)
    observable = observable_draws(
        flat_effects,
        flat_spread,
        n_hidden.reshape(-1),
        posterior.by_size,
        threshold,
        np.random.default_rng([seed, 3]),
    ).reshape(shape)
    watched = {"N": n_observed + n_hidden, "log_hidden": log_hidden}
    if np.ptp(observable) > 0:
        watched["observable"] = observable
    diagnostics = convergence(watched, {}, [effects, spread[..., None]]) | {"accepted": accepted}
    return _Run(positions, effects, log_masses, n_hidden, observable, diagnostics)


def _check(
    histories: CaptureHistories, threshold: float, spread_scale: float, n_draws: int, n_chains: int, seed: int
) -> Array:
    """Check the options; the counts (2**K - 1,)."""
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how persons differ; give three or more, or use chapman")
    if histories.n_lists > MOST_LISTS:
        raise BadInput(f"{histories.n_lists} lists are too many for this model, at most {MOST_LISTS}; merge some")
    counts = histories.single_stratum()
    if not histories.cells_that_can_occur.all():
        raise BadInput(
            "a history that cannot occur is at odds with lists that are independent for each person; use "
            "bayes_loglinear, which leaves such histories out"
        )
    _check_threshold(threshold)
    if not 0 < spread_scale < np.inf:
        raise BadInput(f"spread_scale={spread_scale!r} is not a scale; give a number above 0, such as 1.5")
    for name, count, least in (("n_draws", n_draws, 200), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    sizes = np.array([sum(history) for history in histories.histories])
    if not counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)
    return counts.astype(np.float64)


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise BadInput(f"threshold={threshold!r} is not a chance; give one above 0 and below 1, such as 0.05")


def _tree(
    posterior: RaschPosterior, run: _Run, histories: CaptureHistories, lists_of: Array, counts: Array, seed: int
) -> Any:
    random = np.random.default_rng([seed, 2])
    prior = posterior.prior
    sizes = lists_of.sum(axis=1).astype(np.int64)
    log_seen = log_of_rest(run.log_masses[..., 0])
    log_chances = run.effects @ lists_of.T + run.log_masses[..., sizes] - log_seen[..., None]
    chances = np.exp(log_chances)
    log_likelihood = counts * log_chances
    before = random.normal(prior.log_hidden_mean, prior.log_hidden_sd, (1, N_PRIOR_DRAWS))
    n_hidden = random.poisson(random.gamma(histories.n_observed, size=before.shape) * np.exp(before))
    groups = {
        "posterior": {
            "N": histories.n_observed + run.n_hidden,
            "n_hidden": run.n_hidden,
            "observable": run.observable,
            "hidden_per_seen": np.exp(run.log_hidden),
            "list_effects": run.effects,
            "spread": run.spread,
        },
        "posterior_predictive": {
            "count": random.multinomial(histories.n_observed, chances / chances.sum(axis=-1, keepdims=True)).astype(
                np.float64
            )
        },
        "log_likelihood": {"count": log_likelihood},
        "sample_stats": {"lp": log_likelihood.sum(axis=-1)},
        "prior": {
            "N": (histories.n_observed + n_hidden).astype(np.float64),
            "n_hidden": n_hidden.astype(np.float64),
            "hidden_per_seen": np.exp(before),
            "spread": np.abs(random.normal(0, prior.spread_scale, before.shape)),
        },
        "observed_data": {"count": counts},
    }
    return posterior_tree(
        groups,
        coords={"list": list(histories.lists), "history": [as_text(history) for history in histories.histories]},
        dims={"list_effects": ["list"], "count": ["history"]},
    )
