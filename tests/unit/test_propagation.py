"""Pooling over linkage draws, and the second opinions."""

from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import mse
from mse.errors import BadInput, Refused
from mse.estimate import Posterior, Replicated
from mse.histories import CaptureHistories
from mse.interval import LogNormal
from mse.links import Links
from mse.propagation import Mixed, Pooled, di_consiglio_tuoto, ding_fienberg, linkage_errors, threshold_curve
from mse.propagation.agreement_thresholds import joined_at
from mse.propagation.linkage_draws import seeds_of
from mse.propagation.pooling import pool_tables
from mse.report import plot_thresholds


def two_lists(*both, first=40, second=30):
    """Links of two lists, one draw for each number of persons on both."""
    records = pd.DataFrame({"list": ["a"] * first + ["b"] * second, "record": range(first + second)})
    draws = [[*range(first), *range(m), *range(first, first + second - m)] for m in both]
    return Links(records, np.array(draws, np.int32), ("a", "b"))


def three_lists(n_draws, seed=3):
    """Links of 200 persons on three lists, of whom each draw joins some more or fewer."""
    rng = np.random.default_rng(seed)
    on_list = rng.random((200, 3)) < (0.5, 0.4, 0.3)
    rows, columns = np.nonzero(on_list)
    records = pd.DataFrame({"list": np.array(list("abc"))[columns], "record": range(len(rows))})
    split = rng.random((n_draws, len(rows))) < 0.05
    return Links(records, np.where(split, 1000 + np.arange(len(rows)), rows).astype(np.int32), ("a", "b", "c"))


def posterior(h, seed, n_draws=200):
    """A stand-in for a Bayesian model: draws of N around Lincoln-Petersen."""
    draws = h.n_observed + np.random.default_rng(seed).gamma(20, 2, (n_draws, 1)) * (40 - h.overlap("a", "b")) / 10
    return Posterior("fake", h.n_observed, draws, diagnostics={"r_hat": 1 + seed % 7 / 1000, "ess_bulk": 500.0})


# Pooling by Rubin's rules


def test_equal_draws_give_the_single_fit() -> None:
    """Without doubt about the links nothing is added: the same number, the same log-normal interval at any level."""
    links = two_lists(12, 12, 12, 12)
    estimate, single = mse.propagate(mse.chapman, links, seed=1), mse.chapman(CaptureHistories.from_links(links)[0])
    assert isinstance(estimate, Pooled)
    assert estimate.n_hat == pytest.approx(single.n_hat, rel=1e-12)
    assert estimate.n_observed == single.n_observed
    for level in (0.5, 0.95, 0.99):
        ours, theirs = estimate.interval(level), single.interval(level)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
        assert ours.kind == "rubin"
    assert estimate.diagnostics["linkage_share"] == estimate.diagnostics["between"] == 0
    assert estimate.diagnostics["n_tables"] == 1


def test_a_profile_interval_keeps_its_length() -> None:
    """Equal draws of a model whose interval is not log-normal: as long in persons, around the same estimate."""
    links = three_lists(1)
    links = Links(links.records, np.repeat(links.persons, 3, axis=0), links.lists)
    fit = partial(mse.fit_loglinear, model="[a,b][c]")
    estimate, single = mse.propagate(fit, links, seed=1), fit(CaptureHistories.from_links(links)[0])
    ours, theirs = estimate.interval(), single.interval()
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=1e-9)
    assert estimate.n_hat == pytest.approx(single.n_hat, rel=1e-9)
    assert "profile interval" in estimate.notes[0]


