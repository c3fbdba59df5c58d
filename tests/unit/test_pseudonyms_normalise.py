"""Normal forms: a table of how names, dates and numbers are really typed."""

import json
import re
from importlib.resources import files

import pytest

from mse.pseudonyms.normalise import birth_date, duf, identity_number, joined, name_words, normal_forms, phone, skeleton
from mse.pseudonyms.rules import rules, rules_from

SAME_NAME = [
    ("Åse", "AASE"),
    ("Østbye", "Oestbye"),
    ("Østbye", "Östbye"),
    ("Ærø", "Aeroe"),
    ("Bråten", "Bra\u030aten"),
    ("Mäkelä", "Maekelae"),
    ("Anne-Lise", "anne lise"),
    ("Anne Lise", "Annelise"),
    ("Anna-Elise", "Annelise"),
    ("O'Brien", "OBRIEN"),
    ("O’Brien", "O'Brien"),
    ("N`Diaye", "N'Diaye"),
    ("  Osagie ", "Osagie"),
    ("Nguyễn", "Nguyen"),
    ("Nguye\u0302\u0303n", "Nguyễn"),
    ("Đức", "Duc"),
    ("Ștefan", "Ştefan"),
    ("Łukasz", "Lukasz"),
    ("İbrahim", "Ibrahim"),
    ("Ａｎａ", "Ana"),
    ("Juri\u0438\u0306", "Juri\u0439"),
    ("Олександр", "Oleksandr"),
    ("ተስፋይ", "Tesfay"),
    ("Tesfay\u200b", "Tesfay"),
    ("Ana\u00a0Maria", "Ana Maria"),
    ('Maria "Mimi"', "Maria (Mimi)"),
]
SAME_SKELETON = [
    ("Mohammed", "Muhamad"),
    ("محمد", "Mohamed"),
    ("مُحَمَّد", "محمد"),
    ("الحسين", "Al-Hussein"),
    ("El Hussain", "Alhosseyn"),
    ("عبد الرحمن", "Abdul Rahman"),
    ("أحمد", "Ahmed"),
    ("Володимир", "Volodymyr"),
    ("Володимир", "Wladimir"),
    ("Олександра", "Alexandra"),
    ("Хрищенко", "Hryshchenko"),
    ("Юрій", "Iouri"),
    ("Yusuf", "Jousef"),
    ("ገብረመድህን", "Ghebremedhin"),
    ("Tsegay", "Segai"),
    ("Tewolde", "Tewelde"),
    ("Philippe", "Filip"),
    ("Ковальчук", "Kovalchuk"),
    ("Djamila", "Jamila"),
    ("Zsófia", "Sofia"),
]
DIFFERENT_SKELETON = [("Mohammed", "Ahmed"), ("Maria", "Marta"), ("Blessing", "Gift"), ("Tesfay", "Tsegay")]
MISSING = [
    "",
    "   ",
    "Bj?rn",
    "Bj\ufffdrn",
    "?",
    "N.N.",
    "Ukjent",
    "UKJENT NAVN",
    "ikke oppgitt",
    "unknown",
    "A",
    "Ana 2",
]
MISSING += ["-", "*", "Ana\x00", "\U0001f600", "\ue000", "x" * 300]


@pytest.mark.parametrize(("one", "other"), SAME_NAME)
def test_spellings_of_one_name_become_the_same(one, other):
    """Case, Norwegian letters, marks, hyphens, apostrophes and scripts do not tell names apart."""
    assert joined(name_words(one)) == joined(name_words(other)) != ""


@pytest.mark.parametrize(("one", "other"), SAME_SKELETON)
def test_transliterations_share_a_skeleton(one, other):
    """The consonant skeleton survives most ways of writing a name in Latin letters."""
    assert skeleton(name_words(one)) == skeleton(name_words(other)) != ""


@pytest.mark.parametrize(("one", "other"), DIFFERENT_SKELETON)
def test_different_names_keep_different_skeletons(one, other):
    """The skeleton does not throw common names together."""
    assert skeleton(name_words(one)) != skeleton(name_words(other))


@pytest.mark.parametrize("text", MISSING)
def test_what_cannot_be_trusted_is_missing(text):
    """Placeholders, single letters and unknown characters say nothing about who it is."""
    assert name_words(text) == ()
    assert not {"given", "given_skeleton", "words"} & set(normal_forms({"given_name": text}))


@pytest.mark.parametrize(
    ("given", "family", "given_2", "family_2"),
    [
        ("Nguyen", "Thi Dao", "Thi Dao", "Nguyen"),
        ("Tesfay", "Haile", "Haile", "Tesfay"),
        ("Anne-Marie", "Hansen", "Hansen", "Anne Marie"),
        ("Åse", "Østbye", "OESTBYE", "AASE"),
    ],
)
def test_swapped_names_share_the_order_free_forms(given, family, given_2, family_2):
    """Given and family name in the wrong columns still give one pair of names."""
    one = normal_forms({"given_name": given, "family_name": family})
    other = normal_forms({"given_name": given_2, "family_name": family_2})
    for form in ("names", "skeletons", "words"):
        assert one[form] == other[form]
    assert one["given"] != other["given"]


