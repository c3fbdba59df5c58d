"""The disclosure check: what an encoded list could give away, found before anything is saved.

What is looked for, from which share on, and in which words stands in `risks.json`, which the offline page reads too.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from mse.errors import BadInput
from mse.pseudonyms.encoded import EncodedRegister
from mse.registers import Codebook, Register

__all__ = ["Risk", "accept_or_refuse", "agency_risks", "received_risks", "risk_ids", "rounded"]

DATES = ("birth_date", "birth_year")
JANUARY_FIRST = "-01-01"


@dataclass(frozen=True, slots=True)
class Risk:
    """One thing that the disclosure check found in a list.

    Attributes
    ----------
    id : str
        Its name in `risks.json`, by which it is accepted.
    count : int
        Records concerned; 0 where the risk is not about some of them. Texts never show it exactly.
    fields : tuple of str
        Fields or columns concerned.
    """

    id: str
    count: int = 0
    fields: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether nothing is saved in any case."""
        return str(_about(self.id)["level"]) == "refuse"

    def title(self, language: str = "en") -> str:
        """What it is called, in `nb` or `en`."""
        return str(_about(self.id)["title"][language])

    def text(self, language: str = "en") -> str:
        """What was found, with rounded counts."""
        return self._filled("text", language)

    def mend(self, language: str = "en") -> str:
        """The way out."""
        return self._filled("mend", language)

    def _filled(self, part: str, language: str) -> str:
        about = _about(self.id)
        values = {
            "{count}": rounded(self.count, language=language),
            "{fields}": ", ".join(self.fields),
            "{limit}": str(about.get("limit", "")),
        }
        text = str(about[part][language])
        for name, value in values.items():
            text = text.replace(name, value)
        return text


def agency_risks(register: Register, encoded: EncodedRegister, *, others: Sequence[Codebook] = ()) -> tuple[Risk, ...]:
    """What the agency must know before an encoded list is saved.

    Parameters
    ----------
    register : Register
        The list in plain text.
    encoded : EncodedRegister
        What `encode` made of it.
    others : sequence of Codebook
        Codebooks of the other lists of the project, where they are known: a field that only one list holds links
        nobody.

    Returns
    -------
    tuple of Risk
        In the order of `risks.json`.
    """
    found = _of_file(encoded)
    found["missing_values"] = _missing_fields(register)
    found["january_first"] = _january_first(register)
    if others:
        theirs = {field for codebook in others for field in codebook.record_fields}
        own = tuple(field for field in register.identifier_fields if field not in theirs)
        found["only_here"] = Risk("only_here", fields=own) if own else None
    return _in_order(found)


def received_risks(encoded: EncodedRegister, *, others: Sequence[EncodedRegister] = ()) -> tuple[Risk, ...]:
    """What can be seen of an encoded list without the key, by whoever receives it.

    Parameters
    ----------
    encoded : EncodedRegister
    others : sequence of EncodedRegister
        The other lists of the project.

    Returns
    -------
    tuple of Risk
        In the order of `risks.json`.
    """
    found = _of_file(encoded)
    found["missing_values"] = _missing_columns(encoded)
    if others:
        theirs = {field for other in others for field in other.fields}
        own = tuple(field for field in encoded.fields if field not in theirs)
        found["only_here"] = Risk("only_here", fields=own) if own else None
    return _in_order(found)


def accept_or_refuse(risks: Sequence[Risk], *, accepted: Collection[str], name: str) -> None:
    """Refuse a list that holds a risk which nobody accepted.

    Parameters
    ----------
    risks : sequence of Risk
    accepted : collection of str
        Ids; one that was not found does no harm.
    name : str
        The list, for the message.

    Raises
    ------
    BadInput
        With a sentence for each risk that is refused or not accepted, and for each id that does not exist.
    """
    for risk_id in accepted:
        if risk_id not in risk_ids():
            raise BadInput.unknown("risk", risk_id, risk_ids())
    open_risks = [risk for risk in risks if risk.is_refused or risk.id not in accepted]
    if open_risks:
        ids = " ".join(f"--accept-risk {risk.id}" for risk in open_risks if not risk.is_refused)
        way_out = f", or accept it with {ids}" if ids else ""
        raise BadInput.several(
            f"the list {name!r} is not saved; mend what it could give away{way_out}",
            [f"{risk.id}: {risk.text()} {risk.mend()}" for risk in open_risks],
        )


def risk_ids() -> tuple[str, ...]:
    """The ids of the risks that can be accepted.

    Examples
    --------
    >>> "small_groups" in risk_ids()
    True
    """
    return tuple(risk["id"] for risk in _table()["risks"] if risk["level"] == "accept")


