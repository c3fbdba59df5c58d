"""How frequent each record's values are, where lists are too long to count it pair by pair."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison
from mse.linkage.ladders import AGREES, UNKNOWN, Ladders
from mse.linkage.weights import Weights

__all__ = ["frequency_chances"]

Ints = NDArray[np.int64]


def frequency_chances(
    weights: Weights, ladder: Ladders, columns: pd.DataFrame, comparisons: Sequence[Comparison]
) -> Weights:
    """Each record's own chances, from how many other records have its value, among those that agree on what is given.

    Values that are only like each other, such as filters, have the chance of all; so has who misses a value.

    Parameters
    ----------
    weights : Weights
        The own chances of its first record are those of all, before any is counted.
    columns : DataFrame, one row per record
    """
    own = weights.own.of(np.zeros(len(columns), np.int64))
    names = {comparison.name: comparison for comparison in comparisons}
    codes: dict[str, Ints] = {}
    counts: dict[tuple[str, ...], tuple[Ints, Ints]] = {}
    for number, comparison in enumerate(comparisons):
        groups = [tuple(name for name in group if name in names) for group in comparison.given]
        groups = [group for group in groups if group]
        for at, level in enumerate(comparison.levels):
            column = int(ladder.first[number]) + at
            value = level.frequency_of or (comparison.name if level.is_by_record else "")
            if not value or value not in columns:
                continue
            for state in range(ladder.n_states):
                # What stands beside multiplies the chances of all values alike.
                counted_in, kind = divmod(state, 3) if ladder.is_beside[number] else (state, UNKNOWN)
                whole = state - kind + UNKNOWN
                kinds = np.unravel_index(counted_in % 3 ** len(groups), (3,) * len(groups)) if groups else ()
                agreeing = [group[0] for group, kind in zip(groups, kinds, strict=True) if kind == AGREES]
                together = (*(name for name in agreeing if name in columns), value)
                if together not in counts:
                    for name in together:
                        codes.setdefault(name, np.asarray(pd.factorize(columns[name])[0], np.int64))
                    counts[together] = _counts([codes[name] for name in together])
                n_same, n_all = counts[together]
                chance, times = float(weights.u[column, whole]), weights.u[column, state] / weights.u[column, whole]
                place = ladder.by_record[column]
                own.found[:, place, state] = np.maximum(n_same - 1, 0)
                own.per_pair[:, place, state] = np.where(n_same > 0, 1.0 / (n_all - 1 + 1.0 / chance), chance) * times
    return replace(weights, own=own)


def _counts(codes: Sequence[Ints]) -> tuple[Ints, Ints]:
    """For each record how many have all of its values, and how many all but the last and any value there.

    Parameters
    ----------
    codes : sequence of ndarray of int64, shape (n_records,)
        By column, negative where the value is missing: who misses one is in neither count.
    """
    known = np.all([own >= 0 for own in codes], axis=0)
    place, n_all = np.zeros(int(known.sum()), np.int64), np.full(int(known.sum()), known.sum(), np.int64)
    for number, own in enumerate(codes, 1):
        place = np.unique(place * (own.max(initial=0) + 1) + own[known], return_inverse=True)[1]
        if number == len(codes) - 1:
            n_all = np.bincount(place)[place]
    found = np.zeros((2, len(known)), np.int64)
    found[:, known] = np.bincount(place, minlength=1)[place], n_all
    return found[0], found[1]
