"""The report as a file: what stands in it, what does not, and that it is the same every time."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from mse.errors import BadInput
from mse.estimate import Posterior, Replicated
from mse.histories import CaptureHistories
from mse.interval import Interval, Tabulated
from mse.report import Findings, ListSummary, RegisterSummary, write_report
from mse.report.html import render
from mse.report.suppression import protect
from mse.robustness.verdict import Finding, Verdict

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
COUNTS = {"100": 1041, "010": 52, "001": 33, "110": 21, "101": 9, "011": 1, "111": 2}
EVIL = "<script>alert('x')</script>&"


def histories(counts: dict[str, int]) -> CaptureHistories:
    return CaptureHistories.from_counts(("A", "B", "C"), {tuple(map(int, key)): n for key, n in counts.items()})


def findings(counts: dict[str, int] | None = None, **changes: object) -> Findings:
    h = histories(counts or COUNTS)
    registers = tuple(
        RegisterSummary(
            f"r{name}", f"Agency {name}", name, 1200, 0, YEAR, "presumed victim", "one night", "all", sha256="a1" * 32
        )
        for name in h.lists
    )
    lists = tuple(
        ListSummary(name, {"nb": f"Liste {name}", "en": f"List {name}"}, (f"r{name}",), 1200, h.list_totals[name])
        for name in h.lists
    )
    found = (
        Finding("overlap_persons", "supports", {"n_overlap": 33, "n_observed": h.n_observed, "share": 0.03}),
        Finding("wide_interval", "reserves", {"low": 1500.4, "high": 4012.3, "ratio": 2.7, "level": 0.95}),
        Finding("best_model", "supports", {"model": "[A,B][C]", "n_hat": 2303.4}),
    )
    confidence = Tabulated({0.95: Interval(1502.7, 4011.2, 0.95, "profile", note="ignores model selection")})
    whole = {
        "title": {"nb": "Antatte ofre 2020", "en": "Presumed victims 2020"},
        "target_population": {"nb": "antatte voksne ofre", "en": "presumed adult victims"},
        "period": YEAR,
        "population": "adults",
        "presence": "in contact",
        "registers": registers,
        "lists": lists,
        "n_records": 3600,
        "distinct": Interval(1140, 1171, 0.95, "equal-tailed", median=1159),
        "histories": h,
        "verdict": Verdict("estimate_with_reservations", found, {}),
        "is_synthetic": True,
        "estimates": (
            Replicated("[A,B][C]", h.n_observed, 2303.4, confidence),
            Posterior("Bayesian log-linear (horseshoe)", h.n_observed, np.linspace(1700, 3900, 500)[:, None]),
        ),
        "refusals": (("[A,B][A,C][B,C]", "the maximum-likelihood estimate of X does not exist on these counts: no"),),
        "linkage": {"n_draws": 50, "expected_precision": 0.981, "n_links": 7331},
        "provenance": {"versions": {"mse": "0.1.0"}, "seed": 1, "study_sha256": "b2" * 32},
    }
    return Findings(**whole | changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """Tags that are open or closed wrongly, ids, and the visible text."""

    VOID = ("meta", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def text() -> str:
    return render(findings())


def in_language(text: str, code: str) -> str:
    """The part of the page in one language."""
    start = {one: text.index(f'<div class="language in-{one}"') for one in ("nb", "en")}
    return text[start["nb"] : start["en"]] if code == "nb" else text[start["en"] :]


def test_report_is_written_as_one_file_with_the_same_bytes(tmp_path: Path, text: str) -> None:
    """The same findings give the same file, and nothing else is left in the folder."""
    path = write_report(findings(), tmp_path / "report.html")
    assert path.read_text("utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_page_is_well_formed_and_ids_are_unique(text: str) -> None:
    """Every tag is closed, every id is used once, and every reference to an id has its target."""
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([\w.-]+)', text)
    assert set(targets) <= set(page.ids)


def test_page_is_self_contained(text: str) -> None:
    """No address of another file, no inline style or handler, and a policy that would stop them."""
    assert "default-src 'none'" in text
    assert "unsafe" not in text
    for _, attributes in Page(text).tags:
        assert not {"src", "style", "onclick", "srcset"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert set(re.findall(r"https?://[^\s\"<]+", text)) == {"http://www.w3.org/2000/svg"}


def test_both_languages_say_the_answer(text: str) -> None:
    """Distinct persons, the verdict, and the rounded estimate with the right name of its interval."""
    nb, en = in_language(text, "nb"), in_language(text, "en")
    assert "1\u00a0159" in nb
    assert "1,159" in en
    assert "Et anslag er mulig, med forbehold" in nb
    assert "An estimate is possible, with reservations" in en
    assert re.search(r"95% confidence interval <span class=\"whole\">1,500–4,020</span>", en)
    assert re.search(r"95% credible interval", en)
    assert "kredibilitetsintervall" in nb
    assert "1,502" not in en


def test_synthetic_data_are_said_to_be_so(text: str) -> None:
    """The banner stands in both languages, and only when the data are synthetic."""
    assert "SYNTETISKE DATA" in text
    assert "SYNTHETIC DATA" in text
    assert "SYNTHETIC DATA" not in render(findings(is_synthetic=False))


def test_refusal_to_estimate_is_the_headline() -> None:
    """When the verdict is distinct persons only, the models' numbers stand closed, under a warning."""
    blocked = Verdict(
        "distinct_persons_only", (Finding("models_exist", "blocks", {"n_ok": 0, "n_models": 8, "share": 0.0}),), {}
    )
    en = in_language(render(findings(verdict=blocked)), "en")
    before, after = en.split("<details>")
    assert "Not estimated" in before
    assert "None of 8 models gives a finite and unique number." in before
    assert "not to be used as estimates" in before
    assert "confidence interval" not in before
    assert "confidence interval" in after


