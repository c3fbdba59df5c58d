"""Origin: encoded lists may be linked only if one key, one code and one set of rules made them."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.pseudonyms.encoded import EncodedRegister
from mse.pseudonyms.header import Header

__all__ = ["check_same_origin", "delivery_warnings", "latest_deliveries"]

FEWEST = 10  # records of a list that is compared as a whole; a few persons can be the same on two small lists
ALIKE = 0.9  # share of equal records from which two lists are one under two names
SAMPLE = 100  # records of a list of filters that are looked for on the other
SAME_VALUE = 0.7  # Dice of two filters of one value, of each of which ten bits were flipped

FILTERS = ("bloom", "blooms")
FILTER_BYTES = 64

AGAIN = "encode them again with the same version of the package"
# What must be equal: its name, how to read it, and the way out.
DECLARED: tuple[tuple[str, Callable[[Header], str], str], ...] = (
    ("project", lambda header: repr(header.project), "link only lists that were encoded for one project"),
    (
        "key",
        lambda header: header.key_fingerprint[:12],
        "lists of different keys look as if nobody were on two of them; encode them again with the key of the project",
    ),
    ("rules version", lambda header: repr(header.rules_version), AGAIN),
    ("rules", lambda header: header.rules_digest[:12], AGAIN),
    ("encoding", lambda header: repr(header.encoding), "encode them all in the same way"),
)
KNOWN_ANSWERS = (
    "known answers",
    lambda header: header.kat_digest[:12],
    f"the tokens of the fixed fake persons differ although key and rules are the same; {AGAIN}",
)
POPULATION = (
    "population",
    lambda header: repr(header.population),
    "adults and minors are never pooled; link them in two studies",
)


def check_same_origin(encoded: Sequence[EncodedRegister]) -> None:
    """Refuse encoded lists that cannot be compared, with everything that differs.

    Parameters
    ----------
    encoded : sequence of EncodedRegister

    Raises
    ------
    BadInput
        If project, key, rules, encoding, known answers or population differ, one key serves two projects, or one list
        was given twice: the same file, two deliveries of it, or under two names. Each reason names the lists on either
        side. Periods and case definitions may differ when the study says why, so they are not
        looked at here.

    Examples
    --------
    >>> check_same_origin([])
    """
    headers = [register.header for register in encoded]
    reasons = [reason for check in DECLARED if (reason := _differ(headers, *check))]
    if not reasons:
        # With another key, project or rules the known answers differ too: that says nothing new.
        reasons += filter(None, [_differ(headers, *KNOWN_ANSWERS)])
    reasons += filter(None, [_differ(headers, *POPULATION)])
    reasons += _shared_keys(headers)
    reasons += _repeated(encoded)
    if reasons:
        raise BadInput.several("the encoded lists cannot be linked", reasons)


def _differ(headers: Sequence[Header], what: str, read: Callable[[Header], str], way_out: str) -> str | None:
    groups: dict[str, list[str]] = {}
    for header in headers:
        groups.setdefault(read(header), []).append(header.register)
    if len(groups) < 2:
        return None
    sides = "; ".join(f"{value}: {', '.join(names)}" for value, names in groups.items())
    return f"different {what} ({sides}); {way_out}"


def latest_deliveries(encoded: Sequence[EncodedRegister]) -> tuple[EncodedRegister, ...]:
    """Of each list its latest delivery, in the order given; a later delivery replaces the earlier ones.

    Parameters
    ----------
    encoded : sequence of EncodedRegister

    Examples
    --------
    >>> latest_deliveries([])
    ()
    """
    latest: dict[tuple[str, str], int] = {}
    for register in encoded:
        latest[_list_of(register)] = max(register.header.delivery, latest.get(_list_of(register), 0))
    return tuple(register for register in encoded if register.header.delivery == latest[_list_of(register)])


def delivery_warnings(encoded: Sequence[EncodedRegister]) -> tuple[str, ...]:
    """A sentence for each list of filters of which several deliveries lie side by side.

    The bits that are flipped differ from delivery to delivery, so that whoever holds several can tell which they are.

    Parameters
    ----------
    encoded : sequence of EncodedRegister

    Examples
    --------
    >>> delivery_warnings([])
    ()
    """
    deliveries: dict[tuple[str, str], set[int]] = {}
    for register in encoded:
        if register.header.encoding == "bloom":
            deliveries.setdefault(_list_of(register), set()).add(register.header.delivery)
    return tuple(
        f"{len(of)} deliveries of the list {name!r} are here: together they show which bits of the filters were "
        "flipped; keep the latest and delete the others"
        for (_, name), of in deliveries.items()
        if len(of) > 1
    )


def _list_of(register: EncodedRegister) -> tuple[str, str]:
    return register.header.agency, register.name


def _shared_keys(headers: Sequence[Header]) -> list[str]:
    """Keys that serve more than one project."""
    projects: dict[str, dict[str, None]] = {}
    for header in headers:
        projects.setdefault(header.key_fingerprint, {})[header.project] = None
    return [
        f"the key {fingerprint[:12]} was used for {len(of)} projects ({', '.join(map(repr, of))}); a key serves one "
        "project only, so make a new one with `mse key new` and encode the lists of one project again"
        for fingerprint, of in projects.items()
        if len(of) > 1
    ]


def _repeated(encoded: Sequence[EncodedRegister]) -> list[str]:
    """Lists given twice: the same file, two deliveries, or the same persons under two names."""
    reasons = []
    for i, register in enumerate(encoded):
        for earlier in encoded[:i]:
            deliveries = sorted((earlier.header.delivery, register.header.delivery))
            if register.sha256 == earlier.sha256:
                reasons.append(f"the list {register.name!r} was given twice; give each list once")
            elif _list_of(register) == _list_of(earlier) and deliveries[0] != deliveries[1]:
                reasons.append(
                    f"deliveries {deliveries[0]} and {deliveries[1]} of the list {register.name!r} were both given; "
                    "leave the earlier one out, or ask for the latest with --latest"
                )
            elif register.name == earlier.name:
                reasons.append(
                    f"two different lists are named {register.name!r} (delivery {deliveries[0]}); encode a later "
                    "delivery with --delivery 2, or rename one register"
                )
            elif _are_one_list(register, earlier):
                reasons.append(
                    f"the lists {earlier.name!r} and {register.name!r} hold the same persons, spelt alike; it seems "
                    "to be one list under two names, so give it once"
                )
    return reasons


def _are_one_list(one: EncodedRegister, other: EncodedRegister) -> bool:
    """Whether nearly all records of the larger list stand on the other, equal in every token, alike in every filter."""
    larger = max(len(one), len(other))
    if min(len(one), len(other)) < max(FEWEST, ALIKE * larger) or set(one.fields) != set(other.fields):
        return False
    if any(token.kind in FILTERS for token in one.header.fields):
        return _share_found(*sorted((one, other), key=len, reverse=True)) >= ALIKE
    fields = list(one.fields)
    rows = [Counter(map(tuple, each.records[fields].fillna("").to_numpy())) for each in (one, other)]
    return (rows[0] & rows[1]).total() >= ALIKE * larger


def _share_found(larger: EncodedRegister, smaller: EncodedRegister) -> float:
    """Of some records of a list of filters the share that stands on another list: bits are flipped in each anew."""
    sample = larger.records.iloc[np.unique(np.linspace(0, len(larger) - 1, SAMPLE).astype(int))]
    found = np.ones((len(sample), len(smaller)), dtype=bool)
    for token in larger.header.fields:
        one, other = sample[token.name], smaller.records[token.name]
        if token.kind not in FILTERS:
            codes, _ = pd.factorize(pd.concat([one, other]), use_na_sentinel=False)
            found &= codes[: len(one), None] == codes[len(one) :]
            continue
        bits, others = _bits(one), _bits(other)
        size, sizes = np.bitwise_count(bits).sum(axis=1), np.bitwise_count(others).sum(axis=1)
        for place, own in enumerate(bits):
            common = np.bitwise_count(own & others).sum(axis=1)
            found[place] &= 2 * common >= SAME_VALUE * (size[place] + sizes)
    return float(found.any(axis=1).mean())


def _bits(cells: pd.Series) -> NDArray[np.uint8]:
    """The filters of a column, those of one cell together; none set where it is empty."""
    empty = bytes(FILTER_BYTES)
    rows = [[bytes.fromhex(one) for one in cell.split("|")] if cell else [empty] for cell in cells.fillna("")]
    single = np.frombuffer(b"".join(row[0] for row in rows), dtype=np.uint8).reshape(len(rows), FILTER_BYTES).copy()
    for place, row in enumerate(rows):
        for further in row[1:]:
            single[place] |= np.frombuffer(further, dtype=np.uint8)
    return single
