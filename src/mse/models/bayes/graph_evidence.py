"""The evidence of graphs as a function of the hidden number: which graphs matter, and the distribution over them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput, Refused
from mse.models.bayes.decomposable_graphs import DecomposableGraphs
from mse.models.bayes.graph_sums import graphs_at, shape_of_each, sum_over_graphs, weights_and_medians
from mse.models.bayes.hidden_mass import HiddenMass, weigh_hidden
from mse.models.bayes.hyper_dirichlet import HyperDirichlet

__all__ = ["Evidence", "by_graph", "furthest_hidden", "weigh"]

type Array = NDArray[np.float64]
type Places = NDArray[np.intp]
type LogPrior = Callable[[Array], Array]

FURTHEST = 1e10  # hidden persons per person seen, where the open grid ends and a power takes over
NEGLIGIBLE = 1e-8  # share of the posterior that the graphs left out have together, judged by their peaks
LARGEST_TAIL = 1e-3


@dataclass(frozen=True, eq=False)
class Evidence:
    """Log marginal likelihood times the prior of N, for graphs given as their factors."""

    model: HyperDirichlet
    log_prior: LogPrior

    def at(self, hidden: Array) -> tuple[Array, Array]:
        """The factor table (n_rows, n_nodes) and what all graphs share (n_nodes,)."""
        prior = np.asarray(self.log_prior(self.model.n_observed + hidden), dtype=np.float64)
        if prior.shape != hidden.shape or np.isnan(prior).any() or np.isposinf(prior).any():
            raise BadInput(
                "prior_n must answer one log density, finite or -inf, for each total; "
                f"for {len(hidden)} totals it answered shape {prior.shape}"
            )
        return self.model.factor_table(hidden), self.model.log_ways(hidden) + prior

    def summed(self, factors: NDArray[np.int16], hidden: Array) -> Array:
        """Log of the sum over graphs, at each number of hidden persons."""
        table, shared = self.at(hidden)
        return np.asarray(sum_over_graphs(table, shared, factors), dtype=np.float64)

    def draw_graphs(self, factors: NDArray[np.int16], nodes: Array, places: Places, levels: Array) -> Places:
        """Rows of `factors`, (n_draws,): a graph given the node at each place, at a level of its distribution there."""
        used, place = np.unique(places, return_inverse=True)
        table, shared = self.at(nodes[used])
        totals = sum_over_graphs(table, shared, factors)
        order = np.lexsort((levels, place))
        drawn = np.empty(len(places), dtype=np.intp)
        drawn[order] = graphs_at(table, shared, factors, totals, place[order], levels[order])
        return drawn


def weigh(
    evidence: Evidence, graphs: DecomposableGraphs, n_hidden_max: int | None
) -> tuple[NDArray[np.intp], HiddenMass]:
    """The graphs that matter, and the distribution of hidden persons over them."""
    furthest = furthest_hidden(evidence.model.n_observed, n_hidden_max)
    coarse = _coarse_numbers(furthest)
    table, shared = evidence.at(coarse)
    peaks, ends, slopes = shape_of_each(table, shared, np.log(coarse + 0.5), graphs.factors)
    kept = _that_matter(peaks)
    factors = graphs.factors[kept]
    if n_hidden_max is not None:
        return kept, weigh_hidden(lambda hidden: evidence.summed(factors, hidden), largest=n_hidden_max)
    if slopes.max() >= -1 - 1e-9:
        raise Refused(
            "the posterior of N has no finite sum: the graph with every edge leaves so many hidden persons possible "
            "that the prior must rule them out; use prior_n='1/N', or give a larger delta or n_hidden_max"
        )
    log_tail = float(np.logaddexp.reduce(ends[kept] + np.log(furthest) - np.log(-slopes[kept] - 1)))
    mass = weigh_hidden(lambda hidden: evidence.summed(factors, hidden), largest=furthest, log_tail=log_tail)
    if mass.tail > LARGEST_TAIL:
        raise Refused(
            f"{100 * mass.tail:.2g} % of the posterior lies beyond {FURTHEST:.0e} hidden persons per person seen: the "
            "counts and the prior do not bound the total; give a larger delta, another prior_n, or n_hidden_max"
        )
    return kept, mass


def furthest_hidden(n_observed: int, n_hidden_max: int | None) -> float:
    """The largest number of hidden persons that is weighed."""
    return FURTHEST * n_observed if n_hidden_max is None else float(n_hidden_max)


def _that_matter(peaks: Array) -> NDArray[np.intp]:
    """The graphs without which a negligible share of all is missing."""
    share = np.exp(peaks - peaks.max())
    rising = np.argsort(share, kind="stable")
    without = np.cumsum(share[rising]) <= NEGLIGIBLE * share.sum()
    return np.sort(rising[~without])


def _coarse_numbers(furthest: float) -> Array:
    """Numbers of hidden persons that any graph's evidence can be judged by, ever wider apart."""
    apart = np.exp(np.linspace(0, np.log(furthest), max(3, int(np.log(furthest) / 0.2))))
    return np.unique(np.concatenate([[0.0], np.floor(apart[apart < 64]), apart[apart >= 64]]))


def by_graph(
    evidence: Evidence, graphs: DecomposableGraphs, kept: NDArray[np.intp], mass: HiddenMass
) -> tuple[Array, Array]:
    """Log weight and median of hidden persons of each kept graph."""
    table, shared = evidence.at(mass.nodes)
    log_weights, medians = weights_and_medians(table, shared + mass.log_weights, mass.nodes, graphs.factors[kept])
    return log_weights, medians
