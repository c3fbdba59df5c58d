"""Rules of Norwegian identifiers, against the Tax Administration's own examples and an obvious twin."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mse.errors import BadInput
from mse.identifiers import (
    RULES,
    birth_date_of_fnr,
    check_digits,
    check_digits_2032,
    is_d_number,
    is_duf,
    is_fnr,
    kind_of_identifier,
    synthetic_number,
)

# Skatteetaten, "Test for konsumenter": born, synthetic fnr, synthetic D-number.
SYNTHETIC = [
    (date(2020, 11, 17), "17912099997", "57912075186"),
    (date(2020, 2, 29), "29822099635", "69822075096"),
    (date(2003, 4, 5), "05840399895", "45840375084"),
    (date(1994, 2, 12), "12829499914", "52829400197"),
    (date(1952, 10, 12), "12905299938", "52905200100"),
    (date(1936, 8, 21), "21883649874", "61883600222"),
    (date(1897, 12, 21), "21929774873", "61929750062"),
]
# Skatteetaten, "Nytt fødselsnummer fra 2032": number, remainder of k1.
FROM_2032 = [("02013299997", 0), ("02013299903", 1), ("02013299806", 0), ("30108299920", 0), ("30108299939", 1)]

births = st.dates(date(1900, 1, 1), date(2031, 12, 31))
eleven_digits = st.text("0123456789", min_size=11, max_size=11)


def serials(born: date) -> st.SearchStrategy[int]:
    return st.integers(0, 499) if born.year < 2000 else st.integers(500, 999)


@pytest.mark.parametrize(("born", "fnr", "d_number"), SYNTHETIC)
def test_published_synthetic_numbers(born: date, fnr: str, d_number: str) -> None:
    """The Tax Administration's synthetic examples are valid under their rule and under no other."""
    assert is_fnr(fnr, rule="synthetic")
    assert is_d_number(d_number, rule="synthetic")
    for rule in ("current", "2032"):
        assert not is_fnr(fnr, rule=rule)
        assert not is_d_number(d_number, rule=rule)
    assert birth_date_of_fnr(fnr, rule="synthetic") == born
    assert birth_date_of_fnr(d_number, rule="synthetic") is None
    assert synthetic_number(born, int(d_number[6:9]), d_number=True) == d_number


@pytest.mark.parametrize(("number", "remainder"), FROM_2032)
def test_published_numbers_from_2032(number: str, remainder: int) -> None:
    """The examples of the 2032 rule fulfil it, and the check digits of the current rule only with remainder 0."""
    assert is_fnr(number, rule="2032")
    assert (int(number[9]), int(number[10])) in check_digits_2032(number[:9])
    assert (check_digits(number[:9]) == (int(number[9]), int(number[10]))) is (remainder == 0)


def test_serial_number_must_fit_the_century_under_the_current_rule() -> None:
    """A number whose serial is of no series for its year is not a current one, but may be one of 2032."""
    pair = check_digits("301082800")
    assert pair is not None
    number = f"301082800{pair[0]}{pair[1]}"
    assert not is_fnr(number)
    assert is_fnr(number, rule="2032")


@given(eleven_digits)
def test_check_digits_agree_with_the_obvious_twin(digits: str) -> None:
    """The published formula, written out term by term, accepts the same numbers."""
    d1, d2, m1, m2, y1, y2, i1, i2, i3 = map(int, digits[:9])
    first = 3 * d1 + 7 * d2 + 6 * m1 + m2 + 8 * y1 + 9 * y2 + 4 * i1 + 5 * i2 + 2 * i3
    expected = []
    for eleven in (11, 12, 13, 14):
        k1 = eleven - first % 11
        k1 = k1 - 11 if k1 >= 11 else k1
        second = 5 * d1 + 4 * d2 + 3 * m1 + 2 * m2 + 7 * y1 + 6 * y2 + 5 * i1 + 4 * i2 + 3 * i3 + 2 * k1
        k2 = 0 if second % 11 == 0 else 11 - second % 11
        if k1 != 10 and k2 != 10:
            expected.append((k1, k2))
    assert list(check_digits_2032(digits[:9])) == expected


