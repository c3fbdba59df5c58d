"""Laws of pseudonyms, over what Hypothesis can think of typing."""

import hmac
import json
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mse.errors import BadInput
from mse.pseudonyms import EncodedRegister, Key, encode, read_encoded
from mse.pseudonyms.filters import bigrams, filter_of
from mse.pseudonyms.header import Header
from mse.pseudonyms.normalise import joined, name_words, normal_forms, skeleton
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import subkeys, token_columns
from mse.registers import Codebook, Column, Register

KEYS = [Key("p", bytes(range(32))), Key("p", bytes(range(1, 33))), Key("q", bytes(range(32)))]
LETTERS = "aAbBdeEgGhHiIkKlLmMnNoOrRsStTuUyYåÅøØæÆöä-' .éñшоЮї"
NAMES = st.text(LETTERS, max_size=8)
DATES = st.dates(date(1950, 1, 1), date(2005, 12, 31)).map(date.isoformat)
PERSONS = st.fixed_dictionaries(
    {},
    optional={
        "given_name": NAMES | st.sampled_from(["Åse", "AASE", "Mohammed", "Muhamad"]),
        "family_name": NAMES | st.text(max_size=6),
        "alias": NAMES,
        "birth_date": DATES | st.sampled_from(["1990-01-01", "1990-03-04", "1990-04-03"]),
        "birth_year": st.sampled_from(["1990", "1991", "x"]),
        "nationality": st.sampled_from(["Nigeria", "nigeria", "Norge", "?"]),
        "fnr": st.sampled_from(["17912099997", "179120 99997", "57912075186", "1"]),
        "d_number": st.sampled_from(["57912075186", "1"]),
        "duf": st.sampled_from(["209912345678", "2099 1234 5678", "1"]),
        "phone": st.sampled_from(["+47 91234567", "91234567", "1"]),
    },
)
LIGHT = settings(max_examples=60)


TOKENS = [token for token in rules().tokens if not token.grams]
FILTERS = [token for token in rules().tokens if token.grams]


def cells(persons, key, records=None):
    forms = [normal_forms(person) for person in persons]
    ids = records or [str(place) for place in range(len(persons))]
    return token_columns(forms, rules().tokens, records=ids, subkeys=subkeys(key, rules().tokens))


def values(forms, token):
    """What is hashed: all combinations of the values of the forms of a token."""
    return set(product(*(forms.get(name, ()) for name in token.forms)))


@LIGHT
@given(PERSONS, PERSONS)
def test_equal_tokens_are_equal_normal_forms(one, other):
    """Under one key two cells share as many tokens as their normal forms share combinations, and miss together."""
    forms = [normal_forms(person) for person in (one, other)]
    found = cells([one, other], KEYS[0])
    for token in TOKENS:
        first, second = (set((cell or "").split("|")) - {""} for cell in found[token.name])
        of_first, of_second = (values(own, token) for own in forms)
        assert (len(first), len(second)) == (len(of_first), len(of_second))
        assert len(first & second) == len(of_first & of_second)


@LIGHT
@given(PERSONS, PERSONS)
def test_filters_of_one_record_are_equal_when_their_grams_are(one, other):
    """Without the difference of records, equal grams and only they give equal filters (but for a rare collision)."""
    forms = [normal_forms(person) for person in (one, other)]
    found = cells([one, other], KEYS[0], records=["same", "same"])
    for token in FILTERS:
        of_first, of_second = (own.get(token.forms[0], ()) for own in forms)
        grams = [
            [bigrams(value) for value in own] if token.grams == "bigrams" else own for own in (of_first, of_second)
        ]
        sets = [{frozenset(own) for own in side} if token.grams == "bigrams" else {*side} for side in grams]
        first, second = found[token.name]
        assert (first is None) == (not of_first)
        if len(of_first) <= 1 or token.grams == "values":
            assert (first == second) == (sets[0] == sets[1])


@LIGHT
@given(NAMES, NAMES)
def test_a_filter_is_the_union_of_what_its_grams_set(one, other):
    """The slow obvious twin: bit by bit, from the digest of each gram."""
    subkey = KEYS[0].subkey("bloom", "name", version=rules().version)
    grams = {*bigrams(one), *bigrams(other)} if one.isascii() and other.isascii() else {"_a"}
    places = set()
    for gram in grams:
        digest = hmac.new(subkey, gram.encode(), "sha256").digest()
        places |= {(digest[2 * i] * 256 + digest[2 * i + 1]) % 512 for i in range(12)}
    text = "".join("1" if place in places else "0" for place in range(512))
    assert filter_of(grams, subkey=subkey) == int(text, 2)


def test_equal_names_have_filters_that_differ_by_record_and_stay_alike():
    """Equality of filters gives no frequency away, and similarity is not lost."""
    persons = [{"given_name": "Blessing", "family_name": "Osagie", "birth_date": "1990-04-23"}] * 40
    for token in FILTERS:
        if token.name == "bloom_alias":
            continue
        found = [int(cell, 16) for cell in cells(persons, KEYS[0])[token.name]]
        assert len(set(found)) == len(found)
        alike = [2 * (a & b).bit_count() / (a.bit_count() + b.bit_count()) for a in found for b in found if a != b]
        assert min(alike) > 0.75


