"""The report's figures as SVG to be put into a page: text as text, no inline style, the same bytes every time."""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mse.report.plots import (
    BAR,
    INK,
    QUIET,
    RULE,
    Combination,
    Point,
    Words,
    draw_estimates,
    draw_upset,
    estimates_size,
    upset_size,
)

__all__ = ["estimates_svg", "steps_svg", "upset_svg"]

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT_FAMILY = "font-family"
PIXELS_PER_POINT = 1.45  # 9 points become 13 pixels, the size of the small print around the figure
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mse report",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 8.5,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "axes.edgecolor": RULE,
    "axes.unicode_minus": False,
    "text.parse_math": False,
}


def upset_svg(
    names: Sequence[str],
    totals: Sequence[int | None],
    bars: Sequence[Combination],
    *,
    prefix: str,
    title: str,
    description: str,
    persons: str,
    total: str,
    number: Words,
) -> Markup:
    """The UpSet figure; only what is in `bars` and `totals` is drawn."""

    def draw(figure: Figure) -> None:
        draw_upset(figure, names, totals, bars, persons=persons, total=total, number=number)

    return _svg(upset_size(len(bars), len(names)), draw, prefix, title, description)


def estimates_svg(
    points: Sequence[Point],
    *,
    registered: float,
    prefix: str,
    title: str,
    description: str,
    told: str,
    axis: str,
    number: Words,
) -> Markup:
    """The estimates side by side; the points are already rounded."""

    def draw(figure: Figure) -> None:
        draw_estimates(figure.subplots(), points, registered=registered, told=told, axis=axis, number=number)

    return _svg(estimates_size(len(points)), draw, prefix, title, description)


def steps_svg(
    bars: Sequence[tuple[str, int, tuple[float, float] | None]],
    *,
    prefix: str,
    title: str,
    description: str,
    number: Words,
) -> Markup:
    """Horizontal bars from records to distinct persons; each with its name, count and, if any, a range."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        widest = max(max(count, spread[1] if spread else 0) for _, count, spread in bars)
        for i, (_, count, spread) in enumerate(bars):
            axes.barh(i, count, color=BAR if i == len(bars) - 1 else QUIET, height=0.56)
            if spread and spread[0] < spread[1]:
                axes.plot(spread, [i, i], color=INK, linewidth=1.6)
            end = max(count, spread[1] if spread else 0)
            axes.annotate(number(count), (end, i), (5, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
        axes.set(xticks=[], xlim=(0, 1.15 * widest), ylim=(len(bars) - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return _svg((6.4, 0.35 + 0.42 * len(bars)), draw, prefix, title, description)


def _svg(
    size: tuple[float, float], draw: Callable[[Figure], None], prefix: str, title: str, description: str
) -> Markup:
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _for_page(stream.getvalue(), prefix, title, description)


def _for_page(text: str, prefix: str, title: str, description: str) -> Markup:
    """The drawing without header, metadata and style, its ids prefixed, with a title and a description."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(text)
    for child in list(root):
        if child.tag == f"{{{SVG}}}metadata":
            root.remove(child)
    _drop_style_sheets(root)
    for element in root.iter():
        _style_as_attributes(element)
        _prefix_ids(element, prefix)
    del root.attrib["height"]
    width = float(root.attrib["viewBox"].split()[2])
    root.attrib |= {
        "role": "img",
        "width": f"{width * PIXELS_PER_POINT:.0f}",
        "aria-labelledby": f"{prefix}-title {prefix}-desc",
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    for name, words in (("desc", description), ("title", title)):
        element = ET.Element(f"{{{SVG}}}{name}", {"id": f"{prefix}-{name}"})
        element.text = words
        root.insert(0, element)
    return Markup(ET.tostring(root, encoding="unicode"))


def _drop_style_sheets(root: ET.Element) -> None:
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{SVG}}}style":
                parent.remove(child)


def _style_as_attributes(element: ET.Element) -> None:
    """Inline styles would be stopped by the page's content security policy; the page sets the font."""
    for declaration in _declarations(element.attrib.pop("style", "")):
        name, _, value = declaration.partition(":")
        if name.strip() != FONT_FAMILY:
            element.set(name.strip(), value.strip())


def _declarations(style: str) -> Iterable[str]:
    return (declaration for declaration in style.split(";") if declaration.strip())


def _prefix_ids(element: ET.Element, prefix: str) -> None:
    """Two drawings in one page must not share ids."""
    if "id" in element.attrib:
        element.set("id", f"{prefix}-{element.attrib['id']}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("url(#", f"url(#{prefix}-"))
    link = element.attrib.pop(f"{{{XLINK}}}href", None)
    if link is not None:
        element.set("href", f"#{prefix}-{link.removeprefix('#')}")
