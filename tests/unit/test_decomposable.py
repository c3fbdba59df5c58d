"""Averaging over decomposable graphs, against formulas written down the long way."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

import mse
from mse import errors
from mse.histories import CaptureHistories
from mse.models.bayes.decomposable_graphs import decomposable_graphs
from mse.models.bayes.hidden_mass import weigh_hidden


def _korea() -> CaptureHistories:
    return mse.load_dataset("Korea")


def _chordal_by_removal(n: int, edges: set[tuple[int, int]]) -> bool:
    """A graph is chordal iff lists whose neighbours are all joined can be removed until none is left."""
    left = set(range(n))
    while left:
        for v in left:
            around = [u for u in left if (min(u, v), max(u, v)) in edges]
            if all((min(a, b), max(a, b)) in edges for a, b in combinations(around, 2)):
                left.remove(v)
                break
        else:
            return False
    return True


def _cliques(n: int, edges: set[tuple[int, int]]) -> list[frozenset[int]]:
    full = [
        frozenset(s)
        for size in range(1, n + 1)
        for s in combinations(range(n), size)
        if all(pair in edges for pair in combinations(s, 2))
    ]
    return [s for s in full if not any(s < other for other in full)]


def _separators(cliques: list[frozenset[int]]) -> list[frozenset[int]]:
    """Of a junction tree: a spanning tree of the cliques with the largest intersections."""
    joined, found = {cliques[0]}, []
    while len(joined) < len(cliques):
        a, b = max(
            ((a, b) for a in joined for b in cliques if b not in joined), key=lambda pair: len(pair[0] & pair[1])
        )
        found.append(a & b)
        joined.add(b)
    return found


def _log_dirichlet(table: dict[tuple[int, ...], int], lists: frozenset[int], delta: float) -> float:
    """Log marginal likelihood of the margin of a full table over some lists, by its definition."""
    if not lists:
        return 0.0
    n = len(next(iter(table)))
    margin: dict[tuple[int, ...], int] = {}
    for history, count in table.items():
        key = tuple(history[j] for j in sorted(lists))
        margin[key] = margin.get(key, 0) + count
    alpha = delta * 2 ** (n - len(lists))
    total = alpha * len(margin)
    n_all = sum(margin.values())
    parts = sum(gammaln(alpha + count) - gammaln(alpha) for count in margin.values())
    return float(gammaln(total) - gammaln(total + n_all) + parts)


def _by_definition(histories: CaptureHistories, delta: float, n_hidden_max: int) -> tuple[np.ndarray, dict[str, float]]:
    """Posterior of 0..n_hidden_max hidden persons, and of the graphs by their cliques."""
    n = histories.n_lists
    pairs = list(combinations(range(n), 2))
    rows, names = [], []
    for bits in range(2 ** len(pairs)):
        edges = {pair for e, pair in enumerate(pairs) if bits >> e & 1}
        if not _chordal_by_removal(n, edges):
            continue
        cliques = _cliques(n, edges)
        separators = _separators(cliques)
        names.append(str(sorted(map(sorted, cliques))))
        row = []
        for hidden in range(n_hidden_max + 1):
            table = {h: int(c) for h, c in zip(histories.histories, histories.total_counts, strict=True)}
            table[(0,) * n] = hidden
            everybody = histories.n_observed + hidden
            value = gammaln(everybody + 1) - gammaln(hidden + 1) - np.log(everybody)
            value += sum(_log_dirichlet(table, c, delta) for c in cliques)
            value -= sum(_log_dirichlet(table, s, delta) for s in separators)
            row.append(value)
        rows.append(row)
    weights = np.exp(np.array(rows) - logsumexp(rows))
    return weights.sum(axis=0), dict(zip(names, weights.sum(axis=1), strict=True))


@pytest.mark.parametrize(("n_lists", "n_graphs"), [(3, 8), (4, 61), (5, 822), (6, 18_154)])
def test_there_are_as_many_decomposable_graphs_as_published(n_lists: int, n_graphs: int) -> None:
    """Every decomposable graph is found once."""
    graphs = decomposable_graphs(n_lists)
    assert len(graphs) == n_graphs == len(set(graphs.edges.tolist()))


def test_the_cliques_are_those_of_the_graph() -> None:
    """The factors of a graph say which lists are joined."""
    graphs = decomposable_graphs(4)
    for g in range(len(graphs)):
        edges = {pair for e, pair in enumerate(graphs.pairs) if graphs.edges[g] >> e & 1}
        expected = {sum(1 << (3 - j) for j in clique) for clique in _cliques(4, edges)}
        assert _chordal_by_removal(4, edges)
        assert graphs.cliques(g) == expected


@pytest.mark.parametrize("delta", [None, 0.5])
def test_the_posterior_is_that_of_the_definition(delta: float | None) -> None:
    """Distribution of N and weights of graphs equal a sum over cliques and separators of Dirichlet integrals."""
    counts = np.array([7, 9, 3, 12, 2, 4, 1, 15, 0, 2, 1, 5, 3, 0, 2])
    histories = CaptureHistories(("a", "b", "c", "d"), counts)
    largest = 60
    expected, graphs = _by_definition(histories, delta or 2.0**-4, largest)
    found = mse.decomposable(histories, delta=delta, n_hidden_max=largest)
    assert found.distribution is not None
    np.testing.assert_allclose(found.distribution.shares, expected, rtol=1e-7, atol=1e-12)
    assert found.diagnostics["mean"] == pytest.approx(66 + expected @ np.arange(largest + 1), rel=1e-9)
    weights = sorted(graphs.values(), reverse=True)
    np.testing.assert_allclose(found.graphs.probability, weights[: len(found.graphs)], rtol=1e-6, atol=1e-10)


def test_the_open_tail_is_the_limit_of_long_grids() -> None:
    """Without a largest number the answer is that of a grid so long that nothing lies beyond it."""
    open_end, long = mse.decomposable(_korea()), mse.decomposable(_korea(), n_hidden_max=10**8)
    for level in (0.5, 0.95):
        assert open_end.interval(level).low == long.interval(level).low
        assert open_end.interval(level).high == pytest.approx(long.interval(level).high, rel=1e-3)


def test_an_integral_over_panels_is_the_sum_over_whole_numbers() -> None:
    """Quantiles of a distribution that is weighed by panels are those of the sum, one by one."""

    def log_mass(x: np.ndarray) -> np.ndarray:
        return 400 * np.log(x + 1) - 0.05 * x

    found = weigh_hidden(log_mass, largest=50_000)
    share = np.exp(log_mass(np.arange(50_001.0)) - log_mass(np.arange(50_001.0)).max())
    cumulative = np.cumsum(share) / share.sum()
    for level in (0.025, 0.3, 0.5, 0.975):
        assert abs(found.quantile(np.array([level]))[0] - np.searchsorted(cumulative, level)) <= 2
    assert found.shares.sum() == pytest.approx(1, abs=1e-12)


def test_a_prior_of_the_user_counts() -> None:
    """A prior that allows only totals up to 150 keeps the posterior there."""
    found = mse.decomposable(_korea(), prior_n=lambda total: np.where(total <= 150.5, 0.0, -np.inf))
    assert found.draws.max() <= 150


def test_a_uniform_prior_without_an_end_is_refused() -> None:
    """The graph with every edge leaves a posterior that has no sum."""
    with pytest.raises(errors.Refused, match="no finite sum"):
        mse.decomposable(_korea(), prior_n="uniform")
    assert mse.decomposable(_korea(), prior_n="uniform", n_hidden_max=1000).n_hat > 123


def test_a_short_grid_says_so() -> None:
    """A grid that cuts the posterior off is named in the notes, as is the weight of the graph with every edge."""
    notes = mse.decomposable(_korea(), n_hidden_max=60).notes
    assert any("lies in the last tenth of the grid" in note for note in notes)
    assert any("every edge has" in note for note in notes)


def test_sensitivity_shows_that_delta_decides() -> None:
    """On UKdat_5 the answer falls to near the observed number when delta favours the graph with every edge."""
    table = mse.decomposable(mse.load_dataset("UKdat_5")).sensitivity([2.0**-5, 0.5])
    assert table.n_hat[0] > 20_000
    assert table.n_hat[1] < 2_800
    assert table.saturated[1] > 0.99


def test_sensitivity_says_where_there_is_no_answer() -> None:
    """A delta for which the counts do not bound the total has its reason in the table, which keeps the others."""
    table = mse.decomposable(mse.load_dataset("Artificial_3")).sensitivity()
    assert table.delta.tolist() == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    refused = table.refusal != ""
    assert refused.tolist() == [True, False, False, False, False]
    assert "do not bound the total" in table.refusal[0]
    assert (table[["n_hat", "low", "high", "saturated"]].isna().all(axis=1) == refused).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 0.0}, "delta=0.0"),
        ({"prior_n": "flat"}, "prior_n='flat' is not offered"),
        ({"prior_n": 3}, "prior_n=3 is no prior"),
        ({"n_hidden_max": 0}, "n_hidden_max=0"),
        ({"prior_n": lambda total: np.full_like(total, np.nan)}, "one log density"),
    ],
)
def test_options_that_are_not_offered_are_refused(options: dict, message: str) -> None:
    """What is wrong is named with its value."""
    with pytest.raises(errors.BadInput, match=message):
        mse.decomposable(_korea(), **options)


def test_two_lists_structural_zeros_and_no_overlap_are_refused() -> None:
    """Tables on which the method has nothing to say."""
    with pytest.raises(errors.BadInput, match="3 to 7 lists"):
        mse.decomposable(_korea().drop_lists(_korea().lists[0]))
    counts = np.array([5, 4, 0, 3, 0, 0, 0])
    with pytest.raises(errors.NoOverlap):
        mse.decomposable(CaptureHistories(("a", "b", "c"), counts))
    with pytest.raises(errors.BadInput, match="cannot occur"):
        mse.decomposable(CaptureHistories(("a", "b", "c"), counts, structural_zeros=frozenset({(0, 1, 1)})))


def test_draws_are_quantiles_of_the_distribution() -> None:
    """The same call gives the same draws, and they lie as the exact distribution does."""
    first, second = mse.decomposable(_korea()), mse.decomposable(_korea())
    np.testing.assert_array_equal(first.draws, second.draws)
    assert np.median(first.draws) == first.n_hat
    assert first.idata["posterior"]["N"].shape == (1, 4000)


def test_renaming_lists_changes_nothing() -> None:
    """The order of the lists carries no information."""
    table = mse.load_dataset("UKdat_4")
    turned = table.reorder_lists(table.lists[::-1])
    a, b = mse.decomposable(table), mse.decomposable(turned)
    assert a.n_hat == b.n_hat
    assert a.edges.set_index(["a", "b"]).probability.max() == pytest.approx(b.edges.probability.max(), rel=1e-9)
