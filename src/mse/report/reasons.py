"""The verdict's findings in words. Counts come from what may be shown, never from the finding itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf

from markupsafe import Markup

from mse.report.rounding import rounded
from mse.report.sentences import Language
from mse.report.suppression import Shown
from mse.robustness.verdict import Finding

__all__ = ["Reasons"]

PAIRS_IN_SENTENCE = 8


@dataclass(frozen=True)
class Reasons:
    """Tells findings in one language.

    Attributes
    ----------
    labels : mapping of str to str
        What each list is called, by its short name.
    empty_overlaps : tuple of pairs of str
        Pairs of lists that share nobody.
    """

    shown: Shown
    words: Language
    labels: Mapping[str, str]
    empty_overlaps: tuple[tuple[str, str], ...]

    def sentence(self, finding: Finding) -> Markup:
        """One finding of the verdict in this language."""
        code, values, words, say = finding.code, finding.values, self.words, self.words.say
        match code:
            case "overlap_persons":
                several, observed = self.shown.get("on several"), self.shown.get("n_observed")
                if several is None or not observed:
                    return say("finding", "overlap_persons_hidden")
                share = words.percent(several / observed)
                counts = {"n_overlap": words.number(several), "n_observed": words.number(observed)}
                return say("finding", code, **counts, share=share)
            case "few_observed":
                observed = self.shown.get("n_observed")
                if observed is None:
                    return say("finding", "few_observed_hidden")
                return say("finding", code, n_observed=words.number(observed))
            case "nested_list":
                return self._nested(str(values["inner"]), str(values["outer"]))
            case "empty_overlaps":
                return self._empty_overlaps(values)
            case "models_exist" if not values["n_ok"]:
                return say("finding", "models_exist_none", n_models=words.number(_number(values["n_models"])))
            case "models_exist":
                counts = {name: words.number(_number(values[name])) for name in ("n_ok", "n_models")}
                return say("finding", code, **counts, share=words.percent(_number(values["share"])))
            case "model_spread" | "wide_interval":
                return self._spread(code, values)
            case "n_lists" | "too_many_lists":
                counts = {name: words.number(_number(values[name])) for name in ("n_lists", "most") if name in values}
                return say("finding", code, **counts)
            case "no_overlap" | "resamples_fail" | "doubtful_persons":
                return say("finding", code)
            case "empty_list" | "universal_list" | "duplicate_lists" | "best_model":
                named = {name: values[name] for name in ("name", "a", "b", "model") if name in values}
                return say("finding", code, **{name: self._quoted(str(value)) for name, value in named.items()})
            case _:
                return say("finding", "unknown", code=code)

    def _quoted(self, name: str) -> str:
        """A list's name, followed by its label where that says more."""
        label = self.labels.get(name, name)
        return name if label == name else f"{name} ({label})"

    def _nested(self, inner: str, outer: str) -> Markup:
        both, total = self.shown.overlap(inner, outer), self.shown.get("list", inner)
        names = {"inner": self._quoted(inner), "outer": self._quoted(outer)}
        if both is None or not total:
            return self.words.say("finding", "nested_list", **names)
        return self.words.say("finding", "nested_list_share", **names, share=self.words.percent(both / total))

    def _empty_overlaps(self, values: Mapping[str, object]) -> Markup:
        found = self.empty_overlaps
        pairs = ", ".join(f"{a}–{b}" for a, b in found[:PAIRS_IN_SENTENCE])
        pairs += " …" if len(found) > PAIRS_IN_SENTENCE else ""
        n_all = _number(values["n_all"])
        return self.words.say(
            "finding",
            "empty_overlaps",
            n_pairs=self.words.number(len(found)),
            n_all=self.words.number(n_all),
            pairs=pairs,
        )

    def _spread(self, code: str, values: Mapping[str, object]) -> Markup:
        words, ratio = self.words, _number(values["ratio"])
        told: dict[str, object] = {"ratio": words.number(ratio)}
        told |= {"n_within": words.number(_number(values["n_within"]))} if "n_within" in values else {}
        told |= {"level": words.level(_number(values["level"]))} if "level" in values else {}
        low, high = _number(values["low"]), _number(values["high"])
        if values.get("n_within") == 1:
            return words.say("finding", "model_spread_one")
        if isinf(high):
            return words.say("finding", "wide_interval_open", **told)
        if not self.shown.allows_estimates:
            return words.say("finding", f"{code}_hidden", **told)
        coarse = bool(self.shown.hidden)
        ends = {"low": rounded(low, coarse=coarse), "high": rounded(high, coarse=coarse)}
        told["ratio"] = words.number(ends["high"] / ends["low"], 1)
        return words.say("finding", code, **told, **{name: words.number(end) for name, end in ends.items()})


def _number(value: object) -> float:
    """A value of a finding as a number."""
    return float(str(value))
