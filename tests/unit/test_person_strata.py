"""Strata of linked persons: the value of most records, a stratum for those without one, and tables that add up."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.histories.person_strata import NOT_KNOWN, person_strata
from mse.links import Links

SEXES = ("woman", "man", "unknown", None)


def _links(*, seed=1, n_records=60, n_draws=5):
    """Random records on three lists, joined at random."""
    rng = np.random.default_rng(seed)
    records = pd.DataFrame(
        {
            "list": rng.choice(["a", "b", "c"], n_records),
            "record": [str(i) for i in range(n_records)],
            "sex": pd.array(rng.choice(np.array(SEXES, dtype=object), n_records), dtype="str"),
            "region": pd.array(rng.choice(np.array(["asia", "africa", None], dtype=object), n_records), dtype="str"),
        }
    )
    return Links(records, rng.integers(0, 25, (n_draws, n_records)).astype(np.int32), ("a", "b", "c"))


def _by_counting(values):
    """The stratum of one person, record by record."""
    counted = Counter(value for value in values if isinstance(value, str) and value != NOT_KNOWN).most_common()
    if not counted or (len(counted) > 1 and counted[0][1] == counted[1][1]):
        return NOT_KNOWN
    return counted[0][0]


def _slowly(links, attributes):
    """Persons by draw, history and stratum, counted one person at a time."""
    found = []
    for draw in links.persons:
        table = Counter()
        for person in range(int(draw.max()) + 1):
            own = links.records[draw == person]
            history = tuple(int(name in set(own["list"])) for name in links.lists)
            table[history, ", ".join(_by_counting(own[name]) for name in attributes)] += 1
        found.append(table)
    return found


@pytest.mark.parametrize("attributes", [("sex",), ("sex", "region")])
def test_tables_by_stratum_equal_counting_one_person_at_a_time(attributes):
    """Every cell of every draw, with the same strata in all draws."""
    links = _links()
    tables = CaptureHistories.from_links(links, strata=attributes)
    for table, slow in zip(tables, _slowly(links, attributes), strict=True):
        assert table.strata == tables[0].strata
        assert table.covariates == attributes
        for row, history in enumerate(table.histories):
            for column, stratum in enumerate(table.strata):
                assert table.counts[row, column] == slow[history, stratum]


def test_strata_add_up_to_the_table_without_them():
    """Nobody is left out or counted twice, whatever the records say."""
    links = _links(seed=2)
    plain = CaptureHistories.from_links(links)
    for table, whole in zip(CaptureHistories.from_links(links, strata="sex"), plain, strict=True):
        assert table.collapse_strata().counts.tolist() == whole.counts.tolist()


def test_the_notes_count_who_disagrees_and_who_says_nothing():
    """One follows most records, one is tied, one is silent; an unsettled value does not outvote a settled one."""
    records = pd.DataFrame(
        {
            "list": list("abcababca"),
            "record": range(9),
            "form": ["sexual", "sexual", "labour", "labour", "sexual", None, "labour", "not_clarified", None],
        }
    )
    links = Links(records, np.array([[0, 0, 0, 1, 1, 2, 3, 3, 4]], np.int32), ("a", "b", "c"))
    strata = person_strata(links, ["form"])
    assert [strata.names[code] for code in strata.of_person[0]] == ["sexual", "unknown", "unknown", "labour", "unknown"]
    assert strata.notes[0] == (
        "form: 1 of 5 persons has records that disagree and follows most of them; 1 has records that disagree evenly; "
        "3 are in the stratum unknown",
    )


def test_an_attribute_that_no_record_tells_is_one_stratum():
    """All persons are in the stratum unknown."""
    records = pd.DataFrame({"list": ["a", "b"], "record": ["1", "2"], "sex": [None, None]})
    links = Links(records, np.array([[0, 1]], np.int32), ("a", "b"))
    assert CaptureHistories.from_links(links, strata=("sex",))[0].strata == (NOT_KNOWN,)


def test_agreeing_records_leave_no_note():
    """A note is made of what is doubtful only."""
    records = pd.DataFrame({"list": ["a", "b"], "record": ["1", "2"], "sex": ["man", "man"]})
    assert person_strata(Links(records, np.array([[0, 0]], np.int32), ("a", "b")), ["sex"]).notes == ((),)


@pytest.mark.parametrize(
    ("strata", "message"),
    [
        (("age_group",), "no attribute of the records named 'age_group'; there are 'sex', 'region'"),
        (("record",), "no attribute of the records named 'record'"),
        (("sex", "sex"), "the attribute 'sex' is given twice"),
    ],
)
def test_wrong_strata_are_refused(strata, message):
    """Each message names the attribute."""
    with pytest.raises(BadInput, match=message):
        CaptureHistories.from_links(_links(), strata=strata)


def test_no_attribute_is_no_strata():
    """An empty choice is the table without strata; the function itself wants a name."""
    assert CaptureHistories.from_links(_links(), strata=())[0].strata == ("all",)
    with pytest.raises(BadInput, match="no attribute was given"):
        person_strata(_links(), [])
