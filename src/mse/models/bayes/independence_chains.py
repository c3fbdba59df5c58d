"""Chains whose proposals do not depend on where they stand: each is taken or refused by its weight alone."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["independence_chains"]

type Array = NDArray[np.float64]
type Proposals = Callable[[int, np.random.Generator], tuple[Array, Array]]

EVERY = 4  # proposals for each draw kept


def independence_chains(
    proposals: Proposals, n_draws: int, n_chains: int, length: int, random: np.random.Generator
) -> tuple[Array, float]:
    """Draws (n_chains, n_draws, n_columns) and the share of proposals accepted; `length` times as long as usual.

    `proposals` gives a number of positions (n, n_columns) and the log of their weights (n,), which is the density of
    the target over that of the proposal, up to a constant; minus infinity where the target has none.
    """
    every = EVERY * length
    n_proposals = every * n_draws
    kept, n_accepted = [], 0
    for _ in range(n_chains):
        positions, weights = proposals(n_proposals, random)
        places = _accept(weights, np.log(random.uniform(size=n_proposals)))
        n_accepted += int((np.diff(places) != 0).sum())
        kept.append(positions[places[every - 1 :: every]])
    return np.stack(kept), n_accepted / (n_chains * n_proposals)


def _accept(log_weights: Array, log_uniforms: Array) -> NDArray[np.int64]:
    """The proposal at which an independence chain stands after each step; it begins at the first with a weight."""
    places = np.empty(len(log_weights), dtype=np.int64)
    at = int(np.argmax(log_weights > -np.inf))
    weight = log_weights[at]
    for i, (new, chance) in enumerate(zip(log_weights.tolist(), log_uniforms.tolist(), strict=True)):
        if chance < new - weight:
            at, weight = i, new
        places[i] = at
    return places
