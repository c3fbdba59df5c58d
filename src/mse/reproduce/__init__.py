"""Published numbers recomputed from the shipped tables and compared."""

from mse.reproduce.recomputing import PublishedNumber, published_numbers, published_works, reproduce
from mse.reproduce.rerunning import rerun

__all__ = ["PublishedNumber", "published_numbers", "published_works", "reproduce", "rerun"]
