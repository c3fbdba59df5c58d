"""One fit with its checks: what is proved without a linear programme, and what the programme settles."""

from itertools import product

import numpy as np
import pytest

import mse
from mse.histories import CaptureHistories
from mse.models.loglinear.certificate import existence_is_proved, finite_part, fit_with_status
from mse.models.loglinear.extended import extended_mle, full_table, support_of
from mse.models.loglinear.poisson import fit_cells, table_sums
from mse.models.loglinear.terms import LogLinear, parse_model


def _fit(name: str, model: str) -> tuple[str, float, float]:
    h = mse.load_dataset(name)
    counts, possible = full_table(h)
    support = support_of(parse_model(model, h.lists), counts, possible)
    fit, status = fit_with_status(support.masks, support.active, counts)
    return status, h.n_observed + float(np.exp(fit.beta[0])), float(fit.means[support.active].min())


def test_eight_lists_have_sound_means_far_below_any_limit_on_them() -> None:
    """Independence on New Orleans is sound although one mean is below 1e-11, and no programme is needed to know."""
    h = mse.load_dataset("NewOrl")
    counts, possible = full_table(h)
    support = support_of(LogLinear(h.lists, frozenset()), counts, possible)
    fit = fit_cells(support.masks, support.active, counts)
    assert fit.means[support.active].min() < 1e-11
    assert existence_is_proved(support.masks, support.active, counts, fit.means)
    assert _fit("NewOrl", "independence")[:2] == ("ok", pytest.approx(996.6643, abs=1e-4))


@pytest.mark.parametrize(
    ("name", "model", "status"),
    [
        ("Artificial_3", "[12,3]", "no_mle"),
        ("Artificial_3", "[12,13,23]", "not_identified"),
        ("Korea", "[12,13]", "no_mle"),
        ("Korea", "[12,23]", "ok"),
    ],
)
def test_the_status_is_that_of_the_linear_programme(name: str, model: str, status: str) -> None:
    """The published cases of models without an MLE or an identified total."""
    assert _fit(name, model)[0] == status


def test_the_compiled_support_is_that_of_the_plain_one() -> None:
    """Columns, cells and number of parameters with two pairs of lists that share nobody."""
    h = mse.load_dataset("Western")
    counts, possible = full_table(h)
    model = parse_model("[12,25,15,3,4]", h.lists)
    plain = support_of(model, counts, possible)
    overlaps, cells_of = table_sums(possible, counts, h.n_lists)
    masks, active, n_parameters = finite_part(np.array(model.terms), possible, overlaps, cells_of)
    assert plain.zero_terms
    assert (masks == plain.masks).all()
    assert (active == plain.active).all()
    assert n_parameters == plain.n_parameters


def test_redundant_columns_do_not_stand_in_the_way() -> None:
    """If nobody can be on A and B but not on C, then A:B and A:B:C are the same column; the total stays identified."""
    impossible = ((1, 1, 0, 0), (1, 1, 0, 1))
    histories = [cell for cell in product((0, 1), repeat=4) if any(cell) and cell not in impossible]
    counts_by_cell = {cell: 3 + number for number, cell in enumerate(histories)}
    h = CaptureHistories.from_counts(("A", "B", "C", "D"), counts_by_cell, structural_zeros=impossible)
    model = parse_model("[A,B,C][D]", h.lists)
    counts, possible = full_table(h)
    support = support_of(model, counts, possible)
    assert np.linalg.matrix_rank(support.design) == len(support.masks) - 1
    fit, status = fit_with_status(support.masks, support.active, counts)
    assert status == "ok"
    assert np.exp(fit.beta[0]) == pytest.approx(extended_mle(h, model).n_hidden, rel=1e-9)
