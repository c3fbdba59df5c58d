"""The tables of the linkage study, from its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

from simulations import linkage, linkage_splink
from simulations.accuracy import mean
from simulations.linkage_scores import BINS
from simulations.markdown import table, with_error

__all__ = ["linkage_part", "lower_bound"]

NOTHING = "–"
LIMITS = {0.10: 3.0, 0.30: 7.0}  # largest error of N that is asked for, in %, by share of missing values
LEAST_COVERED, LEAST_BOUND = 85.0, 75.0
JUDGED = ("plain", "bloom")
BOUND = 0.95
ENCODINGS = {"plain": "plain fields", "bloom": "field filters", "match_keys": "match keys"}


@dataclass(frozen=True)
class Variant:
    """One way of linking: its method, and what its columns begin with."""

    method: str
    prefix: str
    label: str


class Held:
    """The rows there are, each file read once."""

    def __init__(self, folder: Path) -> None:
        self.frames = {
            (setting, method): linkage.rows_of(setting, method, folder).frame()
            for setting in linkage.SETTINGS
            for method in linkage.methods_of(setting)
        }

    def of(self, variant: Variant, setting: str) -> pd.DataFrame:
        """Rows of data sets that were not refused, in columns of one name for all ways; empty when there are none."""
        held = self.frames.get((setting, variant.method), pd.DataFrame())
        if held.empty:
            return pd.DataFrame()
        if "refused" in held:
            held = held[held["refused"].isna()]
        own = [name for name in held if variant.prefix and name.startswith(variant.prefix)]
        return held.rename(columns={name: name.removeprefix(variant.prefix) for name in own})

    def n_refused(self, setting: str) -> int:
        """Data sets that ours refused to link."""
        return int(self.frames[setting, OURS.method]["refused"].notna().sum())


OURS = Variant("ours", "", "ours")
OTHERS = (
    *(Variant("splink", f"{name}_", f"Splink, {name.replace('_', ' ')}") for name in linkage_splink.VARIANTS),
    Variant("exact", "exact_", "exact"),
    Variant("exact", "passes_", "exact, four passes"),
)
NAMES = {OURS: "ours", OTHERS[0]: "Splink"}


def linkage_part(folder: Path) -> str:
    """Markdown of the study."""
    held = Held(folder)
    if all(frame.empty for frame in held.frames.values()):
        return "No rows yet.\n"
    parts = [
        "### F1 of the pairs of records\n",
        _by_method(held, _f1),
        "### Distinct persons, error in %\n",
        _by_method(held, _error_of_persons),
        "### N, error in % of N under perfect linkage\n",
        _by_method(held, _error_of_n),
        "### Intervals of ours\n",
        _intervals(held),
        _pooled(held),
        "### What is asked: N within its limit, and F1 no worse than that of the others\n",
        _asked(held),
        "### What an encoding costs\n",
        _costs(held),
        "### Calibration of the pairs\n",
        _calibration(held),
    ]
    return "\n".join(part for part in parts if part)


def lower_bound(n_covered: int, n: int) -> float:
    """The share below which this many of n would be seen in fewer than 5 % of studies, in % (Clopper and Pearson)."""
    return 100 * float(beta.ppf(1 - BOUND, n_covered, n - n_covered + 1)) if n_covered else 0.0


def _by_method(held: Held, cell: Callable[[pd.DataFrame], str]) -> str:
    lines = []
    for setting in linkage.SETTINGS:
        frames = [held.of(variant, setting) for variant in (OURS, *OTHERS)]
        if any(len(frame) for frame in frames):
            sizes = f"{len(frames[0])} / {max(len(frame) for frame in frames[1:])}"
            lines.append([f"`{setting}`", sizes, *(cell(frame) if len(frame) else NOTHING for frame in frames)])
    return table(("lists", "data sets, ours / others", *(variant.label for variant in (OURS, *OTHERS))), lines)


def _f1(frame: pd.DataFrame) -> str:
    return _told(frame["f1"], 3)


def _error_of_persons(frame: pd.DataFrame) -> str:
    return _told(100 * (frame["n_persons"] / frame["n_persons_true"] - 1), 2, sign=True)


def _error_of_n(frame: pd.DataFrame) -> str:
    errors = _errors_of_n(frame).dropna()
    without = f"; {len(frame) - len(errors)} without" if len(errors) < len(frame) else ""
    return (_told(errors, 1, sign=True) if len(errors) else "no estimate") + (without if len(errors) else "")


def _errors_of_n(frame: pd.DataFrame) -> pd.Series:
    return 100 * (frame["n_hat"] / frame["n_hat_perfect"] - 1)


def _intervals(held: Held) -> str:
    head = (
        *("lists", "data sets", "refused", "distinct persons covered", "width, % of their number"),
        *("N of perfect linkage covered, linkage alone", "with sampling", "width, perfect linkage is 1"),
        *("true N covered", "by perfect linkage", "share of linkage in the variance", "largest R-hat"),
    )
    lines = []
    for setting, about in linkage.SETTINGS.items():
        frame = held.of(OURS, setting)
        if frame.empty:
            continue
        true_n = pd.Series(float(about.lists.n_persons), index=frame.index)
        width = (frame["n_high"] - frame["n_low"]) / (frame["n_high_perfect"] - frame["n_low_perfect"])
        of_true_n = (_share(frame, "n", true_n), _share_of(_perfect(frame, true_n)))
        lines.append(
            [
                *(f"`{setting}`", str(len(frame)), str(held.n_refused(setting))),
                _share(frame, "n_persons", frame["n_persons_true"]),
                f"{(100 * (frame['n_persons_high'] - frame['n_persons_low']) / frame['n_persons_true']).mean():.2f}",
                _share(frame, "linked", frame["n_hat_perfect"]),
                _share(frame, "n", frame["n_hat_perfect"]),
                f"{width.mean():.2f}",
                *(told if about.lists.is_independent else f"({told})" for told in of_true_n),
                f"{frame['linkage_share'].mean():.2f}",
                f"{frame['r_hat'].max():.3f}",
            ]
        )
    return table(head, lines) if lines else "No rows of ours yet.\n"


def _pooled(held: Held) -> str:
    """Coverage of the distinct persons over all settings of an encoding."""
    sentences = []
    for encoding, label in ENCODINGS.items():
        covered = [
            _covered(frame, "n_persons", frame["n_persons_true"])
            for setting in _settings_of(encoding)
            if len(frame := held.of(OURS, setting))
        ]
        if covered:
            pooled = pd.concat(covered)
            bound = lower_bound(int(pooled.sum()), len(pooled))
            sentences.append(
                f"{label}: {int(pooled.sum())} of {len(pooled)}, {100 * pooled.mean():.0f} % (at least {bound:.0f} %)"
            )
    if not sentences:
        return ""
    return (
        "The interval of distinct persons covers their number, pooled over data sets and settings, with the lower "
        f"{BOUND:.0%} bound: {'; '.join(sentences)}. Asked: {LEAST_COVERED:.0f} % (at least {LEAST_BOUND:.0f} %).\n"
    )


def _asked(held: Held) -> str:
    """Error of N within its limit, and F1 beside the best of the others on the same data sets."""
    head = ("lists", "error of N, %", "limit", "held", "best of the others", "F1 above it, same data sets", "held")
    lines = []
    for encoding in JUDGED:
        for setting in _settings_of(encoding):
            frame = held.of(OURS, setting)
            others = {variant.label: held.of(variant, setting) for variant in OTHERS}
            common = {label: frame.index.intersection(other.index) for label, other in others.items()}
            scores = {
                label: other.loc[common[label], "f1"]
                for label, other in others.items()
                if len(other) and len(common[label])
            }
            if not scores:
                continue
            best = max(scores, key=lambda label: scores[label].mean())
            above = (frame["f1"] - scores[best]).dropna()
            limit = LIMITS[linkage.SETTINGS[setting].lists.missing]
            error = _errors_of_n(frame).mean()
            lines.append(
                [
                    *(f"`{setting}`", _error_of_n(frame), f"{limit:.0f}", _yes(abs(error) <= limit)),
                    *(best, _told(above, 3, sign=True), _yes(above.mean() >= 0)),
                ]
            )
    return table(head, lines) if lines else "No rows of ours yet.\n"


def _costs(held: Held) -> str:
    """Each encoding on the data sets that all encodings have."""
    parts = ("F1", "N, error in %", "width of its interval, % of N")
    head = ["lists", "encoding", "left out, %", *(f"{part}, {name}" for name in NAMES.values() for part in parts)]
    lines = []
    for own in linkage.LISTS:
        for encoding, label in ENCODINGS.items():
            left_out, cells = NOTHING, []
            for variant in NAMES:
                frames = {other: held.of(variant, own.name + suffix) for other, suffix in linkage.SUFFIXES.items()}
                common = sorted(set.intersection(*(set(frame.index) for frame in frames.values())))
                if not common:
                    cells += [NOTHING] * len(parts)
                    continue
                frame = frames[encoding].loc[common]
                left_out = f"{100 * frame['n_left_out'].mean() / (own.n_lists * own.list_size):.1f}"
                width = (100 * (frame["n_high"] - frame["n_low"]) / frame["n_hat"]).mean()
                cells += [_f1(frame), _error_of_n(frame), NOTHING if np.isnan(width) else f"{width:.0f}"]
            if set(cells) != {NOTHING}:
                lines.append([f"`{own.name}`", label, left_out, *cells])
    return table(head, lines) if lines else "No data sets yet that all encodings have.\n"


def _calibration(held: Held) -> str:
    """Pairs by the probability they were given: the probability on average, and how many are one person."""
    columns = [(variant, encoding) for encoding in ENCODINGS for variant in NAMES]
    sums = {
        (variant.method, encoding): pd.concat(
            [pd.DataFrame(), *(held.of(variant, setting) for setting in _settings_of(encoding))]
        ).sum(numeric_only=True)
        for variant, encoding in columns
    }
    head = ["probability", *(f"{NAMES[variant]}, {ENCODINGS[encoding]}" for variant, encoding in columns)]
    lines = [
        [
            f"{own / BINS:.1f}-{(own + 1) / BINS:.1f}",
            *(_bin(sums[variant.method, encoding], own) for variant, encoding in columns),
        ]
        for own in range(BINS)
    ]
    return table(head, lines)


def _bin(sums: pd.Series, own: int) -> str:
    n_pairs = float(sums.get(f"pairs_{own}", 0.0))
    if not n_pairs:
        return NOTHING
    expected, true = (float(sums[f"{what}_{own}"]) / n_pairs for what in ("expected", "true"))
    return f"{expected:.2f}: {true:.2f} of {n_pairs:,.0f}"


def _settings_of(encoding: str) -> list[str]:
    return [name for name, setting in linkage.SETTINGS.items() if setting.encoding == encoding]


def _covered(frame: pd.DataFrame, name: str, truth: pd.Series) -> pd.Series:
    """Whether the interval holds the truth; one that is not defined does not."""
    return (frame[f"{name}_low"] <= truth) & (truth <= frame[f"{name}_high"])


def _perfect(frame: pd.DataFrame, truth: pd.Series) -> pd.Series:
    return (frame["n_low_perfect"] <= truth) & (truth <= frame["n_high_perfect"])


def _share(frame: pd.DataFrame, name: str, truth: pd.Series) -> str:
    return _share_of(_covered(frame, name, truth))


def _share_of(covered: pd.Series) -> str:
    return f"{int(covered.sum())} of {len(covered)}"


def _told(values: pd.Series, digits: int, *, sign: bool = False) -> str:
    """Mean and its standard error over the data sets; no error for one data set."""
    if len(values) < 2:
        return f"{float(values.mean()):{'+' if sign else ''},.{digits}f}"
    return with_error(mean(values.to_numpy(np.float64)), digits, sign=sign)


def _yes(held: bool) -> str:
    return "yes" if held else "**no**"
