"""The verdict: whether capture histories can carry an estimate of the hidden number.

Each check is a finding with a weight: one that blocks leaves the number of distinct persons as the only answer; one
that reserves lets the estimate stand with its reservation. The limits are argued in decisions/0010.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from mse.errors import NoFiniteMLE, Refused
from mse.histories import CaptureHistories
from mse.models.loglinear.bootstrap import Percentile, choose_in_resamples, resample_counts
from mse.models.loglinear.choosing import AmongModels
from mse.models.loglinear.downhill import downhill_ranking
from mse.models.loglinear.extended import persons_of, possible_cells
from mse.models.loglinear.ranking import rank_models
from mse.models.loglinear.terms import all_terms, bitsets_of, hierarchical_models
from mse.robustness.sentences import sentence

__all__ = ["Finding", "Verdict", "feasibility"]

ESTIMATE, RESERVED, COUNT_ONLY = "estimate", "estimate_with_reservations", "distinct_persons_only"
BLOCKS, RESERVES, SUPPORTS = "blocks", "reserves", "supports"

FEW_OVERLAPPING = (7, 25)  # persons on two lists or more: below the first blocks, below the second reserves
MODEL_SPREAD = (5.0, 1.5)  # highest over lowest N of the models that the data cannot tell apart
INTERVAL_RATIO = (10.0, 2.0)  # upper over lower end of the 95 % interval that repeats the selection
INDISTINGUISHABLE = 6.0  # units of BIC
NESTED_SHARE = 0.95
FEW_MODELS = 0.5
MANY_DOUBTFUL = 0.05  # doubtful persons per person known
N_RESAMPLES = 200
N_TOP = 100
EXHAUSTIVE_LISTS, MOST_LISTS = 5, 11


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what (`code`), how it weighs, and the values it rests on."""

    code: str
    weight: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return sentence(self.code, self.values)


