"""Codebooks: what they declare, and that every fault is reported at once."""

import pickle
from datetime import date
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mse.errors import BadInput
from mse.registers import COMMON_CATEGORIES, Codebook, Column, codebook_path, read_codebook, write_codebook

GOOD = """
[register]
name = "rosa"
agency = "ROSA"
population = "adults"
presence = "in contact"
period = { start = 2020-01-01, end = 2020-12-31 }
case_definition = "presumed victim"
case_definition_id = "presumed-victim"
counting_rule = "one night"
population_covered = "whole country"
[columns.SYNTHETIC]
kind = "ignore"
[columns.fornavn]
kind = "name"
field = "given_name"
[columns.kallenavn]
kind = "name"
field = "alias"
[columns."annet navn"]
kind = "name"
field = "alias"
[columns.kjonn]
kind = "category"
field = "sex"
ictip = "Victim: sex"
codes = { K = "woman", M = "man", "?" = "unknown" }
"""


def problems_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "rosa.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput) as caught:
        read_codebook(path)
    return caught.value.reasons


def test_reads_what_is_declared(tmp_path: Path) -> None:
    """A sound codebook gives its declarations and columns in order."""
    path = tmp_path / "rosa.toml"
    path.write_text(GOOD, "utf-8")
    codebook = read_codebook(path)
    assert (codebook.name, codebook.period) == ("rosa", (date(2020, 1, 1), date(2020, 12, 31)))
    assert list(codebook.record_fields) == ["given_name", "alias", "alias_2", "sex"]
    sex = codebook.record_fields["sex"]
    assert (sex.identifier, sex.ictip, sex.codes["?"]) == (False, "Victim: sex", "unknown")
    assert codebook.record_fields["given_name"].identifier
    assert pickle.loads(pickle.dumps(codebook)) == codebook


def test_every_problem_in_one_error(tmp_path: Path) -> None:
    """Unknown and missing keys, wrong kinds, unknown categories, doubled fields and dates are told together."""
    text = (
        GOOD.replace('name = "rosa"', 'name = "ro sa"\nowner = "x"')
        .replace('agency = "ROSA"\n', "")
        .replace('population = "adults"', 'population = "everyone"')
        .replace("start = 2020-01-01", "start = 2021-01-01")
        .replace('M = "man"', 'M = "male"')
        .replace('field = "given_name"', 'field = "given_name"\nsecret = true')
    ) + (
        '[columns.a]\nkind = "name"\nfield = "family_name"\n[columns.b]\nkind = "name"\nfield = "family_name"\n'
        '[columns.c]\nkind = "word"\nfield = "note"\n[columns.d]\nkind = "text"\nfield = "fnr"\nidentifier = false\n'
        '[columns.e]\nkind = "text"\nfield = "birth_date"\n[extra]\n'
    )
    problems = "\n".join(problems_of(tmp_path, text))
    for expected in (
        "'owner' is not a key of [register]",
        "[register] lacks agency",
        "name='ro sa' must begin with a letter",
        "population='everyone' is not offered; use one of 'adults', 'minors'",
        "the period ends (2020-12-31) before it starts (2021-01-01)",
        "column 'kjonn': the code 'M' maps to 'male', which is no category of sex; there are woman, man",
        "column 'fornavn': 'secret' is not a key of a column",
        "the columns 'a', 'b' all have the field family_name; only alias may repeat",
        "column 'c': kind='word' is not offered",
        "column 'd': the field fnr identifies a person: identifier = true",
        "column 'e': the field birth_date has kind 'date', not 'text'",
        "[extra] is not a part of a codebook",
    ):
        assert expected in problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[columns.a]\nkind = 'ignore'\n", "the part [register] is missing"),
        (GOOD.replace('"whole country"', "3"), "population_covered must be text in quotes and not empty, not 3"),
        (GOOD.replace("{ start = 2020-01-01, end = 2020-12-31 }", '"2020"'), "period must be { start = 2020-01-01"),
        (GOOD.replace("start = 2020-01-01", 'start = "2020"'), "start='2020' is not a date without quotes"),
        (GOOD.replace("start = 2020-01-01", "start = 2020-01-01T00:00:00"), "is not a date without quotes"),
        (GOOD + 'note = 3\n[columns.x]\nfield = "a"\n', "column 'x': the key kind is missing"),
        (GOOD + "[columns]\nx = 3\n", "column 'x': must be a table such as"),
        (GOOD + "x = ", "is not valid TOML"),
        (GOOD + '[columns.x]\nkind = "category"\nfield = "sex"\nidentifier = true', "identifier = false"),
        (GOOD + '[columns.x]\nkind = "text"\nfield = "age_group"', "the field age_group has kind 'category'"),
        (GOOD + '[columns.x]\nkind = "text"\nfield = "remark"\nidentifier = false', "also a name: identifier = true"),
        (GOOD + '[columns.x]\nkind = "category"\nfield = "office"', "so its codes must be listed"),
        (GOOD + '[columns.x]\nkind = "number"\nfield = "age"\ncodes = { a = "b" }', "codes belong to kind 'category'"),
        (GOOD + '[columns.x]\nkind = "category"\nfield = "office"\ncodes = { a = "B b" }', "small letters, digits"),
        (
            GOOD + '[columns.x]\nkind = "category"\nfield = "office"\ncodes = { a = 3 }',
            "must map to a category in quotes",
        ),
        (GOOD + '[columns.x]\nkind = "ignore"\nfield = "office"', "an ignored column has no field"),
        (GOOD + '[columns.x]\nkind = "name"\nfield = "Alias"', "field='Alias' is not a name such as"),
        (GOOD + '[columns.x]\nkind = "name"\nfield = "alias_2"', "is written alias"),
        (
            GOOD + '[columns.x]\nkind = "name"\nfield = "family_name"\nidentifier = "yes"',
            "identifier must be true or false",
        ),
        (GOOD.split("[columns.fornavn]")[0], "no column is read"),
    ],
)
def test_single_faults(tmp_path: Path, text: str, expected: str) -> None:
    """Each fault of a codebook is told in words that say the way out."""
    assert expected in "\n".join(problems_of(tmp_path, text))


