"""Plain Splink on the FEBRL lists, as a user of Splink would set it up after reading its guides.

Names, addresses and dates are compared by the comparisons that Splink offers for them, with its adjustment for frequent
values; u is counted on random pairs, the prior on pairs that deterministic rules find, m by expectation-maximisation in
three blocks. The same settings for all lists; none was chosen with a look at the truth.
"""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as compare

__all__ = ["THRESHOLDS", "clusters"]

THRESHOLDS = (0.5, 0.9)
BLOCKS = ("given_name", "surname", "date_of_birth", "postcode", "suburb", "address_1", "soc_sec_id")
SURE_PAIRS = (
    ("given_name", "surname", "date_of_birth"),
    ("surname", "date_of_birth", "postcode"),
    ("given_name", "date_of_birth", "suburb"),
)
RECALL_OF_SURE_PAIRS = 0.7
TRAINED_IN = ("date_of_birth", "surname", "postcode")
U_PAIRS = 5e6


def clusters(lists: Mapping[str, pd.DataFrame], *, seed: int) -> dict[tuple[float, bool], pd.Series]:
    """The cluster of each record, by threshold and by whether a list may be only once in a cluster.

    Parameters
    ----------
    lists : mapping of str to DataFrame
        Columns to compare, one row per record; the index is unique over all lists. One list is searched for
        duplicates, several are linked with each other.
    seed : int
    """
    safe = {name: name.replace("-", "_") for name in lists}  # Splink puts the names into SQL as they are
    database = DuckDBAPI()
    # The order of the records is none that tells who is whom: ties are broken by it.
    numbers = pd.Series(
        np.random.default_rng(seed).permutation(sum(map(len, lists.values()))),
        index=[record for own in lists.values() for record in own.index],
    )
    tables = [
        database.register(
            own.assign(unique_id=numbers[own.index]).sort_values("unique_id"), dataset_display_name=safe[name]
        )
        for name, own in lists.items()
    ]
    columns = list(next(iter(lists.values())).columns)
    linker = Linker(tables, _settings(columns, is_one=len(lists) == 1), log_level=logging.CRITICAL)
    _train(linker, columns, seed=seed)
    scored = linker.inference.predict(threshold_match_probability=min(THRESHOLDS), warning_mode="never")
    found = {}
    for threshold in THRESHOLDS:
        joined = linker.clustering.cluster_pairwise_predictions_at_threshold(
            scored, threshold_match_probability=threshold
        )
        found[threshold, False] = _by_record(joined, numbers)
        if len(lists) > 1:
            joined = linker.clustering.cluster_using_single_best_links(
                scored, duplicate_free_datasets=list(safe.values()), threshold_match_probability=threshold
            )
            found[threshold, True] = _by_record(joined, numbers)
    return found


def _settings(columns: list[str], *, is_one: bool) -> SettingsCreator:
    comparisons = {
        "given_name": compare.NameComparison("given_name").configure(term_frequency_adjustments=True),
        "surname": compare.NameComparison("surname").configure(term_frequency_adjustments=True),
        "date_of_birth": compare.DateOfBirthComparison(
            "date_of_birth", input_is_string=True, datetime_format="%Y%m%d", invalid_dates_as_null=True
        ),
        "postcode": compare.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
        "street_number": compare.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        **{
            name: compare.JaroWinklerAtThresholds(name, [0.9, 0.7]).configure(term_frequency_adjustments=True)
            for name in ("address_1", "address_2", "suburb")
        },
        "state": compare.ExactMatch("state"),
        "soc_sec_id": compare.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
    }
    return SettingsCreator(
        link_type="dedupe_only" if is_one else "link_only",
        comparisons=[comparison for name, comparison in comparisons.items() if name in columns],
        blocking_rules_to_generate_predictions=[block_on(name) for name in BLOCKS if name in columns],
    )


def _train(linker: Linker, columns: list[str], *, seed: int) -> None:
    training = linker.training
    sure = [block_on(*both) for both in SURE_PAIRS if set(both) <= set(columns)]
    training.estimate_probability_two_random_records_match(sure, recall=RECALL_OF_SURE_PAIRS)
    training.estimate_u_using_random_sampling(max_pairs=U_PAIRS, seed=seed)
    for column in TRAINED_IN:
        if column in columns:
            training.estimate_parameters_using_expectation_maximisation(block_on(column))


def _by_record(joined: object, numbers: pd.Series) -> pd.Series:
    """The cluster of each record, numbered from 0."""
    frame = joined.as_pandas_dataframe()
    cluster = pd.Series(pd.factorize(frame["cluster_id"])[0], index=frame["unique_id"])
    return pd.Series(cluster[numbers.to_numpy()].to_numpy(), index=numbers.index)
