"""The posteriors between which thresholding moves: one model fitted to the counts, under normal or flat priors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.histories import CaptureHistories
from mse.models.bayes.convergence import convergence, faults
from mse.models.bayes.poisson_posterior import PoissonPosterior, draws_of
from mse.models.loglinear.extended import extended_mle, possible_cells
from mse.models.loglinear.terms import LogLinear

__all__ = ["Fitted", "Fitting"]

type Array = NDArray[np.float64]

LONGER = 4


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """One posterior: coefficients (n_chains, n_draws, n_columns) of the columns `masks`, and the empty overlaps."""

    model: LogLinear
    posterior: PoissonPosterior
    masks: tuple[int, ...]
    minus_infinite: tuple[int, ...]
    active: NDArray[np.bool_]
    coefficients: Array
    diagnostics: dict[str, float]

    @property
    def log_hidden(self) -> Array:
        """Log of the expected persons on no list: the intercept."""
        return np.asarray(self.coefficients[..., 0])

    def draws_of(self, term: int) -> Array:
        """Draws (n_chains, n_draws) of the coefficient of a term."""
        return np.asarray(self.coefficients[..., self.masks.index(term)])


@dataclass(frozen=True, eq=False, slots=True)
class Fitting:
    """How a model is fitted to these histories; flat priors where `prior_variance` is None."""

    histories: CaptureHistories
    prior_variance: float | None
    n_draws: int
    n_chains: int
    seed: int

    def fit(self, model: LogLinear, stage: int) -> Fitted:
        masks, active, empty = self._columns(model)
        cells = np.flatnonzero(active)
        design = ((cells[:, None] & np.array(masks)) == np.array(masks)).astype(np.float64)
        counts = np.concatenate([[0], self.histories.single_stratum()])[cells].astype(np.float64)
        bits = np.array([mask.bit_count() for mask in masks])
        precision = np.where(bits > 1, 0.0 if self.prior_variance is None else 1 / self.prior_variance, 0.0)
        posterior = PoissonPosterior(design, counts, precision)
        for length in (1, LONGER):
            values, accepted = draws_of(posterior, self.n_draws, self.n_chains, length, seed=(self.seed, stage))
            intercept = values[..., 0]
            n_observed = self.histories.n_observed
            watched = {"N": n_observed + np.exp(intercept), "log_hidden": intercept}
            diagnostics = convergence(watched, {}, [values]) | {"accepted": accepted}
            if not faults(diagnostics):
                break
        return Fitted(model, posterior, masks, empty, active, values, diagnostics)

    def _columns(self, model: LogLinear) -> tuple[tuple[int, ...], NDArray[np.bool_], tuple[int, ...]]:
        """Masks of the finite columns, cells that are left, and the terms that are -inf."""
        possible = possible_cells(self.histories)
        if self.prior_variance is None:
            support = extended_mle(self.histories, model).support
            return tuple(support.masks.tolist()), support.active, support.zero_terms
        # Normal priors bound the interactions; intercept and list effects need a maximum of their own.
        extended_mle(self.histories, LogLinear(self.histories.lists, frozenset()))
        cells = np.flatnonzero(possible)
        occurring = [term for term in model.terms if ((cells & term) == term).any()]
        return (0, *occurring), possible, ()
