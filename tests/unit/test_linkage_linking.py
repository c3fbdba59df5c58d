"""Linking whole registers: who is joined, what is refused, and that the same seed gives the same bytes."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mse.errors import BadInput, NoOverlap
from mse.linkage import link, linkage_quality
from mse.pseudonyms import Key, encode, id_map
from mse.registers import Codebook, Column, Register, read_register

DATA = Path(__file__).parents[2] / "data" / "synthetic" / "2020"
KEY = Key("SYNTHETIC-test", bytes(range(32)))
KINDS = {"given_name": "name", "family_name": "name", "birth_date": "date", "duf": "text", "sex": "category"}
PERSONS = [
    ("Blessing", "Osagie", "1994-03-12", "209912345601", "woman"),
    ("Ioana", "Popescu", "1988-11-02", None, "woman"),
    ("Mohammed", "Haile", "1990-07-21", "209912345602", "man"),
    ("Thi Lan", "Nguyen", "1999-05-30", None, "woman"),
    ("Andrei", "Ionescu", "1979-02-14", None, "man"),
    ("Joy", "Eze", "1996-09-09", "209912345603", "woman"),
    ("Viktor", "Kovalenko", "1985-12-24", None, "man"),
    ("Selam", "Tesfay", "2000-04-18", "209912345604", "woman"),
]
TYPED = {
    "north": PERSONS,
    # Another spelling, a day and month in another order, names swapped, a missing date beside a number.
    "south": [
        ("Blesing", "Osagie", "1994-03-12", None, "woman"),
        ("Popescu", "Ioana", "1988-11-02", None, "woman"),
        ("Muhamad", "Haile", "1990-07-21", None, "man"),
        ("Joy", None, None, "209912345603", "woman"),
        ("Maria", "Silva", "1991-01-25", None, "woman"),
        ("Jonas", "Petrauskas", "1983-08-03", None, "man"),
    ],
    "west": [
        ("Andrei", "Ionescu", "1979-02-14", None, "man"),
        ("Selam", "Tesfai", "2000-04-18", None, None),
        ("Maria", "Silva", "1991-01-25", None, "woman"),
        ("Maria", "Silva", "1991-01-25", None, "woman"),
        ("Olena", "Shevchenko", "1987-06-06", None, "woman"),
    ],
}
TRUE_PERSON = {"north": list(range(8)), "south": [0, 1, 2, 5, 8, 9], "west": [4, 7, 8, 8, 10]}


def _register(name, rows, *, fields=tuple(KINDS), population="adults"):
    columns = tuple(Column(field, KINDS[field], field, identifier=field != "sex") for field in fields)
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, name, population, "in contact", year, "x", "x", "x", "x", columns)
    frame = pd.DataFrame(rows, columns=list(KINDS), index=range(1, len(rows) + 1), dtype="str")[list(fields)]
    return Register(codebook, frame, source_sha256=name)


@pytest.fixture(scope="module")
def registers():
    return [_register(name, rows) for name, rows in TYPED.items()]


@pytest.fixture(scope="module")
def truth():
    rows = [(name, row, person) for name, own in TRUE_PERSON.items() for row, person in enumerate(own, start=1)]
    return pd.DataFrame(rows, columns=["register", "row", "person"])


@pytest.fixture(scope="module")
def plain(registers):
    return link(registers, seed=1, n_draws=20)


@pytest.fixture(scope="module")
def encoded(registers):
    return [encode(register, key=KEY, project="SYNTHETIC-test") for register in registers]


def test_plain_registers_are_linked(registers, truth):
    """Spelling, order of names, a lone number and a duplicate within a list: all found, nobody else joined."""
    links = link(registers, seed=1, n_draws=1)
    quality = linkage_quality(links, truth)
    assert (quality.precision, quality.recall) == (1.0, 1.0)
    assert links.n_persons.tolist() == [11]
    assert "west: 1 of 5 records merged with another record of the same list" in links.notes


@pytest.mark.parametrize(("encoding", "least_recall"), [("match_keys", 0.8), ("bloom", 1.0)])
def test_encoded_registers_are_linked(registers, truth, encoding, least_recall):
    """Tokens find who agrees on names and birth together or on a number; filters find misspelt names too."""
    encoded = [encode(own, key=KEY, project="SYNTHETIC-test", encoding=encoding) for own in registers]
    links = link(encoded, seed=1, n_draws=1)
    quality = linkage_quality(links, truth, id_maps={own.name: id_map(own, key=KEY) for own in registers})
    assert quality.precision == 1.0
    assert quality.recall >= least_recall


def test_lists_of_two_encodings_are_refused(registers, encoded):
    """A filter cannot be compared with a match key."""
    other = encode(registers[1], key=KEY, project="SYNTHETIC-test", encoding="bloom")
    with pytest.raises(BadInput, match="different encoding"):
        link([encoded[0], other], seed=1)


def test_the_result_holds_no_identifier(plain):
    """Only list, row and common attributes go on; no name, date or number stands in records or provenance."""
    assert plain.records.columns.tolist() == ["list", "record", "sex"]
    told = plain.records.to_csv() + repr(dict(plain.provenance)) + repr(plain.notes)
    typed = {str(cell) for rows in TYPED.values() for row in rows for cell in row[:4] if cell}
    assert not [value for value in typed if value in told]


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(registers, plain, tmp_path):
    """Two runs, one of them on two threads, write the same files."""
    again = link(registers, seed=1, n_draws=20, n_jobs=2)
    plain.write(tmp_path / "one")
    again.write(tmp_path / "two")
    for name in ("persons.npy", "records.parquet", "links.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_linking_prints_nothing(registers, capfd):
    """Neither Splink nor DuckDB writes to the terminal."""
    link(registers[:2], seed=1, n_draws=1)
    assert capfd.readouterr() == ("", "")


def test_diagnostics_are_shares_and_counts(plain):
    """What the linker expects of itself lies between 0 and 1."""
    assert 0.5 < plain.diagnostics["expected_precision"] <= 1
    assert 0.5 < plain.diagnostics["expected_recall"] <= 1
    assert plain.diagnostics["n_merged_within"] == 1
    assert plain.diagnostics["n_candidates"] >= plain.diagnostics["n_links"] > 0


def test_scarce_records_are_left_out_unless_kept(registers):
    """A record with a first name alone is on no list, and said; kept, it is a person more."""
    lone = _register("east", [*TYPED["west"], ("Zsuzsanna", None, None, None, "woman")])
    dropped, kept = (link([registers[0], lone], seed=1, n_draws=1, scarce=scarce) for scarce in ("drop", "keep"))
    assert (dropped.n_records, kept.n_records) == (13, 14)
    assert kept.n_persons[0] == dropped.n_persons[0] + 1
    assert any(note.startswith("east: 1 of 6 records left out") for note in dropped.notes)


def test_a_given_population_is_the_one_that_counts(registers):
    """`prior_n` stands in the diagnostics and the provenance; a larger one joins no more."""
    few, many = (link(registers, seed=1, n_draws=20, prior_n=n) for n in (12, 10_000))
    assert (few.diagnostics["prior_n"], many.diagnostics["prior_n"]) == (12, 10_000)
    assert few.provenance["options"]["prior_n"] == 12
    assert few.n_persons.mean() <= many.n_persons.mean()
    for said in ("the linkage rests on how many persons", "the draws of the linkage take the lists"):
        assert any(note.startswith(said) for note in few.notes)


def test_the_truth_of_the_synthetic_year_is_within_the_interval():
    """29 lists of 2020: the persons on the records that were linked are as many as the draws say."""
    paths = [
        path for path in sorted(DATA.glob("*.toml")) for path in (path.with_suffix(".csv"), path.with_suffix(".xlsx"))
    ]
    links = link([read_register(path) for path in paths if path.exists()], seed=1)
    truth = pd.read_csv(DATA / "SYNTHETIC-truth.csv", dtype=str).set_index(["register", "row"])["person"]
    n_true = truth.loc[list(zip(links.records["list"], links.records["record"], strict=True))].nunique()
    distinct = links.distinct_persons()
    assert distinct.low <= n_true <= distinct.high
    assert links.diagnostics["r_hat"] < 1.05


def test_no_list_has_a_person_twice_but_for_its_duplicates(plain):
    """Over all draws only the merged records of one list share a person."""
    codes = pd.factorize(plain.records["list"])[0]
    for draw in plain.persons:
        assert len(set(zip(draw.tolist(), codes.tolist(), strict=True))) == plain.n_records - 1


def test_other_fields_are_compared_by_their_kind():
    """Fields of any name link lists that were not made for this package."""
    kinds = {"label": "text", "postcode": "number", "seen": "date"}
    columns = tuple(Column(field, kind, field, identifier=True) for field, kind in kinds.items())
    rows = [(f"house {chr(97 + i)}{i * 7}", str(1000 + 37 * i), f"19{60 + i}-0{1 + i % 9}-1{i % 9}") for i in range(12)]
    registers = []
    for name, own in (("a", rows), ("b", rows[:6])):
        year = (date(2020, 1, 1), date(2020, 12, 31))
        codebook = Codebook(name, name, "adults", "in contact", year, "x", "x", "x", "x", columns)
        frame = pd.DataFrame(own, columns=list(kinds), index=range(1, len(own) + 1), dtype="str")
        registers.append(Register(codebook, frame, source_sha256=name))
    links = link(registers, seed=1, n_draws=1, fields=["label", "postcode", "seen"])
    assert links.n_persons.tolist() == [12]


def test_lists_without_a_link_are_refused(registers):
    """Strangers only: the refusal names the lists and what to check."""
    strangers = [("Nobody", "Known", "1950-10-10", None, "man"), ("Else", "Unseen", "1951-11-11", None, "woman")]
    with pytest.raises(NoOverlap, match="no person is on two of the lists north, east"):
        link([registers[0], _register("east", strangers)], seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_draws": 0}, "n_draws=0 is below 1"),
        ({"n_jobs": 0}, "n_jobs=0 is below 1"),
        ({"scarce": "hide"}, "scarce='hide' is not offered"),
        ({"prior_n": 3}, "prior_n=3 is below the 8 records of the longest list"),
        ({"seed": -1}, "seed=-1 is negative"),
        ({"fields": ["shoe_size"]}, "no field named 'shoe_size'"),
        ({"fields": "duf"}, "fields='duf' is not a list"),
        ({"fields": ["sex"]}, "no field in common by which a person could be recognised"),
    ],
)
def test_wrong_options_are_refused(registers, options, message):
    """Each message holds the value."""
    with pytest.raises(BadInput, match=message):
        link(registers, **({"seed": 1} | options))


def test_unfit_registers_are_refused(registers, encoded):
    """Too few, empty, of one name, mixed in kind or population, of two keys."""
    north, south, _ = registers
    other_key = encode(south, key=Key("SYNTHETIC-test", bytes(range(1, 33))), project="SYNTHETIC-test")
    for given, message in (
        ([north], "two registers or more; 1 given"),
        ([north, _register("east", [])], "'east' holds no record"),
        ([north, north], "two registers are named 'north'"),
        ([north, encoded[1]], "plain and encoded registers cannot be linked"),
        ([north, _register("east", PERSONS, population="minors")], "link adults and minors apart"),
        ([encoded[0], other_key], "different key"),
    ):
        with pytest.raises(BadInput, match=message):
            link(given, seed=1)


def test_lists_that_are_too_long_for_all_pairs_are_blocked(registers, plain, truth, monkeypatch):
    """Pairs of keyed blocks give the links that all pairs give, and the provenance names the keys."""
    monkeypatch.setattr("mse.linkage.linking.ALL_PAIRS", 10)
    blocked = link(registers, seed=1, n_draws=20)
    assert blocked.provenance["options"]["blocking"]
    assert not plain.provenance["options"]["blocking"]
    assert blocked.diagnostics["n_candidates"] < plain.diagnostics["n_candidates"]
    assert linkage_quality(blocked, truth).f1 == pytest.approx(linkage_quality(plain, truth).f1, abs=0.1)


def test_a_list_with_duplicates_is_linked_by_itself(registers):
    """One list that may hold a person twice: its records become persons."""
    (west,) = [own for own in registers if own.name == "west"]
    found = link([west], seed=1, n_draws=20, duplicates=["west"])
    assert found.n_records == 5
    assert (found.persons[:, 2] == found.persons[:, 3]).mean() > 0.9
    assert found.distinct_persons().high <= 5
    with pytest.raises(BadInput, match="'east'"):
        link(registers, seed=1, duplicates=["east"])


def test_the_truth_is_not_read(tmp_path):
    """Lists of the synthetic year link the same in a folder that holds no truth."""
    for stem in ("SYNTHETIC-rosa", "SYNTHETIC-adora", "SYNTHETIC-lauras-residents"):
        for suffix in (".csv", ".toml"):
            shutil.copy(DATA / f"{stem}{suffix}", tmp_path)
    registers = [read_register(path) for path in sorted(tmp_path.glob("*.csv"))]
    links = link(registers, seed=1, n_draws=1)
    assert not list(tmp_path.glob("*truth*"))
    truth = pd.read_csv(DATA / "SYNTHETIC-truth.csv", dtype=str)
    quality = linkage_quality(links, truth)
    assert quality.precision >= 0.9
    assert quality.recall >= 0.7
    assert np.array_equal(links.persons, link(registers, seed=2, n_draws=1).persons)


def answered(*rows) -> pd.DataFrame:
    """Answers about records by list and row."""
    return pd.DataFrame(rows, columns=["list_a", "record_a", "list_b", "record_b", "answer"])


def together(links, one, other):
    """In which draws two records, by list and row, are one person."""
    place = {
        key: i for i, key in enumerate(zip(links.records["list"], links.records["record"].astype(int), strict=True))
    }
    return links.persons[:, place[one]] == links.persons[:, place[other]]


def test_answers_hold_in_every_draw(registers, plain) -> None:
    """A pair told apart is never one person, a pair told to be one always is, though nothing in it agrees."""
    sure, never = (("north", 1), ("south", 1)), (("north", 2), ("south", 6))
    assert together(plain, *sure).all()
    assert not together(plain, *never).any()
    told = answered(("north", 1, "south", 1, "different"), ("south", "6", "north", "2", " Same "))
    links = link(registers, seed=1, n_draws=20, answers=told)
    assert not together(links, *sure).any()
    assert together(links, *never).all()
    assert links.provenance["options"]["answers"] == {"same": 1, "different": 1}


def test_unknown_answers_change_nothing(registers, plain) -> None:
    """An empty cell and the word unknown leave the draws as they were."""
    told = answered(("north", 1, "south", 1, None), ("north", 2, "south", 6, "unknown"))
    assert np.array_equal(link(registers, seed=1, n_draws=20, answers=told).persons, plain.persons)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("north", 1, "south", 1, "maybe")], "row 1 of the answers says none of same, different, unknown"),
        ([("north", 1, "south", 99, "same")], "row 1 of the answers: there is no such record b"),
        ([("north", 1, "north", 2, "same")], "two records of one list"),
        ([("north", 1, "south", 1, "same"), ("north", 2, "south", 1, "same")], "make one person of two records"),
        ([("north", 1, "south", 1, "same"), ("south", 1, "north", 1, "different")], "both that it is one person and"),
    ],
)
def test_answers_that_cannot_be_are_refused(registers, rows, said) -> None:
    """Another word, no such record, and contradictions."""
    with pytest.raises(BadInput, match=said):
        link(registers, seed=1, n_draws=1, answers=answered(*rows))
