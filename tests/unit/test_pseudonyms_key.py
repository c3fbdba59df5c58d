"""Keys: made from random bytes, kept owner-only, and refused when anything is wrong with them."""

import base64
import json
import pickle
import re
import stat
from pathlib import Path

import pytest

import mse
from mse.errors import BadInput
from mse.pseudonyms import Key, new_key, read_key

SECRET = bytes(range(32))
OTHER = bytes(range(100, 132))


def test_a_new_key_is_read_again(tmp_path):
    """The file holds the key, its project and its fingerprint."""
    made = new_key(tmp_path / "a.key", project="norway-2020")
    read = read_key(tmp_path / "a.key")
    assert (read.project, read.fingerprint) == ("norway-2020", made.fingerprint)
    assert read.subkey("token", "fnr", version="1") == made.subkey("token", "fnr", version="1")


def test_two_new_keys_differ(tmp_path):
    """Keys are random: two keys of one project are not the same."""
    one, other = (new_key(tmp_path / name, project="p").fingerprint for name in ("a.key", "b.key"))
    assert one != other


def test_a_new_key_is_for_its_owner_only_and_leaves_nothing_else(tmp_path):
    """Mode 0600, and no half-written file beside it."""
    new_key(tmp_path / "a.key", project="p")
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.key"]


def test_a_key_is_never_overwritten(tmp_path):
    """A second key of the same name is refused and the first stays as it was."""
    new_key(tmp_path / "a.key", project="p")
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(BadInput, match="never overwritten"):
        new_key(tmp_path / "a.key", project="p")
    assert (tmp_path / "a.key").read_bytes() == before


@pytest.mark.parametrize("project", ["", "a b", "a|b", "ø", "-a", "x" * 65])
def test_a_project_name_is_plain(project, tmp_path):
    """The name takes part in every subkey, so it holds no separator and reads the same everywhere."""
    with pytest.raises(BadInput, match="project name"):
        new_key(tmp_path / "a.key", project=project)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused(mode, tmp_path):
    """The message says how to mend it."""
    new_key(tmp_path / "a.key", project="p")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(BadInput, match="chmod 600"):
        read_key(tmp_path / "a.key")


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (SECRET[:31], "has 31 bytes"),
        (b"", "has 0 bytes"),
        (b"\x07" * 32, "one byte again and again"),
        (b"correct horse battery staple, so", "passphrase"),
        (b"\x00\x01" * 16, "only 2 different byte values"),
    ],
)
def test_weak_keys_are_refused(secret, message, tmp_path):
    """Short, repeated and typed keys are refused, in memory and from a file, and never shown."""
    with pytest.raises(BadInput, match=message):
        Key("p", secret)
    path = _key_file(tmp_path, key=secret.hex())
    with pytest.raises(BadInput, match=message) as caught:
        read_key(path)
    assert secret.hex() not in str(caught.value) or not secret


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "zz" * 32}, "not written as hexadecimal"),
        ({"key": 7}, "not written as hexadecimal"),
        ({"project": "a b"}, "does not name its project"),
        ({"format": "mse-key 9"}, "is not a key file"),
        ({"extra": 1}, "is not a key file"),
        ({"project": "q"}, "made for another project than 'q'"),
        ({"seal": "0" * 64}, "made for another project"),
        ({"key": OTHER.hex()}, "does not fit the fingerprint"),
        ({"project": "other", "fingerprint": "0" * 64}, "does not fit the fingerprint"),
    ],
)
def test_changed_key_files_are_refused(changes, message, tmp_path):
    """Each kind of fault has its own sentence."""
    with pytest.raises(BadInput, match=message):
        read_key(_key_file(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"secret", b"\xff\xfe", b"[]", b"{", b"[" * 3000, b"x" * 5000])
def test_what_is_not_a_key_file_is_refused(content, tmp_path):
    """Any other file gets one sentence that does not repeat it."""
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="is not a key file"):
        read_key(path)


def test_a_missing_key_is_said(tmp_path):
    """The message names the command that makes one; a folder is not a key."""
    with pytest.raises(BadInput, match=r"there is no key file .*mse key new"):
        read_key(tmp_path / "a.key")
    with pytest.raises(BadInput, match="not a key file"):
        read_key(tmp_path)


@pytest.mark.parametrize("name", ["study.csv", "study.xlsx", "KEY.CSV", "rosa.mse", "rosa.toml"])
def test_a_key_is_not_kept_in_a_list(name, tmp_path):
    """A file with the name of a list is no key, whether it is to be made or read."""
    with pytest.raises(BadInput, match="not kept in one"):
        new_key(tmp_path / name, project="p")
    _key_file(tmp_path).rename(tmp_path / name)
    with pytest.raises(BadInput, match="not kept in one"):
        read_key(tmp_path / name)


@pytest.mark.parametrize("typed", [OTHER.hex(), "0x" + OTHER.hex(), base64.b64encode(OTHER).decode(), OTHER.hex() * 9])
def test_a_key_that_is_typed_is_refused_and_not_repeated(typed):
    """The value of a key in place of its file is recognised, called burnt, and not shown again."""
    with pytest.raises(BadInput) as caught:
        read_key(typed)
    assert typed not in str(caught.value)
    assert "never typed" in str(caught.value) or len(typed) > 255


def test_nothing_reads_a_key_from_the_environment():
    """No code of pseudonyms or the command line looks at environment variables."""
    source = Path(mse.__file__).parent
    files = [*source.glob("pseudonyms/*.py"), *source.glob("cli/*.py")]
    assert len(files) > 10
    for path in files:
        assert not re.search(r"os\.environ|import environ|getenv|envvar", path.read_text("utf-8")), path


def test_a_key_shows_only_its_fingerprint():
    """Neither text form holds any part of the secret, and a key cannot be pickled."""
    key = Key("p", SECRET)
    for text in (repr(key), str(key), f"{key}", f"{[key]!r}"):
        assert "fingerprint" in text
        assert "00010203" not in text
        assert "\\x00" not in text
    with pytest.raises(BadInput, match="give the path"):
        pickle.dumps(key)


def test_subkeys_differ_by_project_purpose_field_and_version():
    """No token of one field, purpose, project or rule version can meet another's."""
    keys = [Key("p", SECRET), Key("q", SECRET), Key("p", OTHER)]
    subkeys = [keys[0].subkey(*args, version="1") for args in (("token", "a"), ("token", "b"), ("record", "a"))]
    subkeys += [key.subkey("token", "a", version="1") for key in keys[1:]]
    subkeys += [keys[0].subkey("token", "a", version="2")]
    assert len(set(subkeys)) == 6
    assert {len(subkey) for subkey in subkeys} == {32}


def test_a_subkey_is_hkdf_as_the_standard_has_it():
    """HKDF-SHA-256 without salt, by its definition in RFC 5869."""
    import hashlib
    import hmac

    pseudorandom = hmac.digest(bytes(32), SECRET, "sha256")
    expected = hmac.digest(pseudorandom, b"p|fnr|token|1" + b"\x01", "sha256")
    assert Key("p", SECRET).subkey("token", "fnr", version="1") == expected
    assert Key("p", SECRET).fingerprint == hmac.new(SECRET, b"fp", hashlib.sha256).hexdigest()


def _key_file(folder, **changes):
    entries = {"format": "mse-key 2", "project": "p", "made_by": "mse", "key": SECRET.hex()}
    entries |= {"fingerprint": Key("p", SECRET).fingerprint, "seal": Key("p", SECRET).seal} | changes
    path = folder / "changed.key"
    path.write_text(json.dumps(entries), "utf-8")
    path.chmod(0o600)
    return path
