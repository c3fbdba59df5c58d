"""Who is met by whom: persons, agencies and referrals, held to the published margins.

Each person and list has log odds: the person's visibility, what the agency looks for, and referrals from the lists
the person is already on. Adding a logistic error to the log odds and taking those above zero would be one independent
draw for each pair. Here the sum of log odds and errors over those taken is made as large as the published margins and
the readable overlaps allow (an integer programme for each step); the idea is perturb-and-MAP (Papandreou & Yuille
2011, https://doi.org/10.1109/ICCV.2011.6126242).

Where the population lacks a person whom the margins demand, one whom nobody has met is drawn again with those traits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mse.errors import BadInput
from mse.synthetic.population import TRAITS, assumptions, fill_in
from mse.synthetic.programme import Candidate, Programme, solve
from mse.synthetic.rules import STATES, ListRule

__all__ = ["Encounters", "meet", "recorded_form"]

REDRAW_PENALTY = 25.0  # log odds: a person is drawn again only when the margins cannot be met otherwise
OTHER_FORM: Mapping[str, tuple[str, str]] = {
    "sexual": ("several", "several"),
    "labour": ("services", "several"),
    "services": ("labour", "labour"),
    "several": ("sexual", "labour"),
    "organ": ("organ", "organ"),
    "forced_marriage": ("not_clarified", "several"),
    "not_clarified": ("labour", "sexual"),
}


@dataclass(frozen=True, eq=False)
class Encounters:
    """The persons, and for each list who is on it.

    Attributes
    ----------
    persons : DataFrame, one row per person, with the traits.
    states : mapping of str to Series
        For each list the state (``new``, ``earlier``, ``once``, ``twice``, ``on``) of those on it, by person.
    forms : mapping of str to Series
        The form of exploitation that each list would write for every person.
    n_redrawn : int
        Persons drawn again so that the margins could be met.
    """

    persons: pd.DataFrame
    states: Mapping[str, "pd.Series[str]"]
    forms: Mapping[str, "pd.Series[str]"]
    n_redrawn: int

    def on(self, *names: str) -> set[int]:
        """Persons on at least one of the lists."""
        return {person for name in names for person in self.states[name].index}


def meet(
    persons: pd.DataFrame,
    rules: Sequence[ListRule],
    facts: Sequence[Mapping[str, Any]],
    *,
    year: int,
    earlier_but_new_here: float,
    before: Mapping[str, "pd.Series[str]"] | None = None,
    rng: np.random.Generator,
) -> Encounters:
    """Let the agencies meet the persons, step by step.

    Parameters
    ----------
    persons : DataFrame with the columns `TRAITS`; the index numbers the persons.
    rules : sequence of ListRule
        Lists with the same `step` are filled together; later steps see the earlier ones.
    facts : sequence of mappings
        The overlaps that must hold, as in `encounters_2020.toml`.
    year : int
    earlier_but_new_here : float
        Log odds that someone first met before `year` is new to a list.
    before : mapping of str to Series, optional
        Lists of an earlier year, under names of their own, which referrals may name.
    rng : Generator

    Raises
    ------
    BadInput
        If the population is too small for the margins.
    """
    persons = persons.copy()
    luck = pd.DataFrame(rng.random((len(persons), len(rules))), persons.index, [rule.name for rule in rules])
    past = dict(before or {})
    states: dict[str, pd.Series[str]] = {}
    forms: dict[str, pd.Series[str]] = {}
    n_redrawn = 0
    for step in sorted({rule.step for rule in rules}):
        together = [rule for rule in rules if rule.step == step]
        stock = _with_spares(persons, together, year=year, rng=rng)
        candidates = []
        for rule in together:
            forms[rule.name] = _written(rule.name, stock["form"], luck[rule.name], facts, states, forms)
            candidates.append(
                _candidates(stock, rule, past | states, forms[rule.name], earlier_but_new_here, year, rng)
            )
        chosen = solve(Programme(stock, tuple(candidates), tuple(together), tuple(facts), states))
        place = _places(persons, states, chosen, rng)
        for spare, person in place.items():
            persons.loc[person, list(TRAITS)] = stock.loc[spare, list(TRAITS)]
        for rule in together:
            written = forms[rule.name]
            written.loc[list(place.values())] = written.loc[list(place)].to_numpy()
            forms[rule.name] = written.loc[persons.index]
        n_redrawn += len(place)
        states |= {name: own.rename(index=place).sort_index() for name, own in chosen.items()}
    return Encounters(persons.infer_objects(), states, forms, n_redrawn)


def _places(
    persons: pd.DataFrame,
    states: Mapping[str, "pd.Series[str]"],
    chosen: Mapping[str, "pd.Series[str]"],
    rng: np.random.Generator,
) -> dict[int, int]:
    """For each spare person taken, someone whom no agency has met and who is drawn again in that form."""
    taken = {person for own in chosen.values() for person in own.index}
    spares = sorted(taken - set(persons.index))
    met = taken | {person for own in states.values() for person in own.index}
    unmet = [person for person in persons.index if person not in met]
    if len(spares) > len(unmet):
        raise BadInput(
            f"true_n={len(persons)} is too small for the published lists: nobody is left whom no agency has met; "
            "give a larger true_n"
        )
    return dict(zip(spares, rng.choice(unmet, len(spares), replace=False).tolist(), strict=True)) if spares else {}


def _written(
    name: str,
    form: "pd.Series[str]",
    luck: "pd.Series[float]",
    facts: Sequence[Mapping[str, Any]],
    states: Mapping[str, "pd.Series[str]"],
    forms: Mapping[str, "pd.Series[str]"],
) -> "pd.Series[str]":
    """The form that a list would write for everyone; spare persons are written as drawn.

    Where the report names persons on both lists, the second list takes over what the first one wrote.
    """
    written = form.copy()
    written.loc[luck.index] = recorded_form(form.loc[luck.index], luck)
    for fact in facts:
        if fact["kind"] == "count" and fact["pair"][0] == name and fact["low"] > 0:
            known = states[fact["pair"][1]].index
            written.loc[known] = forms[fact["pair"][1]].loc[known]
    return written


def recorded_form(form: "pd.Series[str]", luck: "pd.Series[float]") -> "pd.Series[str]":
    """The form an agency writes: the person's main one, but another one for the least lucky."""
    share = assumptions()["form_recorded_otherwise"]
    written, rank = form.to_numpy(dtype=object, copy=True), luck.to_numpy()
    for place in np.flatnonzero(rank < share):
        written[place] = OTHER_FORM[written[place]][0 if rank[place] < share / 2 else 1]
    return pd.Series(written, index=form.index)


