"""Canary: unmistakable identifiers are planted in every column and looked for in everything that comes out."""

import base64
import logging
import traceback
from datetime import date

import pandas as pd
import pytest

from mse.errors import MseError
from mse.pseudonyms import Key, check_same_origin, duplicates, encode, id_map, read_encoded
from mse.pseudonyms.normalise import joined, name_words, skeleton
from mse.registers import Codebook, Column, Register

KEY = Key("p", bytes(range(32)))
NAMES = {
    "given_name": "Wrøzptkåldghbn Xæfqrltmwnd",
    "family_name": "Vbjørkzqtmpldsåkk",
    "alias": "Gldrnktwpqsbmf; Hzlvkpdtrsgn",
    "nationality": "Qwrtplkjhgfdsalandia",
}
NUMBERS = {
    "fnr": "17912099997",
    "d_number": "579120 75186",
    "duf": "209948151623",
    "phone": "+47 481 51 623",
    "birth_date": "1987-11-23",
}
UNSENT = {"local_id": "SAK-2020-48151623", "remark": "Bor hos tante Klrsptvwzngd", "passport": "NXK48151623421"}
ATTRIBUTES = {"sex": "woman", "region": "africa"}
KIND = {"birth_date": "date", "given_name": "name", "family_name": "name", "alias": "name"}


@pytest.fixture
def register():
    row = NAMES | NUMBERS | UNSENT | ATTRIBUTES
    columns = tuple(
        Column(field, "category", field) if field in ATTRIBUTES else Column(field, KIND.get(field, "text"), field, True)
        for field in row
    )
    period = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook("rosa", "ROSA", "adults", "in contact", period, "presumed", "p", "any", "all", columns)
    twice = pd.DataFrame(
        [row, row, row | dict.fromkeys(NUMBERS) | {"given_name": "Bj?rn"}], index=[1, 2, 3], dtype="str"
    )
    return Register(codebook, twice, source_sha256="")


def canaries():
    """Everything of eight characters or more that would give a planted value away."""
    plain = set()
    for value in [*NAMES.values(), *NUMBERS.values(), *UNSENT.values()]:
        plain |= {value, *value.replace(";", " ").split()}
        plain.add("".join(character for character in value if character.isdigit()))
        words = name_words(value)
        plain |= {*words, joined(words), skeleton(words), " ".join(words), *map(skeleton, [(word,) for word in words])}
    plain |= {"23.11.1987", "23111987", "19871123", "231187481"}
    plain |= {value.casefold() for value in plain}
    plain |= {value[::-1] for value in plain}
    plain = {value for value in plain if len(value) >= 8}
    encoded = set()
    for value in plain:
        content = value.encode()
        encoded |= {content.hex(), content.hex().upper()}
        for shift in range(3):  # base64 of a longer text holds the value at one of three shifts
            whole = base64.b64encode(bytes(shift) + content).decode().rstrip("=")
            encoded |= {whole[4:-2], whole[4:-2].replace("+", "-").replace("/", "_")} if shift else {whole[:-2]}
    return plain | {value for value in encoded if len(value) >= 8}


def found_in(text):
    """The planted values that stand in a text, whatever the case."""
    return [canary for canary in canaries() if canary in text or canary in text.casefold()]


def test_the_search_finds_what_is_there():
    """The canary would be noticed: raw, in capitals, reversed, as hexadecimal digits and in base64."""
    name = NAMES["family_name"]
    for leak in (name, name.upper(), name[::-1], name.encode().hex(), base64.b64encode(f"x{name}y".encode()).decode()):
        assert found_in(f"..{leak}..")
    assert not found_in("nothing of it here")


def test_no_identifier_is_in_what_leaves_the_agency(register, tmp_path):
    """The encoded file, its text forms, and what is read back from it hold no planted value."""
    encoded = encode(register, key=KEY, project="p")
    assert len(encoded) == 2
    encoded.write(tmp_path / "rosa.mse")
    read = read_encoded(tmp_path / "rosa.mse")
    texts = [(tmp_path / "rosa.mse").read_text("utf-8"), repr(encoded), str(encoded), repr(encoded.header)]
    texts += [read.records.to_csv(), read.records.to_json(), repr(encoded.__dict__), encoded.sha256]
    assert [path.name for path in tmp_path.iterdir()] == ["rosa.mse"]
    assert found_in("\n".join(texts)) == []


def test_no_identifier_is_in_what_the_agency_keeps(register):
    """Neither the id map nor the listing of merged rows holds a name or number."""
    kept = id_map(register, key=KEY).to_csv() + duplicates(register).to_csv()
    assert found_in(kept) == []


def test_no_identifier_is_in_a_message(register, tmp_path, capfd, caplog):
    """Refusals, their tracebacks, the log and the terminal hold no planted value."""
    caplog.set_level(logging.DEBUG)
    encoded = encode(register, key=KEY, project="p")
    (tmp_path / "plain.csv").write_text(register.records.to_csv(), "utf-8")
    columns = encoded.records.assign(fnr=NUMBERS["fnr"], sex=NAMES["given_name"])
    bad_category = Register(register.codebook, register.records.assign(sex=NAMES["given_name"]), source_sha256="")
    attempts = [
        lambda: encode(register, key=KEY, project="q"),
        lambda: encode(bad_category, key=KEY, project="p"),
        lambda: read_encoded(tmp_path / "plain.csv"),
        lambda: type(encoded)(encoded.header, columns),
        lambda: type(encoded)(encoded.header, register.records),
        lambda: check_same_origin([encoded, encoded]),
    ]
    messages = []
    for attempt in attempts:
        with pytest.raises(MseError) as caught:
            attempt()
        messages += [str(caught.value), *caught.value.reasons]
        messages += traceback.format_exception(caught.value)
    written = capfd.readouterr()
    assert found_in("\n".join([*messages, caplog.text, written.out, written.err])) == []
