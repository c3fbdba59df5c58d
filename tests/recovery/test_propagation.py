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


def doubtful_links(chances, *, n_draws, seed, knows_share, doubted=0.5, confused=0.15):
    """Links of simulated persons whose linker is right about how sure it is.

    A person on the first two lists alone looks like two with probability `doubted`, and a person on the first alone
    like somebody on the second alone with probability `confused`. The linker cannot tell the two kinds of pairs apart.
    If it knows what share of them are one person, each draw joins with that probability. If not, it knows the two
    error rates only, and learns with every draw how many of the first list are on the second (Gibbs sampling).
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
    left = np.concatenate([split, rng.choice(first, n_confused, replace=False)])
    right = np.concatenate([split + TRUE_N, rng.choice(second, n_confused, replace=False)])
    n_first, n_sure = int(on_list[:, 0].sum()), int((on_list[:, 0] & on_list[:, 1]).sum()) - len(split)
    on_second = np.full((n_draws, 1), chances[1])
    for _ in range(1 if knows_share else 60):
        chance = on_second * doubted / (on_second * doubted + (1 - on_second) * confused)
        joined = rng.random((n_draws, len(left))) < chance
        n_both = n_sure + joined.sum(axis=1, keepdims=True)
        on_second = rng.beta(1 + n_both, 1 + n_first - n_both)
    apart = rows + TRUE_N * (np.isin(rows, split) & (columns == 1))
    person = np.tile(np.arange(2 * TRUE_N), (n_draws, 1))
    for draw in range(n_draws):
        person[draw, right[joined[draw]]] = left[joined[draw]]
    return Links(records, person[:, apart].astype(np.int32), tuple("abcdef"[: len(chances)]))


def covered(fit, chances, *, n_draws, seed, knows_share):
    """Shares of data sets whose pooled interval, and whose first draw's own interval, hold the truth; median share of
    variance due to linkage; mean of N-hat."""
    pooled, alone, share, n_hat = [], [], [], []
    for number in range(N_TABLES):
        links = doubtful_links(chances, n_draws=n_draws, seed=[seed, number], knows_share=knows_share)
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
    """With a linker that learns from the lists alone the 95 % interval covers, and that of one draw falls short."""
    pooled, alone, share, n_hat = covered(fit, chances, n_draws=n_draws, seed=40, knows_share=False)
    print(f"{n_draws} draws: covered {pooled:.3f}, by one draw {alone:.3f}, share {share:.2f}, mean N {n_hat:.0f}")
    assert pooled == pytest.approx(0.95, abs=BAND)
    assert alone < 0.95 - BAND
    assert n_hat == pytest.approx(TRUE_N, rel=0.03)


def test_a_linker_that_knows_more_makes_pooled_intervals_long():
    """Told from outside what share of the doubtful pairs is one person, a linker is surer than Rubin's rules can
    know; the interval errs on the safe side (Meng 1994)."""
    pooled, alone, _, n_hat = covered(mse.chapman, (0.2, 0.25), n_draws=20, seed=40, knows_share=True)
    print(f"covered {pooled:.3f}, by one draw {alone:.3f}, mean N {n_hat:.0f}")
    assert pooled > 0.95
    assert alone == pytest.approx(0.95, abs=BAND)
    assert n_hat == pytest.approx(TRUE_N, rel=0.03)


@pytest.mark.parametrize(("missed", "false"), [(0.0, 0.0), (0.2, 0.0), (0.1, 0.05), (0.3, 0.02)])
def test_corrections_recover_the_total(missed, false):
    """Links missed and made falsely at known rates: the uncorrected number is off as Lincoln-Petersen must be, the
    corrected one is not, and its interval covers."""
    rng = np.random.default_rng([41, int(100 * missed), int(100 * false)])
    plain, corrected, holds = [], [], []
    for _ in range(N_TABLES):
        on_first, on_second = rng.random((2, 2 * TRUE_N)) < [[0.3], [0.25]]
        chance = np.where(on_second, 1 - missed, false)
        linked = int((on_first & (rng.random(2 * TRUE_N) < chance)).sum())
        counts = {(1, 1): linked, (1, 0): int(on_first.sum()) - linked, (0, 1): int(on_second.sum()) - linked}
        h = CaptureHistories.from_counts(("a", "b"), counts)
        estimate = di_consiglio_tuoto(h, missed_link_rate=missed, false_link_rate=false)
        if not false:
            assert estimate.n_hat == ding_fienberg(h, missed_link_rate=missed).n_hat
        plain.append(estimate.diagnostics["uncorrected"])
        corrected.append(estimate.n_hat)
        ends = estimate.interval()
        holds.append(ends.low <= 2 * TRUE_N <= ends.high)
    expected = 2 * TRUE_N * 0.25 / (0.25 * (1 - missed) + 0.75 * false)
    print(f"missed {missed}, false {false}: {np.mean(plain):.0f}, corrected {np.mean(corrected):.0f}, {np.mean(holds)}")
    assert np.mean(plain) == pytest.approx(expected, rel=0.02)
    assert np.mean(corrected) == pytest.approx(2 * TRUE_N, rel=0.02)
    assert np.mean(holds) == pytest.approx(0.95, abs=BAND)


def test_rates_of_draws_that_are_right():
    """Error rates read off the draws are those of the draw's links against the truth, on average, and correct it."""
    found, corrected = [], []
    for number in range(100):
        links = doubtful_links((0.2, 0.25), n_draws=40, seed=[42, number], knows_share=True)
        rates = linkage_errors(links)
        h = CaptureHistories.from_links(links)[links.central_draw]
        estimate = di_consiglio_tuoto(h, missed_link_rate=rates.missed_link_rate, false_link_rate=rates.false_link_rate)
        found.append((rates.missed_link_rate, rates.false_link_rate))
        corrected.append(estimate.n_hat)
    # Doubtful pairs that are one person: 0.125 of the first list; others: 0.1125. Each is joined at chance 0.526.
    chance = 0.125 / (0.125 + 0.1125)
    true = 0.5 * (1 - chance), 0.15 * chance
    assert np.mean(found, axis=0) == pytest.approx(true, rel=0.05)
    assert np.mean(corrected) == pytest.approx(TRUE_N, rel=0.03)
