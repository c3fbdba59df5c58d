"""The study file: what a study counts, from which lists, and how; read from TOML and checked as a whole."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from mse.errors import BadInput
from mse.pseudonyms.disclosure import risk_ids
from mse.pseudonyms.header import ENCODINGS
from mse.study.section import Section

__all__ = ["Bayes", "Plan", "PlannedList", "Select", "read_plan"]

N_BOOT = 1000  # resamples of a selection, where the study file does not say

POPULATIONS = ("adults", "minors")
PRESENCES = ("in contact", "new")
CRITERIA = ("bic", "aic", "aicc")
DIFFERENCES = ("case_definition", "counting_rule", "period", "presence")
STUDY = (
    "name",
    "title",
    "target_population",
    "period",
    "population",
    "presence",
    "project",
    "seed",
    "synthetic",
    "truth",
    "key",
)
SECTIONS = ("study", "differences", "list", "pseudonyms", "linkage", "models", "report")
KEY_WAY_OUT = "ask for the project's key, or make one with mse key new {key} --project {project}"


@dataclass(frozen=True, slots=True)
class PlannedList:
    """One list of the analysis and the register files that are merged into it."""

    name: str
    label: Mapping[str, str]
    registers: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Select:
    """Selection among hierarchical models, once for each criterion, repeated in `n_boot` resamples.

    Resamples choose among the `n_top` best models, or among all where it is None.
    """

    by: tuple[str, ...]
    max_order: int | None
    n_boot: int
    n_top: int | None


@dataclass(frozen=True, slots=True)
class Bayes:
    """Options of the Bayesian log-linear model."""

    prior: str
    max_order: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A study as its file declares it; every path is absolute.

    Attributes
    ----------
    period : tuple of two dates
        First and last day.
    population : str
        ``adults`` or ``minors``.
    presence : str
        ``in contact`` or ``new``: who in the period belongs to the target population.
    differences : mapping of str to str
        Why the registers may differ, by what differs.
    truth : Path or None
        Synthetic studies only: who is whom, opened after the linkage and only to evaluate it.
    encoding : str
        How plain registers are encoded, as in `mse.encode`.
    accept_risks : tuple of str
        Ids of the risks of disclosure that are accepted for plain registers.
    """

    path: Path
    name: str
    title: Mapping[str, str]
    target_population: Mapping[str, str]
    period: tuple[date, date]
    population: str
    presence: str
    project: str
    seed: int
    synthetic: bool
    truth: Path | None
    key: Path | None
    differences: Mapping[str, str]
    lists: tuple[PlannedList, ...]
    encoding: Literal["match_keys", "bloom"]
    accept_risks: tuple[str, ...]
    n_draws: int
    fit: tuple[str, ...]
    select: Select | None
    bayes: Bayes | None
    suppress_below: int

    @property
    def registers(self) -> tuple[Path, ...]:
        """The register files of all lists, in their order."""
        return tuple(register for planned in self.lists for register in planned.registers)


