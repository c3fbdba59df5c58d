"""Averaging over decomposable graphs against every answer of the R package dga 2.0.2 (R 4.2.2, run 2026-11-22)."""

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from mse import decomposable, load_dataset

PEERS = Path(__file__).parent / "peers.csv"
PEERS_SHA256 = "59324bbd9dcb0abd9bd979d46ff6e2d02ceb20d714174d71e45f86f22789b931"
METHOD = re.compile(r"delta=(\S+) Nmissing 0\.\.(\d+)n logprior=-log N \(posterior median\)")
RTOL = 1e-3  # the peer sums every whole number; here larger ones are an integral, read off between nodes
RTOL_MEAN = 1e-6


def _rows() -> list:
    assert hashlib.sha256(PEERS.read_bytes()).hexdigest() == PEERS_SHA256
    peers = pd.read_csv(PEERS)
    return list(peers[peers.package == "dga"].itertuples())


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row.dataset}-{row.method[:24]}")
def test_dga(row) -> None:
    """Median, mean, 80 % and 95 % ends and the weights of the five best graphs are those of the peer's grid."""
    delta, times = METHOD.fullmatch(row.method).groups()
    histories = load_dataset(row.dataset)
    ours = decomposable(
        histories, delta=None if "^" in delta else float(delta), n_hidden_max=int(times) * histories.n_observed
    )
    other = json.loads(row.other)
    ends, inner = ours.interval(0.95), ours.interval(0.8)
    assert ours.n_hat == pytest.approx(row.estimate, rel=RTOL)
    assert (ends.low, ends.high) == pytest.approx((row.lower, row.upper), rel=RTOL)
    assert (inner.low, inner.high) == pytest.approx((other["q10"], other["q90"]), rel=RTOL)
    assert ours.diagnostics["mean"] == pytest.approx(other["mean"], rel=RTOL_MEAN)
    theirs = [graph["prob"] for graph in other["top5"]]
    found = ours.graphs.probability[:5].tolist()
    # Graphs that together hold less than 1e-8 of the weight are left out.
    assert found == pytest.approx(theirs[: len(found)], rel=1e-5, abs=1e-8)
    assert sum(theirs[len(found) :]) < 2e-8
