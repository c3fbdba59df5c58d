"""How far the prior on N, and how far the counts, move the answer: power-scaling, without fitting anew."""

from typing import Any

import arviz as az
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.estimate import Posterior

__all__ = ["SENSITIVE", "prior_sensitivity"]

SENSITIVE = 0.05


def prior_sensitivity(estimate: Posterior) -> pd.DataFrame:
    """Power-scaling sensitivity of the total to its prior and to the counts.

    Prior and likelihood are in turn raised to powers near one, by importance weights on the draws there are; the
    distance that the distribution of N moves, per halving or doubling, is the sensitivity. Only the prior on N is
    scaled, not those of the other parameters.

    Parameters
    ----------
    estimate : Posterior
        Of `bayes_loglinear`, `decomposable` or `multilevel`, whose tree holds the log prior of N.

    Returns
    -------
    DataFrame
        One row: prior, likelihood (0.05 and more is sensitive), diagnosis: ``"the counts speak"``, ``"the
        prior speaks, the counts hardly"``, or ``"both speak, and may disagree"``.

    Raises
    ------
    BadInput
        For an estimate without the log prior of N.

    References
    ----------
    Kallioinen, Paananen, Buerkner and Vehtari (2023), doi:10.1007/s11222-023-10366-5.

    Examples
    --------
    >>> import mse
    >>> mse.prior_sensitivity(mse.decomposable(mse.load_dataset("Kosovo"))).diagnosis.tolist()
    ['the counts speak']
    """
    tree = estimate.idata
    if tree is None or not {"log_prior", "log_likelihood"} <= set(tree.children):
        raise BadInput(f"{estimate.model} does not keep its log prior of N; power-scaling needs it")
    prior, likelihood = (_sensitivity(tree, group) for group in ("prior", "likelihood"))
    if prior >= SENSITIVE:
        told = "both speak, and may disagree" if likelihood >= SENSITIVE else "the prior speaks, the counts hardly"
    else:
        told = "the counts speak"
    return pd.DataFrame({"prior": [prior], "likelihood": [likelihood], "diagnosis": [told]})


def _sensitivity(tree: Any, group: str) -> float:
    """Of log N, since the distance depends on the scale where the tail is long."""
    name = "total" if "total" in tree["posterior"] else "N"
    totals = np.log(tree["posterior"][name].to_numpy())
    weight = np.sum([log.reshape(*totals.shape, -1).sum(axis=-1) for log in _logs(tree, group)], axis=0)
    if np.ptp(weight) == 0:
        return 0.0
    small = az.from_dict({"posterior": {"N": totals}, f"log_{group}": {"N": weight}})
    return float(az.psense(small, group=group)["N"])


def _logs(tree: Any, group: str) -> list[NDArray[np.float64]]:
    """What is raised to a power; where all but N is integrated out, the likelihood is the marginal one of N."""
    if group == "likelihood" and "log_marginal_likelihood" in tree["sample_stats"]:
        return [tree["sample_stats"]["log_marginal_likelihood"].to_numpy()]
    return [variable.to_numpy() for variable in tree[f"log_{group}"].data_vars.values()]