def rounded(count: int, *, language: str = "en") -> str:
    """A number of records as it may stand in a paper: never exact.

    Examples
    --------
    >>> rounded(3), rounded(5), rounded(38, language="nb")
    ('fewer than 5', 'about 5', 'omtrent 40')
    """
    table = _table()
    step = table["limits"]["rounding"]
    if count < step:
        return str(table["few"][language]).replace("{n}", str(step))
    return str(table["about"][language]).replace("{n}", str(step * ((count + step // 2) // step)))


def _of_file(encoded: EncodedRegister) -> dict[str, Risk | None]:
    """What the encoded file itself shows."""
    columns = encoded.records[list(encoded.fields)]
    small = set(_table()["small_domain_fields"])
    guessed = tuple(token.name for token in encoded.header.fields if set(token.of) <= small)
    return {
        # One or two persons of whom little is known are no fault of the codebook.
        "nothing_to_link": Risk("nothing_to_link")
        if len(encoded) >= _limit("small_group") and columns.isna().to_numpy().all()
        else None,
        "small_groups": _small_groups(encoded),
        "frequent_values": _frequent_values(encoded),
        "small_domain": Risk("small_domain", fields=guessed) if guessed else None,
        "similarity": Risk("similarity") if encoded.header.encoding == "bloom" else None,
    }


def _small_groups(encoded: EncodedRegister) -> Risk | None:
    fields = [field for field in _table()["group_fields"] if field in encoded.attributes]
    if not fields:
        return None
    sizes = encoded.records.groupby(fields, dropna=False).size()
    n_few = int(sizes[sizes < _limit("small_group")].sum())
    return Risk("small_groups", n_few, tuple(fields)) if n_few else None


def _frequent_values(encoded: EncodedRegister) -> Risk | None:
    largest = {}
    for token in encoded.header.fields:
        if token.kind in ("token", "tokens"):
            cells = encoded.records[token.name].dropna()
            counts = cells.str.split("|").explode().value_counts() if len(cells) else pd.Series([0])
            n = int(counts.max())
            if n >= _limit("frequent_records") and 100 * n > _limit("frequent_percent") * len(encoded):
                largest[token.name] = n
    return Risk("frequent_values", max(largest.values()), tuple(largest)) if largest else None


def _missing_fields(register: Register) -> Risk | None:
    """Names and birth that more than half of the rows lack; a date or a year of birth is enough."""
    declared = [field for field in _table()["expected_fields"] if field in register.identifier_fields]
    few = [field for field in declared if _is_mostly_missing(register.records[field])]
    if any(field in declared and field not in few for field in DATES):
        few = [field for field in few if field not in DATES]
    return Risk("missing_values", fields=tuple(few)) if few else None


def _missing_columns(encoded: EncodedRegister) -> Risk | None:
    expected, numbers = set(_table()["expected_fields"]), set(_table()["number_fields"])
    few = tuple(
        token.name
        for token in encoded.header.fields
        if expected & set(token.of) and not numbers & set(token.of) and _is_mostly_missing(encoded.records[token.name])
    )
    return Risk("missing_values", fields=few) if few else None


def _is_mostly_missing(column: "pd.Series[str]") -> bool:
    return 100 * int(column.isna().sum()) > _limit("missing_percent") * len(column)


def _january_first(register: Register) -> Risk | None:
    if "birth_date" not in register.identifier_fields:
        return None
    stated = register.records["birth_date"].dropna()
    n = int(stated.str.endswith(JANUARY_FIRST).sum())
    if n < _limit("january_records") or 100 * n <= _limit("january_percent") * len(stated):
        return None
    return Risk("january_first", n, ("birth_date",))


def _in_order(found: Mapping[str, Risk | None]) -> tuple[Risk, ...]:
    def present() -> Iterator[Risk]:
        for about in _table()["risks"]:
            risk = found.get(about["id"])
            if risk is not None:
                yield risk

    return tuple(present())


def _limit(name: str) -> int:
    return int(_table()["limits"][name])


@cache
def _about(risk_id: str) -> Mapping[str, Any]:
    limits = _table()["limits"]
    limit_of = {
        "small_groups": limits["small_group"],
        "frequent_values": limits["frequent_percent"],
        "missing_values": limits["missing_percent"],
        "january_first": limits["january_percent"],
    }
    about: dict[str, Any] = next(risk for risk in _table()["risks"] if risk["id"] == risk_id)
    return about | {"limit": limit_of.get(risk_id, "")}


@cache
def _table() -> Mapping[str, Any]:
    table: dict[str, Any] = json.loads(files("mse.pseudonyms").joinpath("risks.json").read_text("utf-8"))
    return table
