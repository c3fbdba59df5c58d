"""Chances of the histories drawn from the hyper-Dirichlet law of a graph, in compiled code.

Each list is drawn given the lists it depends on: for every history of those a chance, beta distributed. Everything is
on the log scale, since with 2**-K in a cell most of the prior lies at chances that are zero to double precision.
"""

import numba
import numpy as np

__all__ = ["draw_cells"]


@numba.njit(cache=True)
def _log_gamma_draw(stream, shape):  # type: ignore[no-untyped-def]
    """Log of a gamma variable; gamma(s) is gamma(s + 1) U^(1/s), which is not rounded to 0 for a small shape."""
    if shape >= 1.0:
        return np.log(stream.standard_gamma(shape))
    return np.log(stream.standard_gamma(shape + 1.0)) + np.log(1.0 - stream.random()) / shape


@numba.njit(cache=True)
def draw_cells(stream, counts, hidden, factors, delta):  # type: ignore[no-untyped-def]
    """Log chance of each history given a graph and all counts, or without counts before they are seen.

    Parameters
    ----------
    stream : numpy.random.Generator
    counts : ndarray of float64, shape (2**n_lists,)
        Persons of each history; that of nobody seen, the first, is not read.
    hidden : ndarray of float64, shape (n_draws,)
        Persons of the first.
    factors : ndarray of int16, shape (n_draws, n_lists)
        The graph of each draw.
    delta : float
        Dirichlet parameter of a cell.

    Returns
    -------
    ndarray of float64, shape (n_draws, 2**n_lists)
    """
    n_draws, n_lists = factors.shape
    n_cells = len(counts)
    log_chances = np.zeros((n_draws, n_cells))
    on, off = np.empty(n_cells), np.empty(n_cells)
    for i in range(n_draws):
        for v in range(n_lists):
            given = factors[i, v] & (n_cells - 1)
            bit = 1 << (n_lists - 1 - v)
            n_given = 0
            for j in range(n_lists):
                n_given += given >> j & 1
            on[:] = delta * 2.0 ** (n_lists - 1 - n_given)
            off[:] = on[0]
            off[0] += hidden[i]
            for cell in range(1, n_cells):
                if cell & bit:
                    on[cell & given] += counts[cell]
                else:
                    off[cell & given] += counts[cell]
            for seen in range(n_cells):
                if seen & given == seen:
                    apart = _log_gamma_draw(stream, on[seen]) - _log_gamma_draw(stream, off[seen])
                    on[seen] = -np.log1p(np.exp(-apart)) if apart > 0.0 else apart - np.log1p(np.exp(apart))
                    off[seen] = on[seen] - apart
            for cell in range(n_cells):
                log_chances[i, cell] += on[cell & given] if cell & bit else off[cell & given]
    return log_chances
