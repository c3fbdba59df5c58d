"""Which lists may be linked: one population always; one period, presence and case definition, or a reason."""

from datetime import date

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.linkage import check_comparable
from mse.registers import Codebook, Column, Register


def _register(name, **changes):
    about = {
        "population": "adults",
        "presence": "in contact",
        "period": (date(2020, 1, 1), date(2020, 12, 31)),
        "case_definition_id": "presumed",
    } | changes
    columns = (Column("n", "name", "given_name", identifier=True),)
    codebook = Codebook(
        name=name, agency=name, case_definition="x", counting_rule="x", population_covered="x", columns=columns, **about
    )
    return Register(codebook, pd.DataFrame({"given_name": ["Ana"]}, index=[1], dtype="str"), source_sha256="")


def test_equal_declarations_need_no_reason():
    """Nothing is said about lists that agree."""
    assert check_comparable([_register("a"), _register("b")]) == ()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"period": (date(2019, 1, 1), date(2019, 12, 31))}, "period"),
        ({"presence": "new"}, "presence"),
        ({"case_definition_id": "formal"}, "case_definition"),
    ],
)
def test_a_difference_stops_until_a_reason_is_given(changes, key):
    """Both sides are named; the reason is handed on."""
    registers = [_register("a"), _register("b", **changes)]
    with pytest.raises(BadInput, match=rf"\(a\).*\(b\).*{key} = "):
        check_comparable(registers)
    (sentence,) = check_comparable(registers, reasons={key: "the agency has no other list"})
    assert sentence.endswith("Reason given: the agency has no other list")


def test_all_differences_are_told_at_once():
    """One error holds every difference without a reason; a blank reason is none."""
    registers = [_register("a"), _register("b", presence="new", case_definition_id="formal")]
    with pytest.raises(BadInput, match="2 problems") as caught:
        check_comparable(registers, reasons={"presence": " "})
    assert len(caught.value.reasons) == 2


def test_no_reason_lets_adults_and_minors_mix():
    """Minors are a population of their own."""
    with pytest.raises(BadInput, match="link adults and minors apart"):
        check_comparable([_register("a"), _register("b", population="minors")])


def test_an_unknown_difference_is_named():
    """A misspelt key under [differences] does not pass silently."""
    with pytest.raises(BadInput, match="no difference named 'periode'"):
        check_comparable([_register("a")], reasons={"periode": "x"})


def test_a_reason_for_the_counting_rule_is_handed_on():
    """Counting rules are free text: not compared, but explained."""
    assert check_comparable([_register("a")], reasons={"counting_rule": "see codebooks"}) == (
        "counting rules: see codebooks",
    )
