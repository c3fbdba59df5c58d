"""Normal forms: a table of how names, dates and numbers are really typed."""

import importlib.util
import json
import random
import re
import tomllib
import unicodedata
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from mse import identifiers
from mse.pseudonyms.normalise import birth_date, duf, identity_number, joined, name_words, normal_forms, phone, skeleton
from mse.pseudonyms.rules import rules, rules_from

CASES = tomllib.loads((Path(__file__).parents[1] / "pseudonyms" / "cases.toml").read_text("utf-8"))
NUMBERS = {"fnr": 11, "d_number": 11, "duf": 12}


@pytest.mark.parametrize(("one", "other"), CASES["same_name"])
def test_spellings_of_one_name_become_the_same(one, other):
    """Case, Norwegian letters, marks, hyphens, apostrophes and scripts do not tell names apart."""
    assert joined(name_words(one)) == joined(name_words(other)) != ""


@pytest.mark.parametrize(("one", "other"), CASES["same_skeleton"])
def test_transliterations_share_a_skeleton(one, other):
    """The consonant skeleton survives most ways of writing a name in Latin letters."""
    assert skeleton(name_words(one)) == skeleton(name_words(other)) != ""


@pytest.mark.parametrize(("one", "other"), CASES["different_skeleton"])
def test_different_names_keep_different_skeletons(one, other):
    """The skeleton does not throw common names together."""
    assert skeleton(name_words(one)) != skeleton(name_words(other))


@pytest.mark.parametrize("text", [*CASES["missing_name"], "x" * 300])
def test_what_cannot_be_trusted_is_missing(text):
    """Placeholders, single letters and unknown characters say nothing about who it is."""
    assert name_words(text) == ()
    assert normal_forms({"given_name": text}) == {}


@pytest.mark.parametrize("case", CASES["persons"], ids=lambda case: f"{case['one']} {case['other']}")
def test_two_persons_share_the_forms_that_they_should(case):
    """Swaps, double names, aliases, slips, years one apart, several numbers: what can still meet, and what cannot."""
    one, other = normal_forms(case["one"]), normal_forms(case["other"])
    assert [form for form in case["share"] if not set(one.get(form, ())) & set(other.get(form, ()))] == []
    assert [form for form in case["apart"] if set(one.get(form, ())) & set(other.get(form, ()))] == []


def test_aliases_are_words_among_the_names():
    """An alias can meet a given name of another list, whatever separates the aliases."""
    forms = normal_forms({"given_name": "Precious", "alias": "Queen Esther; Mimi / ukjent | B?"})
    assert forms["words"] == ("esther", "mimi", "precious", "queen")
    assert forms["aliases"] == ("mimi", "queenesther")
    assert normal_forms({"alias": "N.N."}) == {}


def test_a_particle_stands_for_a_name_only_when_it_is_all_there_is():
    """With "Thi" or "van" alone every second Vietnamese or Dutch person of a year would share a key."""
    forms = normal_forms({"given_name": "Thi Lan", "family_name": "Nguyen"})
    assert forms["word_skeletons"] == ("ln", "ngn", "tln")
    assert forms["pairs"] == ("ln ngn", "ngn tln")
    assert normal_forms({"given_name": "Van"})["word_skeletons"] == ("fn",)


def test_a_pair_is_never_a_word_with_the_name_that_holds_it():
    """Words pair with each other only where all of a person stands in one name, and never with their whole."""
    assert normal_forms({"given_name": "Maria Clara"})["pairs"] == ("klr mr",)
    assert normal_forms({"given_name": "Maria Clara", "family_name": "Reyes"})["pairs"] == (
        "klr rs",
        "mr rs",
        "mrklr rs",
    )
    assert "pairs" not in normal_forms({"given_name": "Maria"})


def test_no_more_parts_of_a_name_than_the_rules_allow():
    """A cell full of aliases makes a bounded number of tokens."""
    alias = ";".join(f"N{a}r{b}m{a}" for a in "aeiou" for b in "bdfgklmn")
    forms = normal_forms({"given_name": "Ana", "alias": alias})
    n_parts = rules().tables["names"]["most_words"]
    assert len(forms["word_skeletons"]) <= n_parts
    assert len(forms["pairs"]) <= n_parts * (n_parts - 1) // 2


