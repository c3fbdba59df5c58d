"""How persons are drawn, named and written down."""

from datetime import date

import numpy as np
import pytest

from mse.synthetic.encounters import meet, recorded_form
from mse.synthetic.identities import age_group, identify, origins
from mse.synthetic.layouts import file_bytes, localised
from mse.synthetic.one_year import layouts_of
from mse.synthetic.population import draw_population
from mse.synthetic.published import Margins
from mse.synthetic.recording import misspelt, mistyped, quality_of, write_down
from mse.synthetic.rules import ListRule


def test_every_spelling_rule_of_an_origin_applies_to_one_of_its_names() -> None:
    """No origin lacks a rule that changes some of its names."""
    for origin in origins().values():
        names = {*origin.women, *origin.men, *origin.family}
        assert any(old in name for old, _ in origin.rules for name in names), origin.code


def test_names_are_of_one_word_and_latin() -> None:
    """Every name of the pools can be written in Latin-1, as an old system would."""
    for origin in origins().values():
        for name in (*origin.women, *origin.men, *origin.family):
            assert name.encode("latin-1")
            assert name[0].isupper()


def test_another_spelling_follows_the_rules_of_the_origin() -> None:
    """A rule replaces its letters once; a name to which none applies stays."""
    rng = np.random.default_rng(1)
    assert misspelt("Volodymyr", (("y", "i"),), rng) == "Volodimyr"
    assert misspelt("Anna", (("y", "i"),), rng) == "Anna"


def test_a_typing_error_changes_a_name_by_one_stroke() -> None:
    """One letter is lost, doubled, swapped or replaced, never the first one."""
    rng = np.random.default_rng(2)
    typed = {mistyped("Natalia", rng) for _ in range(200)}
    assert len(typed) > 10
    assert all(name[0] == "N" and abs(len(name) - 7) <= 1 for name in typed)
    assert mistyped("Bo", rng) == "Bo"


def test_a_perfect_list_writes_what_is_true() -> None:
    """Without errors and gaps the row is the person."""
    persons = draw_population(1, year=2020, rng=np.random.default_rng(3))
    person = persons.join(identify(persons, rng=np.random.default_rng(4))).astype(str).iloc[0].to_dict()
    chances = dict.fromkeys(quality_of("authority").__slots__, 0.0) | {"missing": {}}
    perfect = type(quality_of("authority"))(**chances)
    fields = ("given_name", "birth_date", "nationality", "duf")
    row = write_down(person, fields, {}, perfect, year=2020, rng=np.random.default_rng(5))
    assert row == {field: person[field] for field in fields}


def test_a_woman_has_the_ending_of_her_family_name() -> None:
    """Where family names have a form for women, women bear it and men do not."""
    persons = draw_population(400, year=2020, rng=np.random.default_rng(6))
    persons["nationality"] = "BGR"
    names = identify(persons, rng=np.random.default_rng(7))["family_name"]
    assert names[persons["sex"] == "woman"].str.endswith(("ova", "eva")).all()
    assert not names[persons["sex"] == "man"].str.endswith(("ova", "eva")).any()


@pytest.mark.parametrize(
    ("born", "group"), [("2008-07-01", "12-17"), ("1995-07-02", "18-24"), ("1975-07-01", "45_and_over")]
)
def test_age_groups_change_on_the_birthday(born: str, group: str) -> None:
    """The age counts in full years on the day."""
    assert age_group(born, on=date(2020, 7, 1)) == group


def test_the_form_an_agency_writes_differs_for_the_least_lucky_only() -> None:
    """Few persons are written under another form, and always under another one than their own."""
    persons = draw_population(3000, year=2020, rng=np.random.default_rng(8))
    luck = persons["visibility"] * 0 + np.random.default_rng(9).random(3000)
    written = recorded_form(persons["form"], luck)
    assert 0.04 < (written != persons["form"]).mean() < 0.08


def test_a_referral_draws_persons_from_the_other_list() -> None:
    """With a strong referral the second list is inside the first; the margins hold either way."""
    persons = draw_population(300, year=2020, rng=np.random.default_rng(10))
    margins = Margins(20, None, {("woman",): 12, ("man",): 8}, {}, {}, 0)
    first = ListRule("first", 1, margins)
    overlaps = []
    for odds in (0.0, 50.0):
        second = ListRule("second", 2, margins, referral={"first": odds})
        met = meet(persons, (first, second), (), year=2020, earlier_but_new_here=0.0, rng=np.random.default_rng(11))
        assert met.persons.loc[met.states["second"].index, "sex"].value_counts().to_dict() == {"woman": 12, "man": 8}
        overlaps.append(len(met.on("first") & met.on("second")))
    assert overlaps[0] < 8
    assert overlaps[1] == 20


def test_a_person_whom_the_margins_demand_is_drawn_again() -> None:
    """Where the population has no such person, one whom nobody met gets the traits, and the number of persons stays."""
    persons = draw_population(40, year=2020, rng=np.random.default_rng(12))
    persons["region"] = "africa"
    rule = ListRule("first", 1, Margins(3, None, {}, {}, {("asia",): 3}, 0))
    met = meet(persons, (rule,), (), year=2020, earlier_but_new_here=0.0, rng=np.random.default_rng(13))
    assert met.n_redrawn == 3
    assert len(met.persons) == 40
    assert set(met.persons.loc[met.states["first"].index, "region"]) == {"asia"}


def test_an_excel_list_is_the_same_bytes_at_any_time() -> None:
    """The workbook bears no time of writing."""
    layout = next(one for one in layouts_of("layouts_2020.toml", "register") if one.file.type == "xlsx")
    row = dict.fromkeys(layout.fields, "") | {"birth_date": "1990-02-01", "sex": "woman"}
    table = localised([row], layout)
    content = file_bytes(table, layout)
    assert content == file_bytes(table, layout)
    assert b"1980-01-01T00:00:00Z" in content
