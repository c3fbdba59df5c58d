"""Links regrouped: lists merged into one, and the draw in the middle."""

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput
from mse.links import Links


@pytest.fixture
def links():
    records = pd.DataFrame({"list": ["a", "b", "c", "c"], "record": ["1", "1", "1", "2"]})
    return Links(records, np.array([[0, 0, 1, 2], [0, 1, 2, 3], [0, 0, 0, 1], [0, 1, 0, 2]], np.int32), ("a", "b", "c"))


def test_merged_lists_come_first_in_the_order_given(links):
    """A person with records on both lists is on the merged list once."""
    merged = links.merge_lists({"ab": ("b", "a")})
    assert merged.lists == ("ab", "c")
    assert merged.membership(0).tolist() == [[True, False], [False, True], [False, True]]
    assert merged.n_persons.tolist() == links.n_persons.tolist()


def test_a_merged_list_may_take_the_name_of_its_own(links):
    """A list can be merged into one that keeps its name."""
    assert links.merge_lists({"a": ("a", "c")}).lists == ("a", "b")


def test_merging_leaves_the_links_as_they_were(links):
    """The frozen input does not change."""
    links.merge_lists({"all": ("a", "b", "c")})
    assert links.records["list"].tolist() == ["a", "b", "c", "c"]


@pytest.mark.parametrize(
    ("merged", "message"),
    [
        ({"x": ("rosa",)}, "no list named 'rosa'; there are 'a', 'b', 'c'"),
        ({"x": ("a",), "y": ("a", "b")}, "the list 'a' stands in two merged lists"),
        ({"c": ("a", "b")}, "cannot be named 'c'"),
        ({"x": ()}, "the merged list 'x' is given as"),
        ({"x": "ab"}, "the merged list 'x' is given as 'ab'"),
    ],
)
def test_wrong_merges_are_refused(links, merged, message):
    """Unknown, repeated, nameless and taken lists are each named."""
    with pytest.raises(BadInput, match=message):
        links.merge_lists(merged)


def test_the_central_draw_has_the_lower_median(links):
    """Of 3, 4, 2 and 3 persons the lower median is 3, first met in draw 0."""
    assert links.central_draw == 0
