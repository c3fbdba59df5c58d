"""What the total would be had records been joined at a threshold: the share of draws in which two are one person."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.links import Links
from mse.propagation.calling import Fit, SeededFit
from mse.propagation.linkage_draws import fit_each

__all__ = ["joined_at", "pairs_together", "threshold_curve"]

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
ROUNDING = 1e-9


def threshold_curve(
    fit: Fit, links: Links, *, thresholds: Sequence[float] = THRESHOLDS, level: float = 0.95, seed: int, n_jobs: int = 1
) -> pd.DataFrame:
    """The estimate if records were joined once, at each of several thresholds, instead of in many draws.

    A second opinion: a total that moves much along the curve depends on the linkage, whatever its pooled interval.

    Parameters
    ----------
    fit : callable
        As in `propagate`.
    links : Links
        Two draws or more.
    thresholds : sequence of float
        Shares of the draws in which two records are one person, above 0 and up to 1. See `joined_at`.
    level : float
        Level of the intervals.
    seed : int
    n_jobs : int
        Threads. The result does not depend on it.

    Returns
    -------
    DataFrame
        One row per threshold: threshold, n_observed, n_hat, low, high, level, kind, and refusal, which says why there
        is no estimate and is empty otherwise. The intervals know nothing of linkage error.

    Raises
    ------
    BadInput
        For a threshold that is no such share, a single draw, or a fit that cannot be called.

    Examples
    --------
    >>> import mse
    >>> import numpy as np
    >>> import pandas as pd
    >>> records = pd.DataFrame({"list": ["a"] * 40 + ["b"] * 30, "record": range(70)})
    >>> sure = [*range(40), *range(12), *range(40, 58)]
    >>> bolder = [*range(40), *range(14), *range(40, 56)]
    >>> links = mse.Links(records, np.array([sure, sure, bolder], np.int32), ("a", "b"))
    >>> threshold_curve(mse.chapman, links, thresholds=(0.3, 0.9), seed=1).n_hat.round().tolist()
    [84.0, 97.0]
    """
    joined = joined_at(links, thresholds)
    tables = CaptureHistories.from_links(joined)
    rows = []
    outcomes = fit_each(SeededFit.of(fit), tables, seed=seed, n_jobs=n_jobs)
    for threshold, table, outcome in zip(thresholds, tables, outcomes, strict=True):
        row: dict[str, object] = {"threshold": threshold, "n_observed": table.n_observed, "refusal": ""}
        try:
            if isinstance(outcome, Refused):
                raise outcome
            interval = outcome.interval(level)
            row |= {"n_hat": outcome.n_hat, "low": interval.low, "high": interval.high, "kind": interval.kind}
        except Refused as refusal:
            row["refusal"] = str(refusal)
        rows.append(row | {"level": level})
    columns = ["threshold", "n_observed", "n_hat", "low", "high", "level", "kind", "refusal"]
    return pd.DataFrame(rows).reindex(columns=columns)


def joined_at(links: Links, thresholds: Sequence[float]) -> Links:
    """One way of joining for each threshold, as the draws of a `Links`.

    Pairs of records join in the order of the share of draws in which they are one person, the surest first, down to
    the threshold; two groups that both have a record of some list join only if these records are one person in that
    share of draws themselves. Equal shares go by the order of the records.

    Raises
    ------
    BadInput
        For no threshold, one outside (0, 1], or a single draw.
    """
    for threshold in thresholds:
        if not 0 < threshold <= 1:
            raise BadInput(f"threshold {threshold!r} is not a share of draws; give a number above 0 and up to 1")
    if not len(thresholds):
        raise BadInput("no threshold was given; give one or more, such as 0.5")
    if links.n_draws < 2:
        raise BadInput("one draw has no thresholds: its links are made or not; link with n_draws=100")
    left, right, count = pairs_together(links)
    groups = _Groups(pd.Categorical(links.records["list"], categories=list(links.lists)).codes.astype(np.int64))
    found: dict[float, NDArray[np.int32]] = {}
    done = 0
    for threshold in sorted(set(thresholds), reverse=True):
        last = int(np.searchsorted(-count, -(threshold * links.n_draws - ROUNDING), side="right"))
        groups.join(left[done:last].tolist(), right[done:last].tolist())
        done = last
        found[threshold] = groups.numbers()
    return replace(links, persons=np.stack([found[threshold] for threshold in thresholds]))


class _Groups:
    """Records joined so far: a forest with the members of each root."""

    def __init__(self, list_of: NDArray[np.int64]) -> None:
        self.list_of = list_of.tolist()
        self.members = {record: [record] for record in range(len(list_of))}
        self.root = list(range(len(list_of)))
        self.allowed: set[tuple[int, int]] = set()

    def join(self, left: Sequence[int], right: Sequence[int]) -> None:
        """Join these pairs in order, where no list would come twice."""
        for a, b in zip(left, right, strict=True):
            self.allowed.add((a, b))
            ours, theirs = self.root[a], self.root[b]
            if ours == theirs or self._clash(ours, theirs):
                continue
            if len(self.members[ours]) < len(self.members[theirs]):
                ours, theirs = theirs, ours
            for record in self.members[theirs]:
                self.root[record] = ours
            self.members[ours] += self.members.pop(theirs)

    def numbers(self) -> NDArray[np.int32]:
        return np.array(self.root, dtype=np.int32)

    def _clash(self, ours: int, theirs: int) -> bool:
        return any(
            self.list_of[a] == self.list_of[b] and (min(a, b), max(a, b)) not in self.allowed
            for a in self.members[ours]
            for b in self.members[theirs]
        )


def pairs_together(links: Links) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of records that are one person in some draw, and in how many; the most frequent first."""
    keys = []
    for persons in links.persons:
        # Stable: within a person the records keep their order, so that the left one comes first.
        order = np.argsort(persons, kind="stable")
        for step in range(1, int(np.bincount(persons).max())):
            left, right = order[:-step], order[step:]
            same = persons[left] == persons[right]
            keys.append(left[same].astype(np.int64) * links.n_records + right[same])
    pairs, count = np.unique(np.concatenate([*keys, np.empty(0, np.int64)]), return_counts=True)
    surest_first = np.lexsort((pairs, -count))
    left, right = np.divmod(pairs[surest_first], links.n_records)
    return left, right, count[surest_first]
