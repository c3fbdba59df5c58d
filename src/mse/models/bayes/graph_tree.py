"""The ArviZ tree of an average over decomposable graphs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.decomposable_graphs import DecomposableGraphs
from mse.models.bayes.expert_in_graphs import PriorOfN
from mse.models.bayes.expert_prior import ExpertPrior
from mse.models.bayes.graph_cells import draw_cells
from mse.models.bayes.graph_evidence import Evidence, furthest_hidden
from mse.models.bayes.hidden_mass import HiddenMass, weigh_hidden

__all__ = ["graph_tree", "with_margin"]

type Array = NDArray[np.float64]

N_PRIOR_DRAWS = 1000


def graph_tree(
    histories: CaptureHistories,
    evidence: Evidence,
    graphs: DecomposableGraphs,
    kept: NDArray[np.intp],
    mass: HiddenMass,
    totals: Array,
    random: np.random.Generator,
    *,
    delta: float,
    prior: PriorOfN,
    expert: ExpertPrior | None,
    n_hidden_max: int | None,
) -> Any:
    """All groups, from draws of N of shape (n_draws,).

    A graph is drawn given the weighed number of hidden persons that is next to the draw, chances of the histories given
    the graph and the draw. Hidden persons beyond the last that was weighed are taken to be that.
    """
    n_observed = histories.n_observed
    counts = histories.single_stratum().astype(np.float64)
    hidden = np.minimum(totals - n_observed, mass.nodes[-1])
    levels = random.uniform(size=len(hidden))
    chosen = kept[evidence.draw_graphs(graphs.factors[kept], mass.nodes, mass.nearest(hidden), levels)]
    cells = np.concatenate([[0.0], counts])
    log_chances = draw_cells(random, cells, hidden, graphs.factors[chosen], delta)
    believed = random.integers(0, len(graphs), N_PRIOR_DRAWS)
    before = draw_cells(random, 0 * cells, np.zeros(N_PRIOR_DRAWS), graphs.factors[believed], delta)
    if expert is not None and expert.list is not None:
        place = histories.lists.index(expert.list)
        on = float(histories.list_totals[expert.list])
        log_chances = with_margin(random, log_chances, place, expert, on, n_observed - on + hidden)
        before = with_margin(random, before, place, expert, 0.0, np.zeros(N_PRIOR_DRAWS))
    log_seen = logsumexp(log_chances[:, 1:], axis=1)
    log_given_seen = log_chances[:, 1:] - log_seen[:, None]
    log_likelihood = np.where(counts > 0, counts * np.where(counts > 0, log_given_seen, 0.0), 0.0)
    chances = np.exp(log_given_seen)
    replicated = random.multinomial(n_observed, chances / chances.sum(axis=1, keepdims=True))
    log_posterior, log_prior = _log_densities(mass, hidden, prior, n_observed)
    groups = {
        "posterior": {
            "N": totals[None],
            "n_hidden": totals[None] - n_observed,
            "log_hidden_per_seen": (log_chances[:, 0] - log_seen)[None],
            "edge": _edges(graphs, chosen)[None],
        },
        "posterior_predictive": {"count": replicated[None].astype(np.float64)},
        "log_likelihood": {"count": log_likelihood[None]},
        "log_prior": {"N": log_prior[None]},
        "sample_stats": {"lp": log_posterior[None], "log_marginal_likelihood": (log_posterior - log_prior)[None]},
        "prior": {
            "log_hidden_per_seen": (before[:, 0] - logsumexp(before[:, 1:], axis=1))[None],
            "edge": _edges(graphs, believed)[None],
        },
        "observed_data": {"count": counts},
    }
    if n_hidden_max is not None if expert is None else expert.list is None:
        groups["prior"]["N"] = _prior_totals(random, prior, n_observed, n_hidden_max)[None]
    return posterior_tree(
        groups,
        coords={
            "history": [as_text(history) for history in histories.histories],
            "pair": [f"{histories.lists[a]}:{histories.lists[b]}" for a, b in graphs.pairs],
        },
        dims={"count": ["history"], "edge": ["pair"]},
    )


def _log_densities(mass: HiddenMass, hidden: Array, prior: PriorOfN, n_observed: int) -> tuple[Array, Array]:
    """Log posterior, read off the weighed numbers on a line in log hidden between them, and log prior of N."""
    log_posterior = np.log(np.maximum(mass.shares, np.finfo(float).tiny)) - mass.log_weights
    joint = np.interp(np.log(hidden + 0.5), np.log(mass.nodes + 0.5), log_posterior)
    return joint, np.asarray(prior.scaled(n_observed + hidden), dtype=np.float64)


def _edges(graphs: DecomposableGraphs, chosen: NDArray[np.integer[Any]]) -> Array:
    """1 for each pair of lists that the graph joins, shape (n_draws, n_pairs)."""
    return (graphs.edges[chosen, None] >> np.arange(len(graphs.pairs)) & 1).astype(np.float64)


def with_margin(
    random: np.random.Generator, log_chances: Array, place: int, expert: ExpertPrior, on: float, off: Array
) -> Array:
    """Another chance to be on one list, drawn from an expert's beta prior and the persons on it and off it.

    In every decomposable graph the margin of a list is independent of all that is conditional on it.
    """
    n_cells = log_chances.shape[1]
    bit = n_cells >> (place + 1)
    is_on = (np.arange(n_cells) & bit) > 0
    first, second = expert.parameters
    chance = random.beta(first + on, second + off)
    moved = log_chances.copy()
    moved[:, is_on] += (np.log(chance) - logsumexp(log_chances[:, is_on], axis=1))[:, None]
    moved[:, ~is_on] += (np.log1p(-chance) - logsumexp(log_chances[:, ~is_on], axis=1))[:, None]
    return moved


def _prior_totals(random: np.random.Generator, prior: PriorOfN, n_observed: int, n_hidden_max: int | None) -> Array:
    """Draws of the prior of N, given that it is not below the number seen."""
    mass = weigh_hidden(
        lambda hidden: np.asarray(prior.factor(n_observed + hidden), dtype=np.float64),
        largest=furthest_hidden(n_observed, n_hidden_max),
    )
    return np.asarray(n_observed + mass.quantile(random.uniform(size=N_PRIOR_DRAWS)))
