"""Bayesian thresholding: interactions whose posterior is far from none are kept, and the model is fitted again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from mse import provenance
from mse.errors import BadInput, NoOverlap
from mse.estimate import Posterior
from mse.histories import CaptureHistories, as_text
from mse.interval import EqualTailed, Interval
from mse.models.bayes.convergence import faults, posterior_tree, refuse_unless_converged
from mse.models.bayes.judged_terms import LIKELY, Judged, closeness
from mse.models.bayes.threshold_fits import Fitted, Fitting
from mse.models.loglinear.terms import LogLinear, all_terms, parse_model

__all__ = ["ThresholdPosterior", "bayes_threshold"]

type Array = NDArray[np.float64]

PRIORS = ("proper", "improper")
N_PRIOR_DRAWS = 2000
PREFIX = "Bayesian threshold "
ADVICE = "give a larger n_draws, or prior='proper'; allow_unconverged=True returns the draws marked as unconverged"


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdPosterior(Posterior):
    """The posterior under the interactions kept, and how each of them was judged.

    Attributes
    ----------
    terms : DataFrame
        term, order (lists in it), mean, sd and z (mean / sd) at the stage where it was judged, z_error (Monte Carlo
        standard error of z), kept. An empty overlap under flat priors has mean -inf and is kept. With ``keep=`` the
        figures are those of the fit, and nothing is judged.
    """

    terms: pd.DataFrame = field(default_factory=pd.DataFrame)
    with_seed: Callable[..., "ThresholdPosterior"] | None = None

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed credible interval of N, in persons; its note says when other seeds may well choose otherwise."""
        return EqualTailed(self.draws[:, 0], note=_seeds_in_words(self.diagnostics)).at(level)

    def kept_by_seed(self, n_seeds: int = 20) -> pd.DataFrame:
        """The sets of interactions that other seeds keep, and how often.

        An interaction near the threshold is kept or dropped by chance, and the total may move with it.

        Parameters
        ----------
        n_seeds : int
            The whole choice is made again with that many of the seeds that follow this one.

        Returns
        -------
        DataFrame
            One row for each set, most frequent first: model, share of the seeds, n_hat, low and high (95 %; medians
            over its seeds), is_this (whether it is the set of this answer).

        Raises
        ------
        BadInput
            When the model was given, so that no seed can change it.
        """
        if self.with_seed is None:
            raise BadInput("the model was given with keep=, so that every seed keeps it; leave keep= out to choose")
        if n_seeds < 1:
            raise BadInput(f"n_seeds={n_seeds!r} is too small; give 1 or more")
        first = int(self.provenance["seed"]) + 1  # type: ignore[call-overload]
        answers = [self.with_seed(seed=seed) for seed in range(first, first + n_seeds)]
        rows = pd.DataFrame(
            [(each.model, each.n_hat, each.interval().low, each.interval().high) for each in answers],
            columns=["model", "n_hat", "low", "high"],
        )
        by_set = rows.groupby("model", sort=False)
        table = by_set.median().assign(share=by_set.size() / n_seeds).reset_index()
        table["model"] = table["model"].str.removeprefix(PREFIX)
        table["is_this"] = table["model"] == self.model.removeprefix(PREFIX)
        table = table.sort_values("share", ascending=False, kind="stable", ignore_index=True)
        return table[["model", "share", "n_hat", "low", "high", "is_this"]]


