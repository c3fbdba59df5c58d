"""Commands for the researcher: published tables, estimates, the verdict, reproduction and simulation."""

from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mse.cli.printing import Format, say, show
from mse.cli.unit import Stratum, read_draws

if TYPE_CHECKING:
    import pandas as pd

    from mse.estimate import Estimate
    from mse.histories import CaptureHistories

__all__ = ["datasets", "estimate", "judge", "norway", "reproduce"]

Covariate = Annotated[list[str] | None, typer.Option("--covariate", help="Column that is not a list; summed over.")]
Table = Annotated[Path, typer.Argument(help="CSV or Parquet: a 0/1 column for each list, and count.")]


def datasets(
    how: Annotated[Format, typer.Option("--format", help="How to print the table.")] = Format.table,
) -> None:
    """List the published capture-history tables that come with the package."""
    from mse.datasets import describe_datasets

    frame = describe_datasets()
    show(frame[["name", "lists", "n_observed", "title"]] if how is Format.table else frame, how)


def judge(
    path: Table,
    seed: Annotated[int, typer.Option(help="Seed of the simulations behind the verdict.")] = 1,
    covariate: Covariate = None,
    how: Annotated[Format, typer.Option("--format", help="How to print the verdict.")] = Format.table,
) -> None:
    """Say whether a table of capture histories supports an estimate; ends with 0 whatever the verdict."""
    import pandas as pd

    from mse.robustness.verdict import feasibility

    verdict = feasibility(_read(path, covariate), seed=seed)
    if how is Format.table:
        say(f"Verdict: {verdict.outcome.replace('_', ' ')}")
        for reason in verdict.reasons:
            say(f"  - {reason}")
        return
    rows = [
        {"outcome": verdict.outcome, "code": finding.code, "weight": finding.weight, "reason": reason}
        for finding, reason in zip(verdict.findings, verdict.reasons, strict=True)
    ]
    show(pd.DataFrame(rows, columns=["outcome", "code", "weight", "reason"]), how)


