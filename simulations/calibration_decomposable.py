"""Calibration of `decomposable`: one of all decomposable graphs, probabilities of its hyper-Dirichlet law, and N.

Graphs and probabilities are made here from their definition: a graph is decomposable when its lists can be taken away
one by one, each with neighbours that are all joined to each other. Put back, each list given the neighbours that are
there before it has independent beta probabilities.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

import mse
from mse.histories import CaptureHistories
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap

__all__ = ["DECOMPOSABLE"]

LISTS = tuple("ABCD")
ENDS = (125, 2_000)
N_DRAWS = 40_000
SEED = 20274


def _order(edges: set[frozenset[int]]) -> list[tuple[int, list[int]]] | None:
    """Lists in an order, each with its neighbours before it, which are all joined; None when there is none."""
    left, taken = set(range(len(LISTS))), []
    while left:
        for one in sorted(left):
            near = [other for other in left if frozenset((one, other)) in edges]
            if all(frozenset(pair) in edges for pair in combinations(near, 2)):
                taken.append((one, near))
                left.remove(one)
                break
        else:
            return None
    return taken[::-1]


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    pairs = [frozenset(pair) for pair in combinations(range(len(LISTS)), 2)]
    while True:
        total = from_one_over_n(ENDS, random)
        order = _order({pair for pair in pairs if random.uniform() < 0.5})
        if order is None:
            continue
        on = np.zeros((total, len(LISTS)), dtype=np.int64)
        for one, near in order:
            # The parameters of all 2**K cells sum to one, and those of each half given the neighbours are equal.
            half = 2.0 ** -(len(near) + 1)
            captured = random.beta(half, half, size=2 ** len(near))
            given = on[:, near] @ (1 << np.arange(len(near), dtype=np.int64))
            on[:, one] = random.uniform(size=total) < captured[given]
        counts = np.bincount(on @ (1 << np.arange(len(LISTS))[::-1]), minlength=2 ** len(LISTS))
        if has_overlap(counts):
            return {"n": total}, CaptureHistories(LISTS, counts[1:])


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    """Independent draws: the answer's own are evenly spaced quantiles, and a truth would never be below them all."""
    posterior = mse.decomposable(histories)
    assert posterior.distribution is not None
    levels = np.random.default_rng([SEED, seed, 2]).uniform(size=length * N_DRAWS)
    totals = histories.n_observed + posterior.distribution.quantile(levels)
    return Sample({"n": totals}, totals[:, None])


DECOMPOSABLE = Calibration(
    name="decomposable",
    says="`decomposable`",
    ranked={"n": "N"},
    ends=ENDS,
    seed=SEED,
    settings={"lists": len(LISTS), "n_draws": N_DRAWS},
    data_set=_data_set,
    sample=_sample,
)
