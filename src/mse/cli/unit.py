"""Commands that run at the linkage unit: who is whom, and who is on which lists."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mse.cli.printing import Format, say, show

if TYPE_CHECKING:
    from mse.histories import CaptureHistories
    from mse.links import Links

__all__ = ["Stratum", "histories", "link_lists", "read_draws"]

Stratum = Annotated[
    list[str] | None, typer.Option("--stratum", help="Attribute, such as sex, that makes strata; may be given again.")
]


def link_lists(
    files: Annotated[list[Path], typer.Argument(help="Encoded lists (.mse), two or more.")],
    out: Annotated[Path, typer.Option(help="Folder for the links, or the tables; new or empty.")],
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
        Literal["duckdb", "spark"], typer.Option(help="Where long lists are compared; spark needs the extra [spark].")
    ] = "duckdb",
    tables_only: Annotated[
        bool,
        typer.Option("--tables-only", help="Write the capture-history tables of the draws, and no row about a record."),
    ] = False,
    stratum: Stratum = None,
) -> None:
    """Link encoded lists: draws of which records are the same person.

    With --tables-only nothing about any person is kept: the folder holds a table of counts for each draw, which
    mse estimate and mse histories take. Such tables are confidential still, for their small counts.
    """
    from mse.errors import BadInput
    from mse.histories import CaptureHistories
    from mse.linkage import link, read_answers
    from mse.propagation import question_list
    from mse.pseudonyms import check_same_origin, latest_deliveries, read_encoded
    from mse.pseudonyms.origin import delivery_warnings
    from mse.pseudonyms.receiving import check_key_not_lost
    from mse.writing import write_text

    _check_new(out, "links")
    if stratum and not tables_only:
        raise BadInput(
            f"--stratum {stratum[0]} goes with --tables-only; links keep the attributes, and mse estimate makes strata "
            "of them"
        )
    encoded = [read_encoded(path) for path in files]
    for path, register in zip(files, encoded, strict=True):
        check_key_not_lost(path, register)
    for warning in delivery_warnings(encoded):
        typer.echo(f"warning: {warning}", err=True)
    if latest:
        encoded = list(latest_deliveries(encoded))
    check_same_origin(encoded)
    attributes = list(dict.fromkeys(name for register in encoded for name in register.attributes))
    for name in stratum or ():
        if name not in attributes:
            raise BadInput.unknown("attribute of the lists", name, attributes)
    if questions is not None and questions.exists():
        raise BadInput(f"{questions} exists; name a new file for the questions")
    told = None if answers is None else read_answers(answers)
    links = link(encoded, seed=seed, n_draws=n_draws, answers=told, backend=backend)
    asked = None if questions is None else question_list(links, n_questions=n_questions)
    if tables_only:
        _write_tables(out, links, CaptureHistories.from_links(links, strata=stratum or ()))
    else:
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
    source: Annotated[
        Path, typer.Argument(help="Folder of links or of their tables, or a CSV with one row per record.")
    ],
    out: Annotated[Path | None, typer.Option(help="CSV of capture histories to write.")] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder for the tables of all draws of the links; new or empty.")
    ] = None,
    stratum: Stratum = None,
    person: Annotated[str, typer.Option(help="Column of the CSV that names the person.")] = "person",
    list_column: Annotated[str, typer.Option("--list", help="Column of the CSV that names the list.")] = "list",
    draw: Annotated[int | None, typer.Option(help="Which draw of the links; by default the central one.")] = None,
    how: Annotated[Format, typer.Option("--format", help="How to print the overlaps.")] = Format.table,
) -> None:
    """Count capture histories, from links or from records, and show the overlaps of the lists."""
    from mse.errors import BadInput
    from mse.writing import mark_confidential

    if source.is_dir():
        table = _of_draw(source, draw, stratum, tables)
    elif stratum or tables is not None:
        raise BadInput("--stratum and --tables go with a folder of links; leave them out")
    else:
        table = _from_records(source, person, list_column)
    if out is not None:
        mark_confidential(out.absolute().parent)
        table.write(out)
    show(table.overlap_table().reset_index(names="list"), how)
    if how is Format.table:
        say(f"{table.n_observed:,} persons on {table.n_lists} lists; the diagonal holds the persons on each list")
        for note in table.notes:
            say(note)
        for written in (out, tables):
            if written is not None:
                say(f"wrote {written}; confidential: a small count is a person or two")


def read_links(folder: Path) -> "Links":
    """The links in a folder, or an error that says where to get some."""
    from mse.errors import BadInput
    from mse.links import Links

    try:
        return Links.read(folder)
    except FileNotFoundError:
        raise BadInput(f"{folder} holds no links; give the folder that `mse link` wrote") from None


def read_draws(folder: Path, stratum: list[str] | None) -> "tuple[CaptureHistories, ...]":
    """The tables of all draws, from a folder of links or of their tables, with these strata or summed over all."""
    from mse.errors import BadInput
    from mse.histories import CaptureHistories, read_tables
    from mse.histories.draws import holds_tables

    wanted = tuple(stratum or ())
    if not holds_tables(folder):
        return CaptureHistories.from_links(read_links(folder), strata=wanted)
    tables = read_tables(folder)
    if not wanted:
        return tuple(table.collapse_strata() for table in tables)
    if tables[0].covariates != wanted:
        own = f"by {', '.join(tables[0].covariates)}" if tables[0].covariates else "without strata"
        raise BadInput(f"{folder} holds tables {own}, not by {', '.join(wanted)}; make others from the links")
    return tables


def _of_draw(folder: Path, draw: int | None, stratum: list[str] | None, tables: Path | None) -> "CaptureHistories":
    """The table of one draw; the tables of all of them are written where that is asked for."""
    from mse.errors import BadInput
    from mse.histories.draws import central_table, holds_tables

    draws = read_draws(folder, stratum)
    if draw is not None and not 0 <= draw < len(draws):
        raise BadInput(f"draw={draw} does not exist; the links hold the draws 0 to {len(draws) - 1}")
    if tables is not None:
        if holds_tables(folder):
            raise BadInput(f"{folder} holds tables already; give the folder of links, or leave --tables out")
        _check_new(tables, "tables")
        _write_tables(tables, read_links(folder), draws)
    return draws[central_table(draws) if draw is None else draw]


def _write_tables(folder: Path, links: "Links", tables: "tuple[CaptureHistories, ...]") -> None:
    from mse.histories import write_tables

    write_tables(folder, tables, about={"diagnostics": dict(links.diagnostics), "provenance": dict(links.provenance)})


def _check_new(folder: Path, what: str) -> None:
    from mse.errors import BadInput

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is not an empty folder; name a new one for the {what}")


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
