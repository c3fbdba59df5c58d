"""The criteria by which log-linear models are ranked, as a penalty by number of parameters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput

__all__ = ["CRITERIA", "PENALTIES", "Criterion"]

CRITERIA = ("bic", "aic", "aicc")
PENALTIES = ("individuals", "cells")


@dataclass(frozen=True)
class Criterion:
    """AIC, AICc or BIC; `bic_n` says whether BIC's penalty is the log of the persons observed or of the cells."""

    by: str = "bic"
    bic_n: str = "individuals"

    def __post_init__(self) -> None:
        if self.by not in CRITERIA:
            raise BadInput.option("by", self.by, CRITERIA)
        if self.bic_n not in PENALTIES:
            raise BadInput.option("bic_n", self.bic_n, PENALTIES)

    def penalty(self, n_parameters: NDArray[np.int64], *, n_observed: float, n_cells: int) -> NDArray[np.float64]:
        """What is added to -2 log L; infinite where AICc is undefined."""
        p = n_parameters.astype(np.float64)
        if self.by == "bic":
            return np.asarray(np.log(n_observed if self.bic_n == "individuals" else n_cells) * p)
        if self.by == "aic":
            return 2 * p
        spare = n_cells - p - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spare > 0, 2 * p + 2 * p * (p + 1) / spare, np.inf)
