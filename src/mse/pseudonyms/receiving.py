"""The receiving check: what a linkage unit or a reviewer looks at before encoded files are linked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mse.errors import BadInput
from mse.pseudonyms.disclosure import Risk, received_risks
from mse.pseudonyms.encoded import EncodedRegister, read_encoded
from mse.pseudonyms.key_book import check_not_ended
from mse.pseudonyms.origin import check_same_origin, delivery_warnings, latest_deliveries
from mse.pseudonyms.rules import rules

__all__ = ["ReceivedFile", "Reception", "check_key_not_lost", "check_received"]


@dataclass(frozen=True, eq=False)
class ReceivedFile:
    """One file that was received.

    Attributes
    ----------
    path : Path
    register : EncodedRegister or None
        None where the file cannot be read.
    problems : tuple of str
        Why the file cannot be used; empty when it can.
    risks : tuple of Risk
        What it gives away as far as can be seen without the key: a warning, not a reason to refuse.
    """

    path: Path
    register: EncodedRegister | None
    problems: tuple[str, ...]
    risks: tuple[Risk, ...] = ()


@dataclass(frozen=True, eq=False)
class Reception:
    """All files that were received, what is wrong between them, and what they give away together."""

    files: tuple[ReceivedFile, ...]
    between: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that stands in the way of linking, file by file, then between files."""
        return (*(problem for file in self.files for problem in file.problems), *self.between)

    def to_frame(self) -> pd.DataFrame:
        """One row per file; counts are those that its header declares.

        Returns
        -------
        DataFrame
            Columns file, list, agency, project, key (first digits of its fingerprint), encoding, delivery, rows,
            set_aside, records, columns, empty (share of token cells that are), risks (ids), status ("usable" or
            "refused"), problems.
        """
        return pd.DataFrame([_row(file) for file in self.files])


def check_received(paths: Sequence[str | Path], *, latest: bool = False) -> Reception:
    """Check encoded files alone and together, and collect everything that is wrong.

    Parameters
    ----------
    paths : sequence of str or Path
    latest : bool
        Whether of each list only the latest delivery counts.

    Returns
    -------
    Reception
        Checked are the form and the digest of each file, that its columns and categories are those of the allow-list
        of this version, the same project, key, rules, encoding, known answers and population, lists given twice, and
        keys that are recorded as lost in a key book beside the files.
    """
    read = [_read(Path(path)) for path in paths]
    chosen = [file.register for file in read if file.register is not None]
    warnings = delivery_warnings(chosen)
    if latest:
        chosen = list(latest_deliveries(chosen))
    try:
        check_same_origin(chosen)
        between: tuple[str, ...] = ()
    except BadInput as error:
        between = error.reasons
    files = tuple(
        ReceivedFile(file.path, file.register, file.problems, _risks(file.register, chosen))
        for file in read
        if file.register is None or file.register in chosen
    )
    return Reception(files, between, warnings)


def check_key_not_lost(path: Path, register: EncodedRegister) -> None:
    """Refuse a file whose key is recorded as lost in the key book beside it; whoever found the key can read it."""
    check_not_ended(
        register.header.key_fingerprint, [path.absolute().parent], events=("lost",), what=f"{path}: its key"
    )


def _read(path: Path) -> ReceivedFile:
    try:
        register = read_encoded(path)
    except BadInput as error:
        return ReceivedFile(path, None, error.reasons)
    problems = [f"{path}: {problem}" for problem in _not_allowed(register)]
    try:
        check_key_not_lost(path, register)
    except BadInput as error:
        problems += error.reasons
    return ReceivedFile(path, register, tuple(problems))


def _not_allowed(register: EncodedRegister) -> list[str]:
    """Columns, categories and rules that this version of the package does not write."""
    header = register.header
    if (header.rules_version, header.rules_digest) != (rules().version, rules().digest):
        return [
            f"made with the rules {header.rules_version!r} ({header.rules_digest[:12]}), this version has "
            f"{rules().version!r} ({rules().digest[:12]}); use one version of the package at the agencies and here"
        ]
    problems = []
    known = [rules().token_field(token) for token in rules().tokens if header.encoding in token.encodings]
    wrong = [field.name for field in header.fields if field not in known]
    if wrong:
        problems.append(f"its columns {', '.join(wrong)} are none that this package writes; do not use the file")
    if not len(register):
        problems.append("it holds no record; ask the agency for its list")
    return problems


def _risks(register: EncodedRegister | None, all_of_them: Sequence[EncodedRegister]) -> tuple[Risk, ...]:
    if register is None or not len(register):
        return ()
    return received_risks(register, others=[other for other in all_of_them if other is not register])


def _row(file: ReceivedFile) -> dict[str, object]:
    row: dict[str, object] = {"file": str(file.path)}
    if file.register is None:
        missing = ("list", "agency", "project", "key", "encoding")
        row |= dict.fromkeys(missing, "") | dict.fromkeys(("delivery", "rows", "set_aside", "records", "columns"), 0)
        row["empty"] = 0.0
    else:
        header, cells = file.register.header, file.register.records[list(file.register.fields)]
        row |= {
            "list": header.register,
            "agency": header.agency,
            "project": header.project,
            "key": header.key_fingerprint[:12],
            "encoding": header.encoding,
            "delivery": header.delivery,
            "rows": header.n_rows,
            "set_aside": header.n_set_aside,
            "records": header.n_records,
            "columns": len(header.fields),
            "empty": float(cells.isna().to_numpy().mean()) if len(cells) else 0.0,
        }
    return row | {
        "risks": " ".join(risk.id for risk in file.risks),
        "status": "refused" if file.problems else "usable",
        "problems": "; ".join(file.problems),
    }
