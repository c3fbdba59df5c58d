"""One given model as a chooser: the resamples of `fit_loglinear` have no other to choose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.models.loglinear.certificate import finite_part, fit_with_status
from mse.models.loglinear.choosing import Choice
from mse.models.loglinear.persons import apart, hidden_and_deviance
from mse.models.loglinear.poisson import table_sums

__all__ = ["GivenModel"]


@dataclass(frozen=True, eq=False)
class GivenModel:
    """Fits one model to any counts on the same cells; a `Chooser`.

    Attributes
    ----------
    terms : ndarray of int64, shape (n_terms,)
        Bitmasks of the list effects and the interactions.
    possible : ndarray of bool, shape (2**K,)
    n_lists : int
    """

    terms: NDArray[np.int64]
    possible: NDArray[np.bool_]
    n_lists: int

    def best(self, counts: NDArray[np.float64], n_top: int = 1) -> list[Choice]:
        """The model itself, with its deviance for a criterion, if it has an answer."""
        known, doubtful = apart(counts, len(self.possible))
        overlaps, cells_of = table_sums(self.possible, known, self.n_lists)
        masks, active, _ = finite_part(self.terms, self.possible, overlaps, cells_of)
        fit, status = fit_with_status(masks, active, known, doubtful)
        if status != "ok" or n_top < 1:
            return []
        n_hidden, deviance = hidden_and_deviance(known, doubtful, active, fit.means, fit.beta[0])
        return [Choice(0, float(known.sum()) + n_hidden, deviance)]
