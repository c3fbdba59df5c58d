"""Counts of persons by capture history: the table, and how it is read."""

from mse.histories.cells import History, as_text, history_of
from mse.histories.draws import read_tables, write_tables
from mse.histories.reading import read_histories
from mse.histories.table import CaptureHistories

__all__ = [
    "CaptureHistories",
    "History",
    "as_text",
    "history_of",
    "read_histories",
    "read_tables",
    "write_tables",
]
