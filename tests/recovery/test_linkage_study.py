"""The linkage study: lists with the dependence that is stated, ways of joining, scores, and rows that stay apart."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from mse.errors import BadInput
from mse.linkage import linkage_quality
from mse.linkage.population_size import independence_estimate
from simulations import __main__ as command
from simulations import linkage, linkage_ours, linkage_splink
from simulations.linkage_joins import join_by_keys, join_components, join_one_to_one
from simulations.linkage_lists import Setting
from simulations.linkage_scores import BINS, of_pairs, of_truth, pair_scores
from simulations.linkage_tables import linkage_part, lower_bound

SMALL = linkage.Linked(Setting("small", 300, 3, 100, missing=0.15), "plain")


@pytest.fixture(scope="module", autouse=True)
def _small_among_the_lists():
    """The small lists have a place among those of the study, for the seed of their data sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linkage, "LISTS", (*linkage.LISTS, SMALL.lists))
        yield


def expected_overlaps(setting: Setting) -> tuple[float, float]:
    """Persons on the first and second list, and on two others, from the rates by which persons come to a list."""
    rates = np.array([setting.visibility, 1.0])
    shares = setting.n_persons * np.array([setting.visible, 1 - setting.visible])

    def by(time: float) -> np.ndarray:
        return 1 - np.exp(-rates * time)

    listed = by(brentq(lambda time: shares @ by(time) - setting.list_size, 1e-6, 10))
    referred = setting.referred * listed
    own = by(brentq(lambda time: shares @ (referred + (1 - referred) * by(time)) - setting.list_size, 1e-9, 10))
    return float(shares @ (referred + (listed - referred) * own)), float(shares @ listed**2)


@pytest.mark.parametrize("setting", linkage.LISTS[3::4], ids=lambda setting: setting.name)
def test_lists_have_the_dependence_that_is_stated(setting: Setting) -> None:
    """Mean overlaps are those of the rates and of the referrals; of independent lists, those of simple samples."""
    rng = np.random.default_rng(8)
    overlaps = []
    for _ in range(60):
        members = setting.members(rng)
        assert all(len(set(own.tolist())) == setting.list_size for own in members)
        overlaps.append([len(np.intersect1d(members[a], members[b])) for a, b in ((0, 1), (2, 4))])
    expected = np.array(expected_overlaps(setting))
    error = np.std(overlaps, axis=0, ddof=1) / np.sqrt(60)
    assert np.all(np.abs(np.mean(overlaps, axis=0) - expected) < 4 * error)
    chance = setting.list_size**2 / setting.n_persons
    if setting.is_independent:
        assert expected == pytest.approx([chance, chance])
    else:
        assert expected[0] > 1.3 * chance
        assert expected[1] > 1.1 * chance


def test_encodings_are_of_the_same_lists() -> None:
    """What is written on the records that two encodings keep is the same, and so are their persons."""
    plain, keys = (replace(SMALL, encoding=encoding).data_set(3) for encoding in ("plain", "match_keys"))
    columns = [*plain.written.columns, "person"]
    told = [data.written.assign(person=data.true_person) for data in (plain, keys)]
    both = pd.merge(*told, on=columns, how="inner").drop_duplicates()
    assert len(keys.written) < len(plain.written) < 300
    assert len(both) == len(told[1].drop_duplicates()) > 200


def test_the_greedy_join_respects_the_lists() -> None:
    """The order decides, no person is on a list twice, and the result is that of a slow twin."""
    list_of_record = np.array([0, 0, 1, 2])
    assert join_one_to_one(np.array([0, 1, 2]), np.array([2, 2, 3]), list_of_record).tolist() == [0, 1, 0, 0]
    assert join_one_to_one(np.array([1, 0, 2]), np.array([2, 2, 3]), list_of_record).tolist() == [0, 1, 1, 1]
    assert len(set(join_components(np.array([0, 1]), np.array([2, 2]), n_records=4).tolist())) == 2
    rng = np.random.default_rng(9)
    lists = rng.integers(3, size=30)
    left, right = rng.integers(30, size=(2, 80))
    groups = [{record} for record in range(30)]
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        ours, theirs = (next(group for group in groups if record in group) for record in (a, b))
        if ours is not theirs and not {lists[r] for r in ours} & {lists[r] for r in theirs}:
            groups = [group for group in groups if group is not ours and group is not theirs] + [ours | theirs]
    person = join_one_to_one(left, right, lists)
    assert {frozenset(np.flatnonzero(person == own).tolist()) for own in person} == {frozenset(g) for g in groups}
    assert max(len(group) for group in groups) > 1


