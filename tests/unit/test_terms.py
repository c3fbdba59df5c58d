"""Model notation, and the enumeration of hierarchical models."""

from itertools import chain, combinations

import pytest

from mse.errors import BadInput
from mse.models.loglinear.terms import all_terms, design_matrix, hierarchical_models, parse_model

LISTS = ("LA", "NG", "PF", "GO")


@pytest.mark.parametrize(
    ("text", "names", "positions"),
    [
        ("[12,13,3]", "[LA,NG][LA,PF][GO]", "[12,13,4]"),
        ("[1,2,3,4]", "[LA][NG][PF][GO]", "[1,2,3,4]"),
        ("independence", "[LA][NG][PF][GO]", "[1,2,3,4]"),
        ("[GO,LA][PF]", "[LA,GO][NG][PF]", "[14,2,3]"),
        ("[NG,PF,LA][LA,NG]", "[LA,NG,PF][GO]", "[123,4]"),
        ("[123,14]", "[LA,NG,PF][LA,GO]", "[123,14]"),
        ("[ 12 , 34 ]", "[LA,NG][PF,GO]", "[12,34]"),
    ],
)
def test_both_forms_are_read_and_printed(text: str, names: str, positions: str) -> None:
    """Redundant terms are dropped, lists not named get their main effect, brackets go by falling size."""
    model = parse_model(text, LISTS)
    assert str(model) == names
    assert model.positions == positions
    assert parse_model(str(model), LISTS) == model == parse_model(model.positions, LISTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[LA,XX]", "no list named 'XX'; there are 'LA', 'NG', 'PF', 'GO'"),
        ("[15]", "does not name positions from 1 to 4"),
        ("[11]", "each once"),
        ("[1234]", "the term of all 4 lists cannot be estimated"),
        ("LA,NG", "is not a model; write one bracket per term"),
        ("[]", "does not name positions"),
        ("[LA][", "is not a model"),
    ],
)
def test_what_is_not_a_model_is_refused(text: str, message: str) -> None:
    """The message says what was given and what is possible."""
    with pytest.raises(BadInput, match=message):
        parse_model(text, LISTS)


def test_the_position_form_is_refused_when_a_list_is_named_by_a_digit() -> None:
    """It could mean either."""
    with pytest.raises(BadInput, match="could mean positions or the list named '1'"):
        parse_model("[12]", ("1", "2", "3"))
    assert str(parse_model("[1,2][3]", ("1", "2", "3"))) == "[1,2][3]"


@pytest.mark.parametrize(("n_lists", "expected"), [(2, 1), (3, 8), (4, 113), (5, 6893)])
def test_the_number_of_hierarchical_models_is_the_published_one(n_lists: int, expected: int) -> None:
    """Silverman, Chan and Vincent (2024): 8, 113 and 6,893."""
    assert len(hierarchical_models(n_lists)) == expected


@pytest.mark.slow
def test_there_are_7785061_hierarchical_models_of_six_lists() -> None:
    """The published count for six lists."""
    assert len(hierarchical_models(6)) == 7_785_061


@pytest.mark.parametrize(("n_lists", "max_order"), [(3, 2), (4, 2), (4, 3), (6, 2)])
def test_the_enumeration_equals_trying_all_subsets_of_terms(n_lists: int, max_order: int) -> None:
    """Slow obvious twin: every set of terms that is closed under subsets."""
    terms = all_terms(n_lists, max_order)
    if len(terms) > 12:
        assert len(hierarchical_models(n_lists, max_order)) == 2 ** len(terms)
        return
    closed = set()
    for chosen in chain.from_iterable(combinations(range(len(terms)), r) for r in range(len(terms) + 1)):
        masks = {terms[j] for j in chosen}
        inside = all(
            other in masks for mask in masks for other in terms if other & mask == other and other.bit_count() > 1
        )
        if inside:
            closed.add(sum(1 << j for j in chosen))
    assert set(hierarchical_models(n_lists, max_order).tolist()) == closed


def test_a_row_of_the_design_holds_the_terms_inside_its_history() -> None:
    """The history 110 contains both lists and their term."""
    model = parse_model("[12,3]", ("a", "b", "c"))
    design = design_matrix(model.terms, 3)
    assert design[0b110 - 1].tolist() == [1, 1, 1, 0, 1]
    assert design[0b001 - 1].tolist() == [1, 0, 0, 1, 0]
