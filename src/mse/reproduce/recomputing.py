"""Recompute published numbers: the table of what was printed where, and ours beside it."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import pandas as pd

from mse.datasets import load_dataset
from mse.errors import BadInput
from mse.estimate import Estimate
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.search import select_loglinear
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman, lincoln_petersen

__all__ = ["PublishedNumber", "published_numbers", "published_works", "reproduce"]

CALLS: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "fit_loglinear": fit_loglinear,
        "select_loglinear": select_loglinear,
        "chapman": chapman,
        "lincoln_petersen": lincoln_petersen,
        "chao_lower_bound": chao_lower_bound,
    }
)
COLUMNS = (
    "work",
    "dataset",
    "call",
    "quantity",
    "ours",
    "published",
    "difference",
    "tolerance",
    "agrees",
    "source",
    "note",
)


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """One number as printed, and the call that recomputes it.

    Attributes
    ----------
    work : str
        Short name of the publication, one of `published_works()`.
    dataset : str
    call : str
        The public function, one of `CALLS`.
    arguments : str
        Its keyword arguments as JSON.
    quantity : str
        ``n_hat``, ``low`` or ``high`` (limits at 95 %), or one of the diagnostics, such as ``deviance`` or ``bic``.
    printed : str
        The digits as printed.
    source, note : str
    """

    work: str
    dataset: str
    call: str
    arguments: str
    quantity: str
    printed: str
    source: str
    note: str = ""

    @property
    def value(self) -> float:
        return float(self.printed)

    @property
    def tolerance(self) -> float:
        """Half a unit of the last printed digit."""
        return 0.5 * 10.0 ** -len(self.printed.partition(".")[2])


def reproduce(*, only: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Recompute the published numbers from the shipped tables.

    Parameters
    ----------
    only : str or sequence of str, optional
        Publications (`published_works()`) or datasets to keep; None keeps all.

    Returns
    -------
    DataFrame
        One row per number: work, dataset, call, quantity, ours, published, difference (ours - published), tolerance
        (half a unit of the last printed digit), agrees, source, note.

    Raises
    ------
    BadInput
        When `only` names neither a publication nor a dataset of the table.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9, and the source of each row.

    Examples
    --------
    >>> reproduce(only="Korea")[["published", "agrees"]].values.tolist()
    [[157.0, True], [157.1667, True]]
    """
    rows = [_row(number) for number in _kept(only)]
    return pd.DataFrame(rows, columns=COLUMNS)


def published_numbers() -> tuple[PublishedNumber, ...]:
    """Every published number in the table, in its order."""
    return _published()[1]


def published_works() -> Mapping[str, str]:
    """Short name and full reference of each publication in the table."""
    return _published()[0]


def _kept(only: str | Sequence[str] | None) -> list[PublishedNumber]:
    numbers = published_numbers()
    if only is None:
        return list(numbers)
    names = (only,) if isinstance(only, str) else tuple(only)
    known = dict.fromkeys([*published_works(), *(number.dataset for number in numbers)])
    for name in names:
        if name not in known:
            raise BadInput.unknown("publication or dataset", name, known)
    return [number for number in numbers if number.work in names or number.dataset in names]


def _row(number: PublishedNumber) -> tuple[object, ...]:
    ours = _quantity(_estimate(number.dataset, number.call, number.arguments), number.quantity)
    difference = ours - number.value
    arguments = ", ".join(f"{name}={value!r}" for name, value in json.loads(number.arguments).items())
    return (
        number.work,
        number.dataset,
        f"{number.call}({arguments})",
        number.quantity,
        ours,
        number.value,
        difference,
        number.tolerance,
        abs(difference) <= number.tolerance,
        number.source,
        number.note,
    )


@cache
def _estimate(dataset: str, call: str, arguments: str) -> Estimate:
    """Cached, since several numbers come from one search."""
    return CALLS[call](load_dataset(dataset), **json.loads(arguments))


def _quantity(estimate: Estimate, quantity: str) -> float:
    if quantity == "n_hat":
        return estimate.n_hat
    if quantity in ("low", "high"):
        interval = estimate.interval()
        return interval.low if quantity == "low" else interval.high
    return estimate.diagnostics[quantity]


@cache
def _published() -> tuple[Mapping[str, str], tuple[PublishedNumber, ...]]:
    table = tomllib.loads((files("mse.reproduce") / "published.toml").read_text("utf-8"))
    works: Mapping[str, str] = MappingProxyType(table["works"])
    return works, tuple(number for entry in table["recomputed"] for number in _numbers(entry, works))


def _numbers(entry: Mapping[str, Any], works: Mapping[str, str]) -> list[PublishedNumber]:
    return [
        PublishedNumber(
            work=entry["work"],
            dataset=entry["dataset"],
            call=entry["call"],
            arguments=json.dumps(entry["arguments"]),
            quantity=quantity,
            printed=printed,
            source=f"{works[entry['work']]}, {entry['place']}",
            note=entry.get("note", ""),
        )
        for quantity, printed in entry["numbers"].items()
    ]
