"""A study from its lists to its report: what it leaves on disk, and what makes it work again."""

import base64
import json
import shutil

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.pseudonyms import encode, read_key
from mse.registers import read_register
from mse.study import read_findings, run_study
from mse.study.estimates import run_sensitivity


@pytest.fixture
def copied(tmp_path, finished_study):
    """A copy of the finished study that a test may change: its study file and its output folder."""
    folder = tmp_path / "copy"
    shutil.copytree(finished_study[0].parent, folder)
    return folder / "study.toml", folder / "results"


def what_was_done(out, before):
    """Names of the stages that the last run made anew, from the end of its log."""
    lines = (out / "run.log").read_text("utf-8").splitlines()[before:]
    return [line.split()[1] for line in lines if line.endswith(" done")]


def n_logged(out):
    return len((out / "run.log").read_text("utf-8").splitlines())


def test_every_stage_stands_in_its_folder(finished_study):
    """Lists, pseudonyms, links, histories, verdict, one folder per model, report."""
    folder = finished_study[1].folder
    stages = sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob("stage.json"))
    assert stages == [
        "01-lists",
        "02-pseudonyms",
        "03-links",
        "03-quality",
        "04-histories",
        "05-feasibility",
        "06-estimates/chao",
        "06-estimates/fit-1",
        "06-estimates/select-bic",
        "06-estimates/sensitivity",
        "07-report",
        "agency-only",
    ]
    assert finished_study[1].report.read_text("utf-8").lower().startswith("<!doctype html>")


def test_the_result_is_what_stands_on_disk(finished_study):
    """Persons, estimates and verdict agree with the files of the stages and with the findings of the report."""
    study, result = finished_study
    findings, suppress_below = read_findings(result.folder)
    records = sum(len(pd.read_csv(path)) for path in study.parent.glob("SYNTHETIC-[abg]*.csv"))
    assert result.n_records == findings.n_records == records
    assert result.distinct == findings.distinct
    assert [one.model for one in result.estimates] == [one.model for one in findings.estimates]
    assert result.verdict.outcome == findings.verdict.outcome
    assert suppress_below == 3
    assert findings.quality["precision"] > 0.9
    # Eight draws carry no interval, and the key is another one in every run.
    assert result.distinct.median == pytest.approx(findings.quality["n_persons_true"], rel=0.1)
    assert result.distinct.low <= findings.histories.n_observed <= result.distinct.high
    assert result.sensitivity["n_draws"] == 8
    assert result.sensitivity["pooled_low"] < result.sensitivity["pooled"] < result.sensitivity["pooled_high"]
    assert 0 <= result.sensitivity["linkage_share"] < 1
    assert "contains the uncertainty of the linkage" in result.report.read_text("utf-8")
    assert any("do not contain its uncertainty" in note for note in result.notes)


def test_no_identifier_leaves_the_pseudonyms_stage(finished_study):
    """No name and no date of birth of any list stands in any file of the output, also inside the Parquet files."""
    study, result = finished_study
    typed = set()
    for path in study.parent.glob("SYNTHETIC-[abg]*.csv"):
        frame = pd.read_csv(path, dtype=str)
        typed |= set(frame["etternavn"].str.lower()) | set(frame["fodt"])
        typed |= set(pd.to_datetime(frame["fodt"], format="%d.%m.%Y").dt.strftime("%Y-%m-%d"))
    assert len(typed) > 150
    # Reversed, as hexadecimal digits and in base64; what is shorter than eight characters can occur by chance.
    long = {one for one in typed | {one.title() for one in typed} if len(one) >= 8}
    transformed = {one[::-1] for one in long} | {one.encode().hex() for one in long}
    transformed |= {base64.b64encode(one.encode()).decode().rstrip("=")[:-1] for one in long}
    for path in result.folder.rglob("*"):
        if path.is_file():
            text = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_bytes().decode("latin-1")
            found = {one for one in typed if one in text.lower()}
            assert not found, path
            assert not {one for one in transformed if one in text}, path


def test_a_risk_of_disclosure_that_the_study_does_not_accept_stops_it(tmp_path, write_small_study):
    """Each list and risk is named with the entry to write; no pseudonym is left on disk, and an unknown id is told."""
    study = write_small_study(tmp_path, n_persons=12)
    text = study.read_text("utf-8")
    study.write_text(text.replace('accept_risks = ["small_groups"]', "accept_risks = []"), "utf-8")
    with pytest.raises(BadInput, match=r"\[pseudonyms\] accept_risks") as caught:
        run_study(study, out=tmp_path / "results")
    assert any(reason.startswith("alfa, small_groups: ") for reason in caught.value.reasons)
    assert not list((tmp_path / "results").rglob("*.mse"))
    study.write_text(text.replace('["small_groups"]', '["small_group"]'), "utf-8")
    with pytest.raises(BadInput, match=r"pseudonyms.accept_risks = 'small_group' is not one of small_groups"):
        run_study(study, out=tmp_path / "results")


def test_no_clock_time_stands_outside_the_log(finished_study):
    """Today's date is in no artefact but the log."""
    folder = finished_study[1].folder
    today = (folder / "run.log").read_text("utf-8")[:10]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "run.log":
            assert today.encode() not in path.read_bytes(), path


def test_a_finished_study_is_not_run_again(copied):
    """All stages are kept, and no file but the log is written."""
    study, out = copied
    before, written = (
        n_logged(out),
        {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.name not in ("run.log", ".lock")},
    )
    run_study(study, out=out)
    assert what_was_done(out, before) == []
    assert {p: p.stat().st_mtime_ns for p in written} == written


