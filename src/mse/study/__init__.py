"""A study file run end to end: lists, pseudonyms, links, histories, verdict, estimates, report."""

from mse.study.demo import write_demo
from mse.study.findings import read_findings
from mse.study.run import StudyResult, run_study

__all__ = ["StudyResult", "read_findings", "run_study", "write_demo"]
