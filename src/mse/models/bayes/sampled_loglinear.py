"""What the log-linear models that NUTS samples share: what is asked of their input, their terms, and notes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput, NoOverlap
from mse.histories import CaptureHistories
from mse.models.bayes.convergence import cautions, faults
from mse.models.bayes.nuts import SAMPLERS
from mse.models.loglinear.terms import LogLinear, all_terms, design_matrix

__all__ = ["check_input", "interaction_design", "notes_on_draws"]

type Array = NDArray[np.float64]


def check_input(
    histories: CaptureHistories,
    *,
    max_order: int,
    scales: Mapping[str, float],
    n_draws: int,
    n_chains: int,
    sampler: str,
    seed: int,
) -> None:
    """Refuse options that are not offered, by name, and lists that share nobody.

    Raises
    ------
    BadInput
        For an option out of its range.
    NoOverlap
        When nobody is on two lists.
    """
    for name, value, offered in (
        ("max_order", max_order, range(2, histories.n_lists)),
        ("sampler", sampler, SAMPLERS),
    ):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    for name, count, least in (("n_draws", n_draws, 4), ("n_chains", n_chains, 2), ("seed", seed, 0)):
        if count < least:
            raise BadInput(f"{name}={count!r} is too small; give {least} or more")
    for name, scale in scales.items():
        if not 0 < scale < float("inf"):
            raise BadInput(f"{name}={scale!r} is not a scale; give a number above 0, such as 0.5")
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.total_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def interaction_design(histories: CaptureHistories, max_order: int) -> tuple[Array, list[str]]:
    """The 0/1 design (n_cells, K + P) of the cells that can occur, lists first, and the names of the P interactions.

    An interaction that no possible history contains is left out.
    """
    model = LogLinear.from_terms(histories.lists, all_terms(histories.n_lists, max_order))
    incidence = design_matrix(model.terms, histories.n_lists)[histories.cells_that_can_occur, 1:]
    kept = incidence.any(axis=0)
    names = [model.name_of(term) for term, keep in zip(model.terms, kept, strict=True) if keep]
    return incidence[:, kept], names[histories.n_lists :]


def notes_on_draws(diagnostics: Mapping[str, float], sampler: str) -> tuple[str, ...]:
    """Whether they converged, what else a reader should know, and whether they repeat from the seed."""
    return (
        *(f"NOT CONVERGED: {fault}" for fault in faults(diagnostics)),
        *cautions(diagnostics),
        *(("nutpie was asked for; its draws may not repeat from the seed",) if sampler == "nutpie" else ()),
    )