def bayes_threshold(
    histories: CaptureHistories,
    *,
    max_order: int = 2,
    threshold: float = 2.0,
    prior: str = "proper",
    keep: str | None = None,
    seed: int,
    prior_variance: float = 1.0,
    n_draws: int = 2000,
    n_chains: int = 4,
    allow_unconverged: bool = False,
) -> ThresholdPosterior:
    """Posterior of the total under the interactions that a first posterior finds clearly different from none.

    Fits all interactions of two lists, keeps those whose posterior mean is at least `threshold` standard deviations
    from 0, and fits again. With ``max_order=3`` the interactions of three lists, all of whose pairs were kept, are then
    judged in the same way, and so on. The posterior is that of the kept model, as if it had been given: the choice is
    not in the interval. Rests on there being no other interaction.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more, without strata and censored cells. Structural zeros are left out of the likelihood.
    max_order : int
        Lists in the largest interaction, from 2 to one less than the number of lists.
    threshold : float
        Least absolute posterior mean, in posterior standard deviations; 0 keeps everything.
    prior : {"proper", "improper"}
        Of the interactions: normal around 0 with `prior_variance`, or flat. Intercept and list effects have flat
        priors. Under flat priors an empty overlap makes the interaction -inf: it stays in the model, and the histories
        that contain it leave the fit.
    keep : str, optional
        The model to fit instead of choosing, such as ``"[police,rosa][udi]"`` or ``"[12,3]"``.
    seed : int
        0 or more.
    prior_variance : float
        In squared log-odds.
    n_draws : int
        Draws kept of each chain, 200 or more. Chains that have not converged are run once more, four times as long.
    n_chains : int
        Two or more.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    ThresholdPosterior
        `draws` (n_chains * n_draws, 1) of persons seen plus expected persons on no list, exp(intercept), as in the
        paper; whole persons are in the posterior predictive group of `idata`; the prior group has proper priors
        only. `diagnostics` tells how close the
        choice was: `nearest_gap` of an interaction's z from the threshold, its Monte Carlo error, `flip_probability`,
        the chance that another seed decides it otherwise, and `same_set_probability`, the chance that another seed
        keeps the same set; `notes` say when it is below 95 %, and `kept_by_seed` tries other seeds.

    Raises
    ------
    BadInput
        For fewer than three lists, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    NoFiniteMLE, NotIdentified
        When the posterior does not exist: of the full model under flat priors, or of the list effects alone.
    NotConverged
        When R-hat is above 1.01, or the bulk or tail effective sample size of N below 400.

    References
    ----------
    Silverman (2020), doi:10.1111/rssa.12505; orders above two as in the R package MultipleSystemsEstimation,
    doi:10.32614/CRAN.package.MultipleSystemsEstimation.

    Examples
    --------
    >>> import mse
    >>> estimate = mse.bayes_threshold(mse.load_dataset("Kosovo"), seed=1)
    >>> estimate.model
    'Bayesian threshold [EXH,ABA][EXH,OSCE][EXH,HRW][ABA,OSCE][OSCE,HRW]'
    """
    given = _check(histories, max_order, threshold, prior, keep, prior_variance, n_draws, n_chains, seed)
    fitting = Fitting(histories, prior_variance if prior == "proper" else None, n_draws, n_chains, seed)
    if given is not None:
        last = fitting.fit(given, 0)
        rows = [Judged.of(last.draws_of(term), term, np.inf) for term in _interactions(last)]
        judged: list[Judged] = []
    else:
        last, rows = _choose(fitting, max_order, threshold)
        judged = rows
    diagnostics = last.diagnostics | closeness(judged, threshold)
    label = f"{PREFIX}{last.model}"
    found = faults(diagnostics)
    if found and not allow_unconverged:
        refuse_unless_converged(label, diagnostics, ADVICE)
    again = partial(
        bayes_threshold,
        histories,
        max_order=max_order,
        threshold=threshold,
        prior=prior,
        prior_variance=prior_variance,
        n_draws=n_draws,
        n_chains=n_chains,
        allow_unconverged=allow_unconverged,
    )
    options = {
        "max_order": max_order,
        "threshold": threshold,
        "prior": prior,
        "keep": None if given is None else str(given),
        "prior_variance": prior_variance,
        "n_draws": n_draws,
        "n_chains": n_chains,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    totals = histories.n_observed + np.exp(last.log_hidden)
    return ThresholdPosterior(
        model=label,
        n_observed=histories.n_observed,
        draws=totals.reshape(-1, 1),
        diagnostics=diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(*(f"NOT CONVERGED: {fault}" for fault in found), *_notes(last, judged, threshold, diagnostics)),
        idata=_tree(last, histories, fitting.prior_variance, seed),
        terms=_frame(rows, last, given is not None),
        with_seed=None if given is not None else again,
    )


def _choose(fitting: Fitting, max_order: int, threshold: float) -> tuple[Fitted, list[Judged]]:
    """The posterior of the interactions kept, order by order, and all that were judged."""
    histories = fitting.histories
    n_lists = histories.n_lists
    rows: list[Judged] = []
    kept: set[int] = set()
    fitted = None
    for stage, order in enumerate(range(2, max_order + 1)):
        candidates = [
            term
            for term in all_terms(n_lists, order)
            if term.bit_count() == order and (order == 2 or _parts(term) <= kept)
        ]
        if not candidates:
            break
        fitted = fitting.fit(LogLinear(histories.lists, frozenset(kept | set(candidates))), 2 * stage)
        empty = set(fitted.minus_infinite) & set(candidates)
        judged = [Judged.of(fitted.draws_of(term), term, threshold) for term in candidates if term in fitted.masks]
        rows += judged
        dropped = {row.term for row in judged if not row.kept}
        kept |= {term for term in candidates if term in fitted.masks or term in empty} - dropped
        if dropped:
            fitted = fitting.fit(LogLinear(histories.lists, frozenset(kept)), 2 * stage + 1)
    assert fitted is not None
    return fitted, rows


def _parts(term: int) -> set[int]:
    """The terms with one list less."""
    bits = [1 << j for j in range(term.bit_length()) if term >> j & 1]
    return {sum(part) for part in combinations(bits, len(bits) - 1)}


def _interactions(fitted: Fitted) -> list[int]:
    return [mask for mask in fitted.masks if mask.bit_count() > 1]


def _notes(
    fitted: Fitted, judged: Sequence[Judged], threshold: float, diagnostics: Mapping[str, float]
) -> tuple[str, ...]:
    name = fitted.model.name_of
    notes = ["the interval takes the kept interactions as given; that they were chosen is not in it"] if judged else []
    if fitted.minus_infinite:
        empty = ", ".join(name(term) for term in fitted.minus_infinite)
        notes.append(
            f"nobody has {empty}: -inf under flat priors, kept, and the histories that contain it left the fit"
        )
    notes += [
        f"{name(row.term)} has z {row.z:.3f}, within Monte Carlo error ({row.z_error:.3f}) of the threshold "
        f"{threshold:g}: another seed may decide otherwise; it was {'kept' if row.kept else 'dropped'}"
        for row in judged
        if threshold > 0 and abs(abs(row.z) - threshold) < 2 * row.z_error
    ]
    if told := _seeds_in_words(diagnostics):
        notes.append(f"{told}; kept_by_seed() tries others, and a larger n_draws settles it")
    return tuple(notes)


def _seeds_in_words(diagnostics: Mapping[str, float]) -> str:
    """What is to be said of other seeds; nothing where nearly all keep the same set, or nothing was chosen."""
    alike = diagnostics.get("same_set_probability", 1.0)
    if alike >= LIKELY:
        return ""
    told = f"another seed keeps the same interactions with a probability of {100 * alike:.0f} %"
    return f"{told}, below {100 * LIKELY:.0f} %"


def _frame(rows: Sequence[Judged], fitted: Fitted, all_kept: bool) -> pd.DataFrame:
    name = fitted.model.name_of
    table = [
        (name(row.term), row.term.bit_count(), row.mean, row.sd, row.z, row.z_error, row.kept or all_kept)
        for row in rows
    ]
    table += [(name(term), term.bit_count(), -np.inf, np.nan, -np.inf, np.nan, True) for term in fitted.minus_infinite]
    return pd.DataFrame(table, columns=["term", "order", "mean", "sd", "z", "z_error", "kept"])


def _check(
    histories: CaptureHistories,
    max_order: int,
    threshold: float,
    prior: str,
    keep: str | None,
    prior_variance: float,
    n_draws: int,
    n_chains: int,
    seed: int,
) -> LogLinear | None:
    """Check the options; the model given with ``keep``."""
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how they depend on each other; give three or more, or use chapman")
    counts = histories.single_stratum()
    for name, value, offered in (("prior", prior, PRIORS), ("max_order", max_order, range(2, histories.n_lists))):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    for name, count, least in (("n_draws", n_draws, 200), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    if not 0 <= threshold < np.inf:
        raise BadInput(f"threshold={threshold!r} is not a number of standard deviations; give 0 or more, such as 2")
    if not 0 < prior_variance < np.inf:
        raise BadInput(f"prior_variance={prior_variance!r} is not a variance; give a number above 0, such as 1")
    sizes = np.array([sum(history) for history in histories.histories])
    if not counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)
    if keep is None:
        return None
    model = parse_model(keep, histories.lists)
    if prior == "proper":
        return model
    # As after choosing: under flat priors an empty overlap is -inf whether it is asked for or not.
    singles = {name: 1 << (histories.n_lists - 1 - j) for j, name in enumerate(histories.lists)}
    empty = {singles[a] | singles[b] for a, b in histories.empty_overlaps}
    return LogLinear.from_terms(histories.lists, set(model.interactions) | empty)


def _tree(fitted: Fitted, histories: CaptureHistories, prior_variance: float | None, seed: int) -> Any:
    random = np.random.default_rng([seed, 2])
    posterior = fitted.posterior
    means = np.exp(fitted.coefficients @ posterior.design.T)
    hidden = np.exp(fitted.log_hidden)
    names = ["intercept", *(fitted.model.name_of(mask) for mask in fitted.masks[1:])]
    cells = np.flatnonzero(fitted.active)
    groups: dict[str, dict[str, Array]] = {
        "posterior": {
            "N": histories.n_observed + hidden,
            "expected_hidden": hidden,
            "coefficient": fitted.coefficients,
        },
        "posterior_predictive": {
            "count": random.poisson(means).astype(np.float64),
            "N": histories.n_observed + random.poisson(hidden).astype(np.float64),
        },
        "log_likelihood": {
            "count": posterior.counts * np.log(means) - means - gammaln(posterior.counts + 1),
        },
        "sample_stats": {"lp": posterior.log_density(fitted.coefficients)},
        "observed_data": {"count": posterior.counts},
    }
    if interactions := _interactions(fitted):
        columns = [fitted.masks.index(mask) for mask in interactions]
        groups["posterior"]["interaction"] = fitted.coefficients[..., columns]
        if prior_variance is not None:
            groups["prior"] = {"interaction": random.normal(0, prior_variance**0.5, (1, N_PRIOR_DRAWS, len(columns)))}
    return posterior_tree(
        groups,
        coords={
            "column": names,
            "term": [fitted.model.name_of(mask) for mask in interactions],
            "history": [as_text(histories.histories[cell - 1]) for cell in cells],
        },
        dims={"coefficient": ["column"], "interaction": ["term"], "count": ["history"]},
    )
