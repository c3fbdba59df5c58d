"""The disclosure check: every risk is found where it is, not found where it is not, and accepted by its own id."""

import json
import re
from datetime import date
from importlib.resources import files

import pandas as pd
import pytest

from mse.errors import BadInput
from mse.pseudonyms import EncodedRegister, Header, Key, TokenField, encode
from mse.pseudonyms.disclosure import Risk, accept_or_refuse, agency_risks, received_risks, risk_ids, rounded
from mse.registers import Codebook, Column, Register

KEY = Key("p", bytes(range(32)))
KIND = {"given_name": "name", "family_name": "name", "birth_date": "date", "birth_year": "number"}
SYLLABLES = ("ka", "ro", "mi", "tu", "se", "lo", "ba", "ni", "du", "fe")
TABLE = json.loads(files("mse.pseudonyms").joinpath("risks.json").read_text("utf-8"))


def register_of(n=40, *, attributes=(), **columns):
    """A list of made-up persons, all different; `columns` replaces or adds fields."""
    rows = {
        "given_name": [SYLLABLES[i % 10] + SYLLABLES[i // 10 % 10] + "na" for i in range(n)],
        "family_name": [SYLLABLES[i % 7] + SYLLABLES[i // 7 % 10] + "sen" for i in range(n)],
        "birth_date": [f"{1970 + i % 30}-{1 + i % 12:02}-{2 + i % 26:02}" for i in range(n)],
    } | columns
    rows = {field: values for field, values in rows.items() if values is not None}
    spec = tuple(
        Column(field, "category" if field in attributes else KIND.get(field, "text"), field, field not in attributes)
        for field in rows
    )
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook("rosa", "ROSA", "adults", "in contact", year, "presumed", "p", "any", "all", spec)
    return Register(codebook, pd.DataFrame(rows, index=range(1, n + 1), dtype="str"), source_sha256="")


def found(register, encoding="match_keys", **options):
    return {risk.id: risk for risk in agency_risks(register, encode_(register, encoding), **options)}


def encode_(register, encoding="match_keys"):
    return encode(register, key=KEY, project="p", encoding=encoding)


def test_a_sound_list_has_no_risk():
    """Different persons, full dates, large groups: nothing is found, and nothing needs to be accepted."""
    register = register_of(sex=["woman", "man"] * 20, attributes=("sex",))
    assert found(register) == {}
    assert encode(register, key=KEY, project="p", accept_risks=()).name == "rosa"


def test_small_groups_are_counted_over_all_attributes_together():
    """Four men among women; with the form, of those three more stand in a group of three."""
    sex = ["man"] * 4 + ["woman"] * 36
    assert found(register_of(sex=sex, attributes=("sex",)))["small_groups"] == Risk("small_groups", 4, ("sex",))
    form = ["labour"] * 37 + ["sexual"] * 3
    both = found(register_of(sex=sex, form=form, attributes=("sex", "form")))["small_groups"]
    assert both == Risk("small_groups", 7, ("sex", "form"))
    five = register_of(sex=["man"] * 5 + ["woman"] * 35, attributes=("sex",))
    assert "small_groups" not in found(five)


def test_an_empty_attribute_is_a_group_too():
    """Two whose sex is not stated are as easy to find as two of one sex."""
    register = register_of(sex=[None, None] + ["woman"] * 38, attributes=("sex",))
    assert found(register)["small_groups"].count == 2


def test_a_value_filled_in_for_many_is_a_frequent_value():
    """Six persons under one telephone number and one given name: the same token six times, which is more than 5 %."""
    register = register_of(given_name=["Anna"] * 6 + [None] * 34, phone=["48151623"] * 6 + [None] * 34)
    risk = found(register)["frequent_values"]
    assert "key_phone_word" in risk.fields
    assert risk.count == 6
    four = register_of(given_name=["Anna"] * 4 + [None] * 36, phone=["48151623"] * 4 + [None] * 36)
    assert "frequent_values" not in found(four)
    many = register_of(n=121, given_name=["Anna"] * 6 + [None] * 115, phone=["48151623"] * 6 + [None] * 115)
    assert "frequent_values" not in found(many)


def test_filters_keep_similarity():
    """Asking for filters is a risk of its own, whatever the list holds."""
    assert "similarity" in found(register_of(), "bloom")
    assert "similarity" not in found(register_of())


@pytest.mark.parametrize(("n_missing", "is_found"), [(20, False), (21, True)])
def test_more_than_half_missing(n_missing, is_found):
    """A name that most rows lack is found at the agency; exactly half is not more than half."""
    register = register_of(
        family_name=[None] * n_missing + [f"Navn{'abcdefghijklmnopqrst'[i % 20]}" for i in range(40 - n_missing)]
    )
    assert ("missing_values" in found(register)) is is_found
    if is_found:
        assert found(register)["missing_values"].fields == ("family_name",)


def test_a_year_of_birth_stands_in_for_the_date():
    """Few dates are no fault where the year is stated; neither is one."""
    years = [str(1970 + i % 30) for i in range(40)]
    assert "missing_values" not in found(register_of(birth_date=[None] * 40, birth_year=years))
    neither = found(register_of(birth_date=[None] * 40, birth_year=[None] * 40))["missing_values"]
    assert neither.fields == ("birth_date", "birth_year")


@pytest.mark.parametrize(("n_january", "is_found"), [(8, False), (9, True)])
def test_many_dates_on_1_january(n_january, is_found):
    """More than one in five dates on 1 January are dates that nobody knew."""
    dates = [f"{1980 + i}-01-01" for i in range(n_january)] + [
        f"{1980 + i % 20}-03-{2 + i % 26:02}" for i in range(40 - n_january)
    ]
    risks = found(register_of(birth_date=dates))
    assert ("january_first" in risks) is is_found
    if is_found:
        assert risks["january_first"].text().startswith("about 10 dates of birth are 1 January, more than 20 %")


def test_a_field_that_only_one_list_holds():
    """With the codebooks of the others at hand the agency sees it before it sends, the receiver afterwards."""
    own, other = register_of(phone=["48151623"] + [None] * 39), register_of()
    assert found(own, others=[other.codebook])["only_here"].fields == ("phone",)
    assert "only_here" not in found(own)
    assert "only_here" not in found(own, others=[own.codebook])
    received = {risk.id: risk for risk in received_risks(encode_(own), others=[encode_(other)])}
    assert received["only_here"].fields == ("key_phone_word",)


def test_a_list_without_a_single_token_is_refused():
    """It would count everybody once more; no acceptance helps."""
    few = register_of(n=4, given_name=[None] * 4, family_name=[None] * 4, birth_date=[None] * 4)
    assert "nothing_to_link" not in found(few)
    nobody = register_of(n=6, given_name=[None] * 6, family_name=[None] * 6, birth_date=[None] * 6)
    assert "nothing_to_link" in found(nobody)
    with pytest.raises(BadInput, match="nothing_to_link: No record holds enough"):
        encode(nobody, key=KEY, project="p", accept_risks=risk_ids())


def test_a_column_made_of_one_field_with_few_values_is_found():
    """A file of other rules that holds a token of the year of birth alone."""
    header = encode_(register_of()).header
    fields = (TokenField("year", "token", ("birth_year",)),)
    values = {name: getattr(header, name) for name in header.__dataclass_fields__}
    small = Header(**values | {"fields": fields, "attributes": (), "n_records": 1, "n_rows": 1})
    records = pd.DataFrame({"record": ["0" * 24], "year": ["a" * 32]}, dtype="str")
    assert Risk("small_domain", fields=("year",)) in received_risks(EncodedRegister(small, records))


def test_the_receiver_sees_columns_that_are_mostly_empty():
    """Numbers are often empty and not counted; names and birth are."""
    register = register_of(birth_date=[None] * 30 + ["1990-05-05"] * 10, fnr=[None] * 40)
    fields = {risk.id: risk.fields for risk in received_risks(encode_(register))}["missing_values"]
    assert "key_names_date" in fields
    assert "fnr" not in fields


def test_a_risk_that_nobody_accepted_stops_encoding():
    """Each unaccepted risk is a sentence with its id, what was found and the way out; accepting lets it pass."""
    dates = [f"{1980 + i}-01-01" for i in range(40)]
    register = register_of(birth_date=dates, sex=["man"] * 4 + ["woman"] * 36, attributes=("sex",))
    with pytest.raises(BadInput) as caught:
        encode(register, key=KEY, project="p", accept_risks=())
    assert [reason.partition(":")[0] for reason in caught.value.reasons] == ["small_groups", "january_first"]
    with pytest.raises(BadInput, match="1 problem"):
        encode(register, key=KEY, project="p", accept_risks=("small_groups", "missing_values"))
    accepted = encode(register, key=KEY, project="p", accept_risks=risk_ids())
    assert accepted.to_text() == encode(register, key=KEY, project="p").to_text()


def test_an_id_that_does_not_exist_is_refused():
    """A misspelt acceptance accepts nothing."""
    with pytest.raises(BadInput, match="no risk named 'small_group'; there are 'small_groups'"):
        accept_or_refuse((), accepted=["small_group"], name="rosa")
    with pytest.raises(BadInput, match="no risk named 'nothing_to_link'"):
        accept_or_refuse((), accepted=["nothing_to_link"], name="rosa")


@pytest.mark.parametrize("risk_id", [risk["id"] for risk in TABLE["risks"]])
def test_every_risk_has_words_in_both_languages(risk_id):
    """Title, text and way out, with nothing left to fill in and no exact count."""
    risk = Risk(risk_id, 37, ("sex", "form"))
    for language in ("nb", "en"):
        for text in (risk.title(language), risk.text(language), risk.mend(language)):
            assert text
            assert not re.search(r"[{}]|\b37\b", text)
    assert risk.text("nb") != risk.text("en")


def test_counts_are_never_exact():
    """Below five nothing but that; else to the nearest five."""
    assert [rounded(n) for n in (0, 4, 5, 7, 8, 102)] == [
        "fewer than 5", "fewer than 5", "about 5", "about 5", "about 10", "about 100",
    ]  # fmt: skip
