"""Origin: encoded lists may be linked only if one key, one code and one set of rules made them."""

from collections.abc import Callable, Sequence

from mse.errors import BadInput
from mse.pseudonyms.encoded import EncodedRegister
from mse.pseudonyms.header import Header

__all__ = ["check_same_origin"]

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
        If project, key, rules, known answers or population differ, or one list was given twice. Each reason names the
        lists on either side. Periods and case definitions may differ when the study says why, so they are not
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


def _repeated(encoded: Sequence[EncodedRegister]) -> list[str]:
    """Lists given twice: under one name, or the same content under two."""
    reasons = []
    for i, register in enumerate(encoded):
        for earlier in encoded[:i]:
            if register.sha256 == earlier.sha256:
                reasons.append(f"the list {register.name!r} was given twice; give each list once")
            elif register.name == earlier.name:
                reasons.append(
                    f"two different lists are named {register.name!r}; give the later delivery only, "
                    "or rename one register"
                )
            elif set(register.records["record"]) & set(earlier.records["record"]):
                reasons.append(f"the lists {earlier.name!r} and {register.name!r} share records; give each list once")
    return reasons
