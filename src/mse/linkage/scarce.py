"""Scarce records: too little is written on them for anybody to be recognised."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

__all__ = ["SCARCE", "find_scarce", "told_scarce"]

SCARCE = ("drop", "keep")
SURELY_UNEVEN = 0.01  # probability of a spread over the categories at least as uneven, by chance
TOO_LITTLE = "fewer than two of given name, family name, birth and other telling fields, and no personal number"


def find_scarce(columns: pd.DataFrame, told: Sequence[tuple[str, ...]], *, numbers: Sequence[str]) -> NDArray[np.bool_]:
    """The records that tell of less than two of these groups of columns, and hold no number, shape (n_records,).

    Examples
    --------
    >>> columns = pd.DataFrame({"given_name": ["a", None], "birth_date": ["d", None], "duf": [None, "1"]})
    >>> find_scarce(columns, [("given_name",), ("birth_date", "birth_year")], numbers=["duf"]).tolist()
    [False, False]
    >>> find_scarce(columns, [("given_name",), ("birth_date", "birth_year")], numbers=[]).tolist()
    [False, True]
    """
    n_told = sum(columns[[name for name in group if name in columns]].notna().any(axis=1).astype(int) for group in told)
    return np.asarray((n_told < 2) & columns[list(numbers)].isna().all(axis=1))


def told_scarce(records: pd.DataFrame, is_scarce: NDArray[np.bool_], *, scarce: str) -> list[str]:
    """What the reader must know: how many records of each list, and whether some groups of persons have more.

    Parameters
    ----------
    records : DataFrame, one row per record
        ``list``, ``record`` and common attributes.
    is_scarce : ndarray of bool, shape (n_records,)
    scarce : {"drop", "keep"}
    """
    if not is_scarce.any():
        return []
    if scarce == "keep":
        return [
            f"{is_scarce.sum()} of {len(records)} records hold {TOO_LITTLE}: they can hardly be linked, and may each "
            "count as a person, which makes estimates too high"
        ]
    notes = []
    for name, own in pd.Series(is_scarce).groupby(records["list"].to_numpy(), sort=False):
        if own.any():
            notes.append(f"{name}: {own.sum()} of {len(own)} records left out, with {TOO_LITTLE}")
    for attribute in records.columns[2:]:
        counts = pd.crosstab(records[attribute].to_numpy(), is_scarce)
        if len(counts) < 2 or chi2_contingency(counts.to_numpy()).pvalue >= SURELY_UNEVEN:
            continue
        shares = (counts[True] / counts.sum(axis=1)).items()
        notes.append(
            f"the records left out are unevenly spread over {attribute}: "
            + ", ".join(f"{category} {share:.0%}" for category, share in shares)
            + "; estimate by stratum"
        )
    return notes
