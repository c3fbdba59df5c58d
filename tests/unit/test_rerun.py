"""Published bootstrap limits: what agrees means, and a run of many seeds that can be stopped."""

import json
from dataclasses import replace
from functools import partial
from math import exp, inf

import numpy as np
import pandas as pd
import pytest

from mse.cli import research
from mse.cli.printing import Format
from mse.errors import BadInput
from mse.reproduce import figures, rerun, rerunning
from mse.reproduce.comparing import PublishedLimit, compare_limits, published_limits
from mse.reproduce.tasks import TASKS, Found, Task, limits_of

KOREA, STEPWISE = Task("Korea", "exhaustive", (2,)), Task("Western", "stepwise")
PRINTED = PublishedLimit("w", "table 1", "t", "low_95", 0.0, 0, 100.0, 0.5, "")


def verdict(one, values, n_boot=1000):
    """The row that compares one published number with those of the seeds."""
    results = pd.DataFrame(
        {"task": "t", "seed": range(len(values)), "quantity": one.quantity, "n_top": one.n_top, "ordering": 0,
         "value": np.array(values, dtype=float)}
    )  # fmt: skip
    return compare_limits([one], results, n_boot=n_boot).iloc[0]


def test_limit_agrees_between_the_outer_hundredths_of_a_normal():
    """By hand: logs 4, 5, 6 have mean 5 and spread 1, times the root of 4/3 for the seed that was published."""
    row = verdict(PRINTED, np.exp([4.0, 5.0, 6.0]))
    reach = 2.3263478740408408 * (4 / 3) ** 0.5
    assert row["from"] == pytest.approx(exp(5 - reach) - 0.5)
    assert row["to"] == pytest.approx(exp(5 + reach) + 0.5)
    assert row["ours"] == pytest.approx(exp(5))


@pytest.mark.parametrize(
    ("printed", "slack", "told"),
    [(100, 0.5, "agrees"), (103, 0.5, "agrees"), (103.4, 0.5, "differs"), (90, 0.5, "differs"), (110, 10, "agrees")],
)
def test_limit_outside_differs_unless_it_was_rounded(printed, slack, told):
    """Seeds at 99, 100 and 101 leave room from 97.3 to 102.7, and rounding in print adds its half unit."""
    one = replace(PRINTED, printed=float(printed), slack=slack)
    assert verdict(one, [99, 100, 101])["verdict"] == told


def test_point_agrees_to_half_a_unit():
    """All seeds give the same point, which leaves rounding only."""
    assert verdict(replace(PRINTED, quantity="n_hat"), [100.49] * 20)["verdict"] == "agrees"
    assert verdict(replace(PRINTED, quantity="n_hat"), [100.51] * 20)["verdict"] == "differs"


@pytest.mark.parametrize(("printed", "told"), [(410, "differs"), (412, "agrees"), (588, "agrees"), (590, "differs")])
def test_count_agrees_within_four_errors_of_a_difference(printed, told):
    """Around 500 of 1,000 the error of a difference is 22.4, and four of them 89.4."""
    one = replace(PRINTED, quantity="within", n_top=5.0, printed=float(printed), slack=0.0)
    assert verdict(one, [499, 501])["verdict"] == told


def test_all_of_the_resamples_leave_no_room():
    """Where every resample is within, a published 999 differs."""
    one = replace(PRINTED, quantity="within", printed=1000.0, slack=0.0)
    assert verdict(one, [100, 100], n_boot=100)["verdict"] == "agrees"
    assert verdict(replace(one, printed=999.0), [100, 100], n_boot=100)["verdict"] == "differs"


def test_fewer_resamples_leave_more_room():
    """Counts are brought to 1,000, and the error of 100 resamples is that of 100."""
    one = replace(PRINTED, quantity="within", printed=500.0, slack=0.0)
    row = verdict(one, [40, 40], n_boot=100)
    assert row["ours"] == 400
    assert (row["to"] - row["from"]) / 8 == pytest.approx(1000 * (0.24 * (1 / 100 + 1 / 1000)) ** 0.5)


def test_number_that_no_seed_has_is_refused_and_not_agreed():
    """A limit that is not defined has no number of ours beside it."""
    row = verdict(replace(PRINTED, task="another"), [100.0, 100.0])
    assert row["verdict"] == "refused"
    assert row["seeds"] == 0


def test_infinite_limit_leaves_the_upper_side_open():
    """A seed without an upper end says nothing against a large published one."""
    assert verdict(replace(PRINTED, printed=1e6), [90, inf])["verdict"] == "agrees"
    assert verdict(replace(PRINTED, printed=80.0), [90, inf])["verdict"] == "differs"


def test_published_numbers_name_tasks_and_no_number_twice():
    """Each is what one of the tasks computes; two places that print the same quantity are two rows."""
    names = {work: {name for task in tasks for name in task.names} for work, tasks in TASKS.items()}
    assert all(one.task in names[one.work] for one in published_limits())
    assert {one.work for one in published_limits()} == set(TASKS)
    keys = [(one.place, *one.key) for one in published_limits()]
    assert len(set(keys)) == len(keys)
    assert {one.task for one in published_limits()} == set().union(*names.values())


