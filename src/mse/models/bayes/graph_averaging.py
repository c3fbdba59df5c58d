"""Average over all decomposable graphs by exact marginal likelihoods, with every number of hidden persons weighed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, Refused
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.interval import Interval, check_level
from mse.models.bayes.beside_default import beside_default
from mse.models.bayes.decomposable_graphs import DecomposableGraphs, decomposable_graphs
from mse.models.bayes.expert_in_graphs import prior_with_expert
from mse.models.bayes.expert_prior import ExpertPrior
from mse.models.bayes.graph_evidence import Evidence, by_graph, weigh
from mse.models.bayes.graph_tree import graph_tree
from mse.models.bayes.hidden_mass import HiddenMass
from mse.models.bayes.hyper_dirichlet import HyperDirichlet

__all__ = ["GraphPosterior", "decomposable"]

type Array = NDArray[np.float64]
type LogPrior = Callable[[Array], Array]

PRIORS: dict[str, LogPrior] = {"1/N": lambda total: -np.log(total), "uniform": np.zeros_like}
FEWEST_LISTS, MOST_LISTS = 3, 7
N_DRAWS = 4000
MUCH = 0.1


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
            delta, n_hat, low, high (95 %), saturated (the weight of the graph with every edge), refusal: why there is
            no answer, whose figures are then NaN, and else empty.
        """
        assert self.resolve is not None
        n_lists = len(set(self.edges["a"]) | set(self.edges["b"]))
        usual = sorted({2.0**-n_lists * times for times in (0.25, 0.5, 1, 2, 4)} | {0.5})
        rows: list[tuple[float, float, float, float, float, str]] = []
        for delta in usual if deltas is None else deltas:
            try:
                answer = self.resolve(float(delta))
            except Refused as refusal:
                rows.append((delta, np.nan, np.nan, np.nan, np.nan, str(refusal)))
            else:
                ends = answer.interval()
                rows.append((delta, answer.n_hat, ends.low, ends.high, answer.diagnostics["saturated"], ""))
        return pd.DataFrame(rows, columns=["delta", "n_hat", "low", "high", "saturated", "refusal"])

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
        `draws` (4000, 1) of N in persons are quantiles of its exact distribution, in an order that the counts give, so
        that no seed is needed; `graphs` and `edges` hold the posterior of the graphs. `diagnostics` has `saturated`
        (weight of the graph with every edge), `tail` (share beyond what was weighed), and, where there is one, `mean`.
        `idata` holds posterior (graph and chances drawn given each N), prior, posterior predictive, log likelihood (of
        each history given being seen), sample statistics and observed counts. The prior of N is among the draws of the
        prior only where it can be drawn from: with `n_hidden_max`, or an expert's belief about N.

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
    evidence = Evidence(model, prior.factor)
    kept, mass = weigh(evidence, graphs, n_hidden_max)
    log_weights, medians = by_graph(evidence, graphs, kept, mass)
    probability = np.exp(log_weights - np.logaddexp.reduce(log_weights))
    saturated = float(probability[graphs.edges[kept] == graphs.edges.max()].sum())
    random = np.random.default_rng(int(histories.sha256[:16], 16))
    totals = histories.n_observed + mass.quantile((random.permutation(N_DRAWS) + 0.5) / N_DRAWS)
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
        idata=graph_tree(
            histories,
            evidence,
            graphs,
            kept,
            mass,
            totals,
            random,
            delta=delta,
            prior=prior,
            expert=expert,
            n_hidden_max=n_hidden_max,
        ),
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