def test_rubin_by_hand() -> None:
    """Two draws, 12 and 14 persons on both: every step of Rubin's rules written out with Chapman's formulas."""
    first, second = 40, 30
    theta, within = [], []
    floor = first + second - 14
    for m in (12, 14):
        n_hat = (first + 1) * (second + 1) / (m + 1) - 1
        variance = (first + 1) * (second + 1) * (first - m) * (second - m) / ((m + 1) ** 2 * (m + 2))
        hidden = n_hat - (first + second - m)
        se_own = np.sqrt(np.log(1 + variance / hidden**2))
        length = hidden * (np.exp(norm.ppf(0.975) * se_own) - np.exp(-norm.ppf(0.975) * se_own))
        theta.append(np.log(n_hat - floor))
        within.append((np.arcsinh(length / (2 * (n_hat - floor))) / norm.ppf(0.975)) ** 2)
    w, b = np.mean(within), np.var(theta, ddof=1)
    total = w + 1.5 * b
    df = (1 + w / (1.5 * b)) ** 2
    half = t.ppf(0.975, df) * np.sqrt(total)

    estimate = mse.propagate(mse.chapman, two_lists(12, 14), seed=1)
    found = estimate.diagnostics
    assert [found[name] for name in ("within", "between", "total", "df")] == pytest.approx([w, b, total, df], rel=1e-9)
    assert found["linkage_share"] == pytest.approx(1.5 * b / total, rel=1e-9)
    ends = estimate.interval()
    assert estimate.n_hat == pytest.approx(floor + np.exp(np.mean(theta)), rel=1e-9)
    expected = floor + np.exp(np.mean(theta) + half * np.array([-1, 1]))
    assert [ends.low, ends.high] == pytest.approx(expected, rel=1e-9)
    assert estimate.per_draw.status.tolist() == ["ok", "ok"]


def test_the_pooled_interval_is_that_of_simulated_totals() -> None:
    """A slow obvious twin: draw N = n + exp(normal) from every draw's own log-normal distribution and mix them."""
    rng = np.random.default_rng(8)
    links = two_lists(*rng.binomial(60, 0.6, size=200), first=150, second=120)
    estimate = mse.propagate(mse.chapman, links, seed=1)
    totals = []
    for h in CaptureHistories.from_links(links):
        rule = mse.chapman(h).uncertainty
        totals.append(rule.n_observed + rule.n_hidden * np.exp(rule.se_log_hidden * rng.standard_normal(500)))
    low, middle, high = np.quantile(np.concatenate(totals), [0.025, 0.5, 0.975])
    ends = estimate.interval()
    # The mixture is a little more skewed than the t interval of its two moments.
    assert [ends.low, estimate.n_hat, ends.high] == pytest.approx([low, middle, high], rel=0.03)
    assert 0.2 < estimate.diagnostics["linkage_share"] < 0.8


def test_more_doubt_about_links_makes_the_interval_longer() -> None:
    """The share due to linkage grows with the spread of the draws."""
    narrow, wide = (mse.propagate(mse.chapman, two_lists(*both), seed=1) for both in ((13, 14, 15), (10, 14, 18)))
    assert wide.diagnostics["linkage_share"] > narrow.diagnostics["linkage_share"] > 0
    assert wide.interval().high - wide.interval().low > narrow.interval().high - narrow.interval().low


def test_resamples_give_the_variance_within() -> None:
    """An estimate with replicates is believed by these, so that the choice of a model in each counts."""
    links = three_lists(3)
    estimate = mse.propagate(
        lambda h, s: mse.select_loglinear(h, by="aic", n_boot=60, interval="percentile", seed=s), links, seed=1
    )
    assert "resamples" in estimate.notes[0]
    tables, seeds = CaptureHistories.from_links(links), seeds_of(1, 3)
    floor = min(h.n_observed for h in tables)
    within = []
    for h, seed in zip(tables, seeds, strict=True):
        one = mse.select_loglinear(h, by="aic", n_boot=60, interval="percentile", seed=seed)
        low, high = np.quantile(one.draws, [0.025, 0.975])
        within.append((np.arcsinh((high - low) / (2 * (one.n_hat - floor))) / norm.ppf(0.975)) ** 2)
    assert estimate.diagnostics["within"] == pytest.approx(np.mean(within), rel=1e-9)


def test_one_draw_says_so() -> None:
    """The number is that of the draw, and neither the interval nor the diagnostics claim to know the linkage."""
    estimate = mse.propagate(mse.chapman, two_lists(12), seed=1)
    assert "one draw: no linkage uncertainty" in str(estimate.interval())
    assert "one draw: no linkage uncertainty" in estimate.notes
    assert "linkage_share" not in estimate.diagnostics


def test_notes_of_the_fits_are_kept() -> None:
    """What every draw says once, and what the draws say differently from the draw with the median total."""
    estimate = mse.propagate(mse.chao_lower_bound, three_lists(5), seed=1)
    assert "a lower bound of the total, not an estimate of it; the interval is that of the bound" in estimate.notes
    assert estimate.interval().note == "of the lower bound"


# Mixtures


