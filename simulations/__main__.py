"""The command line of the studies: `python -m simulations --help`."""

from pathlib import Path
from typing import Annotated

import typer

from mse.errors import BadInput, MseError
from simulations import (
    calibration,
    calibration_linkage,
    coverage,
    febrl,
    linkage,
    linkage_groups,
    strata,
    tables,
    threshold,
    thresholding,
)
from simulations.calibrated import CALIBRATIONS
from simulations.methods import METHODS

HERE = Path(__file__).parent
CALIBRATED = {each.name: each.run for each in CALIBRATIONS} | {"linkage": calibration_linkage.run}
RESULTS = HERE / "results"
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Jobs = Annotated[int, typer.Option(help="Processes; the rows do not depend on it.")]
Results = Annotated[Path, typer.Option(help="Folder of the rows.")]


@app.command("coverage")
def run_coverage(
    methods: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(METHODS)}. All by default.")] = None,
    data_sets: Annotated[int, typer.Option(help="Complete the rows up to this many data sets.")] = coverage.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the coverage study."""
    coverage.run(methods or list(METHODS), results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("threshold")
def run_threshold(
    data_sets: Annotated[int, typer.Option(help="Complete the rows up to this many data sets.")] = threshold.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the threshold study."""
    threshold.run(results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("linkage")
def run_linkage(
    setting: Annotated[list[str] | None, typer.Option(help="Lists and encoding. All by default.")] = None,
    method: Annotated[list[str] | None, typer.Option(help=f"Of: {', '.join(linkage.METHODS)}. All by default.")] = None,
    data_sets: Annotated[
        int | None, typer.Option(help="Complete the rows up to this many data sets; by default those asked.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="First delete the rows that were made with other settings.")
    ] = False,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the linkage study."""
    settings, methods = setting or list(linkage.SETTINGS), method or list(linkage.METHODS)
    for path in linkage.discard_others(settings, results, methods=methods) if anew else ():
        typer.echo(f"deleted {path}")
    linkage.run(settings, results, methods=methods, data_sets=data_sets, n_jobs=n_jobs)


@app.command("groups")
def run_groups(
    data_sets: Annotated[
        int, typer.Option(help="Complete the rows up to this many data sets.")
    ] = linkage_groups.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the study of the evidence of groups in a linkage."""
    linkage_groups.run(results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("strata")
def run_strata(
    settings: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(strata.SETTINGS)}. All by default.")
    ] = None,
    data_sets: Annotated[int, typer.Option(help="Complete the rows up to this many data sets.")] = strata.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the study of strata."""
    strata.run(settings or list(strata.SETTINGS), results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("febrl")
def run_febrl(
    methods: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(febrl.METHODS)}. All by default.")
    ] = None,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the FEBRL study."""
    febrl.run(methods or list(febrl.METHODS), results, n_jobs=n_jobs)


@app.command("calibration")
def run_calibration(
    models: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(CALIBRATED)}. All by default.")] = None,
    data_sets: Annotated[
        int, typer.Option(help="Complete the rows up to this many data sets.")
    ] = calibration.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the simulation-based calibration of models."""
    for model in models or CALIBRATED:
        if model not in CALIBRATED:
            raise BadInput.unknown("model", model, CALIBRATED)
        CALIBRATED[model](results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("thresholding")
def run_thresholding(
    data_sets: Annotated[
        int, typer.Option(help="Complete the rows of recovery up to this many data sets.")
    ] = thresholding.DATA_SETS,
    n_jobs: Jobs = 1,
    results: Results = RESULTS,
) -> None:
    """Complete the study of Bayesian thresholding."""
    thresholding.run(results, data_sets=data_sets, n_jobs=n_jobs)


@app.command("tables")
def write_tables() -> None:
    """Write the tables of all rows there are into README.md."""
    tables.write(RESULTS, HERE / "README.md")


if __name__ == "__main__":
    try:
        app(standalone_mode=True)
    except MseError as error:
        raise SystemExit(str(error)) from None