@given(eleven_digits)
def test_a_number_is_of_one_kind_under_one_rule(digits: str) -> None:
    """No number is both fnr and D-number, none both synthetic and real, and every current fnr is one of 2032."""
    real = is_fnr(digits, rule="2032") or is_d_number(digits, rule="2032")
    made_up = is_fnr(digits, rule="synthetic") or is_d_number(digits, rule="synthetic")
    assert not (real and made_up)
    for rule in RULES:
        assert not (is_fnr(digits, rule=rule) and is_d_number(digits, rule=rule))
    assert is_fnr(digits, rule="2032") or not is_fnr(digits)
    assert (kind_of_identifier(digits) is not None) is (real or made_up)


@given(births.flatmap(lambda born: st.tuples(st.just(born), serials(born), st.booleans())))
def test_synthetic_numbers_are_never_real(made: tuple[date, int, bool]) -> None:
    """Whatever the synthetic series makes is valid in it, gives back the birth date, and is real under no rule."""
    born, serial, d_number = made
    number = synthetic_number(born, serial, d_number=d_number)
    if number is None:
        assert check_digits(f"{born.day + 40 * d_number:02d}{born.month + 80}{born.year % 100:02d}{serial:03d}") is None
        return
    check = is_d_number if d_number else is_fnr
    assert check(number, rule="synthetic")
    assert not any(one(number, rule=rule) for one in (is_fnr, is_d_number) for rule in ("current", "2032"))
    assert birth_date_of_fnr(number, rule="synthetic") == (None if d_number else born)
    assert kind_of_identifier(number) == ("synthetic_d_number" if d_number else "synthetic_fnr")


@given(births.flatmap(lambda born: st.tuples(st.just(born), serials(born))), st.sampled_from([40, 65]))
def test_other_shifted_months_are_accepted_nowhere(made: tuple[date, int], shift: int) -> None:
    """The series that add 40 or 65 to the month are valid under no rule."""
    born, serial = made
    first_nine = f"{born.day:02d}{born.month + shift:02d}{born.year % 100:02d}{serial:03d}"
    for k1, k2 in check_digits_2032(first_nine):
        assert kind_of_identifier(f"{first_nine}{k1}{k2}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1791209999",
        "179120999977",
        "17912 09999",
        "1791209999x",
        "１７９１２０９９９９７",
        "17912099998",
        " 17912099997",
    ],
)
def test_what_is_no_number(text: str) -> None:
    """Wrong lengths, blanks, letters, full-width digits and wrong check digits are refused under every rule."""
    assert not any(one(text, rule=rule) for one in (is_fnr, is_d_number) for rule in RULES)


def test_birth_date_is_unknown_where_the_number_does_not_tell() -> None:
    """Neither a number of the 2032 rule nor an invalid one gives a date."""
    assert birth_date_of_fnr("30108299939", rule="2032") is None
    assert birth_date_of_fnr("30108299939") is None


def test_duf_is_a_check_of_form() -> None:
    """Twelve digits with a possible year; 2099 is the synthetic year and no other rule takes it."""
    assert is_duf("201258697561")
    assert not is_duf("20125869756")
    assert not is_duf("123458697561")
    assert not is_duf("209958697561")
    assert is_duf("209958697561", rule="synthetic")
    assert not is_duf("201258697561", rule="synthetic")
    assert kind_of_identifier("209958697561") == "synthetic_duf"
    assert kind_of_identifier("201258697561") == "duf"


def test_unknown_rule_and_impossible_serial() -> None:
    """A rule that does not exist, and a serial number of another century, are errors that say so."""
    with pytest.raises(BadInput, match="rule='2040' is not offered"):
        is_fnr("17912099997", rule="2040")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="rule='2032' is not offered"):
        is_duf("201258697561", rule="2032")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="serial=100 is not of the series of a number for someone born in 2010"):
        synthetic_number(date(2010, 1, 1), 100)
    with pytest.raises(BadInput, match="first nine digits"):
        check_digits("12345678")
