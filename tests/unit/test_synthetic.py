"""The committed synthetic lists hold KOM's published figures, and no person or number in them can be real."""

import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.identifiers import is_d_number, is_duf, is_fnr
from mse.registers import Register, codebook_path, read_register
from mse.synthetic import COMMITTED_SEED, COMMITTED_TRUE_N, SCENARIOS, SyntheticNorway, simulate_norway
from mse.synthetic.comparison import common_counts, readme_text
from mse.synthetic.published import FORM_COLUMNS, REGION_COLUMNS, margins_of
from mse.synthetic.rules import ListRule, rules_2020
from mse.synthetic.six_years import YEARS, published_totals

FOLDER = Path(__file__).parents[2] / "data" / "synthetic"
NOT_LISTS = ("persons", "truth")
LISTS = sorted(
    path for ending in ("csv", "xlsx") for path in FOLDER.rglob(f"*.{ending}") if not path.stem.endswith(NOT_LISTS)
)
RULES = {rule.name: rule for rule in rules_2020()[0]}
FACTS = rules_2020()[1]


def _relative(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def year_2020() -> SyntheticNorway:
    return simulate_norway(seed=COMMITTED_SEED)


@pytest.fixture(scope="module")
def six_years() -> SyntheticNorway:
    return simulate_norway(scenario="2017-2022", seed=COMMITTED_SEED)


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    """Every committed list, read as an agency's list is read."""
    return {_relative(path): read_register(path) for path in LISTS}


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "2020" / "SYNTHETIC-truth.csv")


def _on(truth: pd.DataFrame, *names: str) -> set[str]:
    return set(truth.loc[truth["register"].isin(names), "person"])


def _records(registers: dict[str, Register], truth: pd.DataFrame, name: str) -> pd.DataFrame:
    """The list's records, once for each person, or once for each decision where decisions are counted."""
    (register,) = (one for path, one in registers.items() if path.startswith("2020/") and one.name == name)
    own = truth[truth["register"] == name].set_index("row")["person"]
    records = register.records.assign(person=own)
    return records if RULES[name].states == "decisions" else records.drop_duplicates("person")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_margins_equal_the_published(rule: ListRule, registers: dict[str, Register], truth: pd.DataFrame) -> None:
    """Total, new persons, sex, form and region of each list are those that KOM published."""
    records, margins = _records(registers, truth, rule.name), rule.margins
    assert len(records) == margins.total
    if margins.new is not None:
        assert (records["is_new"] == "new").sum() == margins.new
    loose = {region for group in rule.other_regions for region in group}
    for field in ("sex", "form", "region"):
        for categories, count in getattr(margins, field).items():
            if not loose & set(categories):
                assert records[field].isin(categories).sum() == count, categories
    if loose:
        assert records["region"].isin(loose).sum() == margins.other_region
    if rule.services is not None:
        assert (records["form"] == "services").sum() == rule.services


def test_agency_rows_add_up_to_the_reports_sum_but_for_one_person(
    registers: dict[str, Register], truth: pd.DataFrame
) -> None:
    """The rows give KOM's 254 in every dimension; East Europe and Africa differ by one, as in the source."""
    rows = [name for name, rule in RULES.items() if rule.states == "new"]
    every = pd.concat([_records(registers, truth, name) for name in rows])
    published = margins_of("SUM ALL (report)")
    assert len(every) == published.total == 254
    assert (every["is_new"] == "new").sum() == published.new
    for categories in FORM_COLUMNS.values():
        assert every["form"].isin(categories).sum() == published.form[categories]
    off = {name: every["region"].isin(one).sum() - published.region[one] for name, one in REGION_COLUMNS.items()}
    assert {name: gap for name, gap in off.items() if gap} == {"east_europe": 1, "africa": -1}


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        (("udi-housing-rosa",), ("rosa",), 25),
        (("migrasjonssenteret",), ("filemon-clarification",), 7),
        (("adora",), ("rosa",), 10),
        (("marita-housing",), ("rosa", "htso"), 4),
        (("migrasjonssenteret",), ("iom",), 1),
        (("migrasjonssenteret",), ("police",), 3),
        (("shalam",), ("police",), 1),
        (("filemon-reflection", "filemon-clarification"), ("lauras-residents", "marita-housing", "adora"), 0),
    ],
)
def test_readable_overlaps_hold_exactly(
    one: tuple[str, ...], other: tuple[str, ...], count: int, truth: pd.DataFrame
) -> None:
    """The overlaps that KOM's report lets one read are in the truth."""
    assert len(_on(truth, *one) & _on(truth, *other)) == count


