"""Own chances: how likely another person is to have, or be like, the value that a record has."""

from itertools import combinations

import numpy as np
import pytest

from mse.linkage.all_pairs import Counts, Listed
from mse.linkage.comparison import Comparison, Level
from mse.linkage.conditions import Equal, missing
from mse.linkage.ladders import AGREES, DIFFERS, UNKNOWN, ladders, ratios_of
from mse.linkage.own_chances import Matched, _shape, own_chances
from mse.linkage.weights import starting_weights

NAME_LEVELS = [("same", 0.75, 0.01, True), ("near", 0.12, 0.01, False)]
NO_ORIGIN = np.full(4, -1)
NO_PAIRS = Listed(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int8))


def comparison(name, levels, *, value="", given=(), beside=(), field=""):
    made = (Level(label, Equal(value or name), m, u, is_by_record=own) for label, m, u, own in levels)
    return Comparison(name, tuple(made), missing(name), given=given, beside=beside, field=field)


ORIGIN = comparison("origin", [("same", 0.9, 0.2, False)])
NAME = comparison("name", NAME_LEVELS, given=(("origin",),))
LADDER = ladders((ORIGIN, NAME))
START = starting_weights((ORIGIN, NAME), LADDER, n_records=4)


def counts_of(rows, ladder=LADDER, n_records=4):
    """Pairs by record from rows (record, comparison, level, state, pairs)."""
    found = np.zeros((n_records, int(ladder.first[-1]), ladder.n_states))
    for record, number, level, state, pairs in rows:
        found[record, ladder.first[number] + level, state] += pairs
    return found


def within(rows, **options):
    found = counts_of(rows, **options)
    return Counts(found, np.zeros_like(found), NO_PAIRS)


def chance(own, record, state, place=0):
    """Before any pair is judged."""
    return (own.found[record, place, state] + own.shape[place]) * own.per_pair[record, place, state]


def test_a_chance_counts_the_others_with_the_value():
    """Of 100 pairs of one origin 5 share the name: the start is counted as pairs too, as many as the shape over it."""
    counts = within([(0, 1, 0, AGREES, 5.0), (0, 1, 2, AGREES, 95.0)])
    own = own_chances(START, LADDER, counts, NO_ORIGIN).own
    shape = own.shape[0]
    assert chance(own, 0, AGREES) == pytest.approx((5.0 + shape) / (100.0 + shape / 0.01))
    assert [chance(own, 1, state) for state in range(3)] == pytest.approx([0.01] * 3)  # nobody to count


def test_a_chance_is_around_that_of_the_origin():
    """An origin of few names makes its names common, also for who shares theirs with nobody; where origins agree."""
    rows = [(0, 1, 0, AGREES, 8.0), (0, 1, 2, AGREES, 92.0), (1, 1, 0, AGREES, 12.0), (1, 1, 2, AGREES, 188.0)]
    own = own_chances(START, LADDER, within([*rows, (3, 1, 2, AGREES, 50.0)]), np.array([0, 0, 0, 1])).own
    of_origin, shape = (20.0 / 2 + 1) / (300.0 / 2 + 100.0), own.shape[0]
    assert chance(own, 2, AGREES) == pytest.approx(of_origin)  # nobody to count
    assert chance(own, 0, AGREES) == pytest.approx((8.0 + shape) / (100.0 + shape / of_origin))
    assert chance(own, 3, AGREES) == pytest.approx(shape / (50.0 + shape / ((0.0 + 1) / (25.0 + 100.0))))
    assert chance(own, 2, DIFFERS) == pytest.approx(0.01)


def test_who_is_one_person_does_not_make_a_name_common():
    """A pair that is surely one person does not count for the chance of its name."""
    between = counts_of([(0, 1, 0, AGREES, 3.0), (0, 1, 2, AGREES, 97.0), (1, 1, 0, AGREES, 3.0)])
    counts = Counts(np.zeros_like(between), between, NO_PAIRS)
    pairs = Listed(np.array([0]), np.array([1]), np.array([[0, 0]], np.int8))
    matched = Matched(pairs, np.array([1.0]), np.zeros(5, np.bool_))
    own = own_chances(START, LADDER, counts, NO_ORIGIN, matched).own
    assert own.found[0, 0, AGREES] == pytest.approx(2.0)
    assert own.per_pair[0, 0, AGREES] == pytest.approx(1 / (99.0 + own.shape[0] / 0.01))


def test_on_rare_levels_others_are_counted_as_persons():
    """Two other records of one person are one other person with the name; the judged pair's own person is none."""
    records = list(combinations(range(4), 2))
    alike = Listed(*(np.array(own) for own in zip(*records, strict=True)), np.zeros((len(records), 2), np.int8))
    between = counts_of([(record, 1, 0, AGREES, 3.0) for record in range(4)])
    # 0 and 1 are one person, 2 and 3 another one.
    listed = alike.chosen(np.array([0, 5]))
    matched = Matched(listed, np.ones(2), np.array([False, False, True, False, False]))
    counts = Counts(np.zeros_like(between), between, alike)
    own = own_chances(START, LADDER, counts, NO_ORIGIN, matched).own
    assert own.found[:, 0, AGREES] == pytest.approx(1.0)
    assert own.per_pair[0, 0, AGREES] == pytest.approx(1 / (2.0 / 2 + own.shape[0] / 0.01))


