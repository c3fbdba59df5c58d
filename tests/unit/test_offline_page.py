"""The offline page as a file: the same bytes each time, whole, in two languages, with the scripts its policy names."""

import hashlib
import json
import re
import sys
import tomllib
from base64 import b64encode
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

import mse.cli
from mse.pseudonyms.offline_page import OWN_SCRIPTS, offline_page

FOLDER = files("mse.pseudonyms").joinpath("page")
SENTENCES = {
    language: tomllib.loads(FOLDER.joinpath(f"{language}.toml").read_text("utf-8")) for language in ("nb", "en")
}
OWN = {name: FOLDER.joinpath(name).read_text("utf-8") for name in OWN_SCRIPTS}


@pytest.fixture(scope="module")
def page() -> str:
    return offline_page()


class Elements(HTMLParser):
    """Start tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_page_is_the_same_each_time(page: str) -> None:
    """Two builds give the same bytes, and no clock, path or random number enters them."""
    assert offline_page() == page


def test_policy_names_each_script_and_style_by_its_hash_and_nothing_else(page: str) -> None:
    """Everything is forbidden but the scripts and the style that stand in the file."""
    elements = Elements(page)
    policy = next(about["content"] for tag, about in elements.tags if tag == "meta" and "http-equiv" in about)
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}

    def hashed(text: str) -> str:
        return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    scripts, styles = (re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("script", "style"))
    assert len(scripts) == sum(tag == "script" for tag, _ in elements.tags)
    assert directives["default-src"] == directives["connect-src"] == directives["form-action"] == ["'none'"]
    assert directives["script-src"] == list(map(hashed, scripts))
    assert directives["style-src"] == list(map(hashed, styles))


def test_page_asks_for_no_other_file(page: str) -> None:
    """No element loads or links anything, and none has a handler or style of its own."""
    for tag, about in Elements(page).tags:
        assert not {"src", "href", "style", "action", "srcset"} & set(about), tag
        assert not [name for name in about if name.startswith("on")], tag


def test_published_files_have_their_hashes_and_licences(page: str) -> None:
    """What others made stands in the package as it was published, with the licence, and the page shows it."""
    for source in json.loads(FOLDER.joinpath("vendored", "sources.json").read_text("utf-8")):
        for file in source["files"]:
            content = FOLDER.joinpath("vendored", file["as"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            assert content.decode("ascii")[:40] in page or file["as"].endswith("LICENSE")
        assert f"{source['name']} {source['version']}" in page
        assert source["licence"] == "BSD-3-Clause"
    assert "ISC License" in page


def test_own_scripts_use_no_network_no_storage_and_no_text_as_code() -> None:
    """Neither a request, nor storage, nor HTML or code made of text stands in a script of the package."""
    forbidden = (
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "sendBeacon",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "document.cookie",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "Math.random",
        "console.",
        "http://",
        "https://",
    )
    namespaces = re.compile(r'"http://schemas\.openxmlformats\.org/[^"]*"')
    for name, text in OWN.items():
        assert not [word for word in forbidden if word in namespaces.sub("", text)], name


def test_sentences_have_the_same_names_and_values_in_both_languages() -> None:
    """Each sentence exists in both languages with the same values to fill in."""

    def shape(texts: dict[str, dict[str, str]]) -> dict[str, list[str]]:
        return {
            f"{part}.{name}": sorted(set(re.findall(r"\{([a-z_]+)\}", text)))
            for part, sentences in texts.items()
            for name, text in sentences.items()
        }

    assert shape(SENTENCES["nb"]) == shape(SENTENCES["en"])


def test_each_fault_that_a_script_names_has_a_sentence() -> None:
    """No fault is without its sentence, and no sentence without a fault."""
    text = "\n".join(OWN.values())
    named = set(re.findall(r'(?:fault|BadInput|Unreadable)\("([a-z_0-9]+)"', text)) | set(
        re.findall(r'yield \["([a-z_]+)"', text)
    )
    assert named <= set(SENTENCES["en"]["faults"])
    assert not [name for name in SENTENCES["en"]["faults"] if f'"{name}"' not in text]


def test_data_in_the_page_cannot_end_its_script(page: str) -> None:
    """A sentence or rule with a tag in it would end the script; the data holds no such sign."""
    data = page.split("const PAGE = ")[1].split(";\nconst toml")[0]
    assert "<" not in data
    assert json.loads(data)["texts"]["nb"]["page"]["title"] == "Kod en liste"


def test_command_writes_the_page_without_a_list_or_a_key(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mse encode --page` is all that is needed to hand the page to a shelter."""
    monkeypatch.setattr(sys, "argv", ["mse", "encode", "--page", str(tmp_path / "side.html")])
    with pytest.raises(SystemExit) as ended:
        mse.cli.main()
    assert ended.value.code == 0
    assert (tmp_path / "side.html").read_text("utf-8") == page
