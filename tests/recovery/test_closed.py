"""Closed-population models, sample coverage and the one-inflated bound on simulated persons with a known total."""

import numpy as np
import pytest

from mse.errors import Refused
from mse.histories import CaptureHistories
from mse.models.closed.family import closed_population
from mse.models.coverage import sample_coverage
from mse.models.lower_bound import chao_lower_bound
from mse.models.one_inflation import one_inflated_lower_bound

pytestmark = pytest.mark.slow

TRUE_N = 1000
N_TABLES = 500
Z = 4  # standard errors of the simulation
CHANCES = (0.1, 0.3, 0.2, 0.15)


def simulated(chances, *, seed, spread=0.0, sent_on=0.0):
    """Tables of persons whose log odds of every list have a normal part in common; a share of those on the first list
    is sent on to the second."""
    rng = np.random.default_rng(seed)
    log_odds = np.log(np.asarray(chances) / (1 - np.asarray(chances)))
    own = spread * rng.standard_normal((N_TABLES, TRUE_N, 1))
    on_list = rng.random((N_TABLES, TRUE_N, len(log_odds))) < 1 / (1 + np.exp(-log_odds - own))
    on_list[:, :, 1] |= on_list[:, :, 0] & (rng.random((N_TABLES, TRUE_N)) < sent_on)
    value = on_list @ (1 << np.arange(len(log_odds))[::-1])
    names = tuple("abcdef"[: len(log_odds)])
    return [CaptureHistories(names, np.bincount(row, minlength=2 ** len(log_odds))[1:]) for row in value]


def summary(method, tables):
    """Mean of N-hat, its standard error, the share of 95 % intervals that hold the truth, mean squared error given."""
    estimates = []
    for h in tables:
        try:
            estimates.append(method(h))
        except Refused:
            continue
    assert len(estimates) > 0.95 * len(tables)
    n_hat = np.array([estimate.n_hat for estimate in estimates])
    ends = [estimate.interval() for estimate in estimates]
    holds = np.mean([end.low <= TRUE_N <= end.high for end in ends])
    given = np.median([estimate.diagnostics["standard_error"] for estimate in estimates])
    return n_hat.mean(), n_hat.std() / np.sqrt(len(n_hat)), holds, given / n_hat.std()


def band(level=0.95):
    return Z * (level * (1 - level) / N_TABLES) ** 0.5


@pytest.mark.parametrize(("model", "chances"), [("M0", (0.2,) * 4), ("M0", (0.4,) * 4), ("Mt", CHANCES)])
def test_persons_alike(model, chances):
    """Where persons are alike the mean is within 2 % of the truth and the multinomial profile covers it."""
    mean, _, holds, ratio = summary(
        lambda h: closed_population(h, model=model, likelihood="multinomial"), simulated(chances, seed=30)
    )
    assert mean == pytest.approx(TRUE_N, rel=0.02)
    assert holds == pytest.approx(0.95, abs=band())
    assert ratio == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("interval", ["log-normal", "profile"])
def test_poisson_intervals_are_too_short_where_few_are_hidden(interval):
    """With four lists of 40 % one person in eight is hidden, and the intervals of the Poisson likelihood cover less
    than 88 %; their notes say so. With lists of 5 % they cover as they should."""
    tables = simulated((0.4,) * 4, seed=30)
    assert summary(lambda h: closed_population(h, model="M0", interval=interval), tables)[2] < 0.88
    assert "too short" in closed_population(tables[0], model="M0", interval=interval).notes[-1]
    tables = simulated((0.05,) * 4, seed=30)
    assert summary(lambda h: closed_population(h, model="M0", interval=interval), tables)[2] > 0.95 - band()
    assert closed_population(tables[0], model="M0", interval=interval).notes == ()


def test_persons_unlike():
    """Log odds with a standard deviation of 1: independence lies far below, Chao's bound below but nearer, and the
    four forms follow one another."""
    tables = simulated(CHANCES, seed=31, spread=1.0)
    means = [summary(lambda h: closed_population(h, model="Mt", interval="log-normal"), tables)[0]]
    for form in ("chao", "poisson2", "darroch", "gamma3.5"):
        found = [closed_population(h, heterogeneity=form, interval="log-normal").n_hat for h in tables]
        means.append(float(np.median(found)))
    assert means == sorted(means)
    assert means[0] < means[1] < TRUE_N < means[4]
    assert means[1] - means[0] > 0.05 * TRUE_N


