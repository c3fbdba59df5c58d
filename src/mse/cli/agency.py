"""Commands around an encoded list: it is tried, written and checked, at the agency and where it arrives."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mse.cli.printing import Format, say, show

if TYPE_CHECKING:
    import pandas as pd

    from mse.pseudonyms import EncodedRegister, Key
    from mse.pseudonyms.disclosure import Risk
    from mse.registers import Register

__all__ = ["encode_list"]


class Encoding(StrEnum):
    """What names and dates become."""

    match_keys = "match_keys"
    bloom = "bloom"


class Language(StrEnum):
    """Language of the page for the data protection officer."""

    nb = "nb"
    en = "en"


def encode_list(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="The list: CSV, Excel or Parquet, with its codebook (TOML) beside it. With --check: .mse."),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The project's key file.")] = None,
    codebook: Annotated[Path | None, typer.Option(help="The codebook, when it is not beside the list.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; by default beside the list, ending in .mse.")] = None,
    new_codebook: Annotated[
        bool, typer.Option("--new-codebook", help="Write the draft of a codebook beside the list, to fill in.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check received files (.mse) instead; needs no key.")] = False,
    page: Annotated[Path | None, typer.Option(help="Write the offline page for agencies without this command.")] = None,
    accept_risk: Annotated[
        list[str] | None, typer.Option(help="Id of a risk that the agency accepts; may be given several times.")
    ] = None,
    other: Annotated[
        list[Path] | None, typer.Option(help="Codebook of another list of the project, to find fields nobody else has.")
    ] = None,
    encoding: Annotated[Encoding, typer.Option(help="What names and dates become.")] = Encoding.match_keys,
    delivery: Annotated[int, typer.Option(help="1, or higher when the list is sent again.")] = 1,
    latest: Annotated[bool, typer.Option("--latest", help="With --check: of each list its latest delivery.")] = False,
    merged: Annotated[Path | None, typer.Option(help="CSV of rows that were merged, without names.")] = None,
    id_map: Annotated[Path | None, typer.Option(help="CSV of record and row, to keep at the agency.")] = None,
    dpia: Annotated[Path | None, typer.Option(help="Page for the data protection officer (Markdown).")] = None,
    language: Annotated[Language, typer.Option(help="Language of that page.")] = Language.nb,
    set_aside: Annotated[bool, typer.Option(help="Leave rows that cannot be read aside instead of stopping.")] = False,
    how: Annotated[Format, typer.Option("--format", help="How --check and --dry-run print.")] = Format.table,
) -> None:
    """Replace the names and numbers of a list by keyed tokens, so that it can leave the building."""
    from mse.errors import BadInput

    if page is not None:
        from mse.pseudonyms.offline_page import write_offline_page

        say(f"wrote {write_offline_page(page)}: open it in a browser; it needs no network and sends nothing")
        return
    if not files:
        raise BadInput("no file is given; name the list to encode, or with --check the files that were received")
    if check:
        _check(files, latest=latest, how=how)
        return
    if len(files) > 1:
        raise BadInput(
            f"{len(files)} files are given, and one list is encoded at a time; for received files use --check"
        )
    if new_codebook:
        from mse.pseudonyms.codebook_draft import write_codebook_draft

        say(f"wrote {write_codebook_draft(files[0])}: fill in what is empty, and look at what each column is taken for")
        return
    if key is None:
        raise BadInput("no key is given; name the project's key file with --key, or make one with `mse key new`")
    from mse.pseudonyms import encode, read_key
    from mse.pseudonyms.disclosure import accept_or_refuse, agency_risks
    from mse.pseudonyms.key_book import check_not_ended
    from mse.registers import read_codebook, read_register

    path, accepted = files[0], tuple(accept_risk or ())
    target = out if out is not None else path.with_suffix(".mse")
    _check_targets([target, merged, id_map, dpia], kept=[path, key, codebook or path.with_suffix(".toml")])
    secret = read_key(key)
    check_not_ended(secret.fingerprint, [path.absolute().parent, target.absolute().parent])
    register = read_register(path, codebook=codebook, unreadable="set_aside" if set_aside else "refuse")
    encoded = encode(register, key=secret, project=secret.project, encoding=encoding.value, delivery=delivery)
    risks = agency_risks(register, encoded, others=[read_codebook(book) for book in other or ()])
    if dry_run:
        _tell_notes(register, encoded)
        _preview(register, encoded, risks, accepted, how)
        return
    accept_or_refuse(risks, accepted=accepted, name=register.name)
    _write(register, encoded, risks, accepted, secret, target, merged, id_map, dpia, language.value)
    _tell_notes(register, encoded)
    say(f"wrote {target}: {len(encoded)} records of {len(register)} rows, key {secret.fingerprint[:12]}, no name in it")


def _check_targets(targets: Sequence[Path | None], *, kept: Sequence[Path]) -> None:
    """No file that is written takes the place of the list, its codebook, the key, or another."""
    from mse.errors import BadInput

    taken = {path.resolve(): path for path in kept}
    for target in targets:
        if target is None:
            continue
        if target.resolve() in taken:
            raise BadInput(
                f"{target} is already the list, its codebook, the key or another output; choose another name"
            )
        taken[target.resolve()] = target


def _write(
    register: "Register",
    encoded: "EncodedRegister",
    risks: "Sequence[Risk]",
    accepted: tuple[str, ...],
    key: "Key",
    target: Path,
    merged: Path | None,
    ids: Path | None,
    dpia: Path | None,
    language: str,
) -> None:
    """The encoded list, and what stays at the agency: the page for its officer, merged rows, the id map."""
    from mse.pseudonyms import duplicates, id_map
    from mse.pseudonyms.dpia import dpia_log, write_dpia
    from mse.writing import mark_confidential, write_bytes

    about = dpia if dpia is not None else target.with_suffix(".dpia.md")
    write_dpia(about, dpia_log(register, encoded, risks=risks, accepted=accepted), language=language)
    tables: list[tuple[Path | None, Callable[[], pd.DataFrame], str]] = [
        (merged, lambda: duplicates(register), "which rows were merged and which to look at"),
        (
            ids,
            lambda: id_map(register, key=key, delivery=encoded.header.delivery),
            "which record is which row; never send it",
        ),
    ]
    for path, made, what in tables:
        if path is not None:
            write_bytes(path, made().to_csv(index=False, lineterminator="\n").encode(), owner_only=True)
            say(f"wrote {path}: {what}")
    say(f"wrote {about}: for the data protection officer, to fill in")
    mark_confidential(target.absolute().parent)
    encoded.write(target)


def _tell_notes(register: "Register", encoded: "EncodedRegister") -> None:
    for note in register.notes:
        typer.echo(note, err=True)
    for problem in register.problems:
        typer.echo(f"set aside: {problem}", err=True)
    used = {field for token in encoded.header.fields for field in token.of}
    columns = register.codebook.record_fields
    left = dict.fromkeys(
        columns[field].field for field in register.identifier_fields if columns[field].field not in used
    )
    if left:
        typer.echo(f"stays behind, no pseudonym is made of it: {', '.join(left)}", err=True)


def _preview(
    register: "Register",
    encoded: "EncodedRegister",
    risks: "Sequence[Risk]",
    accepted: tuple[str, ...],
    how: Format,
) -> None:
    """What would be written, in counts: rows, columns, and the risks with what becomes of them."""
    import pandas as pd

    header = encoded.header
    counts = {
        "rows": (len(register), "readable rows of the list"),
        "set_aside": (register.n_set_aside, "rows that cannot be read"),
        "merged": (len(register) - len(encoded), "rows of somebody who stands on another row"),
        "records": (len(encoded), "records that would be written"),
    }
    filled = encoded.records.notna().sum()
    made_of = {token.name: f"pseudonym of {', '.join(token.of)}" for token in header.fields}
    texts = {"record": "random-looking id", **made_of} | dict.fromkeys(header.attributes, "common category, readable")
    rows: list[tuple[str, str, object, str]] = [("count", name, value, text) for name, (value, text) in counts.items()]
    rows += [("column", name, int(filled[name]), texts[name]) for name in header.columns]
    rows += [
        ("risk, accepted" if risk.id in accepted else "risk", risk.id, "", f"{risk.text()} {risk.mend()}")
        for risk in risks
    ]
    if how is not Format.table:
        show(pd.DataFrame(rows, columns=["what", "name", "n", "text"]), how)
        return
    table = pd.DataFrame([row for row in rows if not row[0].startswith("risk")], columns=["what", "name", "n", "text"])
    show(table.astype({"n": "int64"}), how)
    for what, name, _, text in rows:
        if what.startswith("risk"):
            say(f"{what}: {name}: {text}")
    missing = [risk.id for risk in risks if risk.id not in accepted]
    needs = f" It would need {' '.join(f'--accept-risk {name}' for name in missing)}." if missing else ""
    say(f"Nothing was written.{needs}")


def _check(files: Sequence[Path], *, latest: bool, how: Format) -> None:
    """Received files, alone and together."""
    from mse.errors import BadInput
    from mse.pseudonyms.receiving import check_received

    reception = check_received(files, latest=latest)
    frame = reception.to_frame()
    if how is Format.table:
        shown = ["file", "list", "project", "key", "encoding", "delivery", "records", "empty", "status"]
        frame["empty"] = [f"{100 * share:.0f} %" for share in frame["empty"]]
        show(frame[shown], how)
        for file in reception.files:
            for risk in file.risks:
                say(f"warning: {file.path}: {risk.text()}")
        for warning in reception.warnings:
            say(f"warning: {warning}")
    else:
        show(frame, how)
    if reception.problems:
        raise BadInput.several("the received files cannot be linked as they are", reception.problems)
    if how is Format.table:
        say(f"{len(reception.files)} files of one project, key and set of rules: nothing stands in the way of linking")
