"""The offline page against Python: the same normal forms, tokens, cells and files, byte for byte."""

import base64
import hashlib
import json
import random
import string
import tomllib
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from mse.errors import BadInput
from mse.pseudonyms import EncodedRegister, Key, encode
from mse.pseudonyms.disclosure import agency_risks
from mse.pseudonyms.dpia import dpia_log, write_dpia
from mse.pseudonyms.normalise import name_words, normal_forms, skeleton
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import subkeys, token_columns
from mse.registers import Register, read_codebook, read_register
from mse.registers.delimited import csv_table
from mse.registers.tables import Fault, xlsx_table
from mse.registers.values import Unreadable, official_number, parse_date, parse_number

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "data" / "synthetic" / "2020"
VECTORS = ROOT / "tests" / "pseudonyms"
SECRET = bytes(range(32))
SEED = 20261123
# Letters of many scripts, signs, and what spoils a name: combining marks, blanks of all kinds, control characters.
ALPHABET = (
    string.ascii_letters
    + "æøåÆØÅäöüßéèçñđłžšćŁİıǅﬁŒ'’-– .,;|/()?\u00ad\u00a0\u200b\u200e\u3000\x85\x1c\t\u0301\u030a\u0323\ue000\ufffd"
    + "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЬЮЯєіїґабвгдежзийклмноп"
    + "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأإةىﻻ"
    + "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐተስፋይ"
    + "𝐀𝓑\U0001f600Αλέξανδρος阮氏ขวัญអ្នក한국어"
)
HASH = """async (text) => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}"""
ENCODE = """async ({ name, content, codebook, encoding, delivery }) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  try {
    const register = await mse.readRegister({ name, content: bytes }, mse.codebookOf(codebook), "set_aside");
    const key = await mse.newKey("vectors", Uint8Array.from({ length: 32 }, (_, i) => i));
    const encoded = await mse.encode(register, { key, encoding, delivery });
    const log = mse.dpiaLog(register, encoded, mse.risksOf(register, encoded), new Set(["small_groups"]));
    return [encoded.text, (await mse.dpiaFiles(log, "en")).json];
  } catch (error) {
    return error.fault ? `refused: ${mse.sayFault(error.fault)}` : `stopped: ${error.stack}`;
  }
}"""
TABLE = """async ({ name, content }) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  try {
    const { header, rows, problems } = await mse.tableOfFile({ name, content: bytes }, null);
    const text = (cell) => (typeof cell === "string" ? cell : null);
    return { header, rows: rows.map(([row, cells]) => [row, cells.map(text)]),
      problems: problems.map(({ row }) => row) };
  } catch (error) {
    return error.fault ? error.fault.name : `stopped: ${error.stack}`;
  }
}"""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def random_text(source: random.Random, longest: int) -> str:
    return "".join(source.choices(ALPHABET, k=source.randrange(longest + 1)))


# Tokens of the 300 persons -------------------------------------------------------------------------------------------


def test_vectors_of_300_persons_are_the_same_bytes(engine: object) -> None:
    """Forms, every column and the known answers of the committed persons have the committed digests."""
    persons = json.loads((VECTORS / "persons.json").read_text("utf-8"))["persons"]
    golden = json.loads((VECTORS / "golden.json").read_text("utf-8"))
    found = engine.evaluate(
        """async (persons) => {
          const forms = persons.map((person) => mse.normalForms(new Map(Object.entries(person))));
          const key = await mse.newKey("vectors", Uint8Array.from({ length: 32 }, (_, i) => i));
          const columns = await mse.tokenColumns(forms, mse.PAGE.rules.tokens, forms.map((_, i) => String(i)), key);
          return {
            forms: mse.canonicalJson(forms.map((own) => Object.fromEntries(own))),
            columns: Object.fromEntries([...columns].map(([name, cells]) => [name, cells.join("\\n")])),
            known_answers: await mse.knownAnswerDigest(key),
          };
        }""",
        persons,
    )
    assert len(persons) == 300
    assert sha256(found["forms"]) == golden["forms"]
    assert found["known_answers"] == golden["known_answers"]
    assert {name: sha256(cells) for name, cells in found["columns"].items()} == {
        name: column["sha256"] for name, column in golden["columns"].items()
    }


