"""Questions to the agencies: the pairs of records whose doubt moves the total most, named by random ids only."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.links import Links
from mse.models.loglinear.fitting import fit_loglinear
from mse.propagation.agreement_thresholds import pairs_together

__all__ = ["question_list"]


def question_list(
    links: Links, *, n_questions: int = 20, total: Callable[[CaptureHistories], float] | None = None
) -> pd.DataFrame:
    """The uncertain pairs of records to ask the agencies about, the one whose answer matters most first.

    A pair is uncertain if its records are one person in some draws and not in others. Its influence is the standard
    deviation that this doubt alone gives the total: with p the share of draws in which they are one person,
    sqrt(p (1 - p)) times what the total changes by when, in the central draw, the two are joined or parted.

    Parameters
    ----------
    links : Links
        Two draws or more.
    n_questions : int
        The most questions to ask.
    total : callable, optional
        From capture histories to the estimated total, in persons; that of independent lists when not given.

    Returns
    -------
    DataFrame
        One row per question: list_a, record_a, list_b, record_b, share (of draws in which they are one person),
        change (of the total, in persons, if they are one person and not two; inf where the total exists one way
        only) and influence (persons). Empty when the draws agree on every pair.

    Raises
    ------
    BadInput
        For a single draw, or no room for a question.

    References
    ----------
    Asking where the answer moves the result most is the idea of clerical review by influence; see Fellegi and Sunter
    (1969), doi:10.1080/01621459.1969.10501049, for the region in which pairs are sent to review.

    Examples
    --------
    >>> records = pd.DataFrame({"list": ["a"] * 40 + ["b"] * 30, "record": [f"r{i}" for i in range(70)]})
    >>> sure = [*range(40), *range(12), *range(40, 58)]
    >>> bolder = [*range(40), *range(13), *range(41, 58)]
    >>> links = Links(records, np.array([sure, bolder], np.int32), ("a", "b"))
    >>> question_list(links)[["record_a", "record_b", "share", "change"]].round(1).values.tolist()
    [['r12', 'r52', 0.5, -7.7]]
    """
    if links.n_draws < 2:
        raise BadInput("one draw holds no doubt to ask about; link with n_draws=100")
    if n_questions < 1:
        raise BadInput(f"n_questions={n_questions!r} leaves room for no question; give 1 or more")
    left, right, count = pairs_together(links)
    of_list = pd.Categorical(links.records["list"], categories=list(links.lists)).codes
    doubted = (count < links.n_draws) & (of_list[left] != of_list[right])
    left, right, share = left[doubted], right[doubted], count[doubted] / links.n_draws
    change = _Central(links, total or _independent).changes(left, right)
    frame = pd.DataFrame(
        {
            "list_a": links.records["list"].to_numpy()[left],
            "record_a": links.records["record"].to_numpy()[left],
            "list_b": links.records["list"].to_numpy()[right],
            "record_b": links.records["record"].to_numpy()[right],
            "share": share,
            "change": change,
            "influence": np.sqrt(share * (1 - share)) * np.abs(change),
        }
    )
    return frame.sort_values("influence", ascending=False, kind="stable", ignore_index=True).head(n_questions)


class _Central:
    """The central draw, and what its total would be with one pair joined or parted."""

    def __init__(self, links: Links, total: Callable[[CaptureHistories], float]) -> None:
        self.persons = links.persons[links.central_draw]
        self.together = links.persons
        self.table = CaptureHistories.from_links(links)[links.central_draw]
        bits = 1 << (len(links.lists) - 1 - np.arange(len(links.lists)))
        codes = pd.Categorical(links.records["list"], categories=list(links.lists)).codes
        self.bit_of = bits[codes].astype(np.int64)
        self.total = total
        self.known: dict[tuple[tuple[int, int], ...], float] = {}

    def changes(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the total when each pair is one person, less that when it is two."""
        return np.array([self._change(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)], dtype=float)

    def _change(self, a: int, b: int) -> float:
        if self.persons[a] == self.persons[b]:
            joined = self._history(self.persons == self.persons[a])
            with_a, with_b = self._parted(a, b)
            as_one, as_two = self._total(), self._total((joined, -1), (with_a, 1), (with_b, 1))
        else:
            one, other = (self._history(self.persons == self.persons[record]) for record in (a, b))
            # Where both persons are on a list, one record of it is left over and makes a person of its own.
            as_one = self._total((one, -1), (other, -1), (one | other, 1), (one & other, 1))
            as_two = self._total()
        return np.inf if np.inf in (as_one, as_two) else as_one - as_two

    def _parted(self, a: int, b: int) -> tuple[int, int]:
        """Histories of the two persons: every other record goes with the one it is with in more draws."""
        members = np.flatnonzero(self.persons == self.persons[a])
        others = members[(members != a) & (members != b)]
        with_a, with_b = ((self.together[:, others] == self.together[:, [record]]).sum(axis=0) for record in (a, b))
        of_a = self.bit_of[a] | np.bitwise_or.reduce(self.bit_of[others[with_a >= with_b]], initial=0)
        of_b = self.bit_of[b] | np.bitwise_or.reduce(self.bit_of[others[with_a < with_b]], initial=0)
        return int(of_a), int(of_b)

    def _history(self, records: NDArray[np.bool_]) -> int:
        return int(np.bitwise_or.reduce(self.bit_of[records]))

    def _total(self, *steps: tuple[int, int]) -> float:
        """The total of the table with these histories added and taken away, once for each; inf where there is none."""
        key = tuple(sorted((history, step) for history, step in steps if history))
        if key not in self.known:
            counts = self.table.counts.copy()
            for history, step in key:
                counts[history - 1] += step
            try:
                self.known[key] = self.total(CaptureHistories(self.table.lists, counts))
            except Refused:
                self.known[key] = np.inf
        return self.known[key]


def _independent(histories: CaptureHistories) -> float:
    return fit_loglinear(histories, "independence", interval="log-normal").n_hat
