"""Canary: unmistakable identifiers are planted in every column and looked for in everything that comes out."""

import base64
import io
import logging
import pkgutil
import re
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from datetime import date

import pandas as pd
import pytest

import mse.cli
from mse.errors import MseError
from mse.pseudonyms import Key, check_same_origin, duplicates, encode, id_map, read_encoded
from mse.pseudonyms.normalise import joined, name_words, skeleton
from mse.registers import Codebook, Column, Register, codebook_path, write_codebook

KEY = Key("p", bytes(range(32)))
NAMES = {
    "given_name": "Wrøzptkåldghbn Xæfqrltmwnd",
    "family_name": "Vbjørkzqtmpldsåkk",
    "alias": "Gldrnktwpqsbmf; Hzlvkpdtrsgn",
    "nationality": "Qwrtplkjhgfdsalandia",
}
NUMBERS = {
    "fnr": "17912099997",
    "d_number": "579120 75186",
    "duf": "209948151623",
    "phone": "+47 481 51 623",
    "birth_date": "1987-11-23",
}
UNSENT = {"local_id": "SAK-2020-48151623", "remark": "Bor hos tante Klrsptvwzngd", "passport": "NXK48151623421"}
ATTRIBUTES = {"sex": "woman", "region": "africa"}
KIND = {"birth_date": "date", "given_name": "name", "family_name": "name", "alias": "name"}


@pytest.fixture
def register():
    row = NAMES | NUMBERS | UNSENT | ATTRIBUTES
    columns = tuple(
        Column(field, "category", field) if field in ATTRIBUTES else Column(field, KIND.get(field, "text"), field, True)
        for field in row
    )
    period = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook("rosa", "ROSA", "adults", "in contact", period, "presumed", "p", "any", "all", columns)
    twice = pd.DataFrame(
        [row, row, row | dict.fromkeys(NUMBERS) | {"given_name": "Bj?rn"}], index=[1, 2, 3], dtype="str"
    )
    return Register(codebook, twice, source_sha256="")


def canaries():
    """Everything of eight characters or more that would give a planted value away."""
    plain = set()
    for value in [*NAMES.values(), *NUMBERS.values(), *UNSENT.values()]:
        plain |= {value, *value.replace(";", " ").split()}
        plain.add("".join(character for character in value if character.isdigit()))
        words = name_words(value)
        plain |= {*words, joined(words), skeleton(words), " ".join(words), *map(skeleton, [(word,) for word in words])}
    plain |= {"23.11.1987", "23111987", "19871123", "231187481"}
    plain |= {value.casefold() for value in plain}
    plain |= {value[::-1] for value in plain}
    plain = {value for value in plain if len(value) >= 8}
    encoded = set()
    for value in plain:
        content = value.encode()
        encoded |= {content.hex(), content.hex().upper()}
        for shift in range(3):  # base64 of a longer text holds the value at one of three shifts
            whole = base64.b64encode(bytes(shift) + content).decode().rstrip("=")
            encoded |= {whole[4:-2], whole[4:-2].replace("+", "-").replace("/", "_")} if shift else {whole[:-2]}
    return plain | {value for value in encoded if len(value) >= 8}


def found_in(text):
    """The planted values that stand in a text, whatever the case."""
    return [canary for canary in canaries() if canary in text or canary in text.casefold()]


def test_the_search_finds_what_is_there():
    """The canary would be noticed: raw, in capitals, reversed, as hexadecimal digits and in base64."""
    name = NAMES["family_name"]
    for leak in (name, name.upper(), name[::-1], name.encode().hex(), base64.b64encode(f"x{name}y".encode()).decode()):
        assert found_in(f"..{leak}..")
    assert not found_in("nothing of it here")


