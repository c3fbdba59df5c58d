"""Matching: from records to the evidence on their pairs, with the weights learned on the way.

Up to 30,000 records every pair is compared; longer lists are blocked. Records of a clean list that are almost surely
one person are merged into one unit first, which has all that they say.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mse.errors import NoOverlap
from mse.linkage.all_pairs import Counts, Listed, survey
from mse.linkage.answers import Answers
from mse.linkage.candidates import Workbench, gathered
from mse.linkage.clustering import join_all
from mse.linkage.compiled import Compiled, levels_of
from mse.linkage.compiling import compiled, merged
from mse.linkage.evidence import DIFFERENT, SAME, Evidence
from mse.linkage.ladders import Ladders, ladders, ratios_of, state_of
from mse.linkage.linkable import Linkable
from mse.linkage.own_chances import Matched, own_chances, recounted
from mse.linkage.spark import Spark
from mse.linkage.value_frequencies import frequency_chances
from mse.linkage.weights import (
    Weights,
    compete,
    counted_weights,
    starting_weights,
    with_m,
)

__all__ = ["Matches", "match"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LEAST_LISTED = 3.0  # log-likelihood ratio; weaker pairs have their chance without being listed
MOST_LISTED = 6  # listed pairs per record, at most
MIN_PROBABILITY = 0.001  # where pairs are blocked: weaker ones are no candidates
MAX_COMPARED_PAIRS = 2_000_000
MAX_COMPARED_PER_RECORD = 4  # pairs, where that is more
DUPLICATE_PROBABILITY = 0.95  # two records of a clean list are merged above it
DUPLICATES_PER_RECORD = 0.01  # on a clean list
N_ROUNDS = 4
N_RECOUNTS = 2  # of pairs within lists, by how likely they are two persons


@dataclass(frozen=True)
class Matches:
    """What is known of the pairs before anybody is joined.

    Attributes
    ----------
    evidence : Evidence
        On units.
    probability : ndarray of float64, shape (n_pairs,)
        Of each listed pair to be one person.
    unit : ndarray of int64, shape (n_records,)
    n_candidates : int
        Pairs of records of two lists that were compared.
    blocking : tuple of tuple of str
        Columns whose equality made a pair worth comparing; empty where all pairs were compared.
    """

    evidence: Evidence
    probability: Floats
    unit: Ints
    n_candidates: int
    blocking: tuple[tuple[str, ...], ...]


def match(
    linkable: Linkable,
    answers: Answers,
    *,
    is_clean: NDArray[np.bool_],
    seed: int,
    n_jobs: int,
    all_pairs: bool,
    spark: Spark | None = None,
) -> Matches:
    """Learn the weights and gather the evidence.

    Parameters
    ----------
    is_clean : ndarray of bool, shape (n_lists,)
        Whether a person is on the list at most once.
    all_pairs : bool
        Whether to compare every pair.
    spark : Spark, optional
        Where pairs of keyed blocks are made, instead of on DuckDB.

    Raises
    ------
    NoOverlap
        When no pair is more likely than not to be one person.
    """
    lists = linkable.list_of_record
    ladder = ladders(linkable.comparisons)
    # Of long lists the own chances take much memory: they are made once, where they are counted.
    start = starting_weights(linkable.comparisons, ladder, n_records=len(lists) if all_pairs else 1)
    if all_pairs:
        found = _all(linkable, ladder, start, is_clean=is_clean, n_jobs=n_jobs)
    else:
        found = _blocked(linkable, ladder, start, is_clean=is_clean, seed=seed, n_jobs=n_jobs, spark=spark)
    list_of_unit = lists[found.first]
    told = answers.of_units(found.unit, list_of_unit)
    listed, answer = told.on(found.listed, found.levels_of_pairs)
    possible = _possible(np.bincount(list_of_unit, minlength=len(is_clean)), is_clean)
    weights, probability, counted, prior = _fitted(found, listed, answer, ladder, list_of_unit, possible)
    if not (probability >= 0.5).any():
        raise NoOverlap.between(linkable.lists)
    if all_pairs:
        ratio = _ratios(ladder, weights, listed, counted=counted)
        kept = (np.sort(-ratio, kind="stable")[: MOST_LISTED * len(list_of_unit)]).max()
        chosen = (-ratio <= kept) | (answer != 0)
    else:
        listed, answer, probability = _two_steps(found, listed, answer, probability, ladder, weights)
        chosen, counted = np.ones(len(listed), np.bool_), np.ones(len(listed))
    evidence = Evidence(
        list_of_unit,
        is_clean,
        listed.chosen(chosen),
        answer[chosen],
        counted[chosen],
        found.detail,
        ladder,
        weights,
        prior,
        found.compared,
    )
    return Matches(evidence, probability[chosen], found.unit, found.n_candidates, found.blocking)


@dataclass(frozen=True)
class _Found:
    """Pairs of units that are worth keeping, and what they were found with.

    `first` is the first record of each unit. `counts`, `origin` and `is_rare` are what the own chances follow from.
    """

    listed: Listed
    unit: Ints
    first: Ints
    detail: Ints
    weights: Weights
    counts: Counts | None
    compared: Compiled | None
    bench: Workbench | None
    n_candidates: int
    blocking: tuple[tuple[str, ...], ...] = ()
    origin: Ints | None = None
    is_rare: NDArray[np.bool_] | None = None

    def levels_of_pairs(self, pairs: Ints) -> NDArray[np.int8]:
        """Levels of any pairs of units, (n, n_comparisons) from (n, 2)."""
        n_comparisons = self.listed.levels.shape[1]
        if self.compared is not None:
            return _levels(self.compared, pairs, n_comparisons)
        assert self.bench is not None
        if not len(pairs):
            return np.full((0, n_comparisons), -1, np.int8)
        ends = np.sort(self.first[pairs], axis=1)
        number = np.arange(len(pairs))
        near = gathered(ends.T.ravel(), np.concatenate([number, number]), n=len(self.unit))
        listed = self.bench.compared(near)
        place = np.searchsorted(listed.left * len(self.unit) + listed.right, ends[:, 0] * len(self.unit) + ends[:, 1])
        return listed.levels[place]


def _all(linkable: Linkable, ladder: Ladders, start: Weights, *, is_clean: NDArray[np.bool_], n_jobs: int) -> _Found:
    """Compare every pair."""
    lists = linkable.list_of_record
    sizes = np.bincount(lists, minlength=len(is_clean))
    compared = compiled(linkable.columns, linkable.comparisons, n_jobs=n_jobs)
    log_prior = _log_odds(_duplicate_prior(sizes))
    rare = start.is_rare(ladder)
    counts, listed = survey(compared, ladder, lists, start.ratios_at_start, rare, log_prior, n_jobs=n_jobs)
    weights = own_chances(counted_weights(start, ladder, counts.within), ladder, counts, linkable.origin)
    for _ in range(N_RECOUNTS):
        # Namesakes of a list are few, and look like one person until it is known how often names agree by chance.
        alike = counts.alike.chosen(lists[counts.alike.left] == lists[counts.alike.right])
        odds = np.exp(np.clip(_ratios(ladder, weights, alike) + log_prior[lists[alike.left]], -60.0, 60.0))
        counts = recounted(counts, ladder, alike, 1.0 / (1.0 + odds), rare)
        weights = own_chances(counted_weights(start, ladder, counts.within), ladder, counts, linkable.origin)
    ratio = _ratios(ladder, weights, listed)
    is_twice = (lists[listed.left] == lists[listed.right]) & is_clean[lists[listed.left]]
    sure = _log_odds(np.array(DUPLICATE_PROBABILITY)) - log_prior[lists[listed.left]]
    twice = is_twice & (ratio >= sure)
    first, unit = _units(listed.left[twice], listed.right[twice], n_records=len(lists))
    kept = ~is_twice & (ratio >= LEAST_LISTED)
    listed, ratio = listed.chosen(kept), ratio[kept]
    if len(first) < len(lists):
        compared = merged(compared, unit, n_jobs=n_jobs)
        weights = replace(weights, own=weights.own.of(first))
        counts = counts.of_units(first, unit)
        pairs = _strongest_of_units(listed, ratio, unit)
        listed = Listed(
            pairs.left, pairs.right, _levels(compared, np.column_stack([pairs.left, pairs.right]), len(ladder.field))
        )
        lists = lists[first]
    n_cross = int(_possible(np.bincount(lists, minlength=len(is_clean)), is_clean)[0])
    detail = _detail_by_self(compared, ladder, linkable, len(lists))
    origin = linkable.origin[first]
    return _Found(listed, unit, first, detail, weights, counts, compared, None, n_cross, origin=origin, is_rare=rare)


def _blocked(
    linkable: Linkable,
    ladder: Ladders,
    start: Weights,
    *,
    is_clean: NDArray[np.bool_],
    seed: int,
    n_jobs: int,
    spark: Spark | None,
) -> _Found:
    """Compare the pairs that share a key."""
    lists = linkable.list_of_record
    bench = Workbench(linkable.columns, lists, linkable.comparisons, ladder, n_threads=n_jobs, spark=spark)
    rules = bench.choose_rules()
    if not rules:
        raise NoOverlap.between(linkable.lists)
    levels, n_pairs = bench.within_lists(seed=seed)
    weights = _weights_of_patterns(levels, n_pairs, ladder, start, n_records=len(lists))
    listed = bench.score(rules, weights)
    weights = frequency_chances(weights, ladder, linkable.columns, linkable.comparisons)
    sizes = np.bincount(lists, minlength=len(is_clean))
    is_within = lists[listed.left] == lists[listed.right]
    ratio = _ratios(ladder, weights, listed)
    sure = _log_odds(np.array(DUPLICATE_PROBABILITY)) - _log_odds(_duplicate_prior(sizes))[lists[listed.left]]
    twice = is_within & is_clean[lists[listed.left]] & (ratio >= sure)
    first, unit = _units(listed.left[twice], listed.right[twice], n_records=len(lists))
    kept = ~(is_within & is_clean[lists[listed.left]])
    listed = listed.chosen(kept)
    return _Found(
        _strongest_of_units(listed, ratio[kept], unit),
        unit,
        first,
        _detail_of_pairs(listed, ladder, linkable, unit, len(first)),
        weights if len(first) == len(lists) else replace(weights, own=weights.own.of(first)),
        None,
        None,
        bench,
        len(listed),
        tuple(rules),
    )


def _fitted(
    found: _Found,
    listed: Listed,
    answer: NDArray[np.int8],
    ladder: Ladders,
    list_of_unit: Ints,
    possible: tuple[float, float],
) -> tuple[Weights, Floats, Floats, float]:
    """The weights that fit the listed pairs, their probabilities, how much of each counts as chance, the prior."""
    n_cross, max_matches = possible
    weights, start = found.weights, 1 / (2 * len(found.unit))
    probability, counted, prior = np.zeros(len(listed)), np.ones(len(listed)), start
    for number in range(N_ROUNDS):
        ratio = _ratios(ladder, weights, listed, counted=counted)
        probability, prior = compete(
            np.where(answer == SAME, ratio + 100.0, np.where(answer == DIFFERENT, -100.0, ratio)),
            listed.left,
            listed.right,
            list_of_record=list_of_unit,
            start=start,
            n_cross=n_cross,
            max_matches=max_matches,
        )
        weights = with_m(weights, ladder, listed.levels, probability)
        if number == 0 and found.counts is not None and found.origin is not None and found.is_rare is not None:
            # Once, by weights that count all pairs as chance: done again and again, a name that three persons share
            # would become rare because they are taken for one.
            told = Matched(listed, probability, found.is_rare)
            weights, counted = own_chances(weights, ladder, found.counts, found.origin, told), 1.0 - probability
    return weights, probability, counted, prior


def _two_steps(
    found: _Found,
    listed: Listed,
    answer: NDArray[np.int8],
    probability: Floats,
    ladder: Ladders,
    weights: Weights,
) -> tuple[Listed, NDArray[np.int8], Floats]:
    """The likely pairs, and all pairs of units that one unit lies between: a group needs all of its pairs compared."""
    n_units = len(found.first)
    least = MIN_PROBABILITY
    while True:
        likely = (probability >= least) | (answer != 0)
        left, right = listed.left[likely], listed.right[likely]
        n_near = np.bincount(np.concatenate([left, right]), minlength=n_units) + 1.0
        if (n_near * (n_near - 1) / 2).sum() <= max(MAX_COMPARED_PAIRS, MAX_COMPARED_PER_RECORD * n_units):
            break
        least *= 2
    paired = np.unique(np.concatenate([left, right]))
    near = gathered(np.concatenate([left, right, paired]), np.concatenate([right, left, paired]), n=n_units)
    assert found.bench is not None
    compared = found.bench.compared(near.take(pa.array(found.unit)))
    units = _strongest_of_units(compared, _ratios(ladder, weights, compared, found.unit), found.unit)
    keys = units.left * n_units + units.right
    place = np.searchsorted(keys, listed.left[likely] * n_units + listed.right[likely])
    kept_answer, kept_probability = np.zeros(len(units), np.int8), np.zeros(len(units))
    kept_answer[place], kept_probability[place] = answer[likely], probability[likely]
    return units, kept_answer, kept_probability


def _weights_of_patterns(levels: Ints, n_pairs: Floats, ladder: Ladders, start: Weights, *, n_records: int) -> Weights:
    """The u-probabilities from combinations of levels, with duplicates left out as far as they are likely."""
    prior = min(DUPLICATES_PER_RECORD * n_records / max(float(n_pairs.sum()), 1.0), 0.1)
    nobody = np.zeros(len(levels), np.int64)
    ratio = ratios_of(ladder, start.scales, levels, nobody, nobody, np.ones(len(levels))).sum(axis=1)
    odds = ratio + np.log(prior) - np.log1p(-prior)
    different = n_pairs / (1 + np.exp(np.clip(odds, -60.0, 60.0)))
    counts = np.zeros((1, int(ladder.first[-1]), ladder.n_states))
    for pattern, n in zip(levels, different, strict=True):
        for comparison, level in enumerate(pattern):
            if level >= 0:
                # A pair counts for both of its records.
                counts[0, ladder.first[comparison] + level, state_of(ladder, comparison, pattern)] += 2 * n
    return counted_weights(start, ladder, counts)


def _ratios(
    ladder: Ladders, weights: Weights, pairs: Listed, unit: Ints | None = None, *, counted: Floats | None = None
) -> Floats:
    """Log-likelihood ratio of each pair; `unit` where the pairs are of records and the weights of units."""
    ends = (pairs.left, pairs.right) if unit is None else (unit[pairs.left], unit[pairs.right])
    of_pair = np.ones(len(pairs)) if counted is None else counted
    return np.asarray(ratios_of(ladder, weights.scales, pairs.levels.astype(np.int64), *ends, of_pair).sum(axis=1))


def _levels(compared: Compiled, pairs: Ints, n_comparisons: int) -> NDArray[np.int8]:
    levels, own = np.zeros((len(pairs), n_comparisons), np.int8), np.zeros(n_comparisons, np.int64)
    for number, (a, b) in enumerate(pairs):
        levels_of(compared, a, b, own)
        levels[number] = own
    return levels


def _possible(sizes: Ints, is_clean: NDArray[np.bool_]) -> tuple[float, float]:
    """Number of pairs that may be one person, and the most of them that can be."""
    within = float((sizes * (sizes - 1) / 2)[~is_clean].sum())
    n_cross = (sizes.sum() ** 2 - (sizes**2).sum()) / 2 + within
    smaller_first = np.sort(sizes)
    max_matches = (smaller_first * np.arange(len(sizes) - 1, -1, -1)).sum() + within
    return float(n_cross), float(max_matches)


def _duplicate_prior(sizes: Ints) -> Floats:
    """Probability that a pair within each list is one person, before any data, where the list is clean."""
    n_within = np.maximum(sizes * (sizes - 1) / 2, 1.0)
    return np.asarray(np.minimum(DUPLICATES_PER_RECORD * sizes / n_within, 0.1))


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probability, 1e-12)) - np.log1p(-probability))


def _units(left: Ints, right: Ints, *, n_records: int) -> tuple[Ints, Ints]:
    """First record of each unit, and the unit of each record."""
    group = join_all(left, right, n_records=n_records)
    first, unit = np.unique(group, return_index=True, return_inverse=True)[1:]
    return np.asarray(first, np.int64), np.asarray(unit, np.int64)


def _strongest_of_units(listed: Listed, ratio: Floats, unit: Ints) -> Listed:
    """The pairs of units, sorted, each with the levels of the strongest pair of their records."""
    a, b = unit[listed.left], unit[listed.right]
    frame = pd.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b), "ratio": -ratio, "at": np.arange(len(a))})
    best = frame[a != b].sort_values(["a", "b", "ratio", "at"]).drop_duplicates(["a", "b"])
    return Listed(best["a"].to_numpy(), best["b"].to_numpy(), listed.levels[best["at"].to_numpy()])


def _n_coarser(linkable: Linkable) -> list[int]:
    """For each comparison how many later ones speak of the same field: a finer one comes first."""
    names = [comparison.counts_as for comparison in linkable.comparisons]
    return [names[place + 1 :].count(name) for place, name in enumerate(names)]


def _detail_by_self(compared: Compiled, ladder: Ladders, linkable: Linkable, n_units: int) -> Ints:
    """How finely each unit tells each field: by the comparisons that say something of the unit and itself."""
    itself = np.repeat(np.arange(n_units)[:, None], 2, axis=1)
    return _detail(_levels(compared, itself, len(ladder.field)) >= 0, np.arange(n_units), ladder, linkable, n_units)


def _detail_of_pairs(listed: Listed, ladder: Ladders, linkable: Linkable, unit: Ints, n_units: int) -> Ints:
    """How finely each unit tells each field, as far as its pairs show."""
    speaks = np.concatenate([listed.levels >= 0] * 2)
    return _detail(speaks, unit[np.concatenate([listed.left, listed.right])], ladder, linkable, n_units)


def _detail(speaks: NDArray[np.bool_], unit: Ints, ladder: Ladders, linkable: Linkable, n_units: int) -> Ints:
    detail = np.zeros((n_units, int(ladder.field.max()) + 2), np.int64)
    for comparison, n_coarser in enumerate(_n_coarser(linkable)):
        np.maximum.at(detail[:, ladder.field[comparison]], unit[speaks[:, comparison]], n_coarser)
    return detail
