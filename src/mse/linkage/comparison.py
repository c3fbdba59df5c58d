"""Comparisons: in how many ways two records can agree on a field, and how likely each way is for one person.

A comparison is a ladder of levels, the most telling first; a pair of records stands on the first level whose condition
holds. A missing value stands on no level and counts for nothing. The starting m-probabilities are typing-error rates
that were fixed before any list was seen; `mse.linkage.weights` moves them with care, and measures the u-probabilities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mse.linkage.conditions import Both, Condition, Either, Equal, Known, Near, Not, OneApart, OneSlip, Shares, missing

__all__ = [
    "ORIGIN",
    "SEX",
    "Comparison",
    "Level",
    "birth_date_comparison",
    "birth_year_comparison",
    "category_comparison",
    "date_comparison",
    "name_comparison",
    "name_comparisons",
    "number_comparison",
    "personal_number_comparison",
    "text_comparison",
]

NEAR_SPELLING = 0.92  # Jaro-Winkler; above it Splink's own name comparisons put "nearly the same" too
SIMILAR_SPELLING = 0.85
ORIGIN = ("nationality", "region")
SEX = ("sex",)


@dataclass(frozen=True)
class Level:
    """One way to agree, with where its probabilities start.

    Attributes
    ----------
    label : str
    condition : Condition
    m_start, u_start : float
        Probability of the level for two records of one person, and of two persons, before any data.
    frequency_of : str
        Column whose rare values weigh more than its frequent ones, where the level means that they are equal.
    is_by_record : bool
        Whether each record's own chance of the level is counted, where all pairs are compared: how many other persons
        share its value, or are like it. True also where `frequency_of` is given.
    """

    label: str
    condition: Condition
    m_start: float
    u_start: float
    frequency_of: str = ""
    is_by_record: bool = False


@dataclass(frozen=True)
class Comparison:
    """All levels of one field; what is on none of them disagrees.

    Attributes
    ----------
    name : str
    levels : tuple of Level
    silent_when : Condition
        When the field says nothing, first of all when a value is missing.
    block_on : tuple of str
        Columns whose equality makes a pair worth comparing, where there are too many pairs to compare all.
    given : tuple of tuple of str
        What its chance agreements depend on: for each group of comparisons, the first of them that says something.
        Names agree by chance more often among persons of one origin and one sex.
    beside : tuple of str
        Comparisons of which the first that says something changes the chances too, but of all values alike: who shares
        a given name is more often of one origin, where that is not known or a region stands for it.
    field : str
        What several comparisons speak of in turn, such as full dates and years of birth: on a pair only one of them
        says something, and in a group of records they count once. Its own name when empty.
    """

    name: str
    levels: tuple[Level, ...]
    silent_when: Condition
    block_on: tuple[str, ...] = ()
    given: tuple[tuple[str, ...], ...] = ()
    beside: tuple[str, ...] = ()
    field: str = ""

    @property
    def counts_as(self) -> str:
        """The field whose evidence it is."""
        return self.field or self.name

    @property
    def starts(self) -> tuple[tuple[float, float], ...]:
        """Starting m and u of each level, then of disagreement."""
        m, u = [level.m_start for level in self.levels], [level.u_start for level in self.levels]
        return (*zip(m, u, strict=True), (1 - sum(m), 1 - sum(u)))


def name_comparisons() -> Iterator[Comparison]:
    """Given and family names: where both records have both, and where one name stands alone.

    Names in each other's column are seen only where both are known. So that they are neither taken for two errors that
    happen to come together, nor, of a name that stands alone, for the rare error that another name is written, the two
    cases have error rates of their own.
    """
    same, near = _spelling("given_name", "given_skeleton")
    given = (
        same,
        Level("both names, swapped", _swapped("given_name"), 0.01, 1e-5),
        near,
        Level("a word in common", _word_in_common(), 0.02, 0.01, is_by_record=True),
        Level("one name in the column of the other", _one_across(), 0.01, 0.01, is_by_record=True),
        _similar("given_name", 0.03),
    )
    incomplete = Either(missing("given_name"), missing("family_name"))
    blocks = ("given_skeleton", "given_name", "name_pair")
    yield Comparison("given_name", given, incomplete, blocks, given=(ORIGIN, SEX))
    # Names in each other's column are judged once, above; the family name is then silent.
    across = Both(_one_across(), Not(same.condition), Not(near.condition))
    silent = Either(incomplete, _swapped("family_name"), across)
    family = (*_spelling("family_name", "family_skeleton"), _similar("family_name", 0.06))
    family_blocks = ("family_skeleton", "family_name")
    yield Comparison("family_name", family, silent, family_blocks, given=(ORIGIN,), beside=("given_name",))
    yield _name_alone("given_name", "given_skeleton", unless="family_name", given=(ORIGIN, SEX))
    yield _name_alone("family_name", "family_skeleton", unless="given_name", given=(ORIGIN,), beside=("given_name",))


def _name_alone(
    column: str, skeleton: str, *, unless: str, given: tuple[tuple[str, ...], ...], beside: tuple[str, ...] = ()
) -> Comparison:
    """A name where one of the records, or both, miss the other name."""
    word = Level("a word in common", Shares("name_words"), 0.03, 0.01, is_by_record=True)
    levels = (*_spelling(column, skeleton), word, _similar(column, 0.03))
    silent = Either(missing(column), Known(unless))
    return Comparison(f"{column}_alone", levels, silent, given=given, beside=beside, field=column)


def birth_date_comparison() -> Comparison:
    """Full dates of birth: the same, day and month in another order or one slip of the hand, the same year."""
    slip = Either(Equal("birth_date_any_order"), OneSlip("birth_date"))
    levels = (
        Level("same date", Equal("birth_date"), 0.80, 1e-4, is_by_record=True),
        Level("one slip away", slip, 0.10, 0.001),
        Level("same year", Equal("birth_year"), 0.07, 0.035),
    )
    return Comparison(
        "birth_date", levels, missing("birth_date"), ("birth_date", "birth_date_any_order"), field="birth"
    )


def birth_year_comparison() -> Comparison:
    """Years of birth; silent where both full dates are known, which say it already."""
    levels = (
        Level("same year", Equal("birth_year"), 0.90, 0.035),
        Level("one year apart", OneApart("birth_year"), 0.06, 0.07),
    )
    silent = Either(missing("birth_year"), Known("birth_date"))
    return Comparison("birth_year", levels, silent, field="birth")


def personal_number_comparison(column: str, *, m_start: float, similar: bool) -> Comparison:
    """Numbers given to one person: the same all but decides; another one says little, since one may get a new one."""
    levels = [Level("same number", Shares(column), m_start, 1e-6)]
    if similar:
        levels.append(Level("one slip away", OneSlip(column, several=True), 0.02, 1e-5))
    return Comparison(column, tuple(levels), missing(column), (column,))


def name_comparison(column: str) -> Comparison:
    """Any other name, with its consonant skeleton in `<column>_skeleton`."""
    levels = [*_spelling(column, f"{column}_skeleton"), _similar(column, 0.04)]
    return Comparison(column, tuple(levels), missing(column), (f"{column}_skeleton", column))


def date_comparison(column: str) -> Comparison:
    """Any other date as ISO text, with its year in `<column>_year`: the same, one slip away, the same year."""
    levels = (
        Level("same date", Equal(column), 0.80, 1e-4),
        Level("one slip away", OneSlip(column), 0.08, 0.001),
        Level("same year", Equal(f"{column}_year"), 0.06, 0.035),
    )
    return Comparison(column, levels, missing(column), (column,))


def number_comparison(column: str) -> Comparison:
    """Numbers as text, such as a postcode or a house number: the same, or one digit away."""
    levels = (Level("same", Equal(column), 0.80, 0.01), Level("one slip away", OneSlip(column), 0.08, 0.01))
    return Comparison(column, levels, missing(column), (column,))


def text_comparison(column: str) -> Comparison:
    """Any other text: the same, or nearly the same."""
    levels = [Level("same", Equal(column), 0.75, 0.005, frequency_of=column), _similar(column, 0.13)]
    return Comparison(column, tuple(levels), missing(column), (column,))


def category_comparison(
    column: str, *, m_start: float, n_categories: int, unless_known: Sequence[str] = ()
) -> Comparison:
    """Categories, such as sex: the same or not; silent where a finer field is known on both sides."""
    silent = Either(missing(column), *(Known(finer) for finer in unless_known))
    level = Level("same", Equal(column), m_start, 1 / max(n_categories, 2), is_by_record=True)
    return Comparison(column, (level,), silent)


def _swapped(column: str) -> Condition:
    """Both names agree as a pair without order, but this one does not."""
    return Both(Equal("name_pair"), Known(column), Not(Equal(column)))


def _family_agrees() -> Condition:
    return Either(Equal("family_name"), Equal("family_skeleton"))


def _word_in_common() -> Condition:
    """A word in common beside that of the family names."""
    one_word = Both(Not(_family_agrees()), Near("family_name", SIMILAR_SPELLING), Shares("name_words"))
    return Either(Both(_family_agrees(), Shares("name_words", 2)), one_word)


def _one_across() -> Condition:
    """A word in common, but the family names are not alike."""
    return Both(Not(_family_agrees()), Not(Near("family_name", SIMILAR_SPELLING)), Shares("name_words"))


def _spelling(column: str, skeleton: str) -> tuple[Level, Level]:
    """The same name, and the same skeleton or nearly the same spelling."""
    near = Either(Equal(skeleton), Near(column, NEAR_SPELLING))
    return (
        Level("same", Equal(column), 0.76, 0.005, frequency_of=column),
        Level("same skeleton or nearly the same spelling", near, 0.14, 0.01, is_by_record=True),
    )


def _similar(column: str, m_start: float) -> Level:
    return Level("similar spelling", Near(column, SIMILAR_SPELLING), m_start, 0.01, is_by_record=True)
