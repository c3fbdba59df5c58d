"""Registers of a study: read together, and linked only when they agree or the study says why they may differ."""

import pytest

from mse.errors import BadInput
from mse.pseudonyms import encode, new_key, read_key
from mse.registers import read_register
from mse.study.lists import read_lists, write_set_aside
from mse.study.plan import read_plan


@pytest.fixture
def written(tmp_path, write_small_study):
    """Writes the small study with differing codebooks and gives its lists when read."""

    def write_and_read(*, differences="", **differing):
        study = write_small_study(tmp_path, n_persons=12, **differing)
        if differences:
            study.write_text(study.read_text("utf-8") + f"\n[differences]\n{differences}\n", "utf-8")
        return read_lists(read_plan(study))

    return write_and_read


def test_sound_registers_are_read_with_their_lists(written):
    """Each register knows its list, and the hashes of its file and codebook."""
    lists = written()
    assert [(one.name, one.list_name) for one in lists.registers] == [("alfa", "A"), ("beta", "B"), ("gamma", "C")]
    assert len(lists.sha256) == 6
    assert lists.key.project == "small"


@pytest.mark.parametrize(
    ("what", "value", "told"),
    [
        ("year", "2019", "2019-01-01 to 2019-12-31 (beta)"),
        ("presence", "new", "new (beta)"),
        ("case_definition_id", "indicators", "indicators (beta)"),
        ("counting_rule", "two nights", "'two nights' (beta)"),
    ],
)
def test_what_differs_stops_the_study_unless_it_says_why(written, what, value, told):
    """The error names the registers, their values and where to give the reason; with the reason the study goes on."""
    entry = {"year": "period", "case_definition_id": "case_definition"}.get(what, what)
    with pytest.raises(BadInput) as error:
        written(beta={what: value})
    assert told in str(error.value)
    assert f'{entry} = "..."' in str(error.value)
    assert written(beta={what: value}, differences=f'{entry} = "it was measured"').registers


def test_everything_that_differs_is_told_at_once(written):
    """Four differences give four reasons."""
    with pytest.raises(BadInput, match="the registers cannot be linked: 4 problems"):
        written(beta={"year": "2019", "presence": "new", "case_definition_id": "x", "counting_rule": "y"})


def test_registers_that_agree_with_each_other_but_not_with_the_study_stop_it(written):
    """Three lists of 2019 do not make a study of 2020."""
    other = {"year": "2019"}
    with pytest.raises(
        BadInput, match=r"the period of all registers is '2019-01-01 to 2019-12-31', of the study '2020"
    ):
        written(alfa=other, beta=other, gamma=other)


def test_adults_and_minors_are_never_mixed(written):
    """No reason lets a register of minors into a study of adults."""
    with pytest.raises(BadInput, match="register 'gamma' holds minors, the study counts adults") as error:
        written(
            gamma={"population": "minors"},
            differences='case_definition = "a"\ncounting_rule = "b"\nperiod = "c"\npresence = "d"',
        )
    assert len(error.value.reasons) == 1


def test_faults_of_all_files_are_told_together(written, tmp_path):
    """A broken codebook, a missing column and a key of another project come in one error."""
    written()
    (tmp_path / "SYNTHETIC-alfa.toml").write_text("[register", "utf-8")
    lines = (tmp_path / "SYNTHETIC-beta.csv").read_text("utf-8").replace("etternavn", "slektsnavn", 1)
    (tmp_path / "SYNTHETIC-beta.csv").write_text(lines, "utf-8")
    (tmp_path / "small.key").unlink()
    new_key(tmp_path / "small.key", project="other")
    with pytest.raises(BadInput) as error:
        read_lists(read_plan(tmp_path / "study.toml"))
    told = str(error.value)
    assert "SYNTHETIC-alfa.toml" in told
    assert "etternavn" in told
    assert "the key was made for project 'other', the study is 'small'" in told


def test_encoded_files_of_another_project_are_refused(written, tmp_path):
    """A list that was encoded for another study cannot be linked in this one."""
    written()
    new_key(tmp_path / "other.key", project="other")
    register = read_register(tmp_path / "SYNTHETIC-beta.csv")
    encode(register, key=read_key(tmp_path / "other.key"), project="other").write(tmp_path / "beta.mse")
    study = tmp_path / "study.toml"
    study.write_text(study.read_text("utf-8").replace("SYNTHETIC-beta.csv", "beta.mse"), "utf-8")
    with pytest.raises(BadInput, match=r"beta.mse was encoded for project 'other', the study is 'small'"):
        read_lists(read_plan(study))


def test_rows_set_aside_are_reported_without_their_content(written, tmp_path):
    """A date that cannot be read is named by file, row and column, and what was typed stays out."""
    written()
    path = tmp_path / "SYNTHETIC-beta.csv"
    lines = path.read_text("utf-8").splitlines()
    cells = lines[2].split(",")
    cells[3] = "31.02.Qvisling"
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    lists = read_lists(read_plan(tmp_path / "study.toml"))
    write_set_aside(tmp_path / "set-aside.csv", lists)
    report = (tmp_path / "set-aside.csv").read_text("utf-8")
    assert lists.registers[1].n_set_aside == 1
    assert "beta,SYNTHETIC-beta.csv,2,fodt," in report
    assert "Qvisling" not in report
    assert not any(cell in report for cell in cells[1:3])
