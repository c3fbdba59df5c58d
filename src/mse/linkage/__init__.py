"""Linkage: which records of different lists are one person, with what probability."""

from mse.linkage.answers import read_answers
from mse.linkage.comparable import check_comparable
from mse.linkage.linking import link
from mse.linkage.overlaps import list_overlaps
from mse.linkage.quality import Quality, linkage_quality

__all__ = ["Quality", "check_comparable", "link", "linkage_quality", "list_overlaps", "read_answers"]
