"""The figure of a prior: what was believed of the total before the lists were compared, beside what came out."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.estimate import Posterior
from mse.report.plots import CREDIBLE, INK, QUIET

__all__ = ["plot_prior"]

type Array = NDArray[np.float64]

N_BARS = 40
SHOWN = (0.005, 0.995)


def plot_prior(estimate: Posterior, *, ax: Axes | None = None) -> Axes:
    """Prior predictive of the total, beside its posterior.

    Where the two look alike, the answer is the prior's. The axis of persons is logarithmic; areas are shares of the
    draws.

    Parameters
    ----------
    estimate : Posterior
        Of a model whose tree holds prior draws of N, or of hidden persons per person seen.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    Axes
        The prior as an outline, the posterior filled, a dashed line at the number seen, and the prior on N in words
        below where the estimate says it.

    Raises
    ------
    BadInput
        For an estimate without prior draws of N, such as one under the improper prior 1/N.

    References
    ----------
    Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), doi:10.1111/rssa.12378.

    Examples
    --------
    >>> import mse
    >>> ax = mse.plot_prior(mse.heterogeneity(mse.load_dataset("hare"), seed=1))
    >>> ax.get_xscale()
    'log'
    """
    prior, posterior = _prior_draws(estimate), estimate.draws.sum(axis=1)
    axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")[1] if ax is None else ax
    low, high = np.log(np.quantile(prior, SHOWN))
    low = min(low, float(np.log(posterior.min())), float(np.log(estimate.n_observed)))
    high = max(high, float(np.log(np.quantile(posterior, SHOWN[1]))))
    bars = np.exp(np.linspace(low, high, N_BARS + 1)).tolist()
    of_prior, of_posterior = (np.full(draws.size, 1 / draws.size) for draws in (prior, posterior))
    axes.hist(prior, bins=bars, weights=of_prior, histtype="step", color=QUIET, linewidth=1.6, label="prior")
    axes.hist(posterior, bins=bars, weights=of_posterior, color=CREDIBLE, alpha=0.55, label="posterior")
    axes.axvline(estimate.n_observed, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        f" {estimate.n_observed:,} seen", (estimate.n_observed, 1.0), xycoords=("data", "axes fraction"), va="bottom"
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda persons, _: f"{persons:,.0f}"))
    axes.set(xlabel="persons in all, N", yticks=[])
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.legend(frameon=False)
    words = next((note for note in estimate.notes if "prior on N" in note or note.startswith("EXPERT PRIOR on N")), "")
    if words:
        axes.set_title(words, fontsize=7.5, color=QUIET, loc="left", wrap=True, pad=18)
    return axes


def _prior_draws(estimate: Posterior) -> Array:
    tree: Any = estimate.idata
    prior = tree["prior"] if tree is not None and "prior" in tree.children else {}
    for name in ("total", "N"):
        if name in prior and prior[name].ndim == 2:
            return np.asarray(prior[name].to_numpy().ravel(), dtype=np.float64)
    if "hidden_per_seen" in prior and prior["hidden_per_seen"].ndim == 2:
        return np.asarray(estimate.n_observed * (1 + prior["hidden_per_seen"].to_numpy().ravel()), dtype=np.float64)
    raise BadInput(
        f"{estimate.model} has no prior draws of N: its prior on N is improper, or is not drawn from; what it says "
        "stands in the notes of the estimate"
    )
