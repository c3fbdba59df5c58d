"""The report of a study: what may be shown, in words and figures, for those who commissioned it."""

from mse.report.findings import Findings, ListSummary, RegisterSummary
from mse.report.html import write_report
from mse.report.plots import plot_estimates, plot_overlaps, plot_upset
from mse.report.stability_figure import plot_stability
from mse.report.threshold_figure import plot_thresholds

__all__ = [
    "Findings",
    "ListSummary",
    "RegisterSummary",
    "plot_estimates",
    "plot_overlaps",
    "plot_stability",
    "plot_thresholds",
    "plot_upset",
    "write_report",
]
