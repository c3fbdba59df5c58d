"""What is resampled: the persons observed, or all persons of the fitted population.

Parametric: Buckland and Garthwaite (1991), doi:10.2307/2532510. N-hat persons are drawn under the fitted model, those
who fall into the missing cell are lost again, and so the number observed varies as the model says.

Where cells are censored, a resample holds known and doubtful persons. How many were listed from outside the population
nobody has modelled: the number that the fit leaves for them stays as it is.
"""

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.models.loglinear.bootstrap import resample_counts
from mse.models.loglinear.extended import ExtendedMLE

__all__ = ["RESAMPLINGS", "draw_resamples", "parametric_counts"]

RESAMPLINGS = ("fixed", "binomial", "parametric")


def draw_resamples(mle: ExtendedMLE, n_boot: int, *, how: str, seed: int) -> NDArray[np.float64]:
    """Resampled tables, shape (n_boot, 2**K), index 0 the missing cell, which is 0.

    With censored cells the shape is (n_boot, 2 * 2**K), doubtful persons behind the known ones.

    Parameters
    ----------
    mle : ExtendedMLE
        The fit of the chosen model on the observed counts.
    n_boot : int
    how : {"fixed", "binomial", "parametric"}
        Persons listed, with replacement; the same, the number of them who are in the population binomial with N-hat
        trials; or N-hat persons of the fitted model.
    seed : int
    """
    if how not in RESAMPLINGS:
        raise BadInput.option("resampling", how, RESAMPLINGS)
    if how == "parametric":
        return parametric_counts(mle, n_boot, seed=seed)
    n_hat = mle.n_observed + mle.n_hidden if how == "binomial" else None
    n_outside = float(mle.doubtful.sum() - mle.among_doubtful[0].sum())
    return resample_counts(mle.persons, n_boot, seed=seed, n_hat=n_hat, n_outside=n_outside)


def parametric_counts(mle: ExtendedMLE, n_boot: int, *, seed: int) -> NDArray[np.float64]:
    """Tables of N-hat persons drawn under the fitted model, without those in the missing cell.

    N-hat is rounded to the nearest whole person. A cell that the model excludes stays empty. A censored cell gets, on
    top of the persons drawn, as many from outside as its count has more than its mean; each person of the population
    in it is known with the share that is known on the original table.
    """
    if n_boot < 1:
        raise BadInput(f"n_boot={n_boot!r} gives no resample; 1000 is usual")
    means = np.where(mle.support.active, mle.fit.means, 0.0)
    means[0] = mle.n_hidden
    rng = np.random.default_rng(seed)
    tables = rng.multinomial(max(round(means.sum()), mle.n_observed), means / means.sum(), size=n_boot)
    tables[:, 0] = 0
    if not mle.is_censored:
        return tables.astype(np.float64)
    cells = np.flatnonzero(mle.doubtful)
    known, doubtful = mle.counts[cells], mle.doubtful[cells]
    outside = np.rint(np.clip(known + doubtful - means[cells], 0, doubtful))
    share_known = known / np.maximum(known + doubtful - outside, 1)
    belong, more = tables[:, cells], np.zeros(tables.shape)
    tables[:, cells] = rng.binomial(belong, share_known)
    more[:, cells] = belong - tables[:, cells] + outside
    return np.hstack([tables, more])
