"""A study file run end to end: lists, pseudonyms, links, histories, verdict, estimates, report."""

from mse.study.run import StudyResult, run_study

__all__ = ["StudyResult", "run_study"]
