"""Encoded files: written as declared, and read only when nothing was changed."""

import json
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.provenance import sha256_of
from mse.pseudonyms import EncodedRegister, Header, TokenField, read_encoded
from mse.pseudonyms.encoded import _digest_of_text

TOKEN_A, TOKEN_B = "a" * 32, "b" * 32
FILTER = "c" * 128


@pytest.fixture
def encoded():
    header = Header(
        rules_version="1",
        rules_digest="0" * 64,
        encoding="bloom",
        project="p",
        register="rosa",
        agency="ROSA – åpent",
        population="adults",
        presence="in contact",
        period=(date(2020, 1, 1), date(2020, 12, 31)),
        case_definition="presumed victim, own statement",
        case_definition_id="presumed-victim",
        counting_rule='more than one "conversation"\nor one night',
        population_covered="women and men",
        key_fingerprint="1" * 64,
        kat_digest="2" * 64,
        fields=(
            TokenField("fnr", "token", ("fnr",)),
            TokenField("name_words", "tokens", ("given_name", "alias")),
            TokenField("bloom_birth", "bloom", ("birth_date",)),
            TokenField("bloom_alias", "blooms", ("alias",)),
        ),
        attributes=("sex",),
        n_rows=3,
        n_set_aside=1,
        n_records=2,
    )
    columns = {
        "record": ["0" * 24, "1" * 24],
        "fnr": [TOKEN_A, None],
        "name_words": [f"{TOKEN_A}|{TOKEN_B}", TOKEN_A],
        "bloom_birth": [FILTER, None],
        "bloom_alias": [f"{FILTER}|{FILTER}", FILTER],
        "sex": ["woman", None],
    }
    return EncodedRegister(header, pd.DataFrame(columns, dtype="str"))


def test_what_is_written_is_read_again(encoded, tmp_path):
    """Header and records survive, and the same register gives the same bytes."""
    encoded.write(tmp_path / "a.mse")
    read = read_encoded(tmp_path / "a.mse")
    assert read.header == encoded.header
    pd.testing.assert_frame_equal(read.records, encoded.records)
    assert read.sha256 == encoded.sha256
    assert read.to_text().encode() == (tmp_path / "a.mse").read_bytes()


def test_a_long_list_is_written_in_parts_and_gives_the_same_bytes(encoded, tmp_path, monkeypatch):
    """The file does not depend on how many records are written at a time, and its digest is that of header and body."""
    whole = encoded.to_text()
    monkeypatch.setattr("mse.pseudonyms.encoded.ROWS_AT_A_TIME", 1)
    encoded.write(tmp_path / "a.mse")
    assert (tmp_path / "a.mse").read_bytes() == whole.encode()
    body = whole.partition("\n")[2]
    assert encoded.sha256 == sha256_of(encoded.header.to_json().encode(), body.encode())
    assert body == encoded.records.to_csv(index=False, lineterminator="\n")


def test_an_empty_list_is_written_and_read(encoded, tmp_path):
    """An agency that met nobody is a list too."""
    empty = EncodedRegister(replace(encoded.header, n_rows=0, n_records=0), encoded.records.iloc[:0])
    empty.write(tmp_path / "a.mse")
    assert len(read_encoded(tmp_path / "a.mse")) == 0


def test_the_text_form_counts_only(encoded):
    """A notebook shows sizes, project and key, no token."""
    assert repr(encoded) == "EncodedRegister('rosa', 2 records, 4 token fields, project 'p', key 11111111)"
    assert (encoded.name, encoded.fields, encoded.attributes) == (
        "rosa",
        ("fnr", "name_words", "bloom_birth", "bloom_alias"),
        ("sex",),
    )


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("record", "Anne", "record ids must be"),
        ("record", "1" * 24, "record ids must be"),
        ("fnr", "17912099997", "column fnr holds something that is not a token"),
        ("fnr", f"{TOKEN_A}|{TOKEN_B}", "column fnr holds something that is not a token"),
        ("fnr", TOKEN_A + "\n", "column fnr holds something that is not a token"),
        ("name_words", f"{TOKEN_A}|", "column name_words"),
        ("name_words", FILTER, "column name_words"),
        ("bloom_birth", TOKEN_A, "column bloom_birth"),
        ("bloom_birth", f"{FILTER}|{FILTER}", "column bloom_birth"),
        ("bloom_alias", f"{FILTER}|{TOKEN_A}", "column bloom_alias"),
        ("sex", "Anne Hansen", "column sex holds something that is not a common category"),
    ],
)
def test_records_that_are_not_tokens_are_refused(encoded, column, value, message):
    """What might be a name neither gets in nor is repeated in the message."""
    records = encoded.records.copy()
    records.loc[0, column] = value
    with pytest.raises(BadInput, match=message) as caught:
        EncodedRegister(encoded.header, records)
    assert "Anne" not in str(caught.value)


