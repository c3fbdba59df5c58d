"""The tables of the studies, computed from the rows and written to `README.md`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mse.writing import write_text
from simulations import coverage, threshold
from simulations.accuracy import Figure, covered, mean, root_mean_square, root_mean_square_difference
from simulations.methods import LEVELS, METHODS, ends_of

__all__ = ["PUBLISHED", "Judged", "coverage_part", "judged", "threshold_part", "write"]

# Chan, Silverman and Vincent (2021), section 3.4: value, and half a unit of the last digit that is printed ("about
# 70 %" and "90 %" are given in whole per cent).
PUBLISHED = {
    ("stepwise", "bca"): {"rmse": (3057, 0.5), "rmse_log": (0.19, 0.005), 0.95: (90, 0.5), 0.8: (70, 0.5)},
    ("bic-pairs-profile", "profile"): {
        "rmse": (5834, 0.5),
        "rmse_log": (0.34, 0.005),
        0.95: (61.4, 0.05),
        0.8: (42.8, 0.05),
    },
}
SURE = 2  # standard errors that a paired difference must reach
MONTE_CARLO = 3  # standard errors within which two simulations of the same thing are said to agree
LABELS = {"rmse": "RMSE", "rmse_log": "RMSE log N"}
ABSENT = {"bayes-threshold": "Bayesian threshold (Silverman 2020): not in the package yet"}
KINDS = {"bca": "BCa", "percentile": "percentile", "profile": "profile", "mixture": "mixture"}


@dataclass(frozen=True)
class Judged:
    """A method with one of its intervals, over the data sets on which it gave an estimate."""

    name: str
    kind: str
    n_data_sets: int
    n_refused: int
    n_without_interval: int
    bias_log: Figure
    rmse: Figure
    rmse_log: Figure
    rmse_log_of_median: Figure | None
    coverage: dict[float, Figure]
    width: float


def judged(name: str, kind: str, rows: pd.DataFrame, true_n: float) -> Judged:
    """The figures of one method; an interval that is not defined does not cover."""
    sound = rows[rows["n_hat"].notna()]
    errors = np.log(sound["n_hat"].to_numpy() / true_n)
    low, high = (sound[column] for column in ends_of(kind, 0.95))
    median = sound["median_of_resamples"].dropna() if "median_of_resamples" in sound else pd.Series(dtype=float)
    return Judged(
        name,
        kind,
        len(rows),
        len(rows) - len(sound),
        int(low.isna().sum()),
        mean(errors),
        root_mean_square(sound["n_hat"].to_numpy() - true_n),
        root_mean_square(errors),
        root_mean_square(np.log(median.to_numpy() / true_n)) if len(median) else None,
        {level: mean(100 * covered(*(sound[column] for column in ends_of(kind, level)), true_n)) for level in LEVELS},
        float((high / low).median()),
    )


def coverage_part(folder: Path, *, truth: coverage.Truth = coverage.TRUTH) -> str:
    """Markdown of the coverage study."""
    frames = {name: coverage.rows_of(name, folder, truth=truth).frame() for name in METHODS}
    frames = {name: frame for name, frame in frames.items() if len(frame) > 1}
    told = [judged(name, kind, frames[name], truth.true_n) for name in frames for kind in METHODS[name].kinds]
    lines = [_coverage_table(told), *(f"- `{name}`: {text}." for name, text in ABSENT.items()), ""]
    lines += ["### Against the published figures", "", _published_table(told)]
    if "stepwise" in frames:
        lines += ["### Against stepwise with BCa, on the same data sets", "", _paired_part(frames, truth.true_n)]
    return "\n".join(lines)


def _coverage_table(told: Sequence[Judged]) -> str:
    rows = []
    for one in told:
        median = _with_error(one.rmse_log_of_median, 3) if one.rmse_log_of_median and one.kind == "bca" else ""
        data_sets = f"{one.n_data_sets}"
        if one.n_refused:
            data_sets += f", {one.n_refused} without an estimate"
        if one.n_without_interval:
            data_sets += f", {one.n_without_interval} without an interval"
        rows.append(
            [
                f"`{one.name}`",
                f"{METHODS[one.name].says}; {KINDS[one.kind]}",
                data_sets,
                _with_error(one.rmse, 0),
                _with_error(one.rmse_log, 3),
                _with_error(one.bias_log, 3),
                median,
                *(_with_error(one.coverage[level], 1) for level in LEVELS),
                f"{one.width:.2f}",
            ]
        )
    head = [
        "method",
        "choice; interval",
        "data sets",
        "RMSE",
        "RMSE log N",
        "bias log N",
        "RMSE log, median of resamples",
    ]
    return _table([*head, "95 % covers", "80 % covers", "95 % high / low"], rows)


def _published_table(told: Sequence[Judged]) -> str:
    rows = []
    for one in told:
        for what, (published, half_unit) in PUBLISHED.get((one.name, one.kind), {}).items():
            ours = (
                {"rmse": one.rmse, "rmse_log": one.rmse_log}.get(what) if isinstance(what, str) else one.coverage[what]
            )
            assert ours is not None
            se = ours.se * np.sqrt(
                1 + one.n_data_sets / coverage.DATA_SETS
            )  # theirs is a simulation of 500 data sets too
            if isinstance(what, float):
                # A share that turns out as 1 has a standard error of 0; that of the published share has none of this.
                spread = np.sqrt(published * (100 - published))
                se = spread * np.sqrt(1 / one.n_data_sets + 1 / coverage.DATA_SETS)
            away = max(0.0, abs(ours.value - published) - half_unit) / se
            label = f"covered at {what:.0%}" if isinstance(what, float) else LABELS[what]
            digits = {"rmse": 0, "rmse_log": 3}.get(str(what), 1)
            verdict = "agrees" if away <= MONTE_CARLO else "differs"
            rows.append([f"`{one.name}`", label, f"{published:,}", _with_error(ours, digits), f"{away:.1f}", verdict])
    return _table(["method", "figure", "published", "ours", "standard errors apart", "verdict"], rows)


def _paired_part(frames: dict[str, pd.DataFrame], true_n: float) -> str:
    lines, better = [], []
    for name, frame in frames.items():
        for kind in METHODS[name].kinds:
            if (name, kind) == ("stepwise", "bca") or name == "true-model":
                continue
            own, other = _on_the_same(frame, frames["stepwise"])
            errors = [np.log(rows["n_hat"].to_numpy() / true_n) for rows in (own, other)]
            rmse = root_mean_square_difference(*errors)
            gain = {level: _gain(own, other, kind, level, true_n) for level in LEVELS}
            lines.append(
                [f"`{name}`", KINDS[kind], str(len(own)), _with_error(rmse, 3, sign=True)]
                + [_with_error(gain[level], 1, sign=True) for level in LEVELS]
            )
            if rmse.value < -SURE * rmse.se and gain[0.95].value > SURE * gain[0.95].se:
                better.append(f"`{name}` ({KINDS[kind]})")
    head = ["method", "interval", "data sets", "RMSE log N", "95 % covers", "80 % covers"]
    says = (
        f"Better both in root mean square error and in coverage of the 95 % interval, by more than {SURE} standard "
        f"errors of the paired difference: {', '.join(better) if better else 'none'}.\n"
    )
    return f"{_table(head, lines)}\n{says}"


def _on_the_same(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the data sets on which both methods gave an estimate."""
    shared = one.index.intersection(other.index)
    one, other = one.loc[shared], other.loc[shared]
    both = one["n_hat"].notna() & other["n_hat"].notna()
    return one[both], other[both]


