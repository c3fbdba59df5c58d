"""Quality against a known truth: pairs of records counted by hand."""

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput
from mse.linkage import linkage_quality
from mse.links import Links

TRUTH = pd.DataFrame({"register": ["a", "a", "b", "b"], "row": [1, 2, 1, 2], "person": ["p", "q", "p", "p"]})


def _links(persons, records=("1", "2", "1", "2")):
    frame = pd.DataFrame({"list": ["a", "a", "b", "b"], "record": list(records)})
    return Links(frame, np.array(persons, np.int32), ("a", "b"))


def test_pairs_are_counted_as_by_hand():
    """Two pairs joined, one of them true, of three true pairs; a duplicate within a list is a true pair."""
    quality = linkage_quality(_links([[0, 1, 0, 1]]), TRUTH)
    assert (quality.precision, quality.recall, quality.f1) == (
        pytest.approx(1 / 2),
        pytest.approx(1 / 3),
        pytest.approx(0.4),
    )
    assert (quality.n_persons_true, quality.n_persons.median) == (2, 2.0)


def test_scores_are_means_over_the_draws():
    """A perfect draw and one that joins nothing: precision 1, recall one half."""
    quality = linkage_quality(_links([[0, 1, 0, 0], [0, 1, 2, 3]]), TRUTH)
    assert (quality.precision, quality.recall) == (1.0, 0.5)


def test_id_maps_lead_from_record_to_row():
    """Encoded records meet their person by the map that the agency keeps."""
    maps = {
        "a": pd.DataFrame({"record": ["f0", "e1"], "row": [2, 1]}),
        "b": pd.DataFrame({"record": ["d0", "c1"], "row": [1, 2]}),
    }
    links = _links([[0, 1, 1, 1]], records=("f0", "e1", "d0", "c1"))
    assert linkage_quality(links, TRUTH, id_maps=maps).f1 == 1.0


def test_a_record_outside_the_truth_is_named():
    """A truth of other registers is not silently skipped."""
    with pytest.raises(BadInput, match="record 9 of list 'a' has no person in the truth"):
        linkage_quality(_links([[0, 1, 2, 3]], records=("9", "2", "1", "2")), TRUTH)


def test_a_truth_without_its_columns_is_refused():
    """All lacking columns are named."""
    with pytest.raises(BadInput, match="lacks the columns row, person"):
        linkage_quality(_links([[0, 1, 2, 3]]), TRUTH[["register"]])
