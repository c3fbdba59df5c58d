"""Comparisons of match keys: how much of names and birth two records share, judged as one, since the keys overlap.

The keys of a record are hashes of the same names and the same birth, so that agreement on one of them is no evidence
beside agreement on another: the ladder takes the most telling key on which two records agree, and nothing else of them.
"""

from collections.abc import Container, Iterator

from mse.linkage.comparison import SEX, Comparison, Level
from mse.linkage.conditions import Condition, Either, Equal, Known, Shares, missing

__all__ = ["KEYS", "NAMES_AND_DATE", "NAMES_AND_YEAR", "match_key_comparisons"]

GIVEN = (("region",), SEX)
# Every record with a date and a name has the first, every one with a year and two names the second.
NAMES_AND_DATE, NAMES_AND_YEAR = "key_word_date", "key_pair_year"
KEYS = (
    *("key_names_date", "key_skeletons_date", "key_word_date", "key_skeletons_month_day"),
    *("key_names_year", "key_skeletons_years", "key_pair_year", "key_slip_year"),
)


def match_key_comparisons(columns: Container[str]) -> Iterator[Comparison]:
    """What the keys that there are say: where both dates are known, and where the year alone can be compared.

    Parameters
    ----------
    columns : container of str
        Columns of the records; a key that no list has is left out.
    """
    blocks = tuple(key for key in KEYS if key in columns)
    years: tuple[tuple[str, Condition, float], ...] = (
        ("names and year", Equal("key_names_year"), 3e-5),
        ("names nearly the same, and year", Either(_all_years(), Shares("key_pair_year")), 1e-5),
        ("one slip in the names, and year", Shares("key_slip_year"), 2e-4),
        ("names nearly the same, years one apart", Shares("key_skeletons_years"), 6e-5),
    )
    if NAMES_AND_DATE in columns:
        dates: tuple[tuple[str, Condition, float], ...] = (
            ("names and date", Equal("key_names_date"), 1e-7),
            ("names nearly the same, and date", Either(Equal("key_skeletons_date"), Shares(NAMES_AND_DATE, 2)), 1e-7),
            ("a name and the date", Shares(NAMES_AND_DATE), 3e-6),
            ("names nearly the same, another year", Equal("key_skeletons_month_day"), 1e-6),
        )
        m_dates, m_years = (0.45, 0.14, 0.14, 0.03), (0.08, 0.04, 0.02, 0.02)
        levels = [Level(label, how, m, u) for (label, how, u), m in zip(dates, m_dates, strict=True)]
        levels += [Level(label, how, m, u) for (label, how, u), m in zip(years, m_years, strict=True)]
        silent = missing(NAMES_AND_DATE)
        yield Comparison("names_and_date", tuple(levels), silent, blocks, given=GIVEN, field="names_and_birth")
    if NAMES_AND_YEAR in columns:
        m_years = (0.62, 0.13, 0.08, 0.04)
        levels = [Level(label, how, m, u) for (label, how, u), m in zip(years, m_years, strict=True)]
        no_year: Condition = missing(NAMES_AND_YEAR)
        if NAMES_AND_DATE in columns:
            no_year = Either(no_year, Known(NAMES_AND_DATE))
        yield Comparison("names_and_year", tuple(levels), no_year, blocks, given=GIVEN, field="names_and_birth")


def _all_years() -> Condition:
    """Both windows of two years that hold the year of birth: the same names nearly, and the same year."""
    return Shares("key_skeletons_years", 2)
