"""Poisson maximum likelihood when some counts are upper bounds, in compiled code.

Of the persons in a censored cell `known` are in the population for certain, and `doubtful` ones may be. The cell says
that its Poisson number Y lies between `known` and `known + doubtful`, and its likelihood is the probability of that.
That is concave in the log mean, since a gamma variable has a log-concave density on the log scale, so that Newton's
method applies: the score holds E(Y | cell) - mu, and the information mu - var(Y | cell).
"""

from math import lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mse.models.loglinear.poisson import (
    CONVERGED,
    MAX_STEPS,
    STOPPED,
    TOLERANCE,
    Fit,
    _cholesky,
    _independent,
    _information,
    _largest,
    _margin,
    _observed,
    _solve,
    _subset_sums,
    read_terms,
    superset_sums,
    table_sums,
    workspace,
)

__all__ = [
    "best_log_probability",
    "best_of_cells",
    "fit_censored_batch",
    "fit_censored_cells",
    "fit_censored_model",
    "moments",
]

LARGEST_EXPONENT = 300.0
SMALLEST_MEAN = 1e-300


@njit(cache=True, nogil=True)
def moments(known, doubtful, mean):  # type: ignore[no-untyped-def]
    """Mean, variance and third central moment of a Poisson number between known and known + doubtful, and log P.

    Summed outwards from the most likely number, in steps as many as a few standard deviations.
    """
    mean, top = max(mean, SMALLEST_MEAN), known + doubtful
    centre = min(max(np.floor(mean), known), top)
    total, first, second, third = 1.0, 0.0, 0.0, 0.0
    for side in (-1.0, 1.0):
        weight, at = 1.0, centre
        while True:
            if side < 0.0:
                if at <= known:
                    break
                weight *= at / mean
                at -= 1.0
            else:
                if at >= top:
                    break
                at += 1.0
                weight *= mean / at
            off = at - centre
            total += weight
            first += weight * off
            second += weight * off * off
            third += weight * off * off * off
            if weight * (1.0 + abs(off * off * off)) < 1e-18 * total:
                break
    first, second, third = first / total, second / total, third / total
    variance = second - first * first
    log_probability = centre * np.log(mean) - mean - lgamma(centre + 1.0) + np.log(total)
    return centre + first, variance, third - 3.0 * first * second + 2.0 * first**3, min(log_probability, 0.0)


@njit(cache=True, nogil=True)
def best_log_probability(known, doubtful):  # type: ignore[no-untyped-def]
    """Log of the largest probability that a Poisson number can have to lie between known and known + doubtful.

    At the mean mu the derivative is P(Y = known - 1) - P(Y = known + doubtful), which is 0 for
    mu^(doubtful + 1) = (known + doubtful)! / (known - 1)!.
    """
    if known <= 0.0:
        return 0.0
    log_mean = (lgamma(known + doubtful + 1.0) - lgamma(known)) / (doubtful + 1.0)
    return moments(known, doubtful, np.exp(log_mean))[3]


@njit(cache=True, nogil=True)
def _newton(masks, n_terms, active, known, doubtful, offset, n_lists, start, beta, means, information):  # type: ignore[no-untyped-def]
    """Newton's method with step halving, as `poisson._newton`; fills beta, means and the factor of the information."""
    size = known.size
    scale = _largest(masks, n_terms, _observed(active, known, n_lists))
    work, weight, eta = np.empty(size), np.empty(size), np.empty(size)
    step, trial = np.empty(n_terms), np.empty(n_terms)
    if not start:  # one weighted least-squares step from the upper bounds
        for cell in range(size):
            count = known[cell] + doubtful[cell]
            means[cell] = count + 0.5 if active[cell] else 0.0
            work[cell] = means[cell] * (np.log(means[cell]) - offset) + count - means[cell] if active[cell] else 0.0
        superset_sums(work, n_lists)
        for a in range(n_terms):
            beta[a] = work[masks[a]]
        work[:] = means
        superset_sums(work, n_lists)
        _information(work, masks, n_terms, information)
        if not _cholesky(information, n_terms):
            return STOPPED
        _solve(information, n_terms, beta)

    loss, fraction = np.inf, 1.0
    trial[:] = beta
    for _ in range(3 * MAX_STEPS):
        eta[:] = 0.0
        for a in range(n_terms):
            eta[masks[a]] += trial[a]
        _subset_sums(eta, n_lists)
        new_loss = 0.0
        for cell in range(size):
            work[cell] = 0.0
            weight[cell] = 0.0
            means_here = 0.0
            if active[cell]:
                log_mean = min(eta[cell] + offset, LARGEST_EXPONENT)
                means_here = np.exp(log_mean)
                if doubtful[cell] > 0.0:
                    expected, variance, _, log_probability = moments(known[cell], doubtful[cell], means_here)
                    new_loss -= log_probability
                    work[cell] = expected - means_here
                    weight[cell] = max(means_here - variance, 0.0)
                else:
                    new_loss += means_here - known[cell] * (eta[cell] + offset)
                    work[cell] = known[cell] - means_here
                    weight[cell] = means_here
            eta[cell] = means_here
        if not new_loss <= loss + 1e-9 * (abs(loss) + 1.0) and fraction > 1e-6:
            fraction *= 0.5
            for a in range(n_terms):
                trial[a] = beta[a] + fraction * step[a]
            continue
        loss = new_loss
        beta[:] = trial
        means[:] = eta
        superset_sums(work, n_lists)
        gradient = 0.0
        for a in range(n_terms):
            step[a] = work[masks[a]]
            gradient = max(gradient, abs(step[a]))
        superset_sums(weight, n_lists)
        _information(weight, masks, n_terms, information)
        if not _cholesky(information, n_terms):
            return STOPPED
        if gradient <= TOLERANCE * scale:
            return CONVERGED
        _solve(information, n_terms, step)
        fraction = 1.0
        for a in range(n_terms):
            trial[a] = beta[a] + step[a]
    return STOPPED


