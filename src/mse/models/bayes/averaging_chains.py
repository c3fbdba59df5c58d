"""Chains over models, from dispersed starts, run until they agree."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mse.models.bayes.averaging_moves import Modes, advance, empty_modes
from mse.models.bayes.averaging_prior import CoefficientPrior, random_models
from mse.models.bayes.averaging_run import Run, run_of
from mse.models.bayes.cross_classified import CrossTable

__all__ = ["BLOCK", "run_chains"]

type Array = NDArray[np.float64]

BLOCK = 2500  # steps between two looks
DRAWS_OF_BLOCK = 250
FIRST_LOOK = 8  # blocks
DISCARDED = 0.2  # of the blocks, as warm-up


def run_chains(
    table: CrossTable,
    prior: CoefficientPrior,
    *,
    n_draws: int,
    n_chains: int,
    max_steps: int,
    seed: int,
    accept: Callable[[Run], bool],
    advanced: Callable[[int], None],
) -> Run:
    """Chains of equal length, doubled until `accept` is content or `max_steps` is reached.

    The first chain begins at list effects alone, the second at the model with all terms, the others at random models.
    """
    chains = _Chains.of(table, prior, n_chains, seed)
    looks = look_points(max_steps)
    for look in looks:
        while chains.n_blocks < look:
            chains.run_block()
            advanced(BLOCK)
        run = chains.draws(n_draws)
        if accept(run):
            break
    return run


def look_points(max_steps: int) -> list[int]:
    """Numbers of blocks after which the chains are compared: doubling, and the last one at the end."""
    last = max_steps // BLOCK
    looks = [min(FIRST_LOOK, last)]
    while looks[-1] < last:
        looks.append(min(2 * looks[-1], last))
    return looks


@dataclass(eq=False, slots=True)
class _Chains:
    """The chains' states and streams; they share the fitted models."""

    table: CrossTable
    prior: CoefficientPrior
    modes: Modes
    streams: list[np.random.Generator]
    states: list[tuple[NDArray[np.uint64], Array]]
    kept: list[list[tuple[NDArray[np.uint64], Array]]]
    seed: int
    accepted: Array = field(default_factory=lambda: np.zeros((3, 2)))

    @classmethod
    def of(cls, table: CrossTable, prior: CoefficientPrior, n_chains: int, seed: int) -> "_Chains":
        random = np.random.default_rng([seed, 0])
        every_term = np.uint64(2 ** len(table.terms) - 1)
        starts = np.concatenate([np.array([0, every_term], dtype=np.uint64), random_models(table, n_chains, random)])
        states = [(starts[i : i + 1].copy(), np.full(table.n_columns, np.nan)) for i in range(n_chains)]
        streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(n_chains)]
        modes = empty_modes(table.n_columns, 2.0 ** len(table.terms))
        return cls(table, prior, modes, streams, states, [[] for _ in streams], seed)

    @property
    def n_blocks(self) -> int:
        return len(self.kept[0])

    def run_block(self) -> None:
        for stream, (model, beta), kept in zip(self.streams, self.states, self.kept, strict=True):
            models, betas, accepted = advance(
                stream,
                self.table.cells,
                self.table.term_sets,
                self.prior.numbers,
                self.modes,
                model,
                beta,
                BLOCK,
                BLOCK // DRAWS_OF_BLOCK,
            )
            kept.append((models, betas))
            self.accepted += accepted

    def draws(self, n_draws: int) -> Run:
        """Evenly spaced draws after the warm-up, at most `n_draws` of each chain; shares from all that were kept."""
        first = round(DISCARDED * self.n_blocks)
        models = np.stack([np.concatenate([block[0] for block in kept[first:]]) for kept in self.kept])
        betas = [np.concatenate([block[1] for block in kept[first:]]) for kept in self.kept]
        at = np.linspace(0, models.shape[1] - 1, min(n_draws, models.shape[1])).round().astype(int)
        found, place = np.unique(models, return_inverse=True)
        shares = np.stack([np.bincount(row, minlength=len(found)) for row in place.reshape(models.shape)])
        moves, draws, walks = self.accepted[:, 0] / np.maximum(self.accepted[:, 1], 1)
        figures = {
            "n_steps": float(self.n_blocks * BLOCK),
            "accepted_between": float(moves),
            "accepted_within": float(draws),
            "accepted_walks": float(walks),
        }
        random = np.random.default_rng([self.seed, 1])
        kept = np.stack([chain[at] for chain in betas])
        return run_of(self.table, models[:, at], kept, found, shares / models.shape[1], figures, random)
