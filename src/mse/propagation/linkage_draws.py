"""A fit repeated over the tables of the linkage draws, with the draws that have no estimate counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mse.errors import Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.propagation.calling import SeededFit
from mse.workers import answers_in_order

__all__ = ["MOST_FAILED", "Outcome", "fit_each", "reasons_of", "refuse_if_many_failed", "seeds_of"]

type Outcome = Estimate | Refused

MOST_FAILED = 0.05  # share of the draws that may be without an estimate
REASONS_TOLD = 4


@dataclass(frozen=True, slots=True)
class _Task:
    histories: CaptureHistories
    seed: int


def seeds_of(seed: int, n_draws: int) -> list[int]:
    """One seed for each draw, below 2**32, from streams that do not overlap."""
    return [int(child.generate_state(1)[0]) for child in np.random.SeedSequence(seed).spawn(n_draws)]


def fit_each(fit: SeededFit, tables: Sequence[CaptureHistories], *, seed: int, n_jobs: int) -> list[Outcome]:
    """The estimate of each table, or why it has none, in order.

    Equal tables are fitted once if the fit takes no seed. If it takes one, each is fitted with the seed of its draw:
    resamples or a sampler's draws that are made anew average out their own noise.
    """
    tasks = [_Task(*task) for task in zip(tables, seeds_of(seed, len(tables)), strict=True)]
    hashes = [table.sha256 for table in tables] if not fit.uses_seed else list(map(str, range(len(tables))))
    first_with = {sha256: number for number, sha256 in reversed(list(enumerate(hashes)))}
    to_fit = sorted(first_with.values())
    answers = answers_in_order(
        lambda task: _outcome(fit, task), [tasks[number] for number in to_fit], text="linkage draws", n_jobs=n_jobs
    )
    found = dict(zip(to_fit, answers, strict=True))
    return [found[first_with[sha256]] for sha256 in hashes]


def refuse_if_many_failed(outcomes: Sequence[Outcome]) -> None:
    """Refuse to pool what is left when more than 5 % of the draws have no estimate.

    The draws that fail are not draws like the others: they have few overlaps, and leaving them out would make the
    total too low and the interval too short.

    Raises
    ------
    Refused
        `reasons` counts the draws for each reason.
    """
    n_failed = sum(isinstance(outcome, Refused) for outcome in outcomes)
    if n_failed > MOST_FAILED * len(outcomes):
        reasons = reasons_of(outcomes)
        raise Refused(
            f"{n_failed} of {len(outcomes)} linkage draws have no estimate, and more than {MOST_FAILED:.0%} cannot be "
            "left out without bending the answer; choose a simpler model, merge small lists, or report the number of "
            f"distinct persons only. Most often: {reasons[0]}",
            reasons=reasons,
        )


def reasons_of(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Why draws have no estimate, the most frequent reason first, each with its number of draws."""
    counted = Counter(str(outcome) for outcome in outcomes if isinstance(outcome, Refused)).most_common()
    told = [f"{n} of {len(outcomes)} linkage draws: {reason}" for reason, n in counted[:REASONS_TOLD]]
    rest = sum(n for _, n in counted[REASONS_TOLD:])
    return (*told, *([f"{rest} of {len(outcomes)} linkage draws: other reasons"] if rest else []))


def _outcome(fit: SeededFit, task: _Task) -> Outcome:
    try:
        return fit(task.histories, task.seed)
    except Refused as refusal:
        # The traceback would keep the tables and half-made fits of every refused draw in memory.
        return refusal.with_traceback(None)
