"""The stratum of a linked person: what most of the person's records say, draw by draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.links import RECORD_COLUMNS, Links

__all__ = ["NOT_KNOWN", "PersonStrata", "person_strata"]

NOT_KNOWN = "unknown"
SAY_NOTHING = (NOT_KNOWN, "not_clarified")  # common categories of a value that was asked for and not found


@dataclass(frozen=True)
class PersonStrata:
    """Which stratum each person belongs to, in every draw.

    Attributes
    ----------
    names : tuple of str
        The strata that some person of some draw belongs to, sorted; the same for all draws.
    of_person : tuple of ndarray of int64, each of shape (n_persons of the draw,)
        Position in `names`.
    notes : tuple of tuple of str
        For each draw, how many persons' records disagree or say nothing, by attribute.
    """

    names: tuple[str, ...]
    of_person: tuple[NDArray[np.int64], ...]
    notes: tuple[tuple[str, ...], ...]


def person_strata(links: Links, attributes: Sequence[str]) -> PersonStrata:
    """The strata of linked persons by one attribute of their records, or by several together.

    A person has the value of most records that know one; empty, unknown and not clarified do not count. Where two
    values are equally frequent, or no record knows one, the person is in the stratum `NOT_KNOWN`, since nobody is left
    out of the table and no value is made up.

    Parameters
    ----------
    links : Links
    attributes : sequence of str
        Columns of `links.records`, one or more.

    Raises
    ------
    BadInput
        For no attribute, one that the records do not have, or one given twice.

    Examples
    --------
    >>> records = pd.DataFrame({"list": ["a", "b", "c", "a"], "record": range(4), "sex": ["man", "man", "woman", None]})
    >>> strata = person_strata(Links(records, np.array([[0, 0, 0, 1]], np.int32), ("a", "b", "c")), ["sex"])
    >>> strata.names, strata.of_person[0].tolist()
    (('man', 'unknown'), [0, 1])
    >>> strata.notes[0]
    ('sex: 1 of 2 persons has records that disagree and follows most of them; 1 is in the stratum unknown',)
    """
    columns = [_known_column(links, attributes, name) for name in attributes]
    if not columns:
        raise BadInput("no attribute was given to make strata of; name one, such as sex")
    votes = [
        [_vote(column.codes, persons, n_values=len(column.categories)) for column in columns]
        for persons in links.persons
    ]
    labels = [np.array([*map(str, column.categories), NOT_KNOWN]) for column in columns]
    named = [
        [
            ", ".join(values)
            for values in zip(*(own[vote.value] for own, vote in zip(labels, draw, strict=True)), strict=True)
        ]
        for draw in votes
    ]
    names = tuple(sorted({name for draw in named for name in draw}))
    place = {name: position for position, name in enumerate(names)}
    return PersonStrata(
        names,
        tuple(np.array([place[name] for name in draw], dtype=np.int64) for draw in named),
        tuple(
            tuple(note for name, vote in zip(attributes, draw, strict=True) if (note := vote.told(name)))
            for draw in votes
        ),
    )


@dataclass(frozen=True)
class _Vote:
    """The value of each person, -1 where there is none, and whose records disagree; all of shape (n_persons,)."""

    value: NDArray[np.int64]
    disagree: NDArray[np.bool_]
    silent: NDArray[np.bool_]

    def told(self, attribute: str) -> str:
        """How many persons have no plain value, as a sentence; empty where all have one."""
        is_tied = self.disagree & (self.value < 0)
        followed, tied, silent = (int(x.sum()) for x in (self.disagree & ~is_tied, is_tied, self.silent))
        n_persons = len(self.value)
        told = []
        if followed:
            told.append(
                f"{followed} of {n_persons:,} persons {_has(followed)} records that disagree and "
                f"follow{'s' if followed == 1 else ''} most of them"
            )
        if tied:
            told.append(f"{tied} {_has(tied)} records that disagree evenly")
        if tied + silent:
            told.append(f"{tied + silent} {'is' if tied + silent == 1 else 'are'} in the stratum {NOT_KNOWN}")
        return f"{attribute}: {'; '.join(told)}" if told else ""


def _vote(codes: NDArray[np.int64], persons: NDArray[np.int32], *, n_values: int) -> _Vote:
    """Count the records of each person by value, -1 being no vote, and take the most frequent one."""
    n_persons = int(persons.max()) + 1 if len(persons) else 0
    known = codes >= 0
    cells = persons[known].astype(np.int64) * n_values + codes[known]
    votes = np.bincount(cells, minlength=n_persons * n_values).reshape(n_persons, n_values)
    if not n_values:
        nobody = np.zeros(n_persons, dtype=np.bool_)
        return _Vote(np.full(n_persons, -1, dtype=np.int64), nobody, ~nobody)
    most = votes.max(axis=1)
    is_plain = (most > 0) & ((votes == most[:, None]).sum(axis=1) == 1)
    value = np.where(is_plain, votes.argmax(axis=1), -1)
    return _Vote(value, (votes > 0).sum(axis=1) > 1, most == 0)


def _known_column(links: Links, attributes: Sequence[str], name: str) -> pd.Categorical:
    """An attribute of the records as categories in sorted order; what tells nothing has the code -1."""
    offered = [column for column in links.records.columns if column not in RECORD_COLUMNS]
    if name not in offered:
        raise BadInput.unknown("attribute of the records", name, offered)
    if list(attributes).count(name) > 1:
        raise BadInput(f"the attribute {name!r} is given twice; name it once")
    values = links.records[name]
    known = values.where(values.notna() & ~values.isin(SAY_NOTHING))
    return pd.Categorical(known, categories=sorted(known.dropna().unique()))


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