def test_real_world_cases_hold_on_the_page(engine: object) -> None:
    """The committed table of real-world cases is met by the page too."""
    cases = tomllib.loads((VECTORS / "cases.toml").read_text("utf-8"))
    words = engine.evaluate(
        """({ same_name, same_skeleton, different_skeleton, missing_name }) => {
          const whole = (name) => mse.joined(mse.nameWords(name));
          const bones = (name) => mse.skeleton(mse.nameWords(name));
          return [
            same_name.filter(([a, b]) => whole(a) !== whole(b) || !whole(a)),
            same_skeleton.filter(([a, b]) => bones(a) !== bones(b)),
            different_skeleton.filter(([a, b]) => bones(a) === bones(b)),
            missing_name.filter((name) => mse.nameWords(name).length),
          ];
        }""",
        {name: cases[name] for name in ("same_name", "same_skeleton", "different_skeleton", "missing_name")},
    )
    assert words == [[], [], [], []]
    typed = [
        *({field: number} for field in ("fnr", "d_number") for number, *_ in cases["identity_number"]),
        *({field: cell} for field in ("duf", "phone", "birth_year", "birth_date") for cell, *_ in cases[field]),
        *(person for case in cases["persons"] for person in (case["one"], case["other"])),
    ]
    assert forms_on_page(engine, typed) == [canonical(normal_forms(person)) for person in typed]


def forms_on_page(engine: object, persons: list[dict[str, str]]) -> list[str]:
    return engine.evaluate(
        """(persons) => persons.map((person) =>
          mse.canonicalJson(Object.fromEntries(mse.normalForms(new Map(Object.entries(person))))))""",
        persons,
    )


def test_every_code_point_of_the_tables_reads_the_same(engine: object) -> None:
    """Each code point of the transliteration, alone between two letters and at an end, gives the same words."""
    points = [point for point in sorted(rules().letters) if not 0xD800 <= point <= 0xDFFF]
    names = [f"b{chr(point)}d{chr(point)}" for point in points]
    found = engine.evaluate("(names) => names.map((name) => mse.nameWords(name).join(' ')).join('\\n')", names)
    assert len(points) > 50_000
    assert found.split("\n") == [" ".join(name_words(name)) for name in names]


def test_100_000_random_strings_read_the_same(engine: object) -> None:
    """Words and skeletons of seeded strings of many scripts, marks and spoilt characters are equal."""
    source = random.Random(SEED)
    names = [random_text(source, 14) for _ in range(100_000)]
    found = engine.evaluate(
        "(names) => names.map((name) => { const words = mse.nameWords(name); "
        "return [...words, mse.skeleton(words)].join(' '); }).join('\\n')",
        names,
    )
    expected = [" ".join([*(words := name_words(name)), skeleton(words)]) for name in names]
    assert found.split("\n") == expected
    assert sum(text != "" for text in expected) > 5_000


def test_random_persons_have_the_same_forms_and_tokens(engine: object) -> None:
    """Whole persons made of sound and of random cells give equal forms, tokens and filters."""
    source = random.Random(SEED)
    key = Key("vectors", SECRET)
    persons = [random_person(source) for _ in range(800)]
    forms = [normal_forms(person) for person in persons]
    assert forms_on_page(engine, persons) == list(map(canonical, forms))
    records = [str(place) for place in range(len(persons))]
    columns = token_columns(forms, rules().tokens, records=records, subkeys=subkeys(key, rules().tokens))
    found = engine.evaluate(
        """async (persons) => {
          const forms = persons.map((person) => mse.normalForms(new Map(Object.entries(person))));
          const key = await mse.newKey("vectors", Uint8Array.from({ length: 32 }, (_, i) => i));
          const columns = await mse.tokenColumns(forms, mse.PAGE.rules.tokens, forms.map((_, i) => String(i)), key);
          return Object.fromEntries([...columns].map(([name, cells]) => [name, cells.join("\\n")]));
        }""",
        persons,
    )
    assert {name: sha256(cells) for name, cells in found.items()} == {
        name: sha256("\n".join(cell or "" for cell in cells)) for name, cells in columns.items()
    }


