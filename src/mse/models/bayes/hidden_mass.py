"""A distribution of the number of hidden persons, normalised up to a largest number or to infinity.

Small numbers are taken one by one. The rest is an integral over panels of the log of the hidden number, halved until
each is exact enough; what lies beyond the last panel is the integral of a power.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

__all__ = ["HiddenMass", "weigh_hidden"]

type Array = NDArray[np.float64]
type LogMass = Callable[[Array], Array]

ONE_BY_ONE = 1024
N_NODES = 16
PANEL = 0.7  # width of the first panels, in log hidden persons
ACCURACY = 1e-9  # of the share that one panel holds
LARGEST_SHARE = 0.1  # of one panel, so that quantiles are read off between near neighbours
MAX_HALVINGS = 24
NODES, WEIGHTS = np.polynomial.legendre.leggauss(N_NODES)


def _running_weights() -> Array:
    """What each node of a panel counts for in the integral up to each node, shape (N_NODES, N_NODES)."""
    order = np.arange(N_NODES)
    values = np.polynomial.legendre.legvander(NODES, N_NODES)
    # The integral of the Legendre polynomial k from -1 is (P[k+1] - P[k-1]) / (2k + 1), and 1 + x for k = 0.
    integrals = np.empty((N_NODES, N_NODES))
    integrals[:, 0] = 1 + NODES
    integrals[:, 1:] = (values[:, 2:] - values[:, :-2]) / (2 * order[1:] + 1)
    return np.asarray(integrals @ (values[:, :-1] * WEIGHTS[:, None] * (2 * order + 1) / 2).T)


RUNNING = _running_weights()


@dataclass(frozen=True, eq=False)
class HiddenMass:
    """A distribution of the number of hidden persons.

    Attributes
    ----------
    nodes : ndarray of float, shape (n_nodes,)
        Numbers of hidden persons at which the mass was taken, ascending; the first `n_whole` are 0, 1, 2, ...
    log_weights : ndarray of float, shape (n_nodes,)
        Log of what each node counts for in a sum over all numbers.
    shares : ndarray of float, shape (n_nodes,)
        Of the distribution; with `tail` they sum to one.
    cumulative : ndarray of float, shape (n_nodes,)
        Share at or below each node; beyond the whole numbers, up to half a person below it.
    tail : float
        Share beyond the largest number that was weighed.
    n_whole : int
    """

    nodes: Array
    log_weights: Array
    shares: Array
    cumulative: Array
    tail: float
    n_whole: int

    def quantile(self, levels: Array) -> Array:
        """The smallest whole number with at least this share at or below it; inf where that lies in the tail."""
        levels = np.asarray(levels, dtype=np.float64)
        answer = np.searchsorted(self.cumulative[: self.n_whole], levels * (1 - 1e-12)).astype(np.float64)
        beyond = answer == self.n_whole
        if len(self.nodes) == self.n_whole:
            return np.asarray(np.minimum(answer, self.nodes[-1]))
        inside = beyond & (levels <= 1 - self.tail)
        # The integral up to x stands for the whole numbers up to x - 1/2.
        x = np.concatenate([[self.n_whole - 0.5], self.nodes[self.n_whole :]])
        share = np.concatenate([[self.cumulative[self.n_whole - 1]], self.cumulative[self.n_whole :]])
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(share)) > 0])
        if inside.any():
            if rising.sum() > 1:
                log_x = PchipInterpolator(share[rising], np.log(x[rising]))(np.minimum(levels[inside], share.max()))
                answer[inside] = np.ceil(np.round(np.exp(log_x) - 0.5, 6))
            else:
                answer[inside] = self.n_whole - 1.0
        answer[beyond & ~inside] = np.inf
        return answer

    def nearest(self, hidden: Array) -> NDArray[np.intp]:
        """The place of the node next to each number, on the log scale, shape (n,)."""
        x, at = np.log(self.nodes + 0.5), np.log(hidden + 0.5)
        after = np.searchsorted(x, at).clip(1, len(x) - 1)
        return np.where(at - x[after - 1] <= x[after] - at, after - 1, after)


def weigh_hidden(log_mass: LogMass, *, largest: float, log_tail: float = -np.inf) -> HiddenMass:
    """Normalise a distribution of the number of hidden persons.

    Parameters
    ----------
    log_mass : callable
        Log of the mass at numbers of hidden persons, shape (n,) to (n,), also between whole numbers; it need not sum
        to one.
    largest : float
        The largest number that is weighed.
    log_tail : float
        Log of the mass beyond.
    """
    whole = np.arange(float(min(ONE_BY_ONE, int(largest) + 1)))
    at_whole = log_mass(whole)
    if len(whole) == int(largest) + 1:
        return _joined(at_whole, log_tail, np.empty((0, 2)), np.empty((0, N_NODES)))
    # From half below the first number not taken one by one: with that a sum of unit steps is an integral.
    first, last = np.log(len(whole) - 0.5), np.log(largest + 0.5)
    edges = np.linspace(first, last, max(2, int((last - first) / PANEL) + 1))
    panels = np.column_stack([edges[:-1], edges[1:]])
    values = _at_nodes(log_mass, panels)
    mass = np.logaddexp.reduce(values, axis=1)
    done_panels, done_values = [], []
    known = np.logaddexp(np.logaddexp.reduce(at_whole), log_tail)
    for halving in range(MAX_HALVINGS + 1):
        middles = panels.mean(axis=1)
        halves = np.stack([panels[:, 0], middles, middles, panels[:, 1]], axis=1).reshape(-1, 2)
        half_values = _at_nodes(log_mass, halves)
        half_mass = np.logaddexp.reduce(half_values, axis=1)
        both = np.logaddexp(half_mass[::2], half_mass[1::2])
        total = np.logaddexp(known, np.logaddexp.reduce(both))
        share = np.exp(both - total)
        exact = np.abs(share - np.exp(mass - total)) <= ACCURACY
        good = exact & (share <= LARGEST_SHARE) | (halving == MAX_HALVINGS)
        done_panels.append(panels[good])
        done_values.append(values[good])
        known = np.logaddexp(known, np.logaddexp.reduce(both[good], initial=-np.inf))
        rest = np.repeat(~good, 2)
        panels, values, mass = halves[rest], half_values[rest], half_mass[rest]
        if not len(panels):
            break
    every = np.concatenate(done_panels)
    order = np.argsort(every[:, 0])
    return _joined(at_whole, log_tail, every[order], np.concatenate(done_values)[order])


def _joined(at_whole: Array, log_tail: float, panels: Array, values: Array) -> HiddenMass:
    x, log_weights = _nodes(panels)
    log_total = np.logaddexp(np.logaddexp.reduce(np.concatenate([at_whole, values.ravel()])), log_tail)
    share_whole = np.exp(at_whole - log_total)
    shares = np.exp(values - log_total)
    before = share_whole.sum() + np.concatenate([[0.0], np.cumsum(shares.sum(axis=1))[:-1]])[: len(panels), None]
    within = (shares / WEIGHTS) @ RUNNING.T
    return HiddenMass(
        np.concatenate([np.arange(float(len(at_whole))), np.exp(x).ravel()]),
        np.concatenate([np.zeros(len(at_whole)), log_weights.ravel()]),
        np.concatenate([share_whole, shares.ravel()]),
        np.concatenate([np.cumsum(share_whole), (before + within).ravel()]),
        float(np.exp(log_tail - log_total)),
        len(at_whole),
    )


def _nodes(panels: Array) -> tuple[Array, Array]:
    """Log of the hidden number and log weight at the nodes of each panel, shapes (n_panels, N_NODES)."""
    half = (panels[:, 1:] - panels[:, :1]) / 2
    x = panels[:, :1] + half * (1 + NODES)
    return x, np.log(half * WEIGHTS) + x


def _at_nodes(log_mass: LogMass, panels: Array) -> Array:
    """Log of what each node adds to the sum, shape (n_panels, N_NODES)."""
    x, log_weights = _nodes(panels)
    return log_mass(np.exp(x).ravel()).reshape(x.shape) + log_weights
