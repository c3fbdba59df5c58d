"""Whether the registers of a study may be linked: with each other, and with what the study says it counts."""

from collections.abc import Sequence

from mse.errors import BadInput
from mse.linkage import check_comparable
from mse.pseudonyms import EncodedRegister, Header
from mse.registers import Codebook, Register
from mse.study.plan import Plan

__all__ = ["check_agreement"]


def check_agreement(plan: Plan, registers: Sequence[Register | EncodedRegister]) -> None:
    """Stop the study unless its registers agree with it and with each other, or it says why they may differ.

    Raises
    ------
    BadInput
        With everything that differs without a reason: period, presence, case definition, counting rule. Adults and
        minors are never mixed, whatever the study says.
    """
    of_population = [one for one in registers if _declared(one).population == plan.population]
    problems = [
        f"register {one.name!r} holds {_declared(one).population}, the study counts {plan.population}; adults and "
        "minors are separate populations and are never linked, so make a study for each"
        for one in registers
        if one not in of_population
    ]
    try:
        check_comparable(of_population, reasons=plan.differences)
    except BadInput as error:
        problems += error.reasons
    problems += _against_study(plan, of_population) + _counting_rules(plan, of_population)
    if problems:
        raise BadInput.several(f"{plan.path}: the registers cannot be linked", problems)


def _against_study(plan: Plan, registers: Sequence[Register | EncodedRegister]) -> list[str]:
    """Registers that agree with each other, but not with the study."""
    wanted = {"period": f"{plan.period[0]} to {plan.period[1]}", "presence": plan.presence}
    problems = []
    for what, value in wanted.items():
        held = {_value(one, what) for one in registers}
        if len(held) == 1 and value not in held and what not in plan.differences:
            problems.append(
                f"the {what} of all registers is {held.pop()!r}, of the study {value!r}; correct the study file, or "
                f'say under [differences], with {what} = "...", why they may differ'
            )
    return problems


def _counting_rules(plan: Plan, registers: Sequence[Register | EncodedRegister]) -> list[str]:
    rules = {one.name: _declared(one).counting_rule for one in registers}
    if len(set(rules.values())) < 2 or "counting_rule" in plan.differences:
        return []
    told = "; ".join(
        f"{rule!r} ({', '.join(name for name, own in rules.items() if own == rule)})"
        for rule in dict.fromkeys(rules.values())
    )
    return [
        f"the counting rules differ: {told}; say under [differences] in the study file, with "
        'counting_rule = "...", why they may be linked, or leave lists out'
    ]


def _value(register: Register | EncodedRegister, what: str) -> str:
    own = _declared(register)
    return f"{own.period[0]} to {own.period[1]}" if what == "period" else own.presence


def _declared(register: Register | EncodedRegister) -> Codebook | Header:
    return register.codebook if isinstance(register, Register) else register.header
