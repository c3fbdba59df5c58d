"""One model over many linkage draws, pooled: Rubin's rules for likelihoods, a mixture for posteriors."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse import provenance
from mse.errors import BadInput, Refused
from mse.estimate import Estimate, Posterior, Replicated, no_draws
from mse.histories import CaptureHistories
from mse.links import Links
from mse.propagation.by_stratum import convergence, evenly
from mse.propagation.calling import Fit, SeededFit
from mse.propagation.linkage_draws import Outcome, fit_each, reasons_of, refuse_if_many_failed
from mse.propagation.rubin import OnLogScale, pool
from mse.propagation.within import OnLog, on_log

__all__ = ["Mixed", "Pooled", "pool_outcomes", "pool_tables", "propagate"]

ONE_DRAW = "one draw: no linkage uncertainty"
UNCONVERGED = "NOT CONVERGED: the chains of {n} of {of} linkage draws"
LEFT_OUT = "{reason}; left out, though draws that fail are those with few overlaps and would pull the total up"


@dataclass(frozen=True, eq=False, repr=False)
class Pooled(Replicated):
    """A likelihood or moment estimate pooled by Rubin's rules, with the answer of every draw.

    `per_draw` has one row per linkage draw: draw, status (ok or the name of the refusal), model, n_observed, n_hat,
    se_log (standard error of the log of the total above the smallest number observed) and reason. `per_stratum` holds
    the pooled estimate of each stratum, where the fit gives one of each (see `each_stratum`).
    """

    per_draw: pd.DataFrame = field(kw_only=True)
    per_stratum: "Mapping[str, Pooled]" = field(kw_only=True, default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Mixed(Posterior):
    """The mixture of the posteriors of all draws; `per_draw` and `per_stratum` are those of `Pooled`."""

    per_draw: pd.DataFrame = field(kw_only=True)
    per_stratum: "Mapping[str, Mixed]" = field(kw_only=True, default_factory=dict)


def propagate(
    fit: Fit,
    links: Links | Sequence[CaptureHistories],
    *,
    seed: int,
    strata: Sequence[str] = (),
    n_jobs: int = 1,
) -> Pooled | Mixed:
    """Carry the uncertainty of the linkage into the estimate: fit a model to every linkage draw and pool the answers.

    Bayesian fits become the mixture of their posteriors with equal weights. Likelihood fits are pooled by Rubin's
    rules, as for multiple imputation: with n the smallest number of persons in any draw, each draw gives log(N - n)
    and its sampling variance; the pooled variance is their mean plus that between draws, and the interval is a t
    interval. If a model is selected, select inside `fit`, so that every draw chooses anew. What no draw doubts is not
    propagated: draws from a biased linkage give a short interval around a wrong number.

    Parameters
    ----------
    fit : callable
        Takes the capture histories of one draw and that draw's seed, and returns an Estimate; options by lambda. A
        public estimator is accepted as it is and gets ``seed=`` if it has one. One without a seed is fitted once to
        equal tables.
    links : Links, or sequence of CaptureHistories
        The draws of who is whom, or their tables, as `read_tables` gives them.
    seed : int
        The seeds of the draws come from it.
    strata : sequence of str
        Attributes of the records, such as ``("sex",)``: the tables then have strata, as `CaptureHistories.from_links`
        makes them, and the fit must take them. ``each_stratum(fit)`` fits a model of one table to each.
    n_jobs : int
        Threads. The result does not depend on it. Leave it at 1 for models that PyMC samples.

    Returns
    -------
    Pooled or Mixed
        A `Replicated` whose interval has the kind ``rubin``, or a `Posterior`. `n_observed` is the lower median over
        the draws, in persons. `per_draw` holds the answer of every draw. `diagnostics`: n_draws, n_failed, n_tables
        (distinct ones), n_observed_low and n_observed_high, linkage_share (the share of the variance that is due to
        linkage: of log(N - n), or of log N for posteriors; absent for one draw), and for Rubin's rules within,
        between, total and df. `per_stratum` holds the estimate of each stratum.

    Raises
    ------
    Refused
        When more than 5 % of the draws have no estimate, an estimate with nobody hidden, or an interval without an
        upper end; `reasons` counts them.
    BadInput
        When the fit needs more than a table and a seed, returns no estimate, returns posteriors for some draws only,
        or likelihood estimates with several strata that have no variance for each; when `strata` names no attribute
        of the records, or is given with tables.

    References
    ----------
    Rubin (1987), doi:10.1002/9780470316696; Barnard and Rubin (1999), doi:10.1093/biomet/86.4.948; any model over
    linkage draws: Sadinle (2018), doi:10.48550/arXiv.1812.09590.

    Examples
    --------
    >>> import mse
    >>> import numpy as np
    >>> import pandas as pd
    >>> records = pd.DataFrame({"list": ["a"] * 40 + ["b"] * 30, "record": range(70)})
    >>> sure = [*range(40), *range(12), *range(40, 58)]  # 12 persons on both lists
    >>> bolder = [*range(40), *range(14), *range(40, 56)]  # or 14
    >>> links = mse.Links(records, np.array([sure, bolder], np.int32), ("a", "b"))
    >>> estimate = mse.propagate(mse.chapman, links, seed=1)
    >>> [round(n) for n in estimate.per_draw.n_hat], round(estimate.n_hat)
    ([97, 84], 90)
    >>> round(estimate.diagnostics["linkage_share"], 2), estimate.interval().kind
    (0.41, 'rubin')
    """
    if isinstance(links, Links):
        return pool_tables(fit, CaptureHistories.from_links(links, strata=strata), seed=seed, n_jobs=n_jobs)
    if strata:
        raise BadInput(f"strata={strata!r} cannot be made of tables; give the links, or tables that have these strata")
    return pool_tables(fit, links, seed=seed, n_jobs=n_jobs)


def pool_tables(fit: Fit, tables: Sequence[CaptureHistories], *, seed: int, n_jobs: int = 1) -> Pooled | Mixed:
    """`propagate` for draws that are tables already."""
    if not tables:
        raise BadInput("there is no table to fit; give one for each linkage draw")
    if seed < 0:
        raise BadInput(f"seed={seed!r} is negative; give 0 or more")
    seeded = SeededFit.of(fit)
    outcomes = fit_each(seeded, tables, seed=seed, n_jobs=n_jobs)
    told = {"fit": getattr(fit, "__name__", type(fit).__name__), "by_seed": seeded.uses_seed}
    return pool_outcomes(tables, outcomes, seed=seed, told=told)


def pool_outcomes(
    tables: Sequence[CaptureHistories], outcomes: Sequence[Outcome], *, seed: int, told: Mapping[str, object]
) -> Pooled | Mixed:
    """Pool what became of each draw; `told` goes into the options of the provenance."""
    refuse_if_many_failed(outcomes)
    draws = _Draws(tuple(tables), tuple(outcomes), seed, told)
    n_posteriors = sum(isinstance(one, Posterior) for one in draws.estimates)
    if n_posteriors not in (0, len(draws.estimates)):
        raise BadInput(
            f"the fit returned a posterior for {n_posteriors} of {len(draws.estimates)} linkage draws and a likelihood "
            "estimate for the others, which cannot be pooled; return one kind"
        )
    return _mixture(draws) if n_posteriors else _by_rubin(draws)


@dataclass(frozen=True, eq=False)
class _Draws:
    """The tables of all draws and what became of each; `told` goes into the provenance."""

    tables: tuple[CaptureHistories, ...]
    outcomes: tuple[Outcome, ...]
    seed: int
    told: Mapping[str, object]

    @property
    def estimates(self) -> list[Estimate]:
        return [one for one in self.outcomes if not isinstance(one, Refused)]

    @property
    def n_observed(self) -> NDArray[np.int64]:
        """Persons observed by each estimate, shape (n_estimates,)."""
        return np.array([one.n_observed for one in self.estimates], dtype=np.int64)

    @property
    def central_n_observed(self) -> int:
        return int(np.sort(self.n_observed)[(len(self.estimates) - 1) // 2])

    @property
    def model(self) -> str:
        """The model of most draws, and of how many where they differ."""
        counted = Counter(one.model for one in self.estimates).most_common()
        (most, n_most), n_draws = counted[0], len(self.outcomes)
        chosen = most if len(counted) == 1 else f"{len(counted)} models, most often ({n_most}) {most}"
        return f"{chosen}, pooled over {n_draws} linkage draw{'s' if n_draws > 1 else ''}"

    def diagnostics(self) -> dict[str, float]:
        return {
            "n_draws": float(len(self.outcomes)),
            "n_failed": float(len(self.outcomes) - len(self.estimates)),
            "n_tables": float(len({table.sha256 for table in self.tables})),
            "n_observed_low": float(self.n_observed.min()),
            "n_observed_high": float(self.n_observed.max()),
        }

    def notes(self) -> tuple[str, ...]:
        """Of the pooling first; then what every fit says; then what only the one with the median total says."""
        estimates = self.estimates
        every = [getattr(one, "notes", ()) for one in estimates]
        middle = int(np.argsort([one.n_hat for one in estimates], kind="stable")[(len(estimates) - 1) // 2])
        shared = [note for note in every[0] if all(note in notes for notes in every)]
        own = [note for note in every[middle] if note not in shared]
        n_unconverged = sum(one.diagnostics.get("converged", 1.0) == 0 for one in estimates)
        return (
            *((ONE_DRAW,) if len(self.outcomes) == 1 else ()),
            *((UNCONVERGED.format(n=n_unconverged, of=len(estimates)),) if n_unconverged else ()),
            *(LEFT_OUT.format(reason=reason) for reason in reasons_of(self.outcomes)),
            *shared,
            *(f"in the draw with the median total: {note}" for note in own),
        )

    def provenance(self, pooling: str, **told: object) -> Mapping[str, object]:
        about = self.estimates[0].provenance.get("options", {})
        options = {"pooling": pooling, "n_draws": len(self.outcomes), **self.told, **told, "options_of_fit": about}
        hashes = [table.sha256.encode() for table in self.tables]
        return provenance.record(input_sha256=provenance.sha256_of(*hashes), seed=self.seed, options=options)

    def per_draw(self, **columns: NDArray[np.float64]) -> pd.DataFrame:
        """One row per draw; `columns` hold one value for each estimate."""
        rows = []
        number = 0
        for draw, one in enumerate(self.outcomes):
            if isinstance(one, Refused):
                rows.append({"draw": draw, "status": type(one).__name__, "reason": str(one)})
                continue
            values = {name: float(column[number]) for name, column in columns.items()}
            about = {"draw": draw, "status": "ok", "model": one.model, "n_observed": one.n_observed}
            rows.append({**about, "n_hat": one.n_hat, **values, "reason": ""})
            number += 1
        names = ["draw", "status", "model", "n_observed", "n_hat", *columns, "reason"]
        return pd.DataFrame(rows).reindex(columns=names).astype({"n_observed": "Int64"})


def _by_rubin(draws: _Draws) -> Pooled:
    several = next((one for one in draws.estimates if len(one.strata) > 1), None)
    per_stratum = _per_stratum(draws, _by_rubin)
    if several is not None and not per_stratum:
        raise BadInput(
            f"the fit returned a likelihood estimate with {len(several.strata)} strata without a variance for each, "
            "which Rubin's rules need; fit every stratum by itself, as in each_stratum(fit), or one of them, as in "
            'lambda h, s: fit(h.stratum("woman"), s)'
        )
    floor = int(draws.n_observed.min())
    on_scale = [one if isinstance(one, Refused) else on_log(one, floor) for one in draws.outcomes]
    outcomes = [
        scaled if isinstance(scaled, Refused) else one for scaled, one in zip(on_scale, draws.outcomes, strict=True)
    ]
    refuse_if_many_failed(outcomes)
    used = _Draws(draws.tables, tuple(outcomes), draws.seed, draws.told)
    values = [one for one in on_scale if isinstance(one, OnLog)]
    variances = np.array([one.variance for one in values])
    pooled = pool(np.array([one.log_excess for one in values]), variances)
    notes = sorted({one.note for one in values})
    note = "; ".join([*(notes if len(notes) == 1 and notes[0] else ()), *((ONE_DRAW,) if len(outcomes) == 1 else ())])
    rule = OnLogScale(floor, pooled, note)
    share = {"linkage_share": pooled.linkage_share} if len(values) > 1 else {}
    about = {"within": pooled.within, "between": pooled.between, "total": pooled.total, "df": pooled.df}
    sources = sorted({one.source for one in values})
    return Pooled(
        model=used.model,
        n_observed=used.central_n_observed,
        n_hat=rule.n_hat,
        uncertainty=rule,
        diagnostics=used.diagnostics() | share | about,
        provenance=used.provenance("rubin", within_from=sources, pooled_on=f"log(N - {floor})"),
        notes=(f"the variance within draws is that of the {' or the '.join(sources)} of each", *used.notes()),
        per_draw=used.per_draw(se_log=np.sqrt(variances)),
        strata=tuple(per_stratum) or ("all",),
        draws=no_draws(max(len(per_stratum), 1)),
        per_stratum=per_stratum,
    )


def _mixture(draws: _Draws) -> Mixed:
    estimates = draws.estimates
    strata = estimates[0].strata
    if any(one.strata != strata for one in estimates):
        raise BadInput(
            "the fits have different strata in different linkage draws and cannot be mixed; let the fit give every "
            "draw the same strata"
        )
    n_each = min(len(one.draws) for one in estimates)
    if not n_each:
        raise BadInput("a posterior without draws cannot be mixed; let the fit keep its draws")
    mixed = np.concatenate([evenly(one.draws, n_each) for one in estimates])
    logs = [np.log(one.draws.sum(axis=1)) for one in estimates]
    pooled = pool(np.array([log.mean() for log in logs]), np.array([log.var() for log in logs]))
    share = {"linkage_share": pooled.linkage_share} if len(estimates) > 1 else {}
    return Mixed(
        model=draws.model,
        n_observed=draws.central_n_observed,
        draws=mixed,
        strata=strata,
        diagnostics=draws.diagnostics() | share | convergence(estimates),
        provenance=draws.provenance("mixture", n_draws_of_each=n_each),
        notes=draws.notes(),
        per_draw=draws.per_draw(se_log=np.sqrt([log.var() for log in logs])),
        per_stratum=_per_stratum(draws, _mixture),
    )


def _per_stratum[T: (Pooled, Mixed)](draws: _Draws, pooled: Callable[[_Draws], T]) -> dict[str, T]:
    """Each stratum pooled by itself, where every fit gives an estimate of the same strata; nothing otherwise."""
    parts = [getattr(one, "per_stratum", {}) for one in draws.estimates]
    names = tuple(parts[0])
    if not names or any(tuple(own) != names for own in parts):
        return {}
    found = {}
    for name in names:
        own = [one if isinstance(one, Refused) else getattr(one, "per_stratum", {})[name] for one in draws.outcomes]
        try:
            found[name] = pooled(replace(draws, outcomes=tuple(own)))
        except Refused as refusal:
            raise type(refusal)(f"stratum {name}: {refusal}", reasons=refusal.reasons) from None
    return found