def random_person(source: random.Random) -> dict[str, str]:
    names = ["Åse", "Mohammed Al-Hassan", "Володимир", "ተስፋይ", "Anne-Lise", "Ng", "Maria da Silva", "محمد"]
    digits = "".join(source.choices(string.digits, k=source.randrange(9, 14)))
    choices = {
        "given_name": [*names, random_text(source, 10)],
        "family_name": [*names, random_text(source, 10)],
        "alias": [f"{source.choice(names)};{source.choice(names)}", random_text(source, 20)],
        "birth_date": [f"{source.randrange(1890, 2110)}-{source.randrange(1, 14):02}-{source.randrange(1, 32):02}"],
        "birth_year": [str(source.randrange(1890, 2110)), "1990.0", random_text(source, 4)],
        "fnr": [digits, f"{digits[:6]} {digits[6:]}", "17912099997;57912075186"],
        "d_number": [digits, "579120-75186", "17912099997"],
        "duf": [f"2015{digits[:8]}", digits],
        "phone": [f"+47 {digits[:8]}", f"0047{digits[:8]}", digits, f"{digits[:8]}, {digits[1:9]}"],
    }
    return {field: source.choice(cells) for field, cells in choices.items() if source.random() < 0.6}


# Whole files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["match_keys", "bloom"])
@pytest.mark.parametrize("name", ["rosa.csv", "htso.xlsx", "albertine.csv", "eva.csv", "police.csv", "pro-sentret.csv"])
def test_file_is_the_same_as_that_of_python(engine: object, tmp_path: Path, name: str, encoding: str) -> None:
    """Comma and semicolon, UTF-8 with a mark and Latin-1, Excel: the page writes the bytes of the command line,
    and finds the same risks for the log."""
    path = LISTS / f"SYNTHETIC-{name}"
    register = read_register(path, unreadable="set_aside")
    expected = encode(register, key=Key("vectors", SECRET), project="vectors", encoding=encoding, delivery=2)
    text, log = encoded_on_page(engine, path, encoding, delivery=2)
    assert text == expected.to_text()
    assert log == log_of_python(register, expected, tmp_path)


def log_of_python(register: Register, encoded: EncodedRegister, folder: Path) -> str:
    risks = agency_risks(register, encoded)
    write_dpia(folder / "a.md", dpia_log(register, encoded, risks=risks, accepted=["small_groups"]), language="en")
    return (folder / "a.json").read_text("utf-8")


def encoded_on_page(engine: object, path: Path, encoding: str, delivery: int = 1) -> list[str]:
    about = {
        "name": path.name,
        "content": in_base64(path.read_bytes()),
        "codebook": path.with_suffix(".toml").read_text("utf-8"),
        "encoding": encoding,
        "delivery": delivery,
    }
    return engine.evaluate(ENCODE, about)


