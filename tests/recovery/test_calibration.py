"""The machinery of the calibrations: a right sampler has even ranks, a wrong one has not, and nothing is dropped."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mse.errors import NotConverged, Refused
from mse.histories import CaptureHistories
from mse.models.bayes.pooled_density import PooledPrior, PooledTarget, parameters
from mse.models.bayes.strata_effects import strata_effects
from simulations import __main__ as command
from simulations import thresholding
from simulations.calibrated import CALIBRATIONS
from simulations.calibration import LONGER, RANKS, Calibration, Sample, row_of, uniformity
from simulations.calibration_decomposable import DECOMPOSABLE
from simulations.calibration_loglinear import histories_of, log_linear_cells
from simulations.calibration_multilevel import MULTILEVEL
from simulations.calibration_tables import LEVEL, frame_of
from simulations.thresholding_tables import thresholding_part


def toy(sample, *, ends=(1, 10**9), name="toy") -> Calibration:
    """A truth N(0, 1) seen once with a normal error of 1, far from zero so that it lies between the ends."""

    def data_set(number: int):
        random = np.random.default_rng([7, number])
        truth = random.normal()
        seen = round(1e6 * (truth + random.normal())) + 10**7
        return {"n": truth}, CaptureHistories(("A", "B"), np.array([5, 5, seen]))

    return Calibration(name, "a toy", {"n": "N"}, ends, 7, {"lists": 2}, data_set, sample)


def toy_sample(spread: float):
    def sample(histories, seed, length, allow_unconverged):
        seen = (histories.counts[2] - 10**7) / 1e6
        draws = np.random.default_rng([9, seed]).normal(seen / 2, spread * np.sqrt(0.5), 400)
        return Sample({"n": draws}, np.full((400, 1), 100.0))

    return sample


def test_ranks_are_even_for_the_right_posterior_alone() -> None:
    """Draws of the posterior of a normal mean; half as wide or twice as wide they are found out."""
    ranks = {
        spread: [row_of(toy(toy_sample(spread)), number)["rank"] for number in range(300)] for spread in (0.5, 1, 2)
    }
    p_values = {spread: uniformity(np.array(found))[1] for spread, found in ranks.items()}
    assert p_values[1] > LEVEL
    assert max(p_values[0.5], p_values[2]) < 1e-6


def test_chains_that_do_not_converge_run_longer_and_keep_their_rank() -> None:
    """The second attempt is longer and takes what there is; the row tells of both."""
    asked = []

    def sample(histories, seed, length, allow_unconverged):
        asked.append((length, allow_unconverged))
        if not allow_unconverged:
            raise NotConverged("too short")
        draws = np.linspace(-3, 3, 500)
        return Sample({"n": draws}, np.full((500, 1), 100.0), {"r_hat": 1.2, "ess_bulk": 300.0, "converged": 0.0})

    row = row_of(toy(sample), 0)
    assert asked == [(1, False), (LONGER, True)]
    assert (row["length"], row["converged"], row["runs"]) == (LONGER, 0, 1)
    assert 0 <= row["rank"] <= 99


def test_few_draws_between_the_ends_are_joined_with_those_of_other_seeds() -> None:
    """One draw in eight lies between the ends, so that runs are joined until there are enough for the ranks."""
    seeds = []

    def sample(histories, seed, length, allow_unconverged):
        seeds.append(seed)
        totals = np.where(np.arange(400) % 8 == 0, 100.0, 1e6)[:, None]
        return Sample({"n": np.zeros(400)}, totals, {"ess_bulk": 400.0, "converged": 1.0})

    row = row_of(toy(sample, ends=(50, 200)), 0)
    assert len(set(seeds)) == row["runs"] == 2
    assert row["inside"] == pytest.approx(1 / 8)


def test_a_refusal_is_a_row() -> None:
    """It has no rank, and the reason stands in the row."""

    def sample(histories, seed, length, allow_unconverged):
        raise Refused("no posterior")

    row = row_of(toy(sample), 0)
    assert row["refused"] == "no posterior"
    assert "rank" not in row


@pytest.mark.parametrize("calibration", CALIBRATIONS, ids=lambda each: each.name)
def test_data_sets_are_the_same_whichever_others_are_drawn(calibration: Calibration) -> None:
    """Truth and counts follow from the number alone, and N lies between the ends, or near them where it is expected."""
    calibration.data_set(6)
    first, again, other = (calibration.data_set(number) for number in (7, 7, 8))
    assert first[0] == again[0]
    assert first[1].counts.tolist() == again[1].counts.tolist() != other[1].counts.tolist()
    assert set(first[0]) == set(calibration.ranked)
    assert calibration.ends[0] <= first[0]["n"] <= calibration.ends[1] * first[1].n_strata


def test_cells_have_the_interactions_and_the_hidden_persons_that_were_asked() -> None:
    """Log odds ratios of the shares, and the ratio of the first cell to the rest."""
    shares = log_linear_cells(np.array([0.5, -0.2, -0.3]), np.array([0.7, -0.4, 0.1]), np.log(2.5))
    assert shares.sum() == pytest.approx(1)
    assert shares[0] / shares[1:].sum() == pytest.approx(2.5)
    a, b, c = 4, 2, 1
    for pair, size in ((a | b, 0.7), (a | c, -0.4), (b | c, 0.1)):
        first, second = (bit for bit in (a, b, c) if bit & pair)
        assert np.log(shares[pair] * shares[0] / (shares[first] * shares[second])) == pytest.approx(size)
    assert np.log(shares[7] * shares[a] * shares[b] * shares[c]) == pytest.approx(
        np.log(shares[0] * shares[a | b] * shares[a | c] * shares[b | c])
    )


def test_the_density_of_multilevel_is_of_the_model_that_data_come_from() -> None:
    """At any position its shares of the histories are those of the data, made from its lists, interactions, hidden."""
    histories = MULTILEVEL.data_set(0)[1]
    on = histories_of(histories.n_lists)[1:]
    pairs = np.column_stack([on[:, a] * on[:, b] for a, b in combinations(range(histories.n_lists), 2)])
    effects = strata_effects(histories.strata, histories.covariates, None)
    target = PooledTarget.of(
        histories.counts.T.astype(float), np.hstack([on, pairs]).astype(float), 3, effects, PooledPrior(0.0, 1.5)
    )
    values = parameters(target, np.random.default_rng(1).normal(size=target.n_coordinates))
    for s in range(histories.n_strata):
        made = log_linear_cells(values.list_effects[s], values.interactions[s], values.log_hidden[s])
        assert np.log(made[1:] / made[1:].sum()) == pytest.approx(values.log_shares[s], abs=1e-9)


def test_the_rows_hold_the_bound() -> None:
    """Every rank of every model whose rows are committed."""
    found = [
        (each.name, column, uniformity(frame[column].dropna().to_numpy())[1])
        for each in CALIBRATIONS
        if len(frame := frame_of(each.name, command.RESULTS))
        for column in each.ranks.values()
    ]
    assert found
    assert [one for one in found if one[2] < LEVEL] == []


def test_committed_rows_are_made_again() -> None:
    """The first data sets of the quickest model give today what the rows say."""
    held = frame_of("decomposable", command.RESULTS)
    for number in range(3):
        again = row_of(DECOMPOSABLE, number)
        for column in ("true_n", "n_observed", "rank", "inside"):
            assert held.loc[number, column] == pytest.approx(again[column], rel=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("calibration", CALIBRATIONS, ids=lambda each: each.name)
def test_committed_rows_of_every_model_are_made_again(calibration: Calibration) -> None:
    """As above, for those that take seconds: the same data, and ranks as near as those of two runs are.

    No-U-Turn draws differ in the last digit between processors, and after some steps altogether.
    """
    held = frame_of(calibration.name, command.RESULTS).loc[1]
    again = row_of(calibration, 1)
    for column in [f"true_{name}" for name in calibration.ranked] + ["n_observed"]:
        assert held[column] == pytest.approx(float(again[column]), rel=1e-7)
    error_of_two = np.sqrt(2 * RANKS) / 2
    for column in calibration.ranks.values():
        assert held[column] == pytest.approx(float(again[column]), abs=3 * error_of_two)


def test_the_table_of_thresholding_says_when_seeds_differ(tmp_path: Path) -> None:
    """Eighteen seeds in twenty are below 95 %; a set of all seeds is not."""

    def made(seed: int):
        rare = seed > 18
        return {"model": "[A,B]" if rare else "[A][B]", "n_hat": 9.0, "low": 8.0, "high": 10.0} | {
            "same_set_probability": 0.8
        }

    thresholding.seeds_rows("kosovo-proper", tmp_path).complete(made, range(1, 21), chunk=20)
    thresholding.seeds_rows("ukdat5-proper", tmp_path).complete(lambda seed: made(1), range(1, 21), chunk=20)
    lines = [
        line.split(" | ") for line in thresholding_part(tmp_path).splitlines() if line.startswith(("| Kos", "| UK"))
    ]
    assert [(cells[4], cells[5], cells[-1].rstrip(" |")) for cells in lines] == [
        ("[A][B]", "100", "yes"),
        ("[A][B]", "90", "NO"),
        ("[A,B]", "10", "NO"),
    ]


def test_recovery_data_have_their_interactions() -> None:
    """Over many data sets the odds ratio of A and B given nobody else is that of the truth."""
    counts = np.sum([thresholding.data_set("one", number).counts for number in range(300)], axis=0)
    hidden = 300 * thresholding.N - counts.sum()
    ratio = np.log(counts[12 - 1] * hidden / (counts[8 - 1] * counts[4 - 1]))
    error = np.sqrt((1 / np.array([counts[11], hidden, counts[7], counts[3]])).sum())
    assert ratio == pytest.approx(thresholding.TRUTHS["one"]["AB"], abs=4 * error)
    assert thresholding.data_set("weak", 3).counts.tolist() == thresholding.data_set("weak", 3).counts.tolist()
