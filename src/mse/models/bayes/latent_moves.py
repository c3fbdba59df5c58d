"""Moves of the latent-class sampler, in compiled code.

A state is the log share of each class, shape (n_classes,), the odds of being on each list, (n_classes, n_lists), and
the concentration of the stick-breaking prior. The number of hidden persons is summed out of every target: with the
prior 1/N the history of a person seen has probability p_w / (1 - p_0). Several levels are sampled side by side, each
with a part of the persons; the first has them all, and neighbours exchange their states.
"""

import numba
import numpy as np

__all__ = ["advance", "history_masses", "log_density_of_shares"]

LARGEST_POISSON = 1e12  # above it the normal law is exact to double precision
SHORTEST, LONGEST = -3.0, 0.5  # of the log of the standard deviation of a shift of log odds
LABEL_MOVES = 3
FEW = 10.0
FIRST_SWEEPS = 2  # at the first level, for each one at the last
N_SHIFTS = 2


@numba.njit(cache=True)
def advance(random, counts, incidence, state, prior, n_steps, every):  # type: ignore[no-untyped-def]
    """Advance all levels by `n_steps`; keep the first one's state at each `every`-th step.

    Parameters
    ----------
    random : numpy.random.Generator
    counts : ndarray of int64, shape (n_levels, n_cells)
        Persons of each history at each level; level 0 has them all, and no level has more than the one before.
    incidence : ndarray of bool, shape (n_cells, n_lists)
    state : tuple of ndarray
        Log shares (n_levels, n_classes), odds (n_levels, n_classes, n_lists), alpha (n_levels,), and 1 for a state that
        was at the last level since it was at the first (n_levels,). Changed in place.
    prior : pair of float
        Shape and rate of the gamma prior of alpha.

    Returns
    -------
    tuple
        Kept log shares, odds and alpha; accepted and tried exchanges of each pair of levels, shape (n_levels - 1, 2);
        the number of states that came to the first level from the last.
    """
    log_shares, odds, alpha, origin = state
    n_levels, n_cells = counts.shape
    n_classes, n_lists = odds.shape[1], odds.shape[2]
    masses, sums, seen = np.empty((n_cells, n_classes)), np.empty((n_levels, n_cells)), np.empty(n_levels)
    totals = counts.sum(axis=1)
    n_kept = n_steps // every
    kept_shares, kept_odds = np.empty((n_kept, n_classes)), np.empty((n_kept, n_classes, n_lists))
    kept_alpha = np.empty(n_kept)
    exchanges = np.zeros((n_levels - 1, 2))
    arrivals = 0
    for step in range(n_steps):
        for r in range(n_levels):
            for _ in range(max(1, FIRST_SWEEPS >> r)):
                own = alpha[r : r + 1]
                _allocate(random, counts[r], totals[r], incidence, log_shares[r], odds[r], own, prior, masses, sums[r])
                _shift(random, counts[r], incidence, log_shares[r], odds[r], prior, masses, sums[r])
                own[0] = random.standard_gamma(prior[0] + n_classes - 1) / (prior[1] - log_shares[r, n_classes - 1])
            seen[r] = history_masses(incidence, log_shares[r], odds[r], masses, sums[r])
        for r in range(step % 2, n_levels - 1, 2):
            fewer, gain = 0, 0.0
            for w in range(n_cells):
                extra = counts[r, w] - counts[r + 1, w]
                if extra:
                    fewer += extra
                    gain += extra * np.log(sums[r + 1, w] / sums[r, w])
            gain += fewer * np.log(seen[r] / seen[r + 1])
            exchanges[r, 1] += 1
            if np.log(1 - random.random()) < gain:
                exchanges[r, 0] += 1
                _exchange(log_shares, odds, alpha, origin, r)
        origin[n_levels - 1] = 1
        arrivals += origin[0]
        origin[0] = 0
        if step % every == every - 1:
            kept_shares[step // every] = log_shares[0]
            kept_odds[step // every] = odds[0]
            kept_alpha[step // every] = alpha[0]
    return kept_shares, kept_odds, kept_alpha, exchanges, arrivals


@numba.njit(cache=True)
def history_masses(incidence, log_shares, odds, masses, sums):  # type: ignore[no-untyped-def]
    """Fill share times probability of each history, (n_cells, n_classes), and its sums; answer the share seen.

    The share seen is a sum of positive numbers, so that it keeps its digits when hardly anybody is seen.
    """
    n_cells, n_lists = incidence.shape
    sums[:] = 0.0
    seen = 0.0
    for c in range(len(log_shares)):
        share = np.exp(log_shares[c])
        unseen, caught = 1.0, 0.0
        for j in range(n_lists):
            free = 1 / (1 + odds[c, j])
            caught += unseen * odds[c, j] * free
            unseen *= free
        seen += share * caught
        for w in range(n_cells):
            mass = share * unseen
            for j in range(n_lists):
                if incidence[w, j]:
                    mass *= odds[c, j]
            masses[w, c] = mass
            sums[w] += mass
    return seen


@numba.njit(cache=True)
def log_density_of_shares(log_shares, prior):  # type: ignore[no-untyped-def]
    """Log density of the shares on the simplex under stick-breaking, alpha integrated out, up to a constant."""
    n_classes = len(log_shares)
    left = log_shares[n_classes - 1]
    value = -left - (prior[0] + n_classes - 1) * np.log(prior[1] - left)
    for c in range(n_classes - 2, 0, -1):
        high, low = max(left, log_shares[c]), min(left, log_shares[c])
        left = high + np.log1p(np.exp(low - high))
        value -= left
    return value


@numba.njit(cache=True)
def _allocate(random, counts, total, incidence, log_shares, odds, alpha, prior, masses, sums):  # type: ignore[no-untyped-def]
    """Give every person, the hidden ones too, a class; then draw shares, odds and alpha given the classes."""
    n_cells, n_lists = incidence.shape
    n_classes = len(log_shares)
    seen = history_masses(incidence, log_shares, odds, masses, sums)
    members, on_list = np.zeros(n_classes), np.zeros((n_classes, n_lists))
    if total > 0:
        rate = random.standard_gamma(total) / seen
        for c in range(n_classes):
            hidden = rate * np.exp(log_shares[c])
            for j in range(n_lists):
                hidden /= 1 + odds[c, j]
            members[c] = _poisson(random, hidden)
    for w in range(n_cells):
        left, mass = counts[w], sums[w]
        for c in range(n_classes):
            if left == 0:
                break
            if c == n_classes - 1 or masses[w, c] >= mass:
                here = left
            elif left == 1:
                here = 1 if random.random() * mass < masses[w, c] else 0
            else:
                here = _binomial(random, left, masses[w, c] / mass)
            mass -= masses[w, c]
            if here == 0:
                continue
            left -= here
            members[c] += here
            for j in range(n_lists):
                if incidence[w, j]:
                    on_list[c, j] += here
    _relabel(random, log_shares, members, on_list)
    behind, log_left = members.sum(), 0.0
    for c in range(n_classes):
        for j in range(n_lists):
            if members[c] == 0:
                u = random.random()
                odds[c, j] = (u + 1e-300) / (1 - u)
            else:
                caught = random.standard_gamma(1 + on_list[c, j])
                odds[c, j] = caught / random.standard_gamma(1 + members[c] - on_list[c, j])
        behind = max(behind - members[c], 0.0)
        if c == n_classes - 1:
            log_shares[c] = log_left
        else:
            taken = np.log(random.standard_gamma(1 + members[c]))
            rest = _log_gamma(random, alpha[0] + behind)
            high, low = max(taken, rest), min(taken, rest)
            both = high + np.log1p(np.exp(low - high))
            log_shares[c] = log_left + taken - both
            log_left += rest - both
    alpha[0] = random.standard_gamma(prior[0] + n_classes - 1) / (prior[1] - log_left)


@numba.njit(cache=True)
def _relabel(random, log_shares, members, on_list):  # type: ignore[no-untyped-def]
    """Let two classes exchange their persons, so that the sticks need not keep the order in which they were found."""
    n_classes = len(log_shares)
    for _ in range(LABEL_MOVES):
        a, b = int(random.random() * n_classes), int(random.random() * n_classes)
        if a != b and np.log(1 - random.random()) < (log_shares[a] - log_shares[b]) * (members[b] - members[a]):
            members[a], members[b] = members[b], members[a]
            for j in range(on_list.shape[1]):
                on_list[a, j], on_list[b, j] = on_list[b, j], on_list[a, j]


@numba.njit(cache=True)
def _shift(random, counts, incidence, log_shares, odds, prior, masses, sums):  # type: ignore[no-untyped-def]
    """Shift the log odds of one class, on all lists or on one, and keep every class's share of the persons seen.

    The observed histories hardly tell such states apart, while hidden persons differ much: the slow direction of
    sampling with hidden persons drawn. With classes weighted by their persons seen the state has the density of the
    shares times the Jacobian of that change, r / t**n_classes.
    """
    n_cells, n_lists = incidence.shape
    n_classes = len(log_shares)
    history_masses(incidence, log_shares, odds, masses, sums)
    density = log_density_of_shares(log_shares, prior)
    ratio, shares = np.empty(n_lists), np.empty(n_classes)
    for _ in range(N_SHIFTS):
        u = random.random()
        c, only = int(n_classes * u * u), int(random.random() * 2 * n_lists)
        step = np.exp(SHORTEST + (LONGEST - SHORTEST) * random.random()) * random.standard_normal()
        log_jacobian, before, after, caught_before, caught_after = 0.0, 1.0, 1.0, 0.0, 0.0
        for j in range(n_lists):
            move = step if only >= n_lists or only == j else 0.0
            ratio[j] = np.exp(move)
            old, new = odds[c, j], odds[c, j] * ratio[j]
            caught_before += before * old / (1 + old)
            caught_after += after * new / (1 + new)
            before /= 1 + old
            after /= 1 + new
            log_jacobian += move + 2 * np.log((1 + old) / (1 + new))
        if not (before > 0 and after > 0 and caught_after > 0):
            continue
        r = caught_before / caught_after
        log_t = np.log1p(np.exp(log_shares[c]) * (r - 1))
        for d in range(n_classes):
            shares[d] = log_shares[d] - log_t
        shares[c] += np.log(r)
        proposed = log_density_of_shares(shares, prior)
        gain = proposed - density + log_jacobian + np.log(r) - n_classes * log_t
        for w in range(n_cells):
            if counts[w]:
                grown = r * after / before
                for j in range(n_lists):
                    if incidence[w, j]:
                        grown *= ratio[j]
                gain += counts[w] * np.log((sums[w] + masses[w, c] * (grown - 1)) / sums[w])
        if np.log(1 - random.random()) < gain:
            density = proposed
            log_shares[:] = shares
            for w in range(n_cells):  # up to a common factor, which the gain of the next move does not see
                grown = r * after / before
                for j in range(n_lists):
                    if incidence[w, j]:
                        grown *= ratio[j]
                sums[w] += masses[w, c] * (grown - 1)
                masses[w, c] *= grown
            for j in range(n_lists):
                odds[c, j] *= ratio[j]


@numba.njit(cache=True)
def _exchange(log_shares, odds, alpha, origin, r):  # type: ignore[no-untyped-def]
    """Let levels r and r + 1 exchange their states."""
    alpha[r], alpha[r + 1] = alpha[r + 1], alpha[r]
    origin[r], origin[r + 1] = origin[r + 1], origin[r]
    for c in range(log_shares.shape[1]):
        log_shares[r, c], log_shares[r + 1, c] = log_shares[r + 1, c], log_shares[r, c]
        for j in range(odds.shape[2]):
            odds[r, c, j], odds[r + 1, c, j] = odds[r + 1, c, j], odds[r, c, j]


@numba.njit(cache=True)
def _poisson(random, mean):  # type: ignore[no-untyped-def]
    if mean < LARGEST_POISSON:
        return float(random.poisson(mean))
    return np.floor(mean + np.sqrt(mean) * random.standard_normal())


@numba.njit(cache=True)
def _binomial(random, n, p):  # type: ignore[no-untyped-def]
    """By inversion where few are expected; mostly none are, and no power is needed to see that."""
    if n * p >= FEW:
        return random.binomial(n, p)
    u = random.random()
    if u < 1 - n * p:  # at most (1 - p)**n
        return 0
    chance, drawn = np.exp(n * np.log1p(-p)), 0
    while u > chance and drawn < n:
        u -= chance
        drawn += 1
        chance *= (n - drawn + 1) / drawn * p / (1 - p)
    return drawn


@numba.njit(cache=True)
def _log_gamma(random, shape):  # type: ignore[no-untyped-def]
    """Log of a gamma draw, which itself may be too small for a double."""
    if shape >= 1:
        return np.log(random.standard_gamma(shape))
    return np.log(random.standard_gamma(shape + 1)) + np.log(1 - random.random()) / shape
