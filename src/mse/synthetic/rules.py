"""The rules of the lists: what decides who is on one, read from the file of assumptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mse.synthetic.population import read_packaged
from mse.synthetic.published import Margins, margins_of

__all__ = ["STATES", "ListRule", "rules_2020"]

# A list's states, and how often a person in that state counts in the margins.
STATES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "new": (("new", 1), ("earlier", 1)),
    "decisions": (("once", 1), ("twice", 2)),
    "plain": (("on", 1),),
}


@dataclass(frozen=True, slots=True)
class ListRule:
    """What decides who is on one list, with the margins that the list must have.

    Attributes
    ----------
    name : str
    step : int
        Lists of the same step are filled together.
    margins : Margins
    states : str
        ``new`` (new or earlier), ``decisions`` (one decision or two) or ``plain``.
    affinity, referral : mapping of str to float
        Log odds for a trait (``"sex.woman"``), and for being on another list.
    only : mapping of str to sequence of str
        Traits without which nobody is on the list.
    services : int or None
        Persons under services, where the report says it.
    other_regions : sequence of sequences of str
        Regions of those whom the report does not place in one region; each group has at least one person.
    reflection_housing, distinct_nationalities : bool
    """

    name: str
    step: int
    margins: Margins
    states: str = "plain"
    affinity: Mapping[str, float] = field(default_factory=dict)
    referral: Mapping[str, float] = field(default_factory=dict)
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    services: int | None = None
    other_regions: Sequence[Sequence[str]] = ()
    reflection_housing: bool = False
    distinct_nationalities: bool = False


def rules_2020() -> tuple[tuple[ListRule, ...], tuple[Mapping[str, Any], ...], Mapping[str, float]]:
    """The lists of 2020 with KOM's margins, the facts that tie them, and the remaining assumptions."""
    raw = read_packaged("encounters_2020.toml")
    rules = []
    for spec in raw["list"]:
        about = dict(spec)
        margins = margins_of(about.pop("row"))
        if about["name"] == "police":
            margins = _police_persons(margins, raw["assumed"]["police_persons_beyond_reports"])
        rules.append(ListRule(margins=margins, **about))
    return tuple(rules), tuple(raw["fact"]), raw["assumed"]


def _police_persons(reports: Margins, extra: int) -> Margins:
    """Adult persons behind the reports: one for each, and a few more in a report on labour or services."""
    form = dict(reports.form)
    form[("labour", "services")] += extra
    return Margins(reports.total + extra, None, {}, form, {}, 0)