def test_a_name_of_one_consonant_is_its_own_skeleton():
    """ "Joy" and "Ai" would both be a single vowel, the same for many."""
    assert skeleton(name_words("Joy")) == "joy"
    assert skeleton(name_words("Ai")) == "ai"


def test_a_character_that_no_table_holds_is_missing_before_it_is_composed():
    """Whether a character is composed into a known one depends on the Unicode version of whoever composes."""
    old_ideograph = "\U0002f800"
    assert unicodedata.normalize("NFC", old_ideograph) == "\u4e3d"
    assert name_words("\u4e3d\u4e3d") != ()
    assert name_words(old_ideograph * 2) == ()


@pytest.mark.parametrize(("text", "counts_as"), CASES["birth_date"])
def test_dates_of_birth_are_dates_years_or_missing(text, counts_as):
    """Only an ISO date of a possible year is a date; 1 January, which registers write for the unknown, is a year."""
    forms = normal_forms({"birth_date": text})
    assert {"": set(), "year": {"birth_year"}, "date": {"birth_year", "birth_date"}}[counts_as] == set(forms) & {
        "birth_year",
        "birth_date",
    }
    assert (birth_date(text) is None) == (counts_as == "")


@pytest.mark.parametrize(("text", "expected"), CASES["birth_year"])
def test_years_of_birth_are_four_digits(text, expected):
    """A year may have been a decimal number in a spreadsheet."""
    assert normal_forms({"birth_year": text}).get("birth_year", ("",)) == (expected,)


def test_a_birth_has_parts_that_a_slip_leaves_mostly_alone():
    """Two dates one digit apart share six of eight parts; the year alone has three."""
    one, other, swapped, year = (
        set(normal_forms({"birth_date": text})["birth_parts"])
        for text in ("1990-04-23", "1990-04-25", "1990-03-04", "1990-01-01")
    )
    assert (len(one), len(one & other), len(year), year < one) == (8, 6, 3, True)
    assert "o:03-04" in swapped & set(normal_forms({"birth_date": "1990-04-03"})["birth_parts"])


@pytest.mark.parametrize(("text", "kind", "number"), CASES["identity_number"])
def test_identity_numbers_count_only_when_valid(text, kind, number):
    """Both check rules and the synthetic series are taken; a typing error makes the number missing."""
    assert identity_number(text) == ((kind, number) if kind else None)


def test_nothing_is_read_from_the_digits_of_a_number():
    """A D-number may hold the day of registration, so no number gives a date of birth."""
    assert set(normal_forms({"fnr": "17912099997;57912075186"})) == {"fnr", "d_number"}


@pytest.mark.parametrize(("text", "expected"), CASES["duf"])
def test_duf_numbers_are_twelve_digits_with_a_year(text, expected):
    """Blanks and dashes do not matter; the year must be one in which DUF existed, or the synthetic one."""
    assert duf(text) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["phone"])
def test_telephone_numbers_lose_the_norwegian_country_code(text, expected):
    """One number typed in several ways is one number; what is not a number is missing."""
    assert phone(text) == expected


def test_the_rules_have_not_changed_without_a_new_version():
    """Tokens of two sets of rules must never meet: whoever changes a rule raises the version and this digest."""
    assert (rules().version, rules().digest[:16]) == ("2", "ea98e25c89eb4ea2")


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


def test_a_changed_rule_of_any_table_changes_the_digest():
    """Hashing, filters, check digits, columns: whatever stands in the rule file counts."""
    tables, letters = _rule_files()
    for name, table in tables.items():
        more = table + table[-1:] if isinstance(table, str | list) else table | {"new": {"all_of": ["duf"]}}
        assert rules_from(tables | {name: more}, letters).digest != rules().digest
    tables["bloom"]["hashes"] += 1
    assert rules_from(tables, letters).digest != rules().digest


