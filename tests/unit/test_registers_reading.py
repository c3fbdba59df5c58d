"""Reading lists: formats, encodings and dates, and that every fault is named without what stands in the cell."""

import csv
import warnings
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from unicodedata import normalize

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mse.errors import BadInput
from mse.registers import Codebook, Column, Register, read_register, write_codebook
from mse.registers.values import Unreadable, official_number, parse_date, parse_number

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
COLUMNS = (
    Column("Fornavn", "name", "given_name", identifier=True),
    Column("Etternavn", "name", "family_name", identifier=True),
    Column("Født", "date", "birth_date", identifier=True),
    Column("Fnr", "text", "fnr", identifier=True),
    Column("Kjønn", "category", "sex", codes={"K": "woman", "M": "man", "?": "unknown"}),
    Column("Merknad", "ignore"),
)
HEADER = tuple(column.name for column in COLUMNS)
# From the Tax Administration's synthetic series, of Skatteetaten's published examples.
FNR, EARLY_FNR = "12829499914", "05840399895"
# Unmistakable values for identifier columns: none may appear in any message.
CANARIES = ("Zqxanary", "Wvuhidden", "23.11.1987", FNR)


def book(columns: Sequence[Column] = COLUMNS, *, sheet: str = "") -> Codebook:
    return Codebook("rosa", "ROSA", "adults", "in contact", YEAR, "p", "p", "any", "all", tuple(columns), sheet)


def text_of(rows: Sequence[Sequence[str]], *, delimiter: str = ";") -> str:
    stream = StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue()


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes | Sequence[Sequence[str]], name: str = "rosa.csv") -> Path:
        if not isinstance(content, (str, bytes)):
            content = text_of([HEADER, *content])
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def reasons(path: Path, *, codebook: Codebook | None = None, unreadable: str = "refuse") -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        read_register(path, codebook=codebook or book(), unreadable=unreadable)  # type: ignore[arg-type]
    told = f"{caught.value}\n{caught.value.__cause__}"
    assert not any(canary in told for canary in CANARIES)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value.reasons


SOUND = ("Åse", "Østbye", "31.12.1990", FNR, "K", "")


def test_reads_into_common_form(listed: Callable[..., Path]) -> None:
    """Names as typed, dates in ISO, attributes in common categories; the codebook lies beside the list."""
    path = listed([(" Åse ", "NA", "1.2.1990", FNR, "K", "x"), ("null", " ", "", "", "", "")])
    write_codebook(book(), path.with_suffix(".toml"))
    register = read_register(path)
    assert register.records.iloc[0].tolist() == ["Åse", "NA", "1990-02-01", FNR, "woman"]
    assert register.records["given_name"].tolist() == ["Åse", "null"]
    assert register.records.loc[2, "family_name":].isna().all()
    assert register.records.index.tolist() == [1, 2]
    assert {str(dtype) for dtype in register.records.dtypes} == {"str"}
    assert register.source_sha256 == sha256(path.read_bytes()).hexdigest()
    assert (register.notes, register.problems, len(register)) == ((), (), 2)


names = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=("Cc", "Zs")), min_size=1, max_size=12
)
norwegian = st.text(st.sampled_from("abcABC æøåÆØÅéü-,;\"'\n"), min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(norwegian, norwegian), min_size=1, max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252"]),
    delimiter=st.sampled_from([";", ","]),
    newline=st.sampled_from(["\r\n", "\n"]),
)
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], encoding: str, delimiter: str, newline: str
) -> None:
    """What a spreadsheet writes is read back, whatever the encoding, separator and line end."""
    path = tmp_path_factory.getbasetemp() / "round.csv"
    stream = StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=newline)
    writer.writerow(["Født", "Kjønn"])
    writer.writerows(rows)
    path.write_bytes(stream.getvalue().encode(encoding))
    columns = [Column("Født", "name", "given_name", identifier=True), Column("Kjønn", "name", "alias", identifier=True)]
    expected = [tuple(value.strip() or None for value in row) for row in rows]
    kept = [row for row in expected if any(row)]
    if not kept:
        return
    register = read_register(path, codebook=book(columns))
    read = register.records.astype(object).where(register.records.notna(), None)
    assert [tuple(row) for row in read.to_numpy()] == kept
    assert any("Latin-1" in note for note in register.notes) is (encoding in ("latin-1", "cp1252"))


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(names, names), min_size=1, max_size=4), suffix=st.sampled_from([".xlsx", ".parquet"]))
def test_typed_files_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], suffix: str
) -> None:
    """Excel and Parquet give back every name, also those that look like a missing value or a number."""
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    rows = [*rows, ("NA", "nan"), ("007", "-")]
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    if suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        workbook = openpyxl.Workbook()
        for row in [("a", "b"), *rows]:
            workbook.active.append(row)
        for line in workbook.active.iter_rows():
            for cell in line:
                cell.data_type = "s"  # a name may begin with =
        workbook.save(path)
    columns = [Column("a", "name", "given_name", identifier=True), Column("b", "name", "family_name", identifier=True)]
    register = read_register(path, codebook=book(columns))
    assert [tuple(row) for row in register.records.to_numpy()] == rows


def test_windows_1252_is_said(listed: Callable[..., Path]) -> None:
    """A byte that only Windows-1252 has (here the typographic apostrophe) is read as such, and said."""
    path = listed(text_of([HEADER, ("O’Brien", *SOUND[1:])]).encode("cp1252"))
    register = read_register(path, codebook=book())
    assert register.records.loc[1, "given_name"] == "O’Brien"
    assert "was read as Windows-1252" in register.notes[0]


def test_every_unreadable_row_is_named(listed: Callable[..., Path]) -> None:
    """All problems of all rows come in one error, by row and column, in order, without the values."""
    path = listed(
        [
            ("Zqxanary", "Wvuhidden", "31.02.1990", "", "K", ""),
            SOUND,
            ("Zqxanary", "Wvuhidden", "1.1.90", "", "Zqxanary", ""),
            ("Zqxanary", "Wvuhidden"),
            ("Zqxanary", "Wvuhidden", "01.01.2021", "", "k", ""),
            ("Zqxanary", "Wvuhidden", "", "", "", "", "Zqxanary"),
        ]
    )
    told = reasons(path)
    assert [reason.split(": ")[0] for reason in told] == [
        "rosa.csv, row 1, column Født",
        "rosa.csv, row 3, column Født",
        "rosa.csv, row 3, column Kjønn",
        "rosa.csv, row 4",
        "rosa.csv, row 5, column Født",
        "rosa.csv, row 5, column Kjønn",
        "rosa.csv, row 6",
    ]
    assert "does not exist" in told[0]
    assert "year of two digits" in told[1]
    assert "it lists 'K', 'M', '?'" in told[2]
    assert "2 fields where the heading row has 6" in told[3]
    assert "after the end of the period (2020-12-31)" in told[4]
    assert "the codebook writes it 'K'" in told[5]
    assert "7 fields where the heading row has 6" in told[6]


def test_set_aside_keeps_the_sound_rows(listed: Callable[..., Path]) -> None:
    """Setting aside keeps sound rows under their own row numbers and lists the others."""
    path = listed([("Zqxanary", "W", "x", "", "y", ""), SOUND, ("Zqxanary",)])
    register = read_register(path, codebook=book(), unreadable="set_aside")
    assert register.records.index.tolist() == [2]
    assert [(problem.row, problem.column) for problem in register.problems] == [(1, "Født"), (1, "Kjønn"), (3, None)]
    assert register.n_set_aside == 2
    assert "2 rows set aside" in repr(register)
    with pytest.raises(BadInput, match=r"no row of rosa\.csv can be read"):
        read_register(listed([("Zqxanary",)]), codebook=book(), unreadable="set_aside")
    with pytest.raises(BadInput, match="unreadable='drop' is not offered"):
        read_register(path, codebook=book(), unreadable="drop")  # type: ignore[arg-type]


