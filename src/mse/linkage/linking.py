"""Linking: registers in, draws of who is whom out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput, NoOverlap
from mse.linkage.candidates import Pairs, Workbench
from mse.linkage.clustering import Evidence, join_all, sample_partitions
from mse.linkage.comparable import check_population
from mse.linkage.linkable import Linkable, linkable_encoded, linkable_plain
from mse.linkage.weights import Weights, compete, fit_m_and_prior, measure_u, starting_weights
from mse.links import Links
from mse.provenance import record, sha256_of
from mse.pseudonyms import EncodedRegister, check_same_origin
from mse.registers import Register

__all__ = ["link"]

MIN_PROBABILITY = 0.001  # weaker pairs are left out of the draws
MAX_COMPONENT_PAIRS = 2_000_000
DUPLICATE_PROBABILITY = 0.95  # two records of one list are merged above it
DUPLICATES_PER_RECORD = 0.01
GREEDY_DRAWS = (
    "each draw joins records in one greedy pass with the match probabilities of the groups; the draws are not yet "
    "draws from a posterior over whole partitions, and tell too little of how unsure the linkage is"
)


def link(
    registers: Sequence[Register] | Sequence[EncodedRegister],
    *,
    seed: int,
    n_draws: int = 100,
    fields: Sequence[str] | None = None,
    n_jobs: int = 1,
) -> Links:
    """Join the records of several registers into persons, at most one record per register and person.

    Candidate pairs come from keyed blocks, their Fellegi-Sunter weights from typing-error rates (m), pairs within
    registers (u) and a prior that is a fixed point; a missing value says nothing. Records of one register that are
    almost surely one person are merged first. Then pairs are joined, the strongest first.

    Parameters
    ----------
    registers : sequence of Register, or of EncodedRegister
        At least two, all plain or all encoded.
    seed : int
    n_draws : int
        1 joins the pairs with a match probability of at least one half. More: each draw accepts each pair with its
        match probability, so that the draws tell how sure the linkage is.
    fields : sequence of str, optional
        Fields to compare; all identifiers, with sex, region and age group as weak evidence, when not given.
    n_jobs : int
        Threads. The result does not depend on it.

    Returns
    -------
    Links
        ``record`` is the row number in the file (plain) or the record id (encoded). `diagnostics` holds
        `expected_precision` and `expected_recall` of the pairs joined at one half, `n_candidates`, `n_links`,
        `prior`, and `n_merged_within`.

    Raises
    ------
    BadInput
        Fewer than two registers, an empty one, two of one name, plain and encoded mixed, adults and minors mixed,
        different projects or keys, unknown fields.
    NoOverlap
        When no pair of records of two registers is more likely than not to be one person.

    References
    ----------
    Fellegi and Sunter (1969), https://doi.org/10.1080/01621459.1969.10501049; Linacre et al. (2022),
    https://doi.org/10.23889/ijpds.v7i3.1794 (Splink).

    Examples
    --------
    >>> from mse.registers import read_register
    >>> links = link([read_register("a.csv"), read_register("b.csv")], seed=1, n_draws=1)  # doctest: +SKIP
    >>> int(links.n_persons[0])  # doctest: +SKIP
    226
    """
    _check_options(seed=seed, n_draws=n_draws, fields=fields, n_jobs=n_jobs)
    linkable = _linkable(registers, fields)
    bench = Workbench(linkable.columns, linkable.list_of_record, linkable.comparisons, n_threads=n_jobs)
    rules = bench.choose_rules()
    if not rules:
        raise NoOverlap.between(linkable.lists)
    matches = _matches(bench, rules, linkable, seed=seed)
    places = {"list_of_record": linkable.list_of_record, "same_person": matches.same_person}
    persons = sample_partitions(matches.evidence, n_draws=n_draws, seed=seed, **places)
    point = persons[0] if n_draws == 1 else sample_partitions(matches.evidence, n_draws=1, seed=seed, **places)[0]
    options = {
        "n_draws": n_draws,
        "fields": None if fields is None else list(fields),
        "blocking": [list(rule) for rule in rules],
        "weights": _told(linkable, matches.weights),
    }
    notes = (*linkable.notes, *_merged_notes(linkable, matches.same_person), *((GREEDY_DRAWS,) if n_draws > 1 else ()))
    return Links(
        linkable.records,
        persons,
        linkable.lists,
        _diagnostics(matches, point),
        record(input_sha256=sha256_of(*(_source(register) for register in registers)), seed=seed, options=options),
        notes,
    )


@dataclass(frozen=True)
class _Matches:
    """What is known of the pairs before anybody is joined.

    `tried` and `probability` are the pairs of two lists that may start a join; `n_candidates` counts all that were
    compared; `same_person` groups the records of one list that are almost surely one person.
    """

    evidence: Evidence
    tried: Pairs
    probability: NDArray[np.float64]
    same_person: NDArray[np.int64]
    n_candidates: int
    weights: Weights


def _matches(bench: Workbench, rules: Sequence[tuple[str, ...]], linkable: Linkable, *, seed: int) -> _Matches:
    """Learn the weights, score the candidates, and gather the evidence within each component of them."""
    sizes = np.bincount(linkable.list_of_record)
    n_cross, max_matches = _possible(sizes)
    weights = _weights(bench, rules, linkable, seed=seed, n_cross=n_cross, max_matches=max_matches)
    scored = bench.score(rules, weights)
    is_within = linkable.list_of_record[scored.left] == linkable.list_of_record[scored.right]
    same_person = _duplicates(_chosen(scored, is_within), sizes)
    cross = _without_repeats(_chosen(scored, ~is_within), same_person)
    probability, prior = compete(
        cross.log_ratio,
        cross.left,
        cross.right,
        list_of_record=linkable.list_of_record,
        start=weights.prior,
        n_cross=n_cross,
        max_matches=max_matches,
    )
    if not (probability >= 0.5).any():
        raise NoOverlap.between(linkable.lists)
    tried, probability = _tried(cross, probability)
    component = join_all(
        np.concatenate([tried.left, np.arange(len(same_person))]),
        np.concatenate([tried.right, same_person]),
        n_records=len(same_person),
    )
    pairs, parts = bench.evidence(component, weights)
    evidence = Evidence(pairs.left, pairs.right, parts, _order(pairs, tried), prior)
    return _Matches(evidence, tried, probability, same_person, len(cross.left), weights)


def _check_options(*, seed: int, n_draws: int, fields: Sequence[str] | None, n_jobs: int) -> None:
    if n_draws < 1:
        raise BadInput(f"n_draws={n_draws!r} is below 1; 1 gives the most likely linkage, 100 its uncertainty")
    if n_jobs < 1:
        raise BadInput(f"n_jobs={n_jobs!r} is below 1; give the number of threads")
    if seed < 0:
        raise BadInput(f"seed={seed!r} is negative; give a whole number from 0")
    if isinstance(fields, str) or (fields is not None and not len(fields)):
        raise BadInput(f"fields={fields!r} is not a list of field names; leave it out to compare all identifiers")


def _linkable(registers: Sequence[Register] | Sequence[EncodedRegister], fields: Sequence[str] | None) -> Linkable:
    """Check the registers at the door and bring them into one table."""
    if len(registers) < 2:
        raise BadInput(f"linking needs two registers or more; {len(registers)} given")
    names = [register.name for register in registers]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"two registers are named {twice[0]!r}; give each register a name of its own in its codebook")
    empty = [register.name for register in registers if not len(register)]
    if empty:
        raise BadInput(f"the register {empty[0]!r} holds no record; leave it out")
    if _all_plain(registers):
        check_population(registers)
        return linkable_plain(registers, fields=fields)
    if _all_encoded(registers):
        check_same_origin(registers)
        check_population(registers)
        return linkable_encoded(registers, fields=fields)
    raise BadInput("plain and encoded registers cannot be linked with each other; encode all of them with one key")


def _all_plain(registers: Sequence[object]) -> TypeGuard[Sequence[Register]]:
    return all(isinstance(register, Register) for register in registers)


def _all_encoded(registers: Sequence[object]) -> TypeGuard[Sequence[EncodedRegister]]:
    return all(isinstance(register, EncodedRegister) for register in registers)


def _weights(
    bench: Workbench,
    rules: Sequence[tuple[str, ...]],
    linkable: Linkable,
    *,
    seed: int,
    n_cross: float,
    max_matches: float,
) -> Weights:
    start = starting_weights(linkable.comparisons, n_records=len(linkable.records))
    within, n_records = bench.within_lists(seed=seed)
    u = measure_u(within, linkable.comparisons, start, n_records=n_records)
    return fit_m_and_prior(
        bench.between_lists(rules), Weights(start.m, u, start.prior), n_cross=n_cross, max_matches=max_matches
    )


def _possible(sizes: NDArray[np.int64]) -> tuple[float, float]:
    """Number of pairs of records of two lists, and the most of them that can be one person."""
    n_cross = (sizes.sum() ** 2 - (sizes**2).sum()) / 2
    smaller_first = np.sort(sizes)
    max_matches = (smaller_first * np.arange(len(sizes) - 1, -1, -1)).sum()
    return float(n_cross), float(max_matches)


def _chosen(pairs: Pairs, chosen: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.left[chosen], pairs.right[chosen], pairs.log_ratio[chosen])


def _duplicates(within: Pairs, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Group of each record: records of one list that are almost surely one person share one."""
    n_records = int(sizes.sum())
    n_within = float((sizes * (sizes - 1) / 2).sum())
    prior = min(DUPLICATES_PER_RECORD * n_records / max(n_within, 1.0), 0.1)
    log_of_odds = within.log_ratio + np.log(prior) - np.log1p(-prior)
    sure = log_of_odds >= np.log(DUPLICATE_PROBABILITY) - np.log1p(-DUPLICATE_PROBABILITY)
    return join_all(within.left[sure], within.right[sure], n_records=n_records)