def test_one_seed_of_a_search_over_all_models():
    """Korea has six models with an answer: all resamples' best models are among the first ten."""
    (rows,) = limits_of(KOREA, seed=1, n_boot=100).values()
    found = {(one.quantity, one.n_top, one.ordering): one.value for one in rows}
    assert found["n_hat", 0, 0] == pytest.approx(157 + 1 / 6)
    assert found["within", 10, 1] == found["within", 10, 2] == 100
    assert found["within", 1, 1] < 100
    lowest = found["low_95", inf, 1]
    assert found["low_95", 60, 1] == pytest.approx(lowest, rel=1e-9)
    assert found["low_95", inf, 2] == pytest.approx(lowest, rel=1e-9)
    assert lowest <= found["low_80", inf, 1] < found["high_80", inf, 1] <= found["high_95", inf, 1]
    assert found["rank_25", 0, 1] >= 2  # of those resamples that choose another model than the original table


@pytest.fixture
def small(monkeypatch):
    """A publication of two tasks that take a moment, one of its numbers right and one wrong."""
    monkeypatch.setitem(TASKS, "csv2021", (KOREA, STEPWISE))
    told = [one for one in published_limits() if one.task in STEPWISE.names and one.quantity == "n_hat"]
    wrong = replace(told[0], quantity="high_95", printed=36700.0)
    monkeypatch.setattr(rerunning, "published_limits", lambda: (*told, wrong))
    return {"n_seeds": 2, "n_boot": 50}


def test_wrong_number_is_told(small):
    """The comparison of a real run can fail: a limit with a digit too many differs."""
    assert rerun("csv2021", **small)["verdict"].tolist() == ["agrees", "differs"]


def test_stopped_run_goes_on_to_the_same_bytes(small, tmp_path, monkeypatch):
    """What was done is not done again, and the folder ends as if nothing had happened; n_jobs changes nothing."""
    rerun("csv2021", **small, out=tmp_path / "whole")
    calls = []

    def stopped(task, **options):
        calls.append(task)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return limits_of(task, **options)

    monkeypatch.setattr(rerunning, "limits_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        rerun("csv2021", **small, out=tmp_path / "halves", n_jobs=2)
    assert len(set(pd.read_csv(tmp_path / "halves" / "seeds.csv")["task"])) == 2
    rerun("csv2021", **small, out=tmp_path / "halves", n_jobs=2)
    assert len(calls) == 5  # two done, one stopped, and the two that were left
    for name in ("seeds.csv", "comparison.csv", "run.json"):
        assert (tmp_path / "halves" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_command_prints_published_beside_ours(small, tmp_path, capsys):
    """The table names the verdicts and where the numbers are; JSON holds every column."""
    command = partial(research.reproduce, "csv2021", None, small["n_seeds"], small["n_boot"], tmp_path, 1)
    command(Format.table)
    shown = capsys.readouterr().out
    assert "Western stepwise" in shown
    assert "1 of 2 published numbers agree" in shown
    assert str(tmp_path) in shown
    command(Format.json)
    assert [row["verdict"] for row in json.loads(capsys.readouterr().out)] == ["agrees", "differs"]


def test_command_refuses_a_choice_among_points(tmp_path):
    """--only belongs to the comparison of point estimates."""
    with pytest.raises(BadInput, match="--only Korea chooses among point estimates and does not go with csv2021"):
        research.reproduce("csv2021", ["Korea"], 2, 20, tmp_path, 1, Format.table)


def test_another_run_is_not_mixed_in(small, tmp_path):
    """A folder with other resamples is bad input, and says in what it differs."""
    rerun("csv2021", **small, out=tmp_path)
    with pytest.raises(BadInput, match="another run, which differs in n_boot; give another folder"):
        rerun("csv2021", n_seeds=2, n_boot=51, out=tmp_path)


@pytest.mark.parametrize(
    ("work", "n_seeds", "told"),
    [("scv1999", 2, "no publication with resamples named 'scv1999'"), ("csv2021", 1, "n_seeds=1 shows no spread")],
)
def test_what_cannot_be_run_is_answered_first(work, n_seeds, told):
    """An unknown publication and a single seed are bad input."""
    with pytest.raises(BadInput, match=told):
        rerun(work, n_seeds=n_seeds)


def test_figures_are_the_same_bytes_for_the_same_numbers(tmp_path):
    """Four figures; the same numbers in another order draw the same bytes."""
    results = made_up()
    first = figures.draw_figures(results, tmp_path / "a", kinds=("svg",))
    again = figures.draw_figures(results[::-1], tmp_path / "b", kinds=("svg",))
    assert [path.name for path in first] == [f"figure{n}.svg" for n in (1, 2, 3, 4)]
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(first, again, strict=True))


def made_up():
    """Numbers of two seeds for every task that a figure shows."""
    found = [Found("n_hat", 0, 0, 1000.0)]
    for ordering in (1, 2):
        for n_top in (1, 60, inf):
            found += [Found(f"{end}_{level}", n_top, ordering, {"low": 500.0, "high": 3000.0}[end] + level + ordering)
                      for end in ("low", "high") for level in (95, 80)]  # fmt: skip
        found += [Found(f"rank_{share}", 0, ordering, share * ordering) for share in (5, 25, 50, 75, 95)]
    rows = [
        (name, seed, *one[:3], one.value * seed)
        for task in TASKS["scv2024"]
        for name in task.names
        for seed in (1, 2)
        for one in found
    ]
    return pd.DataFrame(rows, columns=rerunning.COLUMNS)
