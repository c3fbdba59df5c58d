"""Tables of levels: what two records may say of a comparison, and the level on which they then stand."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from mse.linkage.compiled import (
    APART,
    AT_LEAST,
    CONTAINED,
    DICE,
    EQUAL,
    KNOWN,
    LIKE,
    SHARES,
    SOME_ON_BOTH,
    Compiled,
    level_by_steps,
)

__all__ = ["with_level_tables"]

MOST_SAID = 10_000  # beyond it a table takes more than 100 MB
ROWS = 256  # of a table, at a time
WORTH_A_TABLE = 0.8  # different things said per record: above it, nearly all pairs differ

CODES = (EQUAL, KNOWN, LIKE, APART, AT_LEAST)
SETS = (SHARES, SOME_ON_BOTH)
Ints = NDArray[np.int64]


def with_level_tables(compared: Compiled, *, n_jobs: int = 1) -> Compiled:
    """The same comparisons, with a table for each of which at most 10,000 different things are said."""
    says = [_said(compared, comparison) for comparison in range(len(compared.first_step))]
    tables, start, size = [np.zeros(1, np.int8)], [], []
    for comparison, (_, first) in enumerate(says):
        fits = len(first) <= min(MOST_SAID, WORTH_A_TABLE * len(compared.codes))
        start.append(sum(map(len, tables)))
        size.append(len(first) if fits else 0)
        if fits:
            tables.append(_table(compared, comparison, first, n_jobs).ravel())
    return compared._replace(
        says=np.column_stack([number for number, _ in says]).astype(np.int32),
        levels=np.concatenate(tables),
        levels_start=np.array(start, np.int64),
        levels_size=np.array(size, np.int64),
    )


def _said(compared: Compiled, comparison: int) -> tuple[Ints, Ints]:
    """Number of what each record says of a comparison, and the first record that says it."""
    last = np.append(compared.first_step, len(compared.steps))[comparison + 1]
    parts: dict[tuple[str, int], NDArray[np.int32]] = {}
    for operation, x, y, _ in compared.steps[compared.first_step[comparison] : last].tolist():
        if operation in CODES:
            parts["codes", x] = compared.codes[:, x : x + 1]
        elif operation in SETS:
            parts["sets", x] = compared.sets[:, x]
        elif operation in (DICE, CONTAINED):
            for own in (x, y) if operation == DICE else (x,):
                words = np.ascontiguousarray(compared.filters[:, own]).view(np.int32)
                parts["filter", own] = np.column_stack([words, compared.n_bits[:, own]])
    row = np.column_stack([*parts.values()]) if parts else np.zeros((len(compared.codes), 1), np.int32)
    number, texts = pd.factorize(_keys(row))
    first = np.full(len(texts), len(number), np.int64)
    np.minimum.at(first, number, np.arange(len(number)))
    return number.astype(np.int64), first


def _keys(row: NDArray[np.int32]) -> NDArray[np.object_]:
    """One value for each row, equal where the rows are."""
    keys = np.empty(len(row), object)
    keys[:] = [own.tobytes() for own in row]
    return keys


def _table(compared: Compiled, comparison: int, first: Ints, n_jobs: int) -> NDArray[np.int8]:
    """The level of each two of these records, which does not depend on their order."""
    table = np.zeros((len(first), len(first)), np.int8)

    def fill(start: int) -> None:
        _fill(compared, comparison, first, table, start, min(start + ROWS, len(first)))

    with ThreadPoolExecutor(n_jobs) as pool:
        list(pool.map(fill, range(0, len(first), ROWS)))
    return table


@njit(cache=True, nogil=True)
def _fill(compared, comparison, first, table, start, end):  # type: ignore[no-untyped-def]
    for one in range(start, end):
        for other in range(one, len(first)):
            level = level_by_steps(compared, comparison, first[one], first[other])
            table[one, other] = level
            table[other, one] = level