def test_a_second_word_of_a_name_may_be_missing():
    """A list that keeps only the first family name, or only the first given name, shares a form."""
    one = normal_forms({"given_name": "Maria José", "family_name": "Rojas Torres"})
    other = normal_forms({"given_name": "Maria", "family_name": "Rojas"})
    assert one["first_skeletons"] == other["first_skeletons"]
    assert one["skeletons"] != other["skeletons"]


def test_aliases_are_words_among_the_names():
    """An alias can meet a given name of another list, whatever separates the aliases."""
    forms = normal_forms({"given_name": "Precious", "alias": "Queen Esther; Mimi / ukjent | B?"})
    assert forms["words"].split() == ["esther", "mimi", "precious", "queen"]
    assert "words" not in normal_forms({"alias": "N.N."})


def test_first_of_january_is_a_year_only():
    """Registers write 1 January for persons whose day of birth is unknown."""
    assert normal_forms({"birth_date": "1990-01-01"}) == {"birth_year": "1990"}
    assert normal_forms({"birth_date": "1990-01-02"})["birth_date"] == "1990-01-02"


def test_day_and_month_the_wrong_way_round_share_a_form():
    """3 April and 4 March of one year are the same without order, and different with it."""
    one, other = (normal_forms({"birth_date": text}) for text in ("1990-04-03", "1990-03-04"))
    assert one["birth_date_any_order"] == other["birth_date_any_order"]
    assert one["birth_date"] != other["birth_date"]


@pytest.mark.parametrize("text", ["1990-02-30", "03.04.1990", "1850-05-05", "2150-05-05", "", "1990"])
def test_dates_that_cannot_be_are_missing(text):
    """Only an ISO date of a possible year is a date of birth."""
    assert birth_date(text) is None


def test_year_of_birth_comes_from_the_date_or_its_own_field():
    """The date is trusted before the year field; a year may have been a decimal number in a spreadsheet."""
    assert normal_forms({"birth_date": "1990-04-03", "birth_year": "1991"})["birth_year"] == "1990"
    assert normal_forms({"birth_year": "1991.0"}) == {"birth_year": "1991"}
    assert normal_forms({"birth_year": "91"}) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("179120 99997", ("fnr", "17912099997")),
        ("30108299939", ("fnr", "30108299939")),  # the Tax Administration's example of the 2032 rule
        ("2013299997", ("fnr", "02013299997")),  # a spreadsheet dropped the leading zero
        ("579120-75186", ("d_number", "57912075186")),
        ("17912099998", None),
        ("1791209999", None),
        ("1791209999x", None),
        ("209912345678", None),
        ("", None),
    ],
)
def test_identity_numbers_count_only_when_valid(text, expected):
    """Both check rules and the synthetic series are taken; a typing error makes the number missing."""
    assert identity_number(text) == expected


def test_a_d_number_is_one_in_whatever_column_it_stands():
    """A D-number typed as fodselsnummer is a D-number, and neither gives a date of birth."""
    assert normal_forms({"fnr": "57912075186"}) == {"d_number": "57912075186"}
    assert normal_forms({"d_number": "57912075186"}) == {"d_number": "57912075186"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2012 586975 61", "201258697561"), ("2099-123456-78", "209912345678"), ("20125869756", ""), ("190058697561", "")],
)
def test_duf_numbers_are_twelve_digits_with_a_year(text, expected):
    """Blanks and dashes do not matter; the year must be one in which DUF existed, or the synthetic one."""
    assert duf(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+47 912 34 567", "91234567"),
        ("004791234567", "91234567"),
        ("4791234567", "91234567"),
        ("91 23 45 67", "91234567"),
        ("+234 (803) 123 4567", "+2348031234567"),
        ("002348031234567", "+2348031234567"),
        ("99999999", ""),
        ("1234", ""),
        ("912 34 567 (mor)", ""),
    ],
)
def test_telephone_numbers_lose_the_norwegian_country_code(text, expected):
    """One number typed in several ways is one number; what is not a number is missing."""
    assert phone(text) == expected


def test_the_rules_have_not_changed_without_a_new_version():
    """Tokens of two sets of rules must never meet: whoever changes a rule raises the version and this digest."""
    assert (rules().version, rules().digest[:16]) == ("1", "5b146cd209518782")


def test_a_changed_rule_changes_the_digest():
    """The digest covers the tables of both rule files."""
    tables, letters = _rule_files()
    tables["names"]["digraphs"].append(["ue", "u"])
    assert rules_from(tables, letters).digest != rules().digest
    tables, letters = _rule_files()
    letters["runs"]["0041"] = letters["runs"]["0041"].replace("a", "o", 1)
    assert rules_from(tables, letters).digest != rules().digest


def test_the_letters_are_lower_case_ascii():
    """What is hashed is plain ASCII, so every program that reads the table hashes the same bytes."""
    assert len(rules().letters) > 50_000
    assert all(re.fullmatch("[a-z]*| ", found) for found in rules().letters.values())


def test_every_match_key_is_made_of_two_fields_or_more():
    """A token over one field of few values would be read off its frequencies."""
    for token in rules().tokens:
        if token.name.startswith("key_"):
            assert len(token.forms) >= 2


def _rule_files():
    folder = files("mse.pseudonyms")
    return tuple(
        json.loads(folder.joinpath(name).read_text("utf-8")) for name in ("rules.json", "transliteration.json")
    )
