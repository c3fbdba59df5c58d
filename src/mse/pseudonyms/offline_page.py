"""The offline page: one HTML file in which an agency without IT staff encodes its list in a browser.

It does what `encode` does, with the same rules, and writes the same bytes. Everything it needs is in the file.
"""

import hashlib
import json
import tomllib
from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from mse.provenance import versions
from mse.pseudonyms.dpia import FORMAT, TO_FILL_IN, dpia_markdown
from mse.pseudonyms.header import ENCODINGS
from mse.pseudonyms.key import Key
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import known_answer_digest
from mse.registers import COMMON_CATEGORIES, IDENTIFIER_FIELDS, KINDS
from mse.registers.codebook import POPULATIONS, PRESENCES, REGISTER_KEYS, TEXT_KEYS
from mse.registers.columns import FREE_KINDS, KIND_OF_FIELD, REPEATABLE_FIELDS
from mse.writing import write_text

__all__ = ["offline_page", "write_offline_page"]

LANGUAGES = ("nb", "en")
# In an order in which what runs when the page is loaded finds what it needs.
OWN_SCRIPTS = (
    "text.js",
    "failures.js",
    "identifiers.js",
    "values.js",
    "tables.js",
    "delimited.js",
    "workbook.js",
    "codebook.js",
    "reading.js",
    "normalise.js",
    "merging.js",
    "key.js",
    "tokens.js",
    "encoding.js",
    "wording.js",
    "disclosure.js",
    "dpia.js",
    "form.js",
    "result.js",
    "screen.js",
)
SELF_TEST_SECRET = bytes(range(32))
SELF_TEST_KEY = Key("self-test", SELF_TEST_SECRET)


@dataclass(frozen=True, slots=True)
class _Part:
    """A script or style, and the hash by which the content security policy lets it in."""

    text: Markup
    digest: str


def write_offline_page(path: str | Path) -> Path:
    """Write the offline page, whole or not at all; the same version of the package gives the same bytes.

    Parameters
    ----------
    path : str or Path
        Where to write; replaced if it exists.

    Returns
    -------
    Path

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_offline_page(f"{folder}/page.html").name
    'page.html'
    """
    target = Path(path)
    write_text(target, offline_page())
    return target


def offline_page() -> str:
    """The text of the page: rules, sentences in both languages, scripts and style in one file that asks for nothing.

    Examples
    --------
    >>> "connect-src 'none'" in offline_page()
    True
    """
    others = json.loads(_text("vendored/sources.json"))
    # Published files of others stand in the page byte for byte, so that anyone can compare their hashes in its policy.
    published = [
        _text(f"vendored/{file['as']}") for each in others for file in each["files"] if file["as"].endswith("js")
    ]
    scripts = ["var exports = {};", *published, _own_script()]
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_text))
    return environment.get_template("page.html.j2").render(
        style=_part(_text("page.css")),
        scripts=[_part(script) for script in scripts],
        encodings=ENCODINGS,
        licences=[
            *(
                (f"{each['name']} {each['version']}", _text(f"vendored/{file['as']}"))
                for each in others
                for file in each["files"]
                if file["as"].endswith("LICENSE")
            ),
            ("any-ascii 0.3.3", _data("transliteration.json")["licence"]),
        ],
    )


def _own_script() -> str:
    # "<" would end the script where a text holds "</script>".
    page = json.dumps(_page_data(), ensure_ascii=True, sort_keys=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = "\n".join(_text(name) for name in OWN_SCRIPTS)
    return f'"use strict";\n(() => {{\nconst PAGE = {page};\nconst toml = exports;\n{parts}}})();\n'


def _page_data() -> dict[str, Any]:
    """All that the scripts take from the package."""
    return {
        "version": versions()["mse"],
        "rules": _data("rules.json"),
        "rules_digest": rules().digest,
        "transliteration": _data("transliteration.json")["runs"],
        "known_persons": _data("known_answers.json")["persons"],
        "self_test": {
            "project": SELF_TEST_KEY.project,
            "secret": SELF_TEST_SECRET.hex(),
            "kat_digest": known_answer_digest(SELF_TEST_KEY),
        },
        "risks": _data("risks.json"),
        "dpia": {"format": FORMAT, "to_fill_in": TO_FILL_IN, "patterns": _dpia_patterns()},
        "guesses": json.loads(_text("guesses.json")),
        "encodings": ENCODINGS,
        "kinds": KINDS,
        "free_kinds": FREE_KINDS,
        "kind_of_field": dict(KIND_OF_FIELD),
        "identifier_fields": IDENTIFIER_FIELDS,
        "repeatable_fields": REPEATABLE_FIELDS,
        "register_keys": REGISTER_KEYS,
        "text_keys": TEXT_KEYS,
        "populations": POPULATIONS,
        "presences": PRESENCES,
        "common_categories": {
            field: {
                "nb": table.nb,
                "en": table.en,
                "ictip": table.ictip,
                "categories": [{"code": each.code, "nb": each.nb, "en": each.en} for each in table.categories],
            }
            for field, table in COMMON_CATEGORIES.items()
        },
        "texts": {language: tomllib.loads(_text(f"{language}.toml")) for language in LANGUAGES},
    }


def _dpia_patterns() -> dict[str, Any]:
    """The log for the data protection officer with marks where its values stand, by what else its text depends on."""
    return {
        language: {
            population: {
                encoding: {
                    "some": dpia_markdown(_marked_log(population, encoding, risks=True), language=language),
                    "none": dpia_markdown(_marked_log(population, encoding, risks=False), language=language),
                }
                for encoding in ENCODINGS
            }
            for population in POPULATIONS
        }
        for language in LANGUAGES
    }


def _marked_log(population: str, encoding: str, *, risks: bool) -> dict[str, Any]:
    """A log whose values are their own names as marks; a table of the page escapes the stroke in them."""

    def mark(name: str) -> str:
        return f"\u27e6{name}|\u27e7"

    def in_both(name: str) -> dict[str, str]:
        return dict.fromkeys(LANGUAGES, mark(name))

    names = ("project", "list", "agency", "case_definition", "delivery", "rules", "key")
    return {
        **{name: mark(name) for name in names},
        "population": population,
        "encoding": encoding,
        "period": [mark("start"), mark("end")],
        "records": in_both("records"),
        "columns": [
            {
                "heading": mark(f"{becomes} heading"),
                "field": mark(f"{becomes} field"),
                "becomes": becomes,
                "into": [mark(f"{becomes} into")],
            }
            for becomes in ("encoded", "in clear", "stays")
        ],
        "leaves": [mark("leaves")],
        "risks": [
            {
                "id": mark(f"{kind} id"),
                "accepted": kind == "accepted",
                "title": in_both(f"{kind} title"),
                "text": in_both(f"{kind} text"),
            }
            for kind in ("accepted", "open")
            if risks
        ],
    }


def _part(text: str) -> _Part:
    digest = b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return _Part(Markup(text), digest)


def _text(name: str) -> str:
    return files("mse.pseudonyms").joinpath("page", name).read_text("utf-8")


def _data(name: str) -> Any:
    return json.loads(files("mse.pseudonyms").joinpath(name).read_text("utf-8"))