def test_keys_join_whom_they_tell_apart() -> None:
    """A key of two records of one list joins nobody; a later kind of key goes on from an earlier one."""
    list_of_record = np.array([0, 0, 1, 1, 2])
    first = [["x"], ["x"], ["x"], ["y"], ["y"]]
    assert join_by_keys([first], list_of_record).tolist() == [0, 1, 2, 3, 3]
    second = [["a"], [], [], [], ["a", "b"]]
    assert join_by_keys([first, second], list_of_record).tolist() == [0, 1, 2, 0, 0]


def test_bins_add_up() -> None:
    """Each pair is in one bin, its lower end included, and the sums are those of all pairs."""
    person = np.array([0, 0, 1, 1, 2])
    left, right = np.array(list(combinations(range(5), 2))).T
    probability = np.array([0.0, 0.05, 0.1, 0.3, 0.55, 0.7, 0.999, 0.9, 1.0, 0.2])
    told = of_pairs(left, right, probability, person)
    pairs, expected, true = ([told[f"{what}_{own}"] for own in range(BINS)] for what in ("pairs", "expected", "true"))
    assert pairs == [2, 1, 1, 1, 0, 1, 0, 1, 0, 3]
    assert sum(expected) == pytest.approx(probability.sum())
    assert sum(true) == 2
    assert told["true_0"] == 1
    assert told["true_9"] == 1


def test_scores_are_those_of_the_package() -> None:
    """Precision, recall and F1 agree with `linkage_quality`, and the N of perfect linkage with Darroch's equation."""
    data = SMALL.data_set(1)
    rng = np.random.default_rng(10)
    draws = np.stack([np.where(rng.random(len(data.true_person)) < 0.2, 1000, data.true_person) for _ in range(3)])
    links = data.joined(draws)
    records = data.linkable.records
    truth = pd.DataFrame({"register": records["list"], "row": records["record"], "person": data.true_person})
    quality = linkage_quality(links, truth)
    told = pair_scores(links, data.true_person)
    assert told == pytest.approx({"precision": quality.precision, "recall": quality.recall, "f1": quality.f1})
    perfect = of_truth(data)
    sizes = np.bincount(data.list_of_record)
    assert perfect["n_hat_perfect"] == pytest.approx(independence_estimate(sizes, perfect["n_persons_true"]))
    assert perfect["n_low_perfect"] < perfect["n_hat_perfect"] < perfect["n_high_perfect"]


@pytest.mark.parametrize("method", ["ours", "exact", pytest.param("splink", marks=pytest.mark.slow)])
def test_every_method_fills_its_columns(method: str) -> None:
    """On small lists each method tells what its file has room for, of the same true persons, and links most of them."""
    data = SMALL.data_set(0)
    row = linkage.METHODS[method].row(data, seed=0)
    columns = linkage.rows_of("sparse-10", method, Path()).columns
    assert set(columns) - set(row) <= {name for name in columns if name.endswith(("no_estimate", "refused"))}
    assert set(row) <= set(columns)
    assert row["n_persons_true"] == len(set(data.true_person.tolist()))
    best = {"ours": "", "splink": "one_to_one_0.5_", "exact": "passes_"}[method]
    assert row[f"{best}f1"] > 0.5
    if method == "ours":
        draws = sum(row[f"expected_{own}"] for own in range(BINS))
        true_pairs = data.joined(data.true_person).persons[0]
        n_true = sum(size * (size - 1) / 2 for size in np.bincount(true_pairs))
        assert row["recall"] == pytest.approx(row["precision"] * draws / n_true, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["bloom", "match_keys"])
def test_splink_links_encoded_lists(encoding: linkage.Encoding) -> None:
    """Field filters and match keys are enough for Splink to find most persons of small lists."""
    row = linkage_splink.row(replace(SMALL, encoding=encoding).data_set(0), seed=0)
    assert row["one_to_one_0.5_f1"] > 0.6
    assert row["one_to_one_0.5_precision"] > 0.8


def test_committed_rows_of_exact_joins_are_made_again() -> None:
    """The first data set of the committed rows gives today what it gave then."""
    held = linkage.rows_of("sparse-10", "exact", command.RESULTS).frame().loc[0]
    row = linkage.row("sparse-10", "exact", 0)
    for column in ("n_persons_true", "n_hat_perfect", "exact_f1", "passes_f1", "passes_n_hat"):
        assert held[column] == pytest.approx(row[column], rel=1e-6)


