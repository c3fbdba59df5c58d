"""Encoding a list: what leaves the agency, what is merged before, and which lists may meet."""

import subprocess
import sys
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.pseudonyms import EncodedRegister, Key, check_same_origin, duplicates, encode, id_map
from mse.registers import Codebook, Column, Problem, Register

KEY = Key("p", bytes(range(32)))
OTHER_KEY = Key("p", bytes(range(100, 132)))
KINDS = {"birth_date": "date", "birth_year": "number", "given_name": "name", "family_name": "name", "alias": "name"}
ATTRIBUTES = {"sex": "category", "region": "category", "city": "category"}


def register(rows, *, name="rosa", population="adults", problems=()):
    """A list of persons given as mappings of field to text; `row` may set the row number."""
    fields = [field for field in dict.fromkeys(field for row in rows for field in row) if field != "row"]
    columns = tuple(
        Column(field, "category", field, codes={"O": "oslo"} if field == "city" else {})
        if field in ATTRIBUTES
        else Column(field, KINDS.get(field.removesuffix("_2"), "text"), field.removesuffix("_2"), identifier=True)
        for field in fields
    )
    period = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook(name, "ROSA", population, "in contact", period, "presumed", "p", "any", "all", columns)
    index = [row.get("row", i) for i, row in enumerate(rows, 1)]
    frame = pd.DataFrame([{field: row.get(field) for field in fields} for row in rows], index=index, dtype="str")
    return Register(codebook, frame, source_sha256="", problems=tuple(problems))


def cells(encoded, column):
    return encoded.records[column].tolist()


ANNE = {"given_name": "Anne", "family_name": "Hansen", "birth_date": "1990-04-03"}
MARY = {"given_name": "Mary", "family_name": "Obi", "birth_date": "1991-05-04"}


def test_one_person_has_the_same_tokens_in_two_lists():
    """Two agencies that type a name differently get one token, under record ids that do not match."""
    one = encode(
        register([{"given_name": "Åse-Lill", "family_name": "Østbye", "birth_year": "1990"}]), key=KEY, project="p"
    )
    same = {"given_name": "AASE LILL", "family_name": "oestbye", "birth_year": "1990"}
    two = encode(register([same], name="udi"), key=KEY, project="p")
    for column in ("key_names_year", "key_skeletons_years", "key_pair_year", "key_slip_year"):
        assert cells(one, column) == cells(two, column) != [None]
    assert cells(one, "record") != cells(two, "record")
    check_same_origin([one, two])


def test_the_same_values_in_two_columns_have_two_tokens():
    """Which keys are made of the same value cannot be seen: each column has its own subkey."""
    encoded = encode(register([ANNE, MARY]), key=KEY, project="p")
    tokens = [token for column in encoded.fields for cell in cells(encoded, column) for token in cell.split("|")]
    assert len(set(tokens)) == len(tokens)


def test_another_key_or_project_shares_no_token():
    """Whoever does not hold the key cannot make a token, and two projects never meet."""
    list_ = register([ANNE])
    all_cells = [
        set(encode(list_, key=key, project=key.project).records.iloc[0])
        for key in (KEY, OTHER_KEY, Key("q", bytes(range(32))))
    ]
    assert not all_cells[0] & all_cells[1]
    assert not all_cells[0] & all_cells[2]


def test_the_same_list_gives_the_same_bytes_in_shuffled_order():
    """A run that is resumed writes the same file; its order does not follow the rows of the list."""
    list_ = register([ANNE | {"given_name": f"Anne{chr(97 + i)}"} for i in range(20)])
    encoded = encode(list_, key=KEY, project="p")
    assert encoded.to_text() == encode(list_, key=KEY, project="p").to_text()
    rows = id_map(list_, key=KEY)
    assert rows["record"].tolist() == cells(encoded, "record")
    assert sorted(rows["row"]) == list(range(1, 21)) != rows["row"].tolist()


def test_only_fields_that_the_list_has_become_columns():
    """The header says which fields each token is made of; a token whose field is absent has no column."""
    rows = [{"given_name": "Anne", "birth_year": "1990", "duf": "209912345678"}]
    assert {token.name: token.of for token in encode(register(rows), key=KEY, project="p").header.fields} == {
        "duf": ("duf",),
        "key_pair_year": ("given_name", "family_name", "alias", "birth_date", "birth_year"),
        "key_slip_year": ("given_name", "family_name", "alias", "birth_date", "birth_year"),
    }
    bloom = encode(register(rows), key=KEY, project="p", encoding="bloom")
    assert (bloom.fields, bloom.header.encoding) == (("duf", "bloom_given_name", "bloom_birth"), "bloom")


def test_attributes_pass_only_in_common_categories():
    """Sex and region go along; the agency's own categories and its own id stay behind."""
    rows = [ANNE | {"sex": "woman", "region": "africa", "city": "oslo", "local_id": "A-17"}, MARY | {"sex": "man"}]
    encoded = encode(register(rows), key=KEY, project="p")
    assert encoded.attributes == ("sex", "region")
    assert sorted(cells(encoded, "sex")) == ["man", "woman"]
    assert "oslo" not in encoded.to_text()
    assert "A-17" not in encoded.to_text()
    with pytest.raises(BadInput, match=r"values of sex that are not common categories") as caught:
        encode(register([ANNE | {"sex": "Anne Hansen"}]), key=KEY, project="p")
    assert "Anne" not in str(caught.value)


