"""Choosing among log-linear models again and again on tables with censored cells."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mse.models.loglinear.censored import fit_censored_batch
from mse.models.loglinear.choosing import Choice
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.existence import statuses_of
from mse.models.loglinear.poisson import CONVERGED

__all__ = ["AmongModelsCensored"]


@dataclass(frozen=True, eq=False)
class AmongModelsCensored:
    """Chooses among given models, bitsets over `terms`, by fitting all of them; a `Chooser`.

    A table is twice as long as one without censored cells: the 2**K known counts, then the 2**K doubtful ones.
    """

    models: NDArray[np.uint64]
    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    n_lists: int
    criterion: Criterion = field(default_factory=Criterion)

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]:
        """The first `n_top` models that have an MLE and an identified total."""
        known, doubtful = np.split(counts, 2)
        fits = fit_censored_batch(self.models, self.terms, self.possible, known, doubtful, self.n_lists)
        n_hidden, deviance, margin, n_parameters, ended, zero_terms = fits
        n_known = known.sum()
        penalty = self.criterion.penalty(n_parameters, n_observed=n_known, n_cells=int(self.possible.sum()))
        value = np.where(ended == CONVERGED, deviance + penalty, np.inf)
        chosen: list[Choice] = []
        for m in np.lexsort((self.models, value)):
            if len(chosen) == n_top or not np.isfinite(value[m]):
                break
            one = slice(m, m + 1)
            checks = {"margin": margin[one], "ended": ended[one], "zero_terms": zero_terms[one]}
            if not statuses_of(self.models[one], self.terms, self.possible, known, self.n_lists, **checks)[0]:
                chosen.append(Choice(int(self.models[m]), float(n_known + n_hidden[m]), float(value[m])))
        return chosen
