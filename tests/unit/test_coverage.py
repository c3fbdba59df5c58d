"""Sample coverage: by hand for three lists, and where there is no answer."""

from math import inf

import numpy as np
import pytest

from mse.datasets import load_dataset
from mse.errors import BadInput, NoOverlap, Refused
from mse.histories import CaptureHistories
from mse.models.coverage import sample_coverage

THREE = ("a", "b", "c")


def three_lists(*counts):
    """Counts of 001, 010, 011, 100, 101, 110, 111."""
    return CaptureHistories(THREE, np.array(counts, dtype=np.int64))


HAV = load_dataset("HAV")


def test_three_lists_by_the_printed_formulas():
    """HAV by the formulas of Chao et al. (2001) for three lists, written out as they stand there."""
    z = {"".join(map(str, history)): int(count) for history, count in zip(HAV.histories, HAV.counts, strict=True)}
    n1, n2, n3 = HAV.list_totals.values()
    z11, z1_1, z_11 = (z["110"] + z["111"], z["101"] + z["111"], z["011"] + z["111"])
    coverage = 1 - (z["100"] / n1 + z["010"] / n2 + z["001"] / n3) / 3
    distinct = 271 - (z["100"] + z["010"] + z["001"]) / 3
    weight_12 = z["100"] + z["110"] + z["010"] + z["110"]
    weight_13 = z["100"] + z["101"] + z["001"] + z["101"]
    weight_23 = z["010"] + z["011"] + z["001"] + z["011"]
    share = weight_12 * z11 / (n1 * n2) + weight_13 * z1_1 / (n1 * n3) + weight_23 * z_11 / (n2 * n3)
    high = (z11 + z1_1 + z_11) / (3 * coverage) / (1 - share / (3 * coverage))

    def step(total):
        return distinct / coverage + (share * total - weight_12 - weight_13 - weight_23) / (3 * coverage)

    independent = distinct / coverage
    assert sample_coverage(HAV, variant="independent").n_hat == pytest.approx(independent)
    assert sample_coverage(HAV, variant="high").n_hat == pytest.approx(high)
    assert sample_coverage(HAV, variant="low").n_hat == pytest.approx(step(step(independent)))


@pytest.mark.parametrize("variant", ["independent", "high", "low"])
def test_exact_for_independent_lists(variant):
    """On the expected table of independent lists all three variants find the total that made it, and no dependence."""
    chances, total = np.array([0.1, 0.3, 0.5, 0.2]), 10**9
    on = np.arange(1, 16)[:, None] >> np.arange(4)[::-1] & 1
    cells = np.prod(np.where(on, chances, 1 - chances), axis=1)
    ours = sample_coverage(
        CaptureHistories(("a", "b", "c", "d"), np.round(total * cells).astype(np.int64)), variant=variant
    )
    assert ours.n_hat == pytest.approx(total, rel=1e-6)
    assert [v for k, v in ours.diagnostics.items() if k.startswith("dependence")] == pytest.approx([0] * 6, abs=1e-6)


@pytest.mark.parametrize("variant", ["independent", "high", "low"])
def test_standard_error_is_the_delta_method(variant):
    """Multinomial variance with derivatives by differences of 1e-4 persons, through a total that needs no rounding."""
    ours = sample_coverage(HAV, variant=variant)
    scale = 10**6
    big = HAV.counts * scale

    def total(counts):
        return sample_coverage(CaptureHistories(THREE, counts), variant=variant).n_hat / scale

    step = 100
    slope = np.array(
        [(total(big + step * row) - total(big - step * row)) / (2 * step / scale) for row in np.eye(7, dtype=np.int64)]
    )
    share = HAV.counts / ours.n_hat
    multinomial = ours.n_hat * (share @ slope**2 - (share @ slope) ** 2)
    assert ours.diagnostics["standard_error"] == pytest.approx(multinomial**0.5, rel=1e-5)


def test_no_solution_of_the_high_form():
    """New Orleans: where the dependence outweighs what the lists share, other software returns the persons observed."""
    with pytest.raises(Refused, match=r"at a coverage of 0\.14 the equation .* has no solution"):
        sample_coverage(load_dataset("NewOrl_5"), variant="high")


def test_no_upper_end_where_the_equation_may_have_no_solution():
    """HIV: 222,168 by the high form, whose slope is a tenth of its standard error from 0."""
    ours = sample_coverage(load_dataset("HIV"), variant="high")
    assert ours.diagnostics["distance_from_no_solution"] < 0.2
    assert ours.interval().high == inf
    assert "may have no solution" in ours.interval().note
    assert "below 0.55" in ours.notes[0]


def test_a_slope_that_is_0_but_for_rounding_has_no_solution():
    """1 - 1e-16 is no distance from an equation without solution."""
    with pytest.raises(Refused, match="has no solution"):
        sample_coverage(three_lists(1, 1, 0, 3, 0, 38, 0), variant="high")


def test_answers_not_above_those_observed_are_refused():
    """Lists that avoid each other, and lists of which two leave nothing alone."""
    with pytest.raises(Refused, match=r"the low form .* not above the 120 persons observed"):
        sample_coverage(three_lists(1, 1, 58, 1, 58, 1, 0), variant="low")
    with pytest.raises(Refused, match=r"the independent form .* gives 30\.0"):
        sample_coverage(three_lists(0, 0, 10, 0, 10, 10, 0), variant="independent")


def test_tables_without_coverage_are_refused():
    """Two lists, an empty list, no overlap, and histories that cannot occur."""
    with pytest.raises(BadInput, match="needs three lists or more"):
        sample_coverage(HAV.drop_lists("A"))
    with pytest.raises(Refused, match="nobody is on c"):
        sample_coverage(three_lists(0, 20, 0, 10, 0, 6, 0))
    with pytest.raises(NoOverlap):
        sample_coverage(three_lists(5, 6, 0, 7, 0, 0, 0))
    impossible = CaptureHistories(THREE, np.array([5, 6, 2, 7, 3, 0, 0]), structural_zeros=frozenset({(1, 1, 1)}))
    with pytest.raises(Refused, match="1 are declared impossible"):
        sample_coverage(impossible)
    with pytest.raises(BadInput, match="variant='best' is not offered"):
        sample_coverage(HAV, variant="best")


def test_a_dependence_without_error():
    """One pair on two lists and nobody on three: each variant answers or refuses, whatever its error."""
    h = three_lists(2, 1, 0, 1, 0, 1, 0)
    assert sample_coverage(h, variant="independent").n_hat > 5
    assert sample_coverage(h, variant="low").n_hat > 5


def test_notes_say_what_is_assumed():
    """The low form errs on the low side, the independent one assumes, the high one is for high coverage."""
    assert "errs on the low side" in sample_coverage(HAV).notes[0]
    assert "takes the lists as independent" in sample_coverage(HAV, variant="independent").notes[0]
    assert "the coverage is 0.51" in sample_coverage(HAV, variant="high").notes[0]
    assert sample_coverage(load_dataset("Korea"), variant="high").notes == ()
