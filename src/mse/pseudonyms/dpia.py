"""The log for the data protection impact assessment: what leaves, what it could give away, and who accepted that.

It holds no identifier and no exact count, and leaves open what only the agency knows: legal basis, recipients,
retention, custody of the key.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from mse.errors import BadInput
from mse.provenance import sha256_of
from mse.pseudonyms.disclosure import Risk, rounded
from mse.pseudonyms.encoded import EncodedRegister
from mse.registers import Register
from mse.writing import write_text

__all__ = ["check_dpia_can_be_written", "dpia_log", "dpia_markdown", "write_dpia"]

FORMAT = "mse-dpia 1"
LANGUAGES = ("nb", "en")
TO_FILL_IN = (
    "purpose",
    "legal_basis",
    "recipients",
    "retention",
    "key_custody",
    "key_destruction",
    "accepted_by",
)


def dpia_log(
    register: Register, encoded: EncodedRegister, *, risks: Sequence[Risk], accepted: Collection[str]
) -> dict[str, Any]:
    """The log as values, for JSON.

    Parameters
    ----------
    register : Register
    encoded : EncodedRegister
        What `encode` made of it.
    risks : sequence of Risk
        What the disclosure check found.
    accepted : collection of str
        The ids that the agency accepts.

    Returns
    -------
    dict
        Columns of the agency's list and what becomes of each, columns that leave, risks with rounded counts and
        whether they were accepted, the key's fingerprint, and `to_fill_in`, whose entries are empty.
    """
    header, codebook = encoded.header, register.codebook
    columns = []
    for column in codebook.columns:
        into = [token.name for token in header.fields if column.kind != "ignore" and column.field in token.of]
        becomes = "encoded" if into else "in clear" if column.field in header.attributes else "stays"
        columns.append({"heading": column.name, "field": column.field, "becomes": becomes, "into": into})
    return {
        "format": FORMAT,
        "project": header.project,
        "list": header.register,
        "agency": header.agency,
        "population": header.population,
        "period": [day.isoformat() for day in header.period],
        "case_definition": header.case_definition,
        "delivery": header.delivery,
        "encoding": header.encoding,
        "rules": f"{header.rules_version} ({header.rules_digest[:12]})",
        "key": header.key_fingerprint[:12],
        "records": {language: rounded(len(encoded), language=language) for language in LANGUAGES},
        "columns": columns,
        "leaves": list(header.columns),
        "risks": [
            {
                "id": risk.id,
                "accepted": risk.id in accepted,
                "title": {language: risk.title(language) for language in LANGUAGES},
                "text": {language: risk.text(language) for language in LANGUAGES},
            }
            for risk in risks
        ],
        "to_fill_in": dict.fromkeys(TO_FILL_IN, ""),
    }


def dpia_markdown(log: Mapping[str, Any], *, language: str) -> str:
    """The log as a page to read and fill in, in `nb` or `en`.

    Raises
    ------
    BadInput
        If there is no such language.
    """
    if language not in LANGUAGES:
        raise BadInput.option("language", language, LANGUAGES)
    text = files("mse.pseudonyms").joinpath(f"dpia.{language}.md.j2").read_text("utf-8")
    page = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    page.filters["cell"] = lambda value: str(value).replace("|", "\\|").replace("\n", " ")
    return page.from_string(text).render(log=log, language=language).rstrip("\n") + "\n"


def check_dpia_can_be_written(path: Path) -> None:
    """Refuse to replace a page that somebody may have filled in.

    Raises
    ------
    BadInput
        If the page differs from what was written last.
    """
    if not path.exists():
        return
    try:
        digest = json.loads(_json_path(path).read_text("utf-8"))["markdown_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        digest = None
    if digest != sha256_of(path.read_bytes()):
        raise BadInput(
            f"{path} exists and may have been filled in, so it is not replaced; move it away, or name another file "
            "with --dpia"
        )


def write_dpia(path: Path, log: Mapping[str, Any], *, language: str) -> None:
    """Write the page (Markdown), and beside it the log (JSON, the same name).

    Raises
    ------
    BadInput
        If a page stands there that somebody may have filled in.
    """
    check_dpia_can_be_written(path)
    page = dpia_markdown(log, language=language)
    about = {**log, "markdown_sha256": sha256_of(page.encode("utf-8"))}
    write_text(_json_path(path), json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    write_text(path, page)


def _json_path(path: Path) -> Path:
    return path.with_suffix(".json")
