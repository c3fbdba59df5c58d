"""The models of a study: each fitted to the same capture histories, each refusal recorded as a result."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from mse.errors import NoFiniteMLE, NotIdentified, Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.search import select_loglinear
from mse.models.loglinear.space import MOST_LISTS
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman
from mse.propagation.calling import SeededFit
from mse.propagation.linkage_draws import fit_each
from mse.propagation.pooling import pool_outcomes
from mse.study.plan import Bayes, Plan, Select
from mse.study.stage import as_json, run_stage
from mse.study.storage import write_result
from mse.writing import write_text

__all__ = ["PlannedModel", "planned_models", "run_model", "run_sensitivity"]


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model of the study: the folder it is written to, its name, its options, and how it is fitted."""

    folder: str
    name: str
    options: Mapping[str, object]
    fit: Callable[[CaptureHistories], Estimate]
    is_log_linear: bool = False


def planned_models(plan: Plan) -> tuple[PlannedModel, ...]:
    """The models that the study asks for, in the order in which they are reported."""
    models = [PlannedModel("chao", "Chao's lower bound", {}, chao_lower_bound)]
    if len(plan.lists) == 2:
        models.append(PlannedModel("chapman", "Chapman", {}, chapman))
    models += [_fitted(number, model, plan) for number, model in enumerate(plan.fit, start=1)]
    if plan.select is not None:
        models += [_selected(by, plan.select, plan.seed, len(plan.lists)) for by in plan.select.by]
    if plan.bayes is not None:
        models.append(_bayesian(plan.bayes, plan.seed))
    return tuple(models)


def run_model(folder: Path, planned: PlannedModel, histories: CaptureHistories) -> tuple[Mapping[str, str], bool]:
    """Fit one model into its own folder; the hashes of its files, and whether it stood there already."""

    def write(folder: Path) -> None:
        try:
            result: Estimate | Refused = planned.fit(histories)
        except Refused as refusal:
            result = refusal
        write_result(folder, planned.name, result)

    options = {"name": planned.name, **planned.options}
    return run_stage(folder / planned.folder, inputs={"histories": histories.sha256}, options=options, write=write)


def run_sensitivity(
    folder: Path, model: str, draws: tuple[CaptureHistories, ...], seed: int
) -> tuple[Mapping[str, str], bool]:
    """Refit one model on the table of every linkage draw: how far the links alone move the estimate.

    Also the estimate pooled over the draws, whose interval holds the uncertainty of the links, unless more than 5 % of
    the draws have none.
    """

    def write(folder: Path) -> None:
        fit = SeededFit.of(lambda h: fit_loglinear(h, model, interval="log-normal"))
        outcomes = fit_each(fit, draws, seed=seed, n_jobs=1)
        n_hat = [outcome.n_hat for outcome in outcomes if not isinstance(outcome, Refused)]
        about: dict[str, object] = {"model": model, "n_draws": len(draws), "n_refused": len(draws) - len(n_hat)}
        if n_hat:
            low, median, high = np.quantile(n_hat, [0.025, 0.5, 0.975])
            about |= {"low": float(low), "median": float(median), "high": float(high)}
        try:
            pooled = pool_outcomes(draws, outcomes, seed=seed, told={"fit": "fit_loglinear"})
            ends = pooled.interval()
            found = {"pooled": pooled.n_hat, "pooled_low": ends.low, "pooled_high": ends.high}
            about |= {name: value if isfinite(value) else str(value) for name, value in found.items()}
            about["linkage_share"] = pooled.diagnostics["linkage_share"]
        except Refused as refusal:
            about["not_pooled"] = list(refusal.reasons)
        write_text(folder / "sensitivity.json", as_json(about))

    inputs = {f"draw {number}": histories.sha256 for number, histories in enumerate(draws)}
    options: dict[str, object] = {"model": model, "pooling": "rubin"}
    return run_stage(folder / "sensitivity", inputs=inputs, options=options, write=write)


def _fitted(number: int, model: str, plan: Plan) -> PlannedModel:
    text = "[" + "][".join(one.name for one in plan.lists) + "]" if model == "independence" else model
    name = f"log-linear model {text}"
    return PlannedModel(f"fit-{number}", name, {"model": text}, lambda h: fit_loglinear(h, text), is_log_linear=True)


def _bayesian(options: Bayes, seed: int) -> PlannedModel:
    def fit(histories: CaptureHistories) -> Estimate:
        # Importing PyMC takes seconds, which only a study with a Bayesian model should pay.
        from mse.models.bayes.loglinear import bayes_loglinear

        return bayes_loglinear(histories, prior=options.prior, max_order=options.max_order, seed=seed)

    name = f"Bayesian log-linear model, {options.prior} prior"
    return PlannedModel("bayes", name, asdict(options) | {"seed": seed}, fit)


def _selected(by: str, options: Select, seed: int, n_lists: int) -> PlannedModel:
    search = "exhaustive" if n_lists <= MOST_LISTS else "downhill"

    def fit(histories: CaptureHistories) -> Estimate:
        def select(interval: str | None) -> Estimate:
            return select_loglinear(
                histories,
                by=by,
                max_order=options.max_order,
                search=search,
                n_top=options.n_top,
                n_boot=options.n_boot,
                resampling="binomial",
                interval=interval,
                seed=seed,
            )

        try:
            return select(None)
        except (NoFiniteMLE, NotIdentified):
            raise
        except Refused:
            # The acceleration of BCa may be undefined where the plain percentiles are not.
            return select("percentile")

    name = f"log-linear model selected by {by.upper()}"
    told = {"by": by, "search": search, "seed": seed, **{k: v for k, v in asdict(options).items() if k != "by"}}
    return PlannedModel(f"select-{by}", name, told, fit, is_log_linear=True)
