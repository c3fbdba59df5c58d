"""A study from its file to its report: every stage on disk, a killed run finished by the next."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mse.estimate import Estimate
from mse.interval import Interval
from mse.provenance import sha256_of_file
from mse.report import write_report
from mse.robustness.verdict import Verdict
from mse.study import layout, stages
from mse.study.claim import claimed
from mse.study.declared import write_declared
from mse.study.estimates import PlannedModel, planned_models, run_model, run_sensitivity
from mse.study.findings import read_findings, read_results
from mse.study.journal import Journal, open_journal
from mse.study.lists import Lists, read_lists, write_set_aside
from mse.study.plan import Plan, read_plan
from mse.study.quality import write_quality
from mse.study.stage import run_stage
from mse.study.storage import read_result

__all__ = ["StudyResult", "run_study"]

type Hashes = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study found, and where it stands on disk.

    Attributes
    ----------
    folder, report : Path
        The output folder and the HTML report in it.
    n_records : int
        Records on all lists together.
    distinct : Interval
        Distinct persons over the draws of the linkage, with median.
    verdict : Verdict
    asked : tuple of str
        For each estimate what the study asked for, for example "log-linear model selected by BIC".
    estimates : tuple of Estimate
    refusals : tuple of (str, str)
        Models that gave no number: name and reason.
    sensitivity : mapping of str to float
        One model refitted on every draw of the linkage: `low`, `median`, `high`, `n_refused`, `n_draws`, and, where
        at most 5 % of the draws were refused, `pooled`, `pooled_low`, `pooled_high`, `linkage_share`.
    notes : tuple of str
        What the reader of the numbers must know.
    """

    folder: Path
    report: Path
    n_records: int
    distinct: Interval
    verdict: Verdict
    asked: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    refusals: tuple[tuple[str, str], ...]
    sensitivity: Mapping[str, float]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"{self.n_records:,} records, {self.distinct.median:,.0f} distinct persons "
            f"({self.distinct.low:,.0f} to {self.distinct.high:,.0f}); verdict: {self.verdict.outcome}; "
            f"{len(self.estimates)} estimates, {len(self.refusals)} refusals; report in {self.report}"
        )