def test_new_residents_of_lauras_hus_are_on_rosas_list(registers: dict[str, Register], truth: pd.DataFrame) -> None:
    """All 7 new residents were referred from ROSA."""
    records = _records(registers, truth, "lauras-residents")
    new = set(records.loc[records["is_new"] == "new", "person"])
    assert len(new) == 7
    assert new <= _on(truth, "rosa")


def test_udi_has_28_decisions_on_27_persons_and_5_of_7_earlier_ones(
    registers: dict[str, Register], truth: pd.DataFrame
) -> None:
    """Repeats within UDI are those of sections 3.1 and 3.3, and the 7 asylum seekers have 7 nationalities."""
    decisions = truth[truth["register"] == "udi-reflection"]
    assert (len(decisions), decisions["person"].nunique()) == (28, 27)
    asylum = _records(registers, truth, "udi-asylum")
    assert asylum["earlier_decision"].value_counts().to_dict() == {"yes": 5, "no": 2}
    both = set(asylum["person"]) & set(decisions["person"])
    assert set(asylum.loc[asylum["person"].isin(both), "earlier_decision"]) <= {"yes"}


def test_police_reports_have_the_published_districts(registers: dict[str, Register], truth: pd.DataFrame) -> None:
    """39 reports, 18 of them in Oslo and none in Agder; the minors are in 7 of them, on a list of their own."""
    reports = _records(registers, truth, "police").drop_duplicates("local_id")
    assert len(reports) == 39
    assert (reports["district"] == "oslo").sum() == 18
    assert "agder" not in set(reports["district"])
    minors = registers["2020/minors/SYNTHETIC-minors-police.csv"].records
    assert len(minors) == 15
    assert minors["local_id"].nunique() == 7
    assert set(minors["local_id"]) <= set(reports["local_id"])


@pytest.mark.parametrize("path", LISTS, ids=_relative)
def test_every_list_is_read_without_problems(path: Path, registers: dict[str, Register]) -> None:
    """The reader takes every committed list as it is; only a Latin-1 file or a mistyped number earns a note."""
    register = registers[_relative(path)]
    assert not register.problems
    assert all("not UTF-8" in note or "number was taken out" in note for note in register.notes)
    assert register.codebook.population == ("minors" if "minors" in path.parts else "adults")


def test_every_file_says_that_it_is_synthetic() -> None:
    """SYNTHETIC stands in each file name, and in the first column of each row, as a column to be ignored."""
    files = [
        path for path in FOLDER.rglob("*") if path.is_file() and path.parent != FOLDER and path.name != "study.toml"
    ]
    assert len(files) > len(LISTS) * 2
    for path in files:
        assert path.name.startswith("SYNTHETIC-"), path
        if path.suffix == ".toml":
            columns = tomllib.loads(path.read_text("utf-8"))["columns"]
            assert columns["SYNTHETIC"] == {"kind": "ignore"}, path
            continue
        separator = ";" if b";" in path.read_bytes()[:200] else ","
        read = pd.read_excel if path.suffix == ".xlsx" else pd.read_csv
        options = {} if path.suffix == ".xlsx" else {"sep": separator, "encoding": "latin-1"}
        first = read(path, dtype=str, **options).iloc[:, 0]
        assert first.name.removeprefix("ï»¿") == "SYNTHETIC", path
        assert set(first) == {"SYNTHETIC"}, path


