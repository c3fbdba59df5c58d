"""Predictive checks: the counts that the model would give, before and after it saw the data, beside those observed."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.estimate import Posterior

__all__ = ["predictive_checks"]

type Array = NDArray[np.float64]


def predictive_checks(estimate: Posterior, *, level: float = 0.95) -> pd.DataFrame:
    """Prior and posterior predictive checks of the counts, in one table.

    List totals, overlaps, persons by the number of lists, and empty histories: as observed, as the model replicates
    them from its posterior, and as its prior would have had them. A statistic far out in its posterior predictive is
    something that the model cannot do; one far out in the prior predictive is something that the prior did not
    expect. The persons on no list are in neither: nothing observed can check their number, and a model that replicates
    every count may have it wrong.

    Parameters
    ----------
    estimate : Posterior
        Of a model of one table, whose tree holds the posterior predictive by history.
    level : float
        Of the central intervals.

    Returns
    -------
    DataFrame
        One row for each statistic: statistic, observed, posterior_median, posterior_low, posterior_high,
        posterior_rank, prior_median, prior_low, prior_high, prior_rank. Counts are in persons. A rank is the share of
        replicates below the observed value, ties half: near 0 or 1 is far out. Prior columns are NaN where the model
        keeps no prior predictive.

    Raises
    ------
    BadInput
        For an estimate without replicated counts by history.

    References
    ----------
    Gelman, Meng and Stern (1996), Statistica Sinica 6, 733-807; Gabry, Simpson, Vehtari, Betancourt and Gelman (2019),
    doi:10.1111/rssa.12378.

    Examples
    --------
    >>> import mse
    >>> told = mse.predictive_checks(mse.latent_class(mse.load_dataset("HIV"), seed=1))
    >>> told[told.statistic == "persons on 3 lists"].observed.tolist()
    [7.0]
    """
    if not 0 < level < 1:
        raise BadInput(f"level={level!r} is not between 0 and 1; give one such as 0.95")
    tree = estimate.idata
    if tree is None or not {"posterior_predictive", "observed_data"} <= set(tree.children):
        raise BadInput(f"{estimate.model} keeps no replicated counts; use a Bayesian model of one table")
    observed = tree["observed_data"]["count"]
    histories = [str(text) for text in observed["history"].to_numpy()] if "history" in observed.dims else []
    if not histories or any(set(text) - {"0", "1"} for text in histories) or observed.ndim != 1:
        raise BadInput(f"{estimate.model} does not keep its counts by history of one table; use one stratum")
    on_list = np.array([[int(x) for x in text] for text in histories])
    lists = _names(tree, on_list.shape[1])
    counts = {"observed": observed.to_numpy()[None], "posterior": _replicates(tree, "posterior_predictive")}
    if "prior_predictive" in tree.children:
        counts["prior"] = _replicates(tree, "prior_predictive")
    found = {name: dict(_statistics(values, on_list, lists)) for name, values in counts.items()}
    ends = (0.5, (1 - level) / 2, (1 + level) / 2)
    rows = []
    for statistic, (value,) in found["observed"].items():
        row: dict[str, object] = {"statistic": statistic, "observed": float(value)}
        for name in ("posterior", "prior"):
            drawn = found[name][statistic] if name in found else np.full(1, np.nan)
            row |= dict(
                zip((f"{name}_{end}" for end in ("median", "low", "high")), np.quantile(drawn, ends), strict=True)
            )
            row[f"{name}_rank"] = (
                float(np.mean((drawn < value) + 0.5 * (drawn == value))) if name in found else float("nan")
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _statistics(counts: Array, on_list: NDArray[np.int64], lists: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """Name and values (n,) for counts (n, n_cells)."""
    yield "persons seen", counts.sum(axis=1)
    for j, name in enumerate(lists):
        yield f"persons on {name}", counts @ on_list[:, j]
    for i, j in combinations(range(len(lists)), 2):
        yield f"persons on {lists[i]} and {lists[j]}", counts @ (on_list[:, i] * on_list[:, j])
    sizes = on_list.sum(axis=1)
    for size in range(1, len(lists) + 1):
        yield f"persons on {size} list{'s' if size > 1 else ''}", counts @ (sizes == size)
    yield "empty histories", (counts == 0).sum(axis=1).astype(np.float64)


def _replicates(tree: Any, group: str) -> Array:
    values = tree[group]["count"].to_numpy()
    return np.asarray(values.reshape(-1, values.shape[-1]), dtype=np.float64)


def _names(tree: Any, n_lists: int) -> list[str]:
    for group in ("posterior", "observed_data"):
        if "list" in tree[group].coords:
            return [str(name) for name in tree[group]["list"].to_numpy()]
    return [f"list {j + 1}" for j in range(n_lists)]
