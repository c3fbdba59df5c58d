"""How strata are held together: by the values of each covariate, along the years, and one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput

__all__ = ["TRENDS", "StrataEffects", "strata_effects", "values_of_strata"]

type Array = NDArray[np.float64]

SEPARATOR = ", "
TRENDS = ("walk", "gaussian_process")


@dataclass(frozen=True, eq=False, slots=True)
class StrataEffects:
    """What a stratum's deviation from the common value is made of.

    A deviation is ``basis @ (sd[part] * z)`` with z standard normal and one sd for each part; in the columns `process`
    z has unit variance and is correlated over the years.

    Attributes
    ----------
    parts : tuple of str
        The covariates with more than one value and, where there are two or more of them, ``"stratum"`` for what is
        left.
    basis : ndarray, shape (n_strata, n_columns)
        Rows have a variance of about one within each part.
    part : ndarray of int, shape (n_columns,)
        Which part a column belongs to.
    distances : ndarray, shape (n_years, n_years)
        Years between the columns of a Gaussian process; shape (0, 0) where there is none.
    process : slice
        The columns of the process, in the order of the years; empty where there is none.
    """

    parts: tuple[str, ...]
    basis: Array
    part: NDArray[np.int64]
    distances: Array
    process: slice

    @property
    def is_process(self) -> bool:
        """Whether the years are a Gaussian process."""
        return len(self.distances) > 0


def values_of_strata(strata: Sequence[str], covariates: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of the covariates in each stratum, out of its name.

    Raises
    ------
    BadInput
        When a name cannot be taken apart.
    """
    split = [(name,) if len(covariates) == 1 else tuple(name.split(SEPARATOR)) for name in strata]
    for name, values in zip(strata, split, strict=True):
        if len(values) != len(covariates):
            raise BadInput(
                f"stratum {name!r} does not name one value for each of {', '.join(covariates)}; use values without "
                f"{SEPARATOR!r} in them"
            )
    return split


def strata_effects(
    strata: Sequence[str], covariates: Sequence[str], years: str | None, trend: str = "walk"
) -> StrataEffects:
    """The parts for these strata; `years` names the covariate whose values are years, `trend` how they hang together.

    Raises
    ------
    BadInput
        When `years` is no covariate, its values are no years, `trend` is not offered or has no years, or there is only
        one stratum.
    """
    if trend not in TRENDS:
        raise BadInput.option("trend", trend, TRENDS)
    if years is not None and years not in covariates:
        raise BadInput.unknown("covariate", years, covariates)
    if years is None and trend != "walk":
        raise BadInput(f"trend={trend!r} needs years; name the covariate whose values are years with years=")
    if len(strata) < 2:
        raise BadInput(f"there is one stratum, {strata[0]!r}, and nothing to pool; use bayes_loglinear")
    split = values_of_strata(strata, covariates)
    names: list[str] = []
    blocks: list[Array] = []
    distances, first = np.zeros((0, 0)), 0
    for j, covariate in enumerate(covariates):
        values = [row[j] for row in split]
        known, place = _years(values) if covariate == years else np.unique(values, return_inverse=True)
        if len(known) == 1:
            continue
        names.append(covariate)
        if covariate == years and trend == "walk":
            blocks.append(_walk(known, place))
            continue
        if covariate == years:
            first = sum(block.shape[1] for block in blocks)
            distances = np.abs(known[:, None] - known)
        blocks.append(np.eye(len(known))[place])
    if len(names) > 1:
        names.append("stratum")
        blocks.append(np.eye(len(strata)))
    part = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    basis = np.ascontiguousarray(np.hstack(blocks))
    return StrataEffects(tuple(names), basis, part, distances, slice(first, first + len(distances)))


def _years(values: Sequence[str]) -> tuple[Array, NDArray[np.int64]]:
    """The years there are, ascending, and the place of each stratum's among them."""
    try:
        when = np.array([float(value) for value in values])
    except ValueError:
        raise BadInput(f"years must be numbers, and there are {sorted(set(values))}") from None
    if not np.isfinite(when).all():
        raise BadInput(f"years must be finite numbers, and there are {sorted(set(values))}")
    years, place = np.unique(when, return_inverse=True)
    return years, place


def _walk(years: Array, place: NDArray[np.int64]) -> Array:
    """A random walk over the years around its own mean, shape (n_strata, n_years - 1).

    Steps have a variance in proportion to the years between; the geometric mean of the variances of the years is one
    (Sørbye and Rue 2014, doi:10.1016/j.spasta.2013.06.004), so that the sd means what it means elsewhere.
    """
    steps = np.tril(np.ones((len(years), len(years))))[:, 1:] * np.sqrt(np.diff(years))
    walk = steps - steps.mean(axis=0)
    typical = np.exp(np.log((walk**2).sum(axis=1)).mean())
    return np.asarray(walk[place] / np.sqrt(typical))
