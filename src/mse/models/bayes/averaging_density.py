"""Posterior density of a log-linear model's coefficients, its mode and a multivariate t around it, in compiled code.

Coefficients are held in full: those of columns that a model does not have are 0. The intercept, first, has a flat
prior. The prior of the others is normal with unit variance (unit information), or normal with a variance that has an
inverse gamma prior (SBH) and is integrated out, which makes it a multivariate t.
"""

from math import lgamma
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.censored import moments

__all__ = [
    "DEGREES",
    "Room",
    "columns_of",
    "copy_into",
    "draw_around",
    "find_mode",
    "linear",
    "log_density",
    "log_probability",
    "log_proposal",
    "workspace",
]

DEGREES = 5.0  # of freedom of the t
MAX_STEPS = 200
TOLERANCE = 1e-10
LARGEST = 700.0  # exponent
UNIT = (0.0, 0.0)


class Room(NamedTuple):
    """Arrays that the functions write in: (n_cells,) thrice, (n_columns,) four times, and their square."""

    eta: NDArray[np.float64]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    step: NDArray[np.float64]
    trial: NDArray[np.float64]
    apart: NDArray[np.float64]
    chosen: NDArray[np.int64]
    information: NDArray[np.float64]


@njit(cache=True, nogil=True)
def workspace(n_columns, n_cells):  # type: ignore[no-untyped-def]
    """Room for a table of this size."""
    return Room(
        np.zeros(n_cells),
        np.zeros(n_cells),
        np.zeros(n_cells),
        np.zeros(n_columns),
        np.zeros(n_columns),
        np.zeros(n_columns),
        np.zeros(n_columns, np.int64),
        np.zeros((n_columns, n_columns)),
    )


@njit(cache=True, nogil=True)
def columns_of(model, owner, chosen):  # type: ignore[no-untyped-def]
    """Write the columns of a model into `chosen`, the intercept first, and return their number."""
    n = 0
    for k in range(owner.size):
        if owner[k] < 0 or model >> np.uint64(owner[k]) & np.uint64(1):
            chosen[n] = k
            n += 1
    return n


@njit(cache=True, nogil=True)
def copy_into(target, source):  # type: ignore[no-untyped-def]
    """An assignment of all elements; as a loop it compiles in a tenth of the time."""
    for k in range(target.size):
        target[k] = source[k]


@njit(cache=True, nogil=True)
def linear(columns, beta, eta):  # type: ignore[no-untyped-def]
    """Log means of the cells."""
    for cell in range(eta.size):
        eta[cell] = 0.0
    for k in range(beta.size):
        if beta[k] != 0.0:
            for cell in range(eta.size):
                eta[cell] += columns[k, cell] * beta[k]


@njit(cache=True, nogil=True)
def log_probability(known, doubtful, log_mean):  # type: ignore[no-untyped-def]
    """Log of the Poisson probability of a cell: of its count, or of a number within its bounds."""
    mean = np.exp(log_mean)
    if doubtful > 0.0:
        return moments(known, doubtful, mean)[3]
    return known * log_mean - mean - lgamma(known + 1.0)


@njit(cache=True, nogil=True)
def log_density(cells, prior, n, beta, eta):  # type: ignore[no-untyped-def]
    """Log likelihood times prior of a model with `n` columns; constants that all models share are left out.

    With variance s of the coefficients, s ~ inverse gamma(a/2, b/2), and q the sum of their squares,
    the integral of the prior over s is Gamma((p + a)/2) / Gamma(a/2) b^(a/2) pi^(-p/2) (b + q)^(-(p + a)/2).
    """
    columns, known, doubtful = cells
    linear(columns, beta, eta)
    total = 0.0
    for cell in range(eta.size):
        if eta[cell] > LARGEST:
            return -np.inf
        mean = np.exp(eta[cell])
        if doubtful[cell] > 0.0:
            total += moments(known[cell], doubtful[cell], mean)[3]
        else:
            total += known[cell] * eta[cell] - mean
    squares, p = 0.0, n - 1
    for k in range(1, beta.size):
        squares += beta[k] * beta[k]
    a, b = prior
    if a == 0.0:
        return total - 0.5 * squares - 0.5 * p * np.log(2.0 * np.pi)
    gammas = lgamma(0.5 * (p + a)) - lgamma(0.5 * a)
    return total + gammas + 0.5 * (a * np.log(b) - p * np.log(np.pi) - (p + a) * np.log(b + squares))


