"""The two languages: the same sentences in both, and numbers and dates as each writes them."""

from datetime import date
from math import inf
from string import Formatter

import pytest

from mse.interval import Interval
from mse.report.sentences import language

NB, EN = language("nb"), language("en")


def test_both_languages_hold_the_same_sentences_with_the_same_placeholders() -> None:
    """No sentence, and no number in one, is missing in one of the languages."""
    assert set(NB.table) == set(EN.table)
    for section in NB.table:
        assert set(NB[section]) == set(EN[section]), section
        for name, text in NB[section].items():
            if isinstance(text, str):
                assert placeholders(text) == placeholders(EN[section][name]), (section, name)


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_checklist_and_assumptions_are_complete_in_both_languages() -> None:
    """18 items with answers, and as many assumptions in one language as in the other."""
    for words in (NB, EN):
        assert list(words.points["gather"]) == [str(number) for number in range(1, 19)]
    assert set(NB.points["answers"]) == set(EN.points["answers"])
    assert len(NB.points["assumptions"]) == len(EN.points["assumptions"])
    assert [pattern for pattern, _ in NB.translations] == [pattern for pattern, _ in EN.translations]


@pytest.mark.parametrize(("bare", "before"), [("offer", ("mulig", "antatt")), ("ofre", ("mulige", "antatte"))])
def test_nobody_is_called_a_victim_outright(bare: str, before: tuple[str, ...]) -> None:
    """In Norwegian the word for victim always follows "possible" or "presumed"."""
    for section in NB.table.values():
        for text in section.values():
            tokens = str(text).lower().replace("»", " ").replace("«", " ").replace(".", " ").replace(",", " ").split()
            for i, token in enumerate(tokens):
                if token == bare:
                    assert tokens[i - 1] in before, text


def test_english_never_says_victim_alone() -> None:
    """In English "victim" follows "possible" or "presumed", or explains why."""
    for section in EN.table.values():
        for name, text in section.items():
            tokens = str(text).lower().replace("“", " ").replace("”", " ").split()
            for i, token in enumerate(tokens):
                if token.startswith("victim") and "whether a person is a victim" not in str(text).lower():
                    assert tokens[i - 1] in ("possible", "presumed"), name


def test_numbers_are_written_as_each_language_does() -> None:
    """Norwegian: a space that does not break and a decimal comma; English: comma and point."""
    assert NB.number(13444.25, 1) == "13\u00a0444,2"
    assert EN.number(13444.25, 1) == "13,444.2"
    assert NB.percent(0.951, 1) == "95,1\u00a0%"
    assert EN.level(0.95) == "95%"


def test_periods_and_dates() -> None:
    """Whole years are written as years, other periods with their days."""
    assert NB.period((date(2020, 1, 1), date(2020, 12, 31))) == "2020"
    assert EN.period((date(2017, 1, 1), date(2022, 12, 31))) == "2017–2022"
    assert NB.period((date(2020, 5, 1), date(2020, 9, 17))) == "1. mai 2020 – 17. september 2020"


def test_confidence_and_credible_intervals_are_named_apart() -> None:
    """A credible interval is never called a confidence interval."""
    assert "konfidensintervall" in NB.interval(400, 900, Interval(1, 2, 0.95, "profile"))
    assert "kredibilitetsintervall" in NB.interval(400, 900, Interval(1, 2, 0.95, "hdi"))
    assert "credible" in EN.interval(400, inf, Interval(1, 2, 0.9, "equal-tailed"))
    assert "at least 400, no upper limit" in EN.interval(400, inf, Interval(1, 2, 0.9, "equal-tailed"))


def test_what_is_filled_in_is_escaped() -> None:
    """A name with markup in it stays text."""
    assert "<b>" not in EN.say("finding", "empty_list", name="<b>x</b>")


def test_a_hidden_count_is_a_colon_that_is_heard_as_a_word() -> None:
    """On the page a colon, for a screen reader a word."""
    assert NB.count(None) == '<span aria-hidden="true">:</span><span class="spoken">skjult</span>'
    assert NB.count(0) == "0"


def test_sentences_of_the_linkage_lose_their_counts() -> None:
    """The wording that the report knows holds none of the numbers of the original."""
    said = NB.translated("ROSA: 2 of 74 records merged with another record of the same list")
    assert said is not None
    assert not any(character.isdigit() for character in said)
    assert NB.translated("the field duf was not compared: no value of it stands on two records") == (
        "Feltet duf ble ikke sammenlignet, fordi ingen verdi i det står på to registreringer."
    )
    assert NB.translated("something else") is None