def test_rows_of_another_sampler_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are neither added to nor shown, and deleted on request; rows of today's sampler are not."""
    rows = linkage.rows_of("sparse-10", "ours", tmp_path)
    rows.complete(lambda number: {"f1": 0.9}, range(2), chunk=2)
    assert linkage.discard_others(["sparse-10"], tmp_path) == []
    assert len(rows.frame()) == 2
    later = {**linkage.METHODS["ours"].settings, "sampler": linkage_ours.SAMPLER + 1}
    monkeypatch.setitem(linkage.METHODS, "ours", replace(linkage.METHODS["ours"], settings=later))
    other = linkage.rows_of("sparse-10", "ours", tmp_path)
    with pytest.raises(BadInput, match="made with other settings"):
        other.complete(lambda number: {"f1": 0.9}, range(3), chunk=1)
    with pytest.raises(BadInput, match="made with other settings"):
        other.frame()
    assert linkage.discard_others(["sparse-10"], tmp_path) == [other.path]
    assert other.frame().empty


def test_filters_are_not_joined_exactly() -> None:
    """Every setting has its methods, and no setting of another name has any."""
    assert linkage.methods_of("large-30-dependent-bloom") == ["ours", "splink"]
    assert linkage.methods_of("large-30-dependent-keys") == ["ours", "splink", "exact"]
    assert len(linkage.SETTINGS) == 24
    with pytest.raises(BadInput, match="setting"):
        linkage.run(["middling"], Path())
    with pytest.raises(BadInput, match="method"):
        linkage.run(["sparse-10"], Path(), methods=["by hand"])


def test_the_lower_bound_of_a_coverage() -> None:
    """Of n that are all covered, the bound is the n-th root of 5 %; of none, nothing."""
    assert lower_bound(20, 20) == pytest.approx(100 * 0.05 ** (1 / 20))
    assert lower_bound(0, 20) == 0.0
    assert lower_bound(100, 117) == pytest.approx(78.9, abs=0.2)


def test_the_tables_say_what_the_rows_say(tmp_path: Path) -> None:
    """By hand: errors of N and of persons, coverage and its bound, the verdicts, the costs and the bins."""

    def made(setting: str, method: str, **own: float):
        truth = {"n_left_out": 150, "n_persons_true": 1000, "n_hat_perfect": 5000.0}
        perfect = {"n_low_perfect": 4500.0, "n_high_perfect": 5500.0}
        return (
            linkage.rows_of(setting, method, tmp_path),
            lambda number: (
                {**truth, **perfect, **own} | ({"n_persons_high": 1010.0} if method == "ours" and number else {})
            ),
        )

    ours = {"precision": 0.9, "recall": 0.9, "f1": 0.9, "n_persons": 990.0, "n_hat": 5200.0}
    ours |= {"n_persons_low": 980.0, "n_persons_high": 995.0, "linked_low": 5100.0, "linked": 5200.0}
    ours |= {"linked_high": 5300.0, "n_low": 4700.0, "n_high": 5900.0, "linkage_share": 0.2, "r_hat": 1.01}
    ours |= {"pairs_9": 100, "expected_9": 95.0, "true_9": 80}
    splink = {f"{name}_f1": 0.85 for name in linkage_splink.VARIANTS} | {"components_0.9_f1": 0.95}
    splink |= {"one_to_one_0.5_n_hat": 5500.0, "one_to_one_0.5_n_low": 5225.0, "one_to_one_0.5_n_high": 5775.0}
    splink |= {"one_to_one_0.5_n_persons": 1100.0, "one_to_one_0.9_no_estimate": "none"}
    for encoding in ("", "-bloom", "-keys"):
        for method, own in (("ours", ours), ("splink", splink)):
            rows, make = made(f"sparse-10{encoding}", method, **own)
            rows.complete(make, range(4), chunk=4)
    told = linkage_part(tmp_path)
    assert "| `sparse-10` | 4 / 4 | -1.00 (0.00) | +10.00 (0.00) |" in told
    assert "| `sparse-10` | 4 / 4 | +4.0 (0.0) | +10.0 (0.0) | no estimate |" in told
    assert "| `sparse-10` | 4 | 0 | 3 of 4 | 2.62 | 0 of 4 | 4 of 4 | 1.20 | 4 of 4 | 4 of 4 | 0.20 | 1.010 |" in told
    assert f"plain fields: 3 of 4, 75 % (at least {lower_bound(3, 4):.0f} %)" in told
    assert "| +4.0 (0.0) | 3 | **no** | Splink, components 0.9 | -0.050 (0.000) | **no** |" in told
    costs = (
        "| `sparse-10` | field filters | 10.0 | 0.900 (0.000) | +4.0 (0.0) | 23 | 0.850 (0.000) | +10.0 (0.0) | 10 |"
    )
    assert costs in told
    assert "| 0.9-1.0 | 0.95: 0.80 of 400 |" in told