@njit(cache=True, nogil=True)
def _slope(cells, prior, n, beta, room):  # type: ignore[no-untyped-def]
    """Write slope and curvature of the log density at `beta` into room.step and room.information.

    Of the t prior the curvature is that of the normal prior which touches it there, so that it is positive definite.
    """
    columns, known, doubtful = cells
    linear(columns, beta, room.eta)
    for cell in range(room.eta.size):
        mean = np.exp(min(room.eta[cell], LARGEST))
        if doubtful[cell] > 0.0:
            expected, variance, _, _ = moments(known[cell], doubtful[cell], mean)
            room.score[cell] = expected - mean
            room.weight[cell] = max(mean - variance, 0.0)
        else:
            room.score[cell] = known[cell] - mean
            room.weight[cell] = mean
    squares = 0.0
    for k in range(1, beta.size):
        squares += beta[k] * beta[k]
    a, b = prior
    precision = 1.0 if a == 0.0 else (n - 1 + a) / (b + squares)
    for i in range(n):
        k = room.chosen[i]
        slope = 0.0 if i == 0 else -precision * beta[k]
        for cell in range(room.eta.size):
            slope += columns[k, cell] * room.score[cell]
        room.step[i] = slope
        for j in range(i + 1):
            other = room.chosen[j]
            shared = 0.0
            for cell in range(room.eta.size):
                shared += columns[k, cell] * room.weight[cell] * columns[other, cell]
            room.information[i, j] = shared
        room.information[i, i] += 1e-12 if i == 0 else precision


@njit(cache=True, nogil=True)
def _cholesky(matrix, n):  # type: ignore[no-untyped-def]
    """The lower factor in the place of the lower triangle; a diagonal that is not positive is lifted."""
    for j in range(n):
        left = matrix[j, j]
        for k in range(j):
            left -= matrix[j, k] * matrix[j, k]
        matrix[j, j] = np.sqrt(max(left, 1e-12))
        for i in range(j + 1, n):
            left = matrix[i, j]
            for k in range(j):
                left -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = left / matrix[j, j]


@njit(cache=True, nogil=True)
def find_mode(cells, prior, n, beta, room):  # type: ignore[no-untyped-def]
    """Climb from `beta` to a mode, in place; room.information holds the factor of the curvature there.

    `room.chosen` holds the n columns. Returns the log density at the mode.
    """
    value = log_density(cells, prior, n, beta, room.eta)
    for _ in range(MAX_STEPS):
        _slope(cells, prior, n, beta, room)
        _cholesky(room.information, n)
        gain = 0.0
        for i in range(n):
            left = room.step[i]
            for k in range(i):
                left -= room.information[i, k] * room.apart[k]
            room.apart[i] = left / room.information[i, i]
            gain += room.apart[i] * room.apart[i]
        for i in range(n - 1, -1, -1):
            left = room.apart[i]
            for k in range(i + 1, n):
                left -= room.information[k, i] * room.apart[k]
            room.apart[i] = left / room.information[i, i]
        if gain < TOLERANCE:
            break
        size = 1.0
        while size > 1e-9:
            copy_into(room.trial, beta)
            for i in range(n):
                room.trial[room.chosen[i]] += size * room.apart[i]
            reached = log_density(cells, prior, n, room.trial, room.eta)
            if reached >= value:
                break
            size *= 0.5
        if size <= 1e-9:
            break
        copy_into(beta, room.trial)
        value = reached
    return value


@njit(cache=True, nogil=True)
def log_proposal(mode, packed, n, beta, room):  # type: ignore[no-untyped-def]
    """Log density at `beta` of the multivariate t around a mode; `packed` is the lower factor of the curvature."""
    size, log_root = 0.0, 0.0
    for i in range(n):
        k = room.chosen[i]
        room.apart[i] = beta[k] - mode[k]
        log_root += np.log(packed[i * (i + 1) // 2 + i])
    for j in range(n):
        part = 0.0
        for i in range(j, n):
            part += packed[i * (i + 1) // 2 + j] * room.apart[i]
        size += part * part
    constant = lgamma(0.5 * (DEGREES + n)) - lgamma(0.5 * DEGREES) - 0.5 * n * np.log(DEGREES * np.pi)
    return constant + log_root - 0.5 * (DEGREES + n) * np.log1p(size / DEGREES)


@njit(cache=True, nogil=True)
def draw_around(stream, packed, n, centre, spread, room):  # type: ignore[no-untyped-def]
    """Write into room.trial a normal draw around `centre`, `spread` times as wide as the curvature says."""
    for i in range(n):
        room.apart[i] = stream.standard_normal()
    for i in range(n - 1, -1, -1):
        left = room.apart[i]
        for k in range(i + 1, n):
            left -= packed[k * (k + 1) // 2 + i] * room.apart[k]
        room.apart[i] = left / packed[i * (i + 1) // 2 + i]
    copy_into(room.trial, centre)
    for i in range(n):
        room.trial[room.chosen[i]] += spread * room.apart[i]
