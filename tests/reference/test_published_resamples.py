"""Published bootstrap limits on the very resamples that the authors drew.

Both papers resample with R's generator (Mersenne Twister, `rmultinom`) and seed 1234. Those resamples were drawn again
outside R, for 2021 with the histories in the order of SparseMSE's table, for 2024 in the order of
MultipleSystemsEstimation (by number of lists, then position), and stand in `data/*_r_resamples.csv`. That they are the
same shows in the published counts of table 4 of 2024, which are met one by one. What differs from print is asserted
with its reason.
"""

import json
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mse.datasets import load_dataset
from mse.models.loglinear import stability
from mse.models.loglinear.bootstrap import BCa, Resampling, choose_in_resamples, choose_without_one, one_person_less
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.downhill import Downhill
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.stepwise import Stepwise
from mse.models.loglinear.terms import all_terms
from mse.reproduce.comparing import published_limits

DATA = Path(__file__).parent / "data"
PEERS = pd.read_csv(Path(__file__).parent / "peers.csv")
METHOD = "stepwise pthresh=0.02 BCa bootstrap nboot=1000 seed=1234"
# One resample of Western gives the estimate itself, and R's rounding counts it as below. As a tie it is not below:
# the upper limit is then 3,670, as printed in 2021, and not 3,672, as R 4.2.2 gives.
STEPWISE = {"NewOrl_5": (589, 1703), "Western": (1293, 3670)}

slow = partial(pytest.param, marks=pytest.mark.slow)
TIES = 3.0  # R counts some of the resamples of Korea that give the estimate itself as below it, which moves its limits


def resamples_of(dataset):
    """The authors' resamples, on all cells."""
    table = pd.read_csv(DATA / f"{dataset}_r_resamples.csv")
    resamples = np.zeros((len(table), 2 ** len(table.columns[0])))
    resamples[:, [int(history, 2) for history in table.columns]] = table.to_numpy()
    return resamples


@cache
def curve(dataset, max_order, ordering=1):
    """Limits against n_top on the authors' resamples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability, "draw_resamples", lambda *_, **__: resamples_of(dataset))
        return stability.stability_curve(
            load_dataset(dataset),
            n_top=(1, 2, 5, 10, None),
            ordering=ordering,
            max_order=max_order,
            n_boot=1000,
            seed=0,
        )


@cache
def downhill(dataset, orders):
    """The rules of the walks from main effects, by largest order."""
    histories = load_dataset(dataset)
    counts, _ = full_table(histories)
    search = Downhill.within(histories, Criterion(), None, (), ())
    drawn = [search.ends(resample, orders) for resample in resamples_of(dataset)]
    tables, weights = one_person_less(counts)
    left_out = [search.ends(table, orders) for table in tables]
    return {
        order: BCa.of(Resampling.of([one[j] for one in drawn]).totals, end.n_hat, [one[j] for one in left_out], weights)
        for j, (order, end) in enumerate(zip(orders, search.ends(counts, orders), strict=True))
    }


def printed(task, *places):
    """The published limits of a task, of some of the tables."""
    return [one for one in published_limits() if one.task == task and one.place in places and one.quantity != "n_hat"]


@pytest.mark.parametrize("dataset", STEPWISE)
def test_stepwise_limits_of_2021(dataset):
    """Ours are SparseMSE's to seven digits and the published ones to the printed digit, lower ends included."""
    histories, resamples = load_dataset(dataset), resamples_of(dataset)
    counts, possible = full_table(histories)
    chooser = Stepwise(np.array(all_terms(histories.n_lists, 2), dtype=np.int64), possible, histories.n_lists)
    assert (resamples.sum(axis=1) == counts.sum()).all()
    n_hat = chooser.best(counts)[0].n_hat
    totals = choose_in_resamples(chooser, resamples).totals
    rule = BCa.of(totals, n_hat, choose_without_one(chooser, counts), counts[counts > 0])
    row = PEERS[(PEERS["dataset"] == dataset) & (PEERS["method"] == METHOD)].iloc[0]
    other = json.loads(row["other"])
    assert n_hat == pytest.approx(row["estimate"], rel=1e-6)
    assert rule.acceleration == pytest.approx(other["ahat"], rel=1e-6)
    assert np.median(totals) == pytest.approx(other["boot_median"], rel=1e-6)
    assert totals.max() == pytest.approx(other["boot_max"], rel=1e-6)
    limits = rule.at(0.95)
    assert limits.low == pytest.approx(row["lower"], rel=1e-6) == totals.min()
    assert limits.high == pytest.approx(row["upper"], rel=1e-6 if dataset == "NewOrl_5" else 1e-3)
    low, high = STEPWISE[dataset]
    assert round(limits.low) == low
    assert int(limits.high) == high  # cut, not rounded, in print: 1,703.69 and 3,670.56


