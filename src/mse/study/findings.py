"""What the stages of a study left on disk, put together for the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mse.errors import BadInput
from mse.estimate import Estimate
from mse.links import Links
from mse.provenance import versions
from mse.report import Findings, ListSummary
from mse.robustness.verdict import Verdict
from mse.study import layout
from mse.study.declared import Declared, read_declared
from mse.study.quality import read_quality
from mse.study.stages import Histories, read_draws, read_links, read_registers
from mse.study.storage import read_result, read_verdict

__all__ = ["Results", "read_findings", "read_results"]

NO_LINKAGE_UNCERTAINTY = (
    "The intervals of the estimates come from one draw of the linkage and do not contain its uncertainty; how far "
    "the links alone move the estimate is told apart from them."
)


@dataclass(frozen=True, eq=False)
class Results:
    """The answers of a study's models, those that gave none, and the refits over the draws of the linkage."""

    declared: Declared
    links: Links
    histories: Histories
    verdict: Verdict
    asked: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    refusals: tuple[tuple[str, str], ...]
    sensitivity: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def n_records(self) -> int:
        """Rows of all registers that could be read: the sum of the lists."""
        return sum(register.n_records for register in self.declared.registers)


def read_results(folder: Path) -> Results:
    """What the stages from the capture histories on have found.

    Raises
    ------
    BadInput
        When the folder does not hold the finished stages of a study.
    """
    try:
        declared = read_declared(folder / layout.LISTS)
        histories = read_draws(folder / layout.HISTORIES)
        verdict = read_verdict(folder / layout.FEASIBILITY / "verdict.json")
        answers = [read_result(folder / layout.ESTIMATES / name) for name in declared.models]
        links = read_links(folder / layout.LINKS)[0]
    except FileNotFoundError:
        raise BadInput(f"{folder} does not hold a finished study; run `mse run` on its study file first") from None
    estimates = tuple(answer for _, answer in answers if not isinstance(answer, str))
    return Results(
        declared,
        links,
        histories,
        verdict,
        tuple(name for name, answer in answers if not isinstance(answer, str)),
        estimates,
        tuple((name, answer) for name, answer in answers if isinstance(answer, str)),
        _sensitivity(folder / layout.ESTIMATES / "sensitivity" / "sensitivity.json"),
        (NO_LINKAGE_UNCERTAINTY,) if estimates and len(histories.draws) > 1 else (),
    )


def read_findings(folder: Path) -> tuple[Findings, int]:
    """Everything that the report shows, and below which number it hides counts, from the finished stages of a study."""
    results = read_results(folder)
    declared = results.declared
    fingerprints = {one.header.key_fingerprint for one in read_registers(folder / layout.PSEUDONYMS)}
    quality = folder / layout.QUALITY
    findings = Findings(
        title=declared.title,
        target_population=declared.target_population,
        period=declared.period,
        population=declared.population,
        presence=declared.presence,
        registers=declared.registers,
        lists=_lists(results),
        n_records=results.n_records,
        distinct=results.histories.distinct,
        histories=results.histories.central,
        verdict=results.verdict,
        is_synthetic=declared.synthetic,
        estimates=results.estimates,
        refusals=results.refusals,
        linkage=results.links.diagnostics,
        linkage_notes=(*results.links.notes, *results.notes),
        quality=read_quality(quality) if quality.exists() else {},
        sensitivity=results.sensitivity,
        differences=declared.differences,
        provenance={
            "versions": dict(versions()),
            "seed": declared.seed,
            "study_sha256": declared.study_sha256,
            "key_fingerprint": ", ".join(sorted(fingerprints)),
        },
    )
    return findings, declared.suppress_below


def _lists(results: Results) -> tuple[ListSummary, ...]:
    persons = results.histories.central.list_totals
    found = []
    for name, label in results.declared.lists:
        members = [register for register in results.declared.registers if register.list_name == name]
        n_records = sum(register.n_records for register in members)
        found.append(ListSummary(name, label, tuple(one.name for one in members), n_records, persons[name]))
    return tuple(found)


def _sensitivity(path: Path) -> dict[str, float]:
    """The numbers of the refits; empty when there was no log-linear estimate or one draw only."""
    if not path.exists():
        return {}
    about = json.loads(path.read_text("utf-8"))
    numbers = {name: value for name, value in about.items() if name not in ("model", "not_pooled")}
    return {name: float(value) if isinstance(value, str) else value for name, value in numbers.items()}
