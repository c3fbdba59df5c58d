"""The ArviZ tree of an average over log-linear models."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import logsumexp

from mse.histories import CaptureHistories, as_text
from mse.models.bayes.averaging_density import columns_of, log_density, log_probability, workspace
from mse.models.bayes.averaging_prior import CoefficientPrior, prior_draws
from mse.models.bayes.averaging_run import Run
from mse.models.bayes.convergence import posterior_tree
from mse.models.bayes.cross_classified import CrossTable

__all__ = ["averaging_tree", "terms_in"]

type Array = NDArray[np.float64]

N_PRIOR_DRAWS = 1000
LARGEST = 40.0  # log mean of a predicted count, e**40 persons


def averaging_tree(histories: CaptureHistories, table: CrossTable, prior: CoefficientPrior, run: Run, seed: int) -> Any:
    """Posterior, posterior predictive, log likelihood, sample statistics, prior and observed counts."""
    random = np.random.default_rng([seed, 3])
    cells = table.cells
    log_means = np.minimum(run.betas @ cells.columns, LARGEST)
    log_densities, log_likelihood = _at_draws(
        run.models.ravel(), _flat(run.betas), cells, table.term_sets, prior.numbers
    )
    shape = run.models.shape
    inside = terms_in(run.models, len(table.terms))
    believed_models, _, believed_hidden = prior_draws(table, prior, N_PRIOR_DRAWS, random)
    posterior = {
        "N": run.total,
        "n_hidden": run.total - histories.n_observed,
        "log_hidden": run.log_hidden,
        "log_hidden_per_seen": run.log_hidden - logsumexp(run.betas @ cells.columns, axis=-1),
        "coefficient": run.betas,
        "included": inside,
    }
    if histories.is_stratified:
        posterior["N_stratum"] = run.totals
    if prior.has_variance:
        squares = (run.betas[..., 1:] ** 2).sum(axis=-1).ravel()
        n_terms = (_columns_in(run.models, table) - 1.0).ravel()
        posterior["prior_variance"] = prior.variances(random, n_terms, squares, squares.size).reshape(shape)
    groups = {
        "posterior": posterior,
        "posterior_predictive": {"count": random.poisson(np.exp(log_means)).astype(np.float64)},
        "log_likelihood": {"count": log_likelihood.reshape(*shape, -1)},
        "sample_stats": {"lp": log_densities.reshape(shape)},
        "prior": {
            "included": terms_in(believed_models, len(table.terms))[None],
            "log_hidden_per_seen": believed_hidden[None],
        },
        "observed_data": {"count": cells.known + cells.doubtful},
    }
    stratum = [f" {name}" if histories.is_stratified else "" for name in table.strata]
    names = [
        as_text(histories.histories[row]) + stratum[s]
        for row, s in zip(table.cell_history.tolist(), table.cell_stratum.tolist(), strict=True)
    ]
    return posterior_tree(
        groups,
        coords={
            "history": names,
            "term": table.term_names,
            "stratum": table.strata,
            "column": _column_names(table),
        },
        dims={
            "count": ["history"],
            "included": ["term"],
            "N_stratum": ["stratum"],
            "coefficient": ["column"],
        },
    )


def terms_in(models: NDArray[np.uint64], n_terms: int) -> Array:
    """1 for each term that a model has, shape (..., n_terms)."""
    bits = np.arange(n_terms, dtype=np.uint64)
    return ((models[..., None] >> bits) & np.uint64(1)).astype(np.float64)


def _columns_in(models: NDArray[np.uint64], table: CrossTable) -> Array:
    owner = table.term_sets.owner
    widths = np.bincount(owner[owner >= 0], minlength=len(table.terms))
    return np.asarray((owner < 0).sum() + terms_in(models, len(table.terms)) @ widths)


def _column_names(table: CrossTable) -> list[str]:
    """Name of the term of each column, with a number where it has several."""
    owner = table.term_sets.owner
    singles = [name for name, width in zip(table.factors, table.widths, strict=True) for _ in range(width)]
    bare = ["intercept", *singles, *(table.term_names[j] for j in owner[owner >= 0])]
    return [name if bare.count(name) == 1 else f"{name} {bare[:i].count(name) + 1}" for i, name in enumerate(bare)]


def _flat(betas: Array) -> Array:
    return np.ascontiguousarray(betas.reshape(-1, betas.shape[-1]))


@njit(cache=True, nogil=True)
def _at_draws(models, betas, cells, terms, prior):  # type: ignore[no-untyped-def]
    """Log density of each draw, and the log likelihood of its cells (n_draws, n_cells)."""
    room = workspace(terms.owner.size, cells.known.size)
    density = np.empty(models.size)
    likelihood = np.empty((models.size, cells.known.size))
    for i in range(models.size):
        n = columns_of(models[i], terms.owner, room.chosen)
        density[i] = log_density(cells, prior, n, betas[i], room.eta)
        for cell in range(room.eta.size):
            likelihood[i, cell] = log_probability(cells.known[cell], cells.doubtful[cell], room.eta[cell])
    return density, likelihood