def test_no_column_of_the_default_is_made_of_one_field():
    """A token over one name or year would be read off its frequencies; only personal numbers stand alone."""
    fields = [
        {field for form in token.forms for field in rules().forms[form].fields}
        for token in rules().tokens
        if "match_keys" in token.encodings and token.name not in NUMBERS
    ]
    assert 8 <= len(fields) <= 12
    assert all(len(of) >= 2 for of in fields)
    assert not any("nationality" in of or "sex" in of for of in fields)


def test_the_rule_file_holds_the_check_digits_of_the_identifiers():
    """The offline page reads them there; the package has them in `mse.identifiers`."""
    table = rules().tables["numbers"]
    identity = table["identity"]
    assert identity["weights"] == [[*identifiers.K1_WEIGHTS, 1], [*identifiers.K2_WEIGHTS, 1]]
    assert {kind["day_added"] for kind in identity["kinds"]} == {0, identifiers.D_NUMBER_DAY}
    assert {kind["month_added"] for kind in identity["kinds"]} == {0, identifiers.SYNTHETIC_MONTH}
    assert (table["duf"]["earliest"], table["duf"]["latest"]) == (
        identifiers.FIRST_DUF_YEAR,
        identifiers.SYNTHETIC_DUF_YEAR,
    )


def test_the_table_of_check_digits_gives_what_the_package_gives():
    """The slow obvious twin: numbers read by the table alone, as the page reads them, over valid and spoilt numbers."""
    luck = random.Random(1)
    found = set()
    for _ in range(3000):
        first_nine = f"{luck.choice((0, 40)) + luck.randint(1, 31):02}{luck.choice((0, 80)) + luck.randint(1, 12):02}"
        first_nine += f"{luck.randint(0, 99):02}{luck.randint(0, 999):03}"
        pairs = identifiers.check_digits_2032(first_nine)
        one, other = luck.choice(pairs) if pairs else (0, 0)
        number = f"{first_nine}{one}{(other + luck.choice((0, 0, 1))) % 10}"
        found.add(_by_table(number))
        expected = identity_number(number)
        assert _by_table(number) == (None if expected is None else expected[0])
    assert found == {None, "fnr", "d_number"}


def test_the_test_vectors_have_not_changed():
    """300 persons in all scripts, with their tokens and filters: the same bytes on every machine and version."""
    folder = Path(__file__).parents[1] / "pseudonyms"
    spec = importlib.util.spec_from_file_location("vectors", folder.parents[1] / "tools" / "make_test_vectors.py")
    vectors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vectors)
    persons = json.loads((folder / "persons.json").read_text("utf-8"))["persons"]
    golden = json.loads((folder / "golden.json").read_text("utf-8"))
    assert len(persons) == vectors.N_PERSONS
    assert vectors.golden(persons) == golden
    assert all(column["n_filled"] >= 10 for column in golden["columns"].values())


def _by_table(number):
    table = rules().tables["numbers"]["identity"]
    ciphers = [int(digit) for digit in number]
    sums = [
        sum(a * b for a, b in zip(weights, ciphers, strict=False)) % table["modulus"] for weights in table["weights"]
    ]
    day, month, year, serial = int(number[:2]), int(number[2:4]), int(number[4:6]), int(number[6:9])
    for kind in table["kinds"]:
        if any(rest not in allowed for rest, allowed in zip(sums, kind["remainders"], strict=True)):
            continue
        century = 2000
        if kind["dated_by"] == "series":
            fits = (row for row in table["series"] if row[0] <= serial <= row[1] and row[2] <= year <= row[3])
            century = next((row[4] for row in fits), None)
        try:
            date(century + year, month - kind["month_added"], day - kind["day_added"])
        except (TypeError, ValueError):
            continue
        return kind["kind"]
    return None


def _rule_files():
    folder = files("mse.pseudonyms")
    return tuple(
        json.loads(folder.joinpath(name).read_text("utf-8")) for name in ("rules.json", "transliteration.json")
    )