def test_a_mixture_has_the_mean_of_the_means() -> None:
    """Posteriors with equal weights, also where one chain was run longer."""
    links = two_lists(10, 14, 18)
    estimate = mse.propagate(posterior, links, seed=5)
    singles = [posterior(h, s) for h, s in zip(CaptureHistories.from_links(links), seeds_of(5, 3), strict=True)]
    assert isinstance(estimate, Mixed)
    assert estimate.draws.mean() == pytest.approx(np.mean([one.draws.mean() for one in singles]), rel=1e-12)
    assert estimate.interval().kind == "equal-tailed"
    assert estimate.diagnostics["r_hat"] == max(one.diagnostics["r_hat"] for one in singles)
    longer = mse.propagate(lambda h, s: posterior(h, s, 200 if h.overlap("a", "b") == 14 else 800), links, seed=5)
    assert longer.draws.shape == (600, 1)


def test_unconverged_posteriors_are_told() -> None:
    """One that was let through marks the pooled answer too."""

    def fit(h, s):
        estimate = posterior(h, s)
        return replace(estimate, diagnostics={"converged": float(h.overlap("a", "b") != 14)})

    estimate = mse.propagate(fit, two_lists(10, 14, 18), seed=5)
    assert "NOT CONVERGED: the chains of 1 of 3 linkage draws" in estimate.notes
    assert estimate.diagnostics["converged"] == 0


def test_the_share_of_a_mixture_is_that_between_posteriors() -> None:
    """Of the variance of log N, by the same formula as for likelihoods."""
    estimate = mse.propagate(posterior, two_lists(10, 14, 18), seed=5)
    logs = np.log(estimate.draws.reshape(3, -1))
    added = 4 / 3 * logs.mean(axis=1).var(ddof=1)
    assert estimate.diagnostics["linkage_share"] == pytest.approx(added / (added + logs.var(axis=1).mean()))


def test_strata_of_posteriors_stay_and_of_likelihoods_are_refused() -> None:
    """A mixture has the columns of its parts; Rubin's rules pool one total."""
    links, strata = two_lists(10, 14), ("women", "men")

    def stratified(h, s):
        return Posterior("fake", h.n_observed, np.repeat(posterior(h, s).draws / 2, 2, axis=1), strata)

    estimate = mse.propagate(stratified, links, seed=1)
    assert estimate.strata == strata
    assert estimate.draws.shape == (400, 2)

    def likelihood(h):
        return Replicated("m", h.n_observed, 200.0, LogNormal(h.n_observed, 100.0, 0.1), strata, np.empty((0, 2)))

    with pytest.raises(BadInput, match="likelihood estimate with 2 strata"):
        mse.propagate(likelihood, links, seed=1)


def test_posteriors_and_likelihoods_do_not_mix() -> None:
    """A fit that answers now one kind and now the other cannot be pooled."""
    with pytest.raises(BadInput, match="a posterior for 1 of 2 linkage draws"):
        mse.propagate(
            lambda h, s: posterior(h, s) if h.overlap("a", "b") == 10 else mse.chapman(h), two_lists(10, 14), seed=1
        )


# Draws without an estimate


def test_few_failures_are_counted_and_many_refused() -> None:
    """One draw of 20 without overlap is left out and said; two are too many, and the reasons are counted."""
    estimate = mse.propagate(mse.chapman, two_lists(*[12] * 19, 0), seed=1)
    assert estimate.diagnostics["n_failed"] == 1
    assert any(
        note.startswith("1 of 20 linkage draws: no person is on two of the lists a, b") for note in estimate.notes
    )
    assert estimate.per_draw.status.tolist() == ["ok"] * 19 + ["NoOverlap"]
    assert pd.isna(estimate.per_draw.n_hat.iloc[-1])
    with pytest.raises(Refused, match="2 of 20 linkage draws have no estimate, and more than 5%") as refused:
        mse.propagate(mse.chapman, two_lists(*[12] * 18, 0, 0), seed=1)
    assert len(refused.value.reasons) == 1
    assert refused.value.reasons[0].startswith("2 of 20 linkage draws: no person")


def test_other_faults_are_not_swallowed() -> None:
    """Only refusals count as draws without an estimate; a wrong option is an error at once."""
    with pytest.raises(BadInput, match="likelihood"):
        mse.propagate(lambda h, s: mse.fit_loglinear(h, "independence", likelihood="none"), two_lists(12, 14), seed=1)


