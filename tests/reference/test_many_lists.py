"""Stepwise and downhill search against other software and published tables."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mse.datasets import load_dataset
from mse.models.loglinear.downhill import downhill_ranking
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.stepwise import stepwise_path

RTOL_SAME_MLE = 1e-6  # R stops iterating at a relative change of the deviance of 1e-8
ATOL_DEVIANCE = 1e-6  # in units of -2 log L
RTOL_STANDARD_ERROR = 1e-4  # R inverts the information of the last but one iteration

PEERS = pd.read_csv(Path(__file__).parent / "peers.csv")
STEPWISE = PEERS[
    PEERS["function"].isin(["estimatepopulation.0", "estimate_population_stepwise"])
    & PEERS["method"].str.contains("pthresh")
]


def _threshold(method: str) -> float:
    return float(method.split("pthresh=")[1].split()[0].rstrip(")"))


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row.dataset}-{row.package}-{row.method[:24]}") for row in STEPWISE.itertuples()],
)
def test_stepwise_of_other_packages(row):
    """The same model, total, deviance and Wald limits at every threshold (R 4.2.2, run 2026-11-22)."""
    h, theirs = load_dataset(row.dataset), json.loads(row.other)
    path = stepwise_path(h, p=_threshold(row.method))
    last = path.steps.iloc[-1]
    assert last["n_hat"] == pytest.approx(row.estimate, rel=RTOL_SAME_MLE)
    if "coefs" not in theirs:
        return
    terms = {name for name in theirs["coefs"] if ":" in name} | {*theirs["emptyoverlaps"]}
    assert {path.model.name_of(term) for term in path.model.interactions} == terms
    assert last["deviance"] == pytest.approx(theirs["deviance"], abs=ATOL_DEVIANCE)
    interval = fit_loglinear(h, path.model, interval="log-normal").interval()
    assert (interval.low, interval.high) == pytest.approx((row.lower, row.upper), rel=RTOL_STANDARD_ERROR)


@pytest.mark.parametrize(("p", "n_hat"), [(0.001, 121_530), (0.05, 68_246)])
def test_stepwise_of_the_netherlands_hangs_on_the_threshold(p, n_hat):
    """SparseMSE 2.0.1, R 4.2.2, run 2026-11-22, on the six lists of 2010-2015: half the number at another threshold."""
    assert stepwise_path(load_dataset("Ned"), p=p).steps["n_hat"].iloc[-1] == pytest.approx(n_hat, abs=0.5)


@pytest.mark.parametrize(
    ("dataset", "positions", "n_hat"),
    [("NewOrl", "[45,1,2,3,6,7,8]", 1184), ("NewOrl_5", "[1,2,3,4,5]", 1034), ("Western", "[15,2,3,4]", 2483)],
)
def test_stepwise_as_published(dataset, positions, n_hat):
    """Chan, Silverman and Vincent (2021), section 3: thresholds of 0.02."""
    path = stepwise_path(load_dataset(dataset))
    assert path.model.positions == positions
    assert path.steps["n_hat"].iloc[-1] == pytest.approx(n_hat, abs=0.5)


@pytest.mark.parametrize(
    ("dataset", "max_order", "n_hat"),
    [
        ("UKdat_5", None, 12262),
        ("UKdat_5", 2, 12262),
        ("UKdat", None, 12350),
        ("UKdat", 2, 12350),
        ("NewOrl_5_n186", None, 981),
        ("NewOrl_5_n186", 2, 981),
        ("NewOrl_n186", None, 1110),
        ("NewOrl_n186", 2, 1110),
        ("Kosovo", None, 10357),
        ("Kosovo", 2, 14342),
        ("Korea", None, 157),
    ],
)
def test_downhill_as_published(dataset, max_order, n_hat):
    """Silverman, Chan and Vincent (2024), table 6: point estimates of the downhill search."""
    met = downhill_ranking(load_dataset(dataset), max_order=max_order, starts=["main effects"])
    assert met["n_hat"][0] == pytest.approx(n_hat, abs=0.5)


@pytest.mark.parametrize(
    ("dataset", "max_order", "n_hat", "bic"),
    [("UKdat_5", None, 25311.2906, 195.879106), ("UKdat_5", 2, 22991.3313, 196.539756)],
)
def test_downhill_from_several_starts_finds_the_published_optimum(dataset, max_order, n_hat, bic):
    """Table 6, all models, and MultipleSystemsEstimation's five best: what the published walk misses."""
    met = downhill_ranking(load_dataset(dataset), max_order=max_order, seed=1)
    assert met["n_hat"][0] == pytest.approx(n_hat, rel=RTOL_SAME_MLE)
    assert met["bic"][0] == pytest.approx(bic, abs=ATOL_DEVIANCE)
