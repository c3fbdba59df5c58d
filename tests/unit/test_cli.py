"""The command line: what it prints, how it ends, and what it never shows."""

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial

import numpy as np
import pandas as pd
import pytest

import mse
import mse.cli
from mse.datasets import load_dataset
from mse.links import Links
from mse.models.two_lists import chapman
from mse.propagation import each_stratum
from mse.pseudonyms import Key

COMMANDS = (
    "demo",
    "encode",
    "key",
    "key new",
    "key split",
    "key join",
    "key destroy",
    "key lost",
    "link",
    "histories",
    "feasibility",
    "estimate",
    "report",
    "run",
    "reproduce",
    "simulate",
    "simulate norway",
    "datasets",
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


@pytest.fixture
def table(tmp_path):
    """A file with the capture histories of a published table."""

    def write(name):
        load_dataset(name).write(tmp_path / f"{name}.csv")
        return tmp_path / f"{name}.csv"

    return write


def one_sentence(err):
    return len(err.strip().splitlines()) == 1 and "Traceback" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(cli, command):
    """`--help` ends well and shows how the command is called."""
    code, out, _ = cli(*command.split(), "--help")
    assert code == 0
    assert re.search(rf"Example: mse {command}\b", out.replace("\n", " "))


def test_without_a_command_the_commands_are_listed(cli):
    """`mse` alone shows what there is."""
    _, out, err = cli()
    assert all(command.split()[0] in out + err for command in COMMANDS)


def test_estimate_prints_the_number_of_the_model(cli, table):
    """Main effects on the UK table, with the log-normal interval, to the last digit as CSV."""
    code, out, _ = cli(
        "estimate", table("UKdat_5"), "--model", "independence", "--interval", "log-normal", "--format", "csv"
    )
    row = pd.read_csv(io.StringIO(out)).iloc[0]
    assert code == 0
    assert (round(row["n_hat"], 4), round(row["low"], 2), round(row["high"], 2)) == (13444.1312, 11985.17, 15133.43)


def test_estimate_takes_every_kind_of_model(cli, table):
    """Chapman, Chao, a model and a selection in one call, as JSON in the order asked."""
    path = table("Korea")
    words = ("--chapman", "--pair", "A,B", "--chao", "--model", "[A,B][B,C]", "--select", "aic", "--format", "json")
    lists = load_dataset("Korea").lists
    words = [word.replace("A", lists[0]).replace("B", lists[1]).replace("C", lists[2]) for word in words]
    code, out, err = cli("estimate", path, *words)
    assert code == 0, err
    rows = json.loads(out)
    assert [row["model"].split()[0] for row in rows][:2] == ["Chapman", "Chao"]
    assert rows[0]["n_hat"] == chapman(load_dataset("Korea"), lists=lists[:2]).n_hat
    assert rows[2]["n_hat"] == pytest.approx(157.1667, abs=5e-5)


def test_estimate_pairs_shows_every_two_lists_and_why_one_has_no_number(cli, tmp_path):
    """A pair without a common person, and one with a censored cell, are rows with their refusal."""
    path = tmp_path / "histories.csv"
    path.write_text("a,b,c,count,cell\n1,0,0,9,counted\n1,1,0,3,counted\n0,1,0,8,counted\n0,0,1,7,censored\n")
    code, out, _ = cli("estimate", path, "--pairs", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [row["model"] for row in rows[:2]] == ["Lincoln-Petersen [a][b]", "Chapman [a][b]"]
    assert rows[0]["n_hat"] == 12 * 11 / 3
    assert "censored cell" in rows[2]["refused"]


def test_estimate_pools_over_the_draws_of_a_folder_of_links(cli, tmp_path):
    """The numbers of propagate; a folder without links is bad input."""
    records = pd.DataFrame({"list": ["a"] * 40 + ["b"] * 30, "record": range(70)})
    draws = [[*range(40), *range(both), *range(40, 70 - both)] for both in (12, 14)]
    links = Links(records, np.array(draws, np.int32), ("a", "b"))
    links.write(tmp_path / "links")
    code, out, _ = cli("estimate", tmp_path / "links", "--chapman", "--model", "independence", "--format", "csv")
    frame = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert frame["kind"].tolist() == ["rubin", "rubin"]
    assert frame["n_hat"].iloc[0] == pytest.approx(mse.propagate(chapman, links, seed=1).n_hat)
    code, _, err = cli("estimate", tmp_path, "--chapman")
    assert code == 2
    assert "holds no links" in err
    code, _, err = cli("estimate", tmp_path / "links", "--covariate", "sex")
    assert code == 2
    assert "does not go with links" in err


def test_estimate_selects_by_bic_when_nothing_is_asked(cli, table):
    """The default is a selection, and its interval says that it ignores it."""
    code, out, _ = cli("estimate", table("Korea"), "--format", "csv")
    assert code == 0
    assert pd.read_csv(io.StringIO(out)).loc[0, "note"] == "ignores model selection"


def test_estimate_offers_the_bayesian_threshold(cli, table):
    """One row, of the interactions kept."""
    code, out, _ = cli("estimate", table("Kosovo"), "--threshold", "--format", "json")
    assert code == 0
    assert [row["model"] for row in json.loads(out)] == [
        "Bayesian threshold [EXH,ABA][EXH,OSCE][EXH,HRW][ABA,OSCE][OSCE,HRW]"
    ]


def test_estimate_offers_unlike_persons_with_those_who_can_be_found(cli, table):
    """One row, with the observable population beside it."""
    code, out, _ = cli("estimate", table("Korea"), "--heterogeneity", "--format", "json")
    assert code == 0
    (row,) = json.loads(out)
    assert row["model"] == "heterogeneity (logistic-normal)"
    assert "persons with a chance above 0.05 of being on one list or more are" in row["note"]


def test_a_model_without_an_estimate_ends_with_three(cli, table):
    """No number, the reason on standard error, exit code 3."""
    lists = load_dataset("Korea").lists
    model = f"[{lists[0]},{lists[1]}][{lists[0]},{lists[2]}]"
    code, out, err = cli("estimate", table("Korea"), "--model", model)
    assert (code, out) == (3, "")
    assert "does not exist on these counts" in err
    assert one_sentence(err)


def test_a_refusal_beside_a_number_is_shown_and_ends_well(cli, table):
    """When one of two models gives a number, both are printed and the call succeeds."""
    lists = load_dataset("Korea").lists
    model = f"[{lists[0]},{lists[1]}][{lists[0]},{lists[2]}]"
    code, out, _ = cli("estimate", table("Korea"), "--model", model, "--chao")
    assert code == 0
    assert "does not exist on these counts" in out
    assert "Chao" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["estimate", "nowhere.csv"], "nowhere.csv"),
        (["estimate", "{table}", "--model", "[x][y]"], "no list named 'x'"),
        (["estimate", "{table}", "--level", "95"], "level=95.0 is not between 0 and 1"),
        (["estimate", "{table}", "--select", "dic"], "'dic'"),
        (["estimate", "{table}", "--chapman"], "not a pair of lists"),
        (["feasibility", "nowhere.csv"], "nowhere.csv"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["encode", "nowhere.csv", "--key", "nowhere.key"], "nowhere"),
        (["link", "nowhere.mse", "also.mse", "--out", "{folder}/links", "--seed", "1"], "nowhere.mse"),
        (["link", "a.mse", "b.mse", "--out", "{folder}", "--seed", "1"], "is not an empty folder"),
        (["histories", "{folder}"], "holds no links"),
        (["histories", "nowhere.csv"], "there is no file nowhere.csv"),
        (["histories", "{table}"], "no column named 'person'"),
        (["report", "{folder}"], "does not hold a finished study"),
        (["key", "new", "{folder}/a.key", "--project", "Søster!"], "project name"),
        (["simulate", "norway", "--out", "{folder}/n", "--seed", "-1"], "seed=-1"),
        (["reproduce", "--only", "nothing"], "no publication or dataset named 'nothing'"),
        (["demo", "--out", "{folder}"], "holds other files"),
    ],
)
def test_bad_input_ends_with_two_and_one_sentence(cli, table, tmp_path, words, told):
    """What, the value and the way out on standard error; no trace, nothing printed, nothing written."""
    path = table("Korea")
    code, out, err = cli(*(word.format(table=path, folder=tmp_path) for word in words))
    assert code == 2, err
    assert told in err
    assert one_sentence(err)
    assert out == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_word_that_is_no_option_ends_with_two(cli):
    """The parser's own complaints have the same exit code."""
    code, _, err = cli("datasets", "--colour")
    assert code == 2
    assert "--colour" in err


