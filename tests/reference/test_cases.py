"""Numbers asked for one by one, each with its source, against the public functions."""

import tomllib
from functools import cache
from pathlib import Path

import pytest

from mse import errors
from mse.datasets import dataset, load_dataset
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.search import select_loglinear
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman, lincoln_petersen

CASES = tomllib.loads((Path(__file__).parent / "cases.toml").read_text("utf-8"))["case"]
CALLS = {
    "fit_loglinear": fit_loglinear,
    "select_loglinear": select_loglinear,
    "chapman": chapman,
    "lincoln_petersen": lincoln_petersen,
    "chao_lower_bound": chao_lower_bound,
}


@cache
def _answer(index):
    case = CASES[index]
    return CALLS[case["call"]](load_dataset(case["dataset"]), **case["arguments"])


def _found(answer, quantity):
    """The quantity of a case, as a number or, for the form of a model, as text."""
    found = {
        "n_hat": lambda: answer.n_hat,
        "low": lambda: answer.interval().low,
        "high": lambda: answer.interval().high,
        "positions": lambda: answer.ranking["positions"].iloc[0],
        "n_models": lambda: len(answer.ranking),
        "n_ok": lambda: (answer.ranking["status"] == "ok").sum(),
    }
    return found[quantity]() if quantity in found else answer.diagnostics[quantity]


NUMBERS = [
    pytest.param(index, quantity, printed, id=f"{case['name']}-{quantity}")
    for index, case in enumerate(CASES)
    for quantity, printed in case.get("expected", {}).items()
]
REFUSALS = [pytest.param(case, id=case["name"]) for case in CASES if "refused" in case]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_input_is_the_recorded_one(case):
    """The shipped table has the bytes that the number was computed on."""
    assert dataset(case["dataset"]).sha256 == case["sha256"]


@pytest.mark.parametrize(("index", "quantity", "printed"), NUMBERS)
def test_number_agrees_to_the_printed_digits(index, quantity, printed):
    """Ours is within half a unit of the last printed digit, or the same model."""
    found = _found(_answer(index), quantity)
    if quantity == "positions":
        assert found == printed
    else:
        digits = len(printed.partition(".")[2])
        assert found == pytest.approx(float(printed), abs=0.5 * 10.0**-digits, rel=0)


@pytest.mark.parametrize("case", REFUSALS)
def test_model_without_an_answer_is_refused(case):
    """A model whose estimate does not exist, or leaves the total open, is refused with that reason and no other."""
    with pytest.raises(getattr(errors, case["refused"])):
        CALLS[case["call"]](load_dataset(case["dataset"]), **case["arguments"])


@pytest.mark.parametrize(
    ("dataset_name", "statuses"),
    [
        ("Artificial_3", {"[12,13,23]": "not_identified", "[12,3]": "no_mle", "[13,23]": "ok"}),
        ("Korea", {"[12,13]": "no_mle", "[12,13,23]": "no_mle", "[12,23]": "ok"}),
    ],
)
def test_ranking_gives_the_reason_and_no_number(dataset_name, statuses):
    """In the ranking such a model stands last, with its reason and without total or weight."""
    ranking = select_loglinear(load_dataset(dataset_name)).ranking.set_index("positions")
    assert ranking.loc[list(statuses), "status"].to_dict() == statuses
    failed = ranking[ranking["status"] != "ok"]
    assert failed[["n_hat", "weight"]].isna().all(axis=None)
    assert list(ranking.index[-len(failed) :]) == list(failed.index)


def test_the_six_thousand_models_fall_into_three_kinds():
    """Of the 6,893 models of UKdat_5, 6,519 have an answer, 338 no MLE, and 36 neither MLE nor an identified total."""
    counts = select_loglinear(load_dataset("UKdat_5")).ranking["status"].value_counts().to_dict()
    assert counts == {"ok": 6519, "no_mle": 338, "no_mle_not_identified": 36}