def test_a_damaged_stage_is_made_again_and_nothing_else(copied):
    """An estimate that was overwritten is computed anew; as it comes out the same, the report is kept."""
    study, out = copied
    estimate = out / "06-estimates" / "fit-1" / "estimate.json"
    whole = estimate.read_bytes()
    estimate.write_text("{}", "utf-8")
    before = n_logged(out)
    run_study(study, out=out)
    assert what_was_done(out, before) == ["06-estimates/fit-1"]
    assert estimate.read_bytes() == whole


def test_other_models_leave_the_links_alone_and_old_ones_go(copied):
    """After a change of the models only lists, new models and report are made; the folder of a dropped model goes."""
    study, out = copied
    text = study.read_text("utf-8")
    text = text.replace('fit = ["independence"]', 'fit = ["[A,B][C]", "[A,B][A,C][B,C]"]')
    study.write_text(text.replace('select = { by = ["bic"], max_order = 2, n_boot = 40 }', ""), "utf-8")
    before = n_logged(out)
    result = run_study(study, out=out)
    done = what_was_done(out, before)
    assert [name for name in done if not name.startswith("06")] == ["01-lists", "07-report"]
    assert sorted(path.name for path in (out / "06-estimates").iterdir()) == ["chao", "fit-1", "fit-2", "sensitivity"]
    assert [one.model for one in result.estimates][1:] == ["[A,B][C]", "[A,B][A,C][B,C]"]


def test_without_truth_there_is_no_quality(copied):
    """A study that drops its truth file loses the comparison with it, in the results and on disk."""
    study, out = copied
    study.write_text(study.read_text("utf-8").replace('truth = "SYNTHETIC-truth.csv"', ""), "utf-8")
    run_study(study, out=out)
    assert not (out / "03-quality").exists()
    assert read_findings(out)[0].quality == {}


def test_encoded_lists_give_the_same_links(copied, tmp_path):
    """Lists that came encoded with the project's key need no key in the study and are linked alike."""
    study, out = copied
    key = read_key(study.parent / "small.key")
    text = study.read_text("utf-8").replace('key = "small.key"', "").replace('truth = "SYNTHETIC-truth.csv"', "")
    for name in ("alfa", "beta", "gamma"):
        encode(read_register(study.parent / f"SYNTHETIC-{name}.csv"), key=key, project="small").write(
            study.parent / f"{name}.mse"
        )
        text = text.replace(f"SYNTHETIC-{name}.csv", f"{name}.mse")
    study.write_text(text, "utf-8")
    run_study(study, out=tmp_path / "encoded")
    for name in ("by-list/persons.npy", "by-register/records.parquet"):
        assert (tmp_path / "encoded" / "03-links" / name).read_bytes() == (out / "03-links" / name).read_bytes()
    assert not list((tmp_path / "encoded" / "agency-only").glob("*.csv"))


def test_bad_input_writes_nothing(tmp_path, write_small_study):
    """A register of minors stops the study before the output folder exists."""
    study = write_small_study(tmp_path / "study", n_persons=12, beta={"population": "minors"})
    with pytest.raises(BadInput, match="holds minors"):
        run_study(study)
    assert not (tmp_path / "study" / "study-results").exists()


def test_agency_maps_are_for_the_owner_only(finished_study):
    """Which row has which pseudonym stands apart from what is handed on, readable by nobody else."""
    maps = sorted((finished_study[1].folder / "agency-only").glob("*.csv"))
    assert [path.name for path in maps] == ["alfa.csv", "beta.csv", "gamma.csv"]
    assert {path.stat().st_mode & 0o077 for path in maps} == {0}


def test_the_record_of_a_stage_names_input_versions_and_output(finished_study):
    """Hashes of what came in and went out, and the versions, so that a reviewer can follow every file."""
    record = json.loads((finished_study[1].folder / "04-histories" / "stage.json").read_text("utf-8"))
    assert set(record["made_from"]["inputs"]) == {
        f"03-links/{of}/{name}"
        for of in ("by-list", "by-register")
        for name in ("CONFIDENTIAL.txt", "links.json", "persons.npy", "records.parquet")
    }
    assert set(record["outputs"]) == {
        "CONFIDENTIAL.txt",
        "about.json",
        "distinct.json",
        "draws.npy",
        "histories.csv",
        "overlap.csv",
    }
    assert {"mse", "python", "pandas"} <= set(record["made_from"]["versions"])


def test_draws_without_an_estimate_are_not_pooled(tmp_path):
    """With half the draws refused the study tells how many and why, and no pooled number."""
    both = (12, 14, 0, 0)
    draws = tuple(CaptureHistories.from_counts(("a", "b"), {(1, 1): m, (1, 0): 40 - m, (0, 1): 30 - m}) for m in both)
    run_sensitivity(tmp_path, "[a][b]", draws, 1)
    about = json.loads((tmp_path / "sensitivity" / "sensitivity.json").read_text("utf-8"))
    assert (about["n_draws"], about["n_refused"]) == (4, 2)
    assert "pooled" not in about
    assert about["not_pooled"][0].startswith("2 of 4 linkage draws")
    (tmp_path / "enough").mkdir()
    run_sensitivity(tmp_path / "enough", "[a][b]", draws[:2], 1)
    about = json.loads((tmp_path / "enough" / "sensitivity" / "sensitivity.json").read_text("utf-8"))
    assert about["pooled_low"] < about["low"] < about["pooled"] < about["high"] < about["pooled_high"]
