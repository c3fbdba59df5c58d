"""How frequent each record's values are, where lists are too long to count it pair by pair."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.linkage.comparison import Comparison
from mse.linkage.ladders import AGREES, Ladders
from mse.linkage.weights import Weights

__all__ = ["frequency_chances"]


def frequency_chances(
    weights: Weights, ladder: Ladders, columns: pd.DataFrame, comparisons: Sequence[Comparison]
) -> Weights:
    """Each record's own chances, from how many other records have its value, among those that agree on what is given.

    Values that are only like each other, such as filters, have the chance of all.

    Parameters
    ----------
    columns : DataFrame, one row per record
    """
    own = weights.own.copy()
    names = {comparison.name: comparison for comparison in comparisons}
    for number, comparison in enumerate(comparisons):
        groups = [tuple(name for name in group if name in names) for group in comparison.given]
        groups = [group for group in groups if group]
        for at, level in enumerate(comparison.levels):
            column = int(ladder.first[number]) + at
            value = level.frequency_of or (comparison.name if level.is_by_record else "")
            if not value or value not in columns:
                continue
            for state in range(ladder.n_states):
                kinds = np.unravel_index(state % 3 ** len(groups), (3,) * len(groups)) if groups else ()
                agreeing = [group[0] for group, kind in zip(groups, kinds, strict=True) if kind == AGREES]
                own[:, ladder.by_record[column], state] = _chances(
                    columns, value, [name for name in agreeing if name in columns], float(weights.u[column, state])
                )
    return replace(weights, own=own)


def _chances(columns: pd.DataFrame, value: str, among: Sequence[str], chance: float) -> NDArray[np.float64]:
    """Share of other records with the same value; at least one has it, in place of the one that is judged."""
    known = columns[[value, *among]].dropna(subset=[value])
    codes = known.astype("str")
    n_same = codes.groupby([value, *among])[value].transform("size") - 1
    n_all = codes.groupby(list(among))[value].transform("size") - 1 if among else len(codes) - 1
    found = np.full(len(columns), chance)
    found[known.index.to_numpy()] = (n_same.clip(lower=1) / (n_all + 1.0 / chance)).to_numpy()
    return found