def test_wrong_numbers_are_noted_and_taken_out(listed: Callable[..., Path]) -> None:
    """A number that fails is missing and named by row; its row stays, and a lost leading zero is put back."""
    wrong = FNR[:-1] + str((int(FNR[-1]) + 1) % 10)
    spaced = f"{FNR[:6]} {FNR[6:]}"
    rows = [("Åse", "A", "", number, "", "") for number in (FNR, spaced, wrong, "12345", EARLY_FNR[1:], "ukjent")]
    register = read_register(listed(rows), codebook=book())
    assert register.records["fnr"].isna().tolist() == [False, False, True, True, False, True]
    assert register.records["fnr"].dropna().tolist() == [FNR, FNR, EARLY_FNR]
    assert len(register) == 6
    notes = "\n".join(register.notes)
    assert "column Fnr: the date or the check digits do not agree; the number was taken out" in notes
    assert "(row 3)" in notes
    assert "not 11 digits" in notes
    assert "not digits alone" in notes
    assert "a leading 0 was missing and is put back (row 5)" in notes
    assert not any(number in notes for number in (FNR, wrong, EARLY_FNR, EARLY_FNR[1:], "ukjent"))


def test_headings_are_checked_against_the_codebook(listed: Callable[..., Path]) -> None:
    """Undeclared, absent, doubled and empty headings are told together, also when rows are to be set aside."""
    header = ("Fornavn", "Fornavn", "", "Alder", "31129012345")
    path = listed(text_of([header, ("Zqxanary", "Wvuhidden", "3", "4", "5"), ("x",)]))
    told = "\n".join(reasons(path, unreadable="set_aside"))
    assert "the column 'Fornavn' stands 2 times in the heading row" in told
    assert "column 3 has no heading" in told
    assert "the column 'Alder' is not declared in the codebook" in told
    assert "the column 'Etternavn' is declared in the codebook and absent from the file" in told
    assert "column 5 is not declared" in told
    assert "31129012345" not in told
    assert "row 2: 1 fields" in told


def test_missing_heading_row_shows_nothing_of_the_first_person(listed: Callable[..., Path]) -> None:
    """Where the heading row is missing the first row is a person, and is not printed."""
    told = reasons(listed(text_of([("Zqxanary", "Wvuhidden", "23.11.1987", FNR, "K", ""), SOUND])))
    assert len(told) == 1
    assert "the first row holds none of the declared headings (Fornavn, Etternavn" in told[0]


def test_heading_row_run_together_with_the_first_person(listed: Callable[..., Path]) -> None:
    """Where the line break after the headings is lost, the person in the same line is not printed as a heading."""
    path = listed(";".join(HEADER) + "Zqxanary;Wvuhidden;23.11.1987;1;K;\r\n" + text_of([SOUND]))
    told = "\n".join(reasons(path))
    assert "column 7 is not declared in the codebook" in told
    assert "the column 'Merknad' is declared in the codebook and absent from the file" in told


def test_empty_rows_and_columns_are_left_out_and_said(listed: Callable[..., Path]) -> None:
    """Rows without content keep their number and are said; those that end the file are no rows."""
    rows = [(*HEADER, ""), (*SOUND, ""), [""] * 7, [], (*SOUND, ""), [""] * 7, []]
    register = read_register(listed(text_of(rows)), codebook=book())
    assert register.records.index.tolist() == [1, 4]
    assert any("rows without any content were left out (row 2, 3)" in note for note in register.notes)
    assert any("1 empty column(s) without heading" in note for note in register.notes)


