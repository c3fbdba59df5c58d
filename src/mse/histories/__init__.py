"""Counts of persons by capture history: the table, and how it is read."""

from mse.histories.reading import read_histories
from mse.histories.table import CaptureHistories, History, as_text, history_of

__all__ = ["CaptureHistories", "History", "as_text", "history_of", "read_histories"]