def run_study(path: str | Path, *, out: str | Path | None = None, progress: bool | None = None) -> StudyResult:
    """Run a study file from the agencies' lists to the report.

    Each stage is written to its own folder and finished by a record of its input and output hashes. A run that was
    killed is taken up where it stopped, and leaves the same bytes as an undisturbed one in every file but `run.log`.

    Parameters
    ----------
    path : path
        The study file (TOML).
    out : path, optional
        Folder of the results. By default a folder beside the study file, named after it: `study.toml` gives
        `study-results`.
    progress : bool, optional
        Whether to show a progress bar; by default only when standard error is a terminal.

    Returns
    -------
    StudyResult

    Raises
    ------
    BadInput
        When the study file or a list cannot be used, or the registers may not be linked; nothing is written then.
        When a plain register holds a risk of disclosure that the study file does not accept; no pseudonym is written
        then. Also when another run works in the folder.
    Refused
        When the records cannot be linked. A model that refuses is a result, and not an error.

    References
    ----------
    GATHER statement: Stevens et al. (2016), doi:10.1016/S0140-6736(16)30388-9.

    Examples
    --------
    >>> import mse
    >>> mse.run_study("study.toml", out="results").verdict.outcome  # doctest: +SKIP
    'distinct_persons_only'
    """
    plan = read_plan(Path(path))
    lists = read_lists(plan)
    folder = plan.path.with_name(f"{plan.path.stem}-results") if out is None else Path(out)
    models = planned_models(plan)
    n_steps = 8 + (plan.truth is not None) + len(models)
    with claimed(folder, plan.name), open_journal(folder / layout.LOG, n_steps, shown=progress) as journal:
        _Run(folder, plan, lists, models, journal).all_stages()
        results = read_results(folder)
    return StudyResult(
        folder,
        folder / layout.REPORT / "report.html",
        results.n_records,
        results.histories.distinct,
        results.verdict,
        results.asked,
        results.estimates,
        results.refusals,
        results.sensitivity,
        results.notes,
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """One run of a study; every stage reads what the one before wrote, so that a resumed run sees the same values."""

    folder: Path
    plan: Plan
    lists: Lists
    models: tuple[PlannedModel, ...]
    journal: Journal

    def all_stages(self) -> None:
        """From lists to report, in their order."""
        plan, lists = self.plan, self.lists
        key = {"project": plan.project, "key": lists.key.fingerprint if lists.key is not None else None}
        names = {one.name: one.list_name for one in lists.registers}
        study = {"study": sha256_of_file(plan.path)}
        read = self.stage(layout.LISTS, {**lists.sha256, **study}, {}, self._write_lists)
        how = {**key, "encoding": plan.encoding, "accept_risks": list(plan.accept_risks)}
        encoded = self.stage(layout.PSEUDONYMS, lists.sha256, how, lambda to: stages.write_pseudonyms(to, lists, plan))
        own = self.stage(layout.AGENCY_ONLY, lists.sha256, key, lambda to: stages.write_agency_only(to, lists))
        linked = self.links(encoded, names)
        quality = self.quality(linked, own)
        counted = self.stage(layout.HISTORIES, linked, {}, self._write_histories)
        seed = {"seed": plan.seed}
        judged = self.stage(layout.FEASIBILITY, counted, seed, self._write_feasibility)
        estimated = self.estimates()
        inputs = {**read, **encoded, **linked, **quality, **counted, **judged, **estimated}
        self.stage(layout.REPORT, inputs, {}, self._write_report)

    def stage(self, name: str, inputs: Hashes, options: Mapping[str, object], write: Callable[[Path], None]) -> Hashes:
        """Run one stage unless it stands finished; the hashes of its files, by path in the output folder."""
        with self.journal.step(name) as kept:
            outputs, was_kept = run_stage(self.folder / name, inputs=inputs, options=options, write=write)
            kept.append(was_kept)
        return {f"{name}/{file}": value for file, value in outputs.items()}

    def links(self, encoded: Hashes, names: Mapping[str, str]) -> Hashes:
        """Link the encoded registers and join them into the lists of the analysis."""
        plan = self.plan
        order = [one.name for one in plan.lists]
        options = {"seed": plan.seed, "n_draws": plan.n_draws, "lists": names, "order": order}

        def write(to: Path) -> None:
            stages.write_links(to, stages.read_registers(self.folder / layout.PSEUDONYMS), plan, names)

        return self.stage(layout.LINKS, encoded, options, write)

    def quality(self, linked: Hashes, own: Hashes) -> Hashes:
        """Compare finished links of synthetic lists with the truth, which nothing before this has opened."""
        truth = self.plan.truth
        if truth is None:
            shutil.rmtree(self.folder / layout.QUALITY, ignore_errors=True)
            return {}
        inputs = {**linked, **own, "truth": sha256_of_file(truth)}

        def write(to: Path) -> None:
            by_register = stages.read_links(self.folder / layout.LINKS)[0]
            write_quality(to, by_register, self.folder / layout.AGENCY_ONLY, truth)

        return self.stage(layout.QUALITY, inputs, {}, write)

    def estimates(self) -> Hashes:
        """Every model in a folder of its own, then the refits over the draws of the linkage."""
        folder = self.folder / layout.ESTIMATES
        histories = stages.read_draws(self.folder / layout.HISTORIES)
        hashes: dict[str, str] = {}
        for planned in self.models:
            with self.journal.step(f"{layout.ESTIMATES}/{planned.folder}") as kept:
                outputs, was_kept = run_model(folder, planned, histories.central)
                kept.append(was_kept)
            hashes |= {f"{layout.ESTIMATES}/{planned.folder}/{file}": value for file, value in outputs.items()}
        known = {planned.folder for planned in self.models}
        with self.journal.step(f"{layout.ESTIMATES}/sensitivity") as kept:
            model = self._model_to_refit()
            if model is not None and len(histories.draws) > 1:
                known.add("sensitivity")
                outputs, was_kept = run_sensitivity(folder, model, histories.draws, self.plan.seed)
                kept.append(was_kept)
                hashes |= {f"{layout.ESTIMATES}/sensitivity/{file}": value for file, value in outputs.items()}
        for left_over in sorted(folder.iterdir()):
            if left_over.name not in known:
                shutil.rmtree(left_over)
        return hashes

    def _model_to_refit(self) -> str | None:
        """The model selected by BIC, else the first log-linear model that gave an estimate."""
        wanted = sorted(
            (planned for planned in self.models if planned.is_log_linear), key=lambda one: one.folder != "select-bic"
        )
        for planned in wanted:
            _, answer = read_result(self.folder / layout.ESTIMATES / planned.folder)
            if not isinstance(answer, str):
                return answer.model
        return None

    def _write_lists(self, to: Path) -> None:
        write_declared(to, self.plan, self.lists, tuple(planned.folder for planned in self.models))
        write_set_aside(to / "set-aside.csv", self.lists)

    def _write_histories(self, to: Path) -> None:
        stages.write_histories(to, stages.read_links(self.folder / layout.LINKS)[1])

    def _write_feasibility(self, to: Path) -> None:
        stages.write_feasibility(to, stages.read_draws(self.folder / layout.HISTORIES).central, self.plan.seed)

    def _write_report(self, to: Path) -> None:
        findings, suppress_below = read_findings(self.folder)
        write_report(findings, to / "report.html", suppress_below=suppress_below)
