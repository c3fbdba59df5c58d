"""One cell of a list: text in, common form out. What cannot be read is said without the value."""

import re
from datetime import date
from unicodedata import normalize

from mse.identifiers import RULES, is_d_number, is_duf, is_fnr

__all__ = ["NUMBER_FIELDS", "Unreadable", "official_number", "parse_category", "parse_date", "parse_number"]

NUMBER_FIELDS = ("fnr", "d_number", "duf")
FIRST_YEAR = 1900
MOST_CODES_SHOWN = 12
ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.0+)?)?))?", re.ASCII)
NORWEGIAN_DATE = re.compile(r"(\d{1,2})\s?([./-])\s?(\d{1,2})\s?[./-]\s?(\d{4}|\d{2})", re.ASCII)
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?", re.ASCII)
MIDNIGHT = ("00:00", "00:00:00")


class Unreadable(ValueError):
    """A cell that cannot be read; the reason never holds the value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_date(text: str, *, latest: date) -> str:
    """A Norwegian date (31.12.1990, also with / or -) or an ISO date, as ``YYYY-MM-DD``.

    Day comes before month. Refused are dates of digits alone, since 010290 has several readings, two-digit years,
    and dates before 1900 or after `latest`.

    Examples
    --------
    >>> parse_date("31/12-1990", latest=date(2020, 12, 31))
    '1990-12-31'
    """
    if found := ISO_DATE.fullmatch(text):
        year, month, day, time = found.groups()
        if time and time.split(".")[0] not in MIDNIGHT:
            raise Unreadable("a date with a time of day; give the date alone")
    elif found := NORWEGIAN_DATE.fullmatch(text):
        day, _, month, year = found.groups()
        if len(year) == 2:
            raise Unreadable("a date with a year of two digits; write the year with four")
    elif text.isascii() and text.isdigit():
        kind = "a year alone; a column of years has the field birth_year" if len(text) == 4 else "digits alone"
        raise Unreadable(f"not a date but {kind}; write a date as 31.12.1990 or 1990-12-31")
    else:
        raise Unreadable("not a date; write it as 31.12.1990 or 1990-12-31")
    try:
        parsed = date(int(year), int(month), int(day))
    except ValueError:
        raise Unreadable("a date that does not exist (day before month)") from None
    if parsed.year < FIRST_YEAR:
        raise Unreadable(f"a date before {FIRST_YEAR}")
    if parsed > latest:
        raise Unreadable(f"a date after the end of the period ({latest})")
    return parsed.isoformat()


def parse_number(text: str, *, latest_year: int | None = None) -> str:
    """A number with decimal comma or point, as digits with a decimal point; with `latest_year`, a year of birth.

    Examples
    --------
    >>> parse_number("12,50")
    '12.5'
    """
    if not NUMBER.fullmatch(text):
        raise Unreadable("not a number; write digits, with a decimal comma or point")
    whole, _, decimals = text.lstrip("+-").replace(",", ".").partition(".")
    whole, decimals = str(int(whole)), decimals.rstrip("0")
    if text.startswith("-") and (whole, decimals) != ("0", ""):
        whole = f"-{whole}"
    if latest_year is not None and (decimals or not FIRST_YEAR <= int(whole) <= latest_year):
        raise Unreadable(f"not a year from {FIRST_YEAR} to {latest_year} of four digits")
    return f"{whole}.{decimals}" if decimals else whole


def parse_category(text: str, codes: dict[str, str]) -> str:
    """The common category of a local code, exactly as the codebook writes it."""
    common = codes.get(normalize("NFC", text))
    if common is not None:
        return common
    listed = ", ".join([repr(code) for code in codes][:MOST_CODES_SHOWN] + ["..."] * (len(codes) > MOST_CODES_SHOWN))
    alike = [code for code in codes if code.casefold() == text.casefold()]
    hint = f"; the codebook writes it {alike[0]!r}" if alike else ""
    raise Unreadable(f"a code that the codebook does not list{hint} (it lists {listed})")


def official_number(text: str, field: str, *, latest: date) -> tuple[str | None, str]:
    """An fnr, D-number or DUF number as digits, and what was found wrong or mended, in words ("" when nothing).

    A number that fails is None: it names nobody, and kept as it stands it would only keep true links apart.
    Blanks, points and hyphens between the digits are left out. Ten digits get back the leading 0 that a spreadsheet
    took, if the check digits then agree. Numbers of the 2032 rule are accepted for periods that end in 2031 or later.
    An fnr column may hold D-numbers, and the other way round.
    """
    digits = re.sub(r"[\s.\-]", "", text)
    length = 12 if field == "duf" else 11
    if not (digits.isascii() and digits.isdigit()):
        return None, "not digits alone"
    mended = ""
    if field != "duf" and len(digits) == length - 1:
        digits, mended = f"0{digits}", "a leading 0 was missing and is put back"
    if len(digits) != length:
        return None, f"not {length} digits"
    if field == "duf":
        sound = is_duf(digits) or is_duf(digits, rule="synthetic")
        return (digits, "") if sound else (None, "does not begin with a possible year of application")
    # A number may be filled in during the year after the period.
    rules = [rule for rule in RULES if rule != "2032" or latest.year >= 2031]
    if any(is_fnr(digits, rule=rule) or is_d_number(digits, rule=rule) for rule in rules):
        return digits, mended
    return None, "not 11 digits" if mended else "the date or the check digits do not agree"
