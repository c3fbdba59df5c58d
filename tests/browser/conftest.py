"""Debian's Chromium for the tests of the offline page, and the page itself."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mse.pseudonyms.offline_page import write_offline_page

CHROMIUM = shutil.which("chromium")
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


@dataclass
class Opened:
    """A page with what it wrote to the console and what it asked for."""

    page: object
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """A started browser; the report's tests start their own."""
    if CHROMIUM is None and os.environ.get("MSE_REQUIRE_BROWSER") != "1":
        pytest.skip("Chromium is not installed: the offline page was not opened in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_offline_page(tmp_path_factory.mktemp("page") / "page.html")


def opened_page(chromium: object, page_file: Path, **options: object) -> Opened:
    """The page in a context without network that notes every request, ready for use."""
    context = chromium.new_context(offline=True, accept_downloads=True, **options)
    one = Opened(context.new_page())
    one.page.on("console", lambda message: one.console.append(message.text))
    one.page.on("pageerror", lambda error: one.console.append(str(error)))
    context.on("request", lambda request: one.requests.append(request.url))
    one.page.goto(page_file.as_uri())
    one.page.locator("#steps:visible").wait_for()
    return one


@pytest.fixture
def opened(chromium: object, page_file: Path) -> Iterator[Opened]:
    one = opened_page(chromium, page_file)
    yield one
    one.page.context.close()


@pytest.fixture(scope="module")
def engine(chromium: object, page_file: Path) -> Iterator[object]:
    """One open page whose functions are called with values and compared with Python's."""
    one = opened_page(chromium, page_file)
    yield one.page
    one.page.context.close()
