"""The Bayesian log-linear model on simulated persons with a known total and two dependent pairs of lists."""

import numpy as np
import pytest
from scipy.stats import binom

from mse.histories import CaptureHistories
from mse.models.bayes.loglinear import bayes_loglinear
from mse.models.loglinear.terms import all_terms, design_matrix

pytestmark = pytest.mark.slow

TRUE_N = 1200
N_TABLES = 24
LEVEL = 0.9
LIST_EFFECTS = (-1.6, -1.2, -1.9, -1.4)
# Of the six pairs, one positive and one negative dependence.
INTERACTIONS = (1.0, 0.0, 0.0, 0.0, 0.0, -0.8)


def simulated(seed):
    """Tables of counts drawn from the model with the total held at TRUE_N; the missing cell is left out."""
    singles = [1 << (3 - j) for j in range(4)]
    design = design_matrix([*singles, *all_terms(4, 2)], 4)[:, 1:]
    means = np.concatenate([[1.0], np.exp(design @ np.array([*LIST_EFFECTS, *INTERACTIONS]))])
    counts = np.random.default_rng(seed).multinomial(TRUE_N, means / means.sum(), size=N_TABLES)
    return [CaptureHistories(("a", "b", "c", "d"), row[1:]) for row in counts]


@pytest.mark.parametrize("prior", ["horseshoe", "normal"])
def test_intervals_cover_the_true_total(prior):
    """Credible intervals cover about as often as they say, and their medians lie around the truth."""
    told = [bayes_loglinear(h, prior=prior, seed=i, n_draws=400) for i, h in enumerate(simulated(seed=8))]
    covered = sum(e.interval(LEVEL).low <= TRUE_N <= e.interval(LEVEL).high for e in told)
    assert covered >= binom(N_TABLES, LEVEL).ppf(0.001)
    ratios = np.log([e.n_hat / TRUE_N for e in told])
    # The prior pulls the interactions, and with them N; a tenth is allowed beside four standard errors.
    assert abs(ratios.mean()) < 0.1 + 4 * ratios.std() / np.sqrt(N_TABLES)
