"""Study files: read as a whole, all problems told at once."""

from datetime import date

import pytest

from mse.errors import BadInput
from mse.study.plan import read_plan


@pytest.fixture
def study(tmp_path, write_small_study):
    return write_small_study(tmp_path)


def changed(study, old, new):
    """The study file with one text replaced."""
    text = study.read_text("utf-8")
    assert old in text
    study.write_text(text.replace(old, new), "utf-8")
    return study


def test_a_sound_study_file_is_read(study):
    """Every entry arrives with its type, and paths are absolute."""
    plan = read_plan(study)
    assert (plan.name, plan.seed, plan.population, plan.n_draws) == ("small", 7, "adults", 8)
    assert plan.period == (date(2020, 1, 1), date(2020, 12, 31))
    assert [one.name for one in plan.lists] == ["A", "B", "C"]
    assert all(path.is_absolute() and path.is_file() for path in plan.registers)
    assert plan.select.by == ("bic",)
    assert plan.bayes is None
    assert plan.suppress_below == 3


def test_all_problems_are_told_at_once(study):
    """One error names every wrong entry, with the nearest known one for a misspelt one."""
    changed(study, 'population = "adults"', 'populaton = "adults"')
    changed(study, "seed = 7", 'seed = "seven"')
    changed(study, "n_draws = 8", "n_draws = 0")
    changed(study, 'registers = ["SYNTHETIC-beta.csv"]', 'registers = ["SYNTHETIC-delta.csv"]')
    changed(study, 'by = ["bic"]', 'by = ["cic"]')
    with pytest.raises(BadInput, match="6 problems") as error:
        read_plan(study)
    told = "\n".join(error.value.reasons)
    assert "study.populaton is not a known entry; did you mean 'population'?" in told
    assert "study.population is missing" in told
    assert "study.seed = 'seven' is not a whole number" in told
    assert "linkage.n_draws = 0 is too small; it is at least 1" in told
    assert "there is no file 'SYNTHETIC-delta.csv' beside the study file" in told
    assert "models.select.by = 'cic' is not one of bic, aic, aicc" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('presence = "in contact"', 'presence = "seen"', "study.presence = 'seen' is not one of in contact, new"),
        ("start = 2020-01-01, end = 2020-12-31", "start = 2021-01-01, end = 2020-12-31", "before it starts"),
        ("start = 2020-01-01,", "start = 2020-01-01T00:00:00,", "is not a date without quotes"),
        ("synthetic = true", "synthetic = false", "only a synthetic study has a truth file"),
        ('key = "small.key"', "", "study.key is missing; SYNTHETIC-alfa.csv"),
        ('name = "B"', 'name = "A"', "two lists are named 'A'"),
        ("SYNTHETIC-beta.csv", "SYNTHETIC-alfa.csv", "'SYNTHETIC-alfa.csv' stands in the lists twice"),
        ('{ nb = "Liste A", en = "List A" }', '{ nb = "Liste A" }', "list 1.label.en is missing"),
        ('{ nb = "Liste A", en = "List A" }', '"List A"', "is not a text in two languages"),
        ('fit = ["independence"]', "fit = [3]", "models.fit holds 3, which is not a text"),
        ('registers = ["SYNTHETIC-alfa.csv"]', "registers = []", "list 1 has no register"),
        ("seed = 7", "seed = true", "study.seed = True is not a whole number"),
        ('name = "small"', 'name = " "', "study.name is empty"),
        ("[linkage]", "[linking]", "did you mean 'linkage'?"),
        ("[linkage]", "[differences]\nvolume = 'loud'\n[linkage]", "differences.volume is not a known entry"),
        ('key = "small.key"', 'key = "no.key"', "make one with mse key new no.key --project small"),
    ],
)
def test_each_problem_says_what_and_how_to_mend_it(study, old, new, told):
    """A wrong entry is named with its place, its value and what it should be."""
    with pytest.raises(BadInput) as error:
        read_plan(changed(study, old, new))
    assert told in str(error.value)


def test_one_list_is_too_few(study):
    """A study with a single list is refused."""
    text = study.read_text("utf-8")
    first, _, rest = text.partition('[[list]]\nname = "B"')
    study.write_text(first + rest[rest.index("[linkage]") :], "utf-8")
    with pytest.raises(BadInput, match="the study has 1 lists; at least two"):
        read_plan(study)


@pytest.mark.parametrize(
    ("content", "told"), [(b"[study", "not a TOML file"), (b"name = '\xe6'", "not UTF-8"), (None, "cannot be read")]
)
def test_what_is_no_study_file_is_refused(tmp_path, content, told):
    """A missing file, one that is not TOML and one in another encoding are each said."""
    path = tmp_path / "study.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=told):
        read_plan(path)
