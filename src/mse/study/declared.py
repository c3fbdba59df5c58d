"""What a finished study declares about itself, kept in its output folder so that a report needs no list and no key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mse.provenance import sha256_of_file
from mse.report import RegisterSummary
from mse.study.lists import ListedRegister, Lists
from mse.study.plan import Plan
from mse.study.stage import as_json
from mse.writing import write_text

__all__ = ["Declared", "read_declared", "write_declared"]

STUDY, REGISTERS = "study.json", "registers.json"


@dataclass(frozen=True, eq=False)
class Declared:
    """The parts of a study file that a report shows, and the registers as their codebooks describe them.

    Attributes
    ----------
    lists : tuple of (name, label)
    models : tuple of str
        Folders of the models, in the order of the report.
    """

    title: Mapping[str, str]
    target_population: Mapping[str, str]
    period: tuple[date, date]
    population: str
    presence: str
    seed: int
    synthetic: bool
    differences: Mapping[str, str]
    suppress_below: int
    study_sha256: str
    lists: tuple[tuple[str, Mapping[str, str]], ...]
    models: tuple[str, ...]
    registers: tuple[RegisterSummary, ...]


def write_declared(folder: Path, plan: Plan, lists: Lists, models: tuple[str, ...]) -> None:
    """Write what the report needs of the study file and of the registers."""
    write_text(folder / STUDY, as_json(_study(plan, models)))
    write_text(folder / REGISTERS, as_json([_register(one) for one in lists.registers]))


def read_declared(folder: Path) -> Declared:
    """What `write_declared` wrote."""
    study: dict[str, Any] = json.loads((folder / STUDY).read_text("utf-8"))
    registers = json.loads((folder / REGISTERS).read_text("utf-8"))
    study["period"] = _period(study["period"])
    study["lists"] = tuple((one["name"], one["label"]) for one in study["lists"])
    study["models"] = tuple(study["models"])
    summaries = []
    for one in registers:
        del one["file"], one["notes"]
        summaries.append(RegisterSummary(**{**one, "period": _period(one["period"])}))
    return Declared(**study, registers=tuple(summaries))


def _study(plan: Plan, models: tuple[str, ...]) -> dict[str, object]:
    return {
        "title": plan.title,
        "target_population": plan.target_population,
        "period": _days(plan.period),
        "population": plan.population,
        "presence": plan.presence,
        "seed": plan.seed,
        "synthetic": plan.synthetic,
        "differences": plan.differences,
        "suppress_below": plan.suppress_below,
        "study_sha256": sha256_of_file(plan.path),
        "lists": [{"name": one.name, "label": one.label} for one in plan.lists],
        "models": list(models),
    }


def _register(one: ListedRegister) -> dict[str, object]:
    about = one.declared
    return {
        "name": one.name,
        "agency": about.agency,
        "list_name": one.list_name,
        "file": one.path.name,
        "n_records": one.n_records,
        "n_set_aside": one.n_set_aside,
        "period": _days(about.period),
        "case_definition": about.case_definition,
        "counting_rule": about.counting_rule,
        "population_covered": about.population_covered,
        "sha256": one.sha256["file"],
        "notes": list(one.notes),
    }


def _days(period: tuple[date, date]) -> list[str]:
    return [day.isoformat() for day in period]


def _period(days: list[str]) -> tuple[date, date]:
    return date.fromisoformat(days[0]), date.fromisoformat(days[1])
