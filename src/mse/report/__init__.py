"""The report of a study: what may be shown, in words and figures, for those who commissioned it."""

from mse.report.agreement_figure import plot_agreement
from mse.report.distinct_persons_figure import plot_distinct_persons
from mse.report.findings import Findings, ListSummary, RegisterSummary
from mse.report.html import write_report
from mse.report.linkage_prior_figure import plot_linkage_prior
from mse.report.plots import plot_estimates, plot_overlaps, plot_upset
from mse.report.prior_figure import plot_prior
from mse.report.stability_figure import plot_stability
from mse.report.threshold_figure import plot_thresholds
from mse.report.weights_figure import plot_match_weights

__all__ = [
    "Findings",
    "ListSummary",
    "RegisterSummary",
    "plot_agreement",
    "plot_distinct_persons",
    "plot_estimates",
    "plot_linkage_prior",
    "plot_match_weights",
    "plot_overlaps",
    "plot_prior",
    "plot_stability",
    "plot_thresholds",
    "plot_upset",
    "write_report",
]