def test_no_identifier_is_in_what_leaves_the_agency(register, tmp_path):
    """The encoded file, its text forms, and what is read back from it hold no planted value."""
    encoded = encode(register, key=KEY, project="p")
    assert len(encoded) == 2
    encoded.write(tmp_path / "rosa.mse")
    read = read_encoded(tmp_path / "rosa.mse")
    texts = [(tmp_path / "rosa.mse").read_text("utf-8"), repr(encoded), str(encoded), repr(encoded.header)]
    texts += [read.records.to_csv(), read.records.to_json(), repr(encoded.__dict__), encoded.sha256]
    assert [path.name for path in tmp_path.iterdir()] == ["rosa.mse"]
    assert found_in("\n".join(texts)) == []


def test_no_identifier_is_in_what_the_agency_keeps(register):
    """Neither the id map nor the listing of merged rows holds a name or number."""
    kept = id_map(register, key=KEY).to_csv() + duplicates(register).to_csv()
    assert found_in(kept) == []


def test_no_identifier_is_in_a_message(register, tmp_path, capfd, caplog):
    """Refusals, their tracebacks, the log and the terminal hold no planted value."""
    caplog.set_level(logging.DEBUG)
    encoded = encode(register, key=KEY, project="p")
    (tmp_path / "plain.csv").write_text(register.records.to_csv(), "utf-8")
    columns = encoded.records.assign(fnr=NUMBERS["fnr"], sex=NAMES["given_name"])
    bad_category = Register(register.codebook, register.records.assign(sex=NAMES["given_name"]), source_sha256="")
    attempts = [
        lambda: encode(register, key=KEY, project="q"),
        lambda: encode(bad_category, key=KEY, project="p"),
        lambda: read_encoded(tmp_path / "plain.csv"),
        lambda: type(encoded)(encoded.header, columns),
        lambda: type(encoded)(encoded.header, register.records),
        lambda: check_same_origin([encoded, encoded]),
    ]
    messages = []
    for attempt in attempts:
        with pytest.raises(MseError) as caught:
            attempt()
        messages += [str(caught.value), *caught.value.reasons]
        messages += traceback.format_exception(caught.value)
    written = capfd.readouterr()
    assert found_in("\n".join([*messages, caplog.text, written.out, written.err])) == []


SHORT = {"given_name": "Li", "family_name": "Bøe", "birth_date": "1990-05-17"}
CELL = re.compile(r"[,;|\t\n\"]")


@pytest.fixture
def cli(monkeypatch, caplog):
    """Runs the command line and gives its exit code; all that it says and logs is kept in `cli.said`."""
    caplog.set_level(logging.DEBUG)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mse", *map(str, words)])
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit) as end:
            mse.cli.main()
        run.said += out.getvalue() + caplog.text
        return end.value.code

    run.said = ""
    return run


@pytest.fixture
def lists(register, tmp_path):
    """One list as CSV and one as Excel, with the planted person, one with short names, and twenty others on both."""
    planted = NAMES | NUMBERS | UNSENT | ATTRIBUTES
    others = [
        SHORT | ATTRIBUTES,
        *(
            {
                "given_name": f"{'bdfglm'[i % 6]}a{'knprt'[i // 6]}a".title(),
                "family_name": f"{'knprst'[i % 6]}o{'bdfgl'[i // 6]}o".title(),
                "birth_date": f"{1960 + i}-03-12",
            }
            | ATTRIBUTES
            for i in range(20)
        ),
    ]
    frame = pd.DataFrame([planted, planted, *others], columns=list(planted), dtype="str")
    inside = tmp_path / "inside"
    inside.mkdir()
    frame.to_csv(inside / "rosa.csv", sep=";", index=False)
    frame.iloc[1:16].to_excel(inside / "udi.xlsx", index=False)
    about = {name: getattr(register.codebook, name) for name in register.codebook.__dataclass_fields__}
    for name, path in (("rosa", "rosa.csv"), ("udi", "udi.xlsx")):
        write_codebook(Codebook(**about | {"name": name, "agency": name.upper()}), codebook_path(inside / path))
    return inside


