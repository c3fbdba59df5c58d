"""Sample coverage: the total from the share of the population's captures that the lists have seen."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import Interval, IntervalRule, LogNormal

__all__ = ["sample_coverage"]

VARIANTS = ("independent", "high", "low")
HIGH_ENOUGH = 0.55  # below it the authors advise the low-coverage form
ROUNDING = 1e-12  # of a sum of shares
COMPLEX_STEP = 1e-30  # a derivative without rounding: no difference of close numbers is taken


def sample_coverage(
    histories: CaptureHistories, *, variant: Literal["independent", "high", "low"] = "low"
) -> Replicated:
    """Total by the sample coverage of three or more lists that may depend on each other.

    The coverage C is estimated by 1 less the mean over lists of the share of a list that is on no other one, and D is
    the mean over lists of the persons on any of the others.

    - ``variant="independent"``: D / C, right when the lists are independent and persons alike.
    - ``"high"``: allows for dependence between each two lists, and solves for the total. Where coverage is low the
      equation has no solution, or one so uncertain that it is worth nothing.
    - ``"low"``: two steps of that solution from D / C. Where lists share persons more than they would independently
      it lies between the two others and errs on the low side.

    The authors advise the high form where C is 0.55 or more, and the low one elsewhere. Dependence of three lists
    beyond that of each two is neglected in both.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata, three lists or more, and without censored cells: the answers at the two ends of
        ``h.at_bound`` enclose those between where the doubtful are on one list only, but neither is an estimate.
    variant : {"low", "high", "independent"}

    Returns
    -------
    Replicated
        `diagnostics` holds the coverage, D, the standard error by the delta method on multinomial counts, and the
        dependence of each two lists under this total, N n_jk / (n_j n_k) - 1. The interval is log-normal on n_hidden;
        under ``high`` it has no upper end where the equation may have no solution at the level asked for.

    Raises
    ------
    BadInput
        For an unknown option, a table with strata, or fewer than three lists.
    NoOverlap
        When nobody is on two lists.
    Refused
        When the high form has no solution, the answer is not above the persons observed, a list is empty, or
        histories are declared impossible or censored.

    References
    ----------
    Chao and Tsay (1998), doi:10.1080/01621459.1998.10474109; Tsay and Chao (2001), doi:10.1080/02664760020008149;
    Chao, Tsay, Lin, Shau and Chao (2001), doi:10.1002/sim.996.

    Examples
    --------
    >>> import mse
    >>> h = mse.load_dataset("HAV")
    >>> [round(mse.sample_coverage(h, variant=variant).n_hat) for variant in ("independent", "low", "high")]
    [407, 508, 971]
    """
    if variant not in VARIANTS:
        raise BadInput.option("variant", variant, VARIANTS)
    counts = histories.single_stratum().astype(np.float64)
    _refuse_if_no_coverage(histories)
    sums = _Sums(histories.n_lists)
    n_observed, coverage = histories.n_observed, float(sums.coverage(counts).real)
    step = float(sums.dependence_step(counts).real)
    if variant == "high" and step >= 1 - ROUNDING:
        raise Refused(
            f"at a coverage of {coverage:.2f} the equation of the high-coverage form has no solution: the dependence "
            "of the lists outweighs what they share; use variant='low'"
        )
    n_hat = float(sums.total(counts, variant).real)
    if not n_hat > n_observed:
        raise Refused(
            f"the {variant} form of sample coverage gives {n_hat:,.1f}, which is not above the {n_observed:,} persons "
            "observed; the lists avoid each other, or one holds almost all: use a model of their dependence"
        )
    slope = sums.gradient(counts, variant) - 1  # of n_hidden
    variance = n_hat - n_observed + float(counts @ slope**2)
    rule: IntervalRule = LogNormal.from_variance(n_observed, n_hat, variance)
    found: dict[str, float] = {}
    if variant == "high":
        error = sums.dependence_step_error(counts)
        found["distance_from_no_solution"] = (1 - step) / error if error else inf
        rule = _Solvable(rule, found["distance_from_no_solution"])
    return Replicated(
        model=f"sample coverage ({variant})",
        n_observed=n_observed,
        n_hat=n_hat,
        uncertainty=rule,
        diagnostics={
            "sample_coverage": coverage,
            "mean_distinct": float(sums.mean_distinct(counts).real),
            "standard_error": variance**0.5,
            **found,
            **_dependence(histories, n_hat),
        },
        provenance=provenance.record(
            input_sha256=histories.sha256, options={"method": "sample_coverage", "variant": variant}
        ),
        notes=_notes(variant, coverage),
    )


@dataclass(frozen=True, slots=True)
class _Solvable:
    """An interval for the root of an equation whose slope is known to so many standard errors.

    Where the slope may as well be 0 at the level asked for, totals of any size solve the equation (Fieller 1954).
    """

    rule: IntervalRule
    distance: float

    def at(self, level: float) -> Interval:
        found = self.rule.at(level)
        if self.distance > float(ndtri(0.5 + level / 2)):
            return found
        return replace(found, high=inf, note="no upper end: at this level the equation may have no solution")


@dataclass(frozen=True)
class _Sums:
    """The sums over histories that the estimators are made of; counts may be complex, for derivatives."""

    n_lists: int

    @cached_property
    def on(self) -> NDArray[np.float64]:
        """Membership, shape (n_lists, 2**K - 1), first list first."""
        values = np.arange(1, 2**self.n_lists)
        return np.array([values >> (self.n_lists - 1 - j) & 1 for j in range(self.n_lists)], dtype=np.float64)

    @cached_property
    def alone(self) -> NDArray[np.float64]:
        """Which history is that of a list alone, shape (n_lists, 2**K - 1)."""
        return np.where(self.on.sum(axis=0) == 1, self.on, 0.0)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(self.n_lists), 2))

    def coverage(self, counts: NDArray[Any]) -> Any:
        return 1 - ((self.alone @ counts) / (self.on @ counts)).mean()

    def mean_distinct(self, counts: NDArray[Any]) -> Any:
        return counts.sum() - (self.alone @ counts).mean()

    def _weights(self, counts: NDArray[Any]) -> NDArray[Any]:
        """For each pair, persons on one of the two and on no list but the two, those on both twice."""
        only_both = [self.on[j] * self.on[k] * (self.on.sum(axis=0) == 2) for j, k in self.pairs]
        weights = [self.alone[j] + self.alone[k] + 2 * both for (j, k), both in zip(self.pairs, only_both, strict=True)]
        total: NDArray[Any] = np.array(weights) @ counts
        return total

    def dependence_step(self, counts: NDArray[Any]) -> Any:
        """What one person more in the total adds to it through the dependence of the lists."""
        totals = self.on @ counts
        shared = np.array([(self.on[j] * self.on[k]) @ counts / (totals[j] * totals[k]) for j, k in self.pairs])
        return (self._weights(counts) * shared).sum() / (self.n_lists * self.coverage(counts))

    def total(self, counts: NDArray[Any], variant: str) -> Any:
        """N-hat; complex where the counts are."""
        coverage = self.coverage(counts)
        independent = self.mean_distinct(counts) / coverage
        if variant == "independent":
            return independent
        step = self.dependence_step(counts)
        fixed = independent - self._weights(counts).sum() / (self.n_lists * coverage)
        if variant == "high":
            return fixed / (1 - step)
        return fixed + step * (fixed + step * independent)

    def dependence_step_error(self, counts: NDArray[np.float64]) -> float:
        """Standard error of `dependence_step`; it has degree 0 in the counts, so that their total does not matter."""
        moved = counts + 1j * COMPLEX_STEP * np.eye(len(counts))
        slope = np.array([self.dependence_step(row).imag for row in moved]) / COMPLEX_STEP
        return float(np.sqrt(counts @ slope**2))

    def gradient(self, counts: NDArray[np.float64], variant: str) -> NDArray[np.float64]:
        """Derivative of N-hat in each count."""
        moved = counts + 1j * COMPLEX_STEP * np.eye(len(counts))
        return np.array([self.total(row, variant).imag for row in moved]) / COMPLEX_STEP


def _refuse_if_no_coverage(histories: CaptureHistories) -> None:
    if histories.n_lists < 3:
        raise BadInput("sample coverage needs three lists or more, and there are 2; use chapman or lincoln_petersen")
    if histories.structural_zeros:
        raise Refused(
            f"sample coverage needs every history to be possible, and {len(histories.structural_zeros)} are declared "
            "impossible; drop or merge the lists that exclude each other"
        )
    if histories.empty_lists:
        raise Refused(f"nobody is on {', '.join(histories.empty_lists)}, whose coverage is unknown; drop_lists it")
    if sum(histories.list_totals.values()) == histories.n_observed:
        raise NoOverlap.between(histories.lists)


def _dependence(histories: CaptureHistories, n_hat: float) -> dict[str, float]:
    totals = histories.list_totals
    return {
        f"dependence [{a},{b}]": n_hat * histories.overlap(a, b) / (totals[a] * totals[b]) - 1
        for a, b in combinations(histories.lists, 2)
    }


def _notes(variant: str, coverage: float) -> tuple[str, ...]:
    notes = []
    if variant == "independent":
        notes.append("takes the lists as independent and persons as alike")
    if variant == "low":
        notes.append("errs on the low side where lists share persons more than they would independently")
    if variant == "high" and coverage < HIGH_ENOUGH:
        notes.append(f"the coverage is {coverage:.2f}; below {HIGH_ENOUGH} the authors advise the low form")
    return tuple(notes)