def _without_repeats(cross: Pairs, same_person: NDArray[np.int64]) -> Pairs:
    """One pair for each pair of persons-within-a-list, the strongest that their records make."""
    if len(np.unique(same_person)) == len(same_person):
        return cross
    first = np.unique(same_person, return_index=True)[1]
    representative = first[np.unique(same_person, return_inverse=True)[1]]
    frame = pd.DataFrame(
        {"left": representative[cross.left], "right": representative[cross.right], "log_ratio": cross.log_ratio}
    )
    best = frame.groupby(["left", "right"], sort=True)["log_ratio"].max().reset_index()
    return Pairs(best["left"].to_numpy(), best["right"].to_numpy(), best["log_ratio"].to_numpy())


def _tried(cross: Pairs, probability: NDArray[np.float64]) -> tuple[Pairs, NDArray[np.float64]]:
    """The pairs that may start a join: all that are not hopeless, fewer where their components grow too large."""
    least = MIN_PROBABILITY
    while True:
        chosen = probability >= least
        tried = _chosen(cross, chosen)
        n_records = int(max(cross.right.max(), cross.left.max())) + 1
        sizes = np.bincount(join_all(tried.left, tried.right, n_records=n_records)).astype(np.float64)
        if (sizes * (sizes - 1) / 2).sum() <= MAX_COMPONENT_PAIRS:
            return tried, probability[chosen]
        least *= 2


