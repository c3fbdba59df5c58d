"""A chain over log-linear models and their coefficients, in compiled code.

A step has two moves. The first adds or drops a term and draws all coefficients of the new model at once from a
multivariate t around its mode, so that nothing depends on where the old coefficients were; the second moves the
coefficients within the model, by such a draw or by a random walk, which leaves places that the t reaches too seldom.
Modes are kept, so that a model is fitted once.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.bayes.averaging_density import (
    DEGREES,
    UNIT,
    columns_of,
    copy_into,
    draw_around,
    find_mode,
    log_density,
    log_proposal,
    workspace,
)

__all__ = ["Modes", "advance", "empty_modes", "fit_models", "sample_models"]

MOST_BYTES = 1 << 28
WALK = (0.3, 1.0, 3.0)  # lengths of the random walk, in units of 2.4 / sqrt(n)


class Modes(NamedTuple):
    """Fitted models by open addressing: bitset, place in the arrays or -1, and at that place the fit."""

    keys: NDArray[np.uint64]
    places: NDArray[np.int64]
    used: NDArray[np.int64]
    modes: NDArray[np.float64]
    factors: NDArray[np.float64]
    log_heights: NDArray[np.float64]


def empty_modes(n_columns: int, n_models: float) -> Modes:
    """Room for as many models as there are, or as fit into the memory that is given to them."""
    length = n_columns * (n_columns + 1) // 2
    capacity = int(max(64, min(n_models, MOST_BYTES // (8 * (length + n_columns)))))
    n_keys = 1 << (2 * capacity).bit_length()
    return Modes(
        np.zeros(n_keys, dtype=np.uint64),
        np.full(n_keys, -1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.empty((capacity, n_columns)),
        np.empty((capacity, length)),
        np.empty(capacity),
    )


@njit(cache=True, nogil=True)
def _place(modes, model):  # type: ignore[no-untyped-def]
    """Where in the table of keys the model is, or would be."""
    last = np.uint64(modes.keys.size - 1)
    at = (model * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20) & last
    while modes.places[at] >= 0 and modes.keys[at] != model:
        at = (at + np.uint64(1)) & last
    return at


@njit(cache=True, nogil=True)
def _fitted(modes, model, cells, terms, prior, start, room):  # type: ignore[no-untyped-def]
    """The place of a model's fit, made from `start` if there is none yet; room.chosen holds its n columns."""
    n = columns_of(model, terms.owner, room.chosen)
    at = _place(modes, model)
    if modes.places[at] >= 0:
        return modes.places[at], n
    if modes.used[0] == modes.log_heights.size:
        modes.used[0] = 0
        for i in range(modes.places.size):
            modes.places[i] = -1
        at = _place(modes, model)
    place = modes.used[0]
    modes.keys[at], modes.places[at], modes.used[0] = model, place, place + 1
    mode = modes.modes[place]
    for k in range(mode.size):
        mode[k] = 0.0
    for i in range(n):
        mode[room.chosen[i]] = start[room.chosen[i]]
    modes.log_heights[place] = find_mode(cells, prior, n, mode, room)
    for i in range(n):
        for j in range(i + 1):
            modes.factors[place, i * (i + 1) // 2 + j] = room.information[i, j]
    return place, n


@njit(cache=True, nogil=True)
def _flips(model, needed, flips):  # type: ignore[no-untyped-def]
    """Write the terms that can be added or dropped into `flips`, and return their number."""
    required = np.uint64(0)
    for j in range(needed.size):
        if model >> np.uint64(j) & np.uint64(1):
            required |= needed[j]
    n = 0
    for j in range(needed.size):
        there = model >> np.uint64(j) & np.uint64(1)
        if (there and not required >> np.uint64(j) & np.uint64(1)) or (not there and needed[j] & model == needed[j]):
            flips[n] = j
            n += 1
    return n


@njit(cache=True, nogil=True)
def _t_spread(stream):  # type: ignore[no-untyped-def]
    return np.sqrt(DEGREES / stream.chisquare(DEGREES))


@njit(cache=True, nogil=True)
def _start(cells, terms, room):  # type: ignore[no-untyped-def]
    """Where climbing begins: main effects alone under a normal prior, far from the spike that a t prior has at 0."""
    n = columns_of(np.uint64(0), terms.owner, room.chosen)
    beta = np.zeros(terms.owner.size)
    for cell in range(cells.known.size):
        beta[0] += (cells.known[cell] + cells.doubtful[cell]) / cells.known.size
    beta[0] = np.log(beta[0] + 0.5)
    find_mode(cells, UNIT, n, beta, room)
    return beta


@njit(cache=True, nogil=True)
def advance(stream, cells, terms, prior, modes, model, beta, n_steps, every):  # type: ignore[no-untyped-def]
    """Take steps from a state, which is changed in place.

    Parameters
    ----------
    stream : numpy.random.Generator
    cells : Cells
    terms : TermSets
    prior : (float, float)
        a and b of SBH; (0, 0) for unit information.
    modes : Modes
    model : ndarray of uint64, shape (1,)
    beta : ndarray of float64, shape (n_columns,)
        NaN in the intercept for a start around the model's mode.
    n_steps, every : int
        One state in `every` is kept.

    Returns
    -------
    models : ndarray of uint64, shape (n_kept,)
    betas : ndarray of float64, shape (n_kept, n_columns)
    accepted : ndarray of int64, shape (3, 2)
        Moves between models, draws and walks within: accepted, tried.
    """
    n_columns = terms.owner.size
    room = workspace(n_columns, cells.known.size)
    flips = np.zeros(terms.needed.size, np.int64)
    kept_models, kept = np.empty(n_steps // every, np.uint64), np.empty((n_steps // every, n_columns))
    accepted = np.zeros((3, 2), np.int64)
    now, start = model[0], np.empty(n_columns)
    if np.isnan(beta[0]):
        place, n = _fitted(modes, now, cells, terms, prior, _start(cells, terms, room), room)
        draw_around(stream, modes.factors[place], n, modes.modes[place], _t_spread(stream), room)
        copy_into(beta, room.trial)
    else:
        place, n = _fitted(modes, now, cells, terms, prior, beta, room)
    value = log_density(cells, prior, n, beta, room.eta)
    n_flips = _flips(now, terms.needed, flips)
    for step in range(n_steps):
        accepted[0, 1] += 1
        other = now ^ np.uint64(1) << np.uint64(flips[stream.integers(0, n_flips)])
        ours = value - log_proposal(modes.modes[place], modes.factors[place], n, beta, room)
        copy_into(start, modes.modes[place])
        there, n_there = _fitted(modes, other, cells, terms, prior, start, room)
        draw_around(stream, modes.factors[there], n_there, modes.modes[there], _t_spread(stream), room)
        new = log_density(cells, prior, n_there, room.trial, room.eta)
        theirs = new - log_proposal(modes.modes[there], modes.factors[there], n_there, room.trial, room)
        n_back = _flips(other, terms.needed, flips)
        if np.log(stream.random()) < theirs - ours + np.log(n_flips) - np.log(n_back):
            accepted[0, 0] += 1
            now, place, n, value, n_flips = other, there, n_there, new, n_back
            copy_into(beta, room.trial)
        else:
            n_flips = _flips(now, terms.needed, flips)
            place, n = _fitted(modes, now, cells, terms, prior, start, room)

        mode, factor = modes.modes[place], modes.factors[place]
        walk = step % 2
        accepted[1 + walk, 1] += 1
        if walk:
            length = WALK[stream.integers(0, 3)] * 2.4 / np.sqrt(n)
            draw_around(stream, factor, n, beta, length, room)
            new = log_density(cells, prior, n, room.trial, room.eta)
            gain = new - value
        else:
            gain = log_proposal(mode, factor, n, beta, room) - value
            draw_around(stream, factor, n, mode, _t_spread(stream), room)
            new = log_density(cells, prior, n, room.trial, room.eta)
            gain += new - log_proposal(mode, factor, n, room.trial, room)
        if np.log(stream.random()) < gain:
            accepted[1 + walk, 0] += 1
            beta[:], value = room.trial, new
        if (step + 1) % every == 0:
            kept_models[step // every] = now
            copy_into(kept[step // every], beta)
    model[0] = now
    return kept_models, kept, accepted


@njit(cache=True, nogil=True)
def fit_models(models, cells, terms, prior, kept):  # type: ignore[no-untyped-def]
    """The mode of each model.

    Returns
    -------
    log_evidence : ndarray of float64, shape (n_models,)
        Marginal likelihood by Laplace's approximation, up to what all models share.
    modes : ndarray of float64, shape (n_models, n_columns)
    factors : ndarray of float64, shape (n_models, n_columns * (n_columns + 1) // 2)
        Packed lower factor of the curvature; like `modes` without rows unless `kept`.
    """
    n_columns = terms.owner.size
    room = workspace(n_columns, cells.known.size)
    found = np.empty(models.size)
    n_kept = models.size if kept else 0
    modes, factors = np.empty((n_kept, n_columns)), np.empty((n_kept, n_columns * (n_columns + 1) // 2))
    start = _start(cells, terms, room)
    beta = start.copy()
    for m in range(models.size):
        copy_into(beta, start)
        n = columns_of(models[m], terms.owner, room.chosen)
        found[m] = find_mode(cells, prior, n, beta, room) + 0.5 * n * np.log(2.0 * np.pi)
        for i in range(n):
            found[m] -= np.log(room.information[i, i])
        if kept:
            copy_into(modes[m], beta)
            for i in range(n):
                for j in range(i + 1):
                    factors[m, i * (i + 1) // 2 + j] = room.information[i, j]
    return found, modes, factors


@njit(cache=True, nogil=True)
def sample_models(stream, models, modes, factors, n_proposals, n_draws, cells, terms, prior):  # type: ignore[no-untyped-def]
    """Importance sampling of each model around its mode.

    Parameters
    ----------
    models : ndarray of uint64, shape (n_models,)
    modes, factors : ndarray of float64
        What `fit_models` keeps.
    n_proposals, n_draws : ndarray of int64, shape (n_models,)
        Proposals, and draws resampled from them.

    Returns
    -------
    log_evidence, efficiency : ndarray of float64, shape (n_models,)
        Marginal likelihood, up to what all models share, and the effective share of the proposals.
    betas : ndarray of float64, shape (n_draws.sum(), n_columns)
    """
    n_columns = terms.owner.size
    room = workspace(n_columns, cells.known.size)
    evidence, efficiency = np.empty(models.size), np.empty(models.size)
    betas = np.empty((n_draws.sum(), n_columns))
    longest = n_proposals.max()
    proposals, weights = np.empty((longest, n_columns)), np.empty(longest)
    n_kept = 0
    for m in range(models.size):
        n = columns_of(models[m], terms.owner, room.chosen)
        for s in range(n_proposals[m]):
            draw_around(stream, factors[m], n, modes[m], _t_spread(stream), room)
            copy_into(proposals[s], room.trial)
            value = log_density(cells, prior, n, room.trial, room.eta)
            weights[s] = value - log_proposal(modes[m], factors[m], n, proposals[s], room)
        part = weights[: n_proposals[m]]
        highest, total, squares = -np.inf, 0.0, 0.0
        for s in range(part.size):
            highest = max(highest, part[s])
        for s in range(part.size):
            part[s] = np.exp(part[s] - highest)
            total += part[s]
            squares += part[s] * part[s]
        evidence[m] = highest + np.log(total / part.size)
        efficiency[m] = total * total / (squares * part.size)
        at, sum_so_far, offset = 0, part[0], stream.random()
        for s in range(n_draws[m]):
            target = (s + offset) / n_draws[m] * total
            while sum_so_far < target and at < part.size - 1:
                at += 1
                sum_so_far += part[at]
            copy_into(betas[n_kept], proposals[at])
            n_kept += 1
    return evidence, efficiency, betas
