"""An estimate under an expert's prior never stands alone: it says so, with the estimate under the default prior."""

from collections.abc import Callable
from dataclasses import replace

from mse.errors import Refused
from mse.estimate import Posterior
from mse.models.bayes.expert_prior import ExpertPrior
from mse.models.bayes.power_scaling import SENSITIVE, prior_sensitivity
from mse.provenance import record

__all__ = ["EXPERT", "beside_default", "refuse_if_ruled_out"]

EXPERT = "EXPERT PRIOR"
# Share of the belief that leaves room for the persons seen.
LEAST_ROOM = 0.01


def refuse_if_ruled_out(expert: ExpertPrior, n_observed: int) -> None:
    """Refuse a belief about N that the number seen has already contradicted."""
    if expert.list is None and 1 - expert.share_below(n_observed) < LEAST_ROOM:
        raise Refused(
            f"the expert ({expert.source}) puts {100 * expert.share_below(n_observed):.1f} % on fewer persons than the "
            f"{n_observed:,} who were seen; the belief and the lists are not about the same population, or one of "
            "them is wrong"
        )


def beside_default[P: Posterior](estimate: P, default: Callable[[], Posterior], expert: ExpertPrior) -> P:
    """The estimate with its expert prior in the name, the notes, the diagnostics and the provenance.

    Parameters
    ----------
    estimate : Posterior
        Under the expert's prior.
    default : callable
        Makes the estimate under the default prior; a refusal of it is told too.
    expert : ExpertPrior
    """
    found = prior_sensitivity(estimate)
    prior, likelihood = found[["prior", "likelihood"]].to_numpy(dtype=float)[0].tolist()
    diagnostics = {"prior_sensitivity": prior, "likelihood_sensitivity": likelihood}
    try:
        other = default()
    except Refused as refusal:
        compared = f"{EXPERT}: under the default prior there is no estimate: {refusal}"
    else:
        ends = other.interval()
        diagnostics |= {"n_hat_default": other.n_hat, "low_default": ends.low, "high_default": ends.high}
        compared = (
            f"{EXPERT}: under the default prior N is {other.n_hat:,.0f}, {ends}; "
            f"the expert moves the median by {100 * (estimate.n_hat / other.n_hat - 1):+.0f} %"
        )
    given = estimate.provenance
    options = {**given["options"], "expert": expert.record()}  # type: ignore[dict-item]
    return replace(
        estimate,
        model=f"{estimate.model}, expert prior on {expert.about}",
        diagnostics={**estimate.diagnostics, **diagnostics},
        provenance=record(
            input_sha256=given["input_sha256"],  # type: ignore[arg-type]
            seed=given["seed"],  # type: ignore[arg-type]
            options=options,
        ),
        notes=(
            f"{EXPERT} {expert.in_words()}",
            compared,
            f"{EXPERT}: power-scaling sensitivity {prior:.3f} to the prior, {likelihood:.3f} to the counts "
            f"({SENSITIVE} and more is sensitive): {found.diagnosis[0]}",
            *estimate.notes,
        ),
    )