def test_list_with_repeated_and_spoilt_rows_is_the_same(engine: object, tmp_path: Path) -> None:
    """Rows to merge, to look at, to set aside, numbers taken out and texts with signs give the same file."""
    path = tmp_path / "liste.csv"
    rows = [
        "Fornavn;Etternavn;Kallenavn;Også;Født;Fnr;DUF;Tlf;Kjønn;Notat",
        'Åse;Østby;"Lill;Å";;01.02.1990;;;+47 41 23 45 67;K;"en; to"',
        "Aase;Oestby;;Lille;1990-02-01;;;;K;",
        "Ana;Popa;;;01.01.1991;17912099997;;;K;x",
        "Anna;Popa-Ion;;;02.02.1991;17912099997 ;201512345678;;?;x",
        "Ion;Stoica;;;01.01.1980;;;;M;x",
        "Ion;Stoica;;;05.06.1980;;;;M;x",
        "Ukjent;Petrova;;;31.02.1990;;;;K;x",
        "Tesfay;Dawit;;;1/2-1985;12345678901;209912345678;;;x",
        '"Olena""s";Koval;;;;;;;;',
    ]
    path.write_text("\r\n".join(rows) + "\r\n", encoding="utf-8")
    path.with_suffix(".toml").write_text(REPEATED, encoding="utf-8")
    register = read_register(path, unreadable="set_aside")
    for encoding in ("match_keys", "bloom"):
        expected = encode(register, key=Key("vectors", SECRET), project="vectors", encoding=encoding)
        text, log = encoded_on_page(engine, path, encoding)
        assert text == expected.to_text()
        assert log == log_of_python(register, expected, tmp_path)
    assert register.n_set_aside == 1


REPEATED = """
[register]
name = "krisesenter"
agency = 'Krisesenteret "Skjold" – Åsane'
case_definition = "presumed victim; line one\\nline two"
case_definition_id = "presumed-victim"
counting_rule = "one night"
population_covered = "women\\tand men \\u2028"
population = "adults"
presence = "new"
period = { start = 2019-07-01, end = 2020-06-30 }
[columns]
Fornavn = { kind = "name", field = "given_name" }
Etternavn = { kind = "name", field = "family_name" }
Kallenavn = { kind = "name", field = "alias" }
"Også" = { kind = "name", field = "alias" }
"Født" = { kind = "date", field = "birth_date" }
Fnr = { kind = "text", field = "fnr" }
DUF = { kind = "text", field = "duf" }
Tlf = { kind = "text", field = "phone" }
"Kjønn" = { kind = "category", field = "sex", codes = { K = "woman", M = "man", "?" = "unknown" } }
Notat = { kind = "ignore" }
"""


CODEBOOK = """
[register]
name = "rosa"
agency = "A"
case_definition = "p"
case_definition_id = "p"
counting_rule = "c"
population_covered = "w"
population = "adults"
presence = "new"
period = {{ start = 2020-01-01, end = {end} }}
[columns]
{columns}
"""
NAME = '{kind="name",field="given_name"}'
# The last day of the period, the columns, and whether the page accepts it; Python does if the page does.
CODEBOOKS = [
    ("2020-12-31", f"a={NAME}", True),
    ("2020-02-29", f"'a b'={NAME}\n__proto__={{kind='ignore'}}", True),
    ("2020-12-31", f'a={NAME}\nb={{kind="category",field="nationality"}}\nc={{kind="date",field="contact"}}', True),
    ("2020-02-30", f"a={NAME}", False),
    ("2020-12-31T00:00:00", f"a={NAME}", False),
    ("2019-12-31", f"a={NAME}", False),
    ('"2020-12-31"', f"a={NAME}", False),
    ("2020-12-31", f"a={NAME}\na={NAME}", False),
    ("2020-12-31", f"a={NAME}\nb={NAME}", False),
    ("2020-12-31", f"2={NAME}", False),
    ("2020-12-31", f'"a "={NAME}', False),
    ("2020-12-31", 'a={kind="ignore"}', False),
    ("2020-12-31", 'a={kind="name"}', False),
    ("2020-12-31", 'a={kind="text",field="notes",identifier=false}', False),
    ("2020-12-31", 'a={kind="category",field="sex",codes={K="kvinne"}}', False),
    ("2020-12-31", 'a={kind="category",field="city"}', False),
    ("2020-12-31", 'a={kind="category",field="nationality",identifier=false}', False),
    ("2020-12-31", 'a={kind="name",field="alias_2"}', False),
    ("2020-12-31", 'a={kind="ignore",field="x"}', False),
    ("2020-12-31", 'a="x"', False),
    ("2020-12-31", 'a={kind="name",field="given_name",secret=true}', False),
    ("2020-12-31", "a={", False),
]


