"""What a linkage is worth against the truth: pairs, distinct persons, N, and the probabilities it gave to pairs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mse import CaptureHistories, fit_loglinear, propagate
from mse.errors import Refused
from mse.estimate import Estimate
from mse.links import Links
from simulations.linkage_data import DataSet
from simulations.rows import Row

__all__ = ["BINS", "BIN_COLUMNS", "POINT_COLUMNS", "TRUTH_COLUMNS", "independence", "of_pairs", "of_point", "of_truth"]

MODEL = "independence"
BINS = 10
TRUTH_COLUMNS = ("n_left_out", "n_persons_true", "n_hat_perfect", "n_low_perfect", "n_high_perfect")
POINT_COLUMNS = ("precision", "recall", "f1", "n_persons", "n_hat", "n_low", "n_high", "no_estimate")
BIN_COLUMNS = tuple(f"{what}_{own}" for own in range(BINS) for what in ("pairs", "expected", "true"))


def of_truth(data: DataSet) -> Row:
    """The true persons on the records, and what independence makes of them."""
    perfect = data.joined(data.true_person)
    estimate = independence(perfect)
    interval = estimate.interval()
    return {
        "n_left_out": data.n_left_out,
        "n_persons_true": int(perfect.n_persons[0]),
        "n_hat_perfect": estimate.n_hat,
        **{"n_low_perfect": interval.low, "n_high_perfect": interval.high},
    }


def of_point(person: NDArray[np.int64], data: DataSet) -> Row:
    """One way of joining, with an interval of N that takes it for the truth."""
    links = data.joined(person)
    scores: dict[str, float | str] = {**pair_scores(links, data.true_person), "n_persons": int(links.n_persons[0])}
    try:
        estimate = independence(links)
        interval = estimate.interval()
    except Refused as refusal:
        return scores | {"no_estimate": str(refusal)}
    return scores | {"n_hat": estimate.n_hat, "n_low": interval.low, "n_high": interval.high}


def independence(links: Links, *, seed: int | None = None) -> Estimate:
    """N of independent lists: of the one draw, or pooled over many when there is a seed."""
    if seed is None:
        return fit_loglinear(CaptureHistories.from_links(links)[0], MODEL)
    return propagate(lambda histories: fit_loglinear(histories, MODEL), links, seed=seed)


def pair_scores(links: Links, true_person: NDArray[np.int64]) -> Mapping[str, float]:
    """Precision, recall and F1 over all pairs of records, of one list too; means over the draws."""
    n_true = _n_pairs(true_person)
    shares = []
    for draw in links.persons.astype(np.int64):
        n_joined = _n_pairs(draw)
        n_both = _n_pairs(draw * (int(true_person.max()) + 1) + true_person)
        shares.append((n_both / n_joined if n_joined else 1.0, n_both / n_true if n_true else 1.0))
    precision, recall = (float(share) for share in np.mean(shares, axis=0))
    both = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / both if both else 0.0}


def of_pairs(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    probability: NDArray[np.float64],
    true_person: NDArray[np.int64],
) -> Row:
    """By bin of probability, ten of equal width: the pairs in it, how many should be one person, and how many are."""
    own = np.minimum((probability * BINS + 1e-9).astype(np.int64), BINS - 1)
    is_true = true_person[left] == true_person[right]
    sums = {
        "pairs": np.bincount(own, minlength=BINS),
        "expected": np.bincount(own, weights=probability, minlength=BINS),
        "true": np.bincount(own, weights=is_true, minlength=BINS).astype(np.int64),
    }
    return {f"{what}_{place}": values[place].item() for what, values in sums.items() for place in range(BINS)}


def _n_pairs(person: NDArray[np.int64]) -> float:
    sizes = np.unique(person, return_counts=True)[1].astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
