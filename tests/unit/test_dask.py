"""A Dask cluster takes over the resamples through joblib's own configuration, with the same bytes."""

import pickle
from collections.abc import Iterator

import joblib
import numpy as np
import pytest

import mse
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import full_table
from mse.models.loglinear.searches import Search, downhill, exhaustive, stepwise

KOREA = mse.load_dataset("Korea")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers' threads in this process; nothing listens on the network."""
    distributed = pytest.importorskip("dask.distributed")
    local = distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with local, distributed.Client(local):
        yield


def test_a_local_cluster_gives_the_same_bytes(cluster) -> None:
    """No call is changed: the backend is the caller's configuration."""
    alone = mse.select_loglinear(KOREA, n_boot=100, seed=3)
    with joblib.parallel_config(backend="dask"):
        shared = mse.select_loglinear(KOREA, n_boot=100, seed=3)
        curve = mse.stability_curve(KOREA, n_top=(2, None), n_boot=100, seed=3)
    assert np.array_equal(shared.draws, alone.draws)
    assert shared.interval() == alone.interval() == curve.interval(None)


def test_the_cluster_does_the_work(cluster, monkeypatch) -> None:
    """The resamples reach the configured backend, and not joblib's own threads."""
    backend = joblib.parallel.BACKENDS["dask"]
    sent = []
    submit = backend.submit
    monkeypatch.setattr(
        backend, "submit", lambda self, *args, **kwargs: sent.append(1) or submit(self, *args, **kwargs)
    )
    with joblib.parallel_config(backend="dask"):
        mse.select_loglinear(KOREA, n_boot=40, seed=1)
    assert sent


@pytest.mark.parametrize("search", [exhaustive, downhill, stepwise])
def test_every_chooser_can_be_sent_to_a_worker(search) -> None:
    """It answers the same there."""
    counts, _ = full_table(KOREA)
    found = search(KOREA, Search(Criterion(), None, (), (), None, 0.02, 1))
    choosers = [found.everything(), *([found.in_order(2)] if found.in_order is not None else [])]
    for chooser in choosers:
        assert pickle.loads(pickle.dumps(chooser)).best(counts) == chooser.best(counts)
