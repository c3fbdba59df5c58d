"""A table as the shrunken log-linear model takes it: the histories that can occur, and the terms they contain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.bayes.shrinkage_density import ShrinkagePrior, Target
from mse.models.loglinear.terms import LogLinear, all_terms, design_matrix

__all__ = ["Table"]

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Counts (n_cells,), their 0/1 design (n_cells, K + P), lists in each of its terms (K + P,), names of P terms."""

    counts: Array
    incidence: Array
    term_sizes: Array
    terms: tuple[str, ...]

    @property
    def n_spare(self) -> int:
        """Histories beyond the number of terms and the expected number seen."""
        return self.counts.size - self.term_sizes.size - 1

    @classmethod
    def of(cls, histories: CaptureHistories, max_order: int) -> "Table":
        """All terms of up to `max_order` lists; one that no possible history contains is left out."""
        possible = histories.cells_that_can_occur
        model = LogLinear.from_terms(histories.lists, all_terms(histories.n_lists, max_order))
        incidence = design_matrix(model.terms, histories.n_lists)[possible, 1:]
        kept = incidence.any(axis=0)
        terms = [term for term, keep in zip(model.terms, kept, strict=True) if keep]
        return cls(
            counts=histories.single_stratum()[possible].astype(np.float64),
            incidence=incidence[:, kept],
            term_sizes=np.array([term.bit_count() for term in terms], dtype=np.float64),
            terms=tuple(model.name_of(term) for term in terms[histories.n_lists :]),
        )

    def target(self, prior: ShrinkagePrior, *, left_out: int | None = None) -> Target:
        """The density, without the count of one cell if it is left out."""
        if prior.spread_scale is not None and self.n_spare - (left_out is not None) < 1:
            raise BadInput(
                f"likelihood='negative_binomial' needs more histories than terms, and {self.counts.size} histories "
                f"with {self.term_sizes.size + 1} terms leave none to tell spread from interactions; use a lower "
                "max_order, more lists, or likelihood='poisson'"
            )
        counted = np.ones(self.counts.size)
        if left_out is not None:
            counted[left_out] = 0.0
        return Target.of(self.counts, self.incidence, self.term_sizes, prior, counted=counted)