def _gain(own: pd.DataFrame, stepwise: pd.DataFrame, kind: str, level: float, true_n: float) -> Figure:
    """Percentage points by which an interval covers more often than the stepwise BCa interval."""
    ours = covered(*(own[column] for column in ends_of(kind, level)), true_n)
    return mean(100 * (ours - covered(*(stepwise[column] for column in ends_of("bca", level)), true_n)))


def threshold_part(folder: Path) -> str:
    """Markdown of the threshold study."""
    squares = {}
    for setting in threshold.SETTINGS:
        frame = threshold.rows_of(setting, folder).frame()
        if len(frame) > 1:
            squares[setting] = (frame, setting.truth.true_n_hidden)
    if not squares:
        return "No rows yet.\n"
    columns = [f"n_hidden_{p:g}" for p in threshold.THRESHOLDS]
    rows, logs, influences, n_refused, n_rows = [], [], [], 0, 0
    for setting, (frame, true_n_hidden) in squares.items():
        sound = frame[frame[columns[0]].notna()]
        n_refused, n_rows = n_refused + len(frame) - len(sound), n_rows + len(frame)
        errors = np.log(sound[columns].to_numpy() / true_n_hidden) ** 2
        squared = errors.mean(axis=0)
        logs.append(np.log(squared))
        # Influence of each data set on the log of the mean: their differences are the paired comparison.
        influence = errors / squared
        influences.append((influence - influence.mean(axis=0)) / len(sound))
        best = int(squared.argmin())
        cells = [f"**{value:.3g}**" if j == best else f"{value:.3g}" for j, value in enumerate(squared)]
        rows.append([setting.table, setting.generated, str(len(frame)), *cells])
    score = np.mean(logs, axis=0)
    best = int(score.argmin())
    # The tables' data sets are drawn apart, so the variances add up over the settings.
    se = np.array(
        [
            np.sqrt(sum(float(np.sum((part[:, j] - part[:, best]) ** 2)) for part in influences)) / len(influences)
            for j in range(len(columns))
        ]
    )
    summary = [
        [
            f"{p:g}",
            f"{value:.3f}",
            _with_error(Figure(float(value - score[best]), float(error)), 3) if j != best else "best",
        ]
        for j, (p, value, error) in enumerate(zip(threshold.THRESHOLDS, score, se, strict=True))
    ]
    as_good = [
        f"{p:g}" for j, p in enumerate(threshold.THRESHOLDS) if j != best and score[j] - score[best] <= SURE * se[j]
    ]
    lowest = threshold.THRESHOLDS[best]
    verdict = f"The lowest score is at {lowest:g}"
    verdict += (
        ", as published"
        if lowest == 0.02
        else f"; at 0.02, the published best, it is {score[5] - score[best]:.3f} higher"
    )
    verdict += f". Within {SURE} standard errors of it: {', '.join(as_good) if as_good else 'no other'}."
    verdict += f" Without an estimate at any threshold: {n_refused} of {n_rows:,} data sets.\n"
    head = ["table", "generated by", "data sets", *(f"{p:g}" for p in threshold.THRESHOLDS)]
    return "\n".join(
        [
            f"{len(squares)} of {len(threshold.SETTINGS)} settings.",
            "",
            _table(["threshold", "mean log MSE", "above the best"], summary),
            verdict,
            "Mean squared error of the log of the hidden number, the smallest of each row in bold:",
            "",
            _table(head, rows),
        ]
    )


def write(folder: Path, readme: Path, introduction: str) -> None:
    """Write the tables, with the introduction above them."""
    parts = [
        introduction.rstrip(),
        "## Coverage",
        coverage_part(folder).rstrip(),
        "## Threshold of the stepwise choice",
        threshold_part(folder).rstrip(),
    ]
    write_text(readme, "\n\n".join(parts) + "\n")


def _with_error(figure: Figure, digits: int, *, sign: bool = False) -> str:
    return f"{figure.value:{'+' if sign else ''},.{digits}f} ({figure.se:,.{digits}f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