def test_filters_are_half_full_at_most():
    """A name of any length leaves half of the bits unset, give or take the chance of a hash."""
    longest = "".join(first + second for first in "abcdef" for second in "ghijkl")
    subkey = KEYS[0].subkey("bloom", "name", version=rules().version)
    assert len(bigrams(longest)) == rules().tables["bloom"]["most_grams"]
    assert filter_of(bigrams(longest), subkey=subkey).bit_count() <= 0.53 * rules().tables["bloom"]["bits"]


@LIGHT
@given(PERSONS)
def test_different_keys_and_projects_share_no_token(person):
    """Equal tokens need an equal key and project."""
    found = [
        {token for cell in column for token in (cell or "").split("|") if token}
        for key in KEYS
        for column in cells([person], key).values()
    ]
    assert sum(map(len, found)) == len(set().union(*found))


@LIGHT
@given(NAMES)
def test_normalising_again_changes_nothing(text):
    """A name that was normalised elsewhere gives the same token."""
    words = name_words(text)
    assert name_words(" ".join(words)) == words
    assert joined((joined(words),)) == joined(words)
    assert name_words(text.upper()) == name_words(text.lower()) == words


@LIGHT
@given(st.text(max_size=40))
def test_whatever_is_typed_becomes_ascii_letters_or_is_missing(text):
    """No code point gets through as it was typed."""
    words = name_words(text)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert (skeleton(words) == "") == (words == ())


def register(persons):
    fields = ("given_name", "birth_date")
    columns = tuple(
        Column(field, kind, field, identifier=True) for field, kind in zip(fields, ("name", "date"), strict=True)
    )
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", columns)
    frame = pd.DataFrame([[person.get(field) for field in fields] for person in persons], columns=list(fields))
    return Register(codebook, frame.astype("str"), source_sha256="")


@settings(max_examples=20)
@given(st.lists(PERSONS, max_size=6))
def test_encoding_survives_the_file_and_changes_no_input(persons):
    """What is read is what was written, and the register is as it was."""
    list_ = register(persons)
    before = list_.records.copy(deep=True)
    encoded = encode(list_, key=KEYS[0], project="p")
    pd.testing.assert_frame_equal(list_.records, before)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mse"
        encoded.write(path)
        read = read_encoded(path)
    assert read.header == encoded.header
    pd.testing.assert_frame_equal(read.records, encoded.records)


CONTENT = encode(
    register([{"given_name": name, "birth_date": "1990-03-04"} for name in ("Anne", "Åse", "Mary")]),
    key=KEYS[0],
    project="p",
)
BYTES = CONTENT.to_text().encode()


def refused(content):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mse"
        path.write_bytes(content)
        with pytest.raises(BadInput) as caught:
            read_encoded(path)
    assert "\n" not in str(caught.value)


@LIGHT
@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(position, change):
    """A file that differs in one byte is not read."""
    refused(BYTES[:position] + bytes([BYTES[position] ^ change]) + BYTES[position + 1 :])


@LIGHT
@given(st.integers(0, len(BYTES) - 1))
def test_any_cut_file_is_refused(length):
    """A file that ends early is not read."""
    refused(BYTES[:length])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ENTRIES = sorted({*Header.__dataclass_fields__})


@LIGHT
@given(st.sampled_from(ENTRIES), JSON)
def test_any_value_in_the_header_is_read_or_refused(entry, value):
    """Whatever stands in a header entry, the answer is a header or one sentence."""
    about = json.loads(CONTENT.header.to_json(digest="0" * 64)) | {entry: value}
    try:
        said = repr(Header.from_json(json.dumps(about), file="a.mse"))
    except BadInput as error:
        said = str(error)
    assert said.startswith(("(Header(", "a.mse: "))
    assert "\n" not in said.partition("(Header(")[0]


@LIGHT
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content):
    """What is not an encoded file gets one sentence."""
    refused(content)


def test_a_token_is_hmac_as_the_standard_has_it():
    """The slow obvious twin: HMAC-SHA-256 under the column's subkey, cut to 16 bytes."""
    person = {"given_name": "Åse", "family_name": "Obi", "birth_date": "1990-03-04", "phone": "91234567;40000001"}
    forms = normal_forms(person)
    found = cells([person], KEYS[0])
    for token in TOKENS:
        subkey = KEYS[0].subkey("token", token.name, version=rules().version)
        texts = ["\x1f".join(parts) for parts in values(forms, token)]
        expected = sorted(hmac.new(subkey, text.encode(), "sha256").digest()[:16].hex() for text in texts)
        assert found[token.name][0] == ("|".join(expected) or None)


def test_a_header_that_was_changed_in_memory_writes_another_digest():
    """The digest covers the header, not only the records."""
    other = EncodedRegister(replace(CONTENT.header, agency="UDI"), CONTENT.records)
    assert other.sha256 != CONTENT.sha256
