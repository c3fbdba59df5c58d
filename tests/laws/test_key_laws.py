"""Laws of keys, shares and lists under any change: they are read as written, or refused with one sentence."""

import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mse.errors import BadInput
from mse.pseudonyms import Key, join_key, read_encoded, read_key, split_key
from mse.pseudonyms.key import key_file
from mse.pseudonyms.key_book import BOOK, read_book
from mse.registers import Codebook, Column, read_register

SECRETS = st.binary(min_size=32, max_size=32).filter(lambda secret: len(set(secret)) > 24)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = (
    Column("navn", "name", "given_name", True),
    Column("født", "date", "birth_date", True),
    Column("kjønn", "category", "sex", codes={"K": "woman", "M": "man"}),
)
YEAR = (date(2020, 1, 1), date(2020, 12, 31))
BOOK_OF_LIST = Codebook("rosa", "ROSA", "adults", "in contact", YEAR, "presumed", "p", "any", "all", COLUMNS)
LIST = "navn;født;kjønn\nWrozptkaldghbn;12.03.1987;K\nVbjorkzqtmpld;01.01.1990;M\n"


def owned(folder, name, content):
    path = Path(folder) / name
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def edits(content):
    """A file that was cut, had bytes replaced, or had bytes put in."""
    places = st.integers(0, len(content))
    return st.one_of(
        places.map(lambda at: content[:at]),
        st.tuples(places, st.binary(max_size=4)).map(lambda e: content[: e[0]] + e[1] + content[e[0] + len(e[1]) :]),
        st.tuples(places, st.binary(max_size=4)).map(lambda e: content[: e[0]] + e[1] + content[e[0] :]),
    )


def outcome(call):
    """What a call gives, or None and the message of its refusal."""
    try:
        return call(), ""
    except BadInput as error:
        return None, str(error)


def one_sentence(text, *unseen):
    return "\n" not in text and not any(value in text for value in unseen)


@settings(max_examples=60)
@given(st.data())
def test_a_key_file_that_was_changed_is_the_same_key_or_refused(data):
    """No change of a file gives another key, and no message shows any of it."""
    secret = data.draw(SECRETS)
    key = Key("p", secret)
    content = data.draw(edits(key_file(key)))
    with TemporaryDirectory() as folder:
        path = owned(folder, "a.key", content)
        read, refusal = outcome(lambda: read_key(path))
    assert one_sentence(refusal, secret.hex(), secret.hex()[:16])
    assert read is None or (read.fingerprint, read.project) == (key.fingerprint, "p")


@settings(max_examples=60)
@given(SECRETS, st.sampled_from(("format", "project", "made_by", "fingerprint", "seal", "key", "new")), JSON)
def test_a_key_file_with_any_entry_is_the_same_key_or_refused(secret, entry, value):
    """Sound JSON with something else in one place, of any type."""
    key = Key("p", secret)
    content = json.dumps(json.loads(key_file(key)) | {entry: value}).encode()
    with TemporaryDirectory() as folder:
        read, refusal = outcome(lambda: read_key(owned(folder, "a.key", content)))
    assert one_sentence(refusal, secret.hex())
    assert read is None or read.fingerprint == key.fingerprint


@settings(max_examples=25)
@given(SECRETS, st.integers(2, 5), st.randoms(use_true_random=False))
def test_any_key_is_made_again_from_any_number_of_shares_in_any_order(secret, n, random):
    """Splitting and joining is the identity; leaving one out is refused."""
    key = Key("p", secret)
    with TemporaryDirectory() as folder:
        shares = [Path(folder) / f"{i}.share" for i in range(n)]
        split_key(owned(folder, "a.key", key_file(key)), shares)
        random.shuffle(shares)
        assert join_key(shares, out=Path(folder) / "b.key").fingerprint == key.fingerprint
        with pytest.raises(BadInput, match=f"of {n} was given"):
            join_key(shares[1:], out=Path(folder) / "c.key")


@settings(max_examples=60)
@given(st.data())
def test_shares_of_which_one_was_changed_give_the_same_key_or_are_refused(data):
    """Cut, edited or mixed shares never give a key that is not the one that was split."""
    key = Key("p", data.draw(SECRETS))
    with TemporaryDirectory() as folder:
        shares = [Path(folder) / f"{i}.share" for i in range(2)]
        split_key(owned(folder, "a.key", key_file(key)), shares)
        shares[0].write_bytes(data.draw(edits(shares[0].read_bytes())))
        joined, refusal = outcome(lambda: join_key(shares, out=Path(folder) / "b.key"))
        assert one_sentence(refusal)
        assert (joined is None) == (not (Path(folder) / "b.key").exists())
    assert joined is None or (joined.fingerprint, joined.project) == (key.fingerprint, "p")


@settings(max_examples=60)
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_any_key_book_is_read_or_refused(content):
    """A record that cannot be read is said, never taken for an empty one."""
    with TemporaryDirectory() as folder:
        (Path(folder) / BOOK).write_bytes(content)
        with pytest.raises(BadInput, match="is not a key book"):
            read_book(Path(folder))


@settings(max_examples=80)
@given(st.data())
def test_a_list_that_was_changed_is_read_or_refused_without_its_values(data):
    """Cut and edited CSV files: sound rows, or sentences that hold no name."""
    content = data.draw(edits(LIST.encode()))
    with TemporaryDirectory() as folder:
        path = owned(folder, "rosa.csv", content)
        how = data.draw(st.sampled_from(("refuse", "set_aside")))
        register, refusal = outcome(lambda: read_register(path, codebook=BOOK_OF_LIST, unreadable=how))
    assert not any(name in refusal for name in ("Wrozptkaldghbn", "Vbjorkzqtmpld", "1987"))
    assert register is None or 1 <= len(register) <= 3


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8")))
def test_any_bytes_are_refused_by_every_reader(content):
    """A file that is none of ours gets one sentence from each reader, whatever stands in it."""
    with TemporaryDirectory() as folder:
        for read, name in ((read_key, "a.key"), (read_encoded, "a.mse")):
            with pytest.raises(BadInput) as caught:
                read(owned(folder, name, content))
            assert one_sentence(str(caught.value))
        for name in ("a.csv", "a.xlsx", "a.parquet"):
            with pytest.raises(BadInput):
                read_register(owned(folder, name, content), codebook=BOOK_OF_LIST)