@dataclass(frozen=True)
class Verdict:
    """The answer of `feasibility`.

    Attributes
    ----------
    outcome : str
        ``estimate``, ``estimate_with_reservations`` or ``distinct_persons_only``.
    findings : tuple of Finding
        All checks, those that block first.
    facts : mapping of str to float
        The measured quantities by name.
    """

    outcome: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, float]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The findings as sentences, those that block first."""
        return tuple(str(finding) for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join([self.outcome.replace("_", " "), *(f"- {f.weight}: {f}" for f in self.findings)])


def feasibility(histories: CaptureHistories, *, seed: int) -> Verdict:
    """Judge whether these capture histories can carry an estimate of the hidden number.

    Looks at the lists and their overlaps, at all hierarchical models (up to 5 lists; two-list terms with 6; beyond,
    those with two-list terms that a downhill search meets), at how far the models that the data cannot tell apart
    disagree, and at an interval that repeats the choice of the model in 200 resamples.

    With censored cells the persons known to be in the population are the ones counted on lists and in overlaps, a
    list is found nested, universal or given twice only if that holds whoever of the doubtful belongs, and the models
    are those of `select_loglinear`, which take each such count as a number between two bounds.

    Parameters
    ----------
    histories : CaptureHistories
        Strata are summed.
    seed : int
        Of the resampling.

    Returns
    -------
    Verdict

    References
    ----------
    Aleshin-Guendel, Sadinle and Wakefield (2024), doi:10.1093/biomtc/ujad020; Robson and Regier (1964) for the least
    number of recaptures, doi:10.1577/1548-8659(1964)93[215:SSIPMR]2.0.CO;2.

    Examples
    --------
    >>> import mse
    >>> mse.feasibility(mse.load_dataset("Artificial_3"), seed=1).outcome
    'distinct_persons_only'
    """
    table = histories.collapse_strata() if histories.is_stratified else histories
    findings = [*_about_doubtful(table), *_about_lists(table)]
    usable = _without(table, table.at_bound("lower").empty_lists)
    facts: dict[str, float] = {"n_lists": float(table.n_lists), "n_observed": float(table.n_observed)}
    if usable is not None and not any(f.weight == BLOCKS and f.code == "no_overlap" for f in findings):
        about_models, measured = _about_models(usable, seed)
        findings += about_models
        facts |= measured
    facts |= {f"{f.code}.{k}": float(v) for f in findings for k, v in f.values.items() if isinstance(v, int | float)}
    weights = {finding.weight for finding in findings}
    outcome = COUNT_ONLY if BLOCKS in weights else RESERVED if RESERVES in weights else ESTIMATE
    order = (BLOCKS, RESERVES, SUPPORTS)
    return Verdict(outcome, tuple(sorted(findings, key=lambda f: order.index(f.weight))), facts)


def _about_doubtful(table: CaptureHistories) -> Iterator[Finding]:
    """How many persons on the lists may not be in the population."""
    if not table.is_censored:
        return
    n_doubtful = table.n_listed - table.n_observed
    weight = RESERVES if n_doubtful > MANY_DOUBTFUL * table.n_observed else SUPPORTS
    yield Finding("doubtful_persons", weight, {"n_doubtful": n_doubtful, "n_listed": table.n_listed})


def _about_lists(table: CaptureHistories) -> Iterator[Finding]:
    """What the lists and their overlaps say before any model, whoever of the doubtful persons belongs."""
    known = table.at_bound("lower")
    n_lists = table.n_lists - len(known.empty_lists)
    weight = SUPPORTS if n_lists >= 3 else RESERVES if n_lists == 2 else BLOCKS
    yield Finding("n_lists", weight, {"n_lists": n_lists})
    for name in known.empty_lists:
        yield Finding("empty_list", RESERVES, {"name": name})
    for name in table.universal_lists:
        yield Finding("universal_list", BLOCKS, {"name": name})
    for a, b in table.duplicate_lists:
        yield Finding("duplicate_lists", BLOCKS, {"a": a, "b": b})
    n_overlap = int(sum(c for c, h in zip(known.total_counts, known.histories, strict=True) if sum(h) > 1))
    if not n_overlap:
        yield Finding("no_overlap", BLOCKS, {})
        return
    values = {"n_overlap": n_overlap, "n_observed": known.n_observed, "share": n_overlap / known.n_observed}
    yield Finding("overlap_persons", _weight(-n_overlap, [-limit + 0.5 for limit in FEW_OVERLAPPING]), values)
    pairs = [pair for pair in known.empty_overlaps if not set(pair) & set(known.empty_lists)]
    n_pairs = n_lists * (n_lists - 1) // 2
    if pairs:
        yield Finding("empty_overlaps", RESERVES, {"pairs": pairs, "n_pairs": len(pairs), "n_all": n_pairs})
    for inner, outer in permutations(table.lists, 2):
        # The smallest share that any number of the doubtful gives.
        shared = known.overlap(inner, outer)
        total = shared + table.list_totals[inner] - table.overlap(inner, outer)
        share = shared / total if total else 0.0
        if total >= 3 and share >= NESTED_SHARE and outer not in table.universal_lists:
            yield Finding("nested_list", RESERVES, {"inner": inner, "outer": outer, "share": share})


def _without(table: CaptureHistories, empty: tuple[str, ...]) -> CaptureHistories | None:
    """The table without these lists."""
    if table.n_lists - len(empty) < 2:
        return None
    return table.drop_lists(*empty) if empty else table


def _about_models(table: CaptureHistories, seed: int) -> tuple[list[Finding], dict[str, float]]:
    """What the models say: how many give an answer, how far they disagree, how wide an honest interval is."""
    if table.n_lists > MOST_LISTS:
        return [Finding("too_many_lists", BLOCKS, {"n_lists": table.n_lists, "most": MOST_LISTS})], {}
    try:
        ranking, max_order = _ranking(table, seed)
    except NoFiniteMLE:
        return [Finding("models_exist", BLOCKS, {"n_ok": 0, "n_models": 1, "share": 0.0})], {}
    sound = ranking[ranking["status"] == "ok"]
    share = len(sound) / len(ranking)
    exist = {"n_ok": len(sound), "n_models": len(ranking), "share": share}
    if sound.empty:
        return [Finding("models_exist", BLOCKS, exist)], {}
    findings = [
        Finding("models_exist", RESERVES if share < FEW_MODELS else SUPPORTS, exist),
        Finding("best_model", SUPPORTS, {"model": sound["model"].iloc[0], "n_hat": float(sound["n_hat"].iloc[0])}),
        _spread(sound),
    ]
    persons, possible = persons_of(table), possible_cells(table)
    terms = np.array(all_terms(table.n_lists, max_order), dtype=np.int64)
    close = bitsets_of(sound["model"].head(N_TOP), table.lists, terms.tolist())
    resamples = resample_counts(persons, N_RESAMPLES, seed=seed)
    try:
        resampled = choose_in_resamples(AmongModels(close, terms, possible, table.n_lists), resamples)
    except Refused as refusal:
        return [*findings, Finding("resamples_fail", BLOCKS, {"why": str(refusal)})], {}
    ends = Percentile(resampled.totals).at(0.95)
    ratio = ends.high / ends.low
    width = {"low": ends.low, "high": ends.high, "ratio": ratio, "level": 0.95, "n_resamples": len(resampled.totals)}
    findings.append(Finding("wide_interval", _weight(ratio, INTERVAL_RATIO), width))
    return findings, {"share_same_model": float(np.mean([model == int(close[0]) for model in resampled.models]))}


def _ranking(table: CaptureHistories, seed: int) -> tuple[pd.DataFrame, int | None]:
    """The models that are compared, best first, and their largest order."""
    if table.n_lists > EXHAUSTIVE_LISTS + 1:
        return downhill_ranking(table, max_order=2, seed=seed), 2
    max_order = None if table.n_lists <= EXHAUSTIVE_LISTS else 2
    return rank_models(table, hierarchical_models(table.n_lists, max_order), max_order=max_order), max_order


def _spread(sound: pd.DataFrame) -> Finding:
    close = sound[sound["bic"] <= sound["bic"].iloc[0] + INDISTINGUISHABLE]["n_hat"]
    ratio = float(close.max() / close.min())
    values = {"low": float(close.min()), "high": float(close.max()), "ratio": ratio, "n_within": len(close)}
    return Finding("model_spread", _weight(ratio, MODEL_SPREAD), values)


def _weight(value: float, limits: tuple[float, float] | list[float]) -> str:
    """Blocks above the first limit, reserves above the second."""
    return BLOCKS if value > limits[0] else RESERVES if value > limits[1] else SUPPORTS
