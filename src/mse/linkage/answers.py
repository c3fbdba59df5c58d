"""Answers of the agencies about pairs of records: read from a file, checked, and found among the records."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.candidates import Pairs
from mse.linkage.clustering import Evidence

__all__ = ["ANSWERS", "Answers", "read_answers"]

SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"
ANSWERS = (SAME, DIFFERENT, UNKNOWN)
SURE = 100.0  # log-likelihood ratio that no other evidence of a pair comes near
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
        return cls(places[(words == SAME).to_numpy()], places[(words == DIFFERENT).to_numpy()])

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

    def on_candidates(self, pairs: Pairs) -> Pairs:
        """The candidate pairs without those told apart, and with those told to be one person far above doubt."""
        told = set(map(tuple, self.different.tolist())) | set(map(tuple, self.same.tolist()))
        open_pairs = np.array(
            [pair not in told for pair in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)], np.bool_
        )
        return Pairs(
            np.concatenate([pairs.left[open_pairs], self.same[:, 0]]),
            np.concatenate([pairs.right[open_pairs], self.same[:, 1]]),
            np.concatenate([pairs.log_ratio[open_pairs], np.full(len(self.same), SURE)]),
        )

    def on_evidence(self, evidence: Evidence) -> Evidence:
        """A field for the answers: sure where two are one person; a pair told apart counts as not compared.

        Groups with a pair that was not compared are impossible, so that no third record joins the two either.
        """
        if not len(self.same) and not len(self.different):
            return evidence
        n = evidence.n_records
        keys = evidence.left * n + evidence.right
        same, different = (pairs[:, 0] * n + pairs[:, 1] for pairs in (self.same, self.different))
        kept = ~np.isin(keys, different)
        answer = np.where(np.isin(keys, same), SURE, 0.0)[:, None]
        return replace(
            evidence,
            left=evidence.left[kept],
            right=evidence.right[kept],
            log_ratio=np.hstack([evidence.log_ratio, answer])[kept],
            detail=np.hstack([evidence.detail, np.zeros((n, 1), np.int64)]),
            edges=np.searchsorted(keys[kept], keys[evidence.edges]),
        )


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
