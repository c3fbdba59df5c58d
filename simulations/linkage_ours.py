"""`mse.link` and `mse.propagate` on a data set: draws of who is whom, and intervals from them."""

import numpy as np

from mse import link
from mse.errors import BadInput, Refused
from mse.propagation.agreement_thresholds import joined_at, pairs_together
from simulations.linkage_data import DataSet
from simulations.linkage_scores import BIN_COLUMNS, independence, of_pairs, of_truth, pair_scores
from simulations.rows import Row

__all__ = ["COLUMNS", "N_DRAWS", "SAMPLER", "row"]

N_DRAWS = 100
# Raised when the draws of `mse.link` or their interval change: rows of one sampler are never added to another's.
SAMPLER = 9
DIAGNOSTICS = ("r_hat", "n_sweeps", *(f"n_hat_at_{factor}_prior_n" for factor in ("0.75", "1", "1.5", "2")))
COLUMNS = (
    *("precision", "recall", "f1", "f1_of_draws"),
    *("n_persons_low", "n_persons", "n_persons_high"),
    *("linked_low", "linked", "linked_high"),
    *("n_low", "n_hat", "n_high", "linkage_share", "no_estimate"),
    *DIAGNOSTICS,
    *BIN_COLUMNS,
    "refused",
)
QUANTILES = (0.025, 0.5, 0.975)


def row(data: DataSet, *, seed: int) -> Row:
    """Draws of who is whom, the N of independence in each (`linked`), and pooled with its sampling error (`n_hat`)."""
    truth = of_truth(data)
    try:
        links = link(data.registers, seed=seed, n_draws=N_DRAWS)
    except Refused as refusal:
        return {**truth, "refused": str(refusal)}
    if not data.same_records(links):
        raise BadInput("the linkage is of other records than the study; both must leave out the same scarce ones")
    distinct = links.distinct_persons()
    left, right, count = pairs_together(links)
    found: dict[str, float | str] = {
        **truth,
        # A person who wants one linkage joins what is one person in at least half of the draws.
        **pair_scores(joined_at(links, [0.5]), data.true_person),
        "f1_of_draws": pair_scores(links, data.true_person)["f1"],
        "n_persons": float(np.median(links.n_persons)),
        **{"n_persons_low": distinct.low, "n_persons_high": distinct.high},
        **{name: float(links.diagnostics[name]) for name in DIAGNOSTICS if name in links.diagnostics},
        **of_pairs(left, right, count / links.n_draws, data.true_person),
    }
    try:
        pooled = independence(links, seed=seed)
        interval = pooled.interval()
    except Refused as refusal:
        return found | {"no_estimate": str(refusal)}
    linked = np.quantile(pooled.per_draw["n_hat"].dropna(), QUANTILES)
    found |= dict(zip(("linked_low", "linked", "linked_high"), linked.tolist(), strict=True))
    found |= {"n_low": interval.low, "n_hat": pooled.n_hat, "n_high": interval.high}
    return found | {"linkage_share": pooled.diagnostics["linkage_share"]}
