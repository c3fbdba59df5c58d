"""Whether lists may be linked: the same population, period, presence and case definition, or a reason to do so."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from mse.errors import BadInput
from mse.pseudonyms import EncodedRegister
from mse.registers import Register

__all__ = ["Declarations", "check_comparable", "check_population", "declarations"]

ASKED = {
    "period": "the periods",
    "presence": "who is on the list (everyone in contact, or new persons only)",
    "case_definition": "the case definitions",
}
ALSO_EXPLAINED = ("counting_rule",)


class Declarations(Protocol):
    """What a codebook and the header of an encoded file both declare."""

    @property
    def population(self) -> str: ...
    @property
    def presence(self) -> str: ...
    @property
    def period(self) -> tuple[date, date]: ...
    @property
    def case_definition_id(self) -> str: ...


def declarations(register: Register | EncodedRegister) -> Declarations:
    """The declarations of a register: its codebook, or the header of its encoded file."""
    return register.codebook if isinstance(register, Register) else register.header


def check_comparable(
    registers: Sequence[Register | EncodedRegister], *, reasons: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Stop when the lists differ in period, presence or case definition and nobody says why they may be linked.

    Parameters
    ----------
    registers : sequence of Register or EncodedRegister
    reasons : mapping of str to str
        Why a difference is acceptable, by `period`, `presence`, `case_definition`; a reason for `counting_rule` may be
        given too and is handed on, since counting rules are in free text that is not compared.

    Returns
    -------
    tuple of str
        One sentence for each difference, with its reason.

    Raises
    ------
    BadInput
        With all differences that have no reason; always when adults and minors are mixed.

    Examples
    --------
    >>> check_comparable([])
    ()
    """
    given = dict(reasons or {})
    unknown = [key for key in given if key not in (*ASKED, *ALSO_EXPLAINED)]
    if unknown:
        raise BadInput.unknown("difference", unknown[0], (*ASKED, *ALSO_EXPLAINED))
    check_population(registers)
    unexplained, explained = [], []
    for key, what in ASKED.items():
        found = _by_value(registers, key)
        if len(found) < 2:
            continue
        sentence = f"{what} differ: " + "; ".join(f"{value} ({', '.join(names)})" for value, names in found.items())
        if given.get(key, "").strip():
            explained.append(f"{sentence}. Reason given: {given[key].strip()}")
        else:
            unexplained.append(
                f'{sentence}; say under [differences] in the study file, with {key} = "...", why '
                "they may be linked, or leave lists out"
            )
    if unexplained:
        raise BadInput.several("the lists cannot be linked as they are", unexplained)
    if given.get("counting_rule", "").strip():
        explained.append(f"counting rules: {given['counting_rule'].strip()}")
    return tuple(explained)


def check_population(registers: Sequence[Register | EncodedRegister]) -> None:
    """Refuse to mix adults and minors: they are two populations, and are estimated apart."""
    found = _by_value(registers, "population")
    if len(found) > 1:
        listed = "; ".join(f"{value} ({', '.join(names)})" for value, names in found.items())
        raise BadInput(f"the lists hold different populations: {listed}; link adults and minors apart")


def _by_value(registers: Sequence[Register | EncodedRegister], key: str) -> dict[str, list[str]]:
    """The names of the registers by what they declare, in their order."""
    found: dict[str, list[str]] = {}
    for register in registers:
        own = declarations(register)
        value = {
            "population": own.population,
            "presence": own.presence,
            "case_definition": own.case_definition_id,
            "period": f"{own.period[0]} to {own.period[1]}",
        }[key]
        found.setdefault(value, []).append(register.name)
    return found
