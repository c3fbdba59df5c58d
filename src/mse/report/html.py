"""The report: one HTML file that holds both languages, its figures, its style and its only script."""

import hashlib
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from mse.report.content import Content
from mse.report.findings import LANGUAGES, Findings
from mse.report.gather import checklist
from mse.report.sentences import language
from mse.report.suppression import protect
from mse.writing import write_text

__all__ = ["write_report"]


def write_report(findings: Findings, path: str | Path, *, suppress_below: int = 3) -> Path:
    """Write the report of a study as one self-contained HTML file, in Norwegian bokmål and English.

    The file fetches nothing, stores nothing and can be opened from a disk. The same findings give the same bytes.

    Parameters
    ----------
    findings : Findings
    path : str or Path
        Where to write; replaced whole or not at all.
    suppress_below : int
        Counts of persons from 1 to one less than this are shown as a colon, and so are those from which they could be
        computed; 1 hides nothing.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    BadInput
        When `suppress_below` is less than 1.

    References
    ----------
    Stevens, Alkema, Black and others (2016), doi:10.1016/S0140-6736(16)30388-9, for the checklist.

    Examples
    --------
    >>> from datetime import date
    >>> from tempfile import TemporaryDirectory
    >>> import mse
    >>> from mse.interval import Interval
    >>> from mse.report import Findings, ListSummary
    >>> h = mse.CaptureHistories.from_counts(("A", "B"), {(1, 0): 27, (0, 1): 34, (1, 1): 9})
    >>> findings = Findings(
    ...     title={"nb": "Eksempel", "en": "Example"},
    ...     target_population={"nb": "antatte ofre", "en": "presumed victims"},
    ...     period=(date(2020, 1, 1), date(2020, 12, 31)),
    ...     population="adults",
    ...     presence="in contact",
    ...     registers=(),
    ...     lists=tuple(ListSummary(name, {"nb": name, "en": name}, (), 45, h.list_totals[name]) for name in h.lists),
    ...     n_records=90,
    ...     distinct=Interval(70, 70, 0.95, "equal-tailed", median=70),
    ...     histories=h,
    ...     verdict=mse.feasibility(h, seed=1),
    ...     is_synthetic=True,
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     mse.write_report(findings, f"{folder}/report.html").name
    'report.html'
    """
    target = Path(path)
    write_text(target, render(findings, suppress_below=suppress_below))
    return target


def render(findings: Findings, *, suppress_below: int = 3) -> str:
    """The text of the report."""
    shown = protect(findings, suppress_below=suppress_below)
    style, script = _part("style.css"), _part("script.js")
    # The template trusts no text but its own; everything from findings and codebooks is escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_part))
    return environment.get_template("template.html.j2").render(
        findings=findings,
        contents=[Content(findings, shown, language(code)) for code in LANGUAGES],
        checklist=checklist,
        style=Markup(style),
        style_hash=_content_hash(style),
        script=Markup(script),
        script_hash=_content_hash(script),
    )


def _part(name: str) -> str:
    return files("mse.report").joinpath(name).read_text("utf-8")


def _content_hash(text: str) -> str:
    """SHA-256 as a content security policy writes it."""
    return b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
