"""Lists that share nobody: refused where chance hardly does that, told otherwise."""

from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from mse.errors import NoOverlap
from mse.linkage import link
from mse.linkage.overlaps import check_overlaps, list_overlaps, probability_of_none
from mse.links import Links
from mse.registers import Codebook, Column, Register

SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")


def _checked(sizes, shared, *, probability=0.9):
    """The check for lists of these lengths, with so many links between some two of them."""
    starts = np.cumsum([0, *sizes])
    left, right = [], []
    for (a, b), n in shared.items():
        left += [starts[a] + i for i in range(n)]
        right += [starts[b] + i for i in range(n)]
    list_of_record = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple("abcdef"[: len(sizes)])
    return check_overlaps(names, list_of_record, np.array(left), np.array(right), np.full(len(left), probability))


def test_the_probability_of_none_is_how_often_links_at_random_avoid_the_pairs():
    """Independent lists of which one happens to share nobody: 20,000 populations, given the number of links."""
    rng = np.random.default_rng(4)
    sizes, n_persons = (20, 15, 6), 120
    pairs = list(combinations(range(3), 2))
    by_total: dict[int, list[bool]] = {}
    for _ in range(20_000):
        on = [set(rng.choice(n_persons, n, replace=False).tolist()) for n in sizes]
        found = [len(on[a] & on[b]) for a, b in pairs]
        by_total.setdefault(sum(found), []).append(found[1] + found[2] == 0)
    across = sizes[2] * (sizes[0] + sizes[1])
    possible = sum(sizes[a] * sizes[b] for a, b in pairs)
    for total in (3, 4, 5, 6):
        none = np.array(by_total[total])
        expected = probability_of_none(across, possible, total)
        assert none.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / len(none)) + 0.02)


def test_a_long_list_without_a_link_is_refused_and_named():
    """60 records that share nobody with lists that share 30 persons are no chance."""
    with pytest.raises(NoOverlap, match=r"both on c and on a or b, where independent lists would share 60\.0"):
        _checked((60, 60, 60), {(0, 1): 30})


def test_two_groups_of_lists_without_a_link_between_them_are_refused():
    """Each list has links to some other, and still the four are two worlds: the smaller one is named."""
    with pytest.raises(NoOverlap, match="both on c or d and on a or b"):
        _checked((60, 60, 50, 50), {(0, 1): 20, (2, 3): 20})


def test_a_short_list_without_a_link_is_told():
    """Two records are easily on no other list."""
    assert _checked((60, 60, 2), {(0, 1): 12}) == (
        "lists without a likely link to any other list: c (0.8 expected if lists were independent)",
    )


def test_two_lists_without_a_link_are_told_where_that_is_improbable():
    """Lists of women and of men share nobody, and both share with the police: said, and no refusal."""
    (note,) = _checked((60, 60, 60), {(0, 1): 20, (0, 2): 20})
    assert note.startswith("b and c share no likely link, where 20.0 would be expected if lists were independent")
    assert _checked((60, 60, 10), {(0, 1): 20, (0, 2): 2}) == ()


def test_lists_that_all_share_persons_leave_no_note():
    """Nothing to say where every two lists have a link."""
    assert _checked((20, 20, 20), {(0, 1): 4, (0, 2): 4, (1, 2): 4}) == ()


def test_pairs_that_are_hardly_one_person_are_no_links():
    """Below one half nothing holds the lists together."""
    with pytest.raises(NoOverlap, match="no person is on two of the lists a, b"):
        _checked((20, 20), {(0, 1): 10}, probability=0.4)


def test_pairs_within_a_list_hold_no_lists_together():
    """Duplicates of one list are no links between two, and one list has nothing to be apart from."""
    list_of_record = np.repeat([0, 1], 20)
    within = (np.arange(5), np.arange(5, 10), np.full(5, 0.9))
    with pytest.raises(NoOverlap, match="no person is on two of the lists a, b"):
        check_overlaps(("a", "b"), list_of_record, *within)
    assert check_overlaps(("a",), np.zeros(20, np.int64), *within) == ()


def test_random_independent_lists_are_hardly_ever_refused():
    """The level is kept: of 2,000 sets of independent lists at most a few are refused by chance."""
    rng, n_refused = np.random.default_rng(8), 0
    sizes = np.array([40, 30, 8])
    of_pair = [(0, 1), (0, 2), (1, 2)]
    weights = np.array([sizes[a] * sizes[b] for a, b in of_pair])
    for _ in range(2000):
        found = rng.poisson(weights / 60)
        try:
            _checked(tuple(sizes), dict(zip(of_pair, np.minimum(found, 8), strict=True)))
        except NoOverlap:
            n_refused += 1
    assert n_refused <= 2 + 4 * np.sqrt(2)


def _register(name, rows):
    columns = tuple(
        Column(field, kind, field, identifier=True)
        for field, kind in (("given_name", "name"), ("family_name", "name"), ("birth_date", "date"))
    )
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", columns)
    frame = pd.DataFrame(rows, columns=["given_name", "family_name", "birth_date"], index=range(1, len(rows) + 1))
    return Register(codebook, frame.astype("str"), source_sha256=name)


def _people(n, seed):
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(SYLLABLES, k)).title() for _ in range(n) for k in (3, 4)]
    born = [f"{rng.integers(1970, 2000)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}" for _ in range(n)]
    return list(zip(words[::2], words[1::2], born, strict=True))


def test_link_refuses_a_list_of_other_persons_and_names_it():
    """Three registers, of which one holds strangers only; a short one is linked, with a note."""
    people, strangers = _people(50, 1), _people(40, 2)
    known = [_register("north", people[:40]), _register("south", people[20:])]
    with pytest.raises(NoOverlap, match="no person is both on east and on north or south") as refused:
        link([*known, _register("east", strangers)], seed=1, n_draws=1)
    assert refused.value.exit_code == 3
    links = link([*known, _register("east", strangers[:1])], seed=1, n_draws=1)
    assert any(note.startswith("lists without a likely link to any other list: east") for note in links.notes)


def test_the_overlaps_of_the_draws_are_counted_one_person_at_a_time():
    """Persons on each two lists, with limits over the draws; expected ones add up to those found."""
    rng = np.random.default_rng(3)
    records = pd.DataFrame({"list": rng.choice(list("abc"), 40), "record": range(40)})
    links = Links(records, rng.integers(0, 18, (30, 40)).astype(np.int32), ("a", "b", "c"))
    table = list_overlaps(links, level=0.9)
    means = []
    for _, row in table.iterrows():
        own = []
        for draw in links.persons:
            on = {name: set(draw[records["list"] == name].tolist()) for name in "abc"}
            own.append(len(on[row["list_a"]] & on[row["list_b"]]))
        assert (row["low"], row["found"], row["high"]) == tuple(np.quantile(own, [0.05, 0.5, 0.95]))
        means.append(np.mean(own))
    assert table["expected"].sum() == pytest.approx(sum(means))


def test_lists_as_independent_as_can_be_share_what_is_expected():
    """Where every two lists share in proportion to their lengths the ratio is 1; without links there is none."""
    records = pd.DataFrame({"list": ["a"] * 4 + ["b"] * 4 + ["c"] * 4, "record": range(12)})
    draw = [0, 1, 2, 3, 0, 4, 5, 6, 4, 1, 7, 8]
    table = list_overlaps(Links(records, np.array([draw], np.int32), ("a", "b", "c")))
    assert table["ratio"].tolist() == [1.0, 1.0, 1.0]
    apart = list_overlaps(Links(records, np.array([range(12)], np.int32), ("a", "b", "c")))
    assert apart["ratio"].isna().all()
