"""The command line of the studies: `python -m simulations --help`."""

from pathlib import Path
from typing import Annotated

import typer

from mse.errors import MseError
from simulations import coverage, tables, threshold
from simulations.methods import METHODS

HERE = Path(__file__).parent
INTRODUCTION = """\
# Recovery studies

Written by `python -m simulations tables`, from the rows in `results/`; not to be edited. `make recovery`
completes the rows and writes this page again; a run that was stopped goes on where it ended, and the rows do
not depend on the order or on the number of processes. Standard errors of the simulation in brackets.

Truth of the coverage study: the model that stepwise choice ends in on the five-list UK table, {model}, with its
total of {true_n:,} and its probabilities; each data set draws the history of every person. {n_boot:,}
resamples. Root mean square errors (RMSE) of N and of its logarithm. "Median of resamples" takes the median of
the resampled totals for the estimate. A method's refusals are counted, and an interval that is not defined does
not cover. `stepwise` and `bic-pairs-profile` are the two methods of Chan, Silverman and Vincent (2021), section
3.4, doi:10.1080/01621459.2019.1708748, whose section 4.3 is the threshold study.
"""
RESULTS = HERE / "results"
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Jobs = Annotated[int, typer.Option(help="Processes; the rows do not depend on it.")]


@app.command("coverage")
def run_coverage(
    methods: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(METHODS)}. All by default.")] = None,
    data_sets: Annotated[int, typer.Option(help="Complete the rows up to this many data sets.")] = coverage.DATA_SETS,
    n_jobs: Jobs = 1,
) -> None:
    """Complete the coverage study."""
    coverage.run(methods or list(METHODS), RESULTS, data_sets=data_sets, n_jobs=n_jobs)


@app.command("threshold")
def run_threshold(
    data_sets: Annotated[int, typer.Option(help="Complete the rows up to this many data sets.")] = threshold.DATA_SETS,
    n_jobs: Jobs = 1,
) -> None:
    """Complete the threshold study."""
    threshold.run(RESULTS, data_sets=data_sets, n_jobs=n_jobs)


@app.command("tables")
def write_tables() -> None:
    """Write the tables of all rows there are into README.md."""
    tables.write(RESULTS, HERE / "README.md", introduction())


def introduction() -> str:
    """What the page says above its tables."""
    truth = coverage.TRUTH
    return INTRODUCTION.format(model=truth.model, true_n=truth.true_n, n_boot=coverage.N_BOOT)


if __name__ == "__main__":
    try:
        app(standalone_mode=True)
    except MseError as error:
        raise SystemExit(str(error)) from None
