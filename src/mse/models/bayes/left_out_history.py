"""How well a history's count is predicted from all others: by importance weights where they hold, else by a refit."""

import warnings
from collections.abc import Mapping
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from mse.errors import BadInput
from mse.estimate import Posterior
from mse.histories import CaptureHistories
from mse.models.bayes.convergence import faults, refuse_unless_converged
from mse.models.bayes.shrinkage_options import shrinkage_prior
from mse.models.bayes.shrinkage_run import Run, run_chains, varied
from mse.models.bayes.shrinkage_table import Table
from mse.models.bayes.shrinkage_tree import log_mass

__all__ = ["leave_one_out"]

type Array = NDArray[np.float64]

# Vehtari and others (2024, arXiv:1507.02646) trust weights up to 0.7 or a little less. On UKdat_5 a history with k of
# 0.55 was 0.6 off its refit in log probability, and none below 0.5 more than 0.05, there and on Kosovo.
MAX_PARETO_K = 0.5
LONGER = 4
PRIOR_OPTIONS = ("prior", "prior_hidden", "interaction_scale", "r2", "r2_split", "likelihood", "count_spread")


def leave_one_out(
    histories: CaptureHistories, estimate: Posterior, *, seed: int, max_pareto_k: float = MAX_PARETO_K
) -> pd.DataFrame:
    """Predict the count of each history from all others, and say how.

    Importance weights on the draws there are (PSIS-LOO) do where their Pareto k allows. With as many terms as a
    log-linear model has, one count in two decides some term by itself, k is large, and the weights mean nothing: the
    model is then fitted anew without that count, exactly. The sum of `elpd` compares models of the same counts. It
    says nothing of the persons on no list; for them see `leave_one_list_out`.

    Parameters
    ----------
    histories : CaptureHistories
        The table that was estimated.
    estimate : Posterior
        Of `bayes_loglinear`, without an expert's prior.
    seed : int
        0 or more, of the refits, each of which takes as long as the estimate did.
    max_pareto_k : float
        Largest k that is trusted; 0.5 when not given. Below 0 every history is left out by a refit.

    Returns
    -------
    DataFrame
        One row for each history that can occur: history, count, predicted (median), low and high (95 %), in persons;
        elpd, log predictive probability of the count; pareto_k; how, ``"psis"`` or ``"refit"``.

    Raises
    ------
    BadInput
        For an estimate of another model or another table, one that rests on an expert's prior, or a seed below 0.
    NotConverged
        When a refit has not converged.

    References
    ----------
    Vehtari, Gelman and Gabry (2017), doi:10.1007/s11222-016-9696-4.

    Examples
    --------
    >>> import mse
    >>> korea = mse.load_dataset("Korea")
    >>> estimate = mse.bayes_loglinear(korea, prior="normal", seed=1)
    >>> told = mse.leave_one_out(korea, estimate, seed=1, max_pareto_k=float("inf"))
    >>> bool(told["count"].sum() == korea.n_observed)
    True
    """
    options = _options(histories, estimate, seed)
    table = Table.of(histories, int(options["max_order"]))
    tree = estimate.idata
    with warnings.catch_warnings():
        # ArviZ warns of a large k; here it is told by history and acted on.
        warnings.simplefilter("ignore")
        told = az.loo(tree, pointwise=True)
    pareto_k, elpd = (np.asarray(values, dtype=np.float64).ravel() for values in (told.pareto_k, told.elpd_i))
    names = [str(text) for text in tree["observed_data"]["history"].to_numpy()]
    seeds = np.random.SeedSequence(seed).generate_state(len(names))
    weights = _weights(tree)
    rows = []
    for i, name in enumerate(names):
        if pareto_k[i] <= max_pareto_k:
            drawn = tree["posterior_predictive"]["count"].to_numpy()[..., i].ravel()
            predicted = _weighted_quantiles(drawn, weights[:, i])
            row = {"elpd": elpd[i], "how": "psis"}
        else:
            run = _without(table, i, options, int(seeds[i]))
            log_probability, drawn = _predicted(run, table.counts[i], i, int(seeds[i]))
            predicted = np.quantile(drawn, (0.5, 0.025, 0.975))
            row = {"elpd": log_probability, "how": "refit"}
        middle, low, high = predicted.tolist()
        about = {"history": name, "count": int(table.counts[i]), "predicted": middle, "low": low, "high": high}
        rows.append(about | {"elpd": row["elpd"], "pareto_k": pareto_k[i], "how": row["how"]})
    return pd.DataFrame(rows)


def _options(histories: CaptureHistories, estimate: Posterior, seed: int) -> Mapping[str, Any]:
    options: Mapping[str, Any] = estimate.provenance.get("options", {})  # type: ignore[assignment]
    if estimate.idata is None or not {"max_order", "sampler", *PRIOR_OPTIONS} <= set(options):
        raise BadInput(f"leave_one_out refits bayes_loglinear alone, and this is {estimate.model}")
    if "expert" in options:
        raise BadInput("the estimate rests on an expert's prior; leave_one_out refits the default prior alone")
    if estimate.provenance["input_sha256"] != histories.sha256:
        raise BadInput("the estimate is of another table than this one; give the table that was estimated")
    if seed < 0:
        raise BadInput(f"seed={seed!r} is too small; give 0 or more")
    return options


def _without(table: Table, left_out: int, options: Mapping[str, Any], seed: int) -> Run:
    prior = shrinkage_prior(
        options["prior"],
        tuple(options["prior_hidden"]),
        options["interaction_scale"],
        tuple(options["r2"]),
        options["r2_split"],
        options["likelihood"],
        options["count_spread"],
    )
    target = table.target(prior, left_out=left_out)
    n_counted = int(target.counts.sum())
    n_draws, n_chains, sampler = options["n_draws"], options["n_chains"], options["sampler"]
    run = run_chains(target, n_counted, n_draws, n_chains, seed, sampler)
    if faults(run.diagnostics):
        run = run_chains(target, n_counted, LONGER * n_draws, n_chains, seed, sampler)
        refuse_unless_converged("the model without one history", run.diagnostics, "give the estimate a larger n_draws")
    return run


def _predicted(run: Run, count: float, left_out: int, seed: int) -> tuple[float, Array]:
    """Log predictive probability of the count left out, and draws of it."""
    means = run.totals["expected_seen"] * np.exp(run.values.log_shares[..., left_out])
    spread = run.values.spread
    of_count = log_mass(
        np.array([count]), means.reshape(-1, 1), None if spread is None else spread.reshape(-1, 1)
    ).ravel()
    random = np.random.default_rng([seed, 4])
    return float(logsumexp(of_count) - np.log(of_count.size)), random.poisson(
        varied(means, spread, random)
    ).ravel().astype(np.float64)


def _weights(tree: Any) -> Array:
    """Importance weights of leaving out each history, (n_draws, n_cells), largest cut as truncated weights are."""
    log_likelihood = tree["log_likelihood"]["count"].to_numpy()
    logs = -log_likelihood.reshape(-1, log_likelihood.shape[-1])
    logs -= logsumexp(logs, axis=0)
    weights = np.minimum(np.exp(logs), len(logs) ** -0.5)
    return np.asarray(weights / weights.sum(axis=0))


def _weighted_quantiles(drawn: Array, weights: Array) -> Array:
    order = np.argsort(drawn, kind="stable")
    below = np.cumsum(weights[order])
    places = np.minimum(np.searchsorted(below, (0.5, 0.025, 0.975)), drawn.size - 1)
    return np.asarray(drawn[order][places], dtype=np.float64)
