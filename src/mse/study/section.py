"""One table of a study file: answers typed values and collects what is wrong, so that all of it is told at once."""

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

__all__ = ["Section"]

NO_DEFAULT = object()
LANGUAGES = ("nb", "en")


class Section:
    """A TOML table with the keys it may have.

    Every reader returns a value of the declared type: the one in the file, the default, or a neutral one after a
    problem was noted in `problems` (the caller raises before anything uses it).
    """

    def __init__(self, name: str, table: Mapping[str, object], known: Sequence[str], problems: list[str]) -> None:
        self.name = name
        self.table = table
        self.problems = problems
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; it may hold {', '.join(known)}"
                problems.append(f"{self._path(key)} is not a known entry{hint}")

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else f"[{key}]"

    def _value[T](self, key: str, kind: type[T], expected: str, default: object, neutral: T) -> T:
        if key not in self.table:
            if default is NO_DEFAULT:
                self.problems.append(f"{self._path(key)} is missing; it is {expected}")
                return neutral
            return default  # type: ignore[return-value]
        value = self.table[key]
        if type(value) is not kind:
            self.problems.append(f"{self._path(key)} = {value!r} is not {expected}")
            return neutral
        return value

    def section(self, key: str, known: Sequence[str], *, optional: bool = False) -> "Section":
        """The table under this key."""
        default = {} if optional else NO_DEFAULT
        table = self._value(key, dict, "a table", default, {})
        if not table and not optional:
            return Section(self._path(key).strip("[]"), {}, known, [])
        return Section(self._path(key).strip("[]"), table, known, self.problems)

    def sections(self, key: str, known: Sequence[str]) -> list["Section"]:
        """The array of tables under this key."""
        tables = self._value(key, list, "an array of tables", [], [])
        found = []
        for number, table in enumerate(tables, start=1):
            if isinstance(table, dict):
                found.append(Section(f"{key} {number}", table, known, self.problems))
            else:
                self.problems.append(f"[{key}] {number} = {table!r} is not a table; write [[{key}]]")
        return found

    def text(self, key: str, *, default: object = NO_DEFAULT) -> str:
        """A text that is not empty."""
        value = self._value(key, str, "a text in quotes", default, "-")
        if not value.strip():
            self.problems.append(f"{self._path(key)} is empty; write a text")
        return value

    def texts(self, key: str, *, default: object = NO_DEFAULT) -> tuple[str, ...]:
        """An array of texts."""
        values = self._value(key, list, "an array of texts", default, [])
        wrong = [value for value in values if not isinstance(value, str)]
        if wrong:
            self.problems.append(f"{self._path(key)} holds {wrong[0]!r}, which is not a text in quotes")
        return tuple(value for value in values if isinstance(value, str))

    def bilingual(self, key: str) -> dict[str, str]:
        """A text in Norwegian and in English: ``{ nb = "...", en = "..." }``."""
        table = self._value(key, dict, 'a text in two languages, { nb = "...", en = "..." }', NO_DEFAULT, {})
        if not table:
            return dict.fromkeys(LANGUAGES, "-")
        both = Section(self._path(key), table, LANGUAGES, self.problems)
        return {language: both.text(language) for language in LANGUAGES}

    def whole_number(self, key: str, *, at_least: int, default: object = NO_DEFAULT) -> int:
        """A whole number not below a bound."""
        value = self._value(key, int, "a whole number", default, at_least)
        if value < at_least:
            self.problems.append(f"{self._path(key)} = {value} is too small; it is at least {at_least}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return self._value(key, bool, "true or false", default, default)

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        value = self._value(key, str, f"one of {', '.join(allowed)}", NO_DEFAULT, allowed[0])
        self.check_choice(key, value, allowed)
        return value

    def check_choice(self, key: str, value: str, allowed: Sequence[str]) -> None:
        """Note a problem when a word is not among those allowed."""
        if value not in allowed:
            self.problems.append(f"{self._path(key)} = {value!r} is not one of {', '.join(allowed)}")

    def period(self, key: str) -> tuple[date, date]:
        """First and last day: ``{ start = 2020-01-01, end = 2020-12-31 }``."""
        expected = "a period, { start = 2020-01-01, end = 2020-12-31 }"
        table = self._value(key, dict, expected, NO_DEFAULT, {})
        if not table:
            return date.min, date.max
        both = Section(self._path(key), table, ("start", "end"), self.problems)
        start = both._value("start", date, "a date without quotes", NO_DEFAULT, date.min)
        end = both._value("end", date, "a date without quotes", NO_DEFAULT, date.max)
        if start > end:
            self.problems.append(f"{self._path(key)} ends ({end}) before it starts ({start})")
        return start, end

    def file(self, key: str, folder: Path, *, way_out: str) -> Path | None:
        """A file named relative to a folder, which must exist; None when the key is absent."""
        if key not in self.table:
            return None
        path = folder / self.text(key)
        if not path.is_file():
            self.problems.append(
                f"{self._path(key)}: there is no file {self.table[key]!r} beside the study file; {way_out}"
            )
        return path
