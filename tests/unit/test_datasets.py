"""The shipped tables: what each holds, and what the loader refuses."""

import tomllib
from importlib.resources import files

import pytest

from mse.datasets import dataset, dataset_names, describe_datasets, load_dataset, loading
from mse.errors import BadInput, Refused

# Persons observed, as the publications print them.
OBSERVED = {
    "UKdat": 2744,
    "UKdat_5": 2744,
    "UKdat_4": 2428,
    "Ned": 8234,
    "Ned_5": 8234,
    "NewOrl": 185,
    "NewOrl_5": 185,
    "NewOrl_n186": 186,
    "NewOrl_5_n186": 186,
    "Western": 345,
    "Australia": 414,
    "Artificial_3": 96,
    "Korea": 123,
    "Kosovo": 4400,
    "NewZealand": 4401990,
    "HIV": 1896,
    "hare": 68,
    "HAV": 271,
    "Diabetes": 2069,
    "Congenital": 537,
    "dga_MY3_spina": 626,
    "spina": 621,
    "ScotPWID": 5670,
}


@pytest.mark.parametrize("name", OBSERVED)
def test_table_holds_the_published_number_of_persons(name):
    """Each table sums to the number observed that its publication prints, and so does the index."""
    assert load_dataset(name).n_observed == OBSERVED[name] == dataset(name).n_observed


def test_index_and_files_name_the_same_tables():
    """Every file is in the index and every entry has its file."""
    shipped = {entry.name.removesuffix(".csv") for entry in (files("mse.datasets") / "tables").iterdir()}
    assert shipped == set(dataset_names()) == set(OBSERVED)


@pytest.mark.parametrize("name", OBSERVED)
def test_lists_are_those_of_the_index_in_their_order(name):
    """The lists of a loaded table are the columns that the index declares."""
    assert load_dataset(name).lists == dataset(name).lists


@pytest.mark.parametrize("name", OBSERVED)
def test_every_table_is_cited(name):
    """An entry has a title, a citation, and the place the counts were copied from."""
    about = dataset(name)
    assert all((about.title, about.citation, about.taken_from, about.kind))


def test_merged_tables_follow_from_the_full_ones():
    """The shorter versions of a table are the longer one with lists merged or left out."""
    merged = load_dataset("UKdat").merge_lists({"PFNCA": ("PF", "NCA")})
    assert merged.counts.tolist() == load_dataset("UKdat_5").counts.tolist()
    assert merged.drop_lists("GP").counts.tolist() == load_dataset("UKdat_4").counts.tolist()
    dutch = load_dataset("Ned").merge_lists({"IO": ("I", "O")})
    assert dutch.reorder_lists(load_dataset("Ned_5").lists).counts.tolist() == load_dataset("Ned_5").counts.tolist()
    for full, short in (("NewOrl", "NewOrl_5"), ("NewOrl_n186", "NewOrl_5_n186")):
        five = load_dataset(full).merge_lists({"BEFG": ("B", "E", "F", "G")})
        assert five.lists == load_dataset(short).lists == ("A", "BEFG", "C", "D", "H")
        assert five.counts.tolist() == load_dataset(short).counts.tolist()


def test_two_versions_of_new_orleans_differ_in_one_person():
    """History CD holds one person in the version of 2021 and two in that of 2024."""
    older, newer = load_dataset("NewOrl"), load_dataset("NewOrl_n186")
    both = older.row((0, 0, 1, 1, 0, 0, 0, 0))
    difference = newer.counts - older.counts
    assert (difference[both], abs(difference).sum()) == (1, 1)
    assert "185" in older.notes[0]
    assert "186" in newer.notes[0]


def test_covariates_become_strata_that_sum_to_the_table():
    """Strata by covariates sum to the table that is loaded without them."""
    by_all = load_dataset("ScotPWID", covariates=("Region", "Gender", "Age"))
    by_one = load_dataset("ScotPWID", covariates="Gender")
    whole = load_dataset("ScotPWID")
    assert (by_all.n_strata, by_one.strata, whole.strata) == (8, ("Female", "Male"), ("all",))
    assert by_all.counts.sum(axis=1).tolist() == by_one.counts.sum(axis=1).tolist() == whole.counts.tolist()


def test_loading_keeps_citation_and_checksum():
    """The provenance of a loaded table names the publication and the bytes it came from."""
    provenance = load_dataset("HAV").provenance
    assert provenance["input_sha256"] == dataset("HAV").sha256
    assert "Statistics in Medicine" in provenance["options"]["citation"]


def test_unknown_dataset_is_answered_with_the_known_ones():
    """An unknown name is bad input, and the message lists the names there are."""
    with pytest.raises(BadInput, match="no dataset named 'UK'; there are 'UKdat', 'UKdat_5'"):
        load_dataset("UK")


def test_unknown_covariate_is_answered_with_the_known_ones():
    """An unknown covariate is bad input, and the message lists those of the table."""
    with pytest.raises(BadInput, match="no covariate of spina named 'sex'; there are 'eth'"):
        load_dataset("spina", covariates=["sex"])


def test_covariate_with_missing_values_is_refused():
    """A covariate that is missing for some persons cannot make strata."""
    with pytest.raises(Refused, match="'a' of NewZealand is missing for some persons"):
        load_dataset("NewZealand", covariates=["a"])


def test_changed_file_is_refused(monkeypatch):
    """A table whose bytes no longer have the recorded checksum is not loaded."""
    text = (files("mse.datasets") / "index.toml").read_text("utf-8")
    other = tomllib.loads(text.replace(dataset("Korea").sha256, "0" * 64))["Korea"]
    monkeypatch.setattr(loading, "_index", lambda: {"Korea": loading._entry("Korea", other)})
    with pytest.raises(BadInput, match="Korea was changed after it was shipped"):
        load_dataset("Korea")


def test_description_has_one_row_for_each_table():
    """The overview shows every table with its number of persons and its lists."""
    table = describe_datasets().set_index("name")
    assert table["n_observed"].to_dict() == OBSERVED
    assert table.loc["spina", ["lists", "covariates"]].tolist() == ["S1, S2, S3", "eth"]
