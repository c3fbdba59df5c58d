"""The command line: parses, calls, prints."""

import sys

import typer

from mse.cli import agency, keys, research, studies, unit
from mse.cli.failures import exit_code_of

__all__ = ["app", "main"]

READS_LISTS = ("encode", "key", "link", "histories", "run", "demo")

app = typer.Typer(
    name="mse",
    help="Multiple systems estimation of possible victims of human trafficking: from agencies' lists to a report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    epilog="Example: mse demo",
)

key = typer.Typer(help="The secret key of a project.", no_args_is_help=True, rich_markup_mode=None)
key.command("new", epilog="Example: mse key new project.key --project norway-2020")(keys.new)
key.command("split", epilog="Example: mse key split project.key rosa.share udi.share")(keys.split)
key.command("join", epilog="Example: mse key join rosa.share udi.share --out project.key")(keys.join)
key.command("destroy", epilog="Example: mse key destroy project.key --on 2027-01-31 --yes")(keys.destroy)
key.command("lost", epilog="Example: mse key lost rosa.mse --on 2026-11-23")(keys.lost)
key.info.epilog = "Example: mse key new project.key --project norway-2020"
simulate = typer.Typer(help="Synthetic lists with a known truth.", no_args_is_help=True, rich_markup_mode=None)
simulate.command("norway", epilog="Example: mse simulate norway --out SYNTHETIC-lists --seed 1")(research.norway)
simulate.info.epilog = "Example: mse simulate norway --out SYNTHETIC-lists --seed 1"

app.command("demo", epilog="Example: mse demo --out mse-demo")(studies.demo)
app.command("encode", epilog="Example: mse encode rosa.csv --key project.key")(agency.encode_list)
app.add_typer(key, name="key")
app.command("link", epilog="Example: mse link rosa.mse udi.mse police.mse --out links --seed 1")(unit.link_lists)
app.command("histories", epilog="Example: mse histories links --out histories.csv")(unit.histories)
app.command("feasibility", epilog="Example: mse feasibility histories.csv --seed 1")(research.judge)
app.command("estimate", epilog='Example: mse estimate histories.csv --model "[police,rosa][udi]"')(research.estimate)
app.command("report", epilog="Example: mse report study-results --out report.html")(studies.report)
app.command("run", epilog="Example: mse run study.toml --out study-results")(studies.run)
app.command("reproduce", epilog="Example: mse reproduce")(research.reproduce)
app.add_typer(simulate, name="simulate")
app.command("datasets", epilog="Example: mse datasets --format csv")(research.datasets)


def main() -> None:
    """Run the command line and leave with its exit code."""
    reads_lists = len(sys.argv) < 2 or sys.argv[1] in READS_LISTS
    sys.exit(exit_code_of(app, reads_lists=reads_lists))
