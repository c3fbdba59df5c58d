"""Two facts about a log-linear model on given counts: does a finite MLE exist, and is the total identified?

Fienberg and Rinaldo (2012), doi:10.1214/12-AOS986; Chan, Silverman and Vincent (2021),
doi:10.1080/01621459.2019.1708748. Both take the design after the terms with a zero sufficient statistic, and the cells
that contain them, were removed.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

__all__ = ["ascent_direction", "mle_exists", "total_is_identified"]


def mle_exists(design: NDArray[np.float64], positive: NDArray[np.bool_]) -> bool:
    """Whether the likelihood has a maximum at finite parameters.

    Parameters
    ----------
    design : ndarray, shape (n_cells, n_terms)
    positive : ndarray of bool, shape (n_cells,)
        Cells with a count above zero; existence depends on the counts by nothing else.

    Examples
    --------
    >>> design = np.array([[1.0, 1, 0], [1, 0, 1], [1, 1, 1]])
    >>> mle_exists(design, np.array([True, True, True])), mle_exists(design, np.array([True, False, True]))
    (True, False)
    """
    return ascent_direction(design, positive) is None


def ascent_direction(design: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """A direction along which the likelihood rises for ever, shape (n_terms,), or None if the MLE exists.

    Such a direction leaves the means of all cells with persons as they are and lowers the mean of a cell without.
    Solved as a linear programme, scaled so that its optimum is either 0 or at most -1.
    """
    if positive.all():
        return None
    zero_rows = design[~positive]
    answer = linprog(
        zero_rows.sum(axis=0),
        A_ub=np.vstack([zero_rows, -zero_rows]),
        b_ub=np.concatenate([np.zeros(len(zero_rows)), np.ones(len(zero_rows))]),
        A_eq=design[positive],
        b_eq=np.zeros(int(positive.sum())),
        bounds=(None, None),
        method="highs-ds",
    )
    if answer.status != 0:
        raise RuntimeError(f"the linear programme of existence ended with {answer.message!r}")
    return None if float(answer.fun or 0.0) > -0.5 else np.asarray(answer.x)


def total_is_identified(design: NDArray[np.float64]) -> bool:
    """Whether the missing cell's mean is determined by the means of the cells that are left.

    That is so iff the design row of the missing cell, (1, 0, ..., 0), is a combination of the rows of the others.

    Parameters
    ----------
    design : ndarray, shape (n_cells, n_terms)
        Intercept in the first column.

    Examples
    --------
    >>> two_lists = np.array([[1.0, 1, 0], [1, 0, 1], [1, 1, 1]])
    >>> total_is_identified(two_lists), total_is_identified(two_lists[:2])
    (True, False)
    """
    missing_cell = np.zeros((1, design.shape[1]))
    missing_cell[0, 0] = 1.0
    rank = np.linalg.matrix_rank(design) if len(design) else 0
    return bool(np.linalg.matrix_rank(np.vstack([design, missing_cell])) == rank)