def _numbers(registers: dict[str, Register]) -> list[tuple[str, str]]:
    """Every fnr, D-number and DUF as it stands in the files of persons and in the lists, with its field."""
    found = []
    for path in FOLDER.rglob("SYNTHETIC-*persons.csv"):
        persons = pd.read_csv(path, dtype=str)
        found += [(field, value) for field in ("fnr", "d_number", "duf") for value in persons[field].dropna()]
    for path in LISTS:
        codebook = registers[_relative(path)].codebook
        fields = {
            column.name: column.field for column in codebook.columns if column.field in ("fnr", "d_number", "duf")
        }
        if path.suffix == ".xlsx":
            table = pd.read_excel(path, dtype=str)
        else:
            encoding = "utf-8-sig" if not registers[_relative(path)].notes else None
            table = _csv(path, encoding)
        found += [(field, value) for name, field in fields.items() for value in table[name].dropna()]
    return found


def _csv(path: Path, encoding: str | None) -> pd.DataFrame:
    content = path.read_bytes()
    for guess in [encoding] if encoding else ["utf-8-sig", "latin-1"]:
        try:
            text = content.decode(guess)
        except UnicodeDecodeError:
            continue
        return pd.read_csv(path, sep=";" if ";" in text.partition("\n")[0] else ",", dtype=str, encoding=guess)
    raise AssertionError(path)


def test_no_number_can_be_real(registers: dict[str, Register]) -> None:
    """Each number, mistyped ones too, is invalid under the current and the 2032 rules; DUF have the year 2099."""
    numbers = _numbers(registers)
    assert {field for field, _ in numbers} == {"fnr", "d_number", "duf"}
    assert len(numbers) > 500
    for field, number in numbers:
        if field == "duf":
            assert number.startswith("2099")
            assert not is_duf(number)
            continue
        assert int(number[2:4]) > 80
        for rule in ("current", "2032"):
            assert not is_fnr(number, rule=rule)
            assert not is_d_number(number, rule=rule)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_numbers_of_the_persons_are_of_the_synthetic_series(scenario: str) -> None:
    """As made, before any typing error, numbers are valid in the Tax Administration's synthetic series, and unique."""
    persons = pd.read_csv(FOLDER / scenario / "SYNTHETIC-persons.csv", dtype=str)
    assert persons["fnr"].dropna().map(lambda number: is_fnr(number, rule="synthetic")).all()
    assert persons["d_number"].dropna().map(lambda number: is_d_number(number, rule="synthetic")).all()
    for field in ("fnr", "d_number", "duf"):
        assert persons[field].dropna().is_unique
    assert persons["d_number"].notna().mean() < 0.35
    assert persons["fnr"].notna().mean() < 0.1


def test_no_minor_is_among_the_adults(registers: dict[str, Register]) -> None:
    """Everyone of the true N is 18 or older on the first day of 2020, and the study holds no list of minors."""
    persons = pd.read_csv(FOLDER / "2020" / "SYNTHETIC-persons.csv", dtype=str)
    assert len(persons) == COMMITTED_TRUE_N
    born = persons["birth_date"].map(date.fromisoformat)
    assert (born <= date(2002, 1, 1)).all()
    minors = pd.read_csv(FOLDER / "2020" / "minors" / "SYNTHETIC-minors-persons.csv", dtype=str)
    assert (minors["birth_date"].map(date.fromisoformat) > date(2002, 12, 31)).all()
    assert not set(minors["person"]) & set(persons["person"])
    for study in FOLDER.rglob("study.toml"):
        assert "minors" not in "".join(_registers_of(study))


def _registers_of(study: Path) -> list[str]:
    return [register for one in tomllib.loads(study.read_text("utf-8"))["list"] for register in one["registers"]]


@pytest.mark.parametrize("study", sorted(FOLDER.rglob("study.toml")), ids=_relative)
def test_a_study_has_every_list_of_its_folder_once(study: Path) -> None:
    """Every list beside a study file belongs to one merged list, with its codebook and the truth beside it."""
    named = _registers_of(study)
    here = [path.name for path in LISTS if path.parent == study.parent]
    assert sorted(named) == sorted(here)
    assert all(codebook_path(study.parent / name).exists() for name in named)
    about = tomllib.loads(study.read_text("utf-8"))["study"]
    assert (study.parent / about["truth"]).exists()
    assert about["synthetic"] is True