def _with_spares(
    persons: pd.DataFrame, rules: Sequence[ListRule], *, year: int, rng: np.random.Generator
) -> pd.DataFrame:
    """The persons, then spare ones for every combination of traits that the margins name."""
    wanted: list[dict[str, object]] = []
    for rule in rules:
        wanted += _spares(rule, year)
    if not wanted:
        return persons.assign(is_spare=False)
    spares = pd.DataFrame(wanted, columns=["sex", "form", "region", "legal_track", "city", "first_year"])
    spares = fill_in(spares.astype(object), year=year, rng=rng)
    spares.index = pd.RangeIndex(len(spares)) + int(persons.index.max()) + 1
    return pd.concat([persons.assign(is_spare=False), spares.assign(is_spare=True)])


def _spares(rule: ListRule, year: int) -> list[dict[str, object]]:
    margins, most = rule.margins, rule.margins.total
    if not (margins.sex or margins.form or margins.region or rule.other_regions):
        return []
    sexes = margins.sex or {(sex,): most for sex in rule.only.get("sex", ("woman", "man"))}
    forms = margins.form or {("sexual",): most, ("labour",): most}
    regions: dict[tuple[str, ...], int] = dict(margins.region)
    for group in rule.other_regions:
        regions |= {(region,): margins.other_region for region in group}
    regions = regions or {("eastern_europe",): most, ("africa",): most, ("asia",): most}
    years: dict[int | None, int] = {year: most, None: most}
    if margins.new is not None:
        years = {year: margins.new, year - 1: most - margins.new}
    spares: list[dict[str, object]] = []
    for (sex, *_), n_sex in sexes.items():
        for categories, n_form in forms.items():
            for (region, *_), n_region in regions.items():
                for first, n_year in years.items():
                    for form in categories:
                        one: dict[str, object] = {"sex": sex, "form": form, "region": region, "first_year": first}
                        for trait in ("legal_track", "city"):
                            one[trait] = rule.only[trait][0] if trait in rule.only else None
                        spares += [one] * min(n_sex, n_form, n_region, n_year)
    return spares


def _candidates(
    stock: pd.DataFrame,
    rule: ListRule,
    states: Mapping[str, "pd.Series[str]"],
    form: "pd.Series[str]",
    earlier_but_new_here: float,
    year: int,
    rng: np.random.Generator,
) -> Candidate:
    n = len(stock)
    odds = stock["visibility"].to_numpy(dtype=np.float64).copy()
    for key, value in rule.affinity.items():
        trait, category = key.split(".")
        odds += value * (stock[trait] == category).to_numpy()
    for name, value in rule.referral.items():
        if name in states:
            odds += value * stock.index.isin(states[name].index)
    odds = odds + rng.logistic(size=n) - REDRAW_PENALTY * stock["is_spare"].to_numpy(dtype=np.float64)
    eligible = np.ones(n, dtype=np.bool_)
    for trait, allowed in rule.only.items():
        eligible &= stock[trait].isin(list(allowed)).to_numpy()
    if rule.reflection_housing:
        track = stock["legal_track"]
        passed = stock["from_reflection"].to_numpy(dtype=np.bool_)
        eligible &= ~((track == "final_rejection").to_numpy() | ((track == "asylum").to_numpy() & ~passed))
    names = [name for name, _ in STATES[rule.states]]
    utility = np.tile(odds[:, None], (1, len(names)))
    allowed_state = np.tile(eligible[:, None], (1, len(names)))
    if rule.states == "new":
        newcomer = (stock["first_year"] == year).to_numpy()
        utility[:, 0] += np.where(newcomer, 0.0, earlier_but_new_here)
        allowed_state[:, 1] &= ~newcomer
    weights = np.array([weight for _, weight in STATES[rule.states]])
    return Candidate(rule.name, tuple(names), weights, utility, allowed_state, form.to_numpy(dtype=object))
