"""A data set of the linkage study as its linkers see it, plain or encoded, with the truth beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.linkage.linkable import Linkable, linkable_encoded, linkable_plain
from mse.links import Links
from mse.pseudonyms import EncodedRegister, Key, encode, id_map
from mse.registers import Register
from simulations.linkage_lists import FIELDS, Lists

__all__ = ["DataSet", "Encoding", "data_set"]

KEY = Key("SYNTHETIC-study", bytes(range(32)))

Encoding = Literal["plain", "bloom", "match_keys"]


@dataclass(frozen=True)
class DataSet:
    """Lists to link, and the records of them that every linker gets: those that are not scarce.

    Attributes
    ----------
    registers : sequence of Register, or of EncodedRegister
    linkable : Linkable
        The records that `mse.link` keeps, in its order.
    written : DataFrame
        What was written on these records, in the columns of the lists; for exact joins and plain linkers.
    true_person : ndarray of int64, shape (n_records,)
        The person of each of them.
    n_left_out : int
        Records that are too scarce.
    """

    registers: Sequence[Register] | Sequence[EncodedRegister]
    linkable: Linkable
    written: pd.DataFrame
    true_person: NDArray[np.int64]
    n_left_out: int

    @property
    def list_of_record(self) -> NDArray[np.int64]:
        return self.linkable.list_of_record

    def joined(self, person: NDArray[np.int64]) -> Links:
        """These records joined into persons in one way, or in several, shape (n_draws, n_records)."""
        return Links(self.linkable.records, np.atleast_2d(person).astype(np.int32), self.linkable.lists)

    def same_records(self, links: Links) -> bool:
        """Whether a linkage is of these records, in this order."""
        told = [frame[["list", "record"]].astype(object) for frame in (links.records, self.linkable.records)]
        return told[0].equals(told[1])


def data_set(lists: Lists, encoding: Encoding) -> DataSet:
    """The lists under one encoding; nothing else differs between encodings but the records that are too scarce."""
    if encoding == "plain":
        linkable = linkable_plain(lists.registers, fields=None)
        given, row_of = lists.registers, None
    else:
        given = [encode(own, key=KEY, project=KEY.project, encoding=encoding) for own in lists.registers]
        linkable = linkable_encoded(given, fields=None)
        row_of = {}
        for own in lists.registers:
            # A record that stands for several rows is told by its first one.
            for record, row in id_map(own, key=KEY)[["record", "row"]].itertuples(index=False):
                row_of.setdefault((own.name, str(record)), int(row))
    keys = list(linkable.records[["list", "record"]].itertuples(index=False, name=None))
    rows = [(name, int(record) if row_of is None else row_of[name, record]) for name, record in keys]
    person_of = {(name, int(row)): person for name, row, person in lists.truth.itertuples(index=False)}
    frames = {own.name: own.records for own in lists.registers}
    written = pd.concat([frames[name].loc[:, list(FIELDS)] for name in frames], keys=list(frames))
    return DataSet(
        given,
        linkable,
        written.loc[rows].reset_index(drop=True),
        np.array([person_of[row] for row in rows], np.int64),
        len(lists.truth) - len(rows),
    )
