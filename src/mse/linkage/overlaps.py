"""Which lists share nobody, and whether that is chance: a wrong key and a list of other persons look alike."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from mse.errors import NoOverlap
from mse.links import Links

__all__ = ["check_overlaps", "list_overlaps", "probability_of_none"]

LIKELY = 0.5  # a pair of records at least as likely as not to be one person is a link
REFUSED_BELOW = 0.001
NOTED_BELOW = 0.05  # for all pairs of lists together


def check_overlaps(
    lists: Sequence[str],
    list_of_record: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    probability: NDArray[np.float64],
) -> tuple[str, ...]:
    """Refuse lists that no likely link holds together with the others, where chance hardly does that; else tell.

    Lists are held together by the links between them. Where they fall apart, the probability that independent lists
    would have no link across is that of `probability_of_none`; below 0.001 the lists are refused. Two lists that share
    nobody, but are held together by others, are told where that is improbable: they may be lists of different persons.

    Parameters
    ----------
    lists : sequence of str
    list_of_record : ndarray of int64, shape (n_records,)
        Position in `lists`.
    left, right : ndarray of int64, shape (n_pairs,)
        Pairs of records; those of one list hold no lists together.
    probability : ndarray of float64, shape (n_pairs,)
        That the two are one person.

    Returns
    -------
    tuple of str
        What the reader must know of lists and pairs of lists without a link; nothing of a single list.

    Raises
    ------
    NoOverlap
        With the lists named.

    Examples
    --------
    >>> list_of_record = np.repeat([0, 1, 2], [30, 20, 2])
    >>> left, right = np.arange(6), np.arange(30, 36)  # six persons are on the first two lists
    >>> check_overlaps(("a", "b", "c"), list_of_record, left, right, np.full(6, 0.9))
    ('lists without a likely link to any other list: c (1.0 expected if lists were independent)',)
    """
    if len(lists) == 1:
        return ()
    sizes = np.bincount(list_of_record, minlength=len(lists))
    is_link = (probability >= LIKELY) & (list_of_record[left] != list_of_record[right])
    if not is_link.any():
        raise NoOverlap.between(lists)
    found = np.zeros((len(lists), len(lists)), dtype=np.int64)
    np.add.at(found, (list_of_record[left[is_link]], list_of_record[right[is_link]]), 1)
    found += found.T
    n_links = int(found.sum()) // 2
    possible = np.outer(sizes, sizes) * ~np.eye(len(lists), dtype=np.bool_)
    n_possible = possible.sum() / 2
    part = connected_components(found, directed=False)[1]
    main = int(np.bincount(part, weights=sizes).argmax())
    alone = []
    for own in sorted(set(part.tolist()) - {main}):
        is_own = part == own
        across = float(possible[is_own][:, ~is_own].sum())
        expected, chance = n_links * across / (n_possible - across), probability_of_none(across, n_possible, n_links)
        names = [name for name, apart in zip(lists, is_own, strict=True) if apart]
        if chance < REFUSED_BELOW:
            others = [name for name, apart in zip(lists, is_own, strict=True) if not apart]
            raise NoOverlap.apart(names, others, expected=expected, chance=chance)
        alone.append(f"{' with '.join(names)} ({expected:.1f} expected if lists were independent)")
    notes = [f"lists without a likely link to any other list: {', '.join(alone)}"] if alone else []
    pairs = [pair for pair in combinations(range(len(lists)), 2) if part[pair[0]] == part[pair[1]]]
    for a, b in pairs:
        both = float(possible[a, b])
        chance = probability_of_none(both, n_possible, n_links)
        if not found[a, b] and chance < NOTED_BELOW / len(pairs):
            expected = n_links * both / (n_possible - both)
            notes.append(
                f"{lists[a]} and {lists[b]} share no likely link, where {expected:.1f} would be expected if lists were "
                f"independent (probability of none {chance:.1g}): see whether a person can be on both"
            )
    return tuple(notes)


def probability_of_none(possible: float, n_possible: float, n_links: int) -> float:
    """Probability that none of the links falls on some of the pairs of records, if all pairs are equally likely links.

    With independent lists the number of persons on two of them is near Poisson, with a mean in proportion to the
    product of their lengths. Given the number of all links, those on the pairs in question are binomial, whatever the
    number of persons in the population and however many links the linkage misses.

    References
    ----------
    Przyborowski and Wilenski (1940), doi:10.1093/biomet/31.3-4.313.

    Examples
    --------
    >>> round(probability_of_none(100, 1000, 20), 4)  # 0.9 to the power of 20
    0.1216
    """
    return float((1.0 - possible / n_possible) ** n_links)


def list_overlaps(links: Links, *, level: float = 0.95) -> pd.DataFrame:
    """How many persons each two lists share over the draws, and how many of all shared ones would be expected there.

    Parameters
    ----------
    links : Links
    level : float
        Of the equal-tailed interval over the draws.

    Returns
    -------
    DataFrame
        One row for each two lists: list_a, list_b, persons_a, persons_b (medians over the draws), found (median), low,
        high, expected and ratio (found by expected). All in persons. The expected number divides the persons that any
        two lists share among the pairs of lists by the product of their lengths, as independent lists would have it;
        the mean over the draws.

    Examples
    --------
    >>> records = pd.DataFrame({"list": list("aaaabbbbcc"), "record": range(10)})
    >>> links = Links(records, np.array([[0, 1, 2, 3, 0, 1, 2, 4, 0, 5]], np.int32), ("a", "b", "c"))
    >>> list_overlaps(links)[["list_a", "list_b", "found", "expected"]].round(2).values.tolist()
    [['a', 'b', 3.0, 2.5], ['a', 'c', 1.0, 1.25], ['b', 'c', 1.0, 1.25]]
    """
    shared = np.stack([(own := links.membership(draw).astype(np.int64)).T @ own for draw in range(links.n_draws)])
    sizes = np.diagonal(shared, axis1=1, axis2=2)
    a, b = np.triu_indices(len(links.lists), 1)
    found, product = shared[:, a, b].astype(np.float64), (sizes[:, a] * sizes[:, b]).astype(np.float64)
    expected = (found.sum(axis=1) / product.sum(axis=1))[:, None] * product
    low, median, high = np.quantile(found, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    mean = expected.mean(axis=0)
    return pd.DataFrame(
        {
            "list_a": np.array(links.lists)[a],
            "list_b": np.array(links.lists)[b],
            "persons_a": np.median(sizes[:, a], axis=0),
            "persons_b": np.median(sizes[:, b], axis=0),
            "found": median,
            "low": low,
            "high": high,
            "expected": mean,
            "ratio": np.divide(median, mean, out=np.full(len(mean), np.nan), where=mean > 0),
        }
    )