def _order(pairs: Pairs, tried: Pairs) -> NDArray[np.int64]:
    """Positions among all pairs of those that may start a join, the strongest first, ties by record."""
    n_records = int(pairs.right.max()) + 1
    positions = np.searchsorted(pairs.left * n_records + pairs.right, tried.left * n_records + tried.right)
    return np.asarray(positions[np.lexsort((tried.right, tried.left, -np.round(tried.log_ratio, 9)))])


def _diagnostics(matches: _Matches, point: NDArray[np.int32]) -> dict[str, float]:
    """Counts, and what the match probabilities promise of the pairs that are joined at one half."""
    joined = point[matches.tried.left] == point[matches.tried.right]
    n_true, n_found = float(matches.probability.sum()), float(matches.probability[joined].sum())
    return {
        "n_links": float(joined.sum()),
        "expected_precision": n_found / float(joined.sum()) if joined.any() else 1.0,
        "expected_recall": n_found / n_true if n_true else 1.0,
        "n_candidates": float(matches.n_candidates),
        "prior": matches.evidence.prior,
        "n_merged_within": float(len(matches.same_person) - len(np.unique(matches.same_person))),
    }


def _merged_notes(linkable: Linkable, same_person: NDArray[np.int64]) -> list[str]:
    """One sentence for each list in which records were merged."""
    notes = []
    for number, name in enumerate(linkable.lists):
        own = same_person[linkable.list_of_record == number]
        extra = len(own) - len(np.unique(own))
        if extra:
            notes.append(f"{name}: {extra} of {len(own)} records merged with another record of the same list")
    return notes


def _told(linkable: Linkable, weights: Weights) -> Mapping[str, object]:
    """The m- and u-probabilities by comparison and level, for the provenance."""
    told = {}
    for comparison, m, u in zip(linkable.comparisons, weights.m, weights.u, strict=True):
        labels = [*(level.label for level in comparison.levels), "different"]
        told[comparison.name] = {
            label: {"m": float(own_m), "u": float(own_u)} for label, own_m, own_u in zip(labels, m, u, strict=True)
        }
    return told


def _source(register: Register | EncodedRegister) -> bytes:
    """What identifies the input of one register: its name and the hash of its file."""
    own = register.source_sha256 if isinstance(register, Register) else register.sha256
    return f"{register.name}:{own}".encode()
