"""The prior that the options of `bayes_loglinear` ask for, and what they are when nobody says."""

from mse.errors import BadInput
from mse.models.bayes.interaction_scales import KINDS, R2_RANGE, beta_of
from mse.models.bayes.prior_of_hidden import log_hidden_of
from mse.models.bayes.shrinkage_density import ShrinkagePrior

__all__ = ["COUNT_SPREAD", "INTERACTION_SCALE", "PRIOR_HIDDEN", "R2_SPLIT", "shrinkage_prior"]

LIKELIHOODS = ("poisson", "negative_binomial")
PRIOR_HIDDEN = (0.05, 20.0)
INTERACTION_SCALE = 0.5
R2_SPLIT = 0.5
COUNT_SPREAD = 0.3


def shrinkage_prior(
    prior: str,
    prior_hidden: tuple[float, float],
    interaction_scale: float,
    r2: tuple[float, float],
    r2_split: float,
    likelihood: str,
    count_spread: float,
) -> ShrinkagePrior:
    """Check the options of the prior and the likelihood; one without a use is refused."""
    for name, value, offered in (("prior", prior, KINDS), ("likelihood", likelihood, LIKELIHOODS)):
        if value not in offered:
            raise BadInput.option(name, value, offered)
    scales = {
        "interaction_scale": (interaction_scale, INTERACTION_SCALE, prior != "r2", f"prior={prior!r}"),
        "r2_split": (r2_split, R2_SPLIT, prior == "r2", f"prior={prior!r}"),
        "count_spread": (count_spread, COUNT_SPREAD, likelihood != "poisson", f"likelihood={likelihood!r}"),
    }
    for option, (scale, usual, has_use, choice) in scales.items():
        if not 0 < scale < float("inf"):
            raise BadInput(f"{option}={scale!r} is not a scale; give a number above 0, such as {usual}")
        if scale != usual and not has_use:
            raise BadInput(f"{option}={scale!r} has no use with {choice}; leave it out")
    if tuple(r2) != R2_RANGE and prior != "r2":
        raise BadInput(f"r2={r2!r} has no use with prior={prior!r}; leave it out, or give prior='r2'")
    return ShrinkagePrior(
        prior,
        *log_hidden_of(prior_hidden),
        global_scale=interaction_scale,
        r2=beta_of("r2", r2),
        r2_split=r2_split,
        spread_scale=None if likelihood == "poisson" else count_spread,
    )