@pytest.mark.parametrize(
    ("dataset", "max_order"),
    [("Kosovo", 3), slow("UKdat_5", 4), slow("UKdat_5", 2), slow("NewOrl_5_n186", 4), slow("NewOrl_5_n186", 2)],
)
def test_ranks_of_2024(dataset, max_order):
    """Table 4 count by count: how many of the 1,000 best models are among the first n_top."""
    ranks = curve(dataset, max_order).ranks
    rows = printed(f"{dataset} exhaustive order {max_order}", "table 4")
    assert [int(np.sum(ranks <= one.n_top)) for one in rows] == [int(one.printed) for one in rows]
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("dataset", "max_order"),
    [("Kosovo", 3), ("Korea", 2), slow("UKdat_5", 4), slow("NewOrl_5_n186", 4), slow("NewOrl_5_n186", 2)],
)
def test_limits_of_2024(dataset, max_order):
    """Tables 2, 3, 5 and 6 to the printed digit, but for ties in Korea and one row of table 5."""
    rows = printed(f"{dataset} exhaustive order {max_order}", "table 2", "table 3", "table 5", "table 6")
    for one in rows:
        n_top = None if one.n_top == np.inf else int(one.n_top)
        limits = curve(dataset, max_order, one.ordering).interval(n_top, level=int(one.quantity[-2:]) / 100)
        ours = limits.low if one.quantity.startswith("low") else limits.high
        if one.place == "table 5" and (n_top, one.ordering) == (5, 1):
            # 7,900 to 17,400 in table 5; table 2 prints what these resamples give for the same interval.
            assert abs(ours - one.printed) > 100
        else:
            assert abs(ours - one.printed) <= one.slack + (TIES if dataset == "Korea" else 0.0), one
    assert rows


@pytest.mark.parametrize(
    ("dataset", "orders"),
    [("Kosovo", (3, 2)), slow("Korea", (2,)), slow("NewOrl_5_n186", (4, 2)), slow("UKdat_5", (4, 2)),
     slow("UKdat", (5, 2)), slow("NewOrl_n186", (7, 2))],
)  # fmt: skip
def test_downhill_limits_of_2024(dataset, orders):
    """Table 6 to the printed digit, with walks from main effects alone."""
    for order in orders:
        low, high = printed(f"{dataset} downhill order {order}", "table 6")
        limits = downhill(dataset, orders)[order].at(0.95)
        slack = 0.5 + (TIES if dataset == "Korea" else 0.0)
        assert limits.low == pytest.approx(low.printed, abs=slack)
        assert limits.high == pytest.approx(high.printed, abs=slack)


@pytest.mark.parametrize(
    ("dataset", "largest", "own"),
    [("Kosovo", 3, (12_524.8, 16_477.5)), slow("UKdat_5", 4, (11_753.6, 43_894.1))],
)
def test_two_rows_of_table_6_rest_on_the_acceleration_of_another_search(dataset, largest, own):
    """Over all models of order 2 the published limits come out with the jackknife of all orders, and only with it."""
    pairs, everything = curve(dataset, 2), curve(dataset, largest)
    rule, other = (
        BCa.of(one.totals(None), one.n_hat, [chosen.among(None) for chosen in one.left_out], one.weights)
        for one in (pairs, everything)
    )
    low, high = printed(f"{dataset} exhaustive order 2", "table 6")
    mixed = BCa(rule.totals, rule.z0, other.acceleration).at(0.95)
    assert (round(mixed.low), round(mixed.high)) == (low.printed, high.printed)
    assert (rule.at(0.95).low, rule.at(0.95).high) == pytest.approx(own, abs=0.05)