def test_darroch_is_right_for_its_own_persons():
    """With normal log odds among the persons on no list Darroch's form is the truth; drawn so, its median is near."""
    rng = np.random.default_rng(32)
    log_odds, tau = np.log(np.array(CHANCES) / (1 - np.array(CHANCES))), 0.8
    on = np.arange(16)[:, None] >> np.arange(4)[::-1] & 1
    share = np.exp(on @ log_odds + tau * on.sum(axis=1) ** 2 / 2)
    tables = rng.multinomial(10 * TRUE_N, share / share.sum(), size=N_TABLES)
    found = []
    for counts in tables:
        h = CaptureHistories(tuple("abcd"), counts[1:])
        found.append(closed_population(h, heterogeneity="darroch", interval="log-normal"))
    assert np.median([f.n_hat for f in found]) == pytest.approx(10 * TRUE_N, rel=0.02)
    ends = [f.interval() for f in found]
    assert np.mean([end.low <= 10 * TRUE_N <= end.high for end in ends]) == pytest.approx(0.95, abs=band())


def test_removal():
    """First captures at 0.3 an occasion, and recaptures at 0.6: Mb finds the truth, Mt does not."""
    rng = np.random.default_rng(33)
    tables = []
    for _ in range(N_TABLES):
        on_list = np.zeros((TRUE_N, 5), dtype=bool)
        for j in range(5):
            on_list[:, j] = rng.random(TRUE_N) < np.where(on_list[:, :j].any(axis=1), 0.6, 0.3)
        tables.append(
            CaptureHistories(tuple("abcde"), np.bincount(on_list @ (1 << np.arange(5)[::-1]), minlength=32)[1:])
        )
    for interval, likelihood in (("log-normal", "poisson"), ("profile", "multinomial")):
        options = {"model": "Mb", "ordered": True, "interval": interval, "likelihood": likelihood}
        mean, _, holds, ratio = summary(lambda h, given=options: closed_population(h, **given), tables)
        assert mean == pytest.approx(TRUE_N, rel=0.02)
        assert holds == pytest.approx(0.95, abs=band())
        assert ratio == pytest.approx(1, abs=0.15)
    assert summary(lambda h: closed_population(h, model="Mt"), tables)[0] < 0.95 * TRUE_N


def test_sample_coverage_with_referral():
    """Two fifths of the first list are sent on to the second: the low form is nearer the truth than independence."""
    tables = simulated((0.3, 0.4, 0.35, 0.3), seed=34, sent_on=0.4)
    independent, low = (
        summary(lambda h, v=variant: sample_coverage(h, variant=v), tables) for variant in ("independent", "low")
    )
    assert abs(low[0] - TRUE_N) < abs(independent[0] - TRUE_N)
    assert independent[0] < TRUE_N
    assert low[3] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("variant", ["independent", "low", "high"])
def test_sample_coverage_of_independent_lists(variant):
    """Independent lists: every variant near the truth, and the delta method tells its spread and covers."""
    mean, _, holds, ratio = summary(
        lambda h: sample_coverage(h, variant=variant), simulated((0.3, 0.4, 0.35, 0.3), seed=35)
    )
    assert mean == pytest.approx(TRUE_N, rel=0.02)
    assert holds == pytest.approx(0.95, abs=band())
    assert ratio == pytest.approx(1, abs=0.15)


def test_one_inflation():
    """A fifth of the population seen once more than due: Chao's bound rises above the truth, this one does not."""
    rng = np.random.default_rng(36)
    tables = simulated((0.3, 0.4, 0.35, 0.3), seed=36)
    inflated = []
    for h in tables:
        counts = h.counts.copy()
        counts[2 ** np.arange(4) - 1] += rng.multinomial(TRUE_N // 5, [0.25] * 4)
        inflated.append(CaptureHistories(h.lists, counts))
    true_n = 1.2 * TRUE_N  # those added are persons too
    ours = np.array([one_inflated_lower_bound(h).n_hat for h in inflated])
    assert np.median(ours) == pytest.approx(true_n, rel=0.03)
    assert np.mean([chao_lower_bound(h).n_hat for h in inflated]) > 1.1 * true_n
    ends = [one_inflated_lower_bound(h).interval() for h in inflated]
    assert np.mean([end.low <= true_n <= end.high for end in ends]) > 0.95 - band()
