"""Header: the first line of an encoded file, by which two files prove that they may be linked."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from mse.errors import BadInput

__all__ = ["ENCODINGS", "FORMAT", "Header", "TokenField"]

FORMAT = "mse-encoded 2"
ENCODINGS = ("match_keys", "bloom")
KINDS = ("token", "tokens", "bloom", "blooms")
POPULATIONS = ("adults", "minors")
PRESENCES = ("in contact", "new")
TEXTS = (
    "rules_version",
    "project",
    "register",
    "agency",
    "case_definition",
    "case_definition_id",
    "counting_rule",
    "population_covered",
)
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
HEX_32 = re.compile(r"[0-9a-f]{64}")
MAX_LENGTH = 1 << 20


@dataclass(frozen=True)
class TokenField:
    """One column of tokens or filters: its name, its kind (several in a cell or not), and the fields behind it."""

    name: str
    kind: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """What an encoded file declares about itself. Nothing in it comes from an identifier column.

    Attributes
    ----------
    format, rules_version, rules_digest : str
        Layout of the file, and the version and SHA-256 of the normalisation rules.
    encoding : {"match_keys", "bloom"}
        What the names and dates became: tokens of at least two fields together, or filters of one field each.
    project : str
        The study for which the key was made.
    register, agency, population, presence, case_definition, case_definition_id, counting_rule : str
    population_covered : str
    period : tuple of two dates
        As declared in the register's codebook; `period` is its first and last day.
    key_fingerprint, kat_digest : str
        64 hexadecimal digits each. Equal fingerprints: the same key. Equal `kat_digest`: also the same code and
        rules, since it is the digest of the tokens of 50 fixed fake persons.
    fields : tuple of TokenField
    attributes : tuple of str
        Allow-listed columns that are not encoded (sex, age group, ...), in the common categories.
    n_rows, n_set_aside, n_records : int
        Readable rows of the agency's list, unreadable rows, and records in this file: `n_rows - n_records` rows
        were merged at the agency because they were the same person in plain text.
    delivery : int
        1 for the first time that the agency sends the list to the project; a later delivery replaces an earlier one.
    """

    rules_version: str
    rules_digest: str
    encoding: str
    project: str
    register: str
    agency: str
    population: str
    presence: str
    period: tuple[date, date]
    case_definition: str
    case_definition_id: str
    counting_rule: str
    population_covered: str
    key_fingerprint: str
    kat_digest: str
    fields: tuple[TokenField, ...]
    attributes: tuple[str, ...]
    n_rows: int
    n_set_aside: int
    n_records: int
    delivery: int = 1
    format: str = FORMAT

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the records, in their order."""
        return ("record", *(token.name for token in self.fields), *self.attributes)

    def to_json(self, **digest: str) -> str:
        """One line of JSON with sorted keys and no spaces, the same from any program that writes it."""
        about = asdict(self) | {"period": {"start": self.period[0].isoformat(), "end": self.period[1].isoformat()}}
        return json.dumps(about | digest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str, *, file: str) -> tuple["Header", str]:
        """Read a header line strictly; also gives the digest that it carries.

        Raises
        ------
        BadInput
            If the line is not exactly a header of this format. Nothing of the line is repeated in the message,
            since the file may be a plain list that was given by mistake.
        """
        about = _parsed(line, file)
        if about.get("format") != FORMAT:
            raise BadInput(
                f"{file}: written in a format that this version cannot read (it reads {FORMAT!r}); "
                "encode the list again with the version of the package that links it"
            )
        expected = {field.name for field in fields(cls)} | {"digest"}
        if set(about) != expected:
            raise BadInput(
                f"{file}: its header lacks {sorted(expected - set(about))} and has {len(set(about) - expected)} "
                "unknown entries; the file was changed after it was written, ask the agency for the original"
            )
        digest = about.pop("digest")
        faults = [name for name, fits in _checks(about).items() if not fits]
        if not (isinstance(digest, str) and HEX_32.fullmatch(digest)):
            faults.append("digest")
        if faults:
            raise BadInput(
                f"{file}: the header entries {faults} do not have the declared form; "
                "the file was changed after it was written, ask the agency for the original"
            )
        about["period"] = tuple(date.fromisoformat(about["period"][end]) for end in ("start", "end"))
        about["fields"] = tuple(TokenField(t["name"], t["kind"], tuple(t["of"])) for t in about["fields"])
        about["attributes"] = tuple(about["attributes"])
        return cls(**about), digest


def _parsed(line: str, file: str) -> dict[str, Any]:
    advice = "is it a list that was not yet encoded, or was the file cut? Encode the list with `mse encode`"
    if len(line) > MAX_LENGTH:
        raise BadInput(f"{file}: the first line is too long for the header of an encoded file; {advice}")
    try:
        about = json.loads(line, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise BadInput(f"{file}: the first line is not the header of an encoded file; {advice}") from None
    return about


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _checks(about: Mapping[str, Any]) -> dict[str, bool]:
    """For each entry whether it has the form that `Header` declares."""
    checks = {name: _is_text(about[name]) for name in TEXTS}
    checks["encoding"] = about["encoding"] in ENCODINGS
    checks["population"] = about["population"] in POPULATIONS
    checks["presence"] = about["presence"] in PRESENCES
    for name in ("rules_digest", "key_fingerprint", "kat_digest"):
        value = about[name]
        checks[name] = isinstance(value, str) and HEX_32.fullmatch(value) is not None
    for name in ("n_rows", "n_set_aside", "n_records"):
        value = about[name]
        checks[name] = type(value) is int and value >= 0
    checks["delivery"] = type(about["delivery"]) is int and about["delivery"] >= 1
    checks["period"] = _is_period(about["period"])
    tokens, attributes = about["fields"], about["attributes"]
    checks["fields"] = isinstance(tokens, list) and all(map(_is_token, tokens))
    checks["attributes"] = isinstance(attributes, list) and all(map(_is_name, attributes))
    if checks["fields"] and checks["attributes"]:
        names = ["record", *(token["name"] for token in tokens), *attributes]
        checks["fields"] = len(set(names)) == len(names) and len(tokens) > 0
    return checks


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _is_period(value: object) -> bool:
    if not (isinstance(value, dict) and set(value) == {"start", "end"}):
        return False
    try:
        return date.fromisoformat(value["start"]) <= date.fromisoformat(value["end"])
    except (TypeError, ValueError):
        return False


def _is_name(value: object) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _is_token(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"name", "kind", "of"}
        and _is_name(value["name"])
        and value["kind"] in KINDS
        and isinstance(value["of"], list)
        and len(value["of"]) > 0
        and all(map(_is_name, value["of"]))
    )
