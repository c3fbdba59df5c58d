"""Encoding: a register in, an encoded register out, and nothing of what was typed in between."""

import hmac
from collections.abc import Sequence

import pandas as pd

from mse.errors import BadInput
from mse.pseudonyms.encoded import EncodedRegister
from mse.pseudonyms.header import Header
from mse.pseudonyms.key import Key, check_project
from mse.pseudonyms.merging import Person, is_alias, merged, persons_of, same_person
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import Token, rules
from mse.pseudonyms.tokens import known_answer_digest, token_columns
from mse.registers import COMMON_CATEGORIES, IDENTIFIER_FIELDS, Register

__all__ = ["encode", "id_map"]

RECORD_BYTES = 12
UNKNOWN = "unknown"
JOIN = "\x1f"


def encode(register: Register, *, key: Key, project: str, delivery: int = 1) -> EncodedRegister:
    """Replace the identifiers of a list by keyed tokens, so that it can leave the agency.

    Parameters
    ----------
    register : Register
    key : Key
        Read with `read_key`; the agencies of one project use the same key, and the linkage unit never holds it.
    project : str
        The study that the list is encoded for; must be the one the key was made for.
    delivery : int
        1 for the first time that the list is sent; a later delivery of the list has a higher number and replaces it.

    Returns
    -------
    EncodedRegister
        Only tokens, and the attributes that have common categories. Any other column stays behind. Rows that are the
        same person in plain text become one record (see `duplicates`). The same register and key give the same bytes.

    Raises
    ------
    BadInput
        If the key is of another project, no field can be encoded, an attribute is not in its common categories, or
        the delivery is not a number from 1 on.

    References
    ----------
    HMAC: RFC 2104, https://doi.org/10.17487/RFC2104. HKDF: RFC 5869, https://doi.org/10.17487/RFC5869.

    Examples
    --------
    >>> from datetime import date
    >>> from mse.registers import Codebook, Column
    >>> columns = (Column("navn", "name", "given_name", identifier=True),)
    >>> year = (date(2020, 1, 1), date(2020, 12, 31))
    >>> codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", columns)
    >>> register = Register(codebook, pd.DataFrame({"given_name": ["Ana", "Åse"]}, dtype="str"), source_sha256="")
    >>> encode(register, key=Key("demo", bytes(range(32))), project="demo")
    EncodedRegister('rosa', 2 records, 3 token fields, project 'demo', key 38906176)
    """
    check_project(project)
    if project != key.project:
        raise BadInput(f"the key was made for project {key.project!r}, not {project!r}; a key serves one project only")
    if delivery < 1:
        raise BadInput(f"delivery={delivery} is not possible; the first delivery of a list is 1, the next one 2")
    tokens = _tokens(register)
    persons = persons_of(register)
    forms = [normal_forms(person) for person in persons]
    groups, _ = same_person(forms)
    attributes = tuple(field for field in COMMON_CATEGORIES if field in register.attribute_fields)
    one_each = [forms[group[0]] if len(group) == 1 else _merged_forms(persons, group) for group in groups]
    columns: dict[str, Sequence[str | None]] = {
        "record": _record_ids(register, groups, key, delivery),
        **token_columns(one_each, tokens, key=key),
        **{field: _attribute(register, field, groups) for field in attributes},
    }
    records = pd.DataFrame(columns, dtype="str").sort_values("record", ignore_index=True)
    return EncodedRegister(_header(register, key, tokens, attributes, len(records), delivery), records)


def id_map(register: Register, *, key: Key, delivery: int = 1) -> pd.DataFrame:
    """Which record of the encoded list holds which row of the agency's file. The agency keeps it and never sends it.

    Parameters
    ----------
    register : Register
    key : Key
    delivery : int
        As given to `encode`.

    Returns
    -------
    DataFrame, columns record, row
        Sorted by record; a record that was merged from several rows has a line for each. It holds no name.
    """
    groups, _ = same_person([normal_forms(person) for person in persons_of(register)])
    rows = register.records.index
    lines = [
        (record, int(rows[i]))
        for record, group in zip(_record_ids(register, groups, key, delivery), groups, strict=True)
        for i in group
    ]
    return pd.DataFrame(sorted(lines), columns=["record", "row"])


def _tokens(register: Register) -> tuple[Token, ...]:
    present = frozenset("alias" if is_alias(field) else field for field in register.identifier_fields)
    tokens = rules().tokens_of(present)
    if not tokens:
        raise BadInput(
            f"the register {register.name!r} has no field that can be encoded; declare at least one of "
            f"{', '.join(IDENTIFIER_FIELDS)} in its codebook"
        )
    return tokens


def _merged_forms(persons: Sequence[Person], group: Sequence[int]) -> dict[str, str]:
    return normal_forms(merged([persons[i] for i in group]))


def _record_ids(register: Register, groups: Sequence[Sequence[int]], key: Key, delivery: int) -> list[str]:
    """Ids that only the key can tell from random ones; sorting by them shuffles the rows, the same on every run."""
    subkey = key.subkey("record", "all", version=rules().version)
    rows = register.records.index
    about = (register.codebook.agency, register.name, str(delivery))
    names = [JOIN.join((*about, str(int(rows[group[0]])))) for group in groups]
    return [hmac.digest(subkey, name.encode("utf-8"), "sha256")[:RECORD_BYTES].hex() for name in names]


def _attribute(register: Register, field: str, groups: Sequence[Sequence[int]]) -> list[str | None]:
    """The category of each record; of merged rows the first that is known."""
    column = register.records[field]
    if not column.dropna().isin(COMMON_CATEGORIES[field].codes).all():
        raise BadInput(
            f"the register {register.name!r} holds values of {field} that are not common categories; "
            f"map its local codes in the codebook to {', '.join(COMMON_CATEGORIES[field].codes)}"
        )
    values = [None if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
    return [_first_known([values[i] for i in group]) for group in groups]


def _first_known(values: Sequence[str | None]) -> str | None:
    given = [value for value in values if value is not None]
    return next((value for value in given if value != UNKNOWN), given[0] if given else None)


def _header(
    register: Register, key: Key, tokens: Sequence[Token], attributes: tuple[str, ...], n_records: int, delivery: int
) -> Header:
    codebook = register.codebook
    return Header(
        rules_version=rules().version,
        rules_digest=rules().digest,
        project=key.project,
        register=codebook.name,
        agency=codebook.agency,
        population=codebook.population,
        presence=codebook.presence,
        period=codebook.period,
        case_definition=codebook.case_definition,
        case_definition_id=codebook.case_definition_id,
        counting_rule=codebook.counting_rule,
        population_covered=codebook.population_covered,
        key_fingerprint=key.fingerprint,
        kat_digest=known_answer_digest(key),
        fields=tuple(rules().token_field(token) for token in tokens),
        attributes=attributes,
        n_rows=len(register),
        n_set_aside=register.n_set_aside,
        n_records=n_records,
        delivery=delivery,
    )
