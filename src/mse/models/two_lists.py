"""Two lists: Lincoln-Petersen and Chapman, for one pair of lists or for every one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Replicated, to_frame
from mse.histories import CaptureHistories
from mse.interval import LogNormal

__all__ = ["chapman", "every_pair", "lincoln_petersen"]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Persons on each of two lists and on both, whatever other lists they are on."""

    lists: tuple[str, str]
    first: int
    second: int
    both: int

    @property
    def n_observed(self) -> int:
        """Persons on either of the two."""
        return self.first + self.second - self.both


def chapman(histories: CaptureHistories, *, lists: Sequence[str] | None = None) -> Replicated:
    """Total from two lists by Chapman's estimator, nearly unbiased in small samples.

    With n1 and n2 persons on the lists and m on both, N-hat = (n1 + 1)(n2 + 1) / (m + 1) - 1. It assumes that the
    lists are independent and that everybody in the population has the same chance of being on a list, at least for
    one of the two. Its 95 % interval is log-normal on the number of persons on neither list.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata.
    lists : sequence of two str, optional
        Which two lists to use; None needs a table of exactly two. With two of several, a person counts as on a list
        whatever other lists hold that person; those on neither of the two are left out, and `notes` says how many.

    Returns
    -------
    Replicated
        `n_observed` is the number of persons on either of the two lists. `diagnostics` holds the persons on the
        first, on the second and on both, and the standard error of N-hat.

    Raises
    ------
    BadInput
        When `lists` does not name two lists of the table, or is needed and not given.
    NoOverlap
        When nobody is on both lists: the answer would come from the added ones alone.
    Refused
        When some persons on one of the two lists are in a censored cell, or structural zeros leave nobody who can be
        on both, or on one of the two without the other.

    References
    ----------
    Chapman (1951), University of California Publications in Statistics 1, 131-160; variance: Seber (1982), The
    Estimation of Animal Abundance, section 3.1; interval: Chao (1987), doi:10.2307/2531532.

    Examples
    --------
    >>> import mse
    >>> print(mse.chapman(mse.load_dataset("HAV"), lists=("A", "B")))
    Chapman [A][B]: N 334, 95 % confidence interval 289 to 403 (log-normal), 208 observed
    """
    pair = _pair_of(histories, lists)
    n_hat, variance = _chapman(pair.first, pair.second, pair.both)
    return _estimate("Chapman", histories, pair, n_hat, variance)


def lincoln_petersen(histories: CaptureHistories, *, lists: Sequence[str] | None = None) -> Replicated:
    """Total from two lists by the Lincoln-Petersen estimator, the maximum likelihood under independence.

    With n1 and n2 persons on the lists and m on both, N-hat = n1 n2 / m. Prefer `chapman` when m is small. Its 95 %
    interval is log-normal on the number of persons on neither list.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata.
    lists : sequence of two str, optional
        Which two lists to use; None needs a table of exactly two. As in `chapman`.

    Returns
    -------
    Replicated
        As in `chapman`.

    Raises
    ------
    BadInput
        When `lists` does not name two lists of the table, or is needed and not given.
    NoOverlap
        When nobody is on both lists.
    Refused
        As in `chapman`.

    References
    ----------
    Seber (1982), The Estimation of Animal Abundance, section 3.1; interval: Chao (1987), doi:10.2307/2531532.

    Examples
    --------
    >>> import mse
    >>> print(mse.lincoln_petersen(mse.load_dataset("HAV"), lists=("A", "B")))
    Lincoln-Petersen [A][B]: N 336, 95 % confidence interval 290 to 408 (log-normal), 208 observed
    """
    pair = _pair_of(histories, lists)
    n_hat, variance = _lincoln_petersen(pair.first, pair.second, pair.both)
    return _estimate("Lincoln-Petersen", histories, pair, n_hat, variance)


def every_pair(histories: CaptureHistories, *, level: float = 0.95) -> pd.DataFrame:
    """Lincoln-Petersen and Chapman for every two of the lists, side by side.

    With independent lists and persons alike all pairs estimate one total. Where they lie far apart, some lists share
    persons more, or less, than they would by chance, or cover different populations: a first look, not an answer.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata; each pair is used as `chapman` uses it.
    level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        Two rows for each of the K (K - 1) / 2 pairs, in the order of the lists. Columns first, second, on_first,
        on_second, on_both, method, n_observed, n_hat, low, high, level, kind, and refusal: why a pair has no estimate,
        in which case the numbers of the estimate are missing; empty otherwise.

    Raises
    ------
    BadInput
        For a table with strata.

    References
    ----------
    Chapman (1951), University of California Publications in Statistics 1, 131-160; Seber (1982), The Estimation of
    Animal Abundance, section 3.1.

    Examples
    --------
    >>> import mse
    >>> table = every_pair(mse.load_dataset("HAV"))
    >>> table[table.method == "Chapman"][["first", "second", "on_both", "n_hat"]].round().values.tolist()
    [['A', 'B', 49, 334.0], ['A', 'C', 45, 374.0], ['B', 'C', 46, 331.0]]
    """
    histories.require_one_stratum()
    rows = []
    for pair in combinations(histories.lists, 2):
        seen = {
            "first": pair[0],
            "second": pair[1],
            "on_first": histories.overlap(pair[0]),
            "on_second": histories.overlap(pair[1]),
            "on_both": histories.overlap(*pair),
        }
        for method, estimator in (("Lincoln-Petersen", lincoln_petersen), ("Chapman", chapman)):
            try:
                answer = to_frame(estimator(histories, lists=pair), level=level).iloc[0]
                found = {name: answer[name] for name in ("n_observed", "n_hat", "low", "high", "level", "kind")}
            except Refused as refusal:
                found = {"refusal": str(refusal)}
            rows.append(seen | {"method": method, "refusal": ""} | found)
    columns = [*seen, "method", "n_observed", "n_hat", "low", "high", "level", "kind", "refusal"]
    return pd.DataFrame(rows).reindex(columns=columns).astype({"n_observed": "Int64"})


