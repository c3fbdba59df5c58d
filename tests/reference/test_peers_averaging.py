"""Averaging over log-linear models against conting 1.7 (R 4.2.2, run 2026-11-22), and chain against enumeration.

On spina conting's chain is long enough to compare with: mean, limits of the highest-density interval and model
probabilities agree within four standard errors of both. On Kosovo and ScotPWID it made some 4 to 10 effective draws:
those figures are printed (`pytest -s`) and not judged; there our chain is compared with our enumeration.
"""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest

from mse import bayes_averaging, load_dataset
from mse.models.loglinear.terms import LogLinear

PEERS = Path(__file__).parent / "peers.csv"
PEERS_SHA256 = "59324bbd9dcb0abd9bd979d46ff6e2d02ceb20d714174d71e45f86f22789b931"
COVARIATES = {"spina": ("eth",), "ScotPWID": ("Region", "Gender", "Age"), "Kosovo": ()}
PRIORS = {"UIP": "unit-information", "SBH": "sbh"}


def _rows(name: str):
    assert hashlib.sha256(PEERS.read_bytes()).hexdigest() == PEERS_SHA256
    peers = pd.read_csv(PEERS)
    return list(peers[(peers.package == "conting") & (peers.dataset == name)].itertuples())


def _table(row):
    table = load_dataset(row.dataset, covariates=COVARIATES[row.dataset])
    censored = frozenset({(0, 0, 0, 1)}) if "censored" in row.method else frozenset()
    return replace(table, censored_cells=censored)


def _prior(row) -> str:
    return PRIORS[re.search("prior=(UIP|SBH)", row.method)[1]]


def _model(formula: str, factors: tuple[str, ...]) -> str:
    """A formula of R in the field's notation."""
    pairs = [term.split(":") for term in formula.removeprefix("~").split(" + ") if ":" in term]
    masks = [sum(1 << (len(factors) - 1 - factors.index(name)) for name in pair) for pair in pairs]
    return str(LogLinear.from_terms(factors, masks))


@pytest.mark.parametrize("row", _rows("spina"), ids=["unit information", "sbh"])
def test_spina(row) -> None:
    """Mean, highest-density limits, and the five models that conting names."""
    ours = bayes_averaging(_table(row), prior=_prior(row), seed=5)
    other = json.loads(row.other)
    totals = ours.draws.sum(axis=1)
    # The error of conting's mean by our spread: its chain has not visited the long tail of the models with S1:S2.
    sizes = 1 / ours.diagnostics["ess_bulk"] + 1 / other["ess"]
    assert abs(totals.mean() - row.estimate) < 4 * totals.std() * np.sqrt(sizes)
    for end, theirs in zip(az.hdi(totals, prob=0.95), (row.lower, row.upper), strict=True):
        q = (totals <= end).mean()
        near = np.quantile(totals, [max(q - 0.02, 0), min(q + 0.02, 1)])
        error = np.sqrt(q * (1 - q) * sizes) * (near[1] - near[0]) / (min(q + 0.02, 1) - max(q - 0.02, 0))
        assert abs(end - theirs) < 4 * error + 1
    found = ours.models.set_index("model").probability
    for formula, theirs in zip(other["top5"]["model"], other["top5"]["prob"], strict=True):
        p = found[_model(formula, ("S1", "S2", "S3", "eth"))]
        # Its effective size for models is not told; moves between models are rarer than those of N.
        assert abs(p - theirs) < 4 * np.sqrt(p * (1 - p) / (other["ess"] / 2))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{row.dataset} {i}", marks=() if row.dataset == "Kosovo" else pytest.mark.slow)
        for i, row in enumerate(_rows("Kosovo") + _rows("ScotPWID"))
    ],
)
def test_the_chain_and_the_enumeration_agree(row) -> None:
    """Median, limits and probabilities of all terms, within four standard errors of both."""
    table = _table(row)
    chain = bayes_averaging(table, prior=_prior(row), seed=5, n_draws=2000)
    counted = bayes_averaging(table, prior=_prior(row), seed=6, method="enumeration")
    other = json.loads(row.other)
    low, high = az.hdi(chain.draws.sum(axis=1), prob=0.95)
    print(
        f"\n{row.dataset}, {row.method}: conting {row.estimate:,.0f} [{row.lower:,.0f}-{row.upper:,.0f}], effective "
        f"size {other['ess']:.0f}; chain, mean {chain.draws.sum(axis=1).mean():,.0f} [{low:,.0f}-{high:,.0f}]; "
        f"{chain}; {counted}"
    )
    first, second = chain.draws.sum(axis=1), counted.draws.sum(axis=1)
    for q in (0.025, 0.5, 0.975):
        near = np.quantile(second, [q - 0.02, q, q + 0.02])
        sizes = 1 / min(chain.diagnostics["ess_bulk"], chain.diagnostics["ess_tail"]) + 1 / second.size
        error = np.sqrt(q * (1 - q) * sizes) * (near[2] - near[0]) / 0.04
        assert abs(np.quantile(first, q) - near[1]) < 4 * error + 0.5
    included = chain.idata.posterior["included"].to_numpy()
    for j, p in enumerate(counted.terms.probability.clip(0, 1)):
        series = included[..., j]
        size = float(az.ess(series, method="mean")) if np.ptp(series) else series.size
        # Models a factor 10,000 behind the best are left out of the enumeration, and together may hold some per cent.
        assert abs(chain.terms.probability[j] - p) < 4 * np.sqrt(p * (1 - p) / size) + 0.02
