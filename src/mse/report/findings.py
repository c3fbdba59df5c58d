"""Findings: everything that a report shows, as one frozen value. It holds counts and answers, never a record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from mse.errors import BadInput
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.interval import Interval
from mse.robustness.verdict import Verdict

__all__ = ["LANGUAGES", "Findings", "ListSummary", "RegisterSummary"]

LANGUAGES = ("nb", "en")
POPULATIONS = ("adults", "minors")
PRESENCES = ("in contact", "new")


@dataclass(frozen=True, slots=True)
class RegisterSummary:
    """What one agency's register holds and how it was counted, as its codebook declares.

    Attributes
    ----------
    list_name : str
        The list of the analysis that the register is part of.
    n_records, n_set_aside : int
        Records that were read, and rows that could not be.
    period : tuple of two dates
        First and last day.
    sha256 : str
        Hash of the register's file.
    """

    name: str
    agency: str
    list_name: str
    n_records: int
    n_set_aside: int
    period: tuple[date, date]
    case_definition: str
    counting_rule: str
    population_covered: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ListSummary:
    """One list of the analysis: the registers joined in it, its records, and its persons after linkage."""

    name: str
    label: Mapping[str, str]
    registers: tuple[str, ...]
    n_records: int
    n_persons: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Findings:
    """What a study found.

    Attributes
    ----------
    title, target_population : mapping of str to str
        In Norwegian bokmål (``nb``) and English (``en``).
    period : tuple of two dates
    population : str
        ``adults`` or ``minors``.
    presence : str
        ``in contact`` or ``new`` in the period.
    n_records : int
        Records on all lists together.
    distinct : Interval
        Distinct persons over the draws of the linkage, with median.
    histories : CaptureHistories
        The table of one draw, whose overlaps are shown.
    verdict : Verdict
    estimates : tuple of Estimate
    refusals : tuple of (str, str)
        Models that gave no number: name and reason.
    linkage : mapping of str to float
        What the linker measured about itself.
    quality : mapping of str to float
        `precision` and `recall` against a synthetic truth; empty for real lists.
    sensitivity : mapping of str to float
        `low`, `median` and `high` of the estimate over the draws, `n_refused` and `n_draws`; `pooled`, `pooled_low`,
        `pooled_high` and `linkage_share` where the draws could be pooled; empty when not done.
    differences : mapping of str to str
        Why the registers may differ, by what differs.
    provenance : mapping of str to object
        Shown are `versions`, `seed`, `study_sha256` and `key_fingerprint`; see `decisions/0006-report.md`.

    Raises
    ------
    BadInput
        When a text lacks a language, or the lists and the capture histories do not name the same lists.
    """

    title: Mapping[str, str]
    target_population: Mapping[str, str]
    period: tuple[date, date]
    population: str
    presence: str
    registers: tuple[RegisterSummary, ...]
    lists: tuple[ListSummary, ...]
    n_records: int
    distinct: Interval
    histories: CaptureHistories
    verdict: Verdict
    is_synthetic: bool
    estimates: tuple[Estimate, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    linkage: Mapping[str, float] = field(default_factory=dict)
    linkage_notes: tuple[str, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    sensitivity: Mapping[str, float] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = {"title": self.title, "target_population": self.target_population}
        texts |= {f"label of list {one.name}": one.label for one in self.lists}
        problems = [
            f"the {what} has no text in {language!r}; give one"
            for what, text in texts.items()
            for language in LANGUAGES
            if not text.get(language)
        ]
        names = [one.name for one in self.lists]
        if names != list(self.histories.lists):
            problems.append(f"the lists are {names}, but the capture histories hold {list(self.histories.lists)}")
        if self.population not in POPULATIONS:
            problems.append(f"population={self.population!r} is not one of {POPULATIONS}")
        if self.presence not in PRESENCES:
            problems.append(f"presence={self.presence!r} is not one of {PRESENCES}")
        problems += [
            f"register {one.name} is part of the list {one.list_name!r}, which is none of {names}"
            for one in self.registers
            if one.list_name not in names
        ]
        if problems:
            raise BadInput.several("the findings cannot be reported", problems)
