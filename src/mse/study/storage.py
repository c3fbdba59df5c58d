"""Intervals, verdicts and estimates as files that read back to equal values."""

import json
from collections.abc import Mapping
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from mse.errors import Refused
from mse.estimate import Estimate, Posterior, Replicated
from mse.interval import Interval, Tabulated
from mse.robustness.verdict import Finding, Verdict
from mse.study.stage import as_json
from mse.writing import write_bytes, write_text

__all__ = ["read_interval", "read_result", "read_verdict", "write_interval", "write_result", "write_verdict"]

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
ESTIMATE, REFUSAL, DRAWS, RANKING = "estimate.json", "refusal.json", "draws.npy", "ranking.csv"


def write_interval(path: Path, interval: Interval) -> None:
    """Write an interval as JSON."""
    write_text(path, as_json(_interval_to_json(interval)))


def read_interval(path: Path) -> Interval:
    """What `write_interval` wrote."""
    return _interval_from_json(json.loads(path.read_text("utf-8")))


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Outcome, findings and facts; the sentences are made from the findings again when it is read."""
    findings = [{"code": f.code, "weight": f.weight, "values": _plain(f.values)} for f in verdict.findings]
    about = {"outcome": verdict.outcome, "findings": findings, "facts": _plain(verdict.facts)}
    write_text(path, as_json(about | {"reasons": list(verdict.reasons)}))


def read_verdict(path: Path) -> Verdict:
    """What `write_verdict` wrote."""
    about = json.loads(path.read_text("utf-8"))
    findings = tuple(Finding(f["code"], f["weight"], _from_plain(f["values"])) for f in about["findings"])
    return Verdict(about["outcome"], findings, _from_plain(about["facts"]))


def write_result(folder: Path, name: str, result: Estimate | Refused) -> None:
    """One model's answer: an estimate with its draws and, after a selection, its ranking; or why there is none."""
    if isinstance(result, Refused):
        kind = type(result).__name__
        write_text(folder / REFUSAL, as_json({"name": name, "kind": kind, "reasons": list(result.reasons)}))
        return
    about = {
        "name": name,
        "class": "posterior" if isinstance(result, Posterior) else "replicated",
        "model": result.model,
        "n_observed": result.n_observed,
        "n_hat": result.n_hat,
        "strata": list(result.strata),
        "intervals": [_interval_to_json(interval) for interval in _intervals(result)],
        "diagnostics": _plain(result.diagnostics),
        "provenance": _plain(result.provenance),
        "notes": list(getattr(result, "notes", ())),
    }
    write_text(folder / ESTIMATE, as_json(about))
    stream = BytesIO()
    np.save(stream, np.asarray(result.draws, dtype=np.float64), allow_pickle=False)
    write_bytes(folder / DRAWS, stream.getvalue())
    ranking = getattr(result, "ranking", None)
    if ranking is not None:
        write_text(folder / RANKING, ranking.to_csv(index=False, lineterminator="\n"))


def read_result(folder: Path) -> tuple[str, Estimate | str]:
    """The name of the model that was asked for, and its estimate, or as text why there is none.

    Intervals of a likelihood estimate answer the levels that were stored.
    """
    refused = folder / REFUSAL
    if refused.exists():
        about = json.loads(refused.read_text("utf-8"))
        return about["name"], " ".join(about["reasons"])
    about = json.loads((folder / ESTIMATE).read_text("utf-8"))
    draws = np.load(folder / DRAWS, allow_pickle=False)
    shared: dict[str, Any] = {
        "strata": tuple(about["strata"]),
        "draws": draws,
        "diagnostics": _from_plain(about["diagnostics"]),
        "provenance": about["provenance"],
        "notes": tuple(about["notes"]),
    }
    if about["class"] == "posterior":
        return about["name"], Posterior(about["model"], about["n_observed"], **shared)
    intervals = {one["level"]: _interval_from_json(one) for one in about["intervals"]}
    estimate = Replicated(about["model"], about["n_observed"], about["n_hat"], Tabulated(intervals), **shared)
    return about["name"], estimate


def _intervals(estimate: Estimate) -> list[Interval]:
    """The interval at each stored level, except where the model refuses one that is not the usual 95 %."""
    found = []
    for level in LEVELS:
        try:
            found.append(estimate.interval(level))
        except Refused:
            if level == 0.95:
                raise
    return found


def _interval_to_json(interval: Interval) -> dict[str, object]:
    return {
        "low": _number(interval.low),
        "high": _number(interval.high),
        "level": interval.level,
        "kind": interval.kind,
        "median": None if interval.median is None else _number(interval.median),
        "note": interval.note,
    }


def _interval_from_json(about: Mapping[str, Any]) -> Interval:
    median = about["median"]
    return Interval(
        float(about["low"]),
        float(about["high"]),
        about["level"],
        about["kind"],
        median=None if median is None else float(median),
        note=about["note"],
    )


def _number(value: float) -> float | str:
    """A float as JSON can hold it; infinity and NaN as the text that `float` reads."""
    return float(value) if isfinite(value) else str(float(value))


def _plain(value: Any) -> Any:
    """Mappings, sequences and NumPy scalars as JSON can hold them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        members = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [_plain(one) for one in members]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return _number(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _from_plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping read back, with infinities as floats again."""
    return {key: float(one) if one in ("inf", "-inf", "nan") else one for key, one in value.items()}
