"""The life of a key: split and joined, destroyed, lost, and on Windows for its owner only."""

import json
import stat
from datetime import date
from types import SimpleNamespace

import pytest

from mse.errors import BadInput
from mse.pseudonyms import destroy_key, join_key, new_key, owner_only, read_key, report_lost, split_key
from mse.pseudonyms.key_book import BOOK, KeyEnd, check_not_ended, read_book
from mse.pseudonyms.owner_only import others_on_access_list

DAY = date(2027, 1, 31)
OWN = "S-1-5-21-1-2-3-1001"


@pytest.fixture
def key(tmp_path):
    new_key(tmp_path / "a.key", project="p")
    return tmp_path / "a.key"


@pytest.fixture
def shares(key):
    files = [key.parent / name for name in ("rosa.share", "udi.share", "nav.share")]
    split_key(key, files)
    return files


def test_all_shares_make_the_key_again_in_any_order(key, shares):
    """The joined key has the same tokens, project and rights as the one that was split."""
    joined = join_key(shares[::-1], out=key.parent / "b.key")
    again = read_key(key.parent / "b.key")
    whole = read_key(key)
    assert joined.fingerprint == again.fingerprint == whole.fingerprint
    assert again.subkey("token", "fnr", version="1") == whole.subkey("token", "fnr", version="1")
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*shares, key.parent / "b.key"]} == {0o600}


def test_no_share_holds_the_key_and_their_exclusive_or_is_the_key(key, shares):
    """By the definition of the splitting, and no two splittings are alike."""
    secret = int(json.loads(key.read_text("ascii"))["key"], 16)
    parts = [int(json.loads(path.read_text("ascii"))["bytes"], 16) for path in shares]
    assert parts[0] ^ parts[1] ^ parts[2] == secret
    assert secret not in parts
    assert parts[0] ^ parts[1] != secret
    split_key(key, [key.parent / "x.share", key.parent / "y.share"])
    assert int(json.loads((key.parent / "x.share").read_text("ascii"))["bytes"], 16) not in parts


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([0], "share 1 of 3 was given"),
        ([0, 2], "share 1, 3 of 3 was given"),
        ([0, 1, 1], "share 1, 2, 2 of 3 was given"),
        ([], "no share was given"),
    ],
)
def test_a_key_needs_each_share_once(chosen, message, shares):
    """One share alone, one missing, one twice: refused with what was given."""
    with pytest.raises(BadInput, match=message):
        join_key([shares[i] for i in chosen], out=shares[0].parent / "b.key")
    assert not (shares[0].parent / "b.key").exists()


def test_a_share_is_not_a_key_and_a_key_is_not_a_share(key, shares):
    """Each in place of the other is told apart, with the command to use."""
    with pytest.raises(BadInput, match=r"is one share of a key and not the key.*mse key join"):
        read_key(shares[0])
    with pytest.raises(BadInput, match="is a whole key and not a share"):
        join_key([key, shares[0]], out=key.parent / "b.key")


def test_shares_of_different_keys_are_refused(key, shares):
    """The message names each share with its key; shares of two splittings of one key do not fit either."""
    new_key(key.parent / "other.key", project="p")
    others = [key.parent / "other1.share", key.parent / "other2.share"]
    split_key(key.parent / "other.key", others)
    with pytest.raises(BadInput, match=r"different keys .*rosa.share: .*other2.share"):
        join_key([shares[0], others[1]], out=key.parent / "b.key")
    again = [key.parent / f"again{i}.share" for i in range(3)]
    split_key(key, again)
    with pytest.raises(BadInput, match="do not make the key that they name"):
        join_key([shares[0], shares[1], again[2]], out=key.parent / "b.key")


@pytest.mark.parametrize(
    "changes",
    [{"bytes": "0" * 63}, {"bytes": 7}, {"share": 0}, {"share": True}, {"of": "3"}, {"extra": 1}, {"project": None}],
)
def test_changed_shares_are_refused(changes, shares):
    """A share that is not as it was written gets one sentence that repeats none of it."""
    about = json.loads(shares[0].read_text("ascii")) | changes
    shares[0].write_text(json.dumps(about), "ascii")
    with pytest.raises(BadInput, match="was changed or cut") as caught:
        join_key(shares, out=shares[0].parent / "b.key")
    assert str(about["bytes"]) not in str(caught.value) or len(str(about["bytes"])) < 8