@pytest.mark.parametrize("folder", ["2020", *(f"2017-2022/{year}" for year in YEARS)])
def test_the_truth_names_every_row_and_persons_who_exist(folder: str, registers: dict[str, Register]) -> None:
    """Each row of each list has one person, and persons whom no agency met are among the true N."""
    truth = pd.read_csv(FOLDER / folder / "SYNTHETIC-truth.csv")
    persons = pd.read_csv(FOLDER / folder.split("/")[0] / "SYNTHETIC-persons.csv", dtype=str)
    own = {path: one for path, one in registers.items() if path.rsplit("/", 1)[0] == folder}
    assert truth.groupby("register").size().to_dict() == {one.name: len(one) for one in own.values()}
    assert set(truth["person"]) <= set(persons["person"])
    assert set(persons.loc[persons["n_lists"] == "0", "person"]) - set(truth["person"])


def test_same_seed_same_bytes(year_2020: SyntheticNorway, six_years: SyntheticNorway, tmp_path: Path) -> None:
    """Two runs write the same bytes, which are the committed ones; so is the README."""
    simulate_norway(seed=COMMITTED_SEED, out=tmp_path / "again")
    for made in (year_2020, six_years):
        made.write(tmp_path / made.scenario)
        _assert_same(tmp_path / made.scenario, FOLDER / made.scenario)
    _assert_same(tmp_path / "again", FOLDER / "2020")
    assert readme_text(year_2020, six_years) == (FOLDER / "README.md").read_text("utf-8")


def _assert_same(made: Path, committed: Path) -> None:
    names = [{path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} for folder in (made, committed)]
    assert names[0] == names[1]
    assert [name for name in sorted(names[0]) if (made / name).read_bytes() != (committed / name).read_bytes()] == []


@pytest.mark.parametrize("true_n", [300, 1500])
def test_another_true_n_keeps_the_margins(true_n: int) -> None:
    """With 300 or 1,500 adults the lists have the same totals, and some adults are on none."""
    norway = simulate_norway(true_n=true_n, seed=3)
    assert len(norway.persons) == true_n
    for name, rule in RULES.items():
        counts = common_counts(norway.lists[name], by_row=rule.states == "decisions")
        assert counts["total"][""] == rule.margins.total
        for categories, count in rule.margins.sex.items():
            assert sum(counts["sex"].get(category, 0) for category in categories) == count
    for fact in FACTS:
        if fact["kind"] == "count" and "with" not in fact:
            both = norway.on(fact["pair"][0]) & norway.on(fact["pair"][1])
            assert fact["low"] <= len(both) <= fact["high"], fact["text"]
    assert len(norway.on(*norway.lists)) < true_n


def test_six_years_follow_the_published_series(six_years: SyntheticNorway) -> None:
    """Police reports of 2017 to 2020 and UDI's decisions are the sizes of those lists."""
    totals = published_totals()
    assert [totals["police", year] for year in range(2017, 2021)] == [46, 45, 36, 39]
    for (name, year), count in totals.items():
        assert six_years.lists[f"{name}-{year}"].n_persons == count


def test_ukraine_arrives_in_2022(six_years: SyntheticNorway) -> None:
    """Collective protection, region Ukraine and the municipalities' list appear in 2022 only; adults in adult lists."""
    persons = six_years.persons
    fled = persons[persons["legal_track"] == "collective_protection"]
    assert set(fled["first_year"].astype(str)) == {"2022"}
    assert six_years.true_n[2022] == six_years.true_n[2021] + len(fled)
    assert (fled["sex"] == "woman").mean() > 0.7
    with_list = {name.rsplit("-", 1)[1] for name in six_years.lists if name.startswith("municipalities")}
    assert with_list == {"2022"}
    for year in YEARS:
        regions = common_counts(six_years.lists[f"rosa-{year}"])["region"]
        assert ("ukraine" in regions) <= (year == 2022)
    youngest = persons["birth_date"].max()
    assert date.fromisoformat(youngest) <= date(2004, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "2019", "seed": 1}, r"scenario='2019' is not offered; use one of '2020', '2017-2022'"),
        ({"true_n": 250, "seed": 1}, r"true_n=250 cannot hold the published lists .*; give 300 or more"),
        ({"seed": -1}, r"seed=-1 is negative"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    """Another scenario, a true N too small and a negative seed are refused with the way out."""
    with pytest.raises(BadInput, match=message):
        simulate_norway(**options)  # type: ignore[arg-type]