def written(folder):
    """The text of every file below a folder, as UTF-8 and as Latin-1, tables of Parquet files included."""
    return "\n".join(
        pd.read_parquet(path).to_csv()
        if path.suffix == ".parquet"
        else path.read_bytes().decode("utf-8", errors="replace") + path.read_bytes().decode("latin-1")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def short_cells(text):
    """Short identifiers that stand as a whole cell: as typed, case-folded or folded to plain letters."""
    typed = {"Li", "li", "Bøe", "bøe", "boe", "be", "1990-05-17", "17.05.1990", "19900517", "05-17", "lib"}
    return typed & {cell.strip() for cell in CELL.split(text)}


def test_no_identifier_is_in_anything_that_the_command_line_says_or_writes(cli, lists, tmp_path):
    """From the dry run to the links, CSV and Excel: nothing planted stands in an output, a message or a log."""
    out = tmp_path / "out"
    out.mkdir()
    key = tmp_path / "p.key"
    assert cli("key", "new", key, "--project", "p") == 0
    for name, file in (("rosa", lists / "rosa.csv"), ("udi", lists / "udi.xlsx")):
        assert cli("encode", file, "--key", key, "--out", out / f"{name}.mse") in (0, 2)
        accept = [
            word for risk in ("small_groups", "frequent_values", "missing_values") for word in ("--accept-risk", risk)
        ]
        for how in ("table", "json", "csv"):
            assert cli("encode", file, "--key", key, "--dry-run", "--format", how) == 0
        kept = ("--merged", out / f"{name}-merged.csv", "--id-map", out / f"{name}-ids.csv")
        for encoding, language in (("bloom", "en"), ("match_keys", "nb")):
            words = ("--encoding", encoding, "--accept-risk", "similarity", "--language", language, *accept, *kept)
            target = out / f"{name}.mse" if encoding == "match_keys" else out / f"{name}-bloom.mse"
            assert cli("encode", file, "--key", key, "--out", target, *words) == 0, cli.said
    files = (out / "rosa.mse", out / "udi.mse")
    for how in ("table", "json", "csv"):
        assert cli("encode", "--check", *files, "--format", how) == 0, cli.said
    assert cli("link", *files, "--out", out / "links", "--seed", "1", "--n-draws", "2") == 0, cli.said
    assert cli("histories", out / "links", "--out", out / "histories.csv") == 0
    text = cli.said + written(out)
    assert len(text) > 50_000
    assert "shuffled" in text
    assert "stokket om" in text
    assert found_in(text) == []
    assert short_cells(text) == set()


def test_no_identifier_is_in_what_is_said_of_a_list_that_is_refused(cli, lists, tmp_path):
    """Slipped cells, an impossible date, a heading row that is data, a plain list received: told without a value."""
    key = tmp_path / "p.key"
    assert cli("key", "new", key, "--project", "p") == 0
    content = (lists / "rosa.csv").read_text("utf-8")
    first = content.splitlines()[1]
    faults = {
        "date": content.replace("1987-11-23", "1987-23-11"),
        "category": content.replace(";woman;", f";{NAMES['given_name']};"),
        "slipped": content.replace(first, f";{first}"),
        "headless": content.partition("\n")[2],
        "quote": content.replace(first, f'"{first}'),
        "undeclared": content.replace("remark", NAMES["family_name"]).replace(first, first + ";more"),
    }
    for name, changed in faults.items():
        (lists / f"{name}.csv").write_text(changed, "utf-8")
        codebook_path(lists / f"{name}.csv").write_bytes((lists / "rosa.toml").read_bytes())
        assert changed != content
        assert cli("encode", lists / f"{name}.csv", "--key", key, "--dry-run") == 2, name
    assert cli("encode", "--check", lists / "rosa.csv", lists / "udi.xlsx") == 2
    assert cli("link", lists / "rosa.csv", lists / "udi.xlsx", "--out", tmp_path / "links", "--seed", "1") == 2
    assert cli("encode", lists / "rosa.csv", "--key", lists / "rosa.csv") == 2
    assert cli("key", "lost", lists / "rosa.csv", "--on", "2027-01-31") == 2
    # The heading of the last fault is what the agency calls its column: a heading is shown, a cell is not.
    said = cli.said.replace(repr(NAMES["family_name"]), "")
    assert found_in(said) == []
    assert short_cells(said) == set()


def everything(cli, lists, out, *, linked):
    """All that one pass from the list to the encoded file, or on to the histories, says, logs and writes."""
    out.mkdir()
    key = out.parent / "p.key"
    assert cli("key", "new", key, "--project", "p") == 0
    accept = [
        word for risk in ("small_groups", "frequent_values", "missing_values") for word in ("--accept-risk", risk)
    ]
    for name, file in (("rosa", lists / "rosa.csv"), ("udi", lists / "udi.xlsx"))[: 2 if linked else 1]:
        kept = ("--merged", out / f"{name}-merged.csv", "--id-map", out / f"{name}-ids.csv")
        assert cli("encode", file, "--key", key, "--out", out / f"{name}.mse", *accept, *kept) == 0, cli.said
    if not linked:
        return cli.said + written(out)
    assert cli("link", out / "rosa.mse", out / "udi.mse", "--out", out / "links", "--seed", "1", "--n-draws", "2") == 0
    assert cli("histories", out / "links", "--out", out / "histories.csv") == 0
    return cli.said + written(out)


def with_value(found, value):
    """A table in which a planted value stands in a further column."""
    return found.assign(leak=value)


def after(first, then):
    """A function that does what `first` does, and `then` with its arguments; gives what the first gives."""

    def both(*args, **kwargs):
        answer = first(*args, **kwargs)
        then(*args)
        return answer

    return both


def append(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


NAME = NAMES["family_name"]
# Where a value is let out, and how: the function that is replaced, and what replaces it.
LEAKS = {
    "merged rows": (
        "mse.pseudonyms.duplicates",
        lambda was: lambda *args: with_value(was(*args), NAME),
    ),
    "id map": (
        "mse.pseudonyms.id_map",
        lambda was: lambda *args, **kwargs: with_value(was(*args, **kwargs), NUMBERS["fnr"]),
    ),
    "page for the officer": (
        "mse.pseudonyms.dpia.dpia_log",
        lambda was: lambda *args, **kwargs: was(*args, **kwargs) | {"agency": NAME.upper()},
    ),
    "encoded file": (
        "mse.pseudonyms.EncodedRegister.write",
        lambda was: after(
            was, lambda _, path: append(path.with_suffix(".tmp"), base64.b64encode(NAME.encode()).decode())
        ),
    ),
    "terminal": ("mse.cli.agency.say", lambda was: lambda text: was(text + NAME[::-1])),
    "log": (
        "mse.pseudonyms.read_key",
        lambda was: after(was, lambda _: logging.getLogger("mse").info("%s", NAME.encode().hex())),
    ),
    "links": (
        "mse.links.Links.write",
        lambda was: after(was, lambda _, out: pd.DataFrame({"a": [NUMBERS["duf"]]}).to_parquet(out / "leak.parquet")),
    ),
    "histories": (
        "mse.histories.CaptureHistories.write",
        lambda was: after(was, lambda _, path: append(path, f"{joined(name_words(NAME))}\n")),
    ),
}


@pytest.mark.parametrize("place", LEAKS)
def test_a_planted_leak_is_found_in_every_kind_of_output(cli, lists, tmp_path, monkeypatch, place):
    """A value that is let out on purpose, in one place after the other, does not pass the search unseen."""
    target, leaking = LEAKS[place]
    owner, name = target.rsplit(".", 1)
    holder = pkgutil.resolve_name(owner)
    monkeypatch.setattr(holder, name, leaking(getattr(holder, name)))
    assert found_in(everything(cli, lists, tmp_path / "out", linked=place in ("links", "histories")))


def test_a_short_name_that_leaks_is_found_as_a_cell():
    """A name of two letters is looked for as a whole cell only, in a table or a list."""
    assert short_cells("record,name\n12ab,Li\n") == {"Li"}
    assert short_cells('{"a": "boe"}') == {"boe"}
    assert short_cells("Like;Bøen\n") == set()
