"""Encoding: a register in, an encoded register out, and nothing of what was typed in between."""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from joblib import Parallel, delayed
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.pseudonyms.disclosure import accept_or_refuse, agency_risks
from mse.pseudonyms.encoded import EncodedRegister
from mse.pseudonyms.header import ENCODINGS, Header
from mse.pseudonyms.key import Key, check_project
from mse.pseudonyms.merging import Person, compared, is_alias, merged, persons_of, same_person
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import Token, rules
from mse.pseudonyms.tokens import Subkeys, keyed_hash, known_answer_digest, subkeys, token_columns
from mse.registers import COMMON_CATEGORIES, IDENTIFIER_FIELDS, Register

__all__ = ["encode", "id_map"]

UNKNOWN = "unknown"
CHUNK = 10_000  # records that are hashed together; what is written does not depend on it


def encode(
    register: Register,
    *,
    key: Key,
    project: str,
    encoding: Literal["match_keys", "bloom"] = "match_keys",
    delivery: int = 1,
    accept_risks: Collection[str] | None = None,
    n_jobs: int = 1,
) -> EncodedRegister:
    """Replace the identifiers of a list by keyed tokens, so that it can leave the agency.

    Parameters
    ----------
    register : Register
    key : Key
        Read with `read_key`; the agencies of one project use the same key, and the linkage unit never holds it.
    project : str
        The study that the list is encoded for; must be the one the key was made for.
    encoding : {"match_keys", "bloom"}
        ``match_keys``: tokens of two fields or more together, such as both names with the date of birth; they can
        be equal or not, and hardly any stands on two persons. ``bloom``: a filter for each name and for the birth,
        in which similar values stay similar; it finds more misspelt persons, and gives more away: similarities and
        frequent names. All lists of a project need the same. Personal numbers are tokens in both.
    delivery : int
        1 for the first time that the list is sent; a later delivery of the list has a higher number and replaces it.
    accept_risks : collection of str, optional
        Ids of the risks of disclosure that the agency accepts (see `mse encode --dry-run`); a risk that is found and
        not among them is refused. None does not judge the list: for work in memory. A list that leaves the building
        goes through `mse encode`, the offline page or `mse run`, which always judge.
    n_jobs : int
        Processes. The result does not depend on it.

    Returns
    -------
    EncodedRegister
        Only tokens, and the attributes that have common categories. Any other column stays behind. Rows that are the
        same person in plain text become one record (see `duplicates`). The same register and key give the same bytes.

    Raises
    ------
    BadInput
        If the key is of another project, no field can be encoded, an attribute is not in its common categories,
        an option is not possible, or a risk was found that is not accepted.

    References
    ----------
    HMAC: RFC 2104, https://doi.org/10.17487/RFC2104. HKDF: RFC 5869, https://doi.org/10.17487/RFC5869.

    Examples
    --------
    >>> from datetime import date
    >>> from mse.registers import Codebook, Column
    >>> columns = (Column("duf", "text", "duf", identifier=True),)
    >>> year = (date(2020, 1, 1), date(2020, 12, 31))
    >>> codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", columns)
    >>> register = Register(codebook, pd.DataFrame({"duf": ["209912345678", None]}, dtype="str"), source_sha256="")
    >>> encode(register, key=Key("demo", bytes(range(32))), project="demo")
    EncodedRegister('rosa', 2 records, 1 token fields, project 'demo', key 38906176)
    """
    check_project(project)
    if project != key.project:
        raise BadInput(f"the key was made for project {key.project!r}, not {project!r}; a key serves one project only")
    if delivery < 1:
        raise BadInput(f"delivery={delivery} is not possible; the first delivery of a list is 1, the next one 2")
    if encoding not in ENCODINGS:
        raise BadInput.option("encoding", encoding, ENCODINGS)
    if n_jobs < 1:
        raise BadInput(f"n_jobs={n_jobs!r} is below 1; give the number of processes")
    tokens = _tokens(register, encoding)
    attributes = tuple(field for field in COMMON_CATEGORIES if field in register.attribute_fields)
    for field in attributes:
        _check_attribute(register, field)
    keys = subkeys(key, tokens)
    ids = _record_ids(register, key, delivery)
    order = np.argsort(ids, kind="stable")
    places = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)] or [order]
    # Big arrays would reach the other processes through a file; nothing that was typed goes to the disk.
    workers = Parallel(n_jobs=n_jobs, max_nbytes=None, return_as="generator")
    tasks = (delayed(_hashed)(_typed(register, own), [ids[i].decode() for i in own], tokens, keys) for own in places)
    made = [(_copied(own), _copied(found)) for own, found in workers(tasks)]
    chunks = [own.assign(**_attributes(register, at, attributes)) for at, (own, _) in zip(places, made, strict=True)]
    comparable = pd.concat([found.set_axis(at) for at, (_, found) in zip(places, made, strict=True)])
    del made  # a large list is held once
    comparable = comparable.sort_index()
    groups, _ = same_person(comparable)
    del comparable
    if groups:
        one_each = _merged_records(register, groups, ids, tokens, keys, attributes)
        repeated = np.zeros(len(ids), dtype=bool)
        repeated[[i for group in groups for i in group]] = True
        for place, at in enumerate(places):
            chunks[place] = _with_merged(chunks[place], repeated[at], one_each)
    records = pd.concat(chunks, ignore_index=True)
    del chunks
    encoded = EncodedRegister(
        _header(register, key, encoding, tokens, attributes, len(records), delivery), records.astype("str")
    )
    if accept_risks is not None:
        accept_or_refuse(agency_risks(register, encoded), accepted=accept_risks, name=register.name)
    return encoded


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
    groups, _ = same_person(compared([normal_forms(person) for person in persons_of(register)]))
    first_of = {i: group[0] for group in groups for i in group}
    ids = _record_ids(register, key, delivery)
    lines = [(ids[first_of.get(i, i)].decode(), int(row)) for i, row in enumerate(register.records.index)]
    return pd.DataFrame(sorted(lines), columns=["record", "row"])


