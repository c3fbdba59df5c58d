"""A lower bound that persons seen only once cannot raise: from those on two lists and those on three."""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal
from mse.models.lower_bound import WITHOUT_DOUBTFUL, chao_lower_bound

__all__ = ["one_inflated_lower_bound"]

PRINTED = {"unequal": "lists of unequal size", "equal": "lists of equal size", "many": "many lists"}


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound on the number of persons on no list, and the variance of N-hat that goes with it."""

    n_hidden: float
    variance: float


def one_inflated_lower_bound(
    histories: CaptureHistories,
    *,
    list_sizes: Literal["unequal", "equal", "many"] = "unequal",
    bias_corrected: bool = False,
) -> Replicated:
    """Lower bound of the total when too many persons are on one list only.

    A person who is warned off by the first contact, or whose records were not joined although they belong to one
    person, is on one list where two were due. Chao's bound squares that number and may then lie far above the truth.
    This one leaves persons on one list out of the extrapolation (they still count as observed). With persons alike
    and lists independent, those on two and on three lists determine those on none; where persons differ, a bound is
    left:

    - ``list_sizes="unequal"``: (sum of sqrt(z_jk z_jl z_kl) over every three lists)^2 / f3^2, with z the persons on
      exactly these two and f3 those on exactly three. Lists may reach different shares of the population.
    - ``list_sizes="equal"``: f2^3 / f3^2 C(K, 3)^2 / C(K, 2)^3, with f2 the persons on exactly two lists.
    - ``list_sizes="many"``: 2 f2^3 / (9 f3^2), the limit for many lists, in which the number of lists of a person is
      a Poisson number.

    It needs many persons on three lists: the interval tells. Records that were not joined also take away from those
    on two and three, which no form repairs.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata, three lists or more. Of a censored cell the number that makes the bound lowest is taken: on one
        or two lists the persons who are known to be in the population, on three all who are counted.
    list_sizes : {"unequal", "equal", "many"}
    bias_corrected : bool
        Put f2 (f2 - 1) (f2 - 2) for f2^3 and (f3 + 1) (f3 + 2) for f3^2; for ``equal`` and ``many`` only.

    Returns
    -------
    Replicated
        `n_hat` is the bound. Its interval, log-normal on n_hidden, is that of the bound and not of the total.
        `diagnostics` holds f1, f2, f3, Chao's bound where there is one, and the standard error.

    Raises
    ------
    BadInput
        For an unknown option, a table with strata, or fewer than three lists.
    NoOverlap
        When nobody is on two lists.
    Refused
        When histories are declared impossible, or nobody is on exactly two or exactly three of the lists.

    References
    ----------
    Boehning, Kaskasamkul and van der Heijden (2019), doi:10.1007/s00184-018-0689-5, of which ``equal`` and ``many``
    are the binomial and the Poisson case.

    Examples
    --------
    >>> import mse
    >>> from mse.models.one_inflation import one_inflated_lower_bound
    >>> h = mse.load_dataset("Kosovo")
    >>> round(mse.chao_lower_bound(h).n_hat), round(one_inflated_lower_bound(h).n_hat)
    (8591, 4942)
    """
    if list_sizes not in PRINTED:
        raise BadInput.option("list_sizes", list_sizes, PRINTED)
    if bias_corrected and list_sizes == "unequal":
        raise BadInput("the form for lists of unequal size has no bias-corrected version; use list_sizes='equal'")
    histories.require_one_stratum()
    n_on = np.bitwise_count(np.arange(1, len(histories.counts) + 1))
    counts = np.where(n_on < 3, histories.known_counts, histories.counts)
    by_number = np.bincount(n_on, weights=counts, minlength=4)
    _refuse_if_no_bound(histories, by_number)
    if list_sizes == "unequal":
        bound = _unequal(counts, histories.n_lists, float(by_number[3]))
    else:
        n_lists = histories.n_lists
        factor = 2 / 9 if list_sizes == "many" else comb(n_lists, 3) ** 2 / comb(n_lists, 2) ** 3
        bound = _by_number(float(by_number[2]), float(by_number[3]), factor, bias_corrected)
    if not bound.n_hidden > 0:
        raise Refused("too few persons are on two and three lists for a bound above those observed; use Chao's bound")
    n_observed = histories.n_observed
    n_hat = n_observed + bound.n_hidden
    diagnostics = {
        "on_one_list": float(by_number[1]),
        "on_two_lists": float(by_number[2]),
        "on_three_lists": float(by_number[3]),
        "chao_lower_bound": _chao(histories, list_sizes),
        "standard_error": bound.variance**0.5,
    }
    return Replicated(
        model=f"one-inflated lower bound ({PRINTED[list_sizes]})",
        n_observed=n_observed,
        n_hat=n_hat,
        uncertainty=LogNormal.from_variance(n_observed, n_hat, bound.variance, "of the lower bound"),
        diagnostics=diagnostics,
        provenance=provenance.record(
            input_sha256=histories.sha256,
            options={
                "method": "one_inflated_lower_bound",
                "list_sizes": list_sizes,
                "bias_corrected": bias_corrected,
            },
        ),
        notes=_notes(n_hat, diagnostics["chao_lower_bound"]) + ((WITHOUT_DOUBTFUL,) if histories.is_censored else ()),
    )


def _refuse_if_no_bound(histories: CaptureHistories, by_number: NDArray[np.float64]) -> None:
    if histories.n_lists < 3:
        raise BadInput("this bound needs three lists or more, and there are 2; use chao_lower_bound")
    if histories.structural_zeros:
        raise Refused(
            f"the bound needs every history to be possible, and {len(histories.structural_zeros)} are declared "
            "impossible; drop or merge the lists that exclude each other"
        )
    if sum(histories.list_totals.values()) == histories.n_listed:
        raise NoOverlap.between(histories.lists)
    if not by_number[2] or not by_number[3]:
        raise Refused(
            f"{by_number[2]:.0f} persons are on exactly two lists and {by_number[3]:.0f} on exactly three, and the "
            "bound rests on both; use chao_lower_bound"
        )


def _by_number(on_two: float, on_three: float, factor: float, corrected: bool) -> _Bound:
    if corrected:
        n_hidden = factor * on_two * (on_two - 1) * max(on_two - 2, 0.0) / ((on_three + 1) * (on_three + 2))
    else:
        n_hidden = factor * on_two**3 / on_three**2
    # Delta method on multinomial counts: the derivatives of the logarithm are 3 / f2 and -2 / f3.
    return _Bound(n_hidden, n_hidden + n_hidden**2 * (9 / on_two + 4 / on_three))


def _unequal(counts: NDArray[np.int64], n_lists: int, on_three: float) -> _Bound:
    """For each three lists sqrt(z_jk z_jl z_kl) is at most sqrt(n_hidden) z_jkl; both sides are summed over them."""
    roots = 0.0
    by_pair = np.zeros(len(counts))
    for trio in combinations([1 << j for j in range(n_lists)], 3):
        pairs = [a + b - 1 for a, b in combinations(trio, 2)]
        root = float(np.sqrt(counts[pairs].astype(np.float64).prod()))
        roots += root
        by_pair[pairs] += root
    n_hidden = (roots / on_three) ** 2
    # The derivative of the logarithm in z_jk is (sum of the roots with it) / (roots z_jk), that in each z_jkl -2 / f3.
    of_pairs = float((by_pair[counts > 0] ** 2 / counts[counts > 0]).sum() / roots**2) if roots else 0.0
    return _Bound(n_hidden, n_hidden + n_hidden**2 * (of_pairs + 4 / on_three))


def _chao(histories: CaptureHistories, list_sizes: str) -> float:
    return chao_lower_bound(histories, list_sizes="unequal" if list_sizes == "unequal" else "equal").n_hat


def _notes(n_hat: float, chao: float) -> tuple[str, ...]:
    notes = ["a lower bound of the total, not an estimate of it; the interval is that of the bound"]
    if n_hat > chao:
        notes.append(f"above Chao's bound of {chao:,.0f}: no sign of too many persons on one list only")
    return tuple(notes)
