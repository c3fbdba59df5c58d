"""The number of persons, drawn from those who are on one list or two: against weights over the expected numbers."""

import numpy as np
import pytest

from mse.linkage.population_size import draw_size_of_few, expected_unlisted, independence_estimate

MOST = 1e6


def _drawn(groups, n_draws, seed=1):
    """Draws of N, and the number of persons, for persons told by their lists."""
    records = [(own, name) for own, group in enumerate(groups) for name in group]
    lists = np.array([name for _, name in records], np.int64)
    members = np.zeros((len(groups), max(map(len, groups))), np.int64)
    n_members = np.zeros(len(groups), np.int64)
    for record, (own, _) in enumerate(records):
        members[own, n_members[own]] = record
        n_members[own] += 1
    rng, expected = np.random.default_rng(seed), np.ones(lists.max() + 1)
    return np.array([draw_size_of_few(members, n_members, lists, expected, MOST, rng) for _ in range(n_draws)])


@pytest.mark.parametrize(
    ("alone", "on_both"),
    [((30, 40), {(0, 1): 12}), ((30, 10, 5), {(0, 1): 6, (0, 2): 3, (1, 2): 0})],
    ids=["two lists", "three lists"],
)
def test_draws_follow_their_posterior(alone, on_both):
    """Mean of the hidden persons within 4 errors of both: expected numbers drawn as if alone, and weighted."""
    groups = [(name,) for name, n in enumerate(alone) for _ in range(n)]
    groups += [pair for pair, n in on_both.items() for _ in range(n)]
    hidden = _drawn(groups, 40_000) - len(groups)
    n_on_two = sum(on_both.values())
    shapes = [n + sum(m for pair, m in on_both.items() if name in pair) for name, n in enumerate(alone)]
    expected = np.random.default_rng(2).gamma(shapes, size=(400_000, len(alone)))
    on_two = (expected.sum(axis=1) ** 2 - (expected**2).sum(axis=1)) / 2
    weight = np.exp(-n_on_two * (np.log(on_two) - np.log(on_two).mean()))
    mean = (weight * on_two).sum() / weight.sum() / (n_on_two - 1)
    blocks = hidden.reshape(100, -1).mean(axis=1)
    error = blocks.std(ddof=1) / 10
    error_of_twin = np.sqrt(((weight / weight.sum()) ** 2 * (on_two / (n_on_two - 1) - mean) ** 2).sum())
    assert abs(blocks.mean() - mean) < 4 * np.hypot(error, error_of_twin)
    assert hidden.std() > 10 * error


def test_persons_on_many_lists_do_not_tell_how_many_are_on_none():
    """A hundred persons who are on every list add a hundred to N, and not one to the hidden."""
    few = [(0,)] * 30 + [(1,)] * 20 + [(2,)] * 10 + [(0, 1)] * 5 + [(1, 2)] * 4
    assert np.array_equal(_drawn([*few, *[(0, 1, 2)] * 100], 50), _drawn(few, 50) + 100)


def test_without_anybody_on_two_lists_nothing_bounds_the_number():
    """About the largest number that there can be, and never above it."""
    drawn = _drawn([(0,)] * 30 + [(1,)] * 20, 5)
    assert (drawn > 0.99 * MOST).all()
    assert (drawn <= MOST).all()


def test_the_unlisted_are_those_whom_independent_lists_leave_out():
    """N less the distinct persons of whom N is the estimate; none but a trace where a list holds everybody."""
    sizes = np.array([200, 150, 90])
    n_hat = independence_estimate(sizes, 380.0)
    assert expected_unlisted(n_hat, sizes) == pytest.approx(n_hat - 380.0, rel=1e-9)
    assert 0.0 < expected_unlisted(200.0, sizes) < 1e-9