def test_a_chance_is_taken_without_the_pair_that_is_judged():
    """Of two records that share a name with nobody else the pair is one of persons who have the name alone."""
    counts = within([(record, 1, 0, AGREES, 1.0) for record in (0, 1)] + [(2, 1, 2, AGREES, 50.0)])
    weights = own_chances(START, LADDER, counts, NO_ORIGIN)
    own, pair = weights.own, (np.zeros(1, np.int64), np.ones(1, np.int64))
    levels = np.zeros((1, 2), np.int64)
    for counted in (1.0, 0.25):
        ratio = ratios_of(LADDER, weights.scales, levels, *pair, np.array([counted]))[0, 1]
        expected = (1.0 - counted + own.shape[0]) * own.per_pair[0, 0, AGREES]
        assert ratio == pytest.approx(np.log(0.75 / expected), rel=1e-6)


def test_the_chance_of_a_pair_is_the_harmonic_mean():
    """Either record may be the one that the other is like by chance: the likelihood ratios are averaged."""
    counts = within([(0, 1, 0, AGREES, 30.0), (1, 1, 0, AGREES, 2.0), (0, 1, 2, AGREES, 70.0), (1, 1, 2, AGREES, 98.0)])
    weights = own_chances(START, LADDER, counts, NO_ORIGIN)
    ratio = ratios_of(LADDER, weights.scales, np.zeros((1, 2), np.int64), np.array([0]), np.array([1]), np.zeros(1))
    both = [0.75 / chance(weights.own, record, AGREES) for record in (0, 1)]
    assert ratio[0, 1] == pytest.approx(np.log(np.mean(both)), rel=1e-6)


def test_a_name_that_stands_alone_is_as_rare_as_beside_another():
    """Comparisons of one field share the chances of a level with one condition, and add up their pairs."""
    alone = comparison("name_alone", NAME_LEVELS, value="name", given=(("origin",),), field="name")
    ladder = ladders((ORIGIN, NAME, alone))
    start = starting_weights((ORIGIN, NAME, alone), ladder, n_records=4)
    assert ladder.by_record.tolist() == [-1, -1, 0, -1, -1, 0, -1, -1]
    rows = [(0, 1, 0, AGREES, 4.0), (0, 2, 0, AGREES, 1.0), (0, 1, 2, AGREES, 75.0), (0, 2, 2, AGREES, 20.0)]
    own = own_chances(start, ladder, within(rows, ladder=ladder), NO_ORIGIN).own
    assert chance(own, 0, AGREES) == pytest.approx((5.0 + own.shape[0]) / (100.0 + own.shape[0] / 0.01))


def test_what_stands_beside_multiplies_all_chances():
    """Where given names agree family names do so three times as often: a rare name stays rarer than a frequent one."""
    given = comparison("given", NAME_LEVELS)
    family = comparison("family", NAME_LEVELS, given=(("origin",),), beside=("given",))
    ladder = ladders((ORIGIN, given, family))
    start = starting_weights((ORIGIN, given, family), ladder, n_records=4)
    u = start.u.copy()
    u[ladder.first[2], AGREES] *= 3.0
    place = ladder.by_record[ladder.first[2]]
    rows = [(0, 2, 0, 3 * UNKNOWN + DIFFERS, 6.0), (0, 2, 2, 3 * UNKNOWN + DIFFERS, 94.0)]
    own = own_chances(start, ladder, within(rows, ladder=ladder), NO_ORIGIN).own
    state = 3 * UNKNOWN
    assert chance(own, 0, state + UNKNOWN, place) > 3 * chance(own, 1, state + UNKNOWN, place)
    weights = type(start)(start.m_start, start.m, u, start.u_spread, start.own)
    # One origin for all: with one pair expected more than the few that are found, the times is that of u.
    own = own_chances(weights, ladder, within(rows, ladder=ladder), np.zeros(4, np.int64)).own
    assert chance(own, 0, AGREES, place) == pytest.approx(3 * chance(own, 0, UNKNOWN, place), rel=1e-5)


@pytest.mark.parametrize("shape", [0.15, 0.4, 2.0])
def test_the_shape_is_found_again(shape):
    """From counts whose chances have a gamma distribution, at unlike numbers of pairs."""
    rng = np.random.default_rng(3)
    expected = rng.choice([0.5, 1.0, 2.0], 40_000)
    counts = rng.poisson(rng.gamma(shape, 1 / shape, len(expected)) * expected)
    assert _shape(counts.astype(float), expected) == pytest.approx(shape, rel=0.08)


def test_the_shape_is_exponential_without_records():
    """Lists that teach nothing leave the prior exponential."""
    assert _shape(np.zeros(0), np.zeros(0)) == 1.0