def test_what_cannot_be_pooled_is_a_failure() -> None:
    """Nobody hidden, or an interval without an upper end: counted, never infinity or NaN."""
    with pytest.raises(Refused, match="2 of 2") as refused:
        mse.propagate(mse.chapman, two_lists(30, 30), seed=1)
    assert "leaves nobody hidden" in refused.value.reasons[0]

    def endless(h):
        return Replicated("m", h.n_observed, 200.0, LogNormal(h.n_observed, 100.0, np.inf))

    with pytest.raises(Refused) as refused, np.errstate(all="ignore"):
        mse.propagate(endless, two_lists(12, 14), seed=1)
    assert "no upper end" in refused.value.reasons[0]


# How the fit is called


def test_seeds_are_those_of_the_draws() -> None:
    """By position, or by the keyword seed; different for every draw, the same again from the same seed."""
    seen = []

    def by_position(h, s):
        seen.append(s)
        return mse.chapman(h)

    def by_keyword(h, *, seed):
        return by_position(h, seed)

    for fit in (by_position, by_keyword):
        mse.propagate(fit, two_lists(12, 12, 14), seed=9)
    assert seen[:3] == seen[3:] == seeds_of(9, 3)
    assert len(set(seen)) == 3
    assert all(0 <= s < 2**32 and isinstance(s, int) for s in seen)


def test_equal_tables_are_fitted_once_without_a_seed() -> None:
    """A fit that takes no seed cannot differ between equal tables; every draw still counts."""
    calls = []

    def fit(h):
        calls.append(h)
        return mse.chapman(h)

    estimate = mse.propagate(fit, two_lists(12, 14, 12, 12), seed=1)
    assert len(calls) == 2
    assert len(estimate.per_draw) == 4
    every = mse.propagate(lambda h, s: mse.chapman(h), two_lists(12, 14, 12, 12), seed=1)
    assert every.interval() == estimate.interval()


@pytest.mark.parametrize("fit", [mse.chapman, mse.lincoln_petersen, mse.chao_lower_bound])
def test_a_bare_estimator_is_a_fit(fit) -> None:
    """Public estimators without needed options are passed as they are."""
    assert mse.propagate(fit, two_lists(12, 14), seed=1).n_hat > 58


def test_a_bare_selection_gets_a_seed() -> None:
    """As `seed=`, and the provenance tells how it was called."""
    estimate = mse.propagate(mse.select_loglinear, three_lists(2), seed=1)
    assert estimate.provenance["options"]["by_seed"] is True
    assert estimate.provenance["options"]["fit"] == "select_loglinear"


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (mse.fit_loglinear, "the fit needs model beside a table and a seed"),
        (lambda h, s, more: None, "the fit needs more"),
        (lambda: None, "a place for the table"),
        ("chapman", "fit='chapman' cannot be called"),
        (lambda h, s: 700.0, "a value of type float"),
    ],
)
def test_what_is_no_fit(fit, message) -> None:
    """Says what is missing and shows the lambda."""
    with pytest.raises(BadInput, match=message):
        mse.propagate(fit, two_lists(12, 14), seed=1)


def test_a_fit_of_any_arguments() -> None:
    """A wrapper with *args is given table and seed."""
    assert mse.propagate(lambda *given: mse.chapman(given[0]), two_lists(12, 14), seed=1).n_hat > 58


def test_the_answer_does_not_depend_on_the_workers() -> None:
    """The same bytes for one thread and three."""
    links = three_lists(6)

    def fit(h, s):
        return mse.select_loglinear(h, by="aic", n_boot=40, interval="percentile", seed=s)

    one, three = (mse.propagate(fit, links, seed=4, n_jobs=n_jobs) for n_jobs in (1, 3))
    assert one.interval() == three.interval()
    assert one.provenance == three.provenance
    pd.testing.assert_frame_equal(one.per_draw, three.per_draw, check_exact=True)
    mixed = [
        mse.propagate(posterior, two_lists(10, 14, 18), seed=4, n_jobs=n_jobs).draws.tobytes() for n_jobs in (1, 3)
    ]
    assert mixed[0] == mixed[1]