def test_one_digit_changed_in_a_share_is_found(shares):
    """The key that comes out would be another one, and is refused."""
    about = json.loads(shares[1].read_text("ascii"))
    about["bytes"] = f"{int(about['bytes'], 16) ^ 1:064x}"
    shares[1].write_text(json.dumps(about), "ascii")
    with pytest.raises(BadInput, match="one of them was changed"):
        join_key(shares, out=shares[0].parent / "b.key")


def test_a_share_that_others_can_read_is_refused(shares):
    """Shares are guarded like keys."""
    shares[2].chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        join_key(shares, out=shares[0].parent / "b.key")


@pytest.mark.parametrize("names", [["one.share"], ["one.share", "one.share"], ["one.share", "a.key"], ["a.csv", "b"]])
def test_a_splitting_that_cannot_be_is_refused_before_anything_is_written(names, key):
    """Too few files, one name twice, a file that exists, the name of a list."""
    with pytest.raises(BadInput):
        split_key(key, [key.parent / name for name in names])
    assert [path.name for path in key.parent.iterdir()] == ["a.key"]


def test_a_destroyed_key_is_gone_recorded_and_refused_when_it_comes_back(key, tmp_path):
    """The record holds project, fingerprint and day, no clock time; a copy from a backup is refused beside it."""
    content, fingerprint = key.read_bytes(), read_key(key).fingerprint
    destroy_key(key, on=DAY)
    assert not key.exists()
    assert read_book(tmp_path) == (KeyEnd("p", fingerprint, "destroyed", DAY),)
    assert json.loads((tmp_path / BOOK).read_text("utf-8"))["keys"][0]["on"] == "2027-01-31"
    (tmp_path / "backup.key").write_bytes(content)
    (tmp_path / "backup.key").chmod(0o600)
    with pytest.raises(BadInput, match=r"was destroyed on 2027-01-31.*mse key new"):
        read_key(tmp_path / "backup.key")


def test_the_place_of_a_destroyed_key_is_overwritten(key, tmp_path):
    """Another name of the same file on the disk no longer holds the key."""
    secret = json.loads(key.read_text("ascii"))["key"].encode()
    (tmp_path / "same").hardlink_to(key)
    destroy_key(key, on=DAY)
    assert secret not in (tmp_path / "same").read_bytes()


def test_a_copy_goes_without_a_record(key, tmp_path):
    """After splitting, the whole key is removed, and its shares still make it."""
    files = [tmp_path / "x.share", tmp_path / "y.share"]
    split_key(key, files)
    destroy_key(key, on=DAY, copy=True)
    assert not key.exists()
    assert read_book(tmp_path) == ()
    assert join_key(files, out=key).project == "p"


def test_a_destroyed_share_is_the_end_of_its_key(shares):
    """The other shares can never make the key again, which is recorded and said."""
    destroy_key(shares[0], on=DAY)
    with pytest.raises(BadInput, match="share 2, 3 of 3"):
        join_key(shares[1:], out=shares[0].parent / "b.key")
    with pytest.raises(BadInput, match="was destroyed on 2027-01-31"):
        read_key(shares[0].parent / "a.key")


def test_only_keys_are_ever_overwritten(tmp_path):
    """Any other file stays as it is."""
    (tmp_path / "list.csv").write_text("navn\nAna\n", "utf-8")
    with pytest.raises(BadInput, match="is not a key file"):
        destroy_key(tmp_path / "list.csv", on=DAY)
    assert (tmp_path / "list.csv").read_text("utf-8") == "navn\nAna\n"
    assert read_book(tmp_path) == ()


def test_a_key_that_others_can_read_can_be_destroyed(key):
    """Its fault is a reason to destroy it."""
    key.chmod(0o644)
    destroy_key(key, on=DAY)
    assert not key.exists()


def test_a_lost_key_is_refused_and_the_way_out_named(key, tmp_path):
    """Who reports a key as lost cannot encode with a copy of it; all agencies encode again."""
    end = report_lost(key, on=DAY)
    assert end.event == "lost"
    with pytest.raises(BadInput, match=r"reported lost on 2027-01-31.*every agency encode its list again"):
        read_key(key)


