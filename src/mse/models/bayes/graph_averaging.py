"""Average over all decomposable graphs by exact marginal likelihoods, with every number of hidden persons weighed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.interval import Interval, check_level
from mse.models.bayes.beside_default import beside_default
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.decomposable_graphs import DecomposableGraphs, decomposable_graphs
from mse.models.bayes.expert_in_graphs import prior_with_expert
from mse.models.bayes.expert_prior import ExpertPrior
from mse.models.bayes.graph_sums import shape_of_each, sum_over_graphs, weights_and_medians
from mse.models.bayes.hidden_mass import HiddenMass, weigh_hidden
from mse.models.bayes.hyper_dirichlet import HyperDirichlet

__all__ = ["GraphPosterior", "decomposable"]

type Array = NDArray[np.float64]
type LogPrior = Callable[[Array], Array]

PRIORS: dict[str, LogPrior] = {"1/N": lambda total: -np.log(total), "uniform": np.zeros_like}
FEWEST_LISTS, MOST_LISTS = 3, 7
N_DRAWS = 4000
FURTHEST = 1e10  # hidden persons per person seen, where the open grid ends and a power takes over
NEGLIGIBLE = 1e-8  # share of the posterior that the graphs left out have together, judged by their peaks
MUCH = 0.1
LARGEST_TAIL = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class GraphPosterior(Posterior):
    """The posterior of N over all decomposable graphs; intervals come from the exact distribution, not from draws.

    Attributes
    ----------
    graphs : DataFrame
        The 100 best graphs: model, positions, probability, n_hat (median given the graph); sorted by probability.
    edges : DataFrame
        Each pair of lists and the probability that the graph joins it: a, b, probability.
    distribution : HiddenMass
        Of the number of hidden persons.
    """

    graphs: pd.DataFrame = field(default_factory=pd.DataFrame)
    edges: pd.DataFrame = field(default_factory=pd.DataFrame)
    distribution: HiddenMass | None = None
    resolve: Callable[[float], "GraphPosterior"] | None = None

    @property
    def n_hat(self) -> float:
        """Posterior median of the total."""
        return float(self._quantiles([0.5])[0])

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed credible interval of N at this level, in persons."""
        tail = (1 - check_level(level)) / 2
        low, median, high = self._quantiles([tail, 0.5, 1 - tail])
        return Interval(float(low), float(high), level, "equal-tailed", median=float(median))

    def sensitivity(self, deltas: Sequence[float] | None = None) -> pd.DataFrame:
        """The answer for other Dirichlet parameters of a cell.

        Parameters
        ----------
        deltas : sequence of float or None
            None takes a quarter, half, once, twice and four times 2**-K, and 0.5, the parameter of Jeffreys.

        Returns
        -------
        DataFrame
            delta, n_hat, low, high (95 %), saturated (the weight of the graph with every edge).
        """
        assert self.resolve is not None
        n_lists = len(set(self.edges["a"]) | set(self.edges["b"]))
        chosen = [2.0**-n_lists * times for times in (0.25, 0.5, 1, 2, 4)] + [0.5] if deltas is None else deltas
        rows = []
        for delta in chosen:
            answer = self.resolve(float(delta))
            ends = answer.interval()
            rows.append((delta, answer.n_hat, ends.low, ends.high, answer.diagnostics["saturated"]))
        return pd.DataFrame(rows, columns=["delta", "n_hat", "low", "high", "saturated"])

    def _quantiles(self, levels: Sequence[float]) -> Array:
        assert self.distribution is not None
        return self.n_observed + self.distribution.quantile(np.array(levels))


