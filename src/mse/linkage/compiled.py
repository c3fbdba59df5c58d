"""Comparisons in compiled code: the columns as numbers, and the conditions as steps over them.

The level of two records is looked up by what each of them says of the comparison: far fewer things are said than there
are pairs. Where too much is said for a table, the steps are taken for the pair.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import intrinsic
from numpy.typing import NDArray

from mse.linkage.conditions import WORDS

__all__ = [
    "ANSWER",
    "APART",
    "AT_LEAST",
    "CONTAINED",
    "DICE",
    "EQUAL",
    "JUMP_IF_FALSE",
    "JUMP_IF_TRUE",
    "KNOWN",
    "LIKE",
    "NEVER",
    "NOT",
    "SHARES",
    "SILENT",
    "SOME_ON_BOTH",
    "Compiled",
    "level_by_steps",
    "levels_of",
    "nothing_compiled",
]

SILENT = -1
EQUAL, KNOWN, LIKE, APART, SHARES, SOME_ON_BOTH, DICE, CONTAINED, AT_LEAST = range(9)
NOT, JUMP_IF_FALSE, JUMP_IF_TRUE, NEVER, ANSWER = range(9, 14)

Ints = NDArray[np.int64]


class Compiled(NamedTuple):
    """All records and comparisons as arrays.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_steps, 4)
        Operation, and what it needs.
    first_step : ndarray of int64, shape (n_comparisons,)
    constants : ndarray of float64
    codes : ndarray of int32, shape (n_records, n_columns)
        Number of the value, or the whole number itself; -1 where it is missing.
    sets : ndarray of int32, shape (n_records, n_columns, most)
        Numbers of several values, ascending; -1 where there are no more.
    filters : ndarray of uint64, shape (n_records, n_filters, 8)
    n_bits : ndarray of int32, shape (n_records, n_filters)
        0 where the filter is missing.
    likeness : ndarray of int8
        Tables of pairs of values, one after the other: how like two values are, 0 for not.
    likeness_start, likeness_size : ndarray of int64, shape (n_tables,)
    says : ndarray of int32, shape (n_records, n_comparisons)
        Number of what a record says of a comparison.
    levels : ndarray of int8
        Tables of levels by what two records say, one after the other.
    levels_start, levels_size : ndarray of int64, shape (n_comparisons,)
        Size 0 where there is no table.
    """

    steps: Ints
    first_step: Ints
    constants: NDArray[np.float64]
    codes: NDArray[np.int32]
    sets: NDArray[np.int32]
    filters: NDArray[np.uint64]
    n_bits: NDArray[np.int32]
    likeness: NDArray[np.int8]
    likeness_start: Ints
    likeness_size: Ints
    says: NDArray[np.int32]
    levels: NDArray[np.int8]
    levels_start: Ints
    levels_size: Ints


def nothing_compiled() -> Compiled:
    """No comparison at all, where the levels of pairs come from elsewhere."""
    return Compiled(
        np.zeros((0, 4), np.int64),
        np.zeros(0, np.int64),
        np.zeros(1),
        np.zeros((0, 1), np.int32),
        np.zeros((0, 1, 1), np.int32),
        np.zeros((0, 1, WORDS), np.uint64),
        np.zeros((0, 1), np.int32),
        np.zeros(1, np.int8),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros((0, 1), np.int32),
        np.zeros(1, np.int8),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
    )


@njit(cache=True, nogil=True, inline="always")
def levels_of(compared, a, b, levels):  # type: ignore[no-untyped-def]
    """Write the level of each comparison of records a and b, -1 where it says nothing."""
    for comparison in range(len(levels)):
        size = compared.levels_size[comparison]
        if size > 0:
            row = compared.levels_start[comparison] + compared.says[a, comparison] * size
            levels[comparison] = compared.levels[row + compared.says[b, comparison]]
        else:
            levels[comparison] = level_by_steps(compared, comparison, a, b)


@njit(cache=True, nogil=True, inline="always")
def level_by_steps(compared, comparison, a, b):  # type: ignore[no-untyped-def]
    """The level of one comparison, by its steps."""
    steps, codes, sets = compared.steps, compared.codes, compared.sets
    filters, n_bits, constants = compared.filters, compared.n_bits, compared.constants
    step = compared.first_step[comparison]
    truth = False
    while True:
        operation, x, y, z = steps[step, 0], steps[step, 1], steps[step, 2], steps[step, 3]
        step += 1
        if operation == ANSWER:
            return x
        if operation == JUMP_IF_FALSE:
            if not truth:
                step = x
        elif operation == JUMP_IF_TRUE:
            if truth:
                step = x
        elif operation == NOT:
            truth = not truth
        elif operation == EQUAL:
            truth = codes[a, x] == codes[b, x] and codes[a, x] >= 0
        elif operation == KNOWN:
            truth = codes[a, x] >= 0 and codes[b, x] >= 0
        elif operation == LIKE:
            one, other = codes[a, x], codes[b, x]
            truth = False
            if one >= 0 and other >= 0:
                at = compared.likeness_start[y] + one * compared.likeness_size[y] + other
                truth = one == other or compared.likeness[at] >= z
        elif operation == APART:
            one, other = codes[a, x], codes[b, x]
            truth = one >= 0 and other >= 0 and abs(one - other) == 1
        elif operation == SHARES:
            truth = _n_shared(sets, a, b, x) >= y
        elif operation == SOME_ON_BOTH:
            truth = sets[a, x, 0] >= 0 and sets[b, x, 0] >= 0
        elif operation == DICE:
            total = n_bits[a, x] + n_bits[b, y]
            truth = False
            if n_bits[a, x] > 0 and n_bits[b, y] > 0:
                truth = 2.0 * _n_common(filters, a, x, b, y) / total >= constants[z]
        elif operation == CONTAINED:
            least = min(n_bits[a, x], n_bits[b, x])
            truth = least > 0 and float(_n_common(filters, a, x, b, x)) / least >= constants[z]
        elif operation == AT_LEAST:
            truth = codes[a, x] >= y and codes[b, x] >= y
        else:
            truth = False


@njit(cache=True, nogil=True)
def _n_shared(sets, a, b, x):  # type: ignore[no-untyped-def]
    """Numbers that two ascending rows have in common; -1 ends a row."""
    most = sets.shape[2]
    i = j = n = 0
    while i < most and j < most and sets[a, x, i] >= 0 and sets[b, x, j] >= 0:
        if sets[a, x, i] == sets[b, x, j]:
            n += 1
            i += 1
            j += 1
        elif sets[a, x, i] < sets[b, x, j]:
            i += 1
        else:
            j += 1
    return n


@njit(cache=True, nogil=True)
def _n_common(filters, a, x, b, y):  # type: ignore[no-untyped-def]
    """Bits that are set in both."""
    total = 0
    for word in range(filters.shape[2]):
        total += int(_n_set(filters[a, x, word] & filters[b, y, word]))
    return total


@intrinsic
def _n_set(typing_context, word):  # type: ignore[no-untyped-def]
    """Bits that are set in a word, by the processor's own instruction."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return word(word), code
