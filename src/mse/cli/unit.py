"""Commands that run at the linkage unit: who is whom, and who is on which lists."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mse.cli.printing import Format, say, show

if TYPE_CHECKING:
    from mse.histories import CaptureHistories
    from mse.links import Links

__all__ = ["histories", "link_lists", "read_links"]


def link_lists(
    files: Annotated[list[Path], typer.Argument(help="Encoded lists (.mse), two or more.")],
    out: Annotated[Path, typer.Option(help="Folder for the links; new or empty.")],
    seed: Annotated[int, typer.Option(help="Seed of the draws.")],
    n_draws: Annotated[int, typer.Option(help="How many plausible ways to join the records are drawn.")] = 100,
    latest: Annotated[bool, typer.Option("--latest", help="Of each list link its latest delivery only.")] = False,
    questions: Annotated[
        Path | None, typer.Option(help="CSV of the pairs to ask the agencies about, by random ids; new.")
    ] = None,
    n_questions: Annotated[int, typer.Option(help="How many pairs are asked about at most.")] = 20,
    answers: Annotated[
        Path | None, typer.Option(help="The CSV of questions with the column answer filled: same, different, unknown.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Where long lists are compared: duckdb, or spark (the extra [spark] and Java 17).")
    ] = "duckdb",
) -> None:
    """Link encoded lists: draws of which records are the same person."""
    from mse.errors import BadInput
    from mse.linkage import link, read_answers
    from mse.propagation import question_list
    from mse.pseudonyms import check_same_origin, latest_deliveries, read_encoded
    from mse.pseudonyms.origin import delivery_warnings
    from mse.pseudonyms.receiving import check_key_not_lost
    from mse.writing import write_text

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is not an empty folder; name a new one for the links")
    encoded = [read_encoded(path) for path in files]
    for path, register in zip(files, encoded, strict=True):
        check_key_not_lost(path, register)
    for warning in delivery_warnings(encoded):
        typer.echo(f"warning: {warning}", err=True)
    if latest:
        encoded = list(latest_deliveries(encoded))
    check_same_origin(encoded)
    if questions is not None and questions.exists():
        raise BadInput(f"{questions} exists; name a new file for the questions")
    told = None if answers is None else read_answers(answers)
    links = link(encoded, seed=seed, n_draws=n_draws, answers=told, backend=backend)
    asked = None if questions is None else question_list(links, n_questions=n_questions)
    links.write(out)
    for note in links.notes:
        say(note)
    persons = links.distinct_persons()
    say(
        f"wrote {out}: {links.n_records:,} records, {persons.median:,.0f} distinct persons "
        f"(95 % of {links.n_draws} draws: {persons.low:,.0f} to {persons.high:,.0f})"
    )
    if questions is not None and asked is not None:
        # How sure the linkage is of a pair stays at the unit: it would lead whoever answers.
        blank = asked[["list_a", "record_a", "list_b", "record_b"]].assign(answer="")
        write_text(questions, blank.to_csv(index=False, lineterminator="\n"))
        say(f"wrote {questions}: {len(asked)} pairs to ask about, the most influential first")


def histories(
    source: Annotated[Path, typer.Argument(help="Folder of links, or a CSV with one row per record.")],
    out: Annotated[Path | None, typer.Option(help="CSV of capture histories to write.")] = None,
    person: Annotated[str, typer.Option(help="Column of the CSV that names the person.")] = "person",
    list_column: Annotated[str, typer.Option("--list", help="Column of the CSV that names the list.")] = "list",
    draw: Annotated[int | None, typer.Option(help="Which draw of the links; by default the central one.")] = None,
    how: Annotated[Format, typer.Option("--format", help="How to print the overlaps.")] = Format.table,
) -> None:
    """Count capture histories, from links or from records, and show the overlaps of the lists."""
    table = _from_links(source, draw) if source.is_dir() else _from_records(source, person, list_column)
    if out is not None:
        table.write(out)
    show(table.overlap_table().reset_index(names="list"), how)
    if how is Format.table:
        say(f"{table.n_observed:,} persons on {table.n_lists} lists; the diagonal holds the persons on each list")
        for note in table.notes:
            say(note)
        if out is not None:
            say(f"wrote {out}")


def read_links(folder: Path) -> "Links":
    """The links in a folder, or an error that says where to get some."""
    from mse.errors import BadInput
    from mse.links import Links

    try:
        return Links.read(folder)
    except FileNotFoundError:
        raise BadInput(f"{folder} holds no links; give the folder that `mse link` wrote") from None


def _from_links(folder: Path, draw: int | None) -> "CaptureHistories":
    from mse.errors import BadInput
    from mse.histories import CaptureHistories

    links = read_links(folder)
    if draw is not None and not 0 <= draw < links.n_draws:
        raise BadInput(f"draw={draw} does not exist; the links hold the draws 0 to {links.n_draws - 1}")
    return CaptureHistories.from_links(links)[links.central_draw if draw is None else draw]


def _from_records(path: Path, person: str, list_column: str) -> "CaptureHistories":
    import pandas as pd

    from mse.errors import BadInput
    from mse.histories import CaptureHistories

    try:
        records = pd.read_csv(path, dtype=str)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}; check the path") from None
    except ValueError:
        raise BadInput(f"{path} cannot be read as CSV in UTF-8; save it with a header row and commas") from None
    return CaptureHistories.from_records(records, person=person, list=list_column)
