"""Calibration of `multilevel`: common values, standard deviations between strata, and the strata from them."""

from collections.abc import Mapping

import numpy as np

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.prior_of_hidden import log_hidden_of
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap
from simulations.calibration_loglinear import log_linear_cells

__all__ = ["MULTILEVEL"]

LISTS = tuple("ABC")
STRATA = ("s0", "s1", "s2")
ENDS = (50, 500)  # of each stratum
PRIOR_HIDDEN, INTERACTION_SCALE, DIFFERENCE_SCALE = (0.05, 20.0), 0.5, 0.5
LIST_EFFECT_SD, TAU_DF = 1.5, 3
N_DRAWS = 500
# Three times as quick as PyMC's on the same density; its draws may in rare cases not repeat from the seed.
SAMPLER = "nutpie"
SEED = 20277


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    mean, sd = log_hidden_of(PRIOR_HIDDEN)
    n_lists, n_strata = len(LISTS), len(STRATA)
    while True:
        totals = [from_one_over_n(ENDS, random) for _ in STRATA]
        tau = INTERACTION_SCALE * abs(random.standard_t(TAU_DF))
        of_hidden, of_lists, of_interactions = np.abs(random.normal(0, DIFFERENCE_SCALE, 3))
        ratios = random.normal(mean, sd) + of_hidden * random.normal(size=n_strata)
        # Lists around their mean: of the contrasts, which are orthonormal, each has the standard deviation.
        apart = LIST_EFFECT_SD * random.normal(size=n_lists) + of_lists * random.normal(size=(n_strata, n_lists))
        apart -= apart.mean(axis=1, keepdims=True)
        interactions = tau * random.normal(size=3) + of_interactions * random.normal(size=(n_strata, 3))
        counts = np.array(
            [
                random.multinomial(total, log_linear_cells(apart[s], interactions[s], ratios[s]))
                for s, total in enumerate(totals)
            ]
        )
        if has_overlap(counts.sum(axis=0)) and counts[:, 1:].any(axis=1).all():
            truth = {"n": sum(totals), "first": totals[0], "difference": of_hidden, "tau": tau}
            return truth, CaptureHistories(LISTS, counts[:, 1:].T, strata=STRATA, covariates=("region",))


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    posterior = mse.multilevel(
        histories,
        seed=seed,
        prior_hidden=PRIOR_HIDDEN,
        interaction_scale=INTERACTION_SCALE,
        difference_scale=DIFFERENCE_SCALE,
        n_draws=N_DRAWS * length,
        sampler=SAMPLER,
        allow_unconverged=allow_unconverged,
    )
    draws = {
        "n": posterior.draws.sum(axis=1),
        "first": posterior.draws[:, 0],
        "difference": posterior.idata.posterior["sd_hidden"].to_numpy().ravel(),
        "tau": posterior.idata.posterior["tau"].to_numpy().ravel(),
    }
    return Sample(draws, posterior.draws, posterior.diagnostics)


MULTILEVEL = Calibration(
    name="multilevel",
    says="`multilevel`",
    ranked={
        "n": "N of all strata",
        "first": "N of a stratum",
        "difference": "standard deviation of hidden per seen",
        "tau": "common size of the interactions",
    },
    ends=ENDS,
    seed=SEED,
    settings={
        "lists": len(LISTS),
        "strata": len(STRATA),
        "prior_hidden": list(PRIOR_HIDDEN),
        "interaction_scale": INTERACTION_SCALE,
        "difference_scale": DIFFERENCE_SCALE,
        "n_draws": N_DRAWS,
        "sampler": SAMPLER,
    },
    data_set=_data_set,
    sample=_sample,
)