def test_codebooks_are_read_alike_or_refused(engine: object, tmp_path: Path) -> None:
    """What the page accepts Python reads as the same columns and period; what is not a codebook the page refuses."""
    path = tmp_path / "a.toml"
    for end, columns, accepted in CODEBOOKS:
        path.write_text(CODEBOOK.format(end=end, columns=columns), encoding="utf-8")
        found = engine.evaluate(
            """(text) => {
              try {
                const { columns, end } = mse.codebookOf(text);
                return [end, columns.map(({ name, kind, field, identifier }) => [name, kind, field, identifier])];
              } catch (error) { if (!error.fault) throw error; return null; }
            }""",
            path.read_text("utf-8"),
        )
        assert (found is not None) == accepted, columns
        if accepted:
            codebook = read_codebook(path)
            own = [[column.name, column.kind, column.field, column.identifier] for column in codebook.columns]
            assert found == [codebook.period[1].isoformat(), own]


# Cells ---------------------------------------------------------------------------------------------------------------


def test_random_csv_texts_are_taken_apart_alike(engine: object) -> None:
    """Quotes, separators, line ends and blanks in any order give the same rows, problems or refusal."""
    source = random.Random(SEED)
    contents = [
        "".join(source.choices(['"', '""', ";", ",", "\n", "\r\n", "\r", " ", "a", "Ø", "b c", "\x1c"], k=40)).encode(
            "utf-8"
        )
        for _ in range(800)
    ]
    found = engine.evaluate(
        f"async (contents) => {{ const read = {TABLE}; const all = []; "
        "for (const content of contents) all.push(await read({ name: 'a.csv', content })); return all; }",
        list(map(in_base64, contents)),
    )
    n_read = 0
    for content, other in zip(contents, found, strict=True):
        try:
            table = csv_table(content, "a.csv", declared=())
        except BadInput:
            assert isinstance(other, str)
            assert not other.startswith("stopped")
            continue
        n_read += 1
        assert other["header"] == list(table.header)
        assert other["rows"] == [[row, list(cells)] for row, cells in table.rows]
        assert other["problems"] == [problem.row for problem in table.problems]
    assert n_read > 400


def test_encodings_of_csv_files_are_told_apart_alike(engine: object) -> None:
    """UTF-8, Latin-1, Windows-1252, MS-DOS, UTF-16, mixed and cut files: the same text or a refusal on both sides."""
    text = "navn;by\nBjørn Åse;Østfold\nO’Brien;“Moss”\n"
    contents = [
        text.encode("utf-8"),
        text.encode("utf-8-sig"),
        text.encode("cp1252"),
        text.replace("’", "'").replace("“", "").replace("”", "").encode("latin-1"),
        text.replace("’", "'").replace("“", "").replace("”", "").encode("cp850"),
        text.encode("utf-16"),
        "navn\nBjørn\n".encode() + "Åse\n".encode("latin-1"),
        b"navn\nBj\x81rn",
        b"navn\nBj\0rn",
        b" \n",
        b"PK\x03\x04",
        "sep=,\nnavn,by\nÅse,Moss".encode(),
    ]
    for content in contents:
        other = engine.evaluate(TABLE, {"name": "a.csv", "content": in_base64(content)})
        try:
            table = csv_table(content, "a.csv", declared=())
        except BadInput:
            assert isinstance(other, str), content
            assert not other.startswith("stopped"), other
        else:
            assert other["rows"] == [[row, list(cells)] for row, cells in table.rows], content