def decomposable(
    histories: CaptureHistories,
    *,
    delta: float | None = None,
    prior_n: str | LogPrior = "1/N",
    n_hidden_max: int | None = None,
    expert: ExpertPrior | None = None,
) -> GraphPosterior:
    """Posterior of the total, averaged over all decomposable graphs on the lists.

    A graph says which lists depend on each other given the rest. For the decomposable ones the marginal likelihood of
    every number of hidden persons is a formula, so that nothing is sampled: 8 graphs on three lists, 61, 822, 18,154,
    and 617,675 on seven.

    Parameters
    ----------
    histories : CaptureHistories
        Three to seven lists, without strata and without structural zeros.
    delta : float or None
        Dirichlet parameter of each of the 2**K cells; None is ``2**-K``, one person's worth of prior in all. Larger
        values favour the graph with every edge: see `GraphPosterior.sensitivity`.
    prior_n : {"1/N", "uniform"} or callable
        Prior of the total; a callable answers the log density, up to a constant, at totals of shape (n,).
    n_hidden_max : int or None
        None weighs all numbers of hidden persons; a number weighs 0 to that number only, and `notes` say so when the
        posterior leans on the end.
    expert : ExpertPrior or None
        From `elicit_prior`: a belief about N takes the place of `prior_n`; one about the capture probability of a list
        takes the place of that list's prior in every graph. The answer then says so everywhere, with the estimate under
        the default prior beside it.

    Returns
    -------
    GraphPosterior
        `draws` (4000, 1) of N in persons are quantiles of its exact distribution, so that no seed is needed;
        `graphs` and `edges` hold the posterior of the graphs. `diagnostics` has `saturated` (weight of the graph with
        every edge), `tail` (share beyond what was weighed), and, where there is one, `mean`.

    Raises
    ------
    BadInput
        For fewer than three or more than seven lists, structural zeros, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    Refused
        When the posterior cannot be normalised, much of it lies beyond any plausible total, or the expert rules out the
        persons seen.

    References
    ----------
    Madigan and York (1997), doi:10.1093/biomet/84.1.19; Dawid and Lauritzen (1993), doi:10.1214/aos/1176349260.

    Examples
    --------
    >>> import mse
    >>> posterior = mse.decomposable(mse.load_dataset("UKdat_5"))
    >>> posterior.graphs.positions[0], f"{posterior.graphs.probability[0]:.3f}"
    ('[123,25,34]', '0.443')
    """
    delta = 2.0**-histories.n_lists if delta is None else delta
    _check(histories, delta, prior_n, n_hidden_max)
    prior = prior_with_expert(
        histories,
        PRIORS[prior_n] if isinstance(prior_n, str) else prior_n,
        expert,
        delta=delta,
        is_default=prior_n == "1/N",
    )
    model = HyperDirichlet.of(histories.single_stratum(), histories.n_lists, delta)
    graphs = decomposable_graphs(histories.n_lists)
    evidence = _Evidence(model, prior.factor)
    kept, mass = _weigh(evidence, graphs, n_hidden_max)
    log_weights, medians = _by_graph(evidence, graphs, kept, mass)
    probability = np.exp(log_weights - np.logaddexp.reduce(log_weights))
    saturated = float(probability[graphs.edges[kept] == graphs.edges.max()].sum())
    totals = histories.n_observed + mass.quantile((np.arange(N_DRAWS) + 0.5) / N_DRAWS)
    diagnostics = {"saturated": saturated, "tail": mass.tail}
    if n_hidden_max is not None:
        diagnostics["mean"] = float(histories.n_observed + mass.shares @ mass.nodes)
    options = {
        "delta": delta,
        "prior_n": _prior_name(prior_n, expert),
        "n_hidden_max": n_hidden_max,
    }
    posterior = GraphPosterior(
        model=f"decomposable graphs ({len(graphs):,})",
        n_observed=histories.n_observed,
        draws=totals[:, None],
        diagnostics=diagnostics,
        provenance=provenance.record(input_sha256=histories.sha256, options=options),
        notes=_notes(histories, saturated, mass, n_hidden_max),
        idata=_tree(histories, totals, mass, prior.scaled),
        graphs=_best_graphs(histories, graphs, kept, probability, medians),
        edges=_edges(histories, graphs, kept, probability),
        distribution=mass,
        resolve=lambda other: decomposable(
            histories, delta=other, prior_n=prior_n, n_hidden_max=n_hidden_max, expert=expert
        ),
    )
    if expert is None:
        return posterior
    return beside_default(
        posterior, lambda: decomposable(histories, delta=delta, prior_n=prior_n, n_hidden_max=n_hidden_max), expert
    )


def _check(histories: CaptureHistories, delta: float, prior_n: object, n_hidden_max: int | None) -> None:
    if not FEWEST_LISTS <= histories.n_lists <= MOST_LISTS:
        raise BadInput(
            f"decomposable graphs are offered for {FEWEST_LISTS} to {MOST_LISTS} lists, there are {histories.n_lists}; "
            "merge or drop lists"
        )
    if not histories.cells_that_can_occur.all():
        raise BadInput(
            "a history that cannot occur is at odds with the Dirichlet prior of decomposable graphs; "
            "use bayes_loglinear, which leaves such histories out"
        )
    if isinstance(prior_n, str) and prior_n not in PRIORS:
        raise BadInput.option("prior_n", prior_n, PRIORS)
    if not isinstance(prior_n, str) and not callable(prior_n):
        raise BadInput(f"prior_n={prior_n!r} is no prior; give '1/N', 'uniform', or a function of N that answers logs")
    if not 0 < delta < np.inf:
        raise BadInput(f"delta={delta!r} is not a Dirichlet parameter; give a number above 0, or None for 2**-K")
    if n_hidden_max is not None and n_hidden_max < 1:
        raise BadInput(f"n_hidden_max={n_hidden_max!r} leaves no hidden person; give 1 or more, or None for no end")
    sizes = np.array([sum(history) for history in histories.histories])
    if not histories.total_counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


@dataclass(frozen=True, eq=False)
class _Evidence:
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


