"""Designs of the closed-population models: what the log mean of a history is made of.

Otis, Burnham, White and Anderson (1978); as log-linear models Cormack (1989), doi:10.2307/2531485, and Rivest and
Baillargeon (2007), doi:10.1111/j.1541-0420.2007.00779.x, from whom the forms of heterogeneity are.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from mse.histories import CaptureHistories

__all__ = ["HETEROGENEITIES", "LOGLINEAR_MODELS", "ClosedDesign", "design_of"]

LOGLINEAR_MODELS = ("M0", "Mt", "Mh", "Mth")
HETEROGENEITIES = ("chao", "poisson2", "darroch", "gamma3.5")


@dataclass(frozen=True, eq=False)
class ClosedDesign:
    """Cells that can have a positive mean, and the columns of their log mean.

    Attributes
    ----------
    active : ndarray of bool, shape (2**K - 1,)
    columns : ndarray, shape (n_active, n_columns)
        Intercept first. In every other column the missing cell holds 0, so that the intercept is log n_hidden.
    names : tuple of str
        One for each column.
    kinks : tuple of int
        Columns whose coefficient may not be negative (Chao).
    empty_lists : tuple of str
        Lists without persons known to be in the population: their effect is -inf, and counts as a parameter.
    """

    active: NDArray[np.bool_]
    columns: NDArray[np.float64]
    names: tuple[str, ...]
    kinks: tuple[int, ...]
    empty_lists: tuple[str, ...]

    def without(self, dropped: set[int]) -> "ClosedDesign":
        """The design without these columns."""
        kept = [j for j in range(len(self.names)) if j not in dropped]
        return ClosedDesign(
            self.active,
            self.columns[:, kept],
            tuple(self.names[j] for j in kept),
            tuple(kept.index(j) for j in self.kinks if j not in dropped),
            self.empty_lists,
        )


def design_of(histories: CaptureHistories, model: str, heterogeneity: str) -> ClosedDesign:
    """The design of one of `LOGLINEAR_MODELS` on this table."""
    on_list = np.array(histories.histories, dtype=np.float64)
    on = on_list.sum(axis=1)
    active = histories.cells_that_can_occur.copy()
    empty: list[str] = []
    columns, names = [np.ones_like(on)], ["intercept"]
    if "t" in model:
        for name, column in zip(histories.lists, on_list.T, strict=True):
            if column @ histories.known_counts:
                columns.append(column)
                names.append(name)
            elif column[histories.cells_that_can_occur].any():
                active &= column == 0
                empty.append(name)
    else:
        columns.append(on)
        names.append("lists")
    n_plain = len(names)
    if "h" in model:
        for name, column in _heterogeneity(heterogeneity, on, histories.n_lists):
            columns.append(column)
            names.append(name)
    design = ClosedDesign(active, np.column_stack(columns)[active], tuple(names), (), tuple(empty))
    if "h" not in model or heterogeneity != "chao":
        return design
    kinks = tuple(range(n_plain, len(names)))
    constrained = ClosedDesign(design.active, design.columns, design.names, kinks, design.empty_lists)
    return constrained.without(_superfluous(constrained))


def _heterogeneity(kind: str, on: NDArray[np.float64], n_lists: int) -> list[tuple[str, NDArray[np.float64]]]:
    """Columns by the number of lists that a person is on, k."""
    if kind == "poisson2":
        return [("tau", 2.0**on - 1)]
    if kind == "darroch":
        return [("tau", on**2 / 2)]
    if kind == "gamma3.5":
        return [("tau", log(3.5) - np.log(3.5 + on))]
    return [(f"eta{k}", np.maximum(on - k + 1, 0.0)) for k in range(3, n_lists + 1)]


def _superfluous(design: ClosedDesign) -> set[int]:
    """Kinks that the cells which are left cannot tell from the columns before them."""
    dropped: set[int] = set()
    for j in design.kinks:
        kept = [i for i in range(j + 1) if i not in dropped]
        if np.linalg.matrix_rank(design.columns[:, kept]) < len(kept):
            dropped.add(j)
    return dropped
