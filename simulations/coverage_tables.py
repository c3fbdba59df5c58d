"""The tables of the coverage study, from its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulations import coverage
from simulations.accuracy import Figure, covered, mean, root_mean_square, root_mean_square_difference
from simulations.markdown import table, with_error
from simulations.methods import LEVELS, METHODS, ends_of
from simulations.truth import Truth

__all__ = ["Judged", "Variant", "coverage_part", "judged", "variants_of"]

# Chan, Silverman and Vincent (2021), section 3.4: value, and half a unit of the last digit that is printed.
PUBLISHED = {
    "stepwise": {"rmse": (3057, 0.5), "rmse_log": (0.19, 0.005), 0.95: (90, 0.5), 0.8: (70, 0.5)},
    "bic-pairs-profile": {"rmse": (5834, 0.5), "rmse_log": (0.34, 0.005), 0.95: (61.4, 0.05), 0.8: (42.8, 0.05)},
}
THEIR_DATA_SETS = 500
MONTE_CARLO = 3  # standard errors within which two simulations of the same thing are said to agree
SURE = 2  # standard errors that a paired difference must reach
YARDSTICK = ("stepwise", "bca")
KINDS = {
    "bca": "BCa",
    "percentile": "percentile",
    "profile": "profile",
    "mixture": "tails of the mixture",
    "equal-tailed": "equal tails of the posterior",
}


@dataclass(frozen=True, eq=False)
class Variant:
    """A method with one of its intervals.

    Attributes
    ----------
    name : str
    says : str
    kind : str
    rows : DataFrame
        By data set; `n_hat` is empty where there is no estimate, and the ends where there is no interval.
    """

    name: str
    says: str
    kind: str
    rows: pd.DataFrame

    @property
    def sound(self) -> pd.DataFrame:
        """The rows with an estimate."""
        return self.rows[self.rows["n_hat"].notna()]


@dataclass(frozen=True)
class Judged:
    """The figures of a variant, over the data sets with an estimate; an interval that is not defined covers nothing."""

    n_data_sets: int
    n_refused: int
    n_without_interval: int
    rmse: Figure
    rmse_log: Figure
    bias_log: Figure
    covers: dict[float, Figure]
    high_over_low: float


def coverage_part(folder: Path, *, truth: Truth = coverage.TRUTH) -> str:
    """Markdown of the study."""
    variants = list(variants_of(folder, truth))
    told = [judged(variant, truth.true_n) for variant in variants]
    shown = {variant.name for variant in variants}
    missing = {name: f"{method.says}: no rows yet" for name, method in METHODS.items() if name not in shown}
    absent = "".join(f"| `{name}` | {says} |{' |' * 8}\n" for name, says in missing.items())
    parts = [
        _figures(variants, told) + absent,
        "### Against the published figures\n",
        _published(variants, told),
        "### Against stepwise with BCa, on the same data sets\n",
        _paired(variants, truth.true_n),
    ]
    return "\n".join(parts)


def variants_of(folder: Path, truth: Truth) -> Iterator[Variant]:
    """The methods of which there are rows, each with its intervals; after resamples also with their median."""
    for name, method in METHODS.items():
        rows = coverage.rows_of(name, folder, truth=truth).frame()
        if len(rows) < 2:
            continue
        for kind in method.kinds:
            yield Variant(name, method.says, kind, rows)
        if method.resamples:
            smoothed = rows.assign(n_hat=rows["median_of_resamples"])
            yield Variant(f"{name}, median", f"{method.says}; median of the resamples", "percentile", smoothed)


def judged(variant: Variant, true_n: float) -> Judged:
    """The figures of one variant."""
    sound = variant.sound
    low, high = (sound[column] for column in ends_of(variant.kind, 0.95))
    errors = np.log(sound["n_hat"].to_numpy() / true_n)
    return Judged(
        n_data_sets=len(variant.rows),
        n_refused=len(variant.rows) - len(sound),
        n_without_interval=int(low.isna().sum()),
        rmse=root_mean_square(sound["n_hat"].to_numpy() - true_n),
        rmse_log=root_mean_square(errors),
        bias_log=mean(errors),
        covers={level: mean(100 * _covers(sound, variant.kind, level, true_n)) for level in LEVELS},
        high_over_low=float((high / low).median()),
    )


def _figures(variants: Sequence[Variant], told: Sequence[Judged]) -> str:
    lines = []
    for variant, one in zip(variants, told, strict=True):
        data_sets = [f"{one.n_data_sets}"]
        data_sets += [f"{one.n_refused} without an estimate"] if one.n_refused else []
        data_sets += [f"{one.n_without_interval} without an interval"] if one.n_without_interval else []
        lines.append(
            [
                f"`{variant.name}`",
                variant.says,
                KINDS[variant.kind],
                ", ".join(data_sets),
                with_error(one.rmse, 0),
                with_error(one.rmse_log, 3),
                with_error(one.bias_log, 3, sign=True),
                *(with_error(one.covers[level], 1) for level in LEVELS),
                f"{one.high_over_low:.2f}",
            ]
        )
    head = ["method", "estimate", "interval", "data sets", "RMSE of N", "RMSE of log N", "bias of log N"]
    return table([*head, "95 % covers, %", "80 % covers, %", "95 % high / low, median"], lines)


def _published(variants: Sequence[Variant], told: Sequence[Judged]) -> str:
    lines = []
    for variant, one in zip(variants, told, strict=True):
        if variant.kind not in ("bca", "profile"):
            continue
        for what, (published, half_unit) in PUBLISHED.get(variant.name, {}).items():
            n = one.n_data_sets - one.n_refused
            if isinstance(what, float):
                ours, label, digits = one.covers[what], f"{what:.0%} interval covers, %", 1
                se = sqrt(published * (100 - published) * (1 / n + 1 / THEIR_DATA_SETS))
            else:
                ours, label, digits = (
                    (one.rmse, "RMSE of N", 0) if what == "rmse" else (one.rmse_log, "RMSE of log N", 3)
                )
                se = ours.se * sqrt(1 + n / THEIR_DATA_SETS)
            apart = max(0.0, abs(ours.value - published) - half_unit) / se
            says = "agrees" if apart <= MONTE_CARLO else "differs"
            lines.append([f"`{variant.name}`", label, f"{published:,}", with_error(ours, digits), f"{apart:.1f}", says])
    head = ["method", "figure", "published", "ours", "standard errors apart, both simulations'", "verdict"]
    return table(head, lines)


def _paired(variants: Sequence[Variant], true_n: float) -> str:
    stepwise = next((one for one in variants if (one.name, one.kind) == YARDSTICK), None)
    if stepwise is None:
        return "No rows of `stepwise` yet.\n"
    lines, better = [], []
    for variant in variants:
        if variant is stepwise or variant.name == "true-model":
            continue
        own, base = variant.sound, stepwise.sound
        shared = own.index.intersection(base.index)
        if len(shared) < 2:
            continue
        own, base = own.loc[shared], base.loc[shared]
        rmse = root_mean_square_difference(*(np.log(rows["n_hat"].to_numpy() / true_n) for rows in (own, base)))
        more = {
            level: mean(100 * (_covers(own, variant.kind, level, true_n) - _covers(base, "bca", level, true_n)))
            for level in LEVELS
        }
        lines.append(
            [f"`{variant.name}`", KINDS[variant.kind], str(len(shared)), with_error(rmse, 3, sign=True)]
            + [with_error(more[level], 1, sign=True) for level in LEVELS]
        )
        if rmse.value < -SURE * rmse.se and more[0.95].value > SURE * more[0.95].se:
            better.append(f"`{variant.name}` ({KINDS[variant.kind]})")
    head = ["method", "interval", "data sets", "RMSE of log N", "95 % covers, points", "80 % covers, points"]
    says = (
        "Better both in the root mean square error of log N and in coverage of the 95 % interval, each by more than "
        f"{SURE} standard errors of the paired difference: {', '.join(better) if better else 'none'}.\n"
    )
    return f"{table(head, lines)}\n{says}"


def _covers(rows: pd.DataFrame, kind: str, level: float, true_n: float) -> NDArray[np.float64]:
    low, high = ends_of(kind, level)
    return covered(rows[low], rows[high], true_n)
