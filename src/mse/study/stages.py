"""The stages from registers to the verdict: each writes its folder from values, and each has a reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mse.errors import BadInput
from mse.histories import CaptureHistories, read_tables, write_tables
from mse.histories.draws import central_table
from mse.interval import Interval
from mse.linkage import link
from mse.links import Links
from mse.pseudonyms import EncodedRegister, encode, id_map, read_encoded
from mse.pseudonyms.disclosure import agency_risks
from mse.registers import Register
from mse.robustness.verdict import feasibility
from mse.study.lists import Lists
from mse.study.plan import Plan
from mse.study.storage import read_interval, write_interval, write_verdict
from mse.writing import mark_confidential, write_bytes

__all__ = [
    "Histories",
    "read_draws",
    "read_links",
    "read_registers",
    "write_agency_only",
    "write_feasibility",
    "write_histories",
    "write_links",
    "write_pseudonyms",
]

ACCEPT = (
    "when those who answer for the lists accept them, name them in the study file: [pseudonyms] accept_risks = [...]"
)
BY_REGISTER, BY_LIST = "by-register", "by-list"


def write_pseudonyms(folder: Path, lists: Lists, plan: Plan) -> None:
    """Each register as keyed tokens; a register that came encoded is written as it came.

    Raises
    ------
    BadInput
        With every risk of disclosure of a plain register that the study file does not accept.
    """
    problems: list[str] = []
    encoded: dict[str, EncodedRegister] = {}
    for one in lists.registers:
        if isinstance(one.register, EncodedRegister):
            encoded[one.name] = one.register
            continue
        encoded[one.name] = encode(one.register, key=lists.secret, project=lists.secret.project, encoding=plan.encoding)
        risks = agency_risks(one.register, encoded[one.name])
        problems += [f"{one.name}, {risk.id}: {risk.text()}" for risk in risks if risk.id not in plan.accept_risks]
    if problems:
        raise BadInput.several(f"{plan.path}: risks of disclosure that the study does not accept; {ACCEPT}", problems)
    mark_confidential(folder)
    for name, register in encoded.items():
        register.write(folder / f"{name}.mse")


def write_agency_only(folder: Path, lists: Lists) -> None:
    """For each plain register which record holds which row of the agency's file, readable by the owner only."""
    for one in lists.registers:
        if isinstance(one.register, Register):
            lines = id_map(one.register, key=lists.secret).to_csv(index=False, lineterminator="\n")
            write_bytes(folder / f"{one.name}.csv", lines.encode(), owner_only=True)


def read_registers(folder: Path) -> tuple[EncodedRegister, ...]:
    """The encoded registers, by name."""
    return tuple(read_encoded(path) for path in sorted(folder.glob("*.mse")))


def write_links(folder: Path, registers: tuple[EncodedRegister, ...], plan: Plan, names: Mapping[str, str]) -> None:
    """Link the registers, then join them into the lists of the analysis.

    `names` gives for each register the list that it belongs to.
    """
    links = link(registers, seed=plan.seed, n_draws=plan.n_draws)
    links.write(folder / BY_REGISTER)
    merged = {one.name: tuple(name for name, of in names.items() if of == one.name) for one in plan.lists}
    links.merge_lists(merged).write(folder / BY_LIST)


def read_links(folder: Path) -> tuple[Links, Links]:
    """Links between registers, and between the lists of the analysis."""
    return Links.read(folder / BY_REGISTER), Links.read(folder / BY_LIST)


@dataclass(frozen=True, eq=False)
class Histories:
    """The capture histories of the central draw, those of all draws, and the number of distinct persons.

    Attributes
    ----------
    central : CaptureHistories
        The draw with the median number of persons: what models and the verdict are made from.
    draws : tuple of CaptureHistories
    distinct : Interval
        Distinct persons over the draws, with median.
    """

    central: CaptureHistories
    draws: tuple[CaptureHistories, ...]
    distinct: Interval


def write_histories(folder: Path, links: Links) -> None:
    """Capture histories of every draw, the table of the central one, and the number of distinct persons."""
    write_tables(folder, CaptureHistories.from_links(links))
    write_interval(folder / "distinct.json", links.distinct_persons())


def read_draws(folder: Path) -> Histories:
    """What `write_histories` wrote."""
    draws = read_tables(folder)
    return Histories(draws[central_table(draws)], draws, read_interval(folder / "distinct.json"))


def write_feasibility(folder: Path, histories: CaptureHistories, seed: int) -> None:
    """The verdict on whether these capture histories support an estimate."""
    write_verdict(folder / "verdict.json", feasibility(histories, seed=seed))
