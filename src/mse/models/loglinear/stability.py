"""How far the bootstrap limits move with the number of models that a resample may choose among.

Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9, take the first `n_top` models and show that the
limits settle; here the limits of every `n_top`, and of all models, come from one pass over the same resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, Refused
from mse.histories import CaptureHistories
from mse.interval import Interval, IntervalRule
from mse.models.loglinear.bootstrap import BCa, Percentile, Resampling, answer_each, first_choice, one_person_less
from mse.models.loglinear.choosing import Choice, Chooser
from mse.models.loglinear.criteria import Criterion
from mse.models.loglinear.extended import extended_mle
from mse.models.loglinear.first_models import FirstModels, Leader
from mse.models.loglinear.parametric_bootstrap import draw_resamples
from mse.models.loglinear.searches import Found, Search, downhill, exhaustive
from mse.models.loglinear.stepwise import DEFAULT_P
from mse.models.loglinear.terms import bitsets_of, parse_model

__all__ = ["StabilityCurve", "stability_curve"]

SEARCHES = {"exhaustive": exhaustive, "downhill": downhill}
KINDS = ("bca", "percentile")
N_TOP = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, None)


class Chosen(NamedTuple):
    """What a table chooses: the leaders of the order, and the best of all models where that was asked for."""

    leaders: tuple[Leader, ...]
    best: Choice | None

    def among(self, n_top: int | None) -> Choice | None:
        """The best of the first `n_top` models, or of all."""
        if n_top is None:
            return self.best
        return next((leader.choice for leader in reversed(self.leaders) if leader.rank <= n_top), None)


@dataclass(frozen=True, eq=False, repr=False)
class StabilityCurve:
    """Bootstrap limits by the number of models to choose among.

    Attributes
    ----------
    n_hat : float
        Total under the best model, in persons.
    models : tuple of str
        The models that have an answer, in the order from which the first `n_top` are taken.
    bitsets : ndarray of uint64, shape (n_models,)
        The same models.
    n_top : tuple of int or None
        The numbers of models that were asked for; None for all models.
    resampled, left_out : tuple of Chosen
        What each resample chooses, and what the table without one person of each observed cell does.
    weights : ndarray of float64, shape (n_cells,)
        Persons in these cells.
    n_observed : int
        Persons known to be in the population; no interval goes below.
    provenance : mapping of str to object
    """

    n_hat: float
    models: tuple[str, ...]
    bitsets: NDArray[np.uint64]
    n_top: tuple[int | None, ...]
    resampled: tuple[Chosen, ...]
    left_out: tuple[Chosen, ...]
    weights: NDArray[np.float64]
    n_observed: int
    provenance: Mapping[str, object]

    def __repr__(self) -> str:
        return f"limits of {self.n_hat:,.0f} by n_top, from {len(self.resampled):,} resamples"

    def resampling(self, n_top: int | None) -> Resampling:
        """Totals and models of the resamples when they choose among the first `n_top` models; None for all."""
        self._check(n_top)
        return Resampling.of([chosen.among(n_top) for chosen in self.resampled])

    def totals(self, n_top: int | None) -> NDArray[np.float64]:
        """Totals of the resamples, those without an answer left out."""
        return self.resampling(n_top).totals

    def interval(self, n_top: int | None, *, level: float = 0.95, kind: str = "bca") -> Interval:
        """The interval that `select_loglinear` gives with this `n_top`, the same seed and the same options.

        Parameters
        ----------
        n_top : int or None
            Any number up to the largest that was asked for; None, if it was asked for, for all models.
        level : float
        kind : {"bca", "percentile"}

        Raises
        ------
        Refused
            When the interval is not defined.
        """
        if kind not in KINDS:
            raise BadInput.option("kind", kind, KINDS)
        totals = self.totals(n_top)
        rule: IntervalRule = Percentile(totals, self.n_observed)
        if kind == "bca":
            left_out = [chosen.among(n_top) for chosen in self.left_out]
            rule = BCa.of(totals, self.n_hat, left_out, self.weights, self.n_observed)
        return rule.at(level)

    @property
    def ranks(self) -> NDArray[np.float64]:
        """Rank, from 1, that each resample's best of all models has in the order; shape (n_resamples,).

        NaN where that model has no answer on the original table, or is not in the ranking, or there is no best.
        """
        self._check(None)
        by_bitset = {int(bitset): rank for rank, bitset in enumerate(self.bitsets, start=1)}
        best = [chosen.best for chosen in self.resampled]
        return np.array([by_bitset.get(one.model, np.nan) if one else np.nan for one in best], dtype=np.float64)

    def frame(self, *, levels: Sequence[float] = (0.95, 0.8), kinds: Sequence[str] = KINDS) -> pd.DataFrame:
        """One row for each `n_top`, kind and level.

        Parameters
        ----------
        levels : sequence of float
        kinds : sequence of {"bca", "percentile"}

        Returns
        -------
        DataFrame
            Columns n_top (inf for all models), kind, level, low, high, n_models (different models that resamples
            chose), n_refused (resamples without an answer), note, refused (empty, or why low and high are NaN).
        """
        rows = [self._row(n_top, kind, level) for n_top in self.n_top for kind in kinds for level in levels]
        return pd.DataFrame(rows)

    def _row(self, n_top: int | None, kind: str, level: float) -> dict[str, object]:
        head: dict[str, object] = {"n_top": inf if n_top is None else float(n_top), "kind": kind, "level": level}
        chosen = [one.among(n_top) for one in self.resampled]
        counted = {
            "n_models": len({one.model for one in chosen if one is not None}),
            "n_refused": sum(one is None for one in chosen),
        }
        try:
            limits = self.interval(n_top, level=level, kind=kind)
        except Refused as refusal:
            return {**head, "low": nan, "high": nan, **counted, "note": "", "refused": str(refusal)}
        return {**head, "low": limits.low, "high": limits.high, **counted, "note": limits.note, "refused": ""}

    def _check(self, n_top: int | None) -> None:
        largest = max((k for k in self.n_top if k is not None), default=0)
        if n_top is None and None not in self.n_top:
            raise BadInput("the curve was made without n_top=None; make it again with None among its n_top")
        if n_top is not None and not 1 <= n_top <= largest:
            raise BadInput(f"n_top={n_top!r} is not on the curve, which goes from 1 to {largest}")


def stability_curve(
    histories: CaptureHistories,
    *,
    n_top: Sequence[int | None] = N_TOP,
    ordering: int = 1,
    by: str = "bic",
    bic_n: str = "individuals",
    max_order: int | None = None,
    search: str = "exhaustive",
    force: Sequence[str] = (),
    forbid: Sequence[str] = (),
    n_boot: int = 1000,
    resampling: str = "fixed",
    seed: int,
    n_jobs: int = 1,
) -> StabilityCurve:
    """Bootstrap limits of the total as the resamples choose among more and more of the models.

    If the limits have settled long before all models are in, the choice of `n_top` in `select_loglinear` does not
    matter; if they have not, use all models.

    Parameters
    ----------
    histories : CaptureHistories
        Without strata; censored cells count as in `fit_loglinear`.
    n_top : sequence of int or None
        Numbers of models to choose among; None for all models, chosen anew in each resample. More than the ranking
        holds is the whole ranking.
    ordering : {1, 2}
        Order from which the first `n_top` are taken: by criterion, or by the best criterion among neighbouring models.
    by, bic_n, max_order, force, forbid, resampling
        As in `select_loglinear`.
    search : {"exhaustive", "downhill"}
    n_boot : int
        Number of resamples, the same for every `n_top`.
    seed : int
    n_jobs : int
        Workers; the result does not depend on it.

    Returns
    -------
    StabilityCurve
        `frame()` is the table, `interval(n_top)` one of its rows, `ranks` how far down the resamples' best models are.

    Raises
    ------
    BadInput
        For unknown options, and an `n_top` below 1.
    NoFiniteMLE
        When no model has an MLE and an identified total.

    References
    ----------
    Silverman, Chan and Vincent (2024), doi:10.1007/s11222-023-10346-9.

    Examples
    --------
    >>> import mse
    >>> curve = mse.stability_curve(mse.load_dataset("Korea"), n_top=(1, 3, None), n_boot=200, seed=1)
    >>> curve.frame(levels=(0.95,), kinds=("bca",)).n_models.tolist()
    [1, 2, 2]
    """
    wanted = _checked(n_top, ordering, search)
    asked = Search(Criterion(by, bic_n), max_order, tuple(force), tuple(forbid), None, DEFAULT_P, seed)
    found = SEARCHES[search](histories, asked)
    mle = extended_mle(histories, parse_model(found.best, histories.lists))
    resamples = draw_resamples(mle, n_boot, how=resampling, seed=seed)
    assert found.in_order is not None
    ordered = found.in_order(ordering)
    largest = max((k for k in wanted if k is not None), default=0)
    first = FirstModels(ordered.models[:largest], ordered.terms, ordered.possible, ordered.n_lists, ordered.criterion)
    choose = partial(_chosen, first, found.everything() if None in wanted else None)
    tables, weights = one_person_less(mle.persons)
    return StabilityCurve(
        n_hat=mle.n_observed + mle.n_hidden,
        models=_names_in_order(found, ordered.models, histories, ordered.terms.tolist()),
        bitsets=ordered.models,
        n_top=wanted,
        resampled=tuple(answer_each(choose, resamples, text="resamples", n_jobs=n_jobs)),
        left_out=tuple(answer_each(choose, tables, text="jackknife", n_jobs=n_jobs)),
        weights=weights,
        n_observed=mle.n_observed,
        provenance=provenance.record(
            input_sha256=histories.sha256,
            seed=seed,
            options={
                "n_top": list(wanted),
                "ordering": ordering,
                "by": by,
                "bic_n": bic_n,
                "max_order": max_order,
                "search": search,
                "force": list(force),
                "forbid": list(forbid),
                "n_boot": n_boot,
                "resampling": resampling,
            },
        ),
    )


def _checked(n_top: Sequence[int | None], ordering: int, search: str) -> tuple[int | None, ...]:
    """The numbers of models, by rising number, once all options are sound."""
    if search not in SEARCHES:
        raise BadInput.option("search", search, SEARCHES)
    if ordering not in (1, 2):
        raise BadInput.option("ordering", ordering, (1, 2))
    numbers = sorted({k for k in n_top if k is not None})
    if not n_top or (numbers and numbers[0] < 1):
        raise BadInput(f"n_top={list(n_top)!r} leaves no model to choose; use numbers from 1, or None for all models")
    return (*numbers, *((None,) if None in n_top else ()))


def _chosen(first: FirstModels, everything: Chooser | None, counts: NDArray[np.float64]) -> Chosen:
    best = first_choice(everything, counts) if everything is not None else None
    return Chosen(first.leaders(counts, best.model if best else None), best)


def _names_in_order(
    found: Found, models: NDArray[np.uint64], histories: CaptureHistories, terms: list[int]
) -> tuple[str, ...]:
    names = found.ranking.loc[found.ranking["status"] == "ok", "model"].tolist()
    by_bitset = dict(zip(bitsets_of(names, histories.lists, terms).tolist(), names, strict=True))
    return tuple(by_bitset[bitset] for bitset in models.tolist())
