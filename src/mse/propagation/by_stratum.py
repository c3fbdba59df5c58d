"""A model fitted to every stratum by itself, and the strata added up to one total."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import expm1, inf

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mse import provenance
from mse.errors import BadInput, Refused
from mse.estimate import Estimate, Posterior, Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal
from mse.propagation.calling import Fit, SeededFit
from mse.propagation.linkage_draws import seeds_of
from mse.propagation.rubin import LEVEL
from mse.propagation.within import LEAST_REPLICATES, NO_UPPER_END, on_log

__all__ = ["StratifiedPosterior", "StratifiedReplicated", "convergence", "each_stratum", "evenly"]

ADDED_UP = "the total adds up the strata, each fitted by itself"


@dataclass(frozen=True, eq=False, repr=False)
class StratifiedReplicated(Replicated):
    """Likelihood estimates of independent strata and their sum; `per_stratum` holds the estimate of each."""

    per_stratum: Mapping[str, Estimate] = field(kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class StratifiedPosterior(Posterior):
    """Posteriors of independent strata, one column of `draws` each; `per_stratum` holds the estimate of each."""

    per_stratum: Mapping[str, Estimate] = field(kw_only=True)


def each_stratum(fit: Fit) -> Callable[..., StratifiedReplicated | StratifiedPosterior]:
    """Let a model of one table answer tables with strata: fit every stratum by itself and add up the totals.

    Strata share no person, so that their estimates are independent given who is whom. The interval of the sum of
    likelihood estimates is log-normal, with the variances of the strata added; posteriors are added draw by draw.

    Parameters
    ----------
    fit : callable
        As in `propagate`.

    Returns
    -------
    callable
        Takes capture histories with strata and, if `fit` does, a seed, and returns an Estimate with `per_stratum`. It
        refuses where `fit` refuses a stratum, and names it.

    References
    ----------
    Sekar and Deming (1949), doi:10.1080/01621459.1949.10483294, estimate by strata and add up.

    Examples
    --------
    >>> import mse
    >>> sizes = {"women": {(1, 0): 27, (0, 1): 34, (1, 1): 9}, "men": {(1, 0): 11, (0, 1): 20, (1, 1): 8}}
    >>> parts = [mse.CaptureHistories.from_counts(("police", "ngo"), counts) for counts in sizes.values()]
    >>> counts = np.stack([part.counts for part in parts], axis=1)
    >>> h = mse.CaptureHistories(("police", "ngo"), counts, strata=tuple(sizes), covariates=("sex",))
    >>> estimate = each_stratum(mse.chapman)(h)
    >>> {name: round(one.n_hat) for name, one in estimate.per_stratum.items()}, round(estimate.n_hat)
    ({'women': 162, 'men': 63}, 225)
    """
    seeded = SeededFit.of(fit)
    if not seeded.uses_seed:
        return lambda histories: _by_stratum(seeded, histories, 0)
    return lambda histories, seed: _by_stratum(seeded, histories, seed)


def _by_stratum(fit: SeededFit, histories: CaptureHistories, seed: int) -> StratifiedReplicated | StratifiedPosterior:
    if not histories.is_stratified:
        raise BadInput('the capture histories have no strata; give propagate strata=("sex",), or fit without them')
    found: dict[str, Estimate] = {}
    for name, own_seed in zip(histories.strata, seeds_of(seed, histories.n_strata), strict=True):
        own = histories.counts[:, histories.strata.index(name)]
        if not own.any():
            raise Refused(f"stratum {name}: nobody is in it in this table, and no total can be given for it")
        try:
            found[name] = fit(histories.stratum(name), own_seed)
        except Refused as refusal:
            raise _in_stratum(refusal, name) from None
    return _added(found, histories)


def _in_stratum(refusal: Refused, name: str) -> Refused:
    return type(refusal)(f"stratum {name}: {refusal}", reasons=[f"stratum {name}: {one}" for one in refusal.reasons])


def _added(parts: Mapping[str, Estimate], histories: CaptureHistories) -> StratifiedReplicated | StratifiedPosterior:
    """The sum of the estimates of independent strata."""
    estimates = list(parts.values())
    n_posteriors = sum(isinstance(one, Posterior) for one in estimates)
    if n_posteriors not in (0, len(parts)):
        raise BadInput("the fit returned a posterior for some strata and a likelihood estimate for others; return one")
    n_observed = sum(one.n_observed for one in estimates)
    options = {name: one.provenance.get("options", {}) for name, one in parts.items()}
    about = provenance.record(input_sha256=histories.sha256, seed=None, options={"strata": options})
    model = _model(estimates)
    notes = (ADDED_UP, *_notes(parts))
    if n_posteriors:
        return StratifiedPosterior(
            model,
            n_observed,
            _columns(estimates),
            tuple(parts),
            convergence(estimates),
            about,
            notes,
            per_stratum=parts,
        )
    has_draws = min(len(one.draws) for one in estimates) >= LEAST_REPLICATES
    draws = _columns(estimates) if has_draws else np.empty((0, len(parts)))
    variance = sum(_variance(one, name) for name, one in parts.items())
    n_hat = float(sum(one.n_hat for one in estimates))
    if not n_hat > n_observed:
        raise Refused("no stratum has anybody hidden, and intervals of strata are added as those of a hidden number")
    rule = LogNormal.from_variance(n_observed, n_hat, variance, "variances of the strata added")
    return StratifiedReplicated(
        model, n_observed, n_hat, rule, tuple(parts), draws, {}, about, notes, per_stratum=parts
    )


def _variance(estimate: Estimate, name: str) -> float:
    """Variance of N-hat, in persons squared: that of a log-normal hidden number, as `LogNormal.from_variance` has it.

    Where nobody is estimated to be hidden there is no such number, and the interval's length tells the variance.
    """
    hidden = estimate.n_hat - estimate.n_observed
    if hidden > 0:
        scaled = on_log(estimate, estimate.n_observed)
        if isinstance(scaled, Refused):
            raise _in_stratum(scaled, name)
        return hidden**2 * expm1(scaled.variance)
    interval = estimate.interval(LEVEL)
    if not interval.high < inf:
        raise _in_stratum(Refused(NO_UPPER_END), name)
    return ((interval.high - interval.low) / (2 * float(ndtri(0.5 + LEVEL / 2)))) ** 2


def _columns(estimates: Sequence[Estimate]) -> NDArray[np.float64]:
    """Draws of each total side by side, as many as the shortest has, shape (n_draws, n_strata).

    Columns after the first are shuffled, each by a stream of its own: strata are independent, but a model without
    randomness draws equally spaced quantiles, in the same order for every stratum.
    """
    n_each = min(len(one.draws) for one in estimates)
    columns = [evenly(one.draws, n_each).sum(axis=1) for one in estimates]
    shuffled = [np.random.default_rng(place).permutation(column) for place, column in enumerate(columns[1:])]
    return np.stack([columns[0], *shuffled], axis=1)


def _model(estimates: Sequence[Estimate]) -> str:
    models = list(dict.fromkeys(one.model for one in estimates))
    return f"{models[0]} in each of {len(estimates)} strata" if len(models) == 1 else f"strata: {'; '.join(models)}"


def _notes(parts: Mapping[str, Estimate]) -> list[str]:
    """What the fits say: once where all strata say it, else with the stratum."""
    own = {name: getattr(one, "notes", ()) for name, one in parts.items()}
    every = [note for note in next(iter(own.values())) if all(note in notes for notes in own.values())]
    return [*every, *(f"stratum {name}: {note}" for name, notes in own.items() for note in notes if note not in every)]


def evenly(draws: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """As many of the draws, spread evenly, so that a longer run weighs no more than a shorter."""
    return draws[np.arange(n) * len(draws) // n]


def convergence(estimates: Sequence[Estimate]) -> dict[str, float]:
    """The worst of several R-hats and effective sample sizes, where every fit gives them."""
    worst = {"r_hat": max, "ess_bulk": min, "ess_tail": min, "converged": min}
    return {
        name: float(pick(one.diagnostics[name] for one in estimates))
        for name, pick in worst.items()
        if all(name in one.diagnostics for one in estimates)
    }