def test_feasibility_ends_well_whatever_the_verdict(cli, table):
    """A refusal to estimate is a result: exit code 0, outcome and reasons printed."""
    code, out, _ = cli("feasibility", table("Artificial_3"), "--format", "json")
    assert code == 0
    assert {row["outcome"] for row in json.loads(out)} == {"distinct_persons_only"}
    code, out, _ = cli("feasibility", table("Artificial_3"))
    assert code == 0
    assert out.startswith("Verdict: distinct persons only\n  - ")


def test_datasets_lists_what_comes_with_the_package(cli):
    """Every published table, with its citation in the long forms."""
    code, out, _ = cli("datasets", "--format", "csv")
    frame = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert {"UKdat_5", "Korea", "Artificial_3"} <= set(frame["name"])
    assert "citation" in frame.columns


def test_reproduce_prints_ours_published_and_difference(cli):
    """One dataset's published numbers, recomputed."""
    code, out, _ = cli("reproduce", "--only", "Korea", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert rows
    assert all(row["difference"] == pytest.approx(row["ours"] - row["published"]) for row in rows)


def test_from_lists_to_histories_by_hand(cli, tmp_path, write_small_study):
    """key new, encode, link and histories give what the study gives, and names are in none of the files."""
    study = write_small_study(tmp_path / "study")
    (tmp_path / "study" / "small.key").unlink()
    key = tmp_path / "project.key"
    assert cli("key", "new", key, "--project", "small")[0] == 0
    for name in ("alfa", "beta", "gamma"):
        code, out, err = cli(
            "encode", study.parent / f"SYNTHETIC-{name}.csv", "--key", key, "--out", tmp_path / f"{name}.mse"
        )
        assert code == 0, err
        assert "no name in it" in out
    assert "KONFIDENSIELT" in (tmp_path / "CONFIDENTIAL.txt").read_text("utf-8")
    files = [tmp_path / f"{name}.mse" for name in ("alfa", "beta", "gamma")]
    code, out, err = cli("link", *files, "--out", tmp_path / "links", "--seed", 7, "--n-draws", 3)
    assert code == 0, err
    assert "distinct persons" in out
    code, out, _ = cli("histories", tmp_path / "links", "--out", tmp_path / "histories.csv", "--format", "csv")
    assert code == 0
    overlaps = pd.read_csv(io.StringIO(out), index_col="list")
    assert list(overlaps.columns) == ["alfa", "beta", "gamma"]
    assert cli("estimate", tmp_path / "histories.csv", "--chao")[0] == 0
    assert cli("histories", tmp_path / "links", "--draw", "3")[0] == 2


def test_only_tables_leave_the_linkage_unit(cli, tmp_path, write_small_study):
    """No row about a record; the estimates are those of the links, by stratum too; both folders say confidential."""
    registers = [mse.read_register(path) for path in _lists(write_small_study(tmp_path / "study").parent)]
    key = Key("small", bytes(range(32)))
    files = []
    for register in registers:
        files.append(tmp_path / f"{register.name}.mse")
        mse.encode(register, key=key, project="small").write(files[-1])
    linked = ("--seed", 7, "--n-draws", 3)
    assert cli("link", *files, "--out", tmp_path / "links", *linked)[0] == 0
    code, out, err = cli("link", *files, "--out", tmp_path / "tables", *linked, "--tables-only", "--stratum", "sex")
    assert code == 0, err
    assert "distinct persons" in out
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "CONFIDENTIAL.txt",
        "about.json",
        "draws.npy",
        "histories.csv",
        "overlap.csv",
    }
    links = Links.read(tmp_path / "links")
    ids = set(links.records["record"])
    kept = b"".join(path.read_bytes() for path in (tmp_path / "tables").iterdir()).decode("utf-8", errors="replace")
    assert not [one for one in ids if one in kept]
    for folder in ("links", "tables"):
        text = (tmp_path / folder / "CONFIDENTIAL.txt").read_text("utf-8")
        assert text.startswith("KONFIDENSIELT")
        assert "\nCONFIDENTIAL\n" in text
    for about in ("links/links.json", "tables/about.json"):
        assert "CONFIDENTIAL" in json.loads((tmp_path / about).read_text("utf-8"))["confidential"]
    answers = {}
    for folder in ("links", "tables"):
        words = ("estimate", tmp_path / folder, "--model", "independence", "--format", "csv")
        for more in ((), ("--stratum", "sex")):
            code, out, err = cli(*words, *more)
            assert code == 0, err
            answers[folder, more] = out
    assert answers["links", ()] == answers["tables", ()]
    by_sex = ("--stratum", "sex")
    assert answers["links", by_sex] == answers["tables", by_sex]
    frame = pd.read_csv(io.StringIO(answers["tables", by_sex])).set_index("stratum")
    assert frame.index.tolist() == ["man", "woman", "all"]
    pooled = mse.propagate(
        each_stratum(partial(mse.fit_loglinear, model="independence")), links, strata=["sex"], seed=1
    )
    assert frame.loc["all", "n_hat"] == pytest.approx(pooled.n_hat)
    assert frame.loc["woman", "n_hat"] == pytest.approx(pooled.per_stratum["woman"].n_hat)


