"""Norwegian identifiers and their rules: fødselsnummer (fnr), D-number and DUF number, real and synthetic.

A fødselsnummer is DDMMYY, three digits of serial number, and two check digits k1 and k2. A D-number has 4 added to
its first digit. Three rules are known:

``current``
    Numbers issued before 2032. With weights 3 7 6 1 8 9 4 5 2 (k1) and 5 4 3 2 7 6 5 4 3 2 (k2), the weighted sum of
    the digits before a check digit plus that check digit leaves remainder 0 modulo 11. The serial number tells the
    century of a fødselsnummer.
``2032``
    Numbers issued from 1 January 2032, beside the current ones: k1 = {11, 12, 13, 14} - (weighted sum mod 11), so
    the remainder may be 0, 1, 2 or 3; k2 is as before, computed with the k1 that stands there; a check digit of 10
    discards the number. Neither sex nor century can be read from these numbers. Every current number fulfils it too.
    Source: Skatteetaten, "Nytt fødselsnummer fra 2032",
    https://skatteetaten.github.io/folkeregisteret-api-dokumentasjon/nytt-fodselsnummer-fra-2032/
``synthetic``
    The Tax Administration's test population: 80 is added to the month of a fødselsnummer or D-number, and the check
    digits are computed under the current rule on the digits as they then stand. The month 81-92 makes each of them
    invalid under both other rules.
    Source: Skatteetaten, "Test for konsumenter",
    https://skatteetaten.github.io/folkeregisteret-api-dokumentasjon/test-for-konsumenter/

Other series with a shifted month (40 added: emergency numbers in hospitals and a test series; 65 added: another test
series) are accepted under no rule.
"""

import re
from datetime import date
from typing import Literal

from mse.errors import BadInput

__all__ = [
    "RULES",
    "birth_date_of_fnr",
    "check_digits",
    "check_digits_2032",
    "is_d_number",
    "is_duf",
    "is_fnr",
    "kind_of_identifier",
    "synthetic_number",
]

Rule = Literal["current", "2032", "synthetic"]
Kind = Literal["fnr", "d_number", "duf", "synthetic_fnr", "synthetic_d_number", "synthetic_duf"]

RULES: tuple[Rule, ...] = ("current", "2032", "synthetic")
K1_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2)
K2_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
SYNTHETIC_MONTH = 80
D_NUMBER_DAY = 40
# DUF has no published check rule. No application was registered in it before 1970, and 2099 is kept for made-up ones.
FIRST_DUF_YEAR, SYNTHETIC_DUF_YEAR = 1970, 2099
ELEVEN_DIGITS, TWELVE_DIGITS = re.compile(r"[0-9]{11}"), re.compile(r"[0-9]{12}")


def is_fnr(text: str, *, rule: Rule = "current") -> bool:
    """Whether the text is a valid fødselsnummer of eleven digits under one rule.

    Parameters
    ----------
    text : str
        Eleven digits and nothing else.
    rule : {"current", "2032", "synthetic"}
        See the module's description.

    Examples
    --------
    The Tax Administration's own examples of a number that only the 2032 rule accepts, and of a synthetic one:

    >>> is_fnr("30108299939"), is_fnr("30108299939", rule="2032")
    (False, True)
    >>> is_fnr("17912099997", rule="synthetic"), is_fnr("17912099997", rule="2032")
    (True, False)
    """
    _check_rule(rule)
    if not ELEVEN_DIGITS.fullmatch(text) or not _controlled(text, rule):
        return False
    if rule == "2032":
        return _exists_in_some_century(text, 0, 0)
    return _dated(text, SYNTHETIC_MONTH if rule == "synthetic" else 0) is not None


def is_d_number(text: str, *, rule: Rule = "current") -> bool:
    """Whether the text is a valid D-number of eleven digits under one rule.

    The century is not looked at: the date in a D-number may be that of registration.

    Examples
    --------
    >>> is_d_number("57912075186", rule="synthetic"), is_d_number("57912075186")
    (True, False)
    """
    _check_rule(rule)
    if not ELEVEN_DIGITS.fullmatch(text) or not _controlled(text, rule):
        return False
    return _exists_in_some_century(text, D_NUMBER_DAY, SYNTHETIC_MONTH if rule == "synthetic" else 0)


def is_duf(text: str, *, rule: Literal["current", "synthetic"] = "current") -> bool:
    """Whether the text has the form of a DUF number: twelve digits that begin with the year of first application.

    A check of the form only; no check digits are published. Synthetic numbers bear the impossible year 2099.

    Examples
    --------
    >>> is_duf("201258697561"), is_duf("209912345678"), is_duf("209912345678", rule="synthetic")
    (True, False, True)
    """
    if rule not in ("current", "synthetic"):
        raise BadInput.option("rule", rule, ("current", "synthetic"))
    if not TWELVE_DIGITS.fullmatch(text):
        return False
    year = int(text[:4])
    return year == SYNTHETIC_DUF_YEAR if rule == "synthetic" else FIRST_DUF_YEAR <= year < SYNTHETIC_DUF_YEAR