def test_absent_or_not_utf8(tmp_path: Path) -> None:
    """A codebook that is not there is named with its folder; one that is not UTF-8 is said to be so."""
    with pytest.raises(BadInput, match=r"no codebook rosa\.toml in "):
        read_codebook(codebook_path(tmp_path / "rosa.csv"))
    (tmp_path / "rosa.toml").write_bytes(GOOD.replace("ROSA", "Blå Kors").encode("latin-1"))
    with pytest.raises(BadInput, match=r"rosa\.toml is not UTF-8"):
        read_codebook(tmp_path / "rosa.toml")


def test_direct_construction_is_checked() -> None:
    """A codebook made in code is held to the same rules."""
    with pytest.raises(BadInput, match="maps to 'female', which is no category of sex"):
        Column("kjonn", "category", "sex", codes={"K": "female"})
    column = Column("navn", "name", "given_name", identifier=True)
    year = (date(2020, 12, 31), date(2020, 1, 1))
    with pytest.raises(BadInput) as caught:
        Codebook("rosa", "", "adults", "now", year, "a", "b", "c", "d", (column, column))
    assert len(caught.value.reasons) == 5


def test_common_categories_are_complete() -> None:
    """Every attribute has unique codes, labels in both languages, and an IC-TIP concept in words."""
    for field, table in COMMON_CATEGORIES.items():
        assert table.field == field
        assert len(set(table.codes)) == len(table.codes) >= 3
        assert all(category.nb and category.en for category in table.categories)
        assert table.nb
        assert table.en
        assert ": " in table.ictip
    assert COMMON_CATEGORIES["form"].label("sexual", language="en") == "prostitution or other sexual purposes"


letters = st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"))
words = st.text(letters, min_size=1, max_size=12).map(lambda text: normalize("NFC", text.strip())).filter(bool)


@settings(max_examples=25)
@given(headings=st.lists(words, min_size=3, max_size=3, unique=True), locals_=st.sets(words, min_size=1), prose=words)
def test_writing_and_reading_round_trip(
    tmp_path_factory: pytest.TempPathFactory, headings: list[str], locals_: set[str], prose: str
) -> None:
    """What is written is read back equal, whatever letters the headings and local codes hold."""
    path = tmp_path_factory.getbasetemp() / "round.toml"
    columns = (
        Column(headings[0], "name", "alias", identifier=True),
        Column(headings[1], "ignore"),
        Column(headings[2], "category", "sex", ictip=prose, codes=dict.fromkeys(sorted(locals_), "woman")),
    )
    period = (date(2020, 1, 1), date(2020, 12, 31))
    made = Codebook("rosa", prose, "minors", "new", period, prose, "x", prose, prose, columns, sheet="Ark 1")
    write_codebook(made, path)
    assert read_codebook(path) == made
