"""What a report hides: small counts, and everything that gives one away."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import linprog

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.report.suppression import Shown, protect_histories

NAMES = tuple("ABCD")
NOT_IN_TABLES = "history"


def table(counts: dict[str, int], lists: tuple[str, ...] = ("A", "B", "C")) -> CaptureHistories:
    return CaptureHistories.from_counts(lists, {tuple(map(int, history)): n for history, n in counts.items()})


def random_table(seed: int, n_lists: int = 4) -> CaptureHistories:
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.4, n_lists)
    every = np.array(list(product((0, 1), repeat=n_lists)))[1:]
    return CaptureHistories(NAMES[:n_lists], rng.poisson(150 * np.prod(np.where(every, chance, 1 - chance), axis=1)))


def row_of(key: tuple[str, ...], h: CaptureHistories) -> np.ndarray:
    """The sum over histories that a key of `Shown` stands for, written anew from its meaning."""
    every = np.array(h.histories)
    n_on = every.sum(axis=1)
    position = {name: j for j, name in enumerate(h.lists)}
    match key:
        case ("n_observed",):
            return np.ones(len(every))
        case ("list", a):
            return every[:, position[a]].astype(float)
        case ("overlap", a, b):
            return (every[:, position[a]] * every[:, position[b]]).astype(float)
        case ("only", a, b):
            return (every[:, position[a]] * (1 - every[:, position[b]])).astype(float)
        case ("history", text):
            return np.array([float("".join(map(str, history)) == text) for history in h.histories])
        case ("on exactly", k):
            return (n_on == int(k)).astype(float)
        case ("on several",):
            return (n_on > 1).astype(float)
        case ("sum of lists",):
            return n_on.astype(float)
    raise AssertionError(key)


def feasible_range(target: np.ndarray, h: CaptureHistories, numbers: dict, hidden: frozenset) -> tuple[float, float]:
    """Between which values a reader can place a sum, knowing the numbers and that hidden table entries are not 0."""
    rows = np.array([row_of(key, h) for key in numbers])
    positive = [row_of(key, h) for key in hidden if key[0] != NOT_IN_TABLES]
    ends = []
    for sign in (1, -1):
        answer = linprog(
            sign * target,
            A_eq=rows,
            b_eq=list(numbers.values()),
            A_ub=-np.array(positive) if positive else None,
            b_ub=-np.ones(len(positive)) if positive else None,
            bounds=(0, 1000),
        )
        assert answer.status == 0
        ends.append(sign * answer.fun)
    return ends[0], ends[1]


def small_sums(h: CaptureHistories, below: int) -> list[np.ndarray]:
    """Every sum of interest whose value is small: histories, totals, overlaps, who is on one list but not another."""
    keys = [("list", a) for a in h.lists]
    keys += [("overlap", a, b) for a, b in combinations(h.lists, 2)]
    keys += [("only", a, b) for a in h.lists for b in h.lists if a != b]
    keys += [("history", "".join(map(str, history))) for history in h.histories]
    keys += [("on exactly", str(k)) for k in range(1, h.n_lists + 1)] + [("on several",)]
    rows = [row_of(key, h) for key in keys]
    return [row for row in rows if 0 < row @ h.counts < below]


@pytest.mark.parametrize("seed", range(4))
def test_no_small_count_can_be_computed_from_what_is_shown(seed: int) -> None:
    """The reader's best attack leaves every count of 1 or 2 a range at least 2 wide."""
    h = random_table(seed)
    shown = protect_histories(h)
    targets = small_sums(h, 3)
    assert targets
    for target in targets:
        low, high = feasible_range(target, h, shown.numbers, shown.hidden)
        assert low <= target @ h.counts <= high
        assert high - low >= 2 - 1e-6


@pytest.mark.parametrize("below", [4, 6])
def test_a_higher_limit_asks_for_wider_ranges(below: int) -> None:
    """With counts below 4 or 6 hidden, their ranges are at least 3 or 5 wide."""
    h = random_table(7, n_lists=3)
    shown = protect_histories(h, suppress_below=below)
    for target in small_sums(h, below):
        low, high = feasible_range(target, h, shown.numbers, shown.hidden)
        assert high - low >= below - 1 - 1e-6


def test_the_attack_succeeds_when_only_small_counts_are_hidden() -> None:
    """Without the second step the same attack finds a small count exactly: the test above has power."""
    h = table({"100": 40, "010": 30, "001": 20, "110": 8, "101": 7, "011": 6, "111": 1})
    shown = protect_histories(h)
    everything = {key: int(row_of(key, h) @ h.counts) for key in shown.numbers.keys() | shown.hidden}
    unprotected = {key: value for key, value in everything.items() if value >= 3}
    target = row_of(("history", "111"), h)
    assert feasible_range(target, h, unprotected, shown.small_ones) == pytest.approx((1, 1))
    low, high = feasible_range(target, h, shown.numbers, shown.hidden)
    assert high - low >= 2 - 1e-6


def test_small_overlap_of_two_lists_takes_a_total_with_it() -> None:
    """With two lists, an overlap of 1 would follow from the totals, so the sum of the lists cannot stay."""
    shown = protect_histories(table({"10": 9, "01": 7, "11": 1}, ("A", "B")))
    assert shown.overlap("A", "B") is None
    assert shown.get("sum of lists") is None
    assert shown.get("n_observed") == 17
    assert not shown.allows_estimates


def test_nearly_nested_list_hides_who_is_not_in_it() -> None:
    """When all but one on B are on A, the total of B and the overlap are not both shown."""
    shown = protect_histories(table({"10": 40, "01": 1, "11": 12}, ("A", "B")))
    assert None in (shown.get("list", "B"), shown.overlap("A", "B"))


def test_nothing_is_hidden_when_nothing_is_small() -> None:
    """Large counts and zeros are all shown."""
    h = table({"100": 40, "010": 30, "001": 20, "110": 8, "101": 7})
    shown = protect_histories(h)
    assert shown.hidden == frozenset()
    assert shown.overlap("B", "C") == 0
    assert shown.get("n_observed") == h.n_observed


def test_limit_of_one_hides_nothing() -> None:
    """suppress_below=1 shows counts of 1."""
    shown = protect_histories(table({"100": 1, "010": 2, "111": 1}), suppress_below=1)
    assert shown.get("history", "111") == 1
    assert not shown.hidden


def test_limit_below_one_is_refused() -> None:
    """A limit that is no count is bad input."""
    with pytest.raises(BadInput, match="suppress_below=0 is not a count; 3 hides counts of 1 and 2"):
        protect_histories(table({"100": 5, "010": 5}), suppress_below=0)


def test_many_lists_are_protected_too() -> None:
    """Beyond eight lists the audit uses fewer cells and still hides small overlaps."""
    lists = tuple("ABCDEFGHI")
    counts = {"1" + "0" * 8: 50, "0" * 8 + "1": 40, "11" + "0" * 7: 2, "0" * 7 + "11": 12, "0" * 4 + "1" * 5: 1}
    shown: Shown = protect_histories(table(counts, lists))
    assert shown.overlap("A", "B") is None
    assert shown.get("history", "0" * 7 + "11") == 12 or shown.get("history", "0" * 7 + "11") is None
    assert shown.overlap("H", "I") != 13 or shown.get("history", "0" * 7 + "11") is None