def test_a_negative_seed_is_refused() -> None:
    """As everywhere."""
    with pytest.raises(BadInput, match="seed=-1"):
        pool_tables(mse.chapman, CaptureHistories.from_links(two_lists(12)), seed=-1)


# Second opinions


def test_no_linkage_error_is_lincoln_petersen() -> None:
    """With rates of 0 the estimate and its variance are those of the uncorrected one."""
    h = CaptureHistories.from_links(two_lists(12))[0]
    plain = mse.lincoln_petersen(h)
    for corrected in (
        ding_fienberg(h, missed_link_rate=0.0),
        di_consiglio_tuoto(h, missed_link_rate=0.0, false_link_rate=0.0),
    ):
        assert corrected.n_hat == pytest.approx(plain.n_hat, rel=1e-12)
        assert corrected.diagnostics["standard_error"] == pytest.approx(plain.diagnostics["standard_error"], rel=1e-9)
        assert corrected.n_observed == plain.n_observed


def test_the_corrections_on_expected_counts() -> None:
    """With 1000 persons, lists of 400 and 300, 120 on both: expected links give the truth back exactly."""
    missed, false = 0.25, 0.1
    links = round(120 * (1 - missed) + (400 - 120) * false)
    h = CaptureHistories.from_counts(("a", "b"), {(1, 1): links, (1, 0): 400 - links, (0, 1): 300 - links})
    estimate = di_consiglio_tuoto(h, missed_link_rate=missed, false_link_rate=false)
    assert estimate.n_hat == pytest.approx(1000)
    assert estimate.n_observed == 580
    h = CaptureHistories.from_counts(("a", "b"), {(1, 1): 90, (1, 0): 310, (0, 1): 210})
    assert ding_fienberg(h, missed_link_rate=missed).n_hat == pytest.approx(1000)


def test_the_variance_of_the_correction_by_numbers() -> None:
    """A slow obvious twin: numerical gradient over the cells, and the covariance of the multinomial."""
    missed, false, n = 0.25, 0.1, 1000.0
    cells = np.array([120 * (1 - missed), 120 * missed, 280 * false, 280 * (1 - false), 180.0])
    on_first, on_second, linked = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 1], [1, 0, 1, 0, 0]])

    def n_hat(x):
        return (on_first @ x) * (on_second @ x) * (1 - missed - false) / (linked @ x - false * (on_first @ x))

    slope = np.array([(n_hat(cells + step) - n_hat(cells - step)) / 2e-3 for step in 1e-3 * np.eye(5)])
    variance = slope @ (np.diag(cells) - np.outer(cells, cells) / n) @ slope
    h = CaptureHistories.from_counts(("a", "b"), {(1, 1): 118, (1, 0): 282, (0, 1): 182})
    estimate = di_consiglio_tuoto(h, missed_link_rate=missed, false_link_rate=false)
    assert estimate.diagnostics["standard_error"] == pytest.approx(variance**0.5, rel=1e-6)


def test_rates_read_off_the_draws_correct_to_the_mean_overlap() -> None:
    """Any draw, with its own rates, ends at n1 n2 / (mean overlap of the draws)."""
    links = three_lists(20)
    pair = ("a", "b")
    tables = CaptureHistories.from_links(links)
    mean = np.mean([h.overlap(*pair) for h in tables])
    for draw in (0, 7):
        rates = linkage_errors(links, draw=draw, lists=pair)
        estimate = di_consiglio_tuoto(
            tables[draw], missed_link_rate=rates.missed_link_rate, false_link_rate=rates.false_link_rate, lists=pair
        )
        assert estimate.diagnostics["corrected_overlap"] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize(
    ("rates", "error", "message"),
    [
        ({"missed_link_rate": 1.0, "false_link_rate": 0.0}, BadInput, "sum to less than 1"),
        ({"missed_link_rate": 0.6, "false_link_rate": 0.5}, BadInput, "sum to less than 1"),
        ({"missed_link_rate": 0.0, "false_link_rate": 0.4}, Refused, "leaves nobody on both"),
        ({"missed_link_rate": 0.7, "false_link_rate": 0.0}, Refused, "the shorter list has 30"),
    ],
)
def test_rates_that_do_not_fit(rates, error, message) -> None:
    """No number from a correction that contradicts the lists."""
    with pytest.raises(error, match=message):
        di_consiglio_tuoto(CaptureHistories.from_links(two_lists(12))[0], **rates)