def kind_of_identifier(text: str) -> Kind | None:
    """What kind of identifier the text is, by its form and check digits; None when it is none of them.

    Real numbers are taken under the 2032 rule, which holds the current one.

    Examples
    --------
    >>> kind_of_identifier("02013299997"), kind_of_identifier("69822075096"), kind_of_identifier("12345")
    ('fnr', 'synthetic_d_number', None)
    """
    if is_fnr(text, rule="2032"):
        return "fnr"
    if is_d_number(text, rule="2032"):
        return "d_number"
    if is_fnr(text, rule="synthetic"):
        return "synthetic_fnr"
    if is_d_number(text, rule="synthetic"):
        return "synthetic_d_number"
    if is_duf(text):
        return "duf"
    return "synthetic_duf" if is_duf(text, rule="synthetic") else None


def check_digits(first_nine: str) -> tuple[int, int] | None:
    """The check digits under the current rule; None when one of them would be 10 and the number is not used.

    Examples
    --------
    >>> check_digits("301082999")
    (2, 0)
    """
    return next((pair for remainder, pair in _check_digits(first_nine) if remainder == 0), None)


def check_digits_2032(first_nine: str) -> tuple[tuple[int, int], ...]:
    """Up to four pairs of check digits under the 2032 rule, by remainder; the first may be the current pair.

    Examples
    --------
    >>> check_digits_2032("301082999")
    ((2, 0), (3, 9), (4, 7), (5, 5))
    """
    return tuple(pair for _, pair in _check_digits(first_nine))


def birth_date_of_fnr(text: str, *, rule: Rule = "current") -> date | None:
    """Date of birth in a valid fødselsnummer; None where it cannot be known.

    It cannot under the 2032 rule, where the serial number no longer tells the century, nor from a D-number, whose
    date part may be the date of registration (https://www.udi.no/ord-og-begreper/d-nummer/).

    Examples
    --------
    >>> birth_date_of_fnr("12829499914", rule="synthetic")
    datetime.date(1994, 2, 12)
    >>> birth_date_of_fnr("52829400197", rule="synthetic") is None
    True
    """
    if rule == "2032" or not is_fnr(text, rule=rule):
        return None
    return _dated(text, SYNTHETIC_MONTH if rule == "synthetic" else 0)


def synthetic_number(born: date, serial: int, *, d_number: bool = False) -> str | None:
    """A number of the Tax Administration's synthetic series; None when this serial number has no check digits.

    Parameters
    ----------
    born : date
    serial : int
        0 to 999. For a fødselsnummer it must be of the series of the year of birth: 000-499 for 1900-1999 (also
        900-999 from 1940), 500-999 for 2000-2039, 500-749 for 1854-1899.
    d_number : bool
        Whether to make a D-number.

    Raises
    ------
    BadInput
        If the serial number is not of the series of the year of birth.

    Examples
    --------
    >>> synthetic_number(date(2020, 11, 17), 999), synthetic_number(date(2020, 11, 17), 751, d_number=True)
    ('17912099997', '57912075186')
    """
    day = born.day + (D_NUMBER_DAY if d_number else 0)
    first_nine = f"{day:02d}{born.month + SYNTHETIC_MONTH:02d}{born.year % 100:02d}{serial:03d}"
    if not 0 <= serial <= 999 or (not d_number and _year(born.year % 100, serial) != born.year):
        raise BadInput(f"serial={serial} is not of the series of a number for someone born in {born.year}")
    pair = check_digits(first_nine)
    return None if pair is None else f"{first_nine}{pair[0]}{pair[1]}"


def _check_rule(rule: str) -> None:
    if rule not in RULES:
        raise BadInput.option("rule", rule, RULES)


def _check_digits(first_nine: str) -> list[tuple[int, tuple[int, int]]]:
    """All (remainder, (k1, k2)) that the 2032 rule allows."""
    if not re.fullmatch(r"[0-9]{9}", first_nine):
        raise BadInput("check digits are computed from the first nine digits of a number, and nothing else")
    found = []
    for remainder in range(4):
        k1 = (remainder - _weighted(first_nine, K1_WEIGHTS)) % 11
        k2 = -_weighted(f"{first_nine}{k1}", K2_WEIGHTS) % 11 if k1 < 10 else 10
        if k2 < 10:
            found.append((remainder, (k1, k2)))
    return found


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _controlled(text: str, rule: Rule) -> bool:
    """Whether both check digits agree."""
    k1 = (_weighted(text[:9], K1_WEIGHTS) + int(text[9])) % 11
    k2 = (_weighted(text[:10], K2_WEIGHTS) + int(text[10])) % 11
    return k1 in ((0, 1, 2, 3) if rule == "2032" else (0,)) and k2 == 0


def _exists_in_some_century(text: str, added_day: int, added_month: int) -> bool:
    # 2000 was a leap year, so a date that exists in any century exists in that one.
    return _date_or_none(2000 + int(text[4:6]), int(text[2:4]) - added_month, int(text[:2]) - added_day) is not None


def _dated(text: str, added_month: int) -> date | None:
    year = _year(int(text[4:6]), int(text[6:9]))
    return None if year is None else _date_or_none(year, int(text[2:4]) - added_month, int(text[:2]))


def _year(two_digits: int, serial: int) -> int | None:
    """Year of birth by the series of the serial number, for numbers issued before 2032."""
    if serial <= 499:
        return 1900 + two_digits
    if serial <= 749 and two_digits >= 54:
        return 1800 + two_digits
    if two_digits <= 39:
        return 2000 + two_digits
    return 1900 + two_digits if serial >= 900 else None


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
