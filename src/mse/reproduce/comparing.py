"""Do published limits agree with ours, when every seed gives other limits?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import StringIO
from math import exp, inf, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["PublishedLimit", "compare_limits", "published_limits"]

RESAMPLES_PUBLISHED = 1000
EDGE = 0.99  # a published limit belongs between the 1 % and the 99 % point of ours
MOST_ERRORS = 4.0  # standard errors of the difference of two shares
COLUMNS = ("place", "task", "quantity", "n_top", "ordering", "published", "ours", "smallest", "largest",
           "from", "to", "seeds", "verdict", "note")  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublishedLimit:
    """A number of a publication that resamples gave.

    Attributes
    ----------
    work, place, task : str
        Publication, table or section, and the name of a `Task`.
    quantity : str
        ``n_hat``; ``low_95``, ``high_95``, ``low_80``, ``high_80``; or ``within``, the resamples of 1,000 whose best
        model is among the first `n_top`.
    n_top : float
        Models that the resamples chose among; infinite for all, 0 where it has no meaning.
    ordering : int
        Order from which these are taken, 1 or 2; 0 where it has no meaning.
    printed : float
    slack : float
        How far rounding in print may have moved it.
    note : str
    """

    work: str
    place: str
    task: str
    quantity: str
    n_top: float
    ordering: int
    printed: float
    slack: float
    note: str

    @property
    def key(self) -> tuple[str, str, float, int]:
        """What one seed's number must be called to be compared with this one."""
        return self.task, self.quantity, self.n_top, self.ordering


@cache
def published_limits() -> tuple[PublishedLimit, ...]:
    """Every published number that resamples gave, in the order of the tables."""
    text = (files("mse.reproduce") / "resampled.csv").read_text("utf-8")
    frame = pd.read_csv(StringIO(text), keep_default_na=False, dtype=str)
    return tuple(
        PublishedLimit(
            row["work"], row["place"], row["task"], row["quantity"], float(row["n_top"] or 0),
            int(row["ordering"] or 0), float(row["printed"]), float(row["slack"]), row["note"],
        )
        for row in frame.to_dict("records")
    )  # fmt: skip


def compare_limits(published: Sequence[PublishedLimit], results: pd.DataFrame, *, n_boot: int) -> pd.DataFrame:
    """Published numbers beside those of our seeds.

    A limit agrees when it lies, up to rounding in print, between the 1 % and the 99 % point of a normal distribution
    fitted to the logs of ours, its variance raised by one part in the number of seeds, since the published limit is one
    draw more. A count of resamples agrees when it is within four standard errors of the difference of two counts.

    Parameters
    ----------
    published : sequence of PublishedLimit
    results : DataFrame
        Columns task, seed, quantity, n_top, ordering, value.
    n_boot : int
        Resamples behind each row of `results`.

    Returns
    -------
    DataFrame
        One row per published number: place, task, quantity, n_top, ordering, published, ours (median), smallest,
        largest, from and to (what would agree), seeds, verdict (``agrees``, ``differs`` or ``refused``, when no seed
        has the number), note.
    """
    keys = ["task", "quantity", "n_top", "ordering"]
    values = {key: group.to_numpy() for key, group in results.groupby(keys, sort=False)["value"]}
    rows = [_row(one, values.get(one.key, np.empty(0)), n_boot) for one in published]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(one: PublishedLimit, ours: NDArray[np.float64], n_boot: int) -> tuple[object, ...]:
    named = (one.place, one.task, one.quantity, one.n_top, one.ordering, one.printed)
    if not len(ours):
        return *named, np.nan, np.nan, np.nan, np.nan, np.nan, 0, "refused", one.note
    if one.quantity == "within":
        ours = ours * (RESAMPLES_PUBLISHED / n_boot)
        start, end = _counts_that_agree(ours, n_boot)
    else:
        start, end = _limits_that_agree(ours)
    start, end = start - one.slack, end + one.slack
    verdict = "agrees" if start <= one.printed <= end else "differs"
    told = float(np.median(ours)), float(ours.min()), float(ours.max()), start, end, len(ours)
    return *named, *told, verdict, one.note


def _limits_that_agree(ours: NDArray[np.float64]) -> tuple[float, float]:
    if not np.isfinite(ours).all():
        return float(ours.min()), inf
    logs = np.log(ours)
    spread = float(np.std(logs, ddof=1)) * sqrt(1 + 1 / len(ours)) if len(ours) > 1 else 0.0
    reach = float(ndtri(EDGE)) * spread
    return exp(float(logs.mean()) - reach), exp(float(logs.mean()) + reach)


def _counts_that_agree(ours: NDArray[np.float64], n_boot: int) -> tuple[float, float]:
    """Around the mean of our seeds, as many standard errors as two runs of one seed each may differ by."""
    share = float(ours.mean()) / RESAMPLES_PUBLISHED
    error = RESAMPLES_PUBLISHED * sqrt(share * (1 - share) * (1 / n_boot + 1 / RESAMPLES_PUBLISHED))
    return float(ours.mean()) - MOST_ERRORS * error, float(ours.mean()) + MOST_ERRORS * error
