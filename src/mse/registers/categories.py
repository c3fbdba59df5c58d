"""The common categories that every agency's local codes map to.

The categories are those that KOM's annual reports use, and the tracks and residence grounds that its partners
decide on. Beside each field stands, in words, the concept of the International Classification for Administrative
Data on Trafficking in Persons (IC-TIP; IOM and UNODC, adopted by the UN Statistical Commission in 2025,
https://unstats.un.org/unsd/classifications/Family/Detail/2099) that it belongs to. No official code is invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["COMMON_CATEGORIES", "Category", "CategoryTable"]


@dataclass(frozen=True, slots=True)
class Category:
    """One common category: its code in the data and its label in Norwegian and English."""

    code: str
    nb: str
    en: str


@dataclass(frozen=True, slots=True)
class CategoryTable:
    """The categories of one attribute field.

    Attributes
    ----------
    field : str
        The common name of the field, for example ``"sex"``.
    nb, en : str
        Label of the field in Norwegian and English.
    ictip : str
        The IC-TIP concept the field belongs to, in words.
    categories : tuple of Category
        In the order in which tables show them.

    Examples
    --------
    >>> COMMON_CATEGORIES["sex"].codes
    ('woman', 'man', 'other', 'unknown')
    >>> COMMON_CATEGORIES["sex"].label("woman", language="nb")
    'kvinne'
    """

    field: str
    nb: str
    en: str
    ictip: str
    categories: tuple[Category, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(category.code for category in self.categories)

    def label(self, code: str, *, language: str) -> str:
        """The label of one category; `language` is ``"nb"`` or ``"en"``."""
        found = next(category for category in self.categories if category.code == code)
        return {"nb": found.nb, "en": found.en}[language]


def _table(field: str, nb: str, en: str, ictip: str, *categories: tuple[str, str, str]) -> CategoryTable:
    own = tuple(Category(*category) for category in categories)
    return CategoryTable(field, nb, en, ictip, own)


_UNKNOWN = ("unknown", "ukjent", "unknown")

_TABLES = (
    _table(
        "sex",
        "kjønn",
        "sex",
        "Victim: sex",
        ("woman", "kvinne", "woman"),
        ("man", "mann", "man"),
        ("other", "annet", "other"),
        _UNKNOWN,
    ),
    _table(
        "age_group",
        "alder ved kontakt",
        "age at contact",
        "Victim: age group",
        ("under_12", "under 12 år", "under 12"),
        ("12-17", "12-17 år", "12-17"),
        ("18-24", "18-24 år", "18-24"),
        ("25-34", "25-34 år", "25-34"),
        ("35-44", "35-44 år", "35-44"),
        ("45_and_over", "45 år og eldre", "45 and over"),
        _UNKNOWN,
    ),
    _table(
        "form",
        "utnyttingsform",
        "form of exploitation",
        "Trafficking event: form of exploitation",
        ("sexual", "prostitusjon eller andre seksuelle formål", "prostitution or other sexual purposes"),
        ("labour", "tvangsarbeid", "forced labour"),
        ("services", "tvangstjenester", "forced services"),
        ("organ", "fjerning av organer", "organ removal"),
        ("forced_marriage", "tvangsekteskap", "forced marriage"),
        ("several", "flere former", "several forms"),
        ("not_clarified", "ikke avklart", "not clarified"),
    ),
    _table(
        "form_of_service",
        "form for tvangstjeneste",
        "form of forced service",
        "Trafficking event: form of exploitation (forced services)",
        ("crime", "kriminalitet", "crime"),
        ("begging", "tigging", "begging"),
        ("war_service", "krigstjeneste", "war service"),
        _UNKNOWN,
    ),
    _table(
        "region",
        "opprinnelsesregion",
        "region of origin",
        "Victim: citizenship, grouped by region",
        ("eastern_europe", "Øst-Europa", "eastern Europe"),
        ("western_europe", "Vest-Europa", "western Europe"),
        ("africa", "Afrika", "Africa"),
        ("asia", "Asia", "Asia"),
        ("middle_east", "Midtøsten", "Middle East"),
        ("south_america", "Sør-Amerika", "South America"),
        ("ukraine", "Ukraina", "Ukraine"),
        ("other", "annen", "other"),
        _UNKNOWN,
    ),
    _table(
        "legal_track",
        "oppholdsspor",
        "legal track",
        "Victim: assistance and protection, residence status",
        ("reflection_period", "refleksjonsperiode", "reflection period"),
        ("limited_permit", "begrenset tillatelse", "limited permit"),
        ("asylum", "asyl", "asylum"),
        ("collective_protection", "midlertidig kollektiv beskyttelse", "temporary collective protection"),
        ("eea_residence", "oppholdsrett etter EØS-avtalen", "EEA right of residence"),
        ("final_rejection", "endelig avslag", "final rejection"),
        ("none", "ingen", "none"),
        _UNKNOWN,
    ),
    _table(
        "place",
        "sted for utnyttingen",
        "place of exploitation",
        "Trafficking event: place of exploitation",
        ("norway", "Norge", "Norway"),
        ("home_country", "hjemlandet", "home country"),
        ("on_the_way", "underveis", "on the way"),
        ("other", "annet", "other"),
        _UNKNOWN,
    ),
    _table(
        "identification",
        "grunnlag for identifiseringen",
        "strength of identification",
        "Victim: identification as victim",
        ("own_statement", "egne opplysninger", "own statement"),
        ("statement_of_others", "opplysninger fra andre", "statement of others"),
        (
            "indicators",
            "indikatorer som samlet gir rimelig grunn",
            "indicators that together give reasonable ground",
        ),
        ("confirmed_by_authority", "bekreftet av myndighet", "confirmed by authority"),
        _UNKNOWN,
    ),
    _table(
        "is_new",
        "ny i perioden",
        "new in the period",
        "Victim: first registration by the reporting entity",
        ("new", "ny i perioden", "new in the period"),
        ("earlier", "fulgt opp fra tidligere", "followed from earlier"),
        _UNKNOWN,
    ),
)

COMMON_CATEGORIES: Mapping[str, CategoryTable] = MappingProxyType({table.field: table for table in _TABLES})
