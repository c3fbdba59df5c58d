"""Comparisons: in how many ways two records can agree on a field, and how likely each way is for one person.

A comparison is a ladder of levels, the most telling first; a pair of records stands on the first level whose condition
holds. A missing value stands on no level and counts for nothing. The starting m-probabilities are typing-error rates
that were fixed before any list was seen; `mse.linkage.weights` moves them with care, and measures the u-probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "ORIGIN",
    "Comparison",
    "Level",
    "birth_date_comparison",
    "birth_year_comparison",
    "category_comparison",
    "date_comparison",
    "family_name_comparison",
    "given_name_comparison",
    "name_comparison",
    "number_comparison",
    "origin_by_name_comparison",
    "personal_number_comparison",
    "text_comparison",
]

NEAR_SPELLING = 0.92  # Jaro-Winkler; above it Splink's own name comparisons put "nearly the same" too
SIMILAR_SPELLING = 0.85
ORIGIN = ("nationality", "region")


@dataclass(frozen=True)
class Level:
    """One way to agree: an SQL condition on `<column>_l` and `<column>_r`, with where its probabilities start.

    Attributes
    ----------
    label : str
    condition : str
    m_start, u_start : float
        Probability of the level for two records of one person, and of two persons, before any data.
    frequency_of : str or None
        Column whose rare values weigh more than its frequent ones, where the level means that they are equal.
    """

    label: str
    condition: str
    m_start: float
    u_start: float
    frequency_of: str | None = None


@dataclass(frozen=True)
class Comparison:
    """All levels of one field; what is on none of them disagrees.

    Attributes
    ----------
    name : str
    levels : tuple of Level
    silent_when : str
        SQL condition under which the field says nothing, first of all that a value is missing.
    block_on : tuple of str
        Columns whose equality makes a pair worth comparing.
    discount : float
        Power on the u-probabilities: 1 for evidence of its own, below 1 where a field goes with another one.
    within : tuple of str
        Comparisons of which one must agree for a pair to count in the u-probabilities: names agree by chance more
        often among persons of one origin.
    field : str
        What several comparisons speak of in turn, such as full dates and years of birth: on a pair only one of them
        says something, and in a group of records they count once. Its own name when empty.
    chance_of : str
        Comparison whose u-probabilities are taken over, since its own cannot be counted.
    """

    name: str
    levels: tuple[Level, ...]
    silent_when: str
    block_on: tuple[str, ...] = ()
    discount: float = 1.0
    within: tuple[str, ...] = ()
    field: str = ""
    chance_of: str = ""

    @property
    def counts_as(self) -> str:
        """The field whose evidence it is."""
        return self.field or self.name

    @property
    def starts(self) -> tuple[tuple[float, float], ...]:
        """Starting m and u of each level, then of disagreement."""
        m, u = [level.m_start for level in self.levels], [level.u_start for level in self.levels]
        return (*zip(m, u, strict=True), (1 - sum(m), 1 - sum(u)))


def given_name_comparison() -> Comparison:
    """Given names, and what the two names say together: swapped, or a word in common."""
    family_agrees = "coalesce(family_name_l = family_name_r OR family_skeleton_l = family_skeleton_r, FALSE)"
    word = (
        "coalesce(len(list_intersect(name_words_l, name_words_r)) >= "
        f"CASE WHEN {family_agrees} THEN 2 ELSE 1 END, FALSE)"
    )
    # Swapped names are judged once, here; the family name is then silent.
    swapped = Level("both names, swapped", f"{_swapped('given_name')}", 0.01, 1e-5)
    same, near = _spelling("given_name", "given_skeleton")
    levels = [swapped, same, near, Level("a word in common", word, 0.04, 0.01), _similar("given_name", 0.02)]
    blocks = ("given_skeleton", "given_name", "name_pair")
    return Comparison("given_name", tuple(levels), _missing("given_name"), blocks, within=ORIGIN)


def family_name_comparison() -> Comparison:
    """Family names; silent where both names agree but change places."""
    levels = [*_spelling("family_name", "family_skeleton"), _similar("family_name", 0.02)]
    silent = f"{_missing('family_name')} OR {_swapped('family_name')}"
    return Comparison("family_name", tuple(levels), silent, ("family_skeleton", "family_name"), within=ORIGIN)


def birth_date_comparison() -> Comparison:
    """Full dates of birth: the same, day and month in another order or one slip of the hand, the same year."""
    slips = ["birth_date_any_order_l = birth_date_any_order_r", "damerau_levenshtein(birth_date_l, birth_date_r) <= 1"]
    levels = (
        Level("same date", _equal("birth_date"), 0.80, 1e-4),
        Level("one slip away", " OR ".join(slips), 0.08, 0.001),
        Level("same year", _equal("birth_year"), 0.06, 0.035),
    )
    return Comparison(
        "birth_date", levels, _missing("birth_date"), ("birth_date", "birth_date_any_order"), field="birth"
    )


def birth_year_comparison() -> Comparison:
    """Years of birth; silent where both full dates are known, which say it already."""
    apart = "abs(CAST(birth_year_l AS INT) - CAST(birth_year_r AS INT)) = 1"
    levels = [Level("same year", _equal("birth_year"), 0.88, 0.035), Level("one year apart", apart, 0.05, 0.07)]
    silent = f"{_missing('birth_year')} OR {_known('birth_date')}"
    return Comparison("birth_year", tuple(levels), silent, field="birth")


def personal_number_comparison(column: str, *, m_start: float, similar: bool) -> Comparison:
    """Numbers given to one person: the same all but decides; another one says little, since one may get a new one."""
    levels = [Level("same number", shared(column), m_start, 1e-6)]
    if similar:
        slip = f"damerau_levenshtein({column}_l[1], {column}_r[1]) <= 1"
        levels.append(Level("one slip away", slip, 0.02, 1e-5))
    return Comparison(column, tuple(levels), _missing(column), (column,))


def name_comparison(column: str) -> Comparison:
    """Any other name, with its consonant skeleton in `<column>_skeleton`."""
    levels = [*_spelling(column, f"{column}_skeleton"), _similar(column, 0.04)]
    return Comparison(column, tuple(levels), _missing(column), (f"{column}_skeleton", column))


def date_comparison(column: str) -> Comparison:
    """Any other date as ISO text: the same, one slip of the hand away, the same year."""
    levels = (
        Level("same date", _equal(column), 0.80, 1e-4),
        _one_slip(column, 0.08, 0.001),
        Level("same year", f"substr({column}_l, 1, 4) = substr({column}_r, 1, 4)", 0.06, 0.035),
    )
    return Comparison(column, levels, _missing(column), (column,))


def number_comparison(column: str) -> Comparison:
    """Numbers as text, such as a postcode or a house number: the same, or one digit away."""
    levels = (
        Level("same", _equal(column), 0.80, 0.01),
        _one_slip(column, 0.08, 0.01),
    )
    return Comparison(column, levels, _missing(column), (column,))


def text_comparison(column: str) -> Comparison:
    """Any other text: the same, or nearly the same."""
    levels = [Level("same", _equal(column), 0.75, 0.005, frequency_of=column), _similar(column, 0.13)]
    return Comparison(column, tuple(levels), _missing(column), (column,))


def category_comparison(
    column: str, *, m_start: float, n_categories: int, discount: float = 1.0, unless_known: Sequence[str] = ()
) -> Comparison:
    """Categories, such as sex: the same or not; silent where a finer field is known on both sides."""
    silent = " OR ".join([_missing(column), *(_known(finer) for finer in unless_known)])
    level = Level("same", _equal(column), m_start, 1 / max(n_categories, 2))
    return Comparison(column, (level,), silent, discount=discount)


def origin_by_name_comparison(origin: Comparison, *, unless_known: Sequence[str]) -> Comparison:
    """Origin where it is not known, but a name is the same: who share a name are likely to share their origin.

    The u-probabilities of names are those of pairs of one origin. On a pair whose origin is not known they would take
    the origin for shared, and a shared name would say less than it does.
    """
    parts = ("given_name", "given_skeleton", "family_name", "family_skeleton", "name_pair")
    same = f"coalesce({' OR '.join(f'coalesce({_equal(part)}, FALSE)' for part in parts)}, FALSE)"
    silent = " OR ".join([*(_known(column) for column in unless_known), f"NOT {same}"])
    m_start = origin.levels[0].m_start
    level = Level("not known, a name agrees", "TRUE", m_start, m_start)
    return Comparison(f"{origin.name}_by_name", (level,), silent, field=origin.counts_as, chance_of=origin.name)


def shared(column: str, least: int = 1) -> str:
    """Condition that two records have this many values of a several-valued column in common."""
    return f"coalesce(len(list_intersect({column}_l, {column}_r)) >= {least}, FALSE)"


def _equal(column: str) -> str:
    return f"{column}_l = {column}_r"


def _missing(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


def _known(column: str) -> str:
    return f"({column}_l IS NOT NULL AND {column}_r IS NOT NULL)"


def _swapped(column: str) -> str:
    """Both names agree as a pair without order, but this one does not."""
    return f"coalesce(name_pair_l = name_pair_r AND {column}_l <> {column}_r, FALSE)"


def _spelling(column: str, skeleton: str) -> tuple[Level, Level]:
    """The same name, and the same skeleton or nearly the same spelling."""
    near = f"{_equal(skeleton)} OR jaro_winkler_similarity({column}_l, {column}_r) >= {NEAR_SPELLING}"
    return (
        Level("same", _equal(column), 0.75, 0.005, frequency_of=column),
        Level("same skeleton or nearly the same spelling", near, 0.12, 0.01),
    )


def _similar(column: str, m_start: float) -> Level:
    condition = f"jaro_winkler_similarity({column}_l, {column}_r) >= {SIMILAR_SPELLING}"
    return Level("similar spelling", condition, m_start, 0.01)


def _one_slip(column: str, m_start: float, u_start: float) -> Level:
    return Level("one slip away", f"damerau_levenshtein({column}_l, {column}_r) <= 1", m_start, u_start)
