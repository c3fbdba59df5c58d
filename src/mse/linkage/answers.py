"""Answers of the agencies about pairs of records: read from a file, checked, and found among the records."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.all_pairs import Listed
from mse.linkage.evidence import DIFFERENT, SAME

__all__ = ["ANSWERS", "Answers", "read_answers"]

UNKNOWN = "unknown"
ANSWERS = ("same", "different", UNKNOWN)
COLUMNS = ("list_a", "record_a", "list_b", "record_b", "answer")


@dataclass(frozen=True)
class Answers:
    """Pairs of positions, shape (n, 2): those that are one person, and those that are two."""

    same: NDArray[np.int64]
    different: NDArray[np.int64]

    @classmethod
    def of(cls, answers: pd.DataFrame | None, records: pd.DataFrame) -> "Answers":
        """Find the records that answers are about.

        Parameters
        ----------
        answers : DataFrame, columns list_a, record_a, list_b, record_b, answer
            One row per pair; answer is same, different, or unknown, and an empty one counts as unknown. None for no
            answers.
        records : DataFrame, columns list, record

        Raises
        ------
        BadInput
            For a column that is missing, another word, a record that is not on its list, or two records of one list.
        """
        if answers is None:
            return cls(*(np.empty((0, 2), np.int64) for _ in range(2)))
        missing = [name for name in COLUMNS if name not in answers.columns]
        if missing:
            raise BadInput(f"the answers have no column {missing[0]!r}; they need {', '.join(COLUMNS)}")
        words = answers["answer"].fillna(UNKNOWN).astype("str").str.strip().str.lower().replace("", UNKNOWN)
        wrong = np.flatnonzero(~words.isin(ANSWERS))
        if len(wrong):
            raise BadInput(f"row {wrong[0] + 1} of the answers says none of {', '.join(ANSWERS)}; write one of them")
        if (answers["list_a"] == answers["list_b"]).any():
            row = int(np.flatnonzero(answers["list_a"] == answers["list_b"])[0]) + 1
            raise BadInput(f"row {row} of the answers is about two records of one list; ask about records of two lists")
        places = np.column_stack([_places(answers, end, records) for end in "ab"])
        return cls(places[(words == "same").to_numpy()], places[(words == "different").to_numpy()])

    def of_units(self, unit: NDArray[np.int64], list_of_unit: NDArray[np.int64]) -> "Answers":
        """The same answers about groups of records of one list; the lower number first, each pair once.

        Raises
        ------
        BadInput
            For answers that make one person of two groups of a list, or of two that were told apart.
        """
        same, different = (np.unique(np.sort(unit[pairs], axis=1), axis=0) for pairs in (self.same, self.different))
        person = np.arange(len(list_of_unit))
        for a, b in same.tolist():
            person[person == person[b]] = person[a]
        told = np.unique(same)
        if len(np.unique(np.column_stack([person[told], list_of_unit[told]]), axis=0)) < len(told):
            raise BadInput("the answers make one person of two records of one list; ask the agencies again")
        if (person[different[:, 0]] == person[different[:, 1]]).any():
            raise BadInput("the answers say of one pair both that it is one person and that it is two; ask again")
        return Answers(same, different)

    def on(
        self, listed: Listed, levels_of_pairs: Callable[[NDArray[np.int64]], NDArray[np.int8]]
    ) -> tuple[Listed, NDArray[np.int8]]:
        """The listed pairs with those that were asked about, and the answer to each: 1, -1, or 0 for none.

        Parameters
        ----------
        levels_of_pairs : callable
            Levels of pairs that are not listed yet, (n, n_comparisons) from (n, 2).
        """
        asked = np.concatenate([self.same, self.different])
        answer = np.zeros(len(listed), np.int8)
        if not len(asked):
            return listed, answer
        known = set(zip(listed.left.tolist(), listed.right.tolist(), strict=True))
        new = np.array([pair for pair in asked.tolist() if tuple(pair) not in known], np.int64).reshape(-1, 2)
        left, right = (np.concatenate([own, new[:, end]]) for end, own in enumerate((listed.left, listed.right)))
        levels = np.concatenate([listed.levels, levels_of_pairs(new)])
        order = np.lexsort((right, left))
        everything = Listed(left[order], right[order], levels[order])
        said = {tuple(pair): SAME for pair in self.same.tolist()}
        said |= {tuple(pair): DIFFERENT for pair in self.different.tolist()}
        pairs = zip(everything.left.tolist(), everything.right.tolist(), strict=True)
        return everything, np.array([said.get(pair, 0) for pair in pairs], np.int8)


def read_answers(path: Path) -> pd.DataFrame:
    """Read the answers to a list of questions from a CSV, all cells as text.

    Raises
    ------
    BadInput
        When there is no such file, or it is no CSV in UTF-8.
    """
    try:
        return pd.read_csv(path, dtype="str")
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}; check the path") from None
    except ValueError:
        raise BadInput(f"{path} cannot be read as CSV in UTF-8; save it with a header row and commas") from None


def _places(answers: pd.DataFrame, end: str, records: pd.DataFrame) -> NDArray[np.int64]:
    known = pd.MultiIndex.from_arrays([records["list"].astype("str"), records["record"].astype("str")])
    asked = pd.MultiIndex.from_arrays([answers[f"list_{end}"].astype("str"), answers[f"record_{end}"].astype("str")])
    places = known.get_indexer(asked)
    if (places < 0).any():
        row = int(np.flatnonzero(places < 0)[0]) + 1
        raise BadInput(
            f"row {row} of the answers: there is no such record {end} on the lists that are linked; link the "
            "deliveries that the questions were about, and leave out answers about records that were set aside"
        )
    return np.asarray(places, dtype=np.int64)
