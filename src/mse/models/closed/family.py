"""Closed-population models: everybody alike, lists unlike, persons unlike, or both (M0, Mt, Mh, Mth; Mb, Mbh)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import IntervalRule, LogNormal
from mse.models.closed.behaviour import BEHAVIOUR_MODELS, RemovalMLE, fit_behaviour, removal_profile
from mse.models.closed.design import HETEROGENEITIES, LOGLINEAR_MODELS, design_of
from mse.models.closed.fitting import ClosedMLE, fit_closed
from mse.models.closed.profile import HiddenProfile, profile_of
from mse.models.loglinear.censored_fit import CensoredFit
from mse.models.loglinear.censored_multinomial import CensoredMultinomial
from mse.models.loglinear.censored_profile import CensoredProfile
from mse.models.loglinear.fitting import OF_DOUBTFUL

__all__ = ["ClosedEstimate", "closed_population"]

INTERVALS = ("profile", "log-normal")
LIKELIHOODS = ("poisson", "multinomial")
MOST_LISTS = 12  # the design holds a row for each of the 2**K - 1 histories
SHORT = 0.05  # share by which an interval may be too short without a word
IN_TIME = "the lists are taken as occasions in time"
PRINTED = {"chao": "Chao", "poisson2": "Poisson2", "darroch": "Darroch", "gamma3.5": "Gamma3.5"}


Profile = HiddenProfile | CensoredProfile | CensoredMultinomial


@dataclass(frozen=True, eq=False, repr=False)
class ClosedEstimate(Replicated):
    """A `Replicated` estimate with the coefficients of its log-linear model by name; none for Mb and Mbh."""

    coefficients: Mapping[str, float] = field(default_factory=dict)


def closed_population(
    histories: CaptureHistories,
    *,
    model: Literal["M0", "Mt", "Mh", "Mth", "Mb", "Mbh"] = "Mth",
    heterogeneity: Literal["chao", "poisson2", "darroch", "gamma3.5"] = "chao",
    interval: Literal["profile", "log-normal"] = "profile",
    likelihood: Literal["poisson", "multinomial"] = "poisson",
    ordered: bool = False,
) -> ClosedEstimate:
    """Total under one of the closed-population models, by maximum likelihood.

    - ``M0``: every list reaches everybody with one and the same chance. ``Mt``: each list has its own chance; this is
      independence of the lists.
    - ``Mh``, ``Mth``: persons also differ in how likely they are to be found, on all lists alike. The log mean of a
      history of k lists then bends upwards in k. How far it bends between k = 0 and 1 cannot be seen, and the form of
      `heterogeneity` decides it: ``chao`` leaves it out and gives a lower bound, ``poisson2`` adds a multiple of
      2^k - 1, ``darroch`` of k^2 / 2, ``gamma3.5`` of log 3.5 - log(3.5 + k), in rising order of the answer. The four
      often fit alike and differ by a factor of two or more: show all of them.
    - ``Mb``, ``Mbh``: a person once captured is captured again with another chance. They need occasions that follow
      one another in time; agencies' lists have no such order, and without ``ordered=True`` these two are refused.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata, at most 12 lists. A censored cell enters with the probability that its number lies between the
        persons confirmed and the count. For Mb and Mbh the lists are the occasions, in their order, and every count
        is exact.
    model : {"Mth", "M0", "Mt", "Mh", "Mb", "Mbh"}
    heterogeneity : {"chao", "poisson2", "darroch", "gamma3.5"}
        Used by Mh and Mth only. Under ``chao`` the coefficients of K - 2 kinks may not be negative; those that are 0
        at the maximum leave the model.
    interval : {"profile", "log-normal"}
        Profile likelihood, or Wald on the log of the hidden number.
    likelihood : {"poisson", "multinomial"}
        The multinomial maximum differs a little from the Poisson one (Cormack 1992). Prefer its profile where few
        are hidden: the others leave out the chance in the number observed, and the notes say when that matters.
    ordered : bool
        Says that the lists are occasions in time, which Mb and Mbh need.

    Returns
    -------
    ClosedEstimate
        `n_hat` in persons; `diagnostics` holds deviance, df, AIC, BIC, the number of parameters and the standard
        error of the Poisson total; `coefficients` those of the log mean. With censored cells `n_observed` counts the
        persons known to be in the population, and `diagnostics` tells how many are doubtful, how many of these are
        expected to belong, and how many persons are on no list.

    Raises
    ------
    BadInput
        For an unknown option, a table with strata, or more than 12 lists.
    NoOverlap
        When nobody is on two lists.
    NoFiniteMLE
        When the maximum-likelihood estimate does not exist, as for Mh with one coefficient too many for a table in
        which nobody is on all lists.
    NotIdentified
        When it exists, but the counts do not determine the total.
    Refused
        For Mb and Mbh on lists that are not said to be ordered, or with censored cells.

    References
    ----------
    Otis, Burnham, White and Anderson (1978), Wildlife Monographs 62; Cormack (1989), doi:10.2307/2531485; Rivest and
    Baillargeon (2007), doi:10.1111/j.1541-0420.2007.00779.x; Baillargeon and Rivest (2007), doi:10.18637/jss.v019.i05;
    censored cells: Overstall, King, Bird, Hutchinson and Hay (2014), doi:10.1002/sim.6047.

    Examples
    --------
    >>> import mse
    >>> h = mse.load_dataset("HAV")
    >>> [round(mse.closed_population(h, heterogeneity=form).n_hat) for form in ("chao", "poisson2", "darroch")]
    [479, 736, 1313]
    >>> print(mse.closed_population(h, interval="log-normal"))
    Mth Chao (lower bound): N 479, 95 % confidence interval 412 to 577 (log-normal; of the lower bound),
    271 observed
    """
    _check_options(histories, model, heterogeneity, interval, likelihood)
    options = {
        "method": "closed_population",
        "model": model,
        "heterogeneity": heterogeneity if "h" in model and model not in BEHAVIOUR_MODELS else None,
        "interval": interval,
        "likelihood": likelihood,
        "ordered": ordered,
    }
    mle: ClosedMLE | RemovalMLE
    profile: Profile
    name: str
    notes: tuple[str, ...]
    coefficients: dict[str, float]
    if model in BEHAVIOUR_MODELS:
        _refuse_unordered(model, ordered)
        name, notes, coefficients = model, (IN_TIME,), {}
        mle = fit_behaviour(histories, model)
        profile = removal_profile(mle, likelihood)
    else:
        if sum(histories.list_totals.values()) == histories.n_listed:
            raise NoOverlap.between(histories.lists)
        name = _printed(model, heterogeneity)
        mle = fit_closed(histories, design_of(histories, model, heterogeneity), name)
        notes, coefficients = _notes(mle, model, heterogeneity), mle.coefficients
        profile = _profile(mle, likelihood, name, _note_of(model, heterogeneity))
    return ClosedEstimate(
        model=name,
        n_observed=mle.n_observed,
        n_hat=profile.n_hat,
        uncertainty=_rule(mle, profile, interval),
        diagnostics=mle.diagnostics(),
        provenance=provenance.record(input_sha256=histories.sha256, options=options),
        notes=notes + _too_short(mle, interval, likelihood),
        coefficients=coefficients,
    )


def _check_options(histories: CaptureHistories, model: str, heterogeneity: str, interval: str, likelihood: str) -> None:
    for option, value, allowed in (
        ("model", model, LOGLINEAR_MODELS + BEHAVIOUR_MODELS),
        ("heterogeneity", heterogeneity, HETEROGENEITIES),
        ("interval", interval, INTERVALS),
        ("likelihood", likelihood, LIKELIHOODS),
    ):
        if value not in allowed:
            raise BadInput.option(option, value, allowed)
    histories.require_one_stratum()
    if histories.n_lists > MOST_LISTS:
        raise BadInput(
            f"there are {histories.n_lists} lists, and these models take at most {MOST_LISTS}; merge some of them"
        )


def _refuse_unordered(model: str, ordered: bool) -> None:
    if not ordered:
        raise Refused(
            f"{model} rests on the order in which persons were captured, and lists have none: another order gives "
            "another answer; choose M0, Mt, Mh or Mth, or say ordered=True if the lists are occasions in time"
        )


def _profile(mle: ClosedMLE, likelihood: str, name: str, note: str) -> Profile:
    if not mle.counts.is_censored:
        return profile_of(mle, likelihood, name, note)
    cells = mle.whole.columns, mle.counts.known, mle.counts.doubtful
    fit = CensoredFit(name, *cells, mle.fit.beta, mle.whole.kinks)
    return CensoredProfile(fit, note) if likelihood == "poisson" else CensoredMultinomial(fit, note)


def _rule(mle: ClosedMLE | RemovalMLE, profile: Profile, interval: str) -> IntervalRule:
    if interval == "profile":
        return profile
    if isinstance(mle, RemovalMLE):
        n_hat = mle.n_observed + mle.n_hidden
        return LogNormal.from_variance(mle.n_observed, n_hat, mle.diagnostics()["standard_error"] ** 2)
    return LogNormal(mle.n_observed, mle.n_hidden, mle.se_log_hidden, profile.note)


def _too_short(mle: ClosedMLE | RemovalMLE, interval: str, likelihood: str) -> tuple[str, ...]:
    """A warning where the persons observed, which these intervals take as given, vary as much as the answer."""
    if (interval == "profile" and likelihood == "multinomial") or (
        interval != "profile" and isinstance(mle, RemovalMLE)
    ):
        return ()
    missing = 1 - mle.n_hidden * mle.se_log_hidden / mle.standard_error
    if missing < SHORT:
        return ()
    return (
        f"so few are hidden that the interval is some {100 * missing:.0f} % too short; the one by interval='profile', "
        "likelihood='multinomial' is not",
    )


def _printed(model: str, heterogeneity: str) -> str:
    if "h" not in model:
        return model
    return f"{model} {PRINTED[heterogeneity]}" + (" (lower bound)" if heterogeneity == "chao" else "")


def _note_of(model: str, heterogeneity: str) -> str:
    """What every interval must say."""
    return "of the lower bound" if "h" in model and heterogeneity == "chao" else ""


def _notes(mle: ClosedMLE, model: str, heterogeneity: str) -> tuple[str, ...]:
    notes = []
    if "h" in model and heterogeneity == "chao":
        notes.append("a lower bound of the total where persons differ, not an estimate of it")
        if not mle.design.kinks:
            notes.append(
                "no sign that persons differ: the answer is that of " + model.replace("h", "" if "t" in model else "0")
            )
        elif mle.dropped:
            notes.append(f"kinks that are 0 at the maximum: {', '.join(mle.dropped)}")
    elif "h" in model:
        notes.append(
            "how far persons differ among those on no list is an assumption of the form, which no count can test"
        )
    if mle.design.empty_lists:
        known = "who is known to belong " if mle.n_doubtful else ""
        notes.append(f"nobody {known}is on {', '.join(mle.design.empty_lists)}")
    if mle.n_doubtful:
        notes.append(
            OF_DOUBTFUL.format(doubtful=mle.n_doubtful, expected=mle.n_expected_among_doubtful, known=mle.n_observed)
        )
    return tuple(notes)