def test_records_must_be_what_the_header_declares(encoded):
    """Another column, another number of records, or records in another order are refused."""
    with pytest.raises(BadInput, match="its columns must be record, fnr, name_words, bloom_birth, bloom_alias, sex"):
        EncodedRegister(encoded.header, encoded.records.assign(name="x"))
    with pytest.raises(BadInput, match="holds 1 records, its header says 2"):
        EncodedRegister(encoded.header, encoded.records.iloc[:1])
    with pytest.raises(BadInput, match="made of only 1 rows"):
        EncodedRegister(replace(encoded.header, n_rows=1), encoded.records)
    with pytest.raises(BadInput, match="in ascending order"):
        EncodedRegister(encoded.header, encoded.records.iloc[::-1])
    with pytest.raises(BadInput, match="column fnr"):
        EncodedRegister(encoded.header, encoded.records.assign(fnr=[1, 2]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("woman", "man"), "does not fit the digest"),
        (lambda text: text.replace('"project":"p"', '"project":"q"'), "does not fit the digest"),
        (lambda text: text[:-1], "does not fit the digest"),
        (lambda text: text[: text.index("\n")], "does not fit the digest"),
        (lambda text: text + "\n", "does not fit the digest"),
        (lambda text: text.replace("\n", "\r\n"), "does not fit the digest|not written as this package"),
        (lambda text: text.replace('{"agency"', '{ "agency"'), "not written as this package"),
        (lambda text: text[:20], "not the header of an encoded file"),
        (lambda text: "", "not the header of an encoded file"),
        (lambda text: "fornavn;etternavn\nAnne;Hansen\n", "not yet encoded"),
        (lambda text: "[1]\n", "not the header of an encoded file"),
        (lambda text: "[" * 100_000, "not the header of an encoded file"),
        (lambda text: "x" * 2_000_000, "first line is too long"),
        (lambda text: text.replace("mse-encoded 2", "mse-encoded 3"), "format that this version cannot read"),
        (lambda text: text.replace('"agency":', '"agent":'), r"lacks \['agency'\] and has 1 unknown"),
        (lambda text: text.replace('"project":"p"', '"project":"p","project":"q"'), "not the header"),
        (lambda text: text.replace('"n_records":2', '"n_records":-2'), r"\['n_records'\]"),
        (lambda text: text.replace('"n_records":2', '"n_records":true'), r"\['n_records'\]"),
        (lambda text: text.replace('"adults"', '"all"'), r"\['population'\]"),
        (lambda text: text.replace('"encoding":"bloom"', '"encoding":"clear"'), r"\['encoding'\]"),
        (lambda text: text.replace('"2020-01-01"', '"2021-01-01"'), r"\['period'\]"),
        (lambda text: text.replace('"tokens"', '"clear"'), r"\['fields'\]"),
        (lambda text: text.replace('"attributes":["sex"]', '"attributes":["fnr"]'), r"\['fields'\]"),
        (lambda text: text.replace("1" * 64, "1" * 63), r"\['key_fingerprint'\]"),
        (lambda text: text.replace('"project":"p"', '"project":"\\ud800"'), r"\['project'\]"),
    ],
)
def test_changed_files_are_refused_with_one_sentence(encoded, change, message, tmp_path):
    """Cut, edited and mistaken files: one line each, with the file and the way out, and nothing of the content."""
    path = tmp_path / "a.mse"
    path.write_bytes(change(encoded.to_text()).encode("utf-8"))
    with pytest.raises(BadInput, match=message) as caught:
        read_encoded(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Anne" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.replace("record,fnr", "record,navn"), "columns are not those that its header declares"),
        (lambda body: body[:-1], "last line is not complete"),
        (lambda body: body.replace(",woman", ",woman,Anne"), "a record does not have 6 cells"),
        (lambda body: body.replace("woman", "Anne Hansen"), "column sex"),
        (lambda body: body.replace(TOKEN_A, "Anne", 1), "column fnr"),
    ],
)
def test_a_body_with_a_fitting_digest_is_still_checked(encoded, change, message, tmp_path):
    """Whoever computes the digest anew still cannot get a name past the reader."""
    body = change(encoded.to_text().partition("\n")[2])
    path = tmp_path / "a.mse"
    path.write_text(encoded.header.to_json(digest=_digest_of_text(encoded.header, body)) + "\n" + body, "utf-8")
    with pytest.raises(BadInput, match=message) as caught:
        read_encoded(path)
    assert "Anne" not in str(caught.value)


def test_missing_and_binary_files_are_said(tmp_path):
    """No file, a folder, and bytes that are not text: one sentence each."""
    with pytest.raises(BadInput, match="there is no file"):
        read_encoded(tmp_path / "a.mse")
    with pytest.raises(BadInput, match="cannot be read"):
        read_encoded(tmp_path)
    (tmp_path / "a.mse").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        read_encoded(tmp_path / "a.mse")


def test_the_header_line_is_what_any_program_would_write(encoded):
    """Sorted keys, no blanks, no escapes beyond what JSON needs: a browser writes the same bytes."""
    line = encoded.to_text().partition("\n")[0]
    about = json.loads(line)
    assert list(about) == sorted(about)
    assert "ROSA – åpent" in line
    assert about["period"] == {"start": "2020-01-01", "end": "2020-12-31"}