def test_the_header_counts_rows_set_aside_and_merged():
    """The reader of the file sees how many rows the agency had."""
    aside = [Problem("rosa.csv", 4, "kjonn", "not a code"), Problem("rosa.csv", 4, "dato", "not a date")]
    header = encode(register([ANNE, ANNE, MARY], problems=aside), key=KEY, project="p").header
    assert (header.n_rows, header.n_set_aside, header.n_records) == (3, 1, 2)
    assert (header.project, header.register, header.agency) == ("p", "rosa", "ROSA")


def test_a_list_is_refused_with_the_key_of_another_project_or_nothing_to_encode():
    """A key serves one project, and a list without identifiers cannot be linked."""
    with pytest.raises(BadInput, match="made for project 'p', not 'q'"):
        encode(register([ANNE]), key=KEY, project="q")
    with pytest.raises(BadInput, match="has no fields that can be encoded as match_keys"):
        encode(register([{"sex": "woman", "local_id": "1"}]), key=KEY, project="p")


@pytest.mark.parametrize("encoding", ["match_keys", "bloom"])
def test_nationality_and_sex_are_never_encoded(encoding):
    """A field of few values would be read off its frequencies; sex goes in clear as an attribute."""
    encoded = encode(
        register([ANNE | {"nationality": "Nigeria", "sex": "woman"}]), key=KEY, project="p", encoding=encoding
    )
    assert not [token.name for token in encoded.header.fields if {"nationality", "sex"} & set(token.of)]


def test_several_alias_columns_are_one_set_of_words():
    """The words of all aliases stand beside those of the names."""
    row = {"given_name": "Joy", "alias": "Mimi", "alias_2": "Queen Bee", "birth_date": "1990-04-03"}
    encoded = encode(register([row]), key=KEY, project="p")
    assert len(cells(encoded, "key_word_date")[0].split("|")) == 5  # joy, mimi, queen, bee, queenbee


FNR, OTHER_FNR, D_NUMBER = "17912099997", "12829499914", "57912075186"


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (ANNE, ANNE, True),
        (ANNE, {"given_name": "HANSEN", "family_name": "Anne", "birth_date": "1990-04-03"}, True),
        (ANNE | {"fnr": FNR}, MARY | {"fnr": "179120 99997"}, True),
        (ANNE | {"fnr": FNR}, ANNE | {"fnr": OTHER_FNR}, False),
        (ANNE | {"fnr": FNR}, ANNE | {"d_number": D_NUMBER}, True),
        (ANNE, ANNE | {"birth_date": "1990-04-04"}, False),
        (ANNE | {"birth_date": "1990-01-01"}, ANNE | {"birth_date": "1990-01-01"}, False),
        (ANNE | {"given_name": "Ukjent"}, ANNE | {"given_name": "Ukjent"}, False),
        (ANNE | {"fnr": f"{FNR};{OTHER_FNR}"}, MARY | {"fnr": OTHER_FNR}, True),
    ],
)
def test_rows_of_one_person_are_merged_before_encoding(one, other, merged):
    """The same number, or the same names and full date unless a number contradicts it."""
    list_ = register([one, other])
    assert len(encode(list_, key=KEY, project="p")) == (1 if merged else 2)
    found = duplicates(list_)
    assert bool(found["merged"].any()) == merged
    assert len(id_map(list_, key=KEY)) == 2


def test_merged_rows_keep_what_either_knew():
    """The first known attribute, the first number, and the names of both."""
    rows = [
        ANNE | {"fnr": FNR, "sex": "unknown"},
        {"given_name": "Anna", "family_name": "Hansen", "fnr": FNR, "d_number": D_NUMBER, "sex": "woman"},
    ]
    encoded = encode(register(rows), key=KEY, project="p")
    assert cells(encoded, "sex") == ["woman"]
    assert not encoded.records[["key_names_date", "d_number", "fnr"]].isna().any(axis=None)
    first = cells(encode(register([ANNE]), key=KEY, project="p"), "key_word_date")[0]
    assert len(set(cells(encoded, "key_word_date")[0].split("|")) - set(first.split("|"))) == 0
    pairs = cells(encoded, "key_pair_year")[0].split("|")
    assert set(cells(encode(register([ANNE]), key=KEY, project="p"), "key_pair_year")) <= set(pairs)


def test_merged_rows_keep_all_their_numbers():
    """A person with two DUF numbers in one list meets either of them in another list."""
    rows = [ANNE | {"fnr": FNR, "duf": "209912345678"}, ANNE | {"fnr": FNR, "duf": "209900000001"}]
    encoded = encode(register(rows), key=KEY, project="p")
    other = encode(register([{"duf": "209900000001"}], name="udi"), key=KEY, project="p")
    assert len(cells(encoded, "duf")) == 1
    assert cells(other, "duf")[0] in cells(encoded, "duf")[0].split("|")


