"""What is resampled: the persons observed, or all persons of the fitted population.

Parametric: Buckland and Garthwaite (1991), doi:10.2307/2532510. N-hat persons are drawn under the fitted model, those
who fall into the missing cell are lost again, and so the number observed varies as the model says.
"""

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput, Refused
from mse.models.loglinear.bootstrap import resample_counts
from mse.models.loglinear.extended import ExtendedMLE

__all__ = ["RESAMPLINGS", "draw_resamples", "parametric_counts"]

RESAMPLINGS = ("fixed", "binomial", "parametric")


def draw_resamples(mle: ExtendedMLE, n_boot: int, *, how: str, seed: int) -> NDArray[np.float64]:
    """Resampled tables, shape (n_boot, 2**K), index 0 the missing cell, which is 0.

    Parameters
    ----------
    mle : ExtendedMLE
        The fit of the chosen model on the observed counts.
    n_boot : int
    how : {"fixed", "binomial", "parametric"}
        Persons observed, with replacement; the same, their number binomial with N-hat trials; or N-hat persons of the
        fitted model.
    seed : int
    """
    if how not in RESAMPLINGS:
        raise BadInput.option("resampling", how, RESAMPLINGS)
    if mle.is_censored and how != "fixed":
        raise Refused(
            f"resampling={how!r} draws the number observed, which censored cells leave open; use resampling='fixed'"
        )
    if how == "parametric":
        return parametric_counts(mle, n_boot, seed=seed)
    n_hat = mle.n_observed + mle.n_hidden if how == "binomial" else None
    return resample_counts(mle.persons, n_boot, seed=seed, n_hat=n_hat)


def parametric_counts(mle: ExtendedMLE, n_boot: int, *, seed: int) -> NDArray[np.float64]:
    """Tables of N-hat persons drawn under the fitted model, without those in the missing cell.

    N-hat is rounded to the nearest whole person. A cell that the model excludes stays empty.
    """
    if n_boot < 1:
        raise BadInput(f"n_boot={n_boot!r} gives no resample; 1000 is usual")
    means = np.where(mle.support.active, mle.fit.means, 0.0)
    means[0] = mle.n_hidden
    rng = np.random.default_rng(seed)
    tables = rng.multinomial(max(round(means.sum()), mle.n_observed), means / means.sum(), size=n_boot)
    tables[:, 0] = 0
    return tables.astype(np.float64)
