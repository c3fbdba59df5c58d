"""Write the 300 fake persons of the test vectors, and what the package makes of them, to tests/pseudonyms/.

    python tools/make_test_vectors.py

No real person: names are drawn from short lists, fodselsnummer and D-numbers are of the synthetic series (month + 80),
DUF numbers begin with 2099. The files change only together with the rules; whoever changes a rule runs this again and
says so in the version of the rules.
"""

import hashlib
import json
import random
from datetime import date
from pathlib import Path

from mse.identifiers import synthetic_number
from mse.pseudonyms import Key
from mse.pseudonyms.normalise import normal_forms
from mse.pseudonyms.rules import rules
from mse.pseudonyms.tokens import known_answer_digest, subkeys, token_columns

FOLDER = Path(__file__).parents[1] / "tests" / "pseudonyms"
KEY = Key("vectors", bytes(range(32)))
N_PERSONS = 300
SHOWN = 3
GIVEN = """Åse Aase Håkon Haakon Bjørn-Erik Pål Øyvind Oeyvind Kjærsti Anne·Lise Annelise Blessing Precious Joy
Oluwaseun Adébáyò Fatoumata Ḥusayn Hussein Володимир Volodymyr Олександра Oleksandra Юлія Сергей Ђорђе محمد Mohammed
Muhamad فاطمة عبد·الرحمن Abdul·Rahman أحمد ተስፋይ Tesfay ሓጎስ Tsegay Nguyễn Thị·Lan Trần สมชาย 王 김 Maria·Clara Ștefan
Stefan Łukasz Győző İbrahim Şükran Ανδρέας გიორგი D’Arcy Van Al Li Ukjent Bj?rn N.N. Ana·Maria·de·los·Angeles Jo"""
FAMILY = """Østbye Oestbye Ærø Sæther Bråten Braaten Lindström Osagie Igbinedion Okonkwo N'Diaye Ǧābir Шевченко
Shevchenko Ковальчук Kovalchuk Щербак Иванов Петровић الحسين Al-Hussein خليل غازي ገብረመድህን Ghebremedhin ክፍለ Haile
Thị·Đào Nguyen Văn·Đức ใจดี 小明 민수 dela·Cruz Țurcanu Turcanu Wiśniewski Kovács Işık Çelik Παπαδόπουλος ბერიძე
Hoxha H�gseth Berg O'Brien Rojas·Torres van·der·Berg Oaagie Osagi ukjent ?"""
ALIASES = ("Mimi", "Queen Esther; Mimi", "Abu Ali / Mo", "Bella|Gift", "ukjent", "Лена, Lena", "A")
PHONES = ("+47 40 00 00 01", "004740000001", "40000002", "+234 (800) 000 0001", "1234", "40000001; 40000002")


def main() -> None:
    """Write both files."""
    persons = [_person(random.Random(f"person {place}"), place) for place in range(N_PERSONS)]
    about = f"{N_PERSONS} fake persons of the test vectors; see tools/make_test_vectors.py."
    lines = ",\n".join(json.dumps(person, ensure_ascii=False) for person in persons)
    (FOLDER / "persons.json").write_text(f'{{\n"about": "{about}",\n"persons": [\n{lines}\n]\n}}\n', "utf-8")
    (FOLDER / "golden.json").write_text(json.dumps(golden(persons), indent=1) + "\n", "utf-8")


def golden(persons: list[dict[str, str]]) -> dict[str, object]:
    """What the package makes of the persons under a key of the bytes 0 to 31; the record id is the place, from 0."""
    forms = [normal_forms(person) for person in persons]
    records = [str(place) for place in range(len(persons))]
    columns = token_columns(forms, rules().tokens, records=records, subkeys=subkeys(KEY, rules().tokens))
    texts = {name: [cell or "" for cell in cells] for name, cells in columns.items()}
    return {
        "about": "sha256 of the cells of each column (empty where missing) joined by line feeds, and the first of them",
        "project": KEY.project,
        "key": bytes(range(32)).hex(),
        "rules_version": rules().version,
        "rules_digest": rules().digest,
        "known_answers": known_answer_digest(KEY),
        "forms": _sha256(json.dumps(forms, sort_keys=True, separators=(",", ":"))),
        "columns": {
            name: {"sha256": _sha256("\n".join(cells)), "first": cells[:SHOWN], "n_filled": sum(map(bool, cells))}
            for name, cells in texts.items()
        },
    }


def _person(luck: random.Random, place: int) -> dict[str, str]:
    """One person: most fields given, some missing, in forms that agencies use."""
    born = date(luck.randint(1950, 2004), luck.randint(1, 12), luck.randint(1, 28))
    given, family = (luck.choice(names.split()).replace("·", " ") for names in (GIVEN, FAMILY))
    if luck.random() < 0.1:
        given, family = family, given
    person = {"given_name": given, "family_name": family, "birth_date": born.isoformat()}
    if luck.random() < 0.2:
        person["birth_date"] = f"{born.year}-01-01"
    if luck.random() < 0.15:
        del person["birth_date"]
        person["birth_year"] = luck.choice((f"{born.year}", f"{born.year}.0", "ukjent"))
    number = _number(luck, born, d_number=False)
    d_number = _number(luck, born, d_number=True)
    typed = {
        "alias": (0.25, luck.choice(ALIASES)),
        "fnr": (0.2, luck.choice((number, f"{number[:6]} {number[6:]}", f"{number};{d_number}", number[:-1] + "x"))),
        "d_number": (0.2, luck.choice((d_number, f"{d_number[:6]}-{d_number[6:]}", number))),
        "duf": (
            0.3,
            luck.choice((f"2099{place:08d}", f"2099 {place:06d} 01", f"2099{place:08d}|209900000001", "2099")),
        ),
        "phone": (0.2, luck.choice(PHONES)),
        "nationality": (0.6, luck.choice(("Nigeria", "Romania", "Eritrea", "Ukraina"))),
    }
    person |= {field: value for field, (share, value) in typed.items() if luck.random() < share}
    for field in ("given_name", "family_name"):
        if luck.random() < 0.06:
            del person[field]
    return person


def _number(luck: random.Random, born: date, *, d_number: bool) -> str:
    low, high = (0, 499) if born.year < 2000 else (500, 999)
    while True:
        number = synthetic_number(born, luck.randint(low, high), d_number=d_number)
        if number is not None:
            return number


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


if __name__ == "__main__":
    main()