def _chapman(first: int, second: int, both: int) -> tuple[float, float]:
    """N-hat and its variance (Seber 1982)."""
    n_hat = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    return n_hat, variance


def _lincoln_petersen(first: int, second: int, both: int) -> tuple[float, float]:
    """N-hat and its variance by the delta method on multinomial counts."""
    return first * second / both, first * second * (first - both) * (second - both) / both**3


def _pair_of(histories: CaptureHistories, lists: Sequence[str] | None) -> _Pair:
    histories.require_one_stratum()
    names = histories.lists if lists is None else (lists,) if isinstance(lists, str) else tuple(lists)
    if len(names) != 2 or names[0] == names[1]:
        raise BadInput(
            f"{names} is not a pair of lists, and two-list estimators take two; name two of {histories.lists} in lists="
        )
    pair = _Pair(
        (names[0], names[1]), histories.overlap(names[0]), histories.overlap(names[1]), histories.overlap(*names)
    )
    _refuse_undetermined(histories, pair)
    if not pair.both:
        raise NoOverlap.between(names)
    return pair


def _refuse_undetermined(histories: CaptureHistories, pair: _Pair) -> None:
    """Refuse a pair whose three counts are not what the estimators take them for."""
    a, b = (histories.lists.index(name) for name in pair.lists)
    doubtful = histories.counts - histories.known_counts
    used = [row for row, history in enumerate(histories.histories) if history[a] or history[b]]
    if doubtful[used].any():
        raise Refused(
            f"of the {pair.n_observed} persons on {pair.lists[0]} or {pair.lists[1]} {doubtful[used].sum()} are in a "
            "censored cell and may not be in the population; use two other lists, or a log-linear model of all lists"
        )
    for on_a, on_b, told in ((1, 1, "both"), (1, 0, "the first alone"), (0, 1, "the second alone")):
        rows = [row for row, history in enumerate(histories.histories) if (history[a], history[b]) == (on_a, on_b)]
        if not histories.cells_that_can_occur[rows].any():
            raise Refused(
                f"of {pair.lists[0]} and {pair.lists[1]} nobody can be on {told}: every such history is declared "
                "impossible, so the two cannot be independent; use two other lists"
            )


def _estimate(method: str, histories: CaptureHistories, pair: _Pair, n_hat: float, variance: float) -> Replicated:
    return Replicated(
        model=f"{method} [{pair.lists[0]}][{pair.lists[1]}]",
        n_observed=pair.n_observed,
        n_hat=n_hat,
        uncertainty=LogNormal.from_variance(pair.n_observed, n_hat, variance),
        diagnostics={
            "on_first": float(pair.first),
            "on_second": float(pair.second),
            "on_both": float(pair.both),
            "standard_error": variance**0.5,
        },
        provenance=provenance.record(
            input_sha256=histories.sha256, options={"method": method, "lists": list(pair.lists)}
        ),
        notes=_notes(histories, pair, n_hat),
    )


def _notes(histories: CaptureHistories, pair: _Pair, n_hat: float) -> tuple[str, ...]:
    left_out = histories.n_observed - pair.n_observed
    notes = []
    if left_out:
        notes.append(f"{left_out} persons on neither {pair.lists[0]} nor {pair.lists[1]} were not used")
    a, b = (histories.lists.index(name) for name in pair.lists)
    impossible = sum(1 for history in histories.structural_zeros if history[a] or history[b])
    if impossible:
        notes.append(
            f"{impossible} of the histories with {pair.lists[0]} or {pair.lists[1]} are declared impossible, and an "
            "estimate from two lists knows nothing of that; prefer a log-linear model of all lists"
        )
    if n_hat < histories.n_observed:
        notes.append(
            f"the total is below the {histories.n_observed} persons that all lists hold: {pair.lists[0]} and "
            f"{pair.lists[1]} are not independent, or do not cover the same population"
        )
    return tuple(notes)
