"""The totals of several strata in one posterior, and their sums."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mse.errors import BadInput
from mse.estimate import Posterior
from mse.interval import EqualTailed
from mse.models.bayes.strata_effects import values_of_strata

__all__ = ["MultilevelPosterior"]


@dataclass(frozen=True, eq=False, repr=False)
class MultilevelPosterior(Posterior):
    """The posterior of the totals of all strata together; each row of `draws` is one joint draw.

    Attributes
    ----------
    covariates : tuple of str
        Of the strata.
    n_observed_by_stratum : tuple of int
        Persons seen, in the order of `strata`.
    """

    covariates: tuple[str, ...] = ()
    n_observed_by_stratum: tuple[int, ...] = ()

    def totals(self, *by: str, level: float = 0.95) -> pd.DataFrame:
        """Totals by the values of some covariates, or of every stratum when none is named.

        Strata are added within each draw, so that what moves them together widens the interval of their sum.

        Parameters
        ----------
        *by : str
            Covariates that the rows are for; strata that differ in others only are added.
        level : float
            Of the equal-tailed intervals.

        Returns
        -------
        DataFrame
            A column for each covariate of `by`, then n_observed, n_hat (posterior median), low, high; persons.

        Raises
        ------
        BadInput
            For a covariate that the strata do not have.
        """
        chosen = by or self.covariates
        for name in chosen:
            if name not in self.covariates:
                raise BadInput.unknown("covariate", name, self.covariates)
        places = [self.covariates.index(name) for name in chosen]
        split = values_of_strata(self.strata, self.covariates)
        groups = [tuple(values[j] for j in places) for values in split]
        rows = []
        for group in sorted(set(groups)):
            members = [s for s, found in enumerate(groups) if found == group]
            summed = self.draws[:, members].sum(axis=1)
            ends = EqualTailed(summed).at(level)
            seen = sum(self.n_observed_by_stratum[s] for s in members)
            rows.append((*group, seen, float(np.median(summed)), ends.low, ends.high))
        return pd.DataFrame(rows, columns=[*chosen, "n_observed", "n_hat", "low", "high"])
