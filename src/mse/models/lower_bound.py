"""Chao's lower bound: how many persons there are at least, from those on one list and those on two."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal

__all__ = ["chao_lower_bound"]

LIST_SIZES = ("unequal", "equal")
WITHOUT_DOUBTFUL = "persons whose membership is in doubt are left out where they would raise the bound"


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound on the number of persons on no list, and the variance of N-hat that goes with it."""

    n_hidden: float
    variance: float


def chao_lower_bound(
    histories: CaptureHistories,
    *,
    list_sizes: Literal["unequal", "equal"] = "unequal",
    bias_corrected: bool | None = None,
) -> Replicated:
    """Lower bound of the total when persons differ in how likely they are to be on a list.

    It uses the persons on exactly one list, f1 in all and z_j on list j alone, and those on exactly two, f2:

    - ``list_sizes="unequal"``: n_hidden = (f1^2 - sum of z_j^2) / (2 f2). Lists may reach different shares of the
      population, as agencies do. With two lists this is Lincoln-Petersen.
    - ``list_sizes="equal"``: n_hidden = (K - 1) / K f1^2 / (2 f2), the bound as usually printed. Lists are taken to
      reach equal shares; where they do not, it lies above the first form and need not be a lower bound.

    The bias-corrected forms put f2 + 1 for f2, and in the second f1 (f1 - 1) for f1^2. Persons may differ in how
    likely they are to be found, but given the person the lists must be independent; referral from one list to
    another lowers the bound, lists that avoid each other raise it above the truth.

    Parameters
    ----------
    histories : CaptureHistories
        A table without strata. Of a censored cell the number that makes the bound lowest is taken: on one list only
        the persons who are known to be in the population, on two lists all who are counted.
    list_sizes : {"unequal", "equal"}
        Whether the lists may reach different shares of the population.
    bias_corrected : bool, optional
        Whether to use the bias-corrected form; None uses it where nobody is on exactly two lists.

    Returns
    -------
    Replicated
        `n_hat` is the bound. Its interval, log-normal on n_hidden, is that of the bound and not of the total.
        `diagnostics` holds f1, f2, the other form of the bound and the standard error.

    Raises
    ------
    BadInput
        For an unknown option, and for a table with strata.
    NoOverlap
        When nobody is on two lists.
    Refused
        When histories are declared impossible, or nobody is on exactly two lists and `bias_corrected` is False.

    References
    ----------
    Chao (1987), doi:10.2307/2531532; for lists of unequal size Chao (1989), Biometrics 45, 427-438.

    Examples
    --------
    >>> import mse
    >>> h = mse.load_dataset("HAV")
    >>> round(mse.chao_lower_bound(h).n_hat, 3), round(mse.chao_lower_bound(h, list_sizes="equal").n_hat, 3)
    (478.268, 479.149)
    """
    if list_sizes not in LIST_SIZES:
        raise BadInput.option("list_sizes", list_sizes, LIST_SIZES)
    histories.require_one_stratum()
    alone, on_two = _ones_and_twos(histories)
    _refuse_if_no_bound(histories, on_two, bias_corrected)
    corrected = on_two == 0 if bias_corrected is None else bias_corrected
    forms = {"unequal": _unequal(alone, on_two, corrected), "equal": _equal(alone, on_two, corrected)}
    bound = forms[list_sizes]
    other = "equal" if list_sizes == "unequal" else "unequal"
    n_observed = histories.n_observed
    n_hat = n_observed + bound.n_hidden
    return Replicated(
        model="Chao lower bound" if list_sizes == "unequal" else "Chao lower bound (lists of equal size)",
        n_observed=n_observed,
        n_hat=n_hat,
        uncertainty=LogNormal.from_variance(n_observed, n_hat, bound.variance, "of the lower bound"),
        diagnostics={
            "on_one_list": float(alone.sum()),
            "on_two_lists": float(on_two),
            f"bound_for_lists_of_{other}_size": n_observed + forms[other].n_hidden,
            "standard_error": bound.variance**0.5,
        },
        provenance=provenance.record(
            input_sha256=histories.sha256,
            options={"method": "chao_lower_bound", "list_sizes": list_sizes, "bias_corrected": corrected},
        ),
        notes=_notes(n_hat, n_observed + forms[other].n_hidden, list_sizes=list_sizes, corrected=corrected)
        + ((WITHOUT_DOUBTFUL,) if histories.is_censored else ()),
    )


def _ones_and_twos(histories: CaptureHistories) -> tuple[NDArray[np.float64], int]:
    """Persons on each list alone, shape (K,) in reverse order of the lists, and those on exactly two lists."""
    row = np.arange(1, len(histories.counts) + 1)
    n_on = np.bitwise_count(row)
    alone = histories.known_counts[2 ** np.arange(histories.n_lists) - 1]
    return alone.astype(np.float64), int(histories.counts[n_on == 2].sum())


def _refuse_if_no_bound(histories: CaptureHistories, on_two: int, bias_corrected: bool | None) -> None:
    if histories.structural_zeros:
        raise Refused(
            f"the bound needs every history to be possible, and {len(histories.structural_zeros)} are declared "
            "impossible; drop or merge the lists that exclude each other"
        )
    if sum(histories.list_totals.values()) == histories.n_listed:
        raise NoOverlap.between(histories.lists)
    if on_two == 0 and bias_corrected is False:
        raise Refused(
            "nobody is on exactly two lists, so the form without bias correction divides by 0; use "
            "bias_corrected=None or True"
        )


def _unequal(alone: NDArray[np.float64], on_two: int, corrected: bool) -> _Bound:
    divisor = on_two + corrected
    f1 = alone.sum()
    n_hidden = float((f1**2 - (alone**2).sum()) / (2 * divisor))
    return _Bound(n_hidden, _variance(n_hidden, alone, (f1 - alone) / divisor, on_two, divisor))


def _equal(alone: NDArray[np.float64], on_two: int, corrected: bool) -> _Bound:
    divisor = on_two + corrected
    f1 = alone.sum()
    share = (len(alone) - 1) / len(alone)
    n_hidden = float(share * f1 * max(f1 - corrected, 0.0) / (2 * divisor))
    slope = np.full(len(alone), share * (2 * f1 - corrected) / (2 * divisor))
    return _Bound(n_hidden, _variance(n_hidden, alone, slope, on_two, divisor))


def _variance(
    n_hidden: float, alone: NDArray[np.float64], slope: NDArray[np.float64], on_two: int, divisor: int
) -> float:
    """Delta method on multinomial counts x with gradient g: n_hidden + sum of x g^2, as in Chao (1987)."""
    return float(n_hidden + (alone * slope**2).sum() + on_two * (n_hidden / divisor) ** 2)


def _notes(n_hat: float, other: float, *, list_sizes: str, corrected: bool) -> tuple[str, ...]:
    notes = ["a lower bound of the total, not an estimate of it; the interval is that of the bound"]
    if corrected:
        notes.append("bias-corrected form")
    if list_sizes == "equal" and other < n_hat:
        notes.append(
            f"takes all lists to reach equal shares of the population; they do not here, and the bound that allows "
            f"for it is {other:,.0f}"
        )
    return tuple(notes)