def test_letters_of_two_characters(listed: Callable[..., Path]) -> None:
    """A heading and a code with Å written as two characters, as on a Mac, are found; a name stays as typed."""
    columns = (COLUMNS[0], Column("År på liste", "category", "is_new", codes={"på ny": "new"}))
    path = listed(normalize("NFD", text_of([("Fornavn", "År på liste"), ("Åse", "på ny")])))
    register = read_register(path, codebook=book(columns))
    assert register.records.loc[1].tolist() == [normalize("NFD", "Åse"), "new"]


def test_separator_line_of_excel(listed: Callable[..., Path]) -> None:
    """A first line sep=; tells Excel the separator and is no heading row."""
    register = read_register(listed("sep=;\r\n" + text_of([HEADER, SOUND])), codebook=book())
    assert register.records.index.tolist() == [1]


def test_the_separator_is_the_one_that_finds_the_headings(listed: Callable[..., Path]) -> None:
    """A heading with many commas does not make the comma the separator."""
    columns = (Column("Navn, fullt, som i pass, alt", "name", "given_name", identifier=True), COLUMNS[4])
    path = listed(text_of([(columns[0].name, "Kjønn"), ("Åse", "K")]))
    assert read_register(path, codebook=book(columns)).records.loc[1].tolist() == ["Åse", "woman"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", r"rosa\.csv is empty"),
        (b" \r\n\r\n", r"rosa\.csv is empty"),
        (b"\xef\xbb\xbf", r"no readable heading row"),
        (text_of([HEADER]), "has a heading row and no rows of data"),
        (text_of([HEADER, [""] * 6]), "has a heading row and no rows of data"),
        (text_of([HEADER, ("Zqxanary", "\0", "", "", "", "")]), "holds NUL bytes"),
        (text_of([HEADER, SOUND]).encode("utf-16"), "is not a CSV file but text in UTF-16"),
        (b"PK\x03\x04rest", "is not a CSV file but an Excel workbook"),
        (
            text_of([HEADER, SOUND]).encode("cp850"),
            r"neither UTF-8 nor plausible Latin-1 or Windows-1252 \(first seen in line 1",
        ),
        (text_of([HEADER, SOUND]).encode("mac-roman"), "neither UTF-8 nor plausible"),
        (
            "Født;Åse\n".encode() + "Åse".encode("latin-1"),
            r"mixes UTF-8 with another encoding \(first seen in line 2\)",
        ),
    ],
)
def test_files_that_are_no_list(listed: Callable[..., Path], content: str | bytes, expected: str) -> None:
    """An empty file, another format or an unknown encoding is one clear sentence."""
    with pytest.raises(BadInput, match=expected) as caught:
        read_register(listed(content), codebook=book())
    assert "\n" not in str(caught.value)
    assert "Zqxanary" not in str(caught.value)


def test_absent_file_and_unknown_format(tmp_path: Path, listed: Callable[..., Path]) -> None:
    """A file that is not there, one of another format and a missing codebook say which file is meant."""
    with pytest.raises(BadInput, match=r"there is no file rosa\.csv in"):
        read_register(tmp_path / "rosa.csv")
    with pytest.raises(BadInput, match=r"rosa\.xls is not a list that can be read; save it as one of \.csv"):
        read_register(tmp_path / "rosa.xls")
    with pytest.raises(BadInput, match=r"no codebook rosa\.toml in"):
        read_register(listed([SOUND]))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match=r"folder\.csv cannot be opened"):
        read_register(tmp_path / "folder.csv")


def test_broken_quotes(listed: Callable[..., Path]) -> None:
    """A fault of quoting within one line is that row's; one that swallows rows refuses the file in any case."""
    good = text_of([SOUND])
    one_line = text_of([HEADER]) + '"Zqxanary" W;b;;;;\r\n' + good
    register = read_register(listed(one_line), codebook=book(), unreadable="set_aside")
    assert register.records.index.tolist() == [2]
    assert "quotation mark stands inside" in register.problems[0].reason
    swallowing = text_of([HEADER]) + good + '"Zqxanary;b;;;;\r\n' + good + good
    told = "\n".join(reasons(listed(swallowing), unreadable="set_aside"))
    assert "from row 2 on, 3 lines run together: a quotation mark is opened and never closed" in told