def estimate(
    path: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet: a 0/1 column for each list, and count; or a folder of links or tables."),
    ],
    model: Annotated[list[str] | None, typer.Option(help='Log-linear model, "[a,b][c]" or independence.')] = None,
    select: Annotated[list[str] | None, typer.Option(help="Select a log-linear model by bic, aic or aicc.")] = None,
    max_order: Annotated[int | None, typer.Option(help="Lists in the largest term of the models searched.")] = None,
    chapman: Annotated[bool, typer.Option("--chapman", help="Two lists: Chapman's estimator.")] = False,
    pair: Annotated[str | None, typer.Option(help="The two lists for --chapman, as a,b.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Every two lists: Lincoln-Petersen and Chapman.")] = False,
    chao: Annotated[bool, typer.Option("--chao", help="Chao's lower bound.")] = False,
    bayes: Annotated[bool, typer.Option("--bayes", help="Bayesian log-linear model.")] = False,
    prior: Annotated[
        str, typer.Option(help="Prior of the interactions for --bayes: horseshoe, normal or r2.")
    ] = "horseshoe",
    latent_class: Annotated[bool, typer.Option("--latent-class", help="Latent classes of persons.")] = False,
    heterogeneity: Annotated[bool, typer.Option("--heterogeneity", help="Persons unlike, normally.")] = False,
    threshold: Annotated[bool, typer.Option("--threshold", help="Bayesian threshold, two-list interactions.")] = False,
    averaging: Annotated[bool, typer.Option("--averaging", help="Bayesian averaging over log-linear models.")] = False,
    search: Annotated[
        str | None, typer.Option(help="exhaustive, downhill or stepwise; by default exhaustive up to 6 lists.")
    ] = None,
    n_boot: Annotated[int, typer.Option(help="Resamples in which --select is repeated; 0 for none.")] = 0,
    average: Annotated[bool, typer.Option("--average", help="Log-linear models averaged by BIC.")] = False,
    interval: Annotated[str, typer.Option(help="profile or log-normal, for --model.")] = "profile",
    level: Annotated[float, typer.Option(help="Level of the interval.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed, for Bayesian models, --average and resamples.")] = 1,
    covariate: Covariate = None,
    stratum: Stratum = None,
    how: Annotated[Format, typer.Option("--format", help="How to print the estimates.")] = Format.table,
) -> None:
    """Estimate the total from a table of capture histories; by default the model selected by BIC.

    With the folder that mse link wrote each model is fitted to every draw of the linkage and the answers are pooled.
    With --stratum each model is fitted to every stratum by itself, and the totals are added.
    Ends with 3 when one of the models asked for gives no number; its reason goes to standard error.
    """
    from mse.interval import check_level
    from mse.models.loglinear.fitting import fit_loglinear
    from mse.models.loglinear.search import select_loglinear
    from mse.models.loglinear.space import MOST_LISTS

    check_level(level)
    lists, answer = _source(path, covariate, stratum, seed)
    asked: list[tuple[str, Callable[..., Estimate]]] = []
    if chapman:
        from mse.models import two_lists

        two = pair.split(",") if pair is not None else None
        asked.append(("Chapman", partial(two_lists.chapman, lists=two)))
    if pairs:
        from mse.models import two_lists

        for both in combinations(lists, 2):
            for name, estimator in (("Lincoln-Petersen", two_lists.lincoln_petersen), ("Chapman", two_lists.chapman)):
                asked.append((f"{name} [{both[0]}][{both[1]}]", partial(estimator, lists=both)))
    if chao:
        from mse.models.lower_bound import chao_lower_bound

        asked.append(("Chao's lower bound", chao_lower_bound))
    asked += [(text, partial(fit_loglinear, model=text, interval=interval)) for text in model or ()]
    is_asked = bayes or average or averaging or latent_class or heterogeneity or threshold
    default = () if asked or is_asked else ("bic",)
    how_to_search = search or ("exhaustive" if len(lists) <= MOST_LISTS else "downhill")
    asked += [
        (
            f"selected by {by}",
            partial(select_loglinear, by=by, search=how_to_search, max_order=max_order, n_boot=n_boot),
        )
        for by in select or default
    ]
    if average:
        from mse.models.loglinear.averaging import average_loglinear

        asked.append(("averaged by BIC", partial(average_loglinear, max_order=max_order)))
    if bayes:
        from mse.models.bayes.loglinear import bayes_loglinear

        order = 2 if max_order is None else max_order
        fit = partial(bayes_loglinear, prior=prior, max_order=order)
        asked.append((f"Bayesian log-linear, {prior} prior", fit))
    if threshold:
        from mse.models.bayes.thresholding import bayes_threshold

        order = 2 if max_order is None else max_order
        asked.append(("Bayesian threshold", partial(bayes_threshold, max_order=order)))
    if averaging:
        from mse.models.bayes.model_averaging import bayes_averaging

        order = 2 if max_order is None else max_order
        asked.append(("Bayesian model averaging", partial(bayes_averaging, max_order=order)))
    if latent_class:
        from mse.models.bayes import latent_mixture

        asked.append(("latent class", latent_mixture.latent_class))
    if heterogeneity:
        from mse.models.bayes import person_heterogeneity

        asked.append(("persons unlike", person_heterogeneity.heterogeneity))
    _answer([(name, partial(answer, fit)) for name, fit in asked], level, how)


