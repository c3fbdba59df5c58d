"""The checklist: the 18 items of GATHER, each answered from the findings or marked as not answered.

Stevens, Alkema, Black and others (2016), doi:10.1016/S0140-6736(16)30388-9.
"""

from collections.abc import Mapping
from typing import Literal, cast

from mse.report.content import Content

__all__ = ["checklist"]

type Status = Literal["answered", "partly", "not_answered"]

ALWAYS: Mapping[str, Status] = {
    "1": "answered",
    "2": "not_answered",
    "3": "partly",
    "4": "answered",
    "5": "partly",
    "6": "partly",
    "7": "answered",
    "8": "partly",
    "9": "answered",
    "10": "partly",
    "14": "partly",
    "17": "not_answered",
    "18": "answered",
}


def checklist(content: Content) -> list[tuple[str, str, Status, str]]:
    """Number, item, status and answer of each item, in this language."""
    points = cast("Mapping[str, str]", content.words.points["gather"])
    answers = cast("Mapping[str, str]", content.words.points["answers"])
    values = _values(content)
    rows = []
    for number, name in points.items():
        status, keys = _answer(number, content)
        rows.append((number, name, status, " ".join(answers[key].format_map(values) for key in keys)))
    return rows


def _answer(number: str, content: Content) -> tuple[Status, list[str]]:
    """The status of an item and the sentences that answer it."""
    findings = content.findings
    has_numbers = any(one.n_hat is not None for one in content.estimates)
    match number:
        case "11":
            computed = bool(findings.estimates or findings.refusals)
            return ("partly", ["11"]) if computed else ("not_answered", ["11_none"])
        case "12":
            done = {"12_quality": bool(findings.quality), "12_sensitivity": bool(findings.sensitivity)}
            keys = [key for key, was_done in done.items() if was_done]
            return ("partly", keys) if keys else ("not_answered", ["12_none"])
        case "13":
            return "partly", ["13" if content.n_draws != 1 else "13_one"]
        case "15":
            return ("partly", ["15"]) if has_numbers else ("not_answered", ["15_none"])
        case "16":
            return ("answered", ["16"]) if has_numbers else ("partly", ["16_none"])
        case _:
            return ALWAYS[number], [number]


def _values(content: Content) -> dict[str, str]:
    """What the answers name: the target population, agencies, and headings of the report."""
    words, findings = content.words, content.findings
    agencies = list(dict.fromkeys(one.agency for one in findings.registers))
    heading = "heading" if content.is_estimate else "heading_refused"
    return {
        "target": findings.target_population[content.code],
        "period": words.period(findings.period),
        "agencies": words.enumerate(agencies) if agencies else words["page"]["none"],
        "version": content.version,
        "counted": words["counted"]["heading"],
        "assumptions": words["assumptions"]["heading"],
        "verdict": words["verdict"]["heading"],
        "estimates": words["estimates"][heading],
    }