def test_tables_are_made_of_links_and_told_apart(cli, tmp_path):
    """`mse histories` turns links into tables; what does not go together is bad input."""
    records = pd.DataFrame({"list": ["a"] * 40 + ["b"] * 30, "record": range(70), "sex": ["man", "woman"] * 35})
    draws = [[*range(40), *range(both), *range(40, 70 - both)] for both in (12, 14)]
    Links(records, np.array(draws, np.int32), ("a", "b")).write(tmp_path / "links")
    code, out, err = cli("histories", tmp_path / "links", "--tables", tmp_path / "tables", "--stratum", "sex")
    assert code == 0, err
    assert "confidential: a small count" in out
    for words, told in (
        (("estimate", tmp_path / "tables", "--stratum", "region"), "holds tables by sex, not by region"),
        (("estimate", tmp_path / "links", "--stratum", "region"), "no attribute of the records named 'region'"),
        (("histories", tmp_path / "tables", "--tables", tmp_path / "more"), "holds tables already"),
        (("histories", tmp_path / "links", "--tables", tmp_path / "tables"), "is not an empty folder"),
        (("histories", tmp_path / "tables", "--draw", 2), "draw=2 does not exist"),
        (("link", "x.mse", "--out", tmp_path / "x", "--seed", 1, "--stratum", "sex"), "goes with --tables-only"),
    ):
        code, _, err = cli(*words)
        assert code == 2
        assert told in err
        assert one_sentence(err)
    code, out, _ = cli("histories", tmp_path / "tables", "--format", "csv")
    assert code == 0
    assert pd.read_csv(io.StringIO(out), index_col="list").loc["a", "b"] == 14


