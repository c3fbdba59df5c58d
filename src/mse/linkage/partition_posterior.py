"""The posterior over who is whom: draws of whole partitions, from four chains that start far apart.

The joint posterior of the partition, the error rates and N, the number of persons in the population, is proportional
to the product of the likelihoods of the groups (`mse.linkage.evidence`), to the Dirichlet prior of the error rates, to
N!/(N - D)! for D persons on the lists, which is the prior of a partition when each record may be any of N persons, and
to the likelihood that lists of these lengths give N when they are independent, with the prior 1/N
(`mse.linkage.population_size`). Or N is given and fixed. Chance agreements are drawn from what the pairs within lists
say of them, and not from the partition: the lists are many pairs of two persons and few of one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from mse.errors import NotConverged
from mse.linkage.clustering import join_greedily
from mse.linkage.evidence import DIFFERENT, Evidence, Pairs
from mse.linkage.partition_moves import sweeps
from mse.linkage.population_size import SizeGrid, draw_size, independence_estimate, size_grid
from mse.linkage.weights import M_STRENGTH
from mse.progress import Bar, progress

__all__ = ["GOOD_R_HAT", "PRIOR_FACTORS", "Posterior", "r_hat", "sample_partitions"]

# A chain starts with the pairs joined at this probability; None: every record a person of its own.
STARTS = (0.5, 0.9, 0.05, None)
FIRST_SWEEPS = 100
CURVE_SWEEPS = 60
N_ROUNDS = 6
GOOD_R_HAT = 1.05
WORST_R_HAT = 1.2
PRIOR_FACTORS = (0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Posterior:
    """Draws of partitions.

    Attributes
    ----------
    persons : ndarray of int32, shape (n_draws, n_records)
        Person of each record; the chains take turns.
    r_hat : float
        Of the number of distinct persons, over the sweeps that the draws were taken from.
    n_sweeps : int
        That each chain made, the first half of which was left out.
    population : float
        Median over the draws of the number of persons in the population, or the number that was given.
    sizes : ndarray of float64, shape (n_draws,)
        Persons in the population, drawn with each partition.
    m : ndarray of float64, shape (n_draws, n_columns)
        The m-probabilities drawn with each partition.
    curve : mapping of float to float
        Number of persons that independence of the lists gives, its median over partitions, by the number that the
        linkage took for given, in multiples of `population`.
    """

    persons: NDArray[np.int32]
    r_hat: float
    n_sweeps: int
    population: float
    sizes: NDArray[np.float64]
    m: NDArray[np.float64]
    curve: dict[float, float]


def sample_partitions(
    evidence: Evidence,
    *,
    n_draws: int,
    seed: int,
    population: float | None = None,
    n_jobs: int = 1,
    draws_rates: bool = True,
    is_mean: bool = False,
    is_robust: bool = True,
) -> Posterior:
    """Draw partitions from their posterior.

    The chains run in rounds, each as long as all before it together, until they agree on the number of distinct
    persons; the draws are those of the last round.

    Parameters
    ----------
    evidence : Evidence
    n_draws, seed : int
    population : float, optional
        Persons in the population, taken for given; drawn with the partition when left out.
    n_jobs : int
        Threads; the draws do not depend on it.
    draws_rates : bool
        Whether the m- and u-probabilities are drawn, or taken for known.
    is_mean : bool
        Whether a record is held against the mean of a person's records, see `mse.linkage.evidence.field_mean`, instead
        of against a hub.
    is_robust : bool
        Whether N is the larger of two draws, from all persons and from those on one list or two, which lists that
        depend on each other lead astray less, see `mse.linkage.population_size`; not where a list holds persons twice.
        Without it the draws are those of the joint posterior under independent lists.

    Raises
    ------
    NotConverged
        When R-hat is above 1.2 after the last round.
    """
    model = _Model.of(evidence, draws_rates=draws_rates, is_mean=is_mean, is_robust=is_robust)
    seeds = np.random.SeedSequence(seed).spawn(len(STARTS) + len(PRIOR_FACTORS))
    generators = [np.random.default_rng(child) for child in seeds]
    chains = [_Chain.starting(model, least, rng, population) for least, rng in zip(STARTS, generators, strict=False)]
    per_chain = -(-n_draws // len(chains))
    stop = Event()
    with ThreadPoolExecutor(min(n_jobs, len(chains))) as pool, progress("who is whom", total=N_ROUNDS) as bar:
        try:
            rounds, agreement = _until_they_agree(chains, per_chain, pool, stop, bar)
            size = float(np.median(np.concatenate([own.population for own in rounds])))
            fixed = [
                replace(
                    chains[0],
                    pairs=evidence.pairs(),
                    person=chains[0].person.copy(),
                    rng=rng,
                    size=max(factor * size, 1.0),
                    is_fixed=True,
                )
                for factor, rng in zip(PRIOR_FACTORS, generators[len(STARTS) :], strict=True)
            ]
            persons_at = list(pool.map(lambda own: own.run(1, CURVE_SWEEPS, stop).n_persons, fixed))
        finally:
            stop.set()
    list_sizes = np.bincount(evidence.list_of_record)
    return Posterior(
        np.stack([own.kept for own in rounds], axis=1).reshape(-1, evidence.n_records)[:n_draws],
        agreement,
        2 * len(rounds[0].n_persons),
        size,
        np.stack([own.sizes for own in rounds], axis=1).ravel()[:n_draws],
        np.stack([own.m for own in rounds], axis=1).reshape(-1, model.n_columns)[:n_draws],
        {
            factor: independence_estimate(list_sizes, float(np.median(n_persons[CURVE_SWEEPS // 3 :])))
            for factor, n_persons in zip(PRIOR_FACTORS, persons_at, strict=True)
            if evidence.is_clean.all()
        },
    )


def r_hat(chains: NDArray[np.float64] | NDArray[np.int64]) -> float:
    """Potential scale reduction of chains that are each split in two, (n_chains, n_sweeps).

    Infinite where no chain moves, but not all are at the same place.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 11.4.

    Examples
    --------
    >>> r_hat(np.array([[1, 2, 1, 2], [2, 1, 2, 1]])) < 1.0
    True
    """
    half = chains.shape[1] // 2
    halves = np.concatenate([chains[:, :half], chains[:, -half:]]).astype(np.float64)
    within = float(halves.var(axis=1, ddof=1).mean())
    between = float(halves.mean(axis=1).var(ddof=1))
    if within == 0.0:
        return 1.0 if between == 0.0 else float("inf")
    return float(np.sqrt((half - 1) / half + between / within))


@dataclass(frozen=True)
class _Model:
    """The evidence as the moves read it."""

    evidence: Evidence
    edges: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    grid: SizeGrid
    pseudo: NDArray[np.float64]
    u_spread: NDArray[np.float64]
    is_mean: bool
    is_robust: bool

    @property
    def n_columns(self) -> int:
        return len(self.evidence.weights.m)

    @classmethod
    def of(cls, evidence: Evidence, *, draws_rates: bool, is_mean: bool, is_robust: bool) -> "_Model":
        pair = np.flatnonzero(evidence.answer != DIFFERENT)
        left, right = evidence.listed.left[pair], evidence.listed.right[pair]
        ends, to = np.concatenate([left, right]), np.concatenate([right, left])
        order = np.lexsort((to, ends))
        weights, sizes = evidence.weights, np.bincount(evidence.list_of_record, minlength=len(evidence.is_clean))
        return cls(
            evidence,
            (
                np.searchsorted(ends[order], np.arange(evidence.n_records + 1)).astype(np.int64),
                to[order],
                np.concatenate([pair, pair])[order],
            ),
            size_grid(sizes[evidence.is_clean & (sizes > 0)], int(sizes[~evidence.is_clean].sum())),
            M_STRENGTH * weights.m_start if draws_rates else np.zeros(0),
            weights.u_spread if draws_rates else np.zeros_like(weights.u_spread),
            is_mean,
            is_robust and bool(evidence.is_clean.all()),
        )


@dataclass(frozen=True)
class _Round:
    """What a chain did in one round: `kept` (n_kept, n_records), `m` (n_kept, n_columns), the other two by sweep."""

    kept: NDArray[np.int32]
    m: NDArray[np.float64]
    n_persons: NDArray[np.int64]
    population: NDArray[np.float64]

    @property
    def sizes(self) -> NDArray[np.float64]:
        """The population at each kept draw."""
        return self.population[len(self.population) // len(self.kept) - 1 :: len(self.population) // len(self.kept)]


@dataclass
class _Chain:
    """One chain: where it is, and its source of chance."""

    model: _Model
    pairs: Pairs
    person: NDArray[np.int64]
    size: float
    expected: NDArray[np.float64]
    is_fixed: bool
    rng: np.random.Generator

    @classmethod
    def starting(
        cls, model: _Model, least: float | None, rng: np.random.Generator, population: float | None
    ) -> "_Chain":
        n_records, lists = model.evidence.n_records, model.evidence.list_of_record
        # How many are expected on each list alone is forgotten within a few rounds.
        n_lists = len(model.evidence.is_clean) if model.is_robust else 0
        expected = np.bincount(lists, minlength=n_lists)[:n_lists].astype(np.float64)
        person = np.arange(n_records)
        if least is not None:
            person = join_greedily(model.evidence, least=least, by_size=True)
        if population is not None:
            return cls(model, model.evidence.pairs(), person, float(population), expected, True, rng)
        grid = model.grid
        scratch = np.empty(len(grid.sizes))
        size = draw_size(grid.sizes, grid.log_weight, len(np.unique(person)), rng.random(), scratch)
        return cls(model, model.evidence.pairs(), person, float(size), expected, False, rng)

    def run(self, n_kept: int, keep_every: int, stop: Event, *, draws: int = 1) -> _Round:
        """Make ``n_kept * keep_every`` sweeps and keep the last of each ``keep_every``; fewer once `stop` is set.

        Chance agreements are drawn this many times, a divisor of `keep_every`, for each that is kept.
        """
        model = self.model
        kept, m, n_persons, population = [], [], [], []
        for number in range(n_kept * draws):
            if stop.is_set():
                break
            counts, sizes = sweeps(
                self.pairs,
                model.evidence.list_of_record,
                model.evidence.is_clean,
                model.edges,
                model.pseudo,
                model.evidence.weights.u,
                model.u_spread,
                self.person,
                self.size,
                model.grid.sizes,
                model.grid.log_weight,
                self.expected,
                self.is_fixed,
                model.is_mean,
                keep_every // draws,
                self.rng,
            )
            self.size = float(sizes[-1])
            n_persons.append(counts)
            population.append(sizes)
            if (number + 1) % draws == 0:
                kept.append(self.person.astype(np.int32))
                m.append(np.exp(self.pairs.scales.log_m))
        return _Round(np.stack(kept), np.stack(m), np.concatenate(n_persons), np.concatenate(population))


def _until_they_agree(
    chains: Sequence[_Chain], per_chain: int, pool: ThreadPoolExecutor, stop: Event, bar: Bar
) -> tuple[list[_Round], float]:
    """The last round of each chain, and R-hat of its numbers of distinct persons."""
    first = -(-FIRST_SWEEPS // per_chain)
    # As many sweeps to each draw of the chance agreements in every round: with few of them, chains would stay apart
    # however long a round is.
    draws = 1
    for number in range(N_ROUNDS):
        rounds = list(pool.map(lambda own, draws=draws: own.run(per_chain, draws * first, stop, draws=draws), chains))
        bar.advance()
        agreement = r_hat(np.stack([own.n_persons for own in rounds]))
        if number and agreement <= GOOD_R_HAT:
            break
        draws *= 2 if number else 1
    if agreement > WORST_R_HAT:
        raise NotConverged(
            f"the chains of the linkage do not agree on the number of distinct persons: R-hat {agreement:.2f} (at most "
            f"{WORST_R_HAT}) after {2 * len(rounds[0].n_persons):,} sweeps; give more fields to compare, or n_draws=1 "
            "for one linkage without its uncertainty"
        )
    return rounds, agreement
