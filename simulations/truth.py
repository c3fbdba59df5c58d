"""A truth that is known: a model fitted to a published table, taken for the population itself."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mse.datasets import load_dataset
from mse.histories import CaptureHistories
from mse.models.loglinear.extended import ExtendedMLE, extended_mle
from mse.models.loglinear.terms import parse_model

__all__ = ["Truth"]


@dataclass(frozen=True)
class Truth:
    """A population with the total and the probabilities of a fitted log-linear model.

    Attributes
    ----------
    table : str
        Name of the published table.
    model : str
        The model, in the notation of `mse.fit_loglinear`.
    seed : int
        Of the data sets.
    """

    table: str
    model: str
    seed: int

    @cached_property
    def mle(self) -> ExtendedMLE:
        """The fit that is taken for the truth."""
        histories = load_dataset(self.table)
        return extended_mle(histories, parse_model(self.model, histories.lists))

    @property
    def true_n(self) -> int:
        """Persons in the population."""
        return round(self.mle.n_observed + self.mle.n_hidden)

    @property
    def true_n_hidden(self) -> float:
        """Persons of the population that a data set is expected to miss."""
        return self.mle.n_hidden

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Probability of each history, the missing cell first, shape (2**K,)."""
        means = np.where(self.mle.support.active, self.mle.fit.means, 0.0)
        means[0] = self.mle.n_hidden
        return np.asarray(means / means.sum())

    def data_set(self, number: int) -> CaptureHistories:
        """One data set; the same whichever others are drawn.

        All persons of the population have a history drawn, and those on no list are left out: so the number observed
        is binomial, as in Chan, Silverman and Vincent (2021), section 3.4.
        """
        rng = np.random.default_rng([self.seed, number])
        counts = rng.multinomial(self.true_n, self.shares)
        return CaptureHistories(self.mle.model.lists, counts[1:])

    def seed_of(self, number: int) -> int:
        """Seed of what is random in the estimates of one data set."""
        return int(np.random.SeedSequence([self.seed, number, 1]).generate_state(1)[0])

    def told(self) -> dict[str, object]:
        """What makes the data sets, for the head of a file of rows."""
        return {
            "table": self.table,
            "table_sha256": load_dataset(self.table).sha256,
            "model": self.model,
            "seed": self.seed,
        }
