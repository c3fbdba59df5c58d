"""The latent-class model: a Dirichlet-process mixture of persons who are equally likely to be on each list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, NoOverlap, NotConverged
from mse.estimate import Posterior
from mse.histories import CaptureHistories, as_text
from mse.models.bayes.convergence import convergence, faults, posterior_tree
from mse.models.bayes.latent_moves import advance
from mse.models.bayes.modes import in_words, modes_of
from mse.progress import progress

__all__ = ["latent_class"]

type Array = NDArray[np.float64]
type State = tuple[Array, Array, Array, NDArray[np.int64]]

N_LEVELS = 8
LAST_LEVEL = 0.02  # share of the persons at the last level, where the prior speaks and modes do not part
TUNING_ROUNDS, TUNING_STEPS = 5, 400
BLOCK = 2500  # steps between two looks
DRAWS_OF_BLOCK = 250
FIRST_LOOK = 4  # blocks
DISCARDED = 0.2  # of the blocks, as warm-up
MIN_ARRIVALS = 20
GOLDEN = 0.6180339887498949
N_PLAIN, PLAIN_STEPS = 8, 10_000
N_PRIOR_DRAWS = 2000


def latent_class(
    histories: CaptureHistories,
    *,
    n_classes: int = 10,
    seed: int,
    prior_alpha: tuple[float, float] = (0.25, 0.25),
    n_draws: int = 1000,
    n_chains: int = 4,
    max_steps: int = 80_000,
    allow_unconverged: bool = False,
) -> Posterior:
    """Posterior of the total when persons fall into classes within which the lists are independent.

    For lists that depend on each other because persons differ. The number of classes is found by the counts: up to
    `n_classes`, with shares from a truncated stick-breaking process. Rests on there being no class that no list
    reaches: a class of hidden persons that nobody seen belongs to leaves no trace in the counts.

    Parameters
    ----------
    histories : CaptureHistories
        Three lists or more, without strata, structural zeros or censored cells. Strata have classes of their own:
        `mse.propagation.each_stratum` fits every one and adds up their totals, draw by draw.
    n_classes : int
        Most classes, 2 or more.
    seed : int
        0 or more.
    prior_alpha : pair of float
        Shape and rate of the gamma prior of the concentration; smaller means fewer classes. The probability of being on
        a list has a uniform prior in each class, and N the prior 1/N, without an end.
    n_draws : int
        Draws kept of each chain, 100 or more.
    n_chains : int
        Two or more, from dispersed starts; they run one after another. Each is a ladder of eight samplers with ever
        fewer of the persons, which exchange their states so that no chain stays on one mode of several.
    max_steps : int
        Where a chain stops when the chains do not agree, 2,500 or more; until then they go on by themselves.
    allow_unconverged : bool
        Whether draws that did not converge are returned all the same, marked in `diagnostics`, `provenance` and
        `notes`.

    Returns
    -------
    Posterior
        `draws` (n_chains * n_draws, 1) of N in persons; `idata` holds posterior, prior, posterior predictive, log
        likelihood (of each history given being seen), sample statistics and observed counts. The labels of the
        classes mean nothing and change between draws.

    Raises
    ------
    BadInput
        For fewer than three lists, strata, structural zeros, or an option that is not offered.
    NoOverlap
        When nobody is on two lists.
    NotConverged
        When R-hat is above 1.01, the bulk or tail effective sample size of N below 400, or too few states came from the
        last level; names the totals between which the chains are torn.

    References
    ----------
    Manrique-Vallier (2016), doi:10.1111/biom.12502; Syed, Bouchard-Cote, Deligiannidis and Doucet (2022),
    doi:10.1111/rssb.12464.

    Examples
    --------
    >>> import mse
    >>> korea = mse.load_dataset("Korea")
    >>> estimate = mse.latent_class(korea, seed=1, max_steps=2500, n_draws=100, allow_unconverged=True)
    >>> estimate.draws.shape, 123 < estimate.n_hat < 160
    ((400, 1), True)
    """
    _check(histories, n_classes, prior_alpha, n_draws, n_chains, max_steps, seed)
    sampler = _Sampler.of(histories, n_classes, prior_alpha, n_chains, seed)
    label = f"latent class ({n_classes})"
    looks = _looks(max_steps)
    diagnostics: dict[str, float] = {}
    with progress(label, total=looks[-1]) as bar:
        sampler.tune()
        for look in looks:
            while sampler.n_blocks < look:
                sampler.run_block()
                bar.advance()
            run = sampler.draws(n_draws)
            diagnostics = _diagnostics(run, sampler)
            if not _all_faults(diagnostics):
                break
    found = _all_faults(diagnostics)
    modes = modes_of(run.log_hidden, histories.n_observed)
    if found:
        values = np.concatenate([run.log_hidden.ravel(), sampler.plain_chains()])
        found = (*found, _torn(modes_of(values, histories.n_observed), run.log_hidden, histories.n_observed))
        if not allow_unconverged:
            _refuse(label, diagnostics, found)
    options = {
        "n_classes": n_classes,
        "prior_alpha": list(prior_alpha),
        "n_draws": n_draws,
        "n_chains": n_chains,
        "max_steps": max_steps,
        "allow_unconverged": allow_unconverged,
        "converged": not found,
    }
    return Posterior(
        model=label,
        n_observed=histories.n_observed,
        draws=run.totals.reshape(-1, 1),
        diagnostics=diagnostics | {"converged": float(not found)},
        provenance=provenance.record(input_sha256=histories.sha256, seed=seed, options=options),
        notes=(
            *(f"NOT CONVERGED: {fault}" for fault in found),
            *((f"the posterior has {len(modes)} modes: {in_words(modes)}",) if len(modes) > 1 else ()),
        ),
        idata=_tree(run, histories, prior_alpha, n_classes, seed),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Run:
    """Kept draws, (n_chains, n_draws, ...): N, log hidden persons per person seen, and the state."""

    totals: Array
    log_hidden: Array
    log_shares: Array
    odds: Array
    alpha: Array


@dataclass(eq=False, slots=True)
class _Sampler:
    """Chains, each with its levels and its own stream of random numbers."""

    counts: NDArray[np.int64]
    incidence: NDArray[np.bool_]
    prior: tuple[float, float]
    streams: list[np.random.Generator]
    states: list[State]
    levels: Array
    blocks: list[list[tuple[Array, Array, Array]]]
    exchanges: Array
    seed: int
    arrivals: int = 0

    @classmethod
    def of(
        cls, histories: CaptureHistories, n_classes: int, prior: tuple[float, float], n_chains: int, seed: int
    ) -> "_Sampler":
        counts = histories.single_stratum()
        streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(n_chains)]
        shape = (N_LEVELS, n_classes, histories.n_lists)
        states = [_start(stream, shape) for stream in streams]
        return cls(
            counts=counts[counts > 0],
            incidence=np.array(histories.histories, dtype=np.bool_)[counts > 0],
            prior=(float(prior[0]), float(prior[1])),
            streams=streams,
            states=states,
            levels=np.geomspace(1, LAST_LEVEL, N_LEVELS),
            blocks=[[] for _ in streams],
            exchanges=np.zeros((N_LEVELS - 1, 2)),
            seed=seed,
        )

    @property
    def n_blocks(self) -> int:
        return len(self.blocks[0])

    def tune(self) -> None:
        """Space the levels so that neighbours exchange equally often."""
        for _ in range(TUNING_ROUNDS):
            exchanges = sum(self._advance(i, TUNING_STEPS, TUNING_STEPS)[3] for i in range(len(self.streams)))
            refused = 1 - 0.999 * exchanges[:, 0] / exchanges[:, 1]
            apart = np.concatenate([[0], np.cumsum(refused)])
            evenly = np.linspace(0, apart[-1], N_LEVELS)
            self.levels = np.exp(np.interp(evenly, apart, np.log(self.levels)))

    def run_block(self) -> None:
        for i, kept in enumerate(self.blocks):
            shares, odds, alpha, exchanges, arrivals = self._advance(i, BLOCK, BLOCK // DRAWS_OF_BLOCK)
            kept.append((shares, odds, alpha))
            self.exchanges += exchanges
            self.arrivals += arrivals

    def draws(self, n_draws: int) -> _Run:
        """Evenly spaced draws after the warm-up, at most `n_draws` of each chain."""
        first = round(DISCARDED * self.n_blocks)
        chains = [[np.concatenate(part) for part in zip(*kept[first:], strict=True)] for kept in self.blocks]
        n_kept = len(chains[0][0])
        at = np.linspace(0, n_kept - 1, min(n_draws, n_kept)).round().astype(int)
        shares, odds, alpha = (np.stack([chain[part][at] for chain in chains]) for part in range(3))
        return _with_totals(shares, odds, alpha, int(self.counts.sum()), np.random.default_rng([self.seed, 1]))

    def plain_chains(self) -> Array:
        """Log hidden persons of short chains without a ladder: they stay on the mode that they find first."""
        found = []
        n_steps = min(PLAIN_STEPS, self.n_blocks * BLOCK)
        for stream in np.random.default_rng([self.seed, 3]).spawn(N_PLAIN):
            state = _start(stream, (1, *self.states[0][1].shape[1:]))
            shares, odds, *_ = advance(
                stream, self.counts[None, :], self.incidence, state, self.prior, n_steps, n_steps // 200
            )
            hidden, seen = _hidden_and_seen(shares[100:], odds[100:])
            found.append(np.log(hidden) - np.log(seen))
        return np.concatenate(found)

    def _advance(self, chain: int, n_steps: int, every: int) -> Any:
        counts = _partial_counts(self.counts, self.levels)
        return advance(self.streams[chain], counts, self.incidence, self.states[chain], self.prior, n_steps, every)


def _start(stream: np.random.Generator, shape: tuple[int, int, int]) -> State:
    n_levels, n_classes, _ = shape
    shares = stream.dirichlet(np.ones(n_classes), n_levels)
    captured = stream.uniform(1e-6, 1 - 1e-6, shape)
    return np.log(shares), captured / (1 - captured), np.ones(n_levels), np.zeros(n_levels, dtype=np.int64)


def _partial_counts(counts: NDArray[np.int64], levels: Array) -> NDArray[np.int64]:
    """Persons of each history at each level, shape (n_levels, n_cells); no level has more than the one before.

    Rounded at a different point for each history, since all counts of one would else leave at the same level.
    """
    rank = np.argsort(np.argsort(counts, kind="stable"), kind="stable")
    offset = (GOLDEN * (rank + 1)) % 1
    parts = np.floor(levels[:, None] * counts + offset).astype(np.int64)
    parts[0] = counts
    return np.minimum(parts, counts)


def _with_totals(log_shares: Array, odds: Array, alpha: Array, n_observed: int, random: np.random.Generator) -> _Run:
    """Add N, negative binomial given the rest because of its prior 1/N."""
    hidden, seen = _hidden_and_seen(log_shares, odds)
    log_hidden = np.log(hidden) - np.log(seen)
    n_hidden = _poisson(random, random.gamma(n_observed, size=log_hidden.shape) * np.exp(log_hidden))
    return _Run(n_observed + n_hidden, log_hidden, log_shares, odds, alpha)


def _hidden_and_seen(log_shares: Array, odds: Array) -> tuple[Array, Array]:
    """Probability of being on no list, and on one or more, the latter without loss of digits."""
    unseen = np.ones(log_shares.shape)
    caught = np.zeros(log_shares.shape)
    for j in range(odds.shape[-1]):
        free = 1 / (1 + odds[..., j])
        caught += unseen * odds[..., j] * free
        unseen = unseen * free
    shares = np.exp(log_shares)
    return (shares * unseen).sum(axis=-1), (shares * caught).sum(axis=-1)


def _poisson(random: np.random.Generator, mean: Array) -> Array:
    """Poisson draws; above 1e12, where NumPy has an end, by the normal law, which is the same to double precision."""
    large = np.floor(mean + np.sqrt(mean) * random.standard_normal(mean.shape))
    return np.where(mean > 1e12, large, random.poisson(np.minimum(mean, 1e12)))


def _looks(max_steps: int) -> list[int]:
    """Numbers of blocks after which the chains are compared: doubling, and the last one at the end."""
    last = max_steps // BLOCK
    looks = [min(FIRST_LOOK, last)]
    while looks[-1] < last:
        looks.append(min(2 * looks[-1], last))
    return looks


def _diagnostics(run: _Run, sampler: _Sampler) -> dict[str, float]:
    tried = np.maximum(sampler.exchanges[:, 1], 1)
    return convergence({"N": run.totals, "log_hidden": run.log_hidden}, {}) | {
        "n_steps": float(sampler.n_blocks * BLOCK),
        "arrivals": float(sampler.arrivals),
        "least_exchanged": float((sampler.exchanges[:, 0] / tried).min()),
    }


def _all_faults(diagnostics: dict[str, float]) -> tuple[str, ...]:
    arrivals = diagnostics["arrivals"]
    rare = f"{arrivals:.0f} states came from the last level to the first, at least {MIN_ARRIVALS} are needed to"
    extra = (f"{rare} trust that no mode was missed",) if arrivals < MIN_ARRIVALS else ()
    return (*faults(diagnostics), *extra)


def _torn(modes: Sequence[tuple[float, float]], log_hidden: Array, n_observed: int) -> str:
    """Between which totals the chains are torn."""
    medians = n_observed * (1 + np.exp(np.median(log_hidden, axis=1)))
    spread = f"the medians of the chains lie between {medians.min():,.0f} and {medians.max():,.0f}"
    if len(modes) < 2:
        return spread
    totals = " and ".join(f"near {total:,.0f}" for total, _ in modes)
    return (
        f"the chains, and short plain ones from other starts, sit on {len(modes)} modes, {totals}, and {spread}: no "
        "single number stands for them"
    )


def _refuse(label: str, diagnostics: dict[str, float], found: tuple[str, ...]) -> None:
    advice = (
        f"{found[-1]}; give a larger max_steps, or merge small lists; allow_unconverged=True returns the draws marked "
        "as unconverged"
    )
    ess = min(diagnostics["ess_bulk"], diagnostics["ess_tail"])
    refusal = NotConverged.of(label, r_hat=diagnostics["r_hat"], ess=ess, advice=advice)
    raise NotConverged(str(refusal), reasons=found)


def _check(
    histories: CaptureHistories,
    n_classes: int,
    prior_alpha: tuple[float, float],
    n_draws: int,
    n_chains: int,
    max_steps: int,
    seed: int,
) -> None:
    if histories.n_lists < 3:
        raise BadInput("two lists cannot show how persons differ; give three or more, or use chapman")
    counts = histories.single_stratum()
    if not histories.cells_that_can_occur.all():
        raise BadInput(
            "a history that cannot occur is at odds with independent lists in each class; use bayes_loglinear, which "
            "leaves such histories out"
        )
    bounds = (("n_classes", n_classes, 2), ("n_draws", n_draws, 100), ("n_chains", n_chains, 2))
    for name, count, smallest in (*bounds, ("max_steps", max_steps, BLOCK), ("seed", seed, 0)):
        if count < smallest:
            raise BadInput(f"{name}={count!r} is too small; give {smallest:,} or more")
    if not (0 < prior_alpha[0] < np.inf and 0 < prior_alpha[1] < np.inf):
        raise BadInput(f"prior_alpha={prior_alpha!r} is no gamma prior; give a shape and a rate above 0")
    sizes = np.array([sum(history) for history in histories.histories])
    if not counts[sizes > 1].any():
        raise NoOverlap.between(histories.lists)


def _tree(run: _Run, histories: CaptureHistories, prior_alpha: tuple[float, float], n_classes: int, seed: int) -> Any:
    random = np.random.default_rng([seed, 2])
    counts = histories.single_stratum()
    captured = run.odds / (1 + run.odds)
    chances = np.zeros((*run.totals.shape, len(counts)))
    for c in range(n_classes):
        for row, history in enumerate(histories.histories):
            on = np.where(np.array(history, dtype=bool), captured[..., c, :], 1 - captured[..., c, :])
            chances[..., row] += np.exp(run.log_shares[..., c]) * on.prod(axis=-1)
    chances /= chances.sum(axis=-1, keepdims=True)
    log_likelihood = np.where(counts > 0, counts * np.log(np.where(counts > 0, chances, 1.0)), 0.0)
    believed_alpha, believed_hidden = _prior_draws(random, prior_alpha, n_classes, histories.n_lists)
    groups = {
        "posterior": {
            "N": run.totals,
            "n_hidden": run.totals - histories.n_observed,
            "hidden_per_seen": np.exp(run.log_hidden),
            "alpha": run.alpha,
            "share": np.exp(run.log_shares),
            "capture_probability": captured,
        },
        "posterior_predictive": {"count": random.multinomial(histories.n_observed, chances).astype(np.float64)},
        "log_likelihood": {"count": log_likelihood},
        "sample_stats": {"lp": log_likelihood.sum(axis=-1)},
        "prior": {"alpha": believed_alpha[None, :], "hidden_per_seen": believed_hidden[None, :]},
        "observed_data": {"count": counts.astype(np.float64)},
    }
    return posterior_tree(
        groups,
        coords={
            "list": list(histories.lists),
            "class": [str(c + 1) for c in range(n_classes)],
            "history": [as_text(history) for history in histories.histories],
        },
        dims={"share": ["class"], "capture_probability": ["class", "list"], "count": ["history"]},
    )


def _prior_draws(
    random: np.random.Generator, prior_alpha: tuple[float, float], n_classes: int, n_lists: int
) -> tuple[Array, Array]:
    """Draws of alpha and of hidden persons per person seen, before the counts are looked at."""
    alpha = np.maximum(random.gamma(prior_alpha[0], 1 / prior_alpha[1], N_PRIOR_DRAWS), 1e-12)
    log_rest = np.log(random.uniform(size=(N_PRIOR_DRAWS, n_classes - 1))) / alpha[:, None]
    log_left = np.concatenate([np.zeros((N_PRIOR_DRAWS, 1)), np.cumsum(log_rest, axis=1)], axis=1)
    taken = np.concatenate([-np.expm1(log_rest), np.ones((N_PRIOR_DRAWS, 1))], axis=1)
    captured = random.uniform(1e-12, 1 - 1e-12, (N_PRIOR_DRAWS, n_classes, n_lists))
    with np.errstate(divide="ignore"):
        hidden, seen = _hidden_and_seen(log_left + np.log(taken), captured / (1 - captured))
    return alpha, hidden / seen
