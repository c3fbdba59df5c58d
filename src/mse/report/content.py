"""What each section of the report says in one language: numbers from the findings, already hidden or rounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from math import inf, isfinite

from markupsafe import Markup

from mse.report.figures import estimates_svg, steps_svg, upset_svg
from mse.report.findings import Findings, ListSummary
from mse.report.plots import Combination, Point, combinations_shown
from mse.report.reasons import Reasons
from mse.report.rounding import ShownEstimate, rounded, show_estimate
from mse.report.sentences import Language
from mse.report.suppression import Shown

__all__ = ["Content", "Told"]

BARS_IN_FIGURE = 24
SHADES = 4
NO_ESTIMATE = "distinct_persons_only"
WEIGHTS = ("blocks", "reserves", "supports")


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of another part of the package; `lang` is set when it is not in the language of the page."""

    text: str
    lang: str = ""


class Content:
    """The sections of one language; the template asks for them by name."""

    def __init__(self, findings: Findings, shown: Shown, words: Language) -> None:
        self.findings, self.shown, self.words = findings, shown, words
        self.code = words.code
        self.title = findings.title[self.code]
        self.labels = {one.name: one.label[self.code] for one in findings.lists}
        self.estimates = _shown_estimates(findings, shown)
        self.is_estimate = findings.verdict.outcome != NO_ESTIMATE

    def told(self, sentence: str) -> Told:
        """A sentence in this language if its wording is known; else as it was written, unless it may hold counts."""
        known = self.words.translated(sentence)
        if known:
            return Told(known)
        if any(character.isdigit() for character in sentence):
            return Told(self.words["estimates"]["elsewhere"])
        return Told(sentence, "en" if self.code != "en" else "")

    def linkage_notes(self) -> list[Told]:
        """What the linker said; a sentence of unknown wording that may hold counts stays out."""
        told = dict.fromkeys(self.told(note) for note in self.findings.linkage_notes)
        return [one for one in told if one.text != self.words["estimates"]["elsewhere"]]

    @property
    def n_draws(self) -> int | None:
        """How often the linkage was drawn, where it is known."""
        found = self.findings
        if found.distinct.note.startswith("one draw"):
            return 1
        known = found.linkage.get("n_draws", found.sensitivity.get("n_draws"))
        return None if known is None else int(known)

    @property
    def n_observed(self) -> int | None:
        return self.shown.get("n_observed")

    @property
    def distinct(self) -> int | None:
        """Median number of distinct persons; hidden together with the number in the table."""
        if self.n_observed is None:
            return None
        middle = self.findings.distinct.median
        return self.shown.small(round(middle) if middle is not None else self.n_observed)

    def distinct_sentence(self) -> Markup:
        """How certain the number of distinct persons is."""
        distinct, words = self.findings.distinct, self.words
        if self.distinct is None:
            return words.say("answer", "distinct_hidden")
        if self.n_draws == 1:
            return words.say("answer", "distinct_once")
        if distinct.low == distinct.high:
            return words.say("answer", "distinct_same")
        return words.say("answer", "distinct_range", range=self.distinct_range(), level=words.level(distinct.level))

    def distinct_range(self) -> str:
        return self.words.range(self.findings.distinct.low, self.findings.distinct.high)

    @property
    def main(self) -> ShownEstimate | None:
        return next((one for one in self.estimates if one.is_main), None)

    def interval(self, estimate: ShownEstimate) -> Markup:
        """The interval in words, or that it is not shown."""
        if estimate.low is None or estimate.high is None:
            return self.words.say("estimates", "withheld")
        return self.words.interval(estimate.low, estimate.high, estimate.interval)

    def estimate_notes(self, estimate: ShownEstimate) -> list[str]:
        """Notes in this language. Unknown ones stay out: they may hold counts of persons."""
        words = self.words["estimates"]
        told = [words["coarse"]] if estimate.is_coarse else []
        told += [words["withheld_text"]] if estimate.n_hat is None else []
        return list(dict.fromkeys(told + [text for note in estimate.notes if (text := self.words.translated(note))]))

    def reasons(self) -> dict[str, list[Markup]]:
        """The verdict's findings in words, by weight."""
        teller = Reasons(self.shown, self.words, self.labels, self.findings.histories.at_bound("lower").empty_overlaps)
        return {
            weight: [teller.sentence(one) for one in self.findings.verdict.findings if one.weight == weight]
            for weight in WEIGHTS
        }

    def main_reasons(self, n_most: int = 3) -> list[Markup]:
        """The reasons for the first screen: what blocks, or else what reserves."""
        found = self.reasons()
        return (found["blocks"] or found["reserves"])[:n_most] if self.findings.verdict.outcome != "estimate" else []

    def register_groups(self) -> list[tuple[str, list[dict[str, object]]]]:
        """The registers by list, in the order of the lists."""
        order = {name: i for i, name in enumerate(self.labels)}
        several = sorted(self.findings.registers, key=lambda one: order[one.list_name])
        return [
            (
                name,
                [
                    {
                        "summary": one,
                        "records": self.shown.get("register", one.name),
                        "set_aside": self.shown.small(one.n_set_aside),
                        "period": self.words.period(one.period),
                        "definition": self.definitions().index(one.case_definition) + 1,
                    }
                    for one in group
                ],
            )
            for name, group in groupby(several, key=lambda one: one.list_name)
        ]

    def definitions(self) -> list[str]:
        """The case definitions, each once, in the order of the registers; the table refers to them by number."""
        order = list(self.labels)
        several = sorted(self.findings.registers, key=lambda one: order.index(one.list_name))
        return list(dict.fromkeys(one.case_definition for one in several))

    @property
    def n_records(self) -> int | None:
        found = self.shown.get("n_records")
        return found if self.findings.registers else self.shown.small(self.findings.n_records)

    def list_records(self, one: ListSummary) -> int | None:
        """Records of a list, which are the sum of its registers' records."""
        found = self.shown.get("list records", one.name)
        return found if self.findings.registers else self.shown.small(one.n_records)

    def differences(self) -> list[tuple[str, Told]]:
        """The reasons that the study gives, in the words of the study."""
        names = self.words["counted"]
        return [
            (names.get(f"difference_{what}", what.replace("_", " ")), Told(reason))
            for what, reason in sorted(self.findings.differences.items())
        ]

    def counted_more(self) -> Markup | None:
        """How much the sum of the lists exceeds the persons in the same table."""
        total, persons = self.shown.get("sum of lists"), self.n_observed
        if total is None or persons is None:
            return None
        counts = {"sum": total, "distinct": persons, "excess": total - persons}
        return self.words.say("distinct", "counted_more", **{k: self.words.number(v) for k, v in counts.items()})

    def lists_per_person(self) -> list[tuple[str, int | None]]:
        """How many persons are on one list, on two, ..."""
        words, n_lists = self.words["distinct"], self.findings.histories.n_lists
        rows = [
            (words["on_one"] if k == 1 else words["on_many"].format(k=k), self.shown.get("on exactly", str(k)))
            for k in range(1, n_lists + 1)
        ]
        while len(rows) > 2 and rows[-1][1] == 0:
            rows.pop()
        return [*rows, (words["on_several"], self.shown.get("on several"))]

    def steps_figure(self) -> Markup | None:
        """Bars from records to distinct persons; those that are hidden are left out."""
        words = self.words["distinct"]
        ends = (self.findings.distinct.low, self.findings.distinct.high)
        rows = [
            (words["figure_records"], self.n_records, None),
            (words["figure_sum"], self.shown.get("sum of lists"), None),
            (words["figure_distinct"], self.distinct, ends),
        ]
        bars = [(name, count, spread) for name, count, spread in rows if count]
        if len(bars) < 2:
            return None
        told = ", ".join(f"{name} {self.words.number(count)}" for name, count, _ in bars)
        return steps_svg(
            bars,
            prefix=f"{self.code}-steps",
            title=words["figure_title"],
            description=words["figure_desc"].format(rows=told),
            number=self.words.number,
        )

    def overlap_table(self) -> list[tuple[str, list[tuple[int | None, int]]]]:
        """Counts of each pair with a shade from 0 to 4 that only shown counts have."""
        names = self.findings.histories.lists
        counts = {(a, b): self.shown.overlap(a, b) for a in names for b in names}
        largest = max([count or 0 for (a, b), count in counts.items() if a != b] + [1])
        return [
            (a, [(counts[a, b], 0 if a == b or not counts[a, b] else _shade(counts[a, b], largest)) for b in names])
            for a in names
        ]

    def combinations(self) -> tuple[Combination, ...]:
        return combinations_shown(self.findings.histories, self.shown, BARS_IN_FIGURE)

    def upset_figure(self) -> Markup | None:
        """The UpSet figure of the combinations that may be shown."""
        bars, histories, words = self.combinations(), self.findings.histories, self.words["overlaps"]
        if not bars:
            return None
        largest = ", ".join(f"{self._members(bar)} {self.words.number(bar.count)}" for bar in bars[:5])
        return upset_svg(
            histories.lists,
            [self.shown.get("list", name) for name in histories.lists],
            bars,
            prefix=f"{self.code}-upset",
            title=words["figure_title"],
            description=words["figure_desc"].format(rows=largest, suppress_below=self.shown.suppress_below),
            persons=words["figure_persons"],
            total=words["figure_total"],
            number=self.words.number,
        )

    def upset_caption(self) -> Markup:
        """What the figure shows, and what it leaves out."""
        bars = self.combinations()
        if any(key[0] == "history" for key in self.shown.hidden):
            drawn = {"n_drawn": self.words.number(sum(bar.count for bar in bars))}
            drawn |= {"n_persons": self.words.plain_count(self.n_observed)}
            return self.words.say("overlaps", "figure_caption", **drawn, suppress_below=self.shown.suppress_below)
        if len(bars) == BARS_IN_FIGURE:
            return self.words.say("overlaps", "figure_caption_short", n_bars=len(bars))
        return self.words.say("overlaps", "figure_caption_all")

    def _members(self, bar: Combination) -> str:
        names = [name for name, listed in zip(self.findings.histories.lists, bar.history, strict=True) if listed]
        return "+".join(names)

    def hiding_rule(self) -> Markup:
        """How small counts were treated."""
        if self.shown.suppress_below == 1:
            return self.words.say("overlaps", "rule_off")
        if not self.shown.hidden:
            return self.words.say("overlaps", "rule_nothing")
        return self.words.say("overlaps", "rule_text", largest=self.shown.suppress_below - 1)

    def estimates_figure(self) -> Markup | None:
        """The estimates side by side, at their rounded values."""
        words = self.words
        points = [
            Point(words.model(one.model), one.n_hat, one.low, one.high, one.interval.is_credible, one.is_main)
            for one in self.estimates
            if one.n_hat is not None and one.low is not None and one.high is not None
        ]
        if not points or self.n_observed is None:
            return None
        registered = words.number(self.n_observed)
        rows = "; ".join(f"{one.name} {words.number(one.n_hat)}, {words.range(one.low, one.high)}" for one in points)
        return estimates_svg(
            points,
            registered=self.n_observed,
            prefix=f"{self.code}-estimates",
            title=words["estimates"]["figure_title"],
            description=words["estimates"]["figure_desc"].format(rows=rows, n_observed=registered),
            told=words["estimates"]["figure_registered"].format(n_observed=registered),
            axis=words["estimates"]["figure_axis"],
            number=words.number,
        )

    def interval_notes(self) -> list[Markup]:
        """What the intervals in the table mean."""
        kinds = {(one.interval.is_credible, one.interval.level) for one in self.estimates}
        told = [
            self.words.say(
                "estimates", "credible_text" if is_credible else "confidence_text", level=self.words.level(level)
            )
            for is_credible, level in sorted(kinds)
        ]
        mixed = {is_credible for is_credible, _ in kinds} == {True, False}
        return [*told, self.words.say("estimates", "both_text")] if mixed else told

    def linkage_rows(self) -> list[tuple[str, str]]:
        """Measures of the linkage that are known by name; others may be counts, and stay out."""
        words, found = self.words, self.findings
        rows = []
        if self.n_draws is not None:
            rows.append((words["linkage"]["n_draws"], words.number(self.n_draws)))
        if self.distinct is not None and self.n_draws != 1:
            label = words["linkage"]["distinct"].format(level=words.level(found.distinct.level))
            rows.append((label, self.distinct_range()))
        if found.is_synthetic and "n_persons_true" in found.quality:
            rows.append((words["linkage"]["true_persons"], words.number(int(found.quality["n_persons_true"]))))
        for source, prefix in ((found.linkage, "expected_"), (found.quality, "true_")):
            for measure in ("precision", "recall"):
                value = source.get(f"{prefix}{measure}", source.get(measure) if prefix == "true_" else None)
                if value is not None:
                    rows.append((words["linkage"][f"{prefix}{measure}"], words.percent(value, 1)))
        return rows

    def sensitivity(self) -> list[Markup]:
        """What the estimate does over the draws of the linkage."""
        found, words = self.findings.sensitivity, self.words
        if not found or not self.shown.allows_estimates:
            return [words.say("linkage", "no_sensitivity")] if self.findings.estimates else []
        coarse = bool(self.shown.hidden)
        told = []
        n_draws = words.number(self.n_draws or 0)
        if {"low", "median", "high"} <= set(found):
            numbers = {name: words.number(rounded(found[name], coarse=coarse)) for name in ("low", "median", "high")}
            told.append(words.say("linkage", "sensitivity", n_draws=n_draws, **numbers))
        if isfinite(found.get("pooled_high", inf)):
            ends = {end: words.number(rounded(found[f"pooled_{end}"], coarse=coarse)) for end in ("low", "high")}
            numbers = {"n_hat": words.number(rounded(found["pooled"], coarse=coarse)), **ends}
            share = words.percent(found["linkage_share"])
            told.append(words.say("linkage", "pooled", level=words.level(0.95), share=share, **numbers))
        if found.get("n_refused"):
            n_refused = words.number(found["n_refused"])
            told.append(words.say("linkage", "sensitivity_refused", n_refused=n_refused, n_draws=n_draws))
        return told

    def versions(self) -> list[tuple[str, str]]:
        """Versions of the software that made the numbers."""
        versions = self.findings.provenance.get("versions", {})
        return (
            [(str(name), str(version)) for name, version in versions.items()] if isinstance(versions, Mapping) else []
        )

    @property
    def version(self) -> str:
        return dict(self.versions()).get("mse", "")

    def hashes(self) -> list[tuple[str, str]]:
        """Hashes that no count can be found back from: of files with far more in them than counts."""
        words, found = self.words["versions"], self.findings.provenance
        rows = [(words[name], str(found[name])) for name in ("study_sha256", "key_fingerprint") if found.get(name)]
        registers = [(words["register"].format(name=one.name), one.sha256) for one in self.findings.registers]
        return rows + [row for row in registers if row[1]]


def _shown_estimates(findings: Findings, shown: Shown) -> tuple[ShownEstimate, ...]:
    """All estimates, each once; the main one is of the model that the verdict names as best.

    Without that it is the first log-linear model, since the study may have put a mere lower bound before it.
    """
    best = next((str(one.values["model"]) for one in findings.verdict.findings if one.code == "best_model"), "")
    models = [estimate.model for estimate in findings.estimates]
    main = next((model for model in (best, *(m for m in models if m.startswith("[")), *models) if model in models), "")
    several: dict[tuple[object, ...], ShownEstimate] = {}
    for estimate in findings.estimates:
        lists = findings.histories.lists
        one = show_estimate(estimate, shown, lists, is_main=estimate.model == main)
        several.setdefault((one.model, one.n_hat, one.low, one.high, one.interval.kind), one)
    return tuple(several.values())


def _shade(count: int | None, largest: int) -> int:
    """A shade from 1 to 4 for a count that is shown."""
    return -(-SHADES * (count or 0) // largest)
