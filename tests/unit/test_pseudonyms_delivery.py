"""From an agency to the linkage unit: tried, written, documented, received, delivered again."""

import io
import json
import os
import stat
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from datetime import date

import pandas as pd
import pytest

import mse.cli
from mse.errors import BadInput
from mse.pseudonyms import (
    EncodedRegister,
    Key,
    check_same_origin,
    encode,
    id_map,
    latest_deliveries,
    new_key,
    read_encoded,
    read_key,
    report_lost,
)
from mse.pseudonyms.disclosure import Risk
from mse.pseudonyms.dpia import dpia_log, dpia_markdown, write_dpia
from mse.pseudonyms.origin import delivery_warnings
from mse.pseudonyms.receiving import check_received
from mse.registers import Codebook, Column, Register, codebook_path, read_register, write_codebook

KEY = Key("p", bytes(range(32)))
COLUMNS = (
    Column("sak", "ignore"),
    Column("fornavn", "name", "given_name", True),
    Column("etternavn", "name", "family_name", True),
    Column("fodt", "date", "birth_date", True),
    Column("kjonn", "category", "sex", codes={"K": "woman", "M": "man"}),
)


@pytest.fixture
def cli(monkeypatch):
    """Runs the command line with these words: its exit code, output and errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mse", *map(str, words)])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            mse.cli.main()
        return end.value.code, out.getvalue(), err.getvalue()

    return run


def name_of(i):
    """Given and family name of the i-th made-up person; no two are alike in their consonants."""
    return f"{'bdfglm'[i % 6]}a{'knprt'[i // 6]}a".title(), f"{'knprst'[i % 6]}o{'bdfgl'[i // 6]}o".title()


def book(name="rosa", agency="ROSA"):
    year = (date(2020, 1, 1), date(2020, 12, 31))
    return Codebook(name, agency, "adults", "in contact", year, "presumed", "p", "any", "all", COLUMNS)


@pytest.fixture
def agency(tmp_path):
    """A folder with a list, its codebook and the key. Row 13 repeats row 1; one man stands among women."""
    lines = ["sak;fornavn;etternavn;fodt;kjonn"]
    lines += [f"{i};{';'.join(name_of(i))};12.03.{1960 + i};{'M' if i == 3 else 'K'}" for i in range(12)]
    lines += [lines[1].replace("0;", "99;", 1)]
    (tmp_path / "rosa.csv").write_text("\n".join(lines) + "\n", "utf-8")
    write_codebook(book(), codebook_path(tmp_path / "rosa.csv"))
    new_key(tmp_path / "p.key", project="p")
    return tmp_path


def register_of(n=20, *, name="rosa", agency="ROSA", first=0):
    rows = {
        "given_name": [name_of(i)[0] for i in range(first, first + n)],
        "family_name": [name_of(i)[1] for i in range(first, first + n)],
        "birth_date": [f"{1960 + i}-03-12" for i in range(first, first + n)],
        "sex": ["woman"] * n,
    }
    return Register(book(name, agency), pd.DataFrame(rows, index=range(1, n + 1), dtype="str"), source_sha256="")


def encoded_of(*args, delivery=1, key=KEY, **kwargs):
    return encode(register_of(*args, **kwargs), key=key, project=key.project, delivery=delivery)


def test_a_dry_run_prints_counts_and_writes_nothing(cli, agency):
    """Rows, merged rows, columns and risks; the folder stays as it was, and the id to accept is named."""
    before = sorted(os.listdir(agency))
    code, out, err = cli("encode", agency / "rosa.csv", "--key", agency / "p.key", "--dry-run", "--format", "csv")
    assert code == 0, err
    counts = pd.read_csv(io.StringIO(out)).set_index("name")
    assert counts.loc[["rows", "merged", "records", "key_names_date", "sex"], "n"].tolist() == [13, 1, 12, 12, 12]
    assert counts.loc["small_groups", "what"] == "risk"
    _, out, _ = cli("encode", agency / "rosa.csv", "--key", agency / "p.key", "--dry-run")
    assert out.rstrip().endswith("Nothing was written. It would need --accept-risk small_groups.")
    assert sorted(os.listdir(agency)) == before


def test_a_list_with_a_risk_is_written_only_when_it_is_accepted(cli, agency):
    """Exit code 2 and no file; with the id, the list and the page for the officer."""
    words = ("encode", agency / "rosa.csv", "--key", agency / "p.key")
    code, _, err = cli(*words)
    assert code == 2
    assert "accept it with --accept-risk small_groups" in err
    assert not (agency / "rosa.mse").exists()
    assert not list(agency.glob("*.dpia.*"))
    assert cli(*words, "--accept-risk", "small_grups")[0] == 2
    code, out, err = cli(*words, "--accept-risk", "small_groups")
    assert code == 0, err
    assert "12 records of 13 rows" in out
    assert len(read_encoded(agency / "rosa.mse")) == 12


def test_merged_rows_and_the_id_map_stay_at_the_agency(cli, agency):
    """Both are for the owner only and hold rows, records and reasons, no name."""
    words = ("encode", agency / "rosa.csv", "--key", agency / "p.key", "--accept-risk", "small_groups")
    code, _, err = cli(*words, "--merged", agency / "merged.csv", "--id-map", agency / "ids.csv", "--delivery", 2)
    assert code == 0, err
    merged = pd.read_csv(agency / "merged.csv")
    assert merged.to_numpy().tolist() == [[13, 1, "the same names and date of birth", True]]
    register, key = read_register(agency / "rosa.csv"), read_key(agency / "p.key")
    pd.testing.assert_frame_equal(
        pd.read_csv(agency / "ids.csv", dtype={"record": "str"}), id_map(register, key=key, delivery=2)
    )
    assert set(pd.read_csv(agency / "ids.csv")["record"]) == set(read_encoded(agency / "rosa.mse").records["record"])
    for name in ("merged.csv", "ids.csv"):
        assert stat.S_IMODE((agency / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("option", "target"),
    [("--out", "rosa.csv"), ("--merged", "rosa.toml"), ("--id-map", "p.key"), ("--dpia", "rosa.mse")],
)
def test_no_output_takes_the_place_of_a_list_codebook_or_key(cli, agency, option, target):
    """A slip in an option must not cost the agency its list."""
    before = {path.name: path.read_bytes() for path in agency.iterdir()}
    code, _, err = cli(
        "encode",
        agency / "rosa.csv",
        "--key",
        agency / "p.key",
        "--accept-risk",
        "small_groups",
        option,
        agency / target,
    )
    assert code == 2
    assert "choose another name" in err
    assert {path.name: path.read_bytes() for path in agency.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["encode"], "no file is given"),
        (["encode", "{folder}/rosa.csv"], "no key is given"),
        (
            ["encode", "{folder}/rosa.csv", "{folder}/udi.csv", "--key", "{folder}/p.key"],
            "one list is encoded at a time",
        ),
        (["encode", "{folder}/rosa.csv", "--key", "{folder}/p.key", "--delivery", "0"], "delivery=0"),
        (["encode", "{folder}/rosa.csv", "--key", "{folder}/rosa.csv"], "not kept in one"),
        (["encode", "--check", "{folder}/rosa.csv"], "is not the header of an encoded file"),
        (["key", "destroy", "{folder}/p.key", "--yes"], "the day of the destruction is not given"),
        (["key", "destroy", "{folder}/p.key", "--on", "2027-01-31"], "is not touched yet"),
        (["key", "split", "{folder}/p.key", "{folder}/one.share"], "2 to 20 shares, not 1"),
        (["key", "lost", "{folder}/rosa.csv", "--on", "2027-01-31"], "is not a key file"),
    ],
)
def test_faults_of_the_agency_commands_end_with_two(cli, agency, words, told):
    """One sentence that says what is wrong."""
    code, _, err = cli(*(word.format(folder=agency) for word in words))
    assert code == 2
    assert told in err
    assert (agency / "p.key").exists()


def test_the_life_of_a_key_on_the_command_line(cli, agency):
    """Split, the whole key removed, joined, encoded, destroyed; then the list cannot be encoded again."""
    shares = (agency / "rosa.share", agency / "udi.share")
    accept = ("--accept-risk", "small_groups")
    content = (agency / "p.key").read_bytes()
    assert cli("key", "split", agency / "p.key", *shares)[0] == 0
    assert cli("key", "destroy", agency / "p.key", "--copy", "--yes")[0] == 0
    code, _, err = cli("encode", agency / "rosa.csv", "--key", shares[0], *accept)
    assert code == 2
    assert "one share of a key" in err
    assert cli("key", "join", *shares, "--out", agency / "p.key")[0] == 0
    assert cli("encode", agency / "rosa.csv", "--key", agency / "p.key", *accept)[0] == 0
    code, out, _ = cli("key", "destroy", agency / "p.key", "--on", "2027-01-31", "--yes")
    assert code == 0
    assert "solid-state disk" in out
    elsewhere = agency / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "backup.key").write_bytes(content)
    (elsewhere / "backup.key").chmod(0o600)
    code, _, err = cli("encode", agency / "rosa.csv", "--key", elsewhere / "backup.key", *accept)
    assert code == 2
    assert "was destroyed on 2027-01-31" in err


def test_the_page_for_the_officer_is_complete_and_not_overwritten(agency):
    """Every column and what becomes of it, risks with rounded counts, open lines; a page that was filled in stays."""
    register = read_register(agency / "rosa.csv")
    encoded = encode(register, key=KEY, project="p")
    log = dpia_log(register, encoded, risks=[Risk("small_groups", 1, ("sex",))], accepted=["small_groups"])
    assert {column["heading"]: column["becomes"] for column in log["columns"]} == {
        "sak": "stays", "fornavn": "encoded", "etternavn": "encoded", "fodt": "encoded", "kjonn": "in clear",
    }  # fmt: skip
    assert log["records"]["en"] == "about 10"
    assert set(log["to_fill_in"].values()) == {""}
    nb, en = (dpia_markdown(log, language=language) for language in ("nb", "en"))
    assert "Rettslig grunnlag | ____" in nb
    assert "Legal basis | ____" in en
    assert all(KEY.fingerprint[:12] in page and KEY.fingerprint[:13] not in page for page in (nb, en))
    assert "fewer than 5 records stand in groups" in en
    assert "Accepted by ____" in en
    with pytest.raises(BadInput, match="language='sv'"):
        dpia_markdown(log, language="sv")
    path = agency / "rosa.dpia.md"
    write_dpia(path, log, language="nb")
    write_dpia(path, log, language="en")  # nobody touched it
    path.write_text(en.replace("Legal basis | ____", "Legal basis | section 8"), "utf-8")
    with pytest.raises(BadInput, match="may have been filled in"):
        write_dpia(path, log, language="en")
    assert "section 8" in path.read_text("utf-8")
    assert json.loads((agency / "rosa.dpia.json").read_text("utf-8"))["risks"][0]["accepted"] is True


def test_received_files_that_fit_are_usable(cli, tmp_path):
    """One row per file with counts and shares, exit code 0."""
    encoded_of().write(tmp_path / "rosa.mse")
    encoded_of(name="udi", agency="UDI", first=3).write(tmp_path / "udi.mse")
    code, out, err = cli("encode", "--check", tmp_path / "rosa.mse", tmp_path / "udi.mse", "--format", "json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert [(row["list"], row["records"], row["empty"], row["status"]) for row in rows] == [
        ("rosa", 20, 0.0, "usable"),
        ("udi", 20, 0.0, "usable"),
    ]
    assert "nothing stands in the way" in cli("encode", "--check", tmp_path / "rosa.mse", tmp_path / "udi.mse")[1]


def test_everything_that_is_wrong_with_received_files_is_told_at_once(cli, tmp_path):
    """A plain list, a cut file, a foreign key: each is named, and the exit code is 2."""
    encoded_of().write(tmp_path / "rosa.mse")
    (tmp_path / "cut.mse").write_text((tmp_path / "rosa.mse").read_text("utf-8")[:-40], "utf-8")
    encoded_of(name="udi", key=Key("p", bytes(range(1, 33)))).write(tmp_path / "udi.mse")
    (tmp_path / "plain.mse").write_text("navn\nAna\n", "utf-8")
    names = ("rosa.mse", "cut.mse", "udi.mse", "plain.mse")
    code, out, err = cli("encode", "--check", *(tmp_path / name for name in names), "--format", "csv")
    assert code == 2
    assert pd.read_csv(io.StringIO(out))["status"].tolist() == ["usable", "refused", "usable", "refused"]
    assert "cut.mse: its content does not fit the digest" in err
    assert "plain.mse: the first line is not the header" in err
    assert "different key" in err
    assert "Ana" not in out + err


def test_columns_and_categories_outside_the_allow_list_are_refused(tmp_path):
    """A file that somebody else wrote may be sound in form and still hold a name as a category."""
    encoded = encoded_of()
    header = replace(encoded.header, attributes=("nickname",))
    renamed = encoded.records.rename(columns={"sex": "nickname"}).assign(nickname="ana")
    EncodedRegister(header, renamed).write(tmp_path / "a.mse")
    EncodedRegister(encoded.header, encoded.records.assign(sex="ana")).write(tmp_path / "b.mse")
    token = replace(encoded.header.fields[0], name="key_own")
    own = replace(encoded.header, fields=(token, *encoded.header.fields[1:]))
    EncodedRegister(own, encoded.records.rename(columns={"key_names_date": "key_own"})).write(tmp_path / "c.mse")
    told = [check_received([tmp_path / name]).problems for name in ("a.mse", "b.mse", "c.mse")]
    assert [len(problems) for problems in told] == [1, 1, 1]
    assert "column nickname is no common attribute" in told[0][0]
    assert "column sex holds what is no common category" in told[1][0]
    assert "columns key_own are none that this package writes" in told[2][0]
    assert "ana" not in str(told)
    for name in ("a.mse", "b.mse"):
        with pytest.raises(BadInput, match=r"no common (attribute|category); do not use the file"):
            read_encoded(tmp_path / name)


def test_files_of_other_rules_and_empty_files_are_refused(tmp_path):
    """Rules that this version does not have, and a list without a record."""
    encoded = encoded_of()
    EncodedRegister(replace(encoded.header, rules_version="9"), encoded.records).write(tmp_path / "a.mse")
    EncodedRegister(replace(encoded.header, n_records=0), encoded.records.iloc[:0]).write(tmp_path / "b.mse")
    assert "made with the rules '9'" in check_received([tmp_path / "a.mse"]).problems[0]
    assert "holds no record" in check_received([tmp_path / "b.mse"]).problems[0]


def test_files_of_a_lost_key_are_refused(tmp_path):
    """The key book beside received files counts there too."""
    encoded_of().write(tmp_path / "rosa.mse")
    report_lost(tmp_path / "rosa.mse", on=date(2027, 1, 31))
    assert "reported lost on 2027-01-31" in check_received([tmp_path / "rosa.mse"]).problems[0]


def test_one_key_for_two_projects_is_seen_where_the_files_meet(tmp_path):
    """The fingerprint does not depend on the project, so a repeated key shows."""
    both = [encoded_of(), encoded_of(name="udi", key=Key("q", bytes(range(32))))]
    with pytest.raises(BadInput, match="used for 2 projects \\('p', 'q'\\)"):
        check_same_origin(both)


def test_a_list_delivered_again_is_refused_until_the_latest_is_asked_for(cli, tmp_path):
    """Two deliveries of a list are not linked; `--latest` keeps the later, and so the earlier is replaced."""
    encoded_of().write(tmp_path / "rosa-1.mse")
    encoded_of(18, delivery=2).write(tmp_path / "rosa-2.mse")
    encoded_of(name="udi", agency="UDI", first=6).write(tmp_path / "udi.mse")
    files = [tmp_path / name for name in ("rosa-1.mse", "rosa-2.mse", "udi.mse")]
    for words in (("encode", "--check"), ("link", "--out", tmp_path / "links", "--seed", 1)):
        code, _, err = cli(*words, *files)
        assert code == 2
        assert "deliveries 1 and 2 of the list 'rosa' were both given" in err
    code, out, err = cli("encode", "--check", *files, "--latest", "--format", "json")
    assert (code, err) == (0, "")
    assert [(row["list"], row["delivery"]) for row in json.loads(out)] == [("rosa", 2), ("udi", 1)]
    code, out, err = cli("link", *files, "--latest", "--out", tmp_path / "links", "--seed", 1, "--n-draws", 2)
    assert code == 0, err
    assert "38 records" in out


def test_two_lists_of_one_name_in_one_delivery_are_refused():
    """Neither is later, so nobody can say which one counts."""
    both = [encoded_of(), encoded_of(18)]
    assert latest_deliveries(both) == tuple(both)
    with pytest.raises(BadInput, match=r"two different lists are named 'rosa' .*--delivery 2"):
        check_same_origin(both)


def test_a_list_under_two_names_is_refused():
    """Nearly all records of the larger list are equal in every token; half of them may be on two lists."""
    with pytest.raises(BadInput, match="seems to be one list under two names"):
        check_same_origin([encoded_of(20), encoded_of(19, name="shelter")])
    check_same_origin([encoded_of(20), encoded_of(20, name="shelter", first=4)])
    check_same_origin([encoded_of(5), encoded_of(5, name="shelter")])


def test_a_list_of_filters_under_two_names_is_refused():
    """The flipped bits differ by record, so no filter is equal; the list is recognised by similar ones."""

    def filters(*args, **kwargs):
        return encode(register_of(*args, **kwargs), key=KEY, project="p", encoding="bloom")

    with pytest.raises(BadInput, match="seems to be one list under two names"):
        check_same_origin([filters(20), filters(19, name="shelter")])
    check_same_origin([filters(20), filters(20, name="shelter", first=4)])
    check_same_origin([filters(5), filters(5, name="shelter")])


def test_filters_of_several_aliases_and_numbers_take_part_in_the_comparison():
    """One other number, or a missing birth, and a record is not the same any more."""
    columns = (
        *COLUMNS[1:4],
        Column("alias", "name", "alias", identifier=True),
        Column("duf", "text", "duf", identifier=True),
    )
    frame = register_of().records.drop(columns="sex").assign(alias="Mimi; Queen", duf=None).astype("str")
    frame["duf"] = [f"2099{i:08d}" for i in range(20)]

    def filters(name, records):
        return encode(
            Register(replace(book(name), columns=columns), records, source_sha256=""),
            key=KEY,
            project="p",
            encoding="bloom",
        )

    one = filters("rosa", frame)
    with pytest.raises(BadInput, match="seems to be one list under two names"):
        check_same_origin([one, filters("udi", frame)])
    check_same_origin([one, filters("udi", frame.assign(duf=frame["duf"].str.replace("2099", "2098")))])
    check_same_origin([one, filters("udi", frame.assign(birth_date=None).astype("str"))])


def test_several_deliveries_of_filters_are_warned_of(cli, tmp_path):
    """Whoever holds two deliveries can tell the flipped bits; match keys have none, and one delivery tells nothing."""
    for delivery in (1, 2):
        encoded = encode(register_of(), key=KEY, project="p", encoding="bloom", delivery=delivery)
        encoded.write(tmp_path / f"rosa-{delivery}.mse")
    udi = encode(register_of(name="udi", agency="UDI", first=6), key=KEY, project="p", encoding="bloom")
    udi.write(tmp_path / "udi.mse")
    files = [tmp_path / name for name in ("rosa-1.mse", "rosa-2.mse", "udi.mse")]
    told = "warning: 2 deliveries of the list 'rosa' are here"
    code, out, _ = cli("encode", "--check", *files, "--latest")
    assert (code, told in out) == (0, True)
    code, _, err = cli("link", *files, "--latest", "--out", tmp_path / "links", "--seed", 1, "--n-draws", 2)
    assert (code, told in err) == (0, True)
    assert told not in cli("encode", "--check", *files[1:])[1]
    assert delivery_warnings([encoded_of(), encoded_of(delivery=2)]) == ()


def test_files_of_a_lost_key_are_not_linked(cli, tmp_path):
    """Linking refuses what the receiving check refuses."""
    for name, first in (("rosa", 0), ("udi", 3)):
        encoded_of(name=name, agency=name.upper(), first=first).write(tmp_path / f"{name}.mse")
    report_lost(tmp_path / "rosa.mse", on=date(2027, 1, 31))
    files = (tmp_path / "rosa.mse", tmp_path / "udi.mse")
    code, _, err = cli("link", *files, "--out", tmp_path / "links", "--seed", 1)
    assert (code, "was reported lost on 2027-01-31" in err) == (2, True)
    assert not (tmp_path / "links").exists()


def test_fields_of_which_no_pseudonym_is_made_are_named(cli, agency):
    """A list with a nationality declared as an identifier: the agency is told that it stays behind."""
    text = (agency / "rosa.csv").read_text("utf-8").splitlines()
    lines = [f"{line};{'land' if i == 0 else 'Nigeria'}" for i, line in enumerate(text)]
    (agency / "rosa.csv").write_text("\n".join(lines) + "\n", "utf-8")
    declared = Column("land", "text", "nationality", identifier=True)
    write_codebook(replace(book(), columns=(*COLUMNS, declared)), codebook_path(agency / "rosa.csv"))
    code, _, err = cli("encode", agency / "rosa.csv", "--key", agency / "p.key", "--dry-run")
    assert code == 0
    assert "stays behind, no pseudonym is made of it: nationality\n" in err
    assert "Nigeria" not in err


def test_record_ids_of_two_deliveries_never_meet():
    """An answer about a record of the first delivery cannot be taken for one of the second."""
    ids = [set(encoded_of(delivery=delivery).records["record"]) for delivery in (1, 2)]
    assert not ids[0] & ids[1]


def test_the_header_tells_the_delivery(tmp_path):
    """It is written, read again, and a number from 1 on."""
    encoded_of(delivery=3).write(tmp_path / "a.mse")
    assert read_encoded(tmp_path / "a.mse").header.delivery == 3
    assert "delivery" in {field.name for field in fields(read_encoded(tmp_path / "a.mse").header)}
    for delivery in (0, -1):
        with pytest.raises(BadInput, match=f"delivery={delivery}"):
            encoded_of(delivery=delivery)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_draft_of_a_codebook_is_made_of_the_headings(cli, agency, ending):
    """Known headings get their field, the others are ignored, codes are guessed; filled in, the list can be encoded."""
    (agency / "rosa.toml").unlink()
    frame = pd.read_csv(agency / "rosa.csv", sep=";", dtype=str).rename(
        columns={"fodt": "Fødselsdato", "kjonn": "Kjønn"}
    )
    path = agency / f"liste.{ending}"
    if ending == "csv":
        frame.to_csv(path, sep=";", index=False)
    else:
        (frame.to_excel if ending == "xlsx" else frame.to_parquet)(path, index=False)
    code, out, err = cli("encode", path, "--new-codebook")
    assert code == 0, err
    assert "liste.toml: fill in what is empty" in out
    draft = (agency / "liste.toml").read_text("utf-8")
    columns = tomllib.loads(draft)["columns"]
    assert {name: about.get("field", "ignored") for name, about in columns.items()} == {
        "sak": "ignored",
        "fornavn": "given_name",
        "etternavn": "family_name",
        "Fødselsdato": "birth_date",
        "Kjønn": "sex",
    }
    assert columns["Kjønn"]["codes"] == {"K": "woman", "M": "man"}
    assert "Bana" not in draft
    assert cli("encode", path, "--key", agency / "p.key", "--dry-run")[0] == 2
    assert cli("encode", path, "--new-codebook")[0] == 2
    filled = draft.replace('""', '"filled"').replace("# period", "period")
    (agency / "liste.toml").write_text(filled, "utf-8")
    code, _, err = cli("encode", path, "--key", agency / "p.key", "--dry-run")
    assert code == 0, err


def test_a_draft_needs_a_list_that_can_be_read(cli, tmp_path):
    """A missing file and another kind of file are told."""
    (tmp_path / "list.docx").write_bytes(b"x")
    for name, told in (("none.csv", "cannot be read"), ("list.docx", "save it as CSV")):
        code, _, err = cli("encode", tmp_path / name, "--new-codebook")
        assert code == 2
        assert told in err