def test_huge_fields(listed: Callable[..., Path]) -> None:
    """A field beyond the limits is a problem of its row and column, not of the program."""
    told = reasons(listed([("Zqxanary" * 2000, *SOUND[1:]), ("Zqxanary" * 20_000, *SOUND[1:]), SOUND]))
    assert "row 1, column Fornavn: a text of more than 10000 characters" in told[0]
    assert "row 2: a field of more than 131072 characters" in told[1]
    assert len(told) == 2


def excel(path: Path, rows: Sequence[Sequence[object]], *, sheets: Sequence[str] = ("Ark1",)) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name in sheets:
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    workbook.create_sheet("tomt")
    workbook.save(path)
    return path


def test_excel_dates_numbers_and_faults(tmp_path: Path) -> None:
    """True dates and numbers are read; errors, formulas without value and times are faults of their cell."""
    columns = (
        Column("Født", "date", "birth_date", identifier=True),
        Column("År", "number", "birth_year", identifier=True),
        Column("Fnr", "text", "fnr", identifier=True),
        Column("Kode", "category", "sex", codes={"1": "woman", "2": "man"}),
        Column("Fri", "ignore"),
    )
    header = [column.name for column in columns]
    rows = [
        header,
        [datetime(1990, 12, 31), 1990.0, int(EARLY_FNR), 1, "=A1"],
        [date(1990, 12, 31), "1990", None, 2.0, None],
        [datetime(1990, 12, 31, 13, 0), 90, None, True, None],
        ["#REF!", "=1+1", time(3, 0), None, None],
    ]
    path = excel(tmp_path / "rosa.xlsx", rows)
    register = read_register(path, codebook=book(columns), unreadable="set_aside")
    assert register.records.iloc[0].tolist() == ["1990-12-31", "1990", EARLY_FNR, "woman"]
    assert register.records.loc[2, ["birth_date", "birth_year", "sex"]].tolist() == ["1990-12-31", "1990", "man"]
    told = [str(problem) for problem in register.problems]
    assert [line.split(": ")[0].removeprefix("rosa.xlsx, ") for line in told] == [
        "row 3, column Født",
        "row 3, column Kode",
        "row 3, column År",
        "row 4, column Fnr",
        "row 4, column Født",
        "row 4, column År",
    ]
    assert "time of day" in told[0]
    assert "a value of kind time" in told[3]
    assert "an Excel error" in told[4]
    assert "a formula without a stored value" in told[5]


def test_excel_sheets(tmp_path: Path) -> None:
    """The only sheet with content is taken; of several the codebook names one."""
    path = excel(tmp_path / "rosa.xlsx", [HEADER, SOUND])
    assert len(read_register(path, codebook=book())) == 1
    both = excel(tmp_path / "both.xlsx", [HEADER, SOUND], sheets=("A", "B"))
    with pytest.raises(BadInput, match=r"has 2 sheets with content \('A', 'B'\); say which one"):
        read_register(both, codebook=book())
    assert len(read_register(both, codebook=book(sheet="B"))) == 1
    with pytest.raises(BadInput, match=r"no sheet of both\.xlsx named 'C'"):
        read_register(both, codebook=book(sheet="C"))
    with pytest.raises(BadInput, match="empty: no sheet holds anything"):
        read_register(excel(tmp_path / "empty.xlsx", [], sheets=("A",)), codebook=book())
    with pytest.raises(BadInput, match="has no heading row"):
        read_register(excel(tmp_path / "late.xlsx", [[None], HEADER, SOUND]), codebook=book())


def workbook_bytes() -> bytes:
    workbook, stream = openpyxl.Workbook(), BytesIO()
    for row in (HEADER, SOUND, SOUND):
        workbook.active.append(row)
    workbook.save(stream)
    return stream.getvalue()


