"""Where each stage of a study stands in its output folder."""

__all__ = [
    "AGENCY_ONLY",
    "ESTIMATES",
    "FEASIBILITY",
    "HISTORIES",
    "LINKS",
    "LISTS",
    "LOCK",
    "LOG",
    "MARKER",
    "PSEUDONYMS",
    "QUALITY",
    "REPORT",
]

MARKER = "study.json"  # marks a folder as the output of one study
LOCK = ".lock"
LOG = "run.log"

LISTS = "01-lists"
PSEUDONYMS = "02-pseudonyms"
AGENCY_ONLY = "agency-only"  # which row of an agency's list has which pseudonym: the agency's own, never handed on
LINKS = "03-links"
QUALITY = "03-quality"  # synthetic studies only
HISTORIES = "04-histories"
FEASIBILITY = "05-feasibility"
ESTIMATES = "06-estimates"
REPORT = "07-report"
