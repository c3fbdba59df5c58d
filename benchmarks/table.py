"""The table of benchmarks/README.md: rows by what is measured, replaced one by one, the others kept."""

import os
import platform
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path

from mse.writing import write_text

BEGIN, END = "<!-- rows written by make bench -->", "<!-- end of the rows -->"
HEADER = (
    "| what | elsewhere | target | median | fastest | within target | first call in a new process | peak memory "
    "| machine |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Row:
    """One line of the table; all cells are text, `what` is the key."""

    what: str
    elsewhere: str
    target: str
    median: str
    fastest: str
    within: str
    first_call: str
    memory: str
    machine: str

    def __str__(self) -> str:
        return f"| {' | '.join(cell.replace('|', '/') for cell in astuple(self))} |"


def merge_rows(readme: Path, rows: Iterable[Row]) -> None:
    """Put rows in the place of those with the same `what`, new ones at the end; the file is replaced in one step."""
    text = readme.read_text("utf-8")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    lines = {line.split("|")[1].strip(): line for line in old.strip().splitlines()[2:]}
    lines |= {row.what: str(row) for row in rows}
    write_text(readme, f"{before}{BEGIN}\n{HEADER}{''.join(f'{line}\n' for line in lines.values())}{END}{after}")


def machine() -> str:
    """Cores, Python and the libraries that the figures depend on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scipy"))
    return f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}, {libraries}"