whole = {
    ".csv": text_of([HEADER, SOUND, SOUND]).encode(),
    ".parquet": pd.DataFrame([SOUND] * 2, columns=list(HEADER)).to_parquet(index=False),
    ".xlsx": workbook_bytes(),
}


@settings(max_examples=80)
@given(
    suffix=st.sampled_from(sorted(whole)),
    place=st.integers(0, 6000),
    change=st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b";", b"\n", b"\r", b"\xff", b"\xc3", b"9" * 30])),
    cut=st.integers(0, 12),
)
def test_damage_is_an_error_of_input_and_shows_nothing(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, place: int, change: bytes, cut: int
) -> None:
    """Whatever happens to the bytes of a list, it is read or refused as bad input, and no person is shown."""
    content = whole[suffix]
    place %= len(content)
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(content[:place] + change + content[place + cut :])
    told = ""
    try:
        read_register(path, codebook=book(), unreadable="set_aside")
    except BadInput as error:
        told = str(error)
    assert not any(value in told for value in ("Østbye", FNR))


@pytest.mark.parametrize("name", ["rosa.xlsx", "rosa.parquet"])
def test_damaged_typed_files(listed: Callable[..., Path], name: str) -> None:
    """A file that is not what its ending says is one clear sentence."""
    with pytest.raises(BadInput, match="cannot be opened as"):
        read_register(listed(b"not what it says", name), codebook=book())
    with pytest.raises(BadInput, match=r"is empty"):
        read_register(listed(b"", name), codebook=book())


def test_parquet_kinds(tmp_path: Path) -> None:
    """Dates, numbers, missing values and categories of a Parquet file come out as from text; lists do not."""
    columns = (
        Column("d", "date", "birth_date", identifier=True),
        Column("y", "number", "birth_year", identifier=True),
        Column("s", "category", "sex"),
        Column("l", "name", "alias", identifier=True),
    )
    frame = pd.DataFrame(
        {
            "d": pd.to_datetime(["1990-12-31", None, "1991-01-01"]),
            "y": [1990.0, float("nan"), 1991.0],
            "s": pd.Categorical(["woman", None, "man"]),
            "l": [None, None, ["Zqxanary"]],
        }
    )
    path = tmp_path / "rosa.parquet"
    frame.to_parquet(path, index=False)
    told = reasons(path, codebook=book(columns))
    assert len(told) == 1
    assert "row 3, column l: a value of kind list" in told[0]
    register = read_register(path, codebook=book(columns), unreadable="set_aside")
    assert register.records.loc[1, ["birth_date", "birth_year", "sex"]].tolist() == ["1990-12-31", "1990", "woman"]
    assert any("rows without any content were left out (row 2)" in note for note in register.notes)


def test_lost_characters_and_double_encoding_are_said(listed: Callable[..., Path]) -> None:
    """Letters lost before the file came here, or encoded twice, are noted."""
    register = read_register(listed([("Bj\ufffdrn", *SOUND[1:])]), codebook=book())
    assert any("a character was lost" in note and "(row 1)" in note for note in register.notes)
    register = read_register(listed([("BjÃ¸rn", *SOUND[1:])]), codebook=book())
    assert any("encoded twice" in note for note in register.notes)


def test_no_identifier_in_any_form_of_a_register(listed: Callable[..., Path]) -> None:
    """Text, HTML, description and notes of a register hold counts and no value of an identifier."""
    path = listed([("Zqxanary", "Wvuhidden", "23.11.1987", FNR, "K", ""), ("Zqxanary", "", "", "1", "M", "")])
    register = read_register(path, codebook=book())
    shown = "\n".join(
        [repr(register), str(register), register._repr_html_(), str(register.describe()), *register.notes]
    )
    for canary in (*CANARIES, "1987-11-23"):
        assert canary not in shown
    assert "2 records, 5 fields (4 identifiers)" in repr(register)
    described = register.describe()
    assert described.loc["family_name", ["n_present", "n_missing", "share_missing"]].tolist() == [1, 1, 0.5]
    assert described.loc["given_name", "n_distinct"] == 1
    assert register.attribute_fields == ("sex",)
    assert register.identifier_fields == ("given_name", "family_name", "birth_date", "fnr")