def test_draws_that_say_nothing_about_errors() -> None:
    """One draw, all draws empty of links, or unknown lists."""
    with pytest.raises(BadInput, match="one draw"):
        linkage_errors(two_lists(12))
    with pytest.raises(Refused, match="nobody on a is on b"):
        linkage_errors(two_lists(0, 0))
    with pytest.raises(BadInput, match="no list named 'x'"):
        linkage_errors(two_lists(12, 14), lists=("a", "x"))
    with pytest.raises(BadInput, match="not a pair"):
        linkage_errors(three_lists(2))
    merged = three_lists(20).merge_lists({"ab": ("a", "b")})
    with pytest.raises(BadInput, match="one person in some draws only"):
        linkage_errors(merged, lists=("ab", "c"))


def test_thresholds_by_brute_force() -> None:
    """Pairs joined in the order of their share, checked against all groups, one threshold at a time."""
    links = three_lists(12, seed=5)
    thresholds = (0.4, 0.95, 0.7)
    joined = joined_at(links, thresholds)
    lists = links.records["list"].to_numpy()
    same = (links.persons[:, :, None] == links.persons[:, None, :]).mean(axis=0)
    pairs = sorted(
        (-round(12 * same[i, j]), i, j) for i in range(len(lists)) for j in range(i + 1, len(lists)) if same[i, j]
    )
    for threshold, found in zip(thresholds, joined.persons, strict=True):
        group = np.arange(len(lists))
        for count, i, j in pairs:
            together = np.isin(group, [group[i], group[j]])
            if -count >= threshold * 12 - 1e-9 and len(set(lists[together])) == together.sum():
                group[together] = group[i]
        assert (pd.factorize(group)[0] == found).all()
    n = joined.n_persons
    assert n[0] <= n[2] <= n[1]


def test_no_list_comes_twice_on_the_threshold_curve() -> None:
    """A record of one list that half the draws give to either of two of another goes to the first; the other stays."""
    records = pd.DataFrame({"list": ["a", "a", "b"], "record": range(3)})
    links = Links(records, np.array([[0, 1, 0], [0, 1, 1]], np.int32), ("a", "b"))
    assert joined_at(links, (0.5,)).persons.tolist() == [[0, 1, 0]]
    merged = Links(records, np.array([[0, 0, 0], [0, 0, 1]], np.int32), ("a", "b"))
    assert joined_at(merged, (0.5, 1.0)).persons.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_the_threshold_curve_says_where_there_is_no_estimate() -> None:
    """A refusal is a row with its reason; thresholds are shares."""
    curve = threshold_curve(mse.chapman, two_lists(12, 0, 0), thresholds=(0.3, 0.9), seed=1)
    assert curve.refusal.map(bool).tolist() == [False, True]
    assert curve.n_observed.tolist() == [58, 70]
    assert pd.isna(curve.n_hat.iloc[1])
    for thresholds, message in (((0.0,), "threshold 0.0"), ((), "no threshold")):
        with pytest.raises(BadInput, match=message):
            threshold_curve(mse.chapman, two_lists(12, 0), thresholds=thresholds, seed=1)
    with pytest.raises(BadInput, match="one draw has no thresholds"):
        threshold_curve(mse.chapman, two_lists(12), seed=1)


def test_the_figure_of_the_threshold_curve() -> None:
    """One point for each threshold with an estimate, a band for the pooled interval, and no figure without either."""
    links = two_lists(12, 14, 14, 14)
    curve = threshold_curve(mse.chapman, links, thresholds=(0.9, 0.5), seed=1)
    pooled = mse.propagate(mse.chapman, links, seed=1)
    axes = plot_thresholds(curve, pooled=pooled)
    try:
        assert axes.lines[0].get_xydata().tolist() == [[0.5, curve.n_hat[1]], [0.9, curve.n_hat[0]]]
        ends = axes.patches[0].get_bbox()
        assert (ends.y0, ends.y1) == pytest.approx((pooled.interval().low, pooled.interval().high))
    finally:
        plt.close(axes.figure)
    with pytest.raises(BadInput, match="no column high, level, low, n_hat, threshold"):
        plot_thresholds(pooled.per_draw.drop(columns="n_hat"))
    with pytest.raises(BadInput, match="no threshold of the curve"):
        plot_thresholds(curve.assign(n_hat=np.nan))
