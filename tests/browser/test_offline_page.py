"""The offline page as its user meets it: on a disk, without network, in two languages, from a list to a saved file."""

import hashlib
import json
from base64 import b64encode
from pathlib import Path

import openpyxl
import pytest

from mse.pseudonyms import Key, encode, new_key, read_encoded, read_key
from mse.pseudonyms.disclosure import agency_risks, risk_ids
from mse.pseudonyms.dpia import dpia_log, write_dpia
from mse.registers import read_register

pytestmark = pytest.mark.browser

LISTS = Path(__file__).parents[2] / "data" / "synthetic" / "2020"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Planted values of eight characters or more that cannot occur by chance.
PLANTED = ("Quwenthalla", "Zyxxophrenn", "Brumquist-Oya", "209955512345")
ENTRIES = {
    "name": "skjold",
    "agency": "Krisesenteret Skjold",
    "start": "2020-01-01",
    "end": "2020-12-31",
    "case_definition": "Egen fortelling, eller indikatorer som samlet gir rimelig grunn",
    "case_definition_id": "presumed-victim",
    "counting_rule": "minst én natt",
    "population_covered": "kvinner i Bergen",
}


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "norge.key"
    new_key(path, project="norge-2020")
    return path


@pytest.fixture
def shelter_list(tmp_path: Path) -> Path:
    """An Excel list as a shelter keeps it, without a codebook."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["Fornavn", "Etternavn", "Født", "DUF", "Kjønn", "Form", "Notat"])
    for i in range(30):
        names = (PLANTED[i % 2], f"{PLANTED[2]}{'abcdefghijklmnopqrstuvwxyz'[i % 26]}")
        sheet.append(
            [*names, f"{1 + i % 28}.{1 + i % 12}.{1970 + i}", None, "KM"[i % 2] if i else None, "arbeid", "Hemmelig"]
        )
    sheet.append([PLANTED[0], PLANTED[1], "31.12.1990", PLANTED[3], "K", "arbeid", None])
    sheet.append([PLANTED[1], PLANTED[0], "1.2.1991", PLANTED[3], None, "arbeid", None])
    sheet.append(["Ana", "Popa", "31.2.1990", None, "K", "arbeid", None])
    path = tmp_path / "liste.xlsx"
    workbook.save(path)
    return path


def saved(page: object, button: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click(button)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def filled_in(page: object, shelter_list: Path, key_file: Path) -> None:
    """The steps of someone who has a list and a key and no codebook."""
    page.set_input_files("#list-file", shelter_list)
    page.get_by_label("Jeg fyller ut skjemaet").check()
    page.locator("#list-said .said").wait_for()
    for name, text in ENTRIES.items():
        page.fill(f"#form-{name}", text)
    page.get_by_label("arbeid", exact=True).select_option("labour")
    page.set_input_files("#key-file", key_file)
    page.locator("#step-key.done").wait_for()


def checked(page: object) -> str:
    """The outcome of the check as text."""
    page.click("#check")
    page.locator("#check-said > *").first.wait_for()
    return page.locator("#check-said").inner_text()


def test_shelter_with_an_excel_file_saves_what_python_would_write(
    opened: object, shelter_list: Path, key_file: Path, tmp_path: Path
) -> None:
    """From the form to the saved file: the codebook is read by Python, and the file is the one Python writes."""
    page = opened.page
    filled_in(page, shelter_list, key_file)
    assert "rad 33 (Excel-rad 34), kolonne Født: En dato som ikke finnes" in checked(page)
    page.locator("summary", has_text="Flere valg").click()
    page.get_by_label("La rader som ikke kan leses, ligge").check()
    shown = checked(page)
    assert "rad 32 og rad 31 (Excel-rad 33 og 32): samme DUF-nummer" in shown
    assert page.locator("#save").is_disabled()
    for box in page.locator(".risk input").all():
        box.check()
    encoded = saved(page, "#save", tmp_path)
    saved(page, "#save-codebook", tmp_path).rename(shelter_list.with_suffix(".toml"))
    register = read_register(shelter_list, unreadable="set_aside")
    key = read_key(key_file)
    assert encoded.read_text("utf-8") == encode(register, key=key, project=key.project).to_text()
    assert len(read_encoded(encoded)) == 31
    merged = saved(page, "#save-merged", tmp_path).read_text("utf-8")
    assert merged == "row,same_as_row,reason,merged\n32,31,samme DUF-nummer,true\n"
    assert [url for url in opened.requests if not url.startswith("blob:")] == [page.url]
    assert opened.console == []


def test_no_typed_value_is_shown_or_saved(opened: object, shelter_list: Path, key_file: Path, tmp_path: Path) -> None:
    """Planted names and numbers stand in no sentence of the page, no attribute of it, and no saved file."""
    page = opened.page
    filled_in(page, shelter_list, key_file)
    page.locator("#set-aside").evaluate("box => box.click()")
    for language in ("Norsk", "English"):
        page.get_by_role("button", name=language).click()
        checked(page)
        shown = page.content().split("<script>")[0].casefold()
        assert not [value for value in PLANTED if value.casefold() in shown]
    for box in page.locator(".risk input").all():
        box.check()
    for button in ("#save", "#save-merged", "#save-id-map", "#save-codebook", "#save-dpia", "#save-dpia-json"):
        text = saved(page, button, tmp_path).read_text("utf-8").casefold()
        for value in PLANTED:
            forms = (value.casefold(), value.casefold()[::-1], value.encode().hex(), value.casefold().encode().hex())
            assert not [form for form in forms if form in text]


def test_codebook_and_csv_give_the_file_of_the_command_line(opened: object, key_file: Path, tmp_path: Path) -> None:
    """A list with its codebook, as an agency gets it from the study."""
    page = opened.page
    path = LISTS / "SYNTHETIC-rosa.csv"
    page.set_input_files("#list-file", path)
    page.get_by_label("Jeg har en kodebok").check()
    page.set_input_files("#codebook-file", path.with_suffix(".toml"))
    page.set_input_files("#key-file", key_file)
    page.locator("#step-key.done").wait_for()
    checked(page)
    for box in page.locator(".risk input").all():
        box.check()
    key = read_key(key_file)
    register = read_register(path)
    encoded = encode(register, key=key, project=key.project)
    expected = encoded.to_text()
    assert saved(page, "#save", tmp_path).read_text("utf-8") == expected
    for language in ("nb", "en"):
        page.locator(f"button[data-language={language}]").click()
        for box in page.locator(".risk input").all():
            box.check()
        page_path = tmp_path / "rosa.dpia.md"
        log = dpia_log(register, encoded, risks=agency_risks(register, encoded), accepted=risk_ids())
        page_path.unlink(missing_ok=True)
        write_dpia(page_path, log, language=language)
        for button, name in (("#save-dpia", "rosa.dpia.md"), ("#save-dpia-json", "rosa.dpia.json")):
            written = (tmp_path / name).read_text("utf-8")
            assert saved(page, button, tmp_path).read_text("utf-8") == written


def test_list_on_one_of_several_sheets_is_chosen(
    opened: object, shelter_list: Path, key_file: Path, tmp_path: Path
) -> None:
    """Where several sheets hold something the user says which, and the saved codebook says so too."""
    page = opened.page
    workbook = openpyxl.load_workbook(shelter_list)
    workbook.create_sheet("Notater").append(["Husk", "nøkler"])
    workbook.active.delete_rows(34)
    workbook.save(shelter_list)
    page.set_input_files("#list-file", shelter_list)
    page.get_by_label("Ark med listen").select_option("Sheet")
    page.locator("#step-list.done").wait_for()
    page.get_by_label("Jeg fyller ut skjemaet").check()
    for name, text in ENTRIES.items():
        page.fill(f"#form-{name}", text)
    page.get_by_label("arbeid", exact=True).select_option("labour")
    page.set_input_files("#key-file", key_file)
    page.locator("#step-key.done").wait_for()
    checked(page)
    for box in page.locator(".risk input").all():
        box.check()
    saved(page, "#save-codebook", tmp_path).rename(shelter_list.with_suffix(".toml"))
    key = read_key(key_file)
    expected = encode(read_register(shelter_list), key=key, project=key.project).to_text()
    assert saved(page, "#save", tmp_path).read_text("utf-8") == expected


def test_change_after_the_check_asks_for_another(opened: object, shelter_list: Path, key_file: Path) -> None:
    """What was checked is forgotten as soon as a choice changes, so nothing else can be saved than what was seen."""
    page = opened.page
    filled_in(page, shelter_list, key_file)
    page.locator("#set-aside").evaluate("box => box.click()")
    checked(page)
    page.locator(".risk input").first.check()
    page.fill("#form-agency", "En annen")
    assert page.locator("#check-said").inner_text() == ""
    assert page.locator("#save").is_disabled()
    assert "Noe ble endret" in page.locator("#needs").inner_text()


def bad_keys(key_file: Path) -> dict[str, tuple[str, bytes]]:
    """Each with the sentence it must end in."""
    sound = json.loads(key_file.read_text("utf-8"))

    def changed(**entries: object) -> bytes:
        return json.dumps(sound | entries).encode()

    other = Key("annen", bytes(range(32)))
    return {
        "text": ("Dette er ingen nøkkelfil", b"hemmelig"),
        "list": ("Dette er ingen nøkkelfil", b"[1]"),
        "long": ("Dette er ingen nøkkelfil", b" " * 5000),
        "entries": ("Dette er ingen nøkkelfil", changed(extra=1)),
        "short": ("Nøkkelen har 31 byte", changed(key=sound["key"][:62])),
        "one byte": ("den samme byten", changed(key="07" * 32)),
        "passphrase": ("et passord", changed(key=b"correct horse battery staple 123".hex())),
        "few": ("bare 2 ulike", changed(key="0001" * 16)),
        "not hex": ("heksadesimale", changed(key="zz" * 32)),
        "nameless": ("hvilken undersøkelse", changed(project="")),
        "swapped": ("passer ikke til fingeravtrykket", changed(key=bytes(range(32)).hex())),
        "foreign": ("ikke laget for undersøkelsen", changed(project="annen")),
        "fingerprint": ("passer ikke", changed(fingerprint=other.fingerprint)),
        "share": ("én del av en nøkkel", json.dumps({"format": "mse-key-share 1"}).encode()),
    }


def test_key_that_may_not_be_used_is_refused_without_showing_it(opened: object, key_file: Path) -> None:
    """Each fault of a key file has its own sentence, and none repeats the key."""
    page = opened.page
    secret = json.loads(key_file.read_text("utf-8"))["key"]
    for name, (sentence, content) in bad_keys(key_file).items():
        page.set_input_files("#key-file", {"name": "a.key", "mimeType": "text/plain", "buffer": content})
        page.locator("#key-said", has_text=sentence).wait_for(timeout=5000)
        assert "done" not in (page.locator("#step-key").get_attribute("class") or ""), name
        assert secret not in page.locator("body").inner_text()


def test_page_is_refused_outside_a_secure_context(chromium: object, page_file: Path) -> None:
    """Served over plain HTTP the browser offers no cryptography: the page says so and offers nothing."""
    context = chromium.new_context()
    context.route("**/*", lambda route: route.fulfill(body=page_file.read_text("utf-8"), content_type="text/html"))
    page = context.new_page()
    page.goto("http://page.example/")
    page.locator("#page-said .wrong").wait_for()
    assert page.evaluate("window.isSecureContext") is False
    assert not page.locator("#steps").is_visible()
    assert "Lagre filen på datamaskinen" in page.locator("#page-said").inner_text()
    context.close()


def test_policy_blocks_network_scripts_styles_and_images(opened: object) -> None:
    """What is not in the page by its hash does not run, and nothing can be sent: the browser reports each breach."""
    breaches = opened.page.evaluate(
        """async () => {
          const found = new Set();
          document.addEventListener("securitypolicyviolation", (event) => found.add(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "globalThis.intruder = true";
          const style = document.createElement("style");
          style.textContent = "body { display: none }";
          const image = document.createElement("img");
          image.src = "https://page.example/a.png";
          const frame = document.createElement("iframe");
          frame.src = "https://page.example/";
          const form = document.createElement("form");
          form.action = "https://page.example/";
          document.body.append(script, style, image, frame, form);
          form.submit();
          await fetch("https://page.example/").catch(() => {});
          try { navigator.sendBeacon("https://page.example/", "a"); } catch {}
          try { new WebSocket("wss://page.example/"); } catch {}
          setTimeout("globalThis.intruder = true");
          const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
          for (let turn = 0; turn < 100 && found.size < 7; turn++) await pause();
          await pause();
          return [[...found].sort(), globalThis.intruder ?? false];
        }"""
    )
    blocked = ["connect-src", "form-action", "frame-src", "img-src", "script-src", "script-src-elem", "style-src-elem"]
    assert breaches == [blocked, False]


def test_nothing_is_stored(opened: object, shelter_list: Path, key_file: Path) -> None:
    """After use the browser holds no cookie and no storage, and a reloaded page knows nothing."""
    page = opened.page
    filled_in(page, shelter_list, key_file)
    checked(page)
    assert page.context.cookies() == []
    stored = "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"
    assert page.evaluate(stored) == [0, 0, 0]
    page.reload()
    page.locator("#steps:visible").wait_for()
    assert page.locator(".steps > .done").count() == 0
    assert page.locator("#key-said").inner_text() == ""


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_fits_its_width(opened: object, shelter_list: Path, key_file: Path, size: dict[str, int]) -> None:
    """At desktop and phone width, in both languages, the filled page does not scroll sideways."""
    page = opened.page
    page.set_viewport_size(size)
    filled_in(page, shelter_list, key_file)
    page.locator("#set-aside").evaluate("box => box.click()")
    checked(page)
    for language, code, title in (("English", "en", "Encode a list"), ("Norsk", "nb", "Kod en liste")):
        page.get_by_role("button", name=language).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.locator("html").get_attribute("lang") == code
        assert page.locator("h1").inner_text() == page.title() == title


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(
    opened: object, shelter_list: Path, key_file: Path
) -> None:
    """Labels for all inputs, ids that stand once, one main landmark, and Tab goes through the page from the top."""
    page = opened.page
    for expected in ("nb", "en", "list-file"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id || document.activeElement.dataset.language") == expected
    filled_in(page, shelter_list, key_file)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea")]
          .filter((control) => ![...control.labels].some((label) => label.textContent.trim()))
          .map((control) => control.outerHTML)"""
    )
    assert nameless == []
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert page.get_by_role("main").count() == 1


def test_browser_that_makes_other_codes_is_refused(chromium: object, page_file: Path, tmp_path: Path) -> None:
    """If the self-test with made-up persons fails, the page offers nothing."""
    text = page_file.read_text("utf-8")
    own = text.split("<script>")[-1].split("</script>")[0]
    digest = json.loads(own.split("const PAGE = ")[1].split(";\nconst toml")[0])["self_test"]["kat_digest"]
    other = own.replace(digest, "0" * 64)

    def hashed(script: str) -> str:
        return b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")

    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(text.replace(own, other).replace(hashed(own), hashed(other)), encoding="utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto(spoilt.as_uri())
    page.locator("#page-said .wrong").wait_for()
    assert not page.locator("#steps").is_visible()
    context.close()