def test_strata_of_a_table_are_estimated_by_themselves(cli, tmp_path):
    """A column of a CSV makes strata as an attribute of links does; summed and parted at once is refused."""
    frame = pd.DataFrame({"a": [1, 0, 1] * 2, "b": [0, 1, 1] * 2, "sex": list("mmmwww"), "count": [9, 8, 5, 20, 30, 9]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    code, out, _ = cli("estimate", tmp_path / "t.csv", "--chapman", "--stratum", "sex", "--format", "csv")
    found = pd.read_csv(io.StringIO(out)).set_index("stratum")["n_hat"]
    assert code == 0
    assert found["m"] == pytest.approx(15 * 14 / 6 - 1)
    assert found["all"] == pytest.approx(found["m"] + found["w"])
    code, _, err = cli("estimate", tmp_path / "t.csv", "--stratum", "sex", "--covariate", "sex")
    assert code == 2
    assert "give one of the two" in err


def _lists(folder):
    return [folder / f"SYNTHETIC-{name}.csv" for name in ("alfa", "beta", "gamma")]


def test_histories_from_records(cli, tmp_path):
    """A CSV with one row per record, under its own column names."""
    (tmp_path / "records.csv").write_text("who,where\n1,a\n1,b\n2,a\n3,b\n")
    code, out, _ = cli("histories", tmp_path / "records.csv", "--person", "who", "--list", "where", "--format", "json")
    assert code == 0
    assert json.loads(out) == [{"list": "a", "a": 2, "b": 1}, {"list": "b", "a": 1, "b": 2}]


def test_a_list_that_cannot_be_read_shows_no_value(cli, tmp_path, write_small_study):
    """The fault of a row is told by file, row and column; what was typed is not, and no file is written."""
    study = write_small_study(tmp_path, n_persons=12)
    path = tmp_path / "SYNTHETIC-alfa.csv"
    path.write_text(path.read_text("utf-8") + "SYNTHETIC,Kanarifugl,Gulfjer,99.99.1985,K\n", "utf-8")
    code, out, err = cli("encode", path, "--key", study.parent / "small.key")
    assert code == 2
    assert "SYNTHETIC-alfa.csv, row" in err
    assert "fodt" in err
    assert not any(typed in out + err for typed in ("Kanarifugl", "Gulfjer", "1985"))
    assert not path.with_suffix(".mse").exists()


def test_an_unforeseen_fault_shows_no_value_of_a_list(cli, tmp_path, write_small_study, monkeypatch):
    """The trace names files and lines; the messages of all faults stay out, since they may quote a cell."""
    study = write_small_study(tmp_path, n_persons=12)

    def fails(register, *, key, project, encoding, delivery):
        try:
            float(register.records["family_name"].iloc[0])
        except ValueError as fault:
            raise RuntimeError(f"cannot use {register.records['given_name'].iloc[0]}") from fault

    monkeypatch.setattr("mse.pseudonyms.encode", fails)
    typed = (tmp_path / "SYNTHETIC-alfa.csv").read_text("utf-8").splitlines()[1].split(",")
    code, out, err = cli("encode", tmp_path / "SYNTHETIC-alfa.csv", "--key", study.parent / "small.key")
    assert code == 1
    assert "builtins.RuntimeError" in err
    assert "builtins.ValueError" in err
    assert "agency.py" in err
    assert not any(cell in out + err for cell in typed[1:4])


def test_a_stop_by_the_user_is_one_line(cli, monkeypatch):
    """Ctrl-C gives one line and exit code 130."""

    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr("mse.datasets.describe_datasets", stopped)
    code, _, err = cli("datasets")
    assert code == 130
    assert one_sentence(err)
    assert err.startswith("stopped")


def test_a_finished_study_is_told_and_reported_again(cli, tmp_path, finished_study):
    """`run` on finished results prints persons, verdict, estimates and report; `report` writes the page anew."""
    study, result = finished_study
    code, out, _ = cli("run", study, "--out", result.folder)
    assert code == 0
    assert f"Distinct persons: {result.distinct.median:,.0f} " in out
    assert "Verdict: " in out
    assert "Report: " in out
    code, out, _ = cli("run", study, "--out", result.folder, "--format", "csv")
    assert pd.read_csv(io.StringIO(out))["n_hat"].tolist() == [one.n_hat for one in result.estimates]
    code, out, _ = cli("report", result.folder, "--out", tmp_path / "again.html")
    assert code == 0
    assert (tmp_path / "again.html").read_bytes() == result.report.read_bytes()


def test_encode_imports_neither_sampler_nor_linker(tmp_path, write_small_study):
    """An agency's machine loads no PyMC, no Splink and no plotting to encode a list."""
    study = write_small_study(tmp_path, n_persons=12)
    words = ["mse", "encode", str(tmp_path / "SYNTHETIC-alfa.csv"), "--key", str(study.parent / "small.key")]
    words += ["--accept-risk", "small_groups"]
    script = (
        f"import sys; sys.argv = {words!r}\n"
        "import mse.cli\n"
        "try: mse.cli.main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('pymc', 'splink', 'duckdb', 'matplotlib', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_mse_is_the_command():
    """`python -m mse` runs the same command line."""
    done = subprocess.run([sys.executable, "-m", "mse", "--help"], capture_output=True, text=True, check=True)
    assert "Example: mse demo" in done.stdout
