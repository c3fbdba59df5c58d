"""Pooled intervals and corrections on simulated persons whose links are in doubt, with a known total."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import mse
from mse.histories import CaptureHistories
from mse.links import Links
from mse.propagation import di_consiglio_tuoto, ding_fienberg, linkage_errors

pytestmark = pytest.mark.slow

TRUE_N = 1000
N_TABLES = 400
Z = 4  # standard errors of the simulation
independence = partial(mse.fit_loglinear, model="independence", interval="log-normal")


def doubtful_links(chances, *, n_draws, seed, doubted=0.5, confused=0.15):
    """Links of simulated persons, the linker being right about how sure it is.

    A person on the first two lists alone looks like two with probability `doubted`, and a person on the first alone
    like somebody on the second alone with probability `confused`. The linker cannot tell the two kinds of pairs apart
    and joins each with the probability that it is one person.
    """
    rng = np.random.default_rng(seed)
    on_list = rng.random((TRUE_N, len(chances))) < chances
    rows, columns = np.nonzero(on_list)
    records = pd.DataFrame({"list": np.array(list("abcdef"))[columns], "record": np.arange(len(rows))})
    rest = on_list[:, 2:].any(axis=1)
    both = np.flatnonzero(on_list[:, 0] & on_list[:, 1] & ~rest)
    first = np.flatnonzero(on_list[:, 0] & ~on_list[:, 1] & ~rest)
    second = np.flatnonzero(~on_list[:, 0] & on_list[:, 1] & ~rest)
    split = both[rng.random(len(both)) < doubted]
    n_confused = min(int((rng.random(len(first)) < confused).sum()), len(second))
    chance_both = chances[0] * chances[1] * doubted
    chance = chance_both / (chance_both + chances[0] * (1 - chances[1]) * confused)
    left = np.concatenate([split, rng.choice(first, n_confused, replace=False)])
    right = np.concatenate([split + TRUE_N, rng.choice(second, n_confused, replace=False)])
    apart = rows + TRUE_N * (np.isin(rows, split) & (columns == 1))
    persons = np.tile(apart, (n_draws, 1))
    for draw in persons:
        joined = rng.random(len(left)) < chance
        new = dict(zip(right[joined], left[joined], strict=True))
        draw[:] = [new.get(person, person) for person in draw.tolist()]
    return Links(records, persons.astype(np.int32), tuple("abcdef"[: len(chances)]))


def covered(fit, chances, *, n_draws, seed):
    """Shares of data sets whose pooled interval, and whose first draw's own interval, hold the truth; median share of
    variance due to linkage; mean of N-hat."""
    pooled, alone, share, n_hat = [], [], [], []
    for number in range(N_TABLES):
        links = doubtful_links(chances, n_draws=n_draws, seed=[seed, number])
        estimate = mse.propagate(fit, links, seed=1)
        one = fit(CaptureHistories.from_links(links)[0]).interval()
        ends = estimate.interval()
        pooled.append(ends.low <= TRUE_N <= ends.high)
        alone.append(one.low <= TRUE_N <= one.high)
        share.append(estimate.diagnostics["linkage_share"])
        n_hat.append(estimate.n_hat)
    return np.mean(pooled), np.mean(alone), np.median(share), np.mean(n_hat)


BAND = Z * (0.95 * 0.05 / N_TABLES) ** 0.5


@pytest.mark.parametrize(
    ("fit", "chances", "n_draws"),
    [
        (mse.chapman, (0.2, 0.25), 20),
        (mse.chapman, (0.2, 0.25), 5),
        (independence, (0.2, 0.25, 0.1), 20),
    ],
)
def test_pooled_intervals_cover(fit, chances, n_draws):
    """With a linker that is right about its doubt the 95 % interval covers, and that of one draw does not."""
    pooled, alone, share, n_hat = covered(fit, chances, n_draws=n_draws, seed=40)
    print(f"{n_draws} draws: covered {pooled:.3f}, by one draw {alone:.3f}, share {share:.2f}, mean N {n_hat:.0f}")
    assert pooled == pytest.approx(0.95, abs=BAND)
    assert alone < pooled
    assert n_hat == pytest.approx(TRUE_N, rel=0.03)
