"""The tables of linkage draws on disk: they read back equal, and hold no row about one person."""

import json

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput
from mse.histories import CaptureHistories, read_histories, read_tables, write_tables
from mse.histories.draws import central_table
from mse.links import Links
from mse.writing import CONFIDENTIAL


@pytest.fixture
def links():
    rng = np.random.default_rng(1)
    sexes = rng.choice(np.array(["woman", "man", None], dtype=object), 30)
    records = pd.DataFrame({"list": rng.choice(list("abc"), 30), "record": [f"id{i:03}" for i in range(30)]})
    persons = rng.integers(0, 14, (7, 30)).astype(np.int32)
    return Links(records.assign(sex=pd.array(sexes, dtype="str")), persons, ("a", "b", "c"), notes=("told",))


@pytest.mark.parametrize("strata", [(), ("sex",)])
def test_tables_read_back_equal(links, tmp_path, strata):
    """Counts, strata and the notes of every draw; the central table as CSV; nothing but tables in the folder."""
    tables = CaptureHistories.from_links(links, strata=strata)
    write_tables(tmp_path, tables, about={"diagnostics": {"r_hat": 1.01}})
    read = read_tables(tmp_path)
    assert [one.sha256 for one in read] == [one.sha256 for one in tables]
    assert [set(one.notes) for one in read] == [set(one.notes) for one in tables]
    assert central_table(tables) == links.central_draw
    csv = read_histories(tmp_path / "histories.csv", covariates=("stratum",) if strata else ())
    assert csv.collapse_strata().counts.tolist() == tables[links.central_draw].collapse_strata().counts.tolist()
    about = json.loads((tmp_path / "about.json").read_text("utf-8"))
    assert about["confidential"] == CONFIDENTIAL
    assert about["diagnostics"] == {"r_hat": 1.01}
    assert "id0" not in "".join(path.read_text("utf-8", errors="replace") for path in tmp_path.iterdir())


def test_tables_that_do_not_belong_together_are_refused(links, tmp_path):
    """Other lists, declared cells, or no table at all."""
    one = CaptureHistories.from_links(links)[0]
    for tables, message in (
        ([one, one.rename_lists({"a": "x"})], "different lists or strata"),
        ([], "there is no table to write"),
        ([CaptureHistories.from_counts(("a", "b"), {(1, 0): 3}, structural_zeros=["11"])], "declares cells"),
    ):
        with pytest.raises(BadInput, match=message):
            write_tables(tmp_path / "out", tables)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="holds no tables of linkage draws"):
        read_tables(tmp_path)
