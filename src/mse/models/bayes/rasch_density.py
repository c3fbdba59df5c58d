"""Density of the Rasch model with normal persons: lists unlike, persons unlike, and nothing else.

Person i is on list j with log-odds ``effect_j + spread * theta_i``, theta standard normal, all lists independent given
theta. The probability of a history is one integral over theta that depends on the history by its size s alone, but for
the product of the odds of its lists: ``P(w) = exp(sum of effects in w) * M_s``, ``M_s = E[exp(s spread theta) *
prod_j 1 / (1 + exp(effect_j + spread theta))]``. Totals of lists and persons by number of lists are sufficient.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FURTHEST", "Persons", "RaschPosterior", "RaschPrior", "log_of_rest", "persons_at"]

type Array = NDArray[np.float64]

# The trapezoid rule on an analytic integrand errs by exp(-2 pi d / h), d = pi / spread the distance of the nearest pole
# of a logistic curve: below 1e-7 up to a spread of 5.4, and 3e-5 at 8. The normal density beyond 9 is below 1e-18.
FURTHEST, N_NODES = 9.0, 81
NODES = np.linspace(-FURTHEST, FURTHEST, N_NODES)
LOG_WEIGHTS = -(NODES**2) / 2 - np.log(2 * np.pi) / 2 + np.log(2 * FURTHEST / (N_NODES - 1))
BATCH = 1000  # positions at a time, so that the tables of persons by lists stay within 10 MB


@dataclass(frozen=True, slots=True)
class RaschPrior:
    """Prior of the model.

    Attributes
    ----------
    log_hidden_mean, log_hidden_sd : float
        Normal prior of the log of hidden persons per person seen.
    spread_scale : float
        Scale of the half-normal prior of the persons' standard deviation, in log-odds.
    list_effect_sd : float
        Standard deviation of a list effect (capture log-odds) around the mean of the lists.
    """

    log_hidden_mean: float
    log_hidden_sd: float
    spread_scale: float = 1.5
    list_effect_sd: float = 1.5


class Persons(NamedTuple):
    """Persons of every kind, by node: chance on each list, log share by size of history, and their log sums.

    `captured` (..., K, n_nodes); `log_terms` (..., K + 1, n_nodes), whose sums over nodes are M_s, log in `log_masses`
    (..., K + 1).
    """

    captured: Array
    log_terms: Array
    log_masses: Array


def persons_at(effects: Array, spread: Array, nodes: Array = NODES, log_weights: Array = LOG_WEIGHTS) -> Persons:
    """What persons at the nodes contribute, given effects (..., K) and spread (...).

    The log of the share of persons that each node stands for is in `log_weights`, both (..., n_nodes).
    """
    shift = spread[..., None] * nodes
    on = effects[..., :, None] + shift[..., None, :]
    small = np.exp(-np.abs(on))
    captured = np.where(on >= 0, 1.0, small) / (1 + small)
    log_nowhere = -(np.maximum(on, 0) + np.log1p(small)).sum(axis=-2)
    sizes = np.arange(effects.shape[-1] + 1)
    log_terms = (log_nowhere + log_weights)[..., None, :] + sizes[:, None] * shift[..., None, :]
    largest = log_terms.max(axis=-1, keepdims=True)
    log_masses = np.log(np.exp(log_terms - largest).sum(axis=-1)) + largest[..., 0]
    return Persons(captured, log_terms, log_masses)


@dataclass(frozen=True, eq=False)
class RaschPosterior:
    """Posterior of (level, contrasts of the lists, spread) given who was seen; N is integrated out under 1/N.

    Attributes
    ----------
    on_list : ndarray of float, shape (K,)
        Persons on each list.
    by_size : ndarray of float, shape (K + 1,)
        Persons by number of lists; the first is 0.
    prior : RaschPrior
    """

    on_list: Array
    by_size: Array
    prior: RaschPrior

    @cached_property
    def basis(self) -> Array:
        """Of effects (K,): the level, and contrasts that are orthonormal and sum to zero; shape (K, K)."""
        n_lists = len(self.on_list)
        apart = np.eye(n_lists) - 1 / n_lists
        contrasts = np.linalg.svd(apart)[0][:, : n_lists - 1]
        return np.column_stack([np.ones(n_lists), contrasts])

    def effects(self, positions: Array) -> Array:
        """Capture log-odds of a person in the middle by list, shape (..., K)."""
        return np.asarray(positions[..., :-1] @ self.basis.T)

    def log_density(self, positions: Array) -> Array:
        """Of positions (n, K + 1), up to a constant; minus infinity for a negative spread."""
        value = np.full(len(positions), -np.inf)
        inside = np.flatnonzero(positions[:, -1] >= 0)
        for start in range(0, len(inside), BATCH):
            rows = inside[start : start + BATCH]
            value[rows] = self._inside(positions[rows])
        return value

    def _inside(self, positions: Array) -> Array:
        prior, effects = self.prior, self.effects(positions)
        persons = persons_at(effects, positions[:, -1])
        log_unseen = persons.log_masses[:, 0]
        log_seen = log_of_rest(log_unseen)
        likelihood = effects @ self.on_list + persons.log_masses @ self.by_size - self.by_size.sum() * log_seen
        believed = -(((log_unseen - log_seen - prior.log_hidden_mean) / prior.log_hidden_sd) ** 2) / 2
        believed -= (positions[:, 1:-1] ** 2).sum(axis=1) / (2 * prior.list_effect_sd**2)
        believed -= (positions[:, -1] / prior.spread_scale) ** 2 / 2
        # The prior is one of log hidden per seen, and the coordinate is the level. The former falls in the latter by
        # the lists that an unseen person is on in the mean over theta, divided by the share seen.
        unseen = np.exp(persons.log_terms[:, 0] - log_unseen[:, None])
        slope = np.log(np.einsum("nq,njq->n", unseen, persons.captured)) - log_seen
        return np.asarray(likelihood + believed + slope)


def log_of_rest(log_share: Array) -> Array:
    """Log of one less a share that is given by its log."""
    return np.asarray(np.log(-np.expm1(np.minimum(log_share, -1e-300))))
