"""The report's two languages: sentences from a TOML table each, and how numbers and dates are written."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from math import isinf

from markupsafe import Markup, escape

from mse.interval import Interval

__all__ = ["Language", "language"]

HIDDEN = ":"  # the symbol of Statistics Norway for a figure that is not published


@dataclass(frozen=True, eq=False)
class Language:
    """One language of the report.

    Attributes
    ----------
    code : str
        ``nb`` or ``en``.
    table : mapping
        The sentences, by section and name; placeholders in braces.
    """

    code: str
    table: Mapping[str, Mapping[str, str]]
    points: Mapping[str, object]
    translations: tuple[tuple[re.Pattern[str], str], ...]
    models: tuple[tuple[re.Pattern[str], str], ...]

    def __getitem__(self, section: str) -> Mapping[str, str]:
        return self.table[section]

    def say(self, section: str, name: str, /, **values: object) -> Markup:
        """A sentence with its placeholders filled; whatever is filled in is escaped."""
        return Markup(self.table[section][name]).format(**{key: escape(value) for key, value in values.items()})

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the language's separators: 13444.5 is ``13 445`` or ``13,445``."""
        english = f"{value:,.{decimals}f}"
        separators = {",": self.table["number"]["thousands"], ".": self.table["number"]["decimal"]}
        return "".join(separators.get(character, character) for character in english)

    def count(self, value: int | None) -> Markup:
        """A count, or the colon that stands for a hidden one, which a screen reader hears as a word."""
        if value is None:
            hidden = self.table["page"]["hidden"]
            return Markup('<span aria-hidden="true">:</span><span class="spoken">{}</span>').format(hidden)
        return Markup(self.number(value))

    def plain_count(self, value: int | None) -> str:
        """A count for texts that hold no markup."""
        return HIDDEN if value is None else self.number(value)

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share from 0 to 1 as a percentage."""
        return self.table["number"]["percent"].format(number=self.number(100 * share, decimals))

    def level(self, level: float) -> str:
        """The level of an interval, without needless decimals."""
        return self.percent(level, 0 if float(100 * level).is_integer() else 1)

    def range(self, low: float, high: float) -> str:
        """Two ends of a range, of which the upper may be infinite."""
        table = self.table["number"]
        if isinf(high):
            return f"{table['at_least'].format(low=self.number(low))}, {table['no_limit']}"
        return table["from_to"].format(low=self.number(low), high=self.number(high))

    def interval(self, low: float, high: float, rule: Interval) -> Markup:
        """An interval with its level and its right name: confidence or credible."""
        name = "credible" if rule.is_credible else "confidence"
        return self.say(
            "estimates",
            name,
            level=self.level(rule.level),
            range=Markup('<span class="whole">{}</span>').format(self.range(low, high)),
        )

    def day(self, day: date) -> str:
        """A date in words."""
        months = self.table["number"]["months"]
        return self.table["number"]["date"].format(day=day.day, month=months[day.month - 1], year=day.year)

    def period(self, period: tuple[date, date]) -> str:
        """A period; whole calendar years as years."""
        start, end = period
        if (start.month, start.day, end.month, end.day) == (1, 1, 12, 31):
            return str(start.year) if start.year == end.year else f"{start.year}–{end.year}"
        return self.table["number"]["dates"].format(start=self.day(start), end=self.day(end))

    def enumerate(self, parts: Iterable[str]) -> str:
        """Parts with commas, and the word for "and" before the last."""
        several = list(parts)
        return ", ".join(several[:-1]) + self.table["number"]["and"] + several[-1] if len(several) > 1 else several[0]

    def translated(self, sentence: str) -> str | None:
        """The wording in this language of a sentence from another part of the package, if it is known.

        The wordings hold no counts, although the sentences may.
        """
        found = ((pattern.search(sentence), text) for pattern, text in self.translations)
        return next((match.expand(text) for match, text in found if match), None)

    def model(self, name: str) -> str:
        """The name of a model in this language; models in brackets are named alike in both."""
        for pattern, text in self.models:
            name = pattern.sub(text, name)
        return name


@cache
def language(code: str) -> Language:
    """The language with this code: ``nb`` or ``en``."""
    content = tomllib.loads(files("mse.report").joinpath(f"{code}.toml").read_text("utf-8"))
    translations, models = (
        tuple((re.compile(one["pattern"]), one["text"]) for one in content.pop(name))
        for name in ("translations", "models")
    )
    points = {
        "assumptions": content["assumptions"].pop("points"),
        "gather": content["gather"].pop("points"),
        "answers": content["gather"].pop("answers"),
    }
    return Language(code, content, points, translations, models)
