"""The methods that the coverage study compares: each makes one row of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import mse
from mse.errors import Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import Percentile
from simulations.rows import Row
from simulations.truth import Truth

__all__ = ["LEVELS", "METHODS", "Method", "columns_of"]

LEVELS = (0.95, 0.8)


@dataclass(frozen=True)
class Method:
    """A method of estimation.

    Attributes
    ----------
    says : str
        What it is, for the table.
    kinds : tuple of str
        The intervals that it gives, in the names of the columns.
    estimate : callable
        Answers the cells of a row; takes the data set, a seed, the number of resamples and the truth.
    resamples : bool
        Whether the number of resamples matters.
    """

    says: str
    kinds: tuple[str, ...]
    estimate: Callable[[CaptureHistories, int, int, Truth], Row]
    resamples: bool = False

    def row(self, truth: Truth, number: int, n_boot: int) -> Row:
        """One data set's row; a refusal is a row with its reason and no estimate."""
        histories = truth.data_set(number)
        try:
            found = self.estimate(histories, truth.seed_of(number), n_boot, truth)
        except Refused as refusal:
            found = {"refused": str(refusal)}
        return {"n_observed": histories.n_observed, **found}


def columns_of(method: Method) -> tuple[str, ...]:
    """Columns of the method's file."""
    ends = [name for kind in method.kinds for level in LEVELS for name in ends_of(kind, level)]
    smoothed = ("median_of_resamples",) if method.resamples else ()
    return ("n_observed", "model", "n_hat", *smoothed, *ends, "refused")


def ends_of(kind: str, level: float) -> tuple[str, str]:
    """Names of the columns of an interval's ends."""
    return f"{kind}_{100 * level:g}_low", f"{kind}_{100 * level:g}_high"


def _ends(kind: str, estimate: Estimate | Percentile) -> Iterator[tuple[str, float]]:
    for level in LEVELS:
        found = estimate.at(level) if isinstance(estimate, Percentile) else estimate.interval(level)
        yield from zip(ends_of(kind, level), (found.low, found.high), strict=True)


def _bootstrapped(**options: object) -> Callable[[CaptureHistories, int, int, Truth], Row]:
    """The model chosen by `select_loglinear` and again in every resample, with BCa and percentile intervals."""

    def estimate(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
        def selected(interval: str) -> mse.Estimate:
            return mse.select_loglinear(histories, interval=interval, n_boot=n_boot, seed=seed, **options)

        row: dict[str, float | str] = {}
        try:
            chosen = selected("bca")
            row |= _ends("bca", chosen)
        except Refused as refusal:
            # The estimate stands although its BCa interval is not defined.
            row["refused"] = str(refusal)
            try:
                chosen = selected("percentile")
            except Refused:
                alone = mse.select_loglinear(histories, **options)
                return {**row, "model": alone.model, "n_hat": alone.n_hat}
        totals = chosen.draws[:, 0]
        row |= _ends("percentile", Percentile(totals))
        return {**row, "model": chosen.model, "n_hat": chosen.n_hat, "median_of_resamples": float(np.median(totals))}

    return estimate


def _best_pairs_with_profile(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
    """The Poisson estimate and the multinomial profile interval of the best model, as the paper took from Rcapture."""
    best = mse.select_loglinear(histories, max_order=2)
    fitted = mse.fit_loglinear(histories, best.model, likelihood="multinomial")
    return {"model": best.model, "n_hat": best.n_hat, **dict(_ends("profile", fitted))}


def _averaged(by: str, max_order: int | None) -> Callable[[CaptureHistories, int, int, Truth], Row]:
    def estimate(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
        average = mse.average_loglinear(histories, by=by, max_order=max_order, n_draws=1, seed=seed)
        return {"model": "average", "n_hat": average.n_hat, **dict(_ends("mixture", average))}

    return estimate


def _decomposed(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
    posterior = mse.decomposable(histories)
    return {"model": posterior.model, "n_hat": posterior.n_hat, **dict(_ends("equal-tailed", posterior))}


def _thresholded(prior: str) -> Callable[[CaptureHistories, int, int, Truth], Row]:
    def estimate(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
        posterior = mse.bayes_threshold(histories, prior=prior, seed=seed)
        return {"model": posterior.model, "n_hat": posterior.n_hat, **dict(_ends("equal-tailed", posterior))}

    return estimate


def _true_model(histories: CaptureHistories, seed: int, n_boot: int, truth: Truth) -> Row:
    fitted = mse.fit_loglinear(histories, truth.model, likelihood="multinomial")
    return {"model": "true", "n_hat": fitted.n_hat, **dict(_ends("profile", fitted))}


BOOTSTRAP = ("bca", "percentile")

METHODS = {
    "stepwise": Method("stepwise at 0.02", BOOTSTRAP, _bootstrapped(search="stepwise"), True),
    "stepwise-binomial": Method(
        "stepwise at 0.02, number observed resampled too",
        BOOTSTRAP,
        _bootstrapped(search="stepwise", resampling="binomial"),
        True,
    ),
    "bic-pairs-profile": Method("best two-list model by BIC", ("profile",), _best_pairs_with_profile),
    "bic-pairs": Method("best two-list model by BIC", BOOTSTRAP, _bootstrapped(max_order=2), True),
    "bic-all": Method("best of all models by BIC", BOOTSTRAP, _bootstrapped(), True),
    "average-bic-pairs": Method("average of two-list models by BIC", ("mixture",), _averaged("bic", 2)),
    "average-bic-all": Method("average of all models by BIC", ("mixture",), _averaged("bic", None)),
    "average-aic-pairs": Method("average of two-list models by AIC", ("mixture",), _averaged("aic", 2)),
    "decomposable": Method("Bayesian average of decomposable graphs", ("equal-tailed",), _decomposed),
    "bayes-threshold": Method("Bayesian threshold, normal priors", ("equal-tailed",), _thresholded("proper")),
    "bayes-threshold-flat": Method("Bayesian threshold, flat priors", ("equal-tailed",), _thresholded("improper")),
    "true-model": Method("the true model, as if it were known", ("profile",), _true_model),
}
