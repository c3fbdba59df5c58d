"""Calibration of `latent_class`: shares of ten classes by broken sticks, uniform capture probabilities in each."""

from collections.abc import Mapping

import numpy as np

import mse
from mse.histories import CaptureHistories
from simulations.calibration import Calibration, Sample, from_one_over_n

__all__ = ["LATENT_CLASS"]

N_LISTS, N_CLASSES = 4, 10
ENDS = (200, 20_000)
PRIOR_ALPHA = (0.25, 0.25)
MAX_STEPS = 80_000
SEED = 20271


def _data_set(number: int) -> tuple[Mapping[str, float], CaptureHistories]:
    random = np.random.default_rng([SEED, number])
    total = from_one_over_n(ENDS, random)
    alpha = max(random.gamma(PRIOR_ALPHA[0], 1 / PRIOR_ALPHA[1]), 1e-12)
    log_rest = np.log(random.uniform(size=N_CLASSES - 1)) / alpha
    left = np.exp(np.concatenate([[0.0], np.cumsum(log_rest)]))
    shares = left * np.concatenate([-np.expm1(log_rest), [1.0]])
    captured = random.uniform(size=(N_CLASSES, N_LISTS))
    classes = random.choice(N_CLASSES, size=total, p=shares / shares.sum())
    on = random.uniform(size=(total, N_LISTS)) < captured[classes]
    cells = on @ (1 << np.arange(N_LISTS)[::-1])
    counts = np.bincount(cells, minlength=2**N_LISTS)[1:]
    return {"n": total}, CaptureHistories(tuple("ABCD"), counts)


def _sample(histories: CaptureHistories, seed: int, length: int, allow_unconverged: bool) -> Sample:
    posterior = mse.latent_class(
        histories,
        n_classes=N_CLASSES,
        seed=seed,
        prior_alpha=PRIOR_ALPHA,
        max_steps=MAX_STEPS * length,
        allow_unconverged=allow_unconverged,
    )
    return Sample({"n": posterior.draws[:, 0]}, posterior.draws, posterior.diagnostics)


LATENT_CLASS = Calibration(
    name="latent-class",
    says="`latent_class`",
    ranked={"n": "N"},
    ends=ENDS,
    seed=SEED,
    settings={"lists": N_LISTS, "classes": N_CLASSES, "alpha": list(PRIOR_ALPHA)},
    data_set=_data_set,
    sample=_sample,
)
