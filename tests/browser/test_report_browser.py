"""The report in a browser: opens from a disk, switches its language, and asks the network for nothing."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mse.estimate import Replicated
from mse.histories import CaptureHistories
from mse.interval import Interval, LogNormal
from mse.report import Findings, ListSummary, RegisterSummary, write_report
from mse.robustness.verdict import Finding, Verdict

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("MSE_REQUIRE_BROWSER") != "1",
        reason="Chromium is not installed: the report was not opened in a browser",
    ),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
YEAR = (date(2020, 1, 1), date(2020, 12, 31))
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def findings() -> Findings:
    counts = {(1, 0, 0): 141, (0, 1, 0): 62, (0, 0, 1): 53, (1, 1, 0): 21, (1, 0, 1): 9, (0, 1, 1): 6, (1, 1, 1): 2}
    h = CaptureHistories.from_counts(("A", "B", "C"), counts)
    return Findings(
        title={"nb": "Antatte ofre 2020", "en": "Presumed victims 2020"},
        target_population={"nb": "antatte voksne ofre", "en": "presumed adult victims"},
        period=YEAR,
        population="adults",
        presence="in contact",
        registers=tuple(
            RegisterSummary(name.lower(), f"Agency {name}", name, 200, 0, YEAR, "presumed victim", "one night", "all")
            for name in h.lists
        ),
        lists=tuple(
            ListSummary(name, {"nb": f"Liste {name}", "en": f"List {name}"}, (name.lower(),), 200, h.list_totals[name])
            for name in h.lists
        ),
        n_records=600,
        distinct=Interval(288, 301, 0.95, "equal-tailed", median=294),
        histories=h,
        verdict=Verdict("estimate_with_reservations", (Finding("n_lists", "supports", {"n_lists": 3}),), {}),
        is_synthetic=True,
        estimates=(Replicated("[A,B][C]", h.n_observed, 703.0, LogNormal(h.n_observed, 703.0 - h.n_observed, 0.4)),),
        linkage={"n_draws": 20},
    )


@dataclass
class Opened:
    """A page with what it wrote to the console and what it asked for."""

    page: object
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(findings(), tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def opened(browser: object, report: Path) -> Iterator[Opened]:
    """The report in a context that is offline and notes every request."""
    context = browser.new_context(viewport=DESKTOP, offline=True)
    one = Opened(context.new_page())
    one.page.on("console", lambda message: one.console.append(message.text))
    one.page.on("pageerror", lambda error: one.console.append(str(error)))
    context.on("request", lambda request: one.requests.append(request.url))
    one.page.goto(report.as_uri())
    yield one
    context.close()


def headline(opened: Opened) -> str:
    return opened.page.locator("h1:visible").inner_text()


def test_report_opens_without_a_request_or_a_complaint(opened: Opened, report: Path) -> None:
    """The only thing asked for is the file itself, and the content security policy stops nothing of it."""
    opened.page.get_by_role("button", name="English").click()
    opened.page.wait_for_timeout(200)
    assert opened.requests == [report.as_uri()]
    assert opened.console == []


def test_switch_changes_the_language_of_the_page(opened: Opened) -> None:
    """A click changes text, title, the page's language and the state of the buttons, and back again."""
    page = opened.page
    assert headline(opened) == "Antatte ofre 2020"
    assert page.locator("html").get_attribute("lang") == "nb"
    page.get_by_role("button", name="English").click()
    assert headline(opened) == "Presumed victims 2020"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == "Presumed victims 2020"
    assert page.get_by_role("button", name="English").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Norsk").get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="Norsk").click()
    assert headline(opened) == "Antatte ofre 2020"


def test_switch_works_from_the_keyboard(opened: Opened) -> None:
    """Tab reaches the skip link and then the switch; Enter and Space press it, and the focus stays there."""
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "English"
    page.keyboard.press("Enter")
    assert headline(opened) == "Presumed victims 2020"
    assert page.evaluate("document.activeElement.textContent") == "English"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert headline(opened) == "Antatte ofre 2020"


def test_reader_stays_in_the_same_section_when_switching(opened: Opened) -> None:
    """After the switch the heading that was at the top is still there, in the other language."""
    page = opened.page
    page.locator("#nb-linkage").evaluate("heading => window.scrollTo({top: heading.offsetTop, behavior: 'instant'})")
    before = page.locator("#nb-linkage").bounding_box()["y"]
    page.evaluate("document.documentElement.style.setProperty('scroll-behavior', 'auto')")
    page.get_by_role("button", name="English").click()
    assert abs(page.locator("#en-linkage").bounding_box()["y"] - before) < 3


def test_nothing_is_remembered(opened: Opened) -> None:
    """Opened again after a switch, the report starts in Norwegian, and no storage was written."""
    page = opened.page
    page.get_by_role("button", name="English").click()
    page.reload()
    assert headline(opened) == "Antatte ofre 2020"
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("button", ["Norsk", "English"])
def test_page_is_drawn_and_fits_its_width(opened: Opened, tmp_path: Path, size: dict[str, int], button: str) -> None:
    """The screenshot is not blank, its styles apply, and the page does not scroll sideways."""
    page = opened.page
    page.set_viewport_size(size)
    page.get_by_role("button", name=button).click()
    path = tmp_path / "screen.png"
    page.screenshot(path=str(path))
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert 0.01 < (pixels < 128).mean() < 0.5
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.locator(".tile:visible").first.evaluate("tile => getComputedStyle(tile).borderTopWidth") == "4px"


def test_screen_reader_sees_landmarks_names_and_hidden_counts(opened: Opened) -> None:
    """Main, navigation, named figures, and the word for a hidden count instead of a colon."""
    page = opened.page
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("navigation", name="Innhold").count() == 1
    assert page.get_by_role("img", name="Personer etter hvilke lister de står på").count() == 1
    assert page.get_by_role("cell", name="skjult").count() > 0


def test_both_languages_are_there_without_the_script(browser: object, report: Path) -> None:
    """Where scripts are off the reader gets both languages, one after the other."""
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("h1:visible").all_inner_texts() == ["Antatte ofre 2020", "Presumed victims 2020"]
    context.close()