@njit(cache=True, nogil=True)
def _proof(factor, masks, n_terms, active, known, doubtful, n_lists):  # type: ignore[no-untyped-def]
    """The margin of `poisson._margin` for censored cells.

    In a cell with nobody known the information mu - var(Y | cell) is 1 + top - E(Y | cell) times the score's share
    mu - E(Y | cell), with top the upper bound; so the bound there is weaker by 1 + top at most.
    """
    largest = 0.0
    for cell in range(known.size):
        if active[cell] and known[cell] == 0.0:
            largest = max(largest, doubtful[cell])
    scale = _largest(masks, n_terms, _observed(active, known, n_lists))
    return _margin(factor, n_terms, scale) / (1.0 + largest)


@njit(cache=True, nogil=True)
def _fit_cells(masks, active, known, doubtful, offset, n_lists):  # type: ignore[no-untyped-def]
    n_terms = masks.size
    beta, means = np.zeros(n_terms), np.zeros(known.size)
    information = np.zeros((n_terms, n_terms))
    status = _newton(masks, n_terms, active, known, doubtful, offset, n_lists, False, beta, means, information)
    variance, margin = np.nan, 0.0
    if status == CONVERGED and n_terms:
        margin = _proof(information, masks, n_terms, active, known, doubtful, n_lists)
        unit = np.zeros(n_terms)
        unit[0] = 1.0
        _solve(information, n_terms, unit)
        variance = unit[0]
    return beta, means, variance, status, margin


def fit_censored_cells(
    masks: NDArray[np.int64],
    active: NDArray[np.bool_],
    known: NDArray[np.float64],
    doubtful: NDArray[np.float64],
    *,
    offset: float = 0.0,
) -> Fit:
    """Fit one model to the active cells, as `poisson.fit_cells`; `known` and `doubtful` have shape (2**K,)."""
    n_lists = int(known.size).bit_length() - 1
    return Fit(*_fit_cells(masks, active, known, doubtful, float(offset), n_lists))


@njit(cache=True, nogil=True)
def best_of_cells(known, doubtful):  # type: ignore[no-untyped-def]
    """`best_log_probability` of each cell with doubtful persons, 0 elsewhere; empty where `doubtful` is None."""
    if doubtful is None:
        return np.zeros(0)
    best = np.zeros(doubtful.size)
    for cell in range(doubtful.size):
        if doubtful[cell] > 0.0:
            best[cell] = best_log_probability(known[cell], doubtful[cell])
    return best


@njit(cache=True, nogil=True)
def fit_censored_batch(models, term_masks, possible, known, doubtful, n_lists):  # type: ignore[no-untyped-def]
    """Fit many models to one table with censored cells; what `poisson.fit_batch` returns, in the same order.

    `n_hidden` holds the persons not known to be observed: those on no list, and those expected among the doubtful.
    The deviance is measured from a model that gives each cell the mean at which it is most likely.
    """
    n_models = models.size
    n_hidden, deviance, margin = np.empty(n_models), np.empty(n_models), np.empty(n_models)
    n_parameters, status = np.empty(n_models, np.int64), np.empty(n_models, np.int64)
    zero_terms = np.empty(n_models, np.uint64)
    table, best = table_sums(possible, known, n_lists), best_of_cells(known, doubtful)
    room = workspace(known.size, n_lists, term_masks.size)
    for m in range(n_models):
        answer = fit_censored_model(models[m], term_masks, possible, known, doubtful, best, table, n_lists, room)
        n_hidden[m], deviance[m], margin[m], n_parameters[m], status[m], zero_terms[m] = answer
    return n_hidden, deviance, margin, n_parameters, status, zero_terms


@njit(cache=True, nogil=True)
def fit_censored_model(model, term_masks, possible, known, doubtful, best, table, n_lists, room):  # type: ignore[no-untyped-def]
    """One model of `fit_censored_batch`, as `poisson.fit_model`; `best` comes from `best_of_cells`."""
    masks, beta, means, information, active = room
    size = known.size
    n_terms, n_parameters, zero_terms = read_terms(model, term_masks, possible, table, n_lists, masks, active)
    status = _newton(masks, n_terms, active, known, doubtful, 0.0, n_lists, False, beta[:n_terms], means, information)
    margin = 0.0
    if status == CONVERGED:
        margin = _proof(information, masks, n_terms, active, known, doubtful, n_lists)
    else:
        n_independent = _independent(masks, n_terms, active, n_lists, means, information)
        if n_independent < n_terms:
            n_terms = n_independent
            status = _newton(
                masks, n_terms, active, known, doubtful, 0.0, n_lists, False, beta[:n_terms], means, information
            )
    n_hidden, total = np.exp(beta[0]), 0.0
    for cell in range(size):
        if not active[cell]:
            continue
        if doubtful[cell] > 0.0:
            expected, _, _, log_probability = moments(known[cell], doubtful[cell], means[cell])
            n_hidden += expected - known[cell]
            total += best[cell] - log_probability
        else:
            total += means[cell] - known[cell]
            if known[cell] > 0.0:
                total += known[cell] * np.log(known[cell] / means[cell])
    return n_hidden, 2.0 * total, margin, n_parameters, status, zero_terms