def _tokens(register: Register, encoding: str) -> tuple[Token, ...]:
    present = frozenset("alias" if is_alias(field) else field for field in register.identifier_fields)
    tokens = rules().tokens_of(present, encoding=encoding)
    if not tokens:
        raise BadInput(
            f"the register {register.name!r} has no fields that can be encoded as {encoding}; declare more of "
            f"{', '.join(IDENTIFIER_FIELDS)} in its codebook"
        )
    return tokens


def _typed(register: Register, rows: NDArray[np.intp]) -> list[Person]:
    return persons_of(register, register.records.iloc[rows])


def _hashed(
    persons: Sequence[Person], ids: Sequence[str], tokens: Sequence[Token], keys: Subkeys
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of these rows, and what decides whether two rows are the same person."""
    wanted = frozenset(form for token in tokens for form in token.forms)
    forms = [normal_forms(person, wanted=wanted) for person in persons]
    columns = {"record": ids, **token_columns(forms, tokens, records=ids, subkeys=keys)}
    return pd.DataFrame(columns, dtype="str"), compared(forms)


def _copied(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in Arrow's memory: what came from another process lies in Python's heap, which keeps it when freed."""
    rows = pa.array(np.arange(len(frame)))
    return pd.DataFrame({name: pd.array(pa.array(frame[name]).take(rows), dtype="str") for name in frame})


def _attributes(register: Register, rows: NDArray[np.intp], attributes: Sequence[str]) -> dict[str, pd.Series]:
    return {field: register.records[field].iloc[rows].reset_index(drop=True).astype("str") for field in attributes}


def _with_merged(chunk: pd.DataFrame, repeated: NDArray[np.bool_], one_each: pd.DataFrame) -> pd.DataFrame:
    """A chunk in which rows that are the same person are one record; it stays in order, and in its place."""
    if not repeated.any():
        return chunk
    merged_here = one_each[one_each["record"].isin(chunk.loc[repeated, "record"])]
    return pd.concat([chunk[~repeated], merged_here]).sort_values("record", ignore_index=True)


def _merged_records(
    register: Register,
    groups: Sequence[Sequence[int]],
    ids: NDArray[np.bytes_],
    tokens: Sequence[Token],
    keys: Subkeys,
    attributes: Sequence[str],
) -> pd.DataFrame:
    """One record for each group of rows that are the same person, under the id of its first row."""
    persons = [merged(_typed(register, np.array(group))) for group in groups]
    records, _ = _hashed(persons, [ids[group[0]].decode() for group in groups], tokens, keys)
    for field in attributes:
        column = register.records[field]
        records[field] = pd.Series([_first_known(column.iloc[list(group)].dropna()) for group in groups], dtype="str")
    return records


def _record_ids(register: Register, key: Key, delivery: int) -> NDArray[np.bytes_]:
    """For each row an id that only the key can tell from a random one; sorting by them shuffles the rows."""
    subkey = key.subkey("record", "all", version=rules().version)
    table = rules().tables["hashing"]
    about = table["join"].join((register.codebook.agency, register.name, str(delivery), ""))
    hashed = keyed_hash(subkey, n_bytes=table["record_bytes"])
    ids = [hashed(f"{about}{int(row)}".encode()).hex() for row in register.records.index]
    return np.array(ids, dtype=f"S{2 * table['record_bytes']}")


def _check_attribute(register: Register, field: str) -> None:
    column = register.records[field]
    if not column.dropna().isin(COMMON_CATEGORIES[field].codes).all():
        raise BadInput(
            f"the register {register.name!r} holds values of {field} that are not common categories; "
            f"map its local codes in the codebook to {', '.join(COMMON_CATEGORIES[field].codes)}"
        )


def _first_known(given: pd.Series) -> str | None:
    """Of the categories of merged rows the first that is known."""
    values = [str(value) for value in given]
    return next((value for value in values if value != UNKNOWN), values[0] if values else None)


def _header(
    register: Register,
    key: Key,
    encoding: str,
    tokens: Sequence[Token],
    attributes: tuple[str, ...],
    n_records: int,
    delivery: int,
) -> Header:
    codebook = register.codebook
    return Header(
        rules_version=rules().version,
        rules_digest=rules().digest,
        encoding=encoding,
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