def test_text_of_agencies_is_escaped() -> None:
    """Markup in a title, an agency's name or a reason stays text."""
    one = findings()
    registers = (replace(one.registers[0], agency=EVIL, case_definition=EVIL), *one.registers[1:])
    text = render(
        findings(
            registers=registers, title={"nb": EVIL, "en": EVIL}, refusals=((EVIL, EVIL),), differences={"period": EVIL}
        )
    )
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert") >= 8
    assert Page(text).open == []


def test_small_counts_are_hidden_wherever_they_would_stand(text: str) -> None:
    """The overlap of 3 made of counts 1 and 2 is gone from tables; hidden bars are not drawn, nor described."""
    shown = protect(findings())
    assert ("history", "011") in shown.small_ones
    for code in ("nb", "en"):
        figure = re.search(rf'<svg[^>]*aria-labelledby="{code}-upset-title.*?</svg>', text, re.DOTALL)
        assert figure is not None
        drawn = [n for key, n in shown.numbers.items() if key[0] == "history"]
        dots_above = re.findall(r"<text[^>]*>([\d,\u00a0]+)</text>", figure[0])
        numbers = [int(re.sub(r"\D", "", one)) for one in dots_above]
        assert not {1, 2} & set(numbers)
        assert all(n in numbers for n in drawn)


def known(h: CaptureHistories, key: tuple[str, ...]) -> int:
    return h.overlap(*key[1:])


def test_report_does_not_depend_on_what_it_hides(text: str) -> None:
    """Two tables that differ only in hidden counts give the same bytes: nothing leaks, in figures or anywhere else."""
    one = findings()
    shown = protect(one)
    twins = []
    for move in product((-1, 0, 1), repeat=7):
        other = np.array(list(one.histories.total_counts)) + np.array(move)
        if not any(move) or other.min() < 0:
            continue
        twin = replace(one, histories=CaptureHistories(one.histories.lists, other))
        if all(known(twin.histories, key) == n for key, n in shown.numbers.items() if key[0] in ("list", "overlap")):
            audited = protect(twin)
            if (audited.numbers, audited.hidden) == (shown.numbers, shown.hidden):
                twins.append(twin)
    assert twins
    assert render(twins[0]) == text


def test_counts_in_diagnostics_hashes_and_reasons_stay_out() -> None:
    """Numbers of the linker, hashes of counts, and sentences of unknown wording with a number are not shown."""
    secret = "only 2 persons 8675309"
    one = findings(refusals=(("latent class", secret),), linkage_notes=(secret,))
    text = render(one)
    assert "8675309" not in text
    assert "7331" not in text
    assert one.histories.sha256 not in text
    assert "a1" * 32 in text


def test_everything_hidden_still_gives_a_report() -> None:
    """A table of a handful of persons is reported as colons, without a headline number and without an estimate."""
    few = {"100": 1, "010": 1, "110": 0, "001": 0}
    text = render(findings(few, distinct=Interval(2, 2, 0.95, "equal-tailed", median=2.0)))
    assert "The number is hidden because it would give small counts away." in text
    assert "not shown" in text


def test_checklist_has_its_eighteen_items(text: str) -> None:
    """GATHER's items stand in both languages, the unanswered ones marked."""
    for code, words in (("nb", "Ikke besvart av denne studien"), ("en", "Not answered by this study")):
        part = in_language(text, code)
        items = re.search(r'<ol class="gather">(.*?)</ol>', part, re.DOTALL)
        assert items is not None
        assert items[1].count("<li>") == 18
        assert words in items[1]


def test_headings_follow_in_order(text: str) -> None:
    """One first-level heading in each language, and no level left out."""
    for code in ("nb", "en"):
        levels = [int(level) for level in re.findall(r"<h(\d)", in_language(text, code))]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))


def test_findings_of_a_wrong_make_are_refused_in_one_message() -> None:
    """All that is wrong with findings is said at once."""
    with pytest.raises(BadInput, match=r"2 problems\n.*title has no text in 'en'.*\n.*presence='always'"):
        findings(title={"nb": "x"}, presence="always")


def test_numbers_may_all_be_shown_on_request() -> None:
    """suppress_below=1 hides nothing, and the report says so."""
    en = in_language(render(findings(), suppress_below=1), "en")
    assert "turned off" in en
    assert 'class="spoken">hidden' not in en


def test_persons_in_doubt_are_told_in_both_languages_without_their_number() -> None:
    """A verdict on a table with censored cells says that some persons may not belong, and not how many."""
    doubt = Finding("doubtful_persons", "reserves", {"n_doubtful": 6841, "n_listed": 9999})
    text = render(findings(verdict=Verdict("estimate_with_reservations", (doubt,), {})))
    assert "may not belong to the target population" in text
    assert "hører kanskje ikke til målgruppen" in text
    assert not re.search(r"\b6[\s,.]?841\b", " ".join(Page(text).words))