def test_records_must_fit_the_codebook() -> None:
    """A register made by hand holds the fields of its codebook and no other."""
    with pytest.raises(BadInput, match="must have the fields given_name, family_name, birth_date, fnr, sex"):
        Register(book(), pd.DataFrame({"given_name": ["Åse"]}), source_sha256="")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("31.12.1990", "1990-12-31"),
        ("1.2.1990", "1990-02-01"),
        ("31. 12. 1990", "1990-12-31"),
        ("31/12-1990", "1990-12-31"),
        ("31/12/1990", "1990-12-31"),
        ("31-12-1990", "1990-12-31"),
        ("1990-12-31", "1990-12-31"),
        ("1990-12-31 00:00:00", "1990-12-31"),
        ("29.02.2000", "2000-02-29"),
    ],
)
def test_dates_that_are_read(text: str, expected: str) -> None:
    """Norwegian and ISO dates."""
    assert parse_date(text, latest=YEAR[1]) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("311290", "digits alone"),
        ("31121990", "digits alone"),
        ("1990", "a year alone"),
        ("31.12.90", "year of two digits"),
        ("00.00.1990", "does not exist"),
        ("12/31/1990", "does not exist"),
        ("29.02.1990", "does not exist"),
        ("31.12.19900", "not a date"),
        ("31.12.1899", "before 1900"),
        ("01.01.2021", "after the end of the period"),
        ("1990-12-31T14:30", "time of day"),
        ("januar 1990", "not a date"),
        ("٣١.١٢.١٩٩٠", "not a date"),
    ],
)
def test_dates_that_are_not_read(text: str, reason: str) -> None:
    """Ambiguous, impossible and future dates are unreadable, each with its reason and without the value."""
    with pytest.raises(Unreadable, match=reason) as caught:
        parse_date(text, latest=YEAR[1])
    assert len(text) < 6 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", "12"), ("012", "12"), ("-0,50", "-0.5"), ("-0", "0"), ("+3.0", "3"), ("1e3", ""), ("x", "")],
)
def test_numbers(text: str, expected: str) -> None:
    """Decimal comma and point; nothing but digits."""
    if expected:
        assert parse_number(text) == expected
    else:
        with pytest.raises(Unreadable, match="not a number"):
            parse_number(text)


@pytest.mark.parametrize("text", ["90", "1899", "2021", "1990,5"])
def test_years_of_birth(text: str) -> None:
    """A year of birth has four digits and lies between 1900 and the end of the period."""
    with pytest.raises(Unreadable, match="not a year from 1900 to 2020"):
        parse_number(text, latest_year=2020)


def test_numbers_of_2032_are_accepted_from_then_on() -> None:
    """A number that only the 2032 rule takes is wrong in a list of 2020 and right in one of 2032."""
    assert official_number("30108299939", "fnr", latest=date(2020, 12, 31))[0] is None
    assert official_number("30108299939", "fnr", latest=date(2032, 12, 31)) == ("30108299939", "")
    assert official_number("2012 586975 61", "duf", latest=YEAR[1]) == ("201258697561", "")
    assert official_number("209958697561", "duf", latest=YEAR[1]) == ("209958697561", "")
    assert official_number("301258697561", "duf", latest=YEAR[1])[0] is None


def test_reading_gives_no_warning(tmp_path: Path) -> None:
    """What openpyxl warns of (a sheet with validations it does not keep) does not reach the user."""
    workbook = openpyxl.Workbook()
    workbook.active.append(["a"])
    workbook.active.append(["Åse"])
    path = tmp_path / "rosa.xlsx"
    workbook.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register = read_register(path, codebook=book([Column("a", "name", "given_name", identifier=True)]))
    assert register.records.loc[1, "given_name"] == "Åse"
