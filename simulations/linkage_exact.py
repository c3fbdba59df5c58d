"""Exact joins: who agrees to the letter, on names and date of birth together, or on one key after the other.

Filters of names have flipped bits, so that the same name has another filter on every record: nothing agrees exactly.
"""

from collections.abc import Iterator, Sequence

from simulations.linkage_data import DataSet
from simulations.linkage_joins import join_by_keys
from simulations.linkage_scores import POINT_COLUMNS, of_point, of_truth
from simulations.rows import Row

__all__ = ["COLUMNS", "VARIANTS", "row"]

# Names of the joins, and the keys that each goes through: plain ones by their columns, and match keys.
VARIANTS = ("exact", "passes")
PLAIN = (
    ("given_name", "family_name", "birth_date"),
    ("family_skeleton", "birth_date"),
    ("given_skeleton", "birth_date"),
    ("given_skeleton", "family_skeleton", "birth_year"),
)
MATCH_KEYS = (("key_names_date",), ("key_skeletons_date",), ("key_word_date",), ("key_names_year",))
COLUMNS = tuple(f"{variant}_{column}" for variant in VARIANTS for column in POINT_COLUMNS)


def row(data: DataSet, *, seed: int) -> Row:
    """The joins by the first key alone, and by all four; nothing is drawn."""
    del seed
    found: dict[str, float | str] = {**of_truth(data)}
    passes = list(_passes(data))
    for variant, used in zip(VARIANTS, (passes[:1], passes), strict=True):
        scores = of_point(join_by_keys(used, data.list_of_record), data)
        found |= {f"{variant}_{column}": value for column, value in scores.items()}
    return found


def _passes(data: DataSet) -> Iterator[list[Sequence[str]]]:
    columns = data.linkable.columns
    if "key_names_date" in columns:
        for (name,) in MATCH_KEYS:
            yield [[own] if isinstance(own, str) else own if isinstance(own, list) else [] for own in columns[name]]
        return
    # The date as it was written: on 1 January it is a date like others, to a user who joins exactly.
    dates = data.written["birth_date"]
    typed = columns.assign(birth_date=dates, birth_year=dates.str[:4], **data.written[["given_name", "family_name"]])
    for names in PLAIN:
        cells = typed[list(names)].itertuples(index=False, name=None)
        yield [["|".join(own)] if all(isinstance(cell, str) for cell in own) else [] for own in cells]
