"""A log-linear model fitted by extended maximum likelihood, with Wald and profile-likelihood intervals."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mse import provenance
from mse.errors import BadInput, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import IntervalRule, LogNormal
from mse.models.loglinear.bootstrap import bootstrap_rule, choose_in_resamples
from mse.models.loglinear.censored_fit import CensoredFit
from mse.models.loglinear.censored_multinomial import CensoredMultinomial
from mse.models.loglinear.censored_profile import CensoredProfile
from mse.models.loglinear.extended import ExtendedMLE, extended_mle, possible_cells
from mse.models.loglinear.given_model import GivenModel
from mse.models.loglinear.parametric_bootstrap import draw_resamples
from mse.models.loglinear.profile import ProfileLikelihood
from mse.models.loglinear.terms import LogLinear, parse_model

__all__ = [
    "RESAMPLED",
    "LogLinearEstimate",
    "check_interval",
    "estimate_of",
    "fit_loglinear",
    "notes_on_resampling",
]

RESAMPLED = ("bca", "percentile")
INTERVALS = ("profile", "log-normal", *RESAMPLED)
LIKELIHOODS = ("poisson", "multinomial")
WORTH_SAYING = 0.05
TAKES_N_AS_GIVEN = (
    "the interval takes the number observed as given and is about {share:.0%} too short for that; "
    "likelihood='multinomial' is not"
)
OF_DOUBTFUL = (
    "of the {doubtful:,.0f} persons whose membership is in doubt about {expected:,.0f} belong to the population under "
    "this model; they are in the total, and not among the {known:,} observed"
)
KEEPS_N = (
    "the resamples keep the number observed, and the interval is about {share:.0%} too short for that; "
    "resampling='binomial' is not"
)


@dataclass(frozen=True, eq=False, repr=False)
class LogLinearEstimate(Replicated):
    """A `Replicated` estimate that keeps the fit it came from."""

    mle: ExtendedMLE = field(kw_only=True)

    @cached_property
    def glm(self) -> Any:
        """The same fit by statsmodels' GLM, on the cells and terms that are finite: a `GLMResults`.

        Raises
        ------
        Refused
            For a table with censored cells, whose likelihood is not that of a generalised linear model.
        """
        if self.mle.is_censored:
            raise Refused(
                "a table with censored cells has no generalised linear model; read coefficients and diagnostics instead"
            )
        # Costs a second to import, and only this property needs it.
        from statsmodels.genmod.families import Poisson
        from statsmodels.genmod.generalized_linear_model import GLM
        from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

        support = self.mle.support
        names = ["intercept", *(self.mle.model.name_of(int(term)) for term in support.masks[1:])]
        design = pd.DataFrame(support.design, columns=names)
        counts = pd.Series(self.mle.counts[support.active], name="count")
        # A model with no degree of freedom left makes statsmodels divide 0 by 0 and warn of a perfect fit.
        with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", PerfectSeparationWarning)
            return GLM(counts, design, family=Poisson()).fit(tol=1e-14, tol_criterion="params", maxiter=200)

    @property
    def coefficients(self) -> dict[str, float]:
        """Log-linear parameters by name, on the scale of the log mean; terms with no person are -inf."""
        support = self.mle.support
        finite = {
            self.mle.model.name_of(int(t)): float(b) for t, b in zip(support.masks, self.mle.fit.beta, strict=True)
        }
        finite["intercept"] = finite.pop("")
        return finite | {self.mle.model.name_of(term): float("-inf") for term in support.zero_terms}


def fit_loglinear(
    histories: CaptureHistories,
    model: str | LogLinear,
    *,
    interval: str = "profile",
    likelihood: str = "poisson",
    n_boot: int = 0,
    resampling: str = "fixed",
    seed: int | None = None,
    n_jobs: int = 1,
) -> LogLinearEstimate:
    """Estimate the total under one hierarchical log-linear model.

    Takes the model as given: the interval knows nothing of how it was chosen, and rests on there being no interaction
    of all lists. Use `select_loglinear` to search, and show more than one model.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata. A censored cell enters with the probability that its number lies between the persons confirmed
        and the count; structural zeros are left out.
    model : str
        ``"[police,rosa][udi]"``, ``"[12,3]"`` or ``"independence"``; lists that are not named get their main effect.
    interval : {"profile", "log-normal", "percentile", "bca"}
        Profile likelihood, Wald on the log of the hidden number, or from resamples.
    likelihood : {"poisson", "multinomial"}
        The multinomial maximum differs a little from the Poisson one (Cormack 1992).
    n_boot : int
        Number of resamples, whose totals go into `draws`; 0 for none.
    resampling : {"fixed", "binomial", "parametric"}
        The persons observed, drawn with replacement; the same, with their number drawn with N-hat trials; or N-hat
        persons of the fitted model, of whom those on no list are lost again.
    seed : int, optional
        Needed with ``n_boot``.
    n_jobs : int
        Workers for the resamples; the result does not depend on it.

    Returns
    -------
    LogLinearEstimate
        `n_hat` in persons; `diagnostics` holds deviance, df, AIC, BIC; `glm` is statsmodels' result. With censored
        cells `n_observed` counts the persons known to be in the population, and `diagnostics` tells how many are
        doubtful, how many of these are expected to belong, and how many persons are on no list.

    Raises
    ------
    BadInput
        For a model that cannot be read, or an unknown option.
    NoFiniteMLE
        When the maximum-likelihood estimate does not exist.
    NotIdentified
        When it exists, but the counts do not determine the total.
    Refused
        When the interval from resamples is not defined.

    References
    ----------
    Fienberg (1972), doi:10.1093/biomet/59.3.591; censored cells: Overstall, King, Bird, Hutchinson and Hay (2014),
    doi:10.1002/sim.6047; Cormack (1992), doi:10.2307/2532306;
    Chan, Silverman and Vincent (2021), doi:10.1080/01621459.2019.1708748; parametric resamples: Buckland and Garthwaite
    (1991), doi:10.2307/2532510.

    Examples
    --------
    >>> import mse
    >>> estimate = mse.fit_loglinear(mse.load_dataset("UKdat_5"), "independence", interval="log-normal")
    >>> round(estimate.n_hat, 4), str(estimate.interval())
    (13444.1312, '95 % confidence interval 11,985 to 15,133 (log-normal)')
    """
    check_interval(interval, n_boot, seed, INTERVALS)
    if likelihood not in LIKELIHOODS:
        raise BadInput.option("likelihood", likelihood, LIKELIHOODS)
    if n_boot and likelihood != "poisson":
        raise BadInput(
            f"resamples are fitted by the Poisson likelihood, not by likelihood={likelihood!r}; leave it out"
        )
    parsed = model if isinstance(model, LogLinear) else parse_model(model, histories.lists)
    mle = extended_mle(histories, parsed)
    options: dict[str, object] = {"model": str(parsed), "interval": interval, "likelihood": likelihood}
    options |= {"n_boot": n_boot, "resampling": resampling} if n_boot else {}
    estimate = estimate_of(
        mle, interval=interval, likelihood=likelihood, input_sha256=histories.sha256, seed=seed, options=options
    )
    if not n_boot:
        return estimate
    assert seed is not None
    chooser = GivenModel(np.array(parsed.terms, dtype=np.int64), possible_cells(histories), parsed.n_lists)
    resamples = draw_resamples(mle, n_boot, how=resampling, seed=seed)
    resampled = choose_in_resamples(chooser, resamples, n_jobs=n_jobs)
    drawn = replace(estimate, draws=resampled.totals[:, None])
    if interval not in RESAMPLED:
        return drawn
    rule = bootstrap_rule(
        interval, chooser, mle.persons, estimate.n_hat, resampled.totals, n_observed=mle.n_observed, n_jobs=n_jobs
    )
    return replace(drawn, uncertainty=rule, notes=(*resampled.notes, *notes_on_resampling(mle, resampling)))


def check_interval(interval: str | None, n_boot: int, seed: int | None, allowed: Sequence[str | None]) -> None:
    """Whether this kind of interval is offered and has the resamples and the seed that it needs."""
    if interval not in allowed:
        raise BadInput.option("interval", interval, allowed)
    if n_boot and seed is None:
        raise BadInput(f"n_boot={n_boot} asks for random resamples without a seed; give seed=, so that they repeat")
    if interval in RESAMPLED and not n_boot:
        raise BadInput(f"interval={interval!r} needs resamples; give n_boot=1000 and a seed")


def notes_on_resampling(mle: ExtendedMLE, how: str) -> tuple[str, ...]:
    """What a reader must know of an interval from such resamples."""
    if how != "fixed" or _share_too_short(mle) < WORTH_SAYING:
        return _notes_on_doubtful(mle)
    return (*_notes_on_doubtful(mle), KEEPS_N.format(share=_share_too_short(mle)))


def _notes_on_doubtful(mle: ExtendedMLE) -> tuple[str, ...]:
    if not mle.is_censored:
        return ()
    expected = float(mle.among_doubtful[0].sum())
    return (OF_DOUBTFUL.format(doubtful=mle.doubtful.sum(), expected=expected, known=mle.n_observed),)


def estimate_of(
    mle: ExtendedMLE,
    *,
    interval: str,
    likelihood: str = "poisson",
    note: str = "",
    input_sha256: str,
    seed: int | None = None,
    options: Mapping[str, object],
) -> LogLinearEstimate:
    """The answer shape of a fit."""
    profile = _censored_profile(mle, likelihood, note) if mle.is_censored else ProfileLikelihood(mle, likelihood, note)
    notes = [note, *_notes_on_doubtful(mle)] if note else [*_notes_on_doubtful(mle)]
    if likelihood == "poisson" and _share_too_short(mle) >= WORTH_SAYING:
        notes.append(TAKES_N_AS_GIVEN.format(share=_share_too_short(mle)))
    rule: IntervalRule = profile
    if interval == "log-normal":
        rule = LogNormal(mle.n_observed, mle.n_hidden, mle.se_log_hidden, note)
    return LogLinearEstimate(
        model=str(mle.model),
        n_observed=mle.n_observed,
        n_hat=profile.n_hat,
        uncertainty=rule,
        diagnostics=mle.diagnostics(),
        provenance=provenance.record(input_sha256=input_sha256, seed=seed, options=options),
        notes=tuple(notes),
        mle=mle,
    )


def _censored_profile(mle: ExtendedMLE, likelihood: str, note: str) -> CensoredProfile | CensoredMultinomial:
    active = mle.support.active
    cells = mle.support.design, mle.counts[active], mle.doubtful[active]
    fit = CensoredFit(str(mle.model), *cells, mle.fit.beta)
    return CensoredProfile(fit, note) if likelihood == "poisson" else CensoredMultinomial(fit, note)


def _share_too_short(mle: ExtendedMLE) -> float:
    """How much shorter the standard error is than with the variance of the number observed, N (N - n) / n, in it."""
    within = (mle.n_hidden * mle.se_log_hidden) ** 2
    of_n = (mle.n_observed + mle.n_hidden) * mle.n_hidden / mle.n_observed
    return float(1 - np.sqrt(within / (within + of_n)))