def test_dates_numbers_and_official_numbers_are_read_alike(engine: object) -> None:
    """Sound, near and random cells give the same value on both sides, or are unreadable on both."""
    source = random.Random(SEED)
    latest = date(2031, 12, 31)
    cells = [
        "1990-01-31",
        "31.12.1990",
        "1/2-1985",
        "29.02.2000",
        "29.02.1900",
        "1990-01-31 00:00",
        "1990-01-31T00:00:00.000",
    ]
    cells += [
        "01.02.90",
        "1. 2. 1990",
        "12,50",
        "-0,0",
        "+007",
        "1990",
        "1990.0",
        "\u0661",
        "30108299939",
        "179120 99997",
    ]
    cells += ["".join(source.choices("0123456789./- ", k=source.randrange(12))) for _ in range(1_500)]
    cells += [f"{source.randrange(33):02}{source.randrange(14):02}{source.randrange(10**7):07}" for _ in range(1_500)]
    found = engine.evaluate(
        """([cells, latest]) => {
          const value = (read) => {
            try { return read(); } catch (error) { if (!error.fault) throw error; return null; }
          };
          return cells.map((cell) => [
            value(() => mse.parseDate(cell, latest)),
            value(() => mse.parseNumber(cell)),
            value(() => mse.parseNumber(cell, 2031)),
            ...["fnr", "duf"].flatMap((field) => [2020, 2031].map((year) => mse.officialNumber(cell, field, year)[0])),
          ]);
        }""",
        [cells, latest.isoformat()],
    )

    def value(read: object, *arguments: object, **options: object) -> str | None:
        try:
            return read(*arguments, **options)
        except Unreadable:
            return None

    for cell, other in zip(cells, found, strict=True):
        numbers = [
            official_number(cell, field, latest=date(year, 1, 1))[0]
            for field in ("fnr", "duf")
            for year in (2020, 2031)
        ]
        parsed = [
            value(parse_date, cell, latest=latest),
            value(parse_number, cell),
            value(parse_number, cell, latest_year=2031),
        ]
        assert other == [*parsed, *numbers], cell


def workbook_of_all_kinds(*, epoch_1904: bool = False) -> bytes:
    """A workbook whose cells are all that Excel knows, most of them in a date, time, number and text format."""
    workbook = openpyxl.Workbook()
    if epoch_1904:
        workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = workbook.active
    formats = [
        "General",
        "@",
        "0.00",
        "dd.mm.yyyy",
        "yyyy-mm-dd hh:mm",
        "[h]:mm",
        "h:mm",
        '"dato" 0',
        "[$-414]d. mmmm yyyy",
        "[Red]0",
        "0;d",
        "mm\\-dd",
    ]
    values: list[object] = [
        0,
        1,
        -1,
        59,
        60,
        61,
        0.5,
        1.5,
        36526,
        36526.25,
        44196.999999999,
        2958465,
        2958466,
        1e-5,
        0.1 + 0.2,
        123456.789,
    ]
    values += [
        1e15,
        9007199254740993,
        12345678901,
        1e20,
        -3.25,
        True,
        False,
        "007",
        " Åse ",
        "",
        "a\nb",
        "_x000D_",
        "x005F_a",
        "1990-01-01",
    ]
    values += [date(1990, 1, 31), datetime(1990, 1, 31, 12, 30), time(1, 2, 3), timedelta(hours=30), "#N/A", "=1+1"]
    values += [CellRichText("fed", TextBlock(InlineFont(b=True), " skrift"))]
    sheet.append(["verdi", *formats])
    for value in values:
        sheet.append([value] * (len(formats) + 1))
    for row in sheet.iter_rows(min_row=2, min_col=2):
        for cell, form in zip(row, formats, strict=True):
            cell.number_format = form
    sheet["A60"] = "sist"
    stream = BytesIO()
    workbook.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize("epoch_1904", [False, True])
def test_excel_cells_have_the_text_of_python_or_are_refused(engine: object, epoch_1904: bool) -> None:
    """No cell of any kind and format reads differently: the page gives Python's text or says that it cannot read it."""
    content = workbook_of_all_kinds(epoch_1904=epoch_1904)
    assert_same_cells(engine, content, most_refused=0.2)