def reproduce(
    work: Annotated[
        str | None, typer.Argument(help="scv2024 or csv2021: its bootstrap limits too, with many seeds.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Publication or dataset; by default all.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds 1 to this one; 2 for a quick look.")] = 20,
    n_boot: Annotated[int, typer.Option(help="Resamples for each seed; the papers took 1000.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results, and where a stopped run goes on: reproduced/WORK.")
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Workers; the result does not depend on it.")] = 1,
    how: Annotated[Format, typer.Option("--format", help="How to print the comparison.")] = Format.table,
) -> None:
    """Recompute published numbers from the tables that come with the package: ours, published, difference.

    With the name of a publication its bootstrap limits are recomputed with many seeds, and its figures drawn:
    mse reproduce scv2024 --seeds 2
    """
    import numpy as np

    from mse.errors import BadInput
    from mse.reproduce import reproduce as recompute
    from mse.reproduce import rerun

    if work is not None:
        if only:
            raise BadInput(f"--only {only[0]} chooses among point estimates and does not go with {work}; leave it out")
        folder = out or Path("reproduced") / work
        _show_limits(rerun(work, n_seeds=seeds, n_boot=n_boot, out=folder, n_jobs=n_jobs), folder, how)
        return
    frame = recompute(only=only)
    if how is not Format.table:
        show(frame, how)
        return
    digits = (-np.log10(2 * frame["tolerance"])).round().clip(lower=0).astype(int)
    for name in ("ours", "published"):
        frame[name] = [f"{value:,.{n + (name == 'ours')}f}" for value, n in zip(frame[name], digits, strict=True)]
    show(frame[["work", "dataset", "call", "quantity", "ours", "published", "difference", "agrees"]], how)
    say(f"{int(frame['agrees'].sum())} of {len(frame)} published numbers agree to half a unit of their last digit")


def norway(
    out: Annotated[Path, typer.Option(help="Folder for the lists, their codebooks, the truth and a study file.")],
    seed: Annotated[int, typer.Option(help="Seed: the same seed gives the same bytes.")],
    scenario: Annotated[
        str, typer.Option(help="2020, or the years 2017-2022 with the arrivals from Ukraine.")
    ] = "2020",
    true_n: Annotated[int, typer.Option(help="True number of adults.")] = 700,
) -> None:
    """Make synthetic lists of Norwegian agencies with a known truth; no real person is in them."""
    from mse.synthetic import simulate_norway

    simulate_norway(scenario=scenario, true_n=true_n, seed=seed, out=out)
    say(f"wrote {out}: synthetic lists of {scenario} with a true number of {true_n:,} adults, seed {seed}")


def _show_limits(frame: "pd.DataFrame", folder: Path, how: Format) -> None:
    """Published limits beside the range of ours, and how many agree."""
    if how is not Format.table:
        show(frame, how)
        return
    shown = frame.copy()
    for name in ("published", "ours", "smallest", "largest", "from", "to"):
        shown[name] = ["" if value != value else f"{value:,.0f}" for value in shown[name]]
    for name in ("n_top", "ordering"):
        shown[name] = ["" if value == 0 else f"{value:g}" for value in shown[name]]
    show(shown.drop(columns="seeds"), how)
    agree = int((frame["verdict"] == "agrees").sum())
    say(
        f"{agree} of {len(frame)} published numbers agree: limits between the 1 % and 99 % points of ours (from, to), "
        "counts within four standard errors, points as printed"
    )
    say(f"every number of every seed is in {folder}")


def _read(path: Path, covariates: list[str] | None) -> "CaptureHistories":
    """Capture histories of a file, or of a published table by its name, summed over covariates."""
    from mse.datasets import dataset_names, load_dataset
    from mse.histories import read_histories

    if not path.exists() and str(path) in dataset_names():
        return load_dataset(str(path))
    return read_histories(path, covariates=tuple(covariates or ())).collapse_strata()


def _source(
    path: Path, covariates: list[str] | None, strata: list[str] | None, seed: int
) -> "tuple[tuple[str, ...], Callable[[Callable[..., Estimate]], Estimate]]":
    """The lists of a table or of a folder of draws, and how a model is fitted to it: once, or to every draw."""
    from mse.errors import BadInput
    from mse.histories import read_histories
    from mse.propagation import each_stratum, propagate
    from mse.propagation.calling import SeededFit

    def asked(fit: "Callable[..., Estimate]") -> "Callable[..., Estimate]":
        return each_stratum(fit) if strata else fit

    if not path.is_dir():
        if strata and covariates:
            raise BadInput(f"--covariate {covariates[0]} sums and --stratum {strata[0]} parts; give one of the two")
        table = read_histories(path, covariates=strata) if strata else _read(path, covariates)
        return table.lists, lambda fit: SeededFit.of(asked(fit))(table, seed)
    if covariates:
        raise BadInput(f"--covariate {covariates[0]} does not go with links, whose records are counted; leave it out")
    tables = read_draws(path, strata)
    return tables[0].lists, lambda fit: propagate(asked(fit), tables, seed=seed)


def _answer(asked: "list[tuple[str, Callable[[], Estimate]]]", level: float, how: Format) -> None:
    """Print every answer and refusal; refuse when there is no answer at all."""
    import pandas as pd

    from mse.errors import Refused
    from mse.estimate import to_frame

    rows, refusals = [], []
    for name, ask in asked:
        try:
            estimate = ask()
            parts = getattr(estimate, "per_stratum", {})
            frame = to_frame([*parts.values(), estimate], level=level)
            if parts:
                frame.insert(0, "stratum", [*parts, "all"])
            rows.append(frame.assign(refused=""))
        except Refused as refusal:
            refusals.append(refusal)
            rows.append(pd.DataFrame([{"model": name, "refused": " ".join(refusal.reasons)}]))
    if len(refusals) < len(rows) or how is not Format.table:
        frame = pd.concat(rows, ignore_index=True)
        show(frame.drop(columns="refused") if not refusals else frame, how)
    if len(refusals) == len(rows):
        raise (
            refusals[0]
            if len(refusals) == 1
            else Refused(
                "\n".join(str(refusal) for refusal in refusals),
                reasons=[reason for refusal in refusals for reason in refusal.reasons],
            )
        )
