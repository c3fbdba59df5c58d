"""Two lists whose links are partly missed or false: the overlap put right for known error rates.

The error model: a person on both lists is linked with probability 1 - missed_link_rate, a person on the first list
alone is linked to somebody else's record with probability false_link_rate, independently of each other. With n1 and n2
persons on the lists and M on both, the expected number of links is (1 - missed) M + false (n1 - M), so

    M-hat = (links - false n1) / (1 - missed - false),    N-hat = n1 n2 / M-hat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal
from mse.links import Links
from mse.models.two_lists import lincoln_petersen

__all__ = ["LinkageErrors", "di_consiglio_tuoto", "ding_fienberg", "linkage_errors"]

RATES_KNOWN = "the interval takes the error rates of the linkage as known"


@dataclass(frozen=True, slots=True)
class LinkageErrors:
    """Error rates of one draw's links between two lists, judged by all draws.

    Attributes
    ----------
    missed_link_rate : float
        Share, among persons of the first list who are on the second, of those who are not linked.
    false_link_rate : float
        Share, among persons of the first list who are not on the second, of those who are linked.
    lists : pair of str
    """

    missed_link_rate: float
    false_link_rate: float
    lists: tuple[str, str]


def ding_fienberg(
    histories: CaptureHistories, *, missed_link_rate: float, lists: Sequence[str] | None = None
) -> Replicated:
    """Total from two lists some of whose links were missed, and none is false.

    N-hat = n1 n2 (1 - missed_link_rate) / links: Lincoln-Petersen's, less the part that missed links add. Its
    assumptions come on top: lists independent, persons alike.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata, of one way of linking.
    missed_link_rate : float
        Share of the persons on both lists whose records were not linked; from 0 to below 1.
    lists : sequence of two str, optional
        As in `lincoln_petersen`.

    Returns
    -------
    Replicated
        `n_observed` is the corrected number of distinct persons on the two lists, rounded. `diagnostics`: on_first,
        on_second, linked, corrected_overlap, uncorrected (Lincoln-Petersen's N-hat) and standard_error.

    Raises
    ------
    BadInput
        For a rate outside its range, or no pair of lists.
    Refused
        When no link is left, or the corrected overlap is larger than the shorter list.

    References
    ----------
    Ding and Fienberg (1994), Survey Methodology 20(2), 149-158.

    Examples
    --------
    >>> h = CaptureHistories.from_counts(("a", "b"), {(1, 1): 40, (1, 0): 60, (0, 1): 40})
    >>> estimate = ding_fienberg(h, missed_link_rate=0.2)
    >>> estimate.n_hat, estimate.diagnostics["uncorrected"], estimate.n_observed
    (160.0, 200.0, 130)
    """
    return _corrected("Ding-Fienberg", histories, missed_link_rate, 0.0, lists)


def di_consiglio_tuoto(
    histories: CaptureHistories,
    *,
    missed_link_rate: float,
    false_link_rate: float,
    lists: Sequence[str] | None = None,
) -> Replicated:
    """Total from two lists some of whose links were missed and some are false.

    As `ding_fienberg`, with persons of the first list who are linked to somebody else's record. Which list is the
    first matters, since the rate is one of its persons.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata, of one way of linking.
    missed_link_rate, false_link_rate : float
        As in `LinkageErrors`; together below 1.
    lists : sequence of two str, optional
        As in `lincoln_petersen`.

    Returns
    -------
    Replicated
        As from `ding_fienberg`.

    Raises
    ------
    BadInput
        For rates outside their range, or no pair of lists.
    Refused
        When no more links are found than false ones are expected, or the corrected overlap is larger than the shorter
        list.

    References
    ----------
    Di Consiglio and Tuoto (2015), Journal of Official Statistics 31(3), 415-429.

    Examples
    --------
    >>> h = CaptureHistories.from_counts(("a", "b"), {(1, 1): 41, (1, 0): 59, (0, 1): 39})
    >>> round(di_consiglio_tuoto(h, missed_link_rate=0.2, false_link_rate=0.02).n_hat, 6)
    160.0
    """
    return _corrected("Di Consiglio-Tuoto", histories, missed_link_rate, false_link_rate, lists)


def linkage_errors(links: Links, *, draw: int | None = None, lists: Sequence[str] | None = None) -> LinkageErrors:
    """The error rates of one draw's links between two lists, with the share of draws as the chance to be on both.

    With these rates the corrected overlap is the mean overlap of all draws, exactly: they correct one way of linking to
    what the draws believe, and nothing that all draws have wrong.

    Parameters
    ----------
    links : Links
        Two draws or more.
    draw : int, optional
        The draw to judge; the central one when not given.
    lists : sequence of two str, optional
        Which two lists; None needs links of exactly two.

    Raises
    ------
    BadInput
        For a single draw, no pair of lists, or records of the first list that are one person in some draws only.
    Refused
        When everybody, or nobody, of the first list is on the second in all draws: one of the rates has no meaning.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"list": ["a", "a", "b", "b"], "record": range(4)})
    >>> links = Links(records, np.array([[0, 1, 0, 2], [0, 1, 0, 1], [0, 1, 2, 3], [0, 1, 0, 2]], np.int32), ("a", "b"))
    >>> linkage_errors(links)
    LinkageErrors(missed_link_rate=0.25, false_link_rate=0.25, lists=('a', 'b'))
    """
    pair = _pair(links, lists)
    if links.n_draws < 2:
        raise BadInput("one draw holds no doubt about its links; link with n_draws=100, or give the rates yourself")
    linked = _linked(links, pair)
    chance = linked.mean(axis=0)
    chosen = linked[links.central_draw if draw is None else draw]
    on_both, alone = float(chance.sum()), float((1 - chance).sum())
    if not on_both or not alone:
        raise Refused(
            f"in every draw {'everybody' if on_both else 'nobody'} on {pair[0]} is on {pair[1]} as well, so that one "
            "of the two error rates has no meaning; choose two other lists"
        )
    missed, false = float(chance[~chosen].sum()) / on_both, float((1 - chance)[chosen].sum()) / alone
    return LinkageErrors(missed, false, pair)


def _corrected(
    method: str, histories: CaptureHistories, missed: float, false: float, lists: Sequence[str] | None
) -> Replicated:
    if not (0 <= missed < 1 and 0 <= false < 1 and missed + false < 1):
        raise BadInput(
            f"missed_link_rate={missed!r} and false_link_rate={false!r} are not shares that sum to less than 1; with "
            "more, a link would speak against being one person"
        )
    plain = lincoln_petersen(histories, lists=lists)
    first, second, linked = (plain.diagnostics[name] for name in ("on_first", "on_second", "on_both"))
    surplus = linked - false * first
    both = surplus / (1 - missed - false)
    if both <= 0:
        raise Refused(
            f"{linked:.0f} links are no more than the {false * first:.1f} false ones expected at "
            f"false_link_rate={false!r}, which leaves nobody on both lists; link more strictly"
        )
    if both > min(first, second):
        raise Refused(
            f"with missed_link_rate={missed!r} {linked:.0f} links mean {both:.1f} persons on both lists, and the "
            f"shorter list has {min(first, second):.0f}; give rates that fit this linkage"
        )
    n_hat, n_observed = first * second / both, round(first + second - both)
    variance = _variance(first, second, both, missed, false)
    options = {"method": method, "missed_link_rate": missed, "false_link_rate": false, "lists": lists and list(lists)}
    return Replicated(
        model=plain.model.replace("Lincoln-Petersen", method),
        n_observed=n_observed,
        n_hat=n_hat,
        uncertainty=LogNormal.from_variance(n_observed, n_hat, variance, RATES_KNOWN),
        diagnostics={
            "on_first": first,
            "on_second": second,
            "linked": linked,
            "corrected_overlap": both,
            "uncorrected": plain.n_hat,
            "standard_error": variance**0.5,
        },
        provenance=provenance.record(input_sha256=histories.sha256, options=options),
        notes=(RATES_KNOWN, *plain.notes),
    )


def _variance(first: float, second: float, both: float, missed: float, false: float) -> float:
    """Delta method on the multinomial of on which list and linked or not, of which N-hat is homogeneous of degree 1.

    The gradient of N-hat by cell, squared and summed over the expected counts, less N-hat.
    """
    n_hat, surplus = first * second / both, both * (1 - missed - false)
    by_first, by_second, by_link = n_hat / first + n_hat * false / surplus, n_hat / second, -n_hat / surplus
    cells = (
        (both * (1 - missed), by_first + by_second + by_link),
        (both * missed, by_first + by_second),
        ((first - both) * false, by_first + by_link),
        ((first - both) * (1 - false), by_first),
        (second - both, by_second),
    )
    return sum(count * slope**2 for count, slope in cells) - n_hat


def _pair(links: Links, lists: Sequence[str] | None) -> tuple[str, str]:
    names = links.lists if lists is None else (lists,) if isinstance(lists, str) else tuple(lists)
    if len(names) != 2 or names[0] == names[1]:
        raise BadInput(f"{names} is not a pair of lists; name two of {links.lists} in lists=")
    for name in names:
        if name not in links.lists:
            raise BadInput.unknown("list", name, links.lists)
    return names[0], names[1]


def _linked(links: Links, pair: tuple[str, str]) -> NDArray[np.bool_]:
    """Whether each person of the first list is on the second, shape (n_draws, n_first)."""
    on_first, on_second = (np.flatnonzero((links.records["list"] == name).to_numpy()) for name in pair)
    persons = np.unique(links.persons[:, on_first], axis=1)
    if any(len(np.unique(draw)) < len(draw) for draw in persons):
        raise BadInput(
            f"some records of {pair[0]} are one person in some draws only, so its persons cannot be followed through "
            "the draws; choose another first list"
        )
    return np.stack([np.isin(draw, every[on_second]) for draw, every in zip(persons, links.persons, strict=True)])
