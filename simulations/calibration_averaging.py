"""Calibration of `bayes_averaging`: model, coefficients and N from the prior of unit information.

Under SBH a draw of the prior is a table with everybody in one cell.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

import mse
from mse.histories import CaptureHistories
from mse.models.bayes.averaging_prior import PRIORS, prior_draws
from mse.models.bayes.averaging_tree import terms_in
from mse.models.bayes.cross_classified import cross_table
from simulations.calibration import Calibration, Sample, from_one_over_n, has_overlap

__all__ = ["AVERAGING"]

N_LISTS, MAX_ORDER, PRIOR = 4, 3, "unit-information"
ENDS = (200, 20_000)
MAX_STEPS = 2_000_000
SEED = 20272


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    lists = tuple("ABCD")
    table = cross_table(CaptureHistories(lists, np.ones(2**N_LISTS - 1, dtype=np.int64)), MAX_ORDER)
    whole = np.concatenate([table.hidden, table.cells.columns.T])
    while True:
        total = from_one_over_n(ENDS, random)
        models, betas, _ = prior_draws(table, PRIORS[PRIOR], 1, random)
        counts = random.multinomial(total, softmax(whole @ betas[0]))
        if has_overlap(counts):
            size = int(terms_in(models, len(table.terms)).sum())
            return {"n": total, "size": size}, CaptureHistories(lists, counts[1:])


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    posterior = mse.bayes_averaging(
        histories,
        prior=PRIOR,
        max_order=MAX_ORDER,
        seed=seed,
        max_steps=MAX_STEPS * length,
        allow_unconverged=allow_unconverged,
    )
    sizes = posterior.idata.posterior["included"].to_numpy().reshape(len(posterior.draws), -1).sum(axis=1)
    return Sample({"n": posterior.draws[:, 0], "size": sizes}, posterior.draws, posterior.diagnostics)


AVERAGING = Calibration(
    name="averaging",
    says="`bayes_averaging`",
    ranked={"n": "N", "size": "interactions in the model"},
    ends=ENDS,
    seed=SEED,
    settings={"lists": N_LISTS, "max_order": MAX_ORDER, "prior": PRIOR},
    data_set=_data_set,
    sample=_sample,
)
