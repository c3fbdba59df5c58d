"""One step of the encounters as an integer programme: who is taken, given the margins and the readable overlaps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from mse.errors import BadInput
from mse.synthetic.rules import ListRule

__all__ = ["Candidate", "Programme", "solve"]


WHOLE = 1e-6  # HiGHS's own tolerance for a whole number


@dataclass(frozen=True, eq=False)
class Candidate:
    """Everyone who could be on one list, and how much speaks for it.

    Attributes
    ----------
    name : str
    states : tuple of str
    weights : ndarray of int, shape (n_states,)
        How often a person in that state counts in the margins.
    utility : ndarray of float, shape (n_persons, n_states)
        Log odds with their random error.
    allowed : ndarray of bool, shape (n_persons, n_states)
    form : ndarray of object, shape (n_persons,)
        The form of exploitation that the list would write.
    """

    name: str
    states: tuple[str, ...]
    weights: NDArray[np.int64]
    utility: NDArray[np.float64]
    allowed: NDArray[np.bool_]
    form: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Programme:
    """One step: the persons (and spares), the lists to fill, the facts, and the lists already filled."""

    persons: pd.DataFrame
    candidates: tuple[Candidate, ...]
    rules: tuple[ListRule, ...]
    facts: tuple[Mapping[str, Any], ...]
    filled: Mapping[str, "pd.Series[str]"]


@dataclass(frozen=True, eq=False)
class _Block:
    """Constraints low <= sum of coefficients x variables <= high; `rows` says which of them an entry belongs to."""

    rows: NDArray[np.int64]
    variables: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def one(cls, variables: NDArray[np.int64], coefficients: NDArray[np.float64], low: float, high: float) -> "_Block":
        """A single constraint."""
        return cls(np.zeros(len(variables), np.int64), variables, coefficients, np.array([low]), np.array([high]))

    @classmethod
    def many(cls, index: NDArray[np.int64], coefficients: NDArray[np.float64], low: float, high: float) -> "_Block":
        """One constraint for each row of `index`, in which -1 stands for no variable."""
        used = index >= 0
        every = np.broadcast_to(coefficients, index.shape)
        n = len(index)
        return cls(np.nonzero(used)[0], index[used], every[used], np.full(n, low), np.full(n, high))


def solve(programme: Programme) -> dict[str, "pd.Series[str]"]:
    """The state of everyone taken on each list, by person.

    Raises
    ------
    BadInput
        If no choice of persons has the margins.
    """
    numbers, n = _numbering(programme)
    blocks = [_once(index) for index in numbers.values()]
    for candidate, rule in zip(programme.candidates, programme.rules, strict=True):
        blocks += _margins(programme, candidate, rule, numbers[candidate.name])
    for fact in programme.facts:
        blocks += _facts(programme, fact, numbers)
    cost = np.empty(n)
    for candidate in programme.candidates:
        index = numbers[candidate.name]
        cost[index[index >= 0]] = -candidate.utility[index >= 0]
    taken = _optimum(cost, blocks, [candidate.name for candidate in programme.candidates])
    chosen = {}
    for candidate in programme.candidates:
        index = numbers[candidate.name]
        on = (index >= 0) & taken[np.maximum(index, 0)]
        who, state = np.nonzero(on)
        chosen[candidate.name] = pd.Series(
            np.array(candidate.states, dtype=object)[state], index=programme.persons.index[who], dtype=object
        )
    return chosen


def _optimum(cost: NDArray[np.float64], blocks: list[_Block], names: list[str]) -> NDArray[np.bool_]:
    starts = np.cumsum([0, *(len(block.low) for block in blocks)])
    rows = np.concatenate([block.rows + start for block, start in zip(blocks, starts[:-1], strict=True)])
    entries = np.concatenate([block.coefficients for block in blocks])
    variables = np.concatenate([block.variables for block in blocks])
    matrix = csr_array((entries, (rows, variables)), shape=(int(starts[-1]), len(cost)))
    low, high = (np.concatenate([getattr(block, end) for block in blocks]) for end in ("low", "high"))
    limits = LinearConstraint(matrix, low, high)
    # The errors are continuous, so the optimum is unique and does not depend on the solver's path. Without the
    # whole-number condition it is found much faster, and most often it is whole by itself.
    for whole in (0, 1):
        answer = milp(
            cost,
            integrality=np.full(len(cost), whole),
            bounds=Bounds(0, 1),
            constraints=limits,
            options={"mip_rel_gap": 0},
        )
        if answer.x is not None and np.abs(answer.x - answer.x.round()).max() < WHOLE:
            return answer.x > 0.5
    raise BadInput(
        f"no choice of persons gives {', '.join(names)} their published margins; give another seed or true_n"
    )


def _numbering(programme: Programme) -> tuple[dict[str, NDArray[np.int64]], int]:
    """A number for each allowed (list, person, state), -1 elsewhere; and how many there are."""
    numbers: dict[str, NDArray[np.int64]] = {}
    n = 0
    for candidate in programme.candidates:
        index = np.full(candidate.allowed.shape, -1, dtype=np.int64)
        own = int(candidate.allowed.sum())
        index[candidate.allowed] = np.arange(n, n + own)
        numbers[candidate.name] = index
        n += own
    return numbers, n


def _once(index: NDArray[np.int64]) -> _Block:
    """Nobody is in two states of one list."""
    return _Block.many(index[(index >= 0).sum(axis=1) > 1], np.ones(index.shape[1]), 0, 1)


def _margins(programme: Programme, candidate: Candidate, rule: ListRule, index: NDArray[np.int64]) -> Iterator[_Block]:
    persons, margins = programme.persons, rule.margins

    def row(mask: NDArray[np.bool_], low: float, high: float, weights: NDArray[np.int64] = candidate.weights) -> _Block:
        use = (index >= 0) & mask[:, None] & (weights != 0)
        return _Block.one(index[use], np.broadcast_to(weights, index.shape)[use].astype(np.float64), low, high)

    everyone = np.ones(len(persons), dtype=np.bool_)
    yield row(everyone, margins.total, margins.total)
    if rule.states == "new" and margins.new is not None:
        yield row(everyone, margins.new, margins.new, np.array([1, 0]))
    if rule.states == "decisions":
        yield row(everyone, 1, 1, np.array([0, 1]))
    for categories, count in margins.sex.items():
        yield row(persons["sex"].isin(categories).to_numpy(), count, count)
    for categories, count in margins.form.items():
        yield row(np.isin(candidate.form, categories), count, count)
    if rule.services is not None:
        yield row(candidate.form == "services", rule.services, rule.services)
    region = persons["region"].to_numpy(dtype=object)
    loose = [one for group in rule.other_regions for one in group]
    for categories, count in margins.region.items():
        if not set(categories) & set(loose):
            yield row(np.isin(region, categories), count, count)
    for group in rule.other_regions:
        yield row(np.isin(region, list(group)), 1, np.inf)
    if loose:
        yield row(np.isin(region, loose), margins.other_region, margins.other_region)
    if rule.distinct_nationalities:
        for nationality in sorted(set(persons["nationality"])):
            yield row((persons["nationality"] == nationality).to_numpy(), 0, 1)


def _facts(programme: Programme, fact: Mapping[str, Any], numbers: Mapping[str, NDArray[np.int64]]) -> Iterator[_Block]:
    if fact["kind"] == "subset":
        if fact["inner"] in numbers:
            yield _subset(programme, fact, numbers)
    elif fact["kind"] == "count":
        name, other = fact["pair"]
        if name in numbers:
            on = programme.persons.index.isin(programme.filled[other].index)
            yield _count(programme, fact, numbers[name], on)
    elif fact["list"] in numbers:
        yield _count(programme, fact, numbers[fact["list"]], np.ones(len(programme.persons), dtype=np.bool_))


def _count(programme: Programme, fact: Mapping[str, Any], index: NDArray[np.int64], mask: NDArray[np.bool_]) -> _Block:
    for trait, category in fact.get("with", {}).items():
        mask = mask & (programme.persons[trait] == category).to_numpy()
    use = (index >= 0) & mask[:, None]
    return _Block.one(index[use], np.ones(int(use.sum())), fact["low"], fact["high"])


def _subset(programme: Programme, fact: Mapping[str, Any], numbers: Mapping[str, NDArray[np.int64]]) -> _Block:
    """Taken on the inner list only if taken on one of the outer ones, in this step or before."""
    candidate = next(one for one in programme.candidates if one.name == fact["inner"])
    inner = numbers[fact["inner"]]
    if "state" in fact:
        inner = inner[:, [candidate.states.index(fact["state"])]]
    here = np.hstack([numbers[name] for name in fact["outer"] if name in numbers] or [np.full((len(inner), 1), -1)])
    filled = {person for name in fact["outer"] if name in programme.filled for person in programme.filled[name].index}
    already = programme.persons.index.isin(filled)
    needed = ~already & (inner >= 0).any(axis=1)
    coefficients = np.concatenate([np.ones(inner.shape[1]), -np.ones(here.shape[1])])
    return _Block.many(np.hstack([inner, here])[needed], coefficients, -np.inf, 0)