def _weigh(
    evidence: _Evidence, graphs: DecomposableGraphs, n_hidden_max: int | None
) -> tuple[NDArray[np.intp], HiddenMass]:
    """The graphs that matter, and the distribution of hidden persons over them."""
    furthest = FURTHEST * evidence.model.n_observed if n_hidden_max is None else float(n_hidden_max)
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
            "that the prior must rule them out; use prior_n='1/N', or give n_hidden_max"
        )
    log_tail = float(np.logaddexp.reduce(ends[kept] + np.log(furthest) - np.log(-slopes[kept] - 1)))
    mass = weigh_hidden(lambda hidden: evidence.summed(factors, hidden), largest=furthest, log_tail=log_tail)
    if mass.tail > LARGEST_TAIL:
        raise Refused(
            f"{100 * mass.tail:.2g} % of the posterior lies beyond {FURTHEST:.0e} hidden persons per person seen: the "
            "counts and the prior do not bound the total; give a larger delta, another prior_n, or n_hidden_max"
        )
    return kept, mass


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


def _by_graph(
    evidence: _Evidence, graphs: DecomposableGraphs, kept: NDArray[np.intp], mass: HiddenMass
) -> tuple[Array, Array]:
    """Log weight and median of hidden persons of each kept graph."""
    table, shared = evidence.at(mass.nodes)
    log_weights, medians = weights_and_medians(table, shared + mass.log_weights, mass.nodes, graphs.factors[kept])
    return log_weights, medians


def _best_graphs(
    histories: CaptureHistories,
    graphs: DecomposableGraphs,
    kept: NDArray[np.intp],
    probability: Array,
    medians: Array,
) -> pd.DataFrame:
    best = np.argsort(-probability, kind="stable")[:100]
    rows = []
    for i in best.tolist():
        sets = [
            [j for j in range(histories.n_lists) if clique >> (histories.n_lists - 1 - j) & 1]
            for clique in graphs.cliques(int(kept[i]))
        ]
        sets.sort(key=lambda positions: (-len(positions), positions))
        model = "".join(f"[{','.join(histories.lists[j] for j in positions)}]" for positions in sets)
        short = f"[{','.join(''.join(str(j + 1) for j in positions) for positions in sets)}]"
        rows.append((model, short, probability[i], histories.n_observed + medians[i]))
    return pd.DataFrame(rows, columns=["model", "positions", "probability", "n_hat"])


def _edges(
    histories: CaptureHistories, graphs: DecomposableGraphs, kept: NDArray[np.intp], probability: Array
) -> pd.DataFrame:
    rows = [
        (histories.lists[a], histories.lists[b], float(probability[graphs.has_edge(pair)[kept]].sum()))
        for pair, (a, b) in enumerate(graphs.pairs)
    ]
    return pd.DataFrame(rows, columns=["a", "b", "probability"])


def _prior_name(prior_n: str | LogPrior, expert: ExpertPrior | None) -> str:
    if expert is not None and expert.list is None:
        return "an expert's"
    return prior_n if isinstance(prior_n, str) else "given by the user"


def _notes(
    histories: CaptureHistories, saturated: float, mass: HiddenMass, n_hidden_max: int | None
) -> tuple[str, ...]:
    notes = []
    if saturated > MUCH:
        notes.append(
            f"the graph with every edge has {100 * saturated:.0f} % of the weight; under it the counts say nothing of "
            "hidden persons, the prior alone does"
        )
    if n_hidden_max is not None:
        last_tenth = mass.shares[mass.nodes > 0.9 * n_hidden_max].sum()
        if last_tenth > 1e-3:
            notes.append(
                f"{100 * last_tenth:.2g} % of the posterior lies in the last tenth of the grid that ends at "
                f"{n_hidden_max:,} hidden persons; a longer grid, or n_hidden_max=None, moves the answer"
            )
    return tuple(notes)


def _tree(histories: CaptureHistories, totals: Array, mass: HiddenMass, log_prior: LogPrior) -> Any:
    """Draws as one chain; their log posterior is read off the weighed numbers, between them on a line in log hidden."""
    hidden = np.minimum(totals - histories.n_observed, mass.nodes[-1])
    log_posterior = np.log(np.maximum(mass.shares, np.finfo(float).tiny)) - mass.log_weights
    joint = np.interp(np.log(hidden + 0.5), np.log(mass.nodes + 0.5), log_posterior)
    prior = np.asarray(log_prior(histories.n_observed + hidden), dtype=np.float64)
    groups = {
        "posterior": {"N": totals[None, :], "n_hidden": totals[None, :] - histories.n_observed},
        "log_prior": {"N": prior[None, :]},
        "log_likelihood": {"N": (joint - prior)[None, :]},
        "observed_data": {"count": histories.single_stratum().astype(np.float64)},
    }
    names = ["".join(map(str, history)) for history in histories.histories]
    return posterior_tree(groups, coords={"history": names}, dims={"count": ["history"]})