def test_lists_of_a_destroyed_key_stay_good_and_those_of_a_lost_one_do_not(tmp_path, key):
    """The receiving check looks for lost keys only."""
    fingerprint = read_key(key).fingerprint
    destroy_key(key, on=DAY)
    check_not_ended(fingerprint, [tmp_path], events=("lost",))
    with pytest.raises(BadInput, match="was destroyed"):
        check_not_ended(fingerprint, [tmp_path])


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "mse-keys 1"}', '{"format": "mse-keys 1", "keys": [{}]}', "\xff"]
)
def test_a_damaged_key_book_is_refused(content, key):
    """A record that cannot be read must not count as no record."""
    (key.parent / BOOK).write_text(content, "latin-1")
    with pytest.raises(BadInput, match="is not a key book"):
        read_key(key)


@pytest.mark.parametrize(
    ("sddl", "others"),
    [
        (f"D:PAI(A;;FA;;;{OWN})", ()),
        (f"O:{OWN}G:{OWN}D:P(A;;FA;;;{OWN})S:AI", ()),
        (f"D:P(D;;FA;;;WD)(A;;FA;;;{OWN})", ()),
        (f"D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{OWN})", ("SYSTEM", "Administrators")),
        (f"D:AI(A;;FR;;;S-1-5-21-9)(A;ID;FA;;;{OWN})", ("S-1-5-21-9",)),
        ("D:(A;;FA;;;WD)", ("Everyone",)),
        ("D:NO_ACCESS_CONTROL", ("Everyone",)),
        (f"D:P(XA;;FR;;;{OWN};(Member_of {{SID(BA)}}))", ("Everyone",)),
        (f"D:P(A;;FA;;;{OWN}0)", (f"{OWN}0",)),
        ("", ("Everyone",)),
    ],
)
def test_access_lists_of_windows_name_who_else_may_read(sddl, others):
    """Only the user's own identifier may be let in; what cannot be understood lets everyone in."""
    assert others_on_access_list(sddl, own_sid=OWN) == others


@pytest.fixture
def windows(monkeypatch):
    """Stands in for Windows: its two commands, the access list they tell, and what was asked of them."""
    state = SimpleNamespace(sddl=f"D:PAI(A;;FA;;;{OWN})", commands=[])

    def run(*command):
        state.commands.append(command)
        if "/save" in command:
            with open(command[-1], "wb") as stream:
                stream.write(f"a.key\r\n{state.sddl}\r\n".encode("utf-16-le"))
        return f'"desktop\\ana","{OWN}"\r\n' if command[0] == "whoami" else ""

    monkeypatch.setattr(owner_only, "_on_windows", lambda: True)
    monkeypatch.setattr(owner_only, "_run", run)
    return state


def test_on_windows_a_new_key_is_given_to_its_owner_before_it_is_written(windows, tmp_path):
    """The access list is set on the empty file, and then read back when the key is used."""
    new_key(tmp_path / "a.key", project="p")
    grant = windows.commands[1]
    assert (grant[0], grant[2:]) == ("icacls", ("/inheritance:r", "/grant:r", f"*{OWN}:F"))
    assert read_key(tmp_path / "a.key").project == "p"


def test_on_windows_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(windows, tmp_path):
    """The mode says nothing there; the access list does."""
    new_key(tmp_path / "a.key", project="p")
    windows.sddl = f"D:AI(A;ID;FA;;;{OWN})(A;ID;0x1200a9;;;BU)"
    with pytest.raises(BadInput, match=rf"\(Users\); run `icacls .*/inheritance:r /grant:r \*{OWN}:F`"):
        read_key(tmp_path / "a.key")


def test_where_rights_cannot_be_checked_a_key_is_refused(monkeypatch, tmp_path):
    """A disk or system without the commands gives a sentence, not a key without guard."""
    new_key(tmp_path / "a.key", project="p")
    monkeypatch.setattr(owner_only, "_on_windows", lambda: True)
    with pytest.raises(BadInput, match="`whoami` fails"):
        read_key(tmp_path / "a.key")
