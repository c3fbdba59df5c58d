"""The registers of a study, read and checked together: every fault of every file is told at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mse.errors import BadInput
from mse.provenance import sha256_of_file
from mse.pseudonyms import EncodedRegister, Header, Key, read_encoded, read_key
from mse.registers import Codebook, Register, codebook_path, read_register
from mse.study.agreement import check_agreement
from mse.study.plan import Plan
from mse.writing import write_text

__all__ = ["ListedRegister", "Lists", "read_lists", "write_set_aside"]


@dataclass(frozen=True, eq=False)
class ListedRegister:
    """One register file of the study, with the list that it belongs to and the hashes of what was read."""

    path: Path
    list_name: str
    register: Register | EncodedRegister
    sha256: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.register.name

    @property
    def declared(self) -> Codebook | Header:
        """What the codebook, or the header of an encoded file, declares."""
        return self.register.codebook if isinstance(self.register, Register) else self.register.header

    @property
    def n_records(self) -> int:
        """Readable rows of the agency's list."""
        return len(self.register) if isinstance(self.register, Register) else self.register.header.n_rows

    @property
    def n_set_aside(self) -> int:
        return (self.register if isinstance(self.register, Register) else self.register.header).n_set_aside

    @property
    def notes(self) -> tuple[str, ...]:
        return self.register.notes if isinstance(self.register, Register) else ()


@dataclass(frozen=True, eq=False)
class Lists:
    """The registers of a study and the key with which the plain ones are encoded."""

    registers: tuple[ListedRegister, ...]
    key: Key | None

    @property
    def secret(self) -> Key:
        """The key, where plain registers need it."""
        if self.key is None:
            raise BadInput("plain registers are encoded with the project's key; name it in the study file as key")
        return self.key

    @property
    def sha256(self) -> dict[str, str]:
        """Hashes of all files that were read, by register and file."""
        return {f"{one.name} {what}": value for one in self.registers for what, value in one.sha256.items()}


def read_lists(plan: Plan) -> Lists:
    """Read every register and the key, and check that the registers may be linked.

    Raises
    ------
    BadInput
        With the faults of all files; of an identifier column never a value.
    """
    found: list[ListedRegister] = []
    problems: list[str] = []
    for planned in plan.lists:
        for path in planned.registers:
            try:
                found.append(_read(path, planned.name))
            except BadInput as error:
                problems += error.reasons
    key = None
    if plan.key is not None:
        try:
            key = read_key(plan.key)
        except BadInput as error:
            problems += error.reasons
    problems += _between(found, plan, key)
    if problems:
        raise BadInput.several(f"{plan.path}: the registers cannot be used", problems)
    check_agreement(plan, [one.register for one in found])
    return Lists(tuple(found), key)


def write_set_aside(path: Path, lists: Lists) -> None:
    """Every row that could not be read, with its file, row, column and reason; never what stands in the cell."""
    columns = ["register", "file", "row", "column", "reason"]
    rows = [
        (one.name, problem.file, problem.row, problem.column, problem.reason)
        for one in lists.registers
        if isinstance(one.register, Register)
        for problem in one.register.problems
    ]
    frame = pd.DataFrame(rows, columns=columns).astype({"row": "Int64"})
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def _read(path: Path, list_name: str) -> ListedRegister:
    if path.suffix == ".mse":
        return ListedRegister(path, list_name, read_encoded(path), {"file": sha256_of_file(path)})
    register = read_register(path, unreadable="set_aside")
    hashes = {"file": register.source_sha256, "codebook": sha256_of_file(codebook_path(path))}
    return ListedRegister(path, list_name, register, hashes)


def _between(found: list[ListedRegister], plan: Plan, key: Key | None) -> list[str]:
    """What is wrong between the registers, or between them and the project's key."""
    names = [one.name for one in found]
    problems = [
        f"two registers are named {name!r}; give each its own name in its codebook"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if key is not None and key.project != plan.project:
        problems.append(f"the key was made for project {key.project!r}, the study is {plan.project!r}; use its own key")
    problems += [
        f"{one.path.name} was encoded for project {one.register.header.project!r}, the study is {plan.project!r}; "
        "ask the agency to encode its list for this project"
        for one in found
        if isinstance(one.register, EncodedRegister) and one.register.header.project != plan.project
    ]
    return problems