def assert_same_cells(engine: object, content: bytes, *, most_refused: float) -> None:
    table = xlsx_table(content, "a.xlsx", sheet="")
    other = engine.evaluate(TABLE, {"name": "a.xlsx", "content": in_base64(content)})
    assert not isinstance(other, str), other
    assert other["header"] == list(table.header)
    assert [row for row, _ in other["rows"]] == [row for row, _ in table.rows]
    n_cells = n_refused = 0
    for (row, cells), (_, own) in zip(other["rows"], table.rows, strict=True):
        for mine, theirs in zip(cells, own, strict=True):
            n_cells += 1
            n_refused += mine is None and not isinstance(theirs, Fault)
            assert mine is None or mine == str(theirs), (row, mine, theirs)
            assert mine is None or not isinstance(theirs, Fault), (row, mine, theirs)
    assert n_refused <= most_refused * n_cells


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{body}</worksheet>'


def with_sheet(body: str, *, before: str = "") -> bytes:
    """A workbook whose only sheet is this XML."""
    workbook = openpyxl.Workbook()
    stream, changed = BytesIO(), BytesIO()
    workbook.save(stream)
    with ZipFile(stream) as old, ZipFile(changed, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            new.writestr(name, before + SHEET.format(body=body) if is_sheet else old.read(name))
    return changed.getvalue()


def test_formulas_count_by_their_stored_value_and_errors_are_refused(engine: object) -> None:
    """A stored result is read, a formula without one and an error are not; gaps are as in Python."""
    body = (
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
        '<row r="3"><c r="A3"><f>1+1</f><v>2</v></c><c r="B3"><f>1+1</f></c></row>'
        '<row><c t="str"><f>"x"</f><v> x </v></c><c t="e"><v>#REF!</v></c></row>'
        '<row><c t="b"><v>1</v></c><c t="inlineStr"><is>'
        '<r><t>Å</t></r><r><t xml:space="preserve"> se</t></r><rPh sb="0" eb="1"><t>no</t></rPh></is></c></row>'
        "</sheetData>"
    )
    assert_same_cells(engine, with_sheet(body), most_refused=0.0)


def test_hostile_workbooks_are_refused(engine: object) -> None:
    """Cut, damaged, swollen and entity-laden workbooks, and what only claims to be one, end in one sentence."""
    sound = with_sheet("<sheetData><row><c><v>1</v></c></row></sheetData>")
    swollen = with_sheet("<sheetData>" + " " * (61 << 20) + "</sheetData>")
    hostile = {
        "cut": sound[:-200],
        "changed": with_other_sum(sound),
        "old": b"\xd0\xcf\x11\xe0" + bytes(600),
        "text": b"navn;by\n",
        "swollen": swollen,
        "empty": with_sheet("<sheetData/>"),
        "far": with_sheet('<sheetData><row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>'),
        "backwards": with_sheet('<sheetData><row><c r="B1"><v>1</v></c><c r="A1"><v>2</v></c></row></sheetData>'),
        "doctype": with_sheet("<sheetData/>", before='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'),
    }
    assert len(swollen) < 1 << 20
    found = {
        name: engine.evaluate(TABLE, {"name": "a.xlsx", "content": in_base64(content)})
        for name, content in hostile.items()
    }
    assert found == {
        "cut": "workbook_damaged",
        "changed": "workbook_damaged",
        "old": "workbook_damaged",
        "text": "workbook_damaged",
        "swollen": "workbook_too_large_inside",
        "empty": "file_is_empty",
        "far": "too_many_rows",
        "backwards": "workbook_damaged",
        "doctype": "workbook_damaged",
    }


def with_other_sum(content: bytes) -> bytes:
    """The workbook with another check sum declared for its sheet, as after damage."""
    with ZipFile(BytesIO(content)) as archive:
        declared = archive.getinfo("xl/worksheets/sheet1.xml").CRC.to_bytes(4, "little")
    assert content.count(declared) == 2
    return content.replace(declared, bytes(4))
