"""Recomputing published numbers: the table, what agrees means, and the choice of rows."""

import pytest

from mse.datasets import dataset_names
from mse.errors import BadInput
from mse.reproduce import PublishedNumber, published_numbers, published_works, reproduce


def number(printed):
    return PublishedNumber("w", "Korea", "fit_loglinear", "{}", "n_hat", printed, "source")


def test_every_published_number_agrees():
    """Ours is within half a unit of the last printed digit of every number in the table."""
    table = reproduce()
    assert table.loc[~table["agrees"], ["dataset", "call", "quantity", "ours", "published"]].values.tolist() == []
    assert len(table) == len(published_numbers())


@pytest.mark.parametrize(("printed", "tolerance"), [("1184", 0.5), ("0.25", 0.005), ("13444.1312", 0.00005)])
def test_tolerance_is_half_a_unit_of_the_last_digit(printed, tolerance):
    """What was printed says how closely it can be compared."""
    assert number(printed).tolerance == pytest.approx(tolerance)


def test_row_compares_ours_with_the_published():
    """A row holds the call, both numbers, their difference and the source."""
    row = reproduce(only="Korea").iloc[0]
    assert row["difference"] == row["ours"] - row["published"]
    assert row["call"] == "select_loglinear(by='bic')"
    assert "10.1007/s11222-023-10346-9, tables 3 and 6" in row["source"]


def test_disagreement_is_shown_and_not_hidden(monkeypatch):
    """A number that does not come out is a row that says so."""
    wrong = PublishedNumber("scv2024", "Korea", "fit_loglinear", '{"model": "[12,23]"}', "n_hat", "158", "nowhere")
    monkeypatch.setattr("mse.reproduce.recomputing.published_numbers", lambda: (wrong,))
    row = reproduce().iloc[0]
    assert not row["agrees"]
    assert row["difference"] == pytest.approx(157 + 1 / 6 - 158)


def test_choice_by_publication_and_dataset():
    """`only` keeps the rows of publications and datasets, in the order of the table."""
    assert set(reproduce(only="csv2021")["work"]) == {"csv2021"}
    assert set(reproduce(only=["Korea", "care1"])["dataset"]) == {"Korea", "HAV"}


def test_unknown_choice_is_answered_with_the_known_ones():
    """A name that is neither a publication nor a dataset of the table is bad input."""
    with pytest.raises(BadInput, match="no publication or dataset named 'x'; there are 'csv2021', 'scv2024'"):
        reproduce(only="x")


def test_table_is_consistent():
    """Every entry names a shipped dataset and a known publication, and no number stands there twice."""
    numbers = published_numbers()
    assert {entry.dataset for entry in numbers} <= set(dataset_names())
    assert {entry.work for entry in numbers} == set(published_works())
    keys = [(entry.work, entry.dataset, entry.call, entry.arguments, entry.quantity) for entry in numbers]
    assert len(set(keys)) == len(keys)
