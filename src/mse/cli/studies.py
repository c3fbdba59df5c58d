"""Commands that run a whole study: from lists to the report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from mse.cli.printing import Format, say, show

if TYPE_CHECKING:
    from mse.study import StudyResult

__all__ = ["demo", "report", "run"]

OUTCOMES = {
    "estimate": "the data support an estimate",
    "estimate_with_reservations": "an estimate is possible, with reservations",
    "distinct_persons_only": "only the number of distinct persons is supported, no estimate of the total",
}


def run(
    study: Annotated[Path, typer.Argument(help="The study file (TOML).")],
    out: Annotated[Path | None, typer.Option(help="Folder of the results; by default beside the study file.")] = None,
    how: Annotated[Format, typer.Option("--format", help="How to print the estimates.")] = Format.table,
) -> None:
    """Run a study from its lists to its report; a run that was stopped is taken up where it was."""
    from mse.study import run_study

    _tell(run_study(study, out=out), how)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the synthetic lists and the results.")] = Path("mse-demo"),
    how: Annotated[Format, typer.Option("--format", help="How to print the estimates.")] = Format.table,
) -> None:
    """Run the study of the synthetic Norwegian lists of 2020: no real person is in them."""
    from mse.study import run_study, write_demo

    _tell(run_study(write_demo(out), out=out / "results"), how)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of the results of a finished study.")],
    out: Annotated[Path | None, typer.Option(help="HTML file to write; by default report.html in the folder.")] = None,
    suppress_below: Annotated[
        int | None, typer.Option(help="Hide counts below this; by default as the study says.")
    ] = None,
) -> None:
    """Write the report of a finished study again, from its results alone."""
    from mse.report import write_report
    from mse.study import read_findings

    findings, suppressed = read_findings(folder)
    limit = suppressed if suppress_below is None else suppress_below
    path = write_report(findings, out if out is not None else folder / "report.html", suppress_below=limit)
    say(f"wrote {path}")


def _tell(result: "StudyResult", how: Format) -> None:
    from mse.estimate import to_frame

    frame = to_frame(result.estimates) if result.estimates else pd.DataFrame(columns=["model", "n_hat"])
    frame.insert(0, "asked", list(result.asked))
    if how is not Format.table:
        show(frame, how)
        return
    persons = result.distinct
    say(f"Records on all lists: {result.n_records:,}")
    say(
        f"Distinct persons: {persons.median:,.0f} ({100 * persons.level:g} % of the draws: "
        f"{persons.low:,.0f} to {persons.high:,.0f})"
    )
    say(f"Verdict: {OUTCOMES[result.verdict.outcome]}")
    for reason in result.verdict.reasons:
        say(f"  - {reason}")
    if result.estimates:
        say("Estimates:")
        show(frame[["asked", "model", "n_hat", "low", "high", "level", "kind"]], how)
    for name, reason in result.refusals:
        say(f"Refused: {name}: {reason}")
    for note in result.notes:
        say(f"Note: {note}")
    say(f"Report: {result.report}")