def read_plan(path: Path) -> Plan:
    """Read a study file; all its problems are reported in one `BadInput`, and nothing else is opened."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path}: the study file cannot be read ({error.strerror}); give the path of a TOML file"
        ) from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: the study file is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not a TOML file: {error}") from None
    problems: list[str] = []
    plan = _plan(path.absolute(), content, problems)
    if problems:
        raise BadInput.several(str(path), problems)
    return plan


def _plan(path: Path, content: dict[str, object], problems: list[str]) -> Plan:
    folder = path.parent
    top = Section("", content, SECTIONS, problems)
    study = top.section("study", STUDY)
    pseudonyms = top.section("pseudonyms", ("encoding", "accept_risks"), optional=True)
    linkage = top.section("linkage", ("n_draws",), optional=True)
    models = top.section("models", ("fit", "select", "bayes"), optional=True)
    report = top.section("report", ("suppress_below",), optional=True)
    differences = top.section("differences", DIFFERENCES, optional=True)
    project = study.text("project")
    plan = Plan(
        path=path,
        name=study.text("name"),
        title=study.bilingual("title"),
        target_population=study.bilingual("target_population"),
        period=study.period("period"),
        population=study.choice("population", POPULATIONS),
        presence=study.choice("presence", PRESENCES),
        project=project,
        seed=study.whole_number("seed", at_least=0),
        synthetic=study.flag("synthetic", default=False),
        truth=study.file("truth", folder, way_out="leave truth out when there is none"),
        key=study.file("key", folder, way_out=KEY_WAY_OUT.format(key=study.table.get("key"), project=project)),
        differences={name: differences.text(name) for name in DIFFERENCES if name in differences.table},
        lists=_lists(top, folder, problems),
        encoding=_encoding(pseudonyms),
        accept_risks=_accepted(pseudonyms),
        n_draws=linkage.whole_number("n_draws", at_least=1, default=100),
        fit=models.texts("fit", default=()),
        select=_select(models),
        bayes=_bayes(models),
        suppress_below=report.whole_number("suppress_below", at_least=1, default=3),
    )
    if plan.truth is not None and not plan.synthetic:
        problems.append("study.truth is given but study.synthetic is not true; only a synthetic study has a truth file")
    needs_key = [register.name for register in plan.registers if register.suffix != ".mse"]
    if needs_key and plan.key is None:
        problems.append(
            f"study.key is missing; {', '.join(needs_key)} hold plain records and are encoded with the project's key "
            "(make one with mse key new), or give encoded .mse files"
        )
    return plan


def _lists(top: Section, folder: Path, problems: list[str]) -> tuple[PlannedList, ...]:
    planned = []
    for number, section in enumerate(top.sections("list", ("name", "label", "registers")), start=1):
        registers = section.texts("registers")
        if not registers and "registers" in section.table:
            problems.append(f"list {number} has no register; name at least one file")
        problems += [
            f"list {number}: there is no file {register!r} beside the study file"
            for register in registers
            if not (folder / register).is_file()
        ]
        planned.append(
            PlannedList(
                section.text("name"), section.bilingual("label"), tuple(folder / register for register in registers)
            )
        )
    if len(planned) < 2:
        problems.append(f"the study has {len(planned)} lists; at least two [[list]] sections are needed")
    names = [one.name for one in planned]
    problems += [f"two lists are named {name!r}; give each its own name" for name in _repeated(names)]
    files = [register.name for one in planned for register in one.registers]
    problems += [f"{name!r} stands in the lists twice; each register belongs to one list" for name in _repeated(files)]
    return tuple(planned)


def _encoding(section: Section) -> Literal["match_keys", "bloom"]:
    encoding = section.text("encoding", default=ENCODINGS[0])
    section.check_choice("encoding", encoding, ENCODINGS)
    return "bloom" if encoding == "bloom" else "match_keys"


def _accepted(section: Section) -> tuple[str, ...]:
    accepted = section.texts("accept_risks", default=())
    for risk_id in accepted:
        section.check_choice("accept_risks", risk_id, risk_ids())
    return accepted


def _select(models: Section) -> Select | None:
    if "select" not in models.table:
        return None
    section = models.section("select", ("by", "max_order", "n_boot", "n_top"))
    by = section.texts("by", default=("bic",))
    for criterion in by:
        section.check_choice("by", criterion, CRITERIA)
    max_order, n_top = (
        section.whole_number(name, at_least=1) if name in section.table else None for name in ("max_order", "n_top")
    )
    return Select(by, max_order, section.whole_number("n_boot", at_least=0, default=N_BOOT), n_top)


def _bayes(models: Section) -> Bayes | None:
    if "bayes" not in models.table:
        return None
    section = models.section("bayes", ("prior", "max_order"))
    return Bayes(section.text("prior", default="horseshoe"), section.whole_number("max_order", at_least=1, default=2))


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})