@pytest.mark.parametrize(("encoding", "n_jobs"), [("match_keys", 1), ("bloom", 2)])
def test_the_bytes_do_not_depend_on_processes_or_chunks(encoding, n_jobs, monkeypatch):
    """One process or two, in chunks of any size, with merged rows across them: the same file."""
    rows = [ANNE | {"given_name": f"Anne{chr(97 + i % 20)}", "sex": "woman"} for i in range(30)] + [MARY] * 3
    once = encode(register(rows), key=KEY, project="p", encoding=encoding).to_text()
    monkeypatch.setattr("mse.pseudonyms.encoding.CHUNK", 4)
    assert encode(register(rows), key=KEY, project="p", encoding=encoding, n_jobs=n_jobs).to_text() == once
    assert len(once.splitlines()) == 2 + 20 + 1


def test_options_that_cannot_be_are_refused():
    """Each message holds the value."""
    for options, message in (
        ({"encoding": "clear"}, "encoding='clear'"),
        ({"n_jobs": 0}, "n_jobs=0 is below 1"),
        ({"delivery": 0}, "delivery=0 is not possible"),
    ):
        with pytest.raises(BadInput, match=message):
            encode(register([ANNE]), key=KEY, project="p", **options)


def test_merging_runs_through_a_third_row_but_not_against_a_number():
    """Rows 1 and 3 meet through row 2; a row with another number stays apart."""
    rows = [ANNE, ANNE | {"fnr": FNR}, MARY | {"fnr": FNR}, ANNE | {"fnr": OTHER_FNR}]
    list_ = register(rows)
    assert id_map(list_, key=KEY).groupby("record")["row"].apply(list).tolist() in ([[1, 2, 3], [4]], [[4], [1, 2, 3]])


def test_the_listing_names_rows_and_reasons_only():
    """The agency sees which rows were merged and which to look at, by row number."""
    undated = ANNE | {"birth_date": "1990-01-01"}
    found = duplicates(register([ANNE | {"row": 3}, undated | {"row": 7}, ANNE | {"row": 9}]))
    assert found.to_dict("records") == [
        {
            "row": 7,
            "same_as_row": 3,
            "reason": "the same names and year of birth, without a day to compare: please look",
            "merged": False,
        },
        {"row": 9, "same_as_row": 3, "reason": "the same names and date of birth", "merged": True},
    ]
    assert duplicates(register([ANNE, MARY])).empty


def test_lists_of_different_origin_are_refused_with_every_difference():
    """Project, key, rules, code, population: all that differs is named with the lists on either side."""
    rosa = encode(register([ANNE]), key=KEY, project="p")
    udi = encode(register([ANNE], name="udi", population="minors"), key=OTHER_KEY, project="p")
    with pytest.raises(BadInput) as caught:
        check_same_origin([rosa, udi])
    assert [reason.split(" (")[0] for reason in caught.value.reasons] == ["different key", "different population"]
    assert "rosa" in caught.value.reasons[0]
    assert "udi" in caught.value.reasons[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"project": "q"}, "different project"),
        ({"rules_version": "1"}, "different rules version"),
        ({"rules_digest": "0" * 64}, "different rules "),
        ({"encoding": "bloom"}, "different encoding .*encode them all in the same way"),
        ({"kat_digest": "0" * 64}, "different known answers .*although key and rules are the same"),
    ],
)
def test_each_difference_in_the_header_is_refused(change, message):
    """A file made by other code or rules would look as if nobody were on both lists."""
    rosa = encode(register([ANNE]), key=KEY, project="p")
    udi = encode(register([ANNE], name="udi"), key=KEY, project="p")
    with pytest.raises(BadInput, match=message) as caught:
        check_same_origin([rosa, EncodedRegister(replace(udi.header, **change), udi.records)])
    assert len(caught.value.reasons) == (2 if "project" in change else 1)  # the key then serves two projects


def test_a_list_given_twice_is_refused():
    """The same file, a later delivery of the same register, and a renamed copy are each named."""
    rows = [ANNE | {"given_name": f"Anne{chr(97 + i)}"} for i in range(12)]
    rosa = encode(register(rows), key=KEY, project="p")
    later = encode(register(rows[:6]), key=KEY, project="p")
    copy = EncodedRegister(replace(rosa.header, register="copy"), rosa.records)
    for other, message in ((rosa, "given twice"), (later, "are named 'rosa'"), (copy, "one list under two names")):
        with pytest.raises(BadInput, match=message):
            check_same_origin([rosa, other])


def test_the_key_and_its_tokens_are_the_same_everywhere():
    """Known answers: with this key the fixed fake persons have this digest, on every machine and version."""
    header = encode(register([ANNE]), key=KEY, project="p").header
    assert header.kat_digest[:16] == "fe6fbe76cc9a0406"


def test_encoding_needs_neither_pymc_nor_splink():
    """An agency's laptop loads what it needs and no more."""
    code = "import sys, mse.pseudonyms; print([m for m in ('pymc', 'splink', 'duckdb', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
