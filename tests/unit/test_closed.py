"""Closed-population models: by hand, where there is no answer, and what is said with one."""

from math import comb, exp, log, sqrt

import numpy as np
import pytest

from mse.datasets import load_dataset
from mse.errors import BadInput, NoFiniteMLE, NoOverlap, NotIdentified, Refused
from mse.estimate import Estimate
from mse.histories import CaptureHistories
from mse.models.closed.family import closed_population
from mse.models.lower_bound import chao_lower_bound

THREE = ("a", "b", "c")
FORMS = {
    "poisson2": lambda k: 2.0**k - 1,
    "darroch": lambda k: k**2 / 2,
    "gamma3.5": lambda k: log(3.5) - log(3.5 + k),
}


def three_lists(*counts):
    """Counts of 001, 010, 011, 100, 101, 110, 111."""
    return CaptureHistories(THREE, np.array(counts, dtype=np.int64))


MIXED = three_lists(20, 30, 9, 10, 8, 7, 6)


@pytest.mark.parametrize("form", FORMS)
def test_mh_of_three_lists_by_hand(form):
    """Three coefficients fit those on one, two and three lists exactly; the column then leads back to those on none."""
    columns = np.array([[1.0, k, FORMS[form](k)] for k in (1, 2, 3)])
    mean = np.array([60 / 3, 24 / 3, 6])
    intercept = np.linalg.solve(columns, np.log(mean))[0]
    ours = closed_population(MIXED, model="Mh", heterogeneity=form)
    assert ours.n_hat == pytest.approx(90 + exp(intercept), rel=1e-9)
    assert ours.diagnostics["df"] == 4


def test_m0_by_hand():
    """The chance of being on a list is the root of K p N = records, n = N (1 - (1 - p)^K)."""
    ours = closed_population(MIXED, model="M0")
    hidden = ours.n_hat - 90
    p = 1 - (hidden / ours.n_hat) ** (1 / 3)
    assert 3 * p * ours.n_hat == pytest.approx(60 + 2 * 24 + 3 * 6, rel=1e-9)
    assert ours.coefficients["lists"] == pytest.approx(log(p / (1 - p)), rel=1e-9)


def test_mh_chao_of_three_lists_is_the_lower_bound():
    """With three lists and an upward bend Mh Chao is Chao's bound for lists of equal size, with its error."""
    ours = closed_population(MIXED, model="Mh")
    bound = chao_lower_bound(MIXED, list_sizes="equal")
    assert ours.n_hat == pytest.approx(bound.n_hat, rel=1e-9)
    assert ours.diagnostics["standard_error"] == pytest.approx(bound.diagnostics["standard_error"], rel=1e-9)
    assert ours.interval().note == "of the lower bound"


def test_chao_without_a_bend_is_the_model_without_heterogeneity():
    """A kink that would be negative leaves the model, and the notes say that persons are seen to be alike."""
    h = load_dataset("Korea")
    for model, plain in (("Mth", "Mt"), ("Mh", "M0")):
        ours, without = closed_population(h, model=model), closed_population(h, model=plain)
        assert ours.n_hat == without.n_hat
        assert ours.coefficients["eta3"] == 0
        assert ours.diagnostics == without.diagnostics
        assert f"the answer is that of {plain}" in ours.notes[1]


def test_forms_fit_alike_and_differ_in_their_answer():
    """HAV: same deviance for all four forms, and totals from 479 to 2,631."""
    h = load_dataset("HAV")
    fits = [closed_population(h, heterogeneity=form) for form in ("chao", *FORMS)]
    assert [fit.n_hat for fit in fits] == sorted(fit.n_hat for fit in fits)
    assert fits[3].n_hat > 5 * fits[0].n_hat
    assert [fit.diagnostics["deviance"] for fit in fits] == pytest.approx([fits[0].diagnostics["deviance"]] * 4)
    assert "which no count can test" in fits[1].notes[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["Mh", "Mth"])
def test_nobody_on_all_lists_leaves_no_mle(model, form):
    """Artificial_3 has nobody on all three lists: the likelihood rises for ever while the hidden number goes to 0."""
    h = load_dataset("Artificial_3")
    on = np.array(h.histories).sum(axis=1)
    assert h.counts[on == 3].sum() == 0
    with pytest.raises(NoFiniteMLE, match="does not exist on these counts"):
        closed_population(h, model=model, heterogeneity=form)
    weight = np.linalg.solve(np.array([[1, k, FORMS[form](k)] for k in (1, 2, 3)]).T, [1.0, 0.0, 0.0])
    assert weight[2] > 0  # log n_hidden follows the log mean of the empty class down
    assert closed_population(h, model=model).n_hat > h.n_observed


def test_two_lists_do_not_identify_heterogeneity():
    """With two lists the forms have more coefficients than classes; Chao's has no kink and is Lincoln-Petersen."""
    h = CaptureHistories.from_counts(("a", "b"), {(1, 0): 27, (0, 1): 34, (1, 1): 9})
    for form in FORMS:
        with pytest.raises(NotIdentified, match=r"Mth .* fits these counts"):
            closed_population(h, heterogeneity=form)
    assert closed_population(h).n_hat == pytest.approx(36 * 43 / 9, rel=1e-9)


def test_no_overlap_is_refused():
    """Nobody on two lists."""
    with pytest.raises(NoOverlap, match="no person is on two of the lists"):
        closed_population(three_lists(5, 6, 0, 7, 0, 0, 0))


def test_universal_list_has_no_mle():
    """A list with everybody on it says nothing of those on none."""
    with pytest.raises(NoFiniteMLE):
        closed_population(three_lists(0, 0, 0, 9, 4, 3, 2), model="Mt")


def test_empty_list_is_minus_infinity_and_a_parameter():
    """An empty list leaves Mt with the two others, and counts as a parameter."""
    h = three_lists(0, 20, 0, 10, 0, 6, 0)
    ours = closed_population(h, model="Mt")
    assert ours.n_hat == pytest.approx(26 * 16 / 6, rel=1e-9)
    assert ours.coefficients["c"] == -np.inf
    assert (ours.diagnostics["n_parameters"], ours.diagnostics["df"]) == (4, 3)
    assert ours.notes == ("nobody is on c",)


def test_structural_zeros_leave_the_fit():
    """Two lists that exclude each other are one against the third: 20 on it only, 40 on them only, 17 on both."""
    counts = np.array([20, 30, 9, 10, 8, 0, 0])
    possible = CaptureHistories(THREE, counts)
    declared = CaptureHistories(THREE, counts, structural_zeros=frozenset({(1, 1, 0), (1, 1, 1)}))
    with_zeros, without = closed_population(possible, model="Mt"), closed_population(declared, model="Mt")
    assert without.n_hat == pytest.approx(77 + 20 * 40 / 17, rel=1e-9)
    assert with_zeros.n_hat != pytest.approx(without.n_hat, rel=0.1)
    assert without.diagnostics["df"] == with_zeros.diagnostics["df"] - 2
    assert "eta3" not in closed_population(declared).coefficients  # nobody can be on three lists


def test_removal_by_hand():
    """Two occasions with 40 and 10 first captures: 40 / (1 - 1/4) persons."""
    h = CaptureHistories.from_counts(("first", "second"), {(1, 0): 33, (0, 1): 10, (1, 1): 7})
    ours = closed_population(h, model="Mb", ordered=True, interval="log-normal")
    assert ours.n_hat == pytest.approx(40**2 / 30)
    hidden = 40**2 / 30 - 50
    slope_first, slope_second = -(10**2) / 30**2, (2 * 10 * 30 + 10**2) / 30**2
    assert ours.diagnostics["standard_error"] == pytest.approx(
        sqrt(hidden + 40 * slope_first**2 + 10 * slope_second**2)
    )
    assert ours.diagnostics["deviance"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("model", ["Mb", "Mbh"])
def test_removal_profiles_are_highest_at_the_answer(model):
    """Both likelihoods are highest at the total given, and their limits lie on either side of it."""
    h = load_dataset("hare")
    for likelihood in ("poisson", "multinomial"):
        ours = closed_population(h, model=model, ordered=True, likelihood=likelihood)
        profile = ours.uncertainty
        around = [profile.log_likelihood(profile.best + step) for step in (-0.01, 0.0, 0.01)]
        assert max(around) == around[1]
        interval = ours.interval()
        assert h.n_observed <= interval.low < ours.n_hat < interval.high
        at_the_end = profile.log_likelihood(log(interval.high - h.n_observed))
        assert at_the_end == pytest.approx(around[1] - 1.959964**2 / 2, rel=1e-6)


def test_removal_profile_that_never_comes_down():
    """First captures of 6, 5 and 5 hardly fall off: any total is as likely, and the upper limit is infinite."""
    h = three_lists(5, 5, 0, 6, 0, 0, 0)
    for likelihood in ("poisson", "multinomial"):
        ours = closed_population(h, model="Mb", ordered=True, likelihood=likelihood)
        assert 16 <= ours.interval().low < ours.n_hat
        assert ours.interval().high == np.inf


def test_removal_profile_far_out():
    """Few of many are left to remove: the profile is followed up to the largest totals without losing its root."""
    counts = np.zeros(31, dtype=np.int64)
    counts[[0, 2, 3, 5, 10, 16, 22, 23, 25, 26, 30]] = 6, 4, 3, 5, 5, 6, 1, 48, 1, 13, 1
    h = CaptureHistories(("a", "b", "c", "d", "e"), counts)
    assert closed_population(h, model="Mbh", ordered=True).interval().high == np.inf


def test_behaviour_is_refused_for_lists_without_order():
    """Mb and Mbh answer another total when the lists are listed in another order, and so ask for an order."""
    h = load_dataset("hare")
    for model in ("Mb", "Mbh"):
        with pytest.raises(Refused, match="say ordered=True"):
            closed_population(h, model=model)
    turned = h.reorder_lists(h.lists[::-1])
    assert closed_population(h, model="Mb", ordered=True).n_hat > 81
    assert closed_population(turned, model="Mb", ordered=True).n_hat < 73


def test_behaviour_never_gives_a_negative_total():
    """First captures that do not fall off, or stop at once, leave no MLE."""
    grows = CaptureHistories.from_counts(("first", "second"), {(1, 0): 5, (0, 1): 10, (1, 1): 5})
    stops = CaptureHistories.from_counts(("first", "second"), {(1, 0): 5, (1, 1): 5})
    for h in (grows, stops):
        with pytest.raises(NoFiniteMLE, match="first captures must fall off"):
            closed_population(h, model="Mb", ordered=True)
    with pytest.raises(Refused, match="Mbh needs 3 occasions or more"):
        closed_population(grows, model="Mbh", ordered=True)
    impossible = CaptureHistories(THREE, np.array([1, 2, 0, 9, 1, 0, 0]), structural_zeros=frozenset({(1, 1, 1)}))
    with pytest.raises(Refused, match="some are declared impossible"):
        closed_population(impossible, model="Mb", ordered=True)


@pytest.mark.parametrize("option", ["model", "heterogeneity", "interval", "likelihood"])
def test_unknown_options_are_named(option):
    """An option outside the offered ones."""
    with pytest.raises(BadInput, match=f"{option}='Mx' is not offered"):
        closed_population(MIXED, **{option: "Mx"})


def test_too_many_lists():
    """The design has a row for each history."""
    counts = np.zeros(2**13 - 1, dtype=np.int64)
    counts[:3] = 5
    with pytest.raises(BadInput, match="there are 13 lists, and these models take at most 12"):
        closed_population(CaptureHistories(tuple(f"l{j}" for j in range(13)), counts))


def test_profile_limits_at_the_edge():
    """Where few are hidden the lower limit is the persons observed; where the bend is unsure the upper one is far."""
    low = closed_population(load_dataset("Korea"), heterogeneity="gamma3.5", likelihood="multinomial").interval()
    assert low.low == pytest.approx(123, abs=1e-3)
    high = closed_population(load_dataset("NewOrl_5"), heterogeneity="gamma3.5").interval()
    assert high.high > 50_000


def test_notes_say_when_an_interval_is_too_short():
    """hare has 7 hidden of 75, whose number varies as much as its estimate; UKdat_5 has 10,700 of 13,444."""
    few, many = load_dataset("hare"), load_dataset("UKdat_5")
    for interval in ("profile", "log-normal"):
        assert "% too short" in closed_population(few, model="Mt", interval=interval).notes[-1]
        assert closed_population(many, model="Mt", interval=interval).notes == ()
    assert closed_population(few, model="Mt", likelihood="multinomial").notes == ()
    removal = closed_population(few, model="Mb", ordered=True, interval="log-normal")
    assert removal.notes == ("the lists are taken as occasions in time",)


def test_estimate_shape():
    """The answer is an `Estimate` whose provenance holds the options."""
    ours = closed_population(MIXED, model="M0")
    assert isinstance(ours, Estimate)
    assert ours.draws.shape == (0, 1)
    options = ours.provenance["options"]
    assert (options["model"], options["heterogeneity"]) == ("M0", None)
    assert str(ours).startswith("M0: N ")


def test_equal_chances_in_the_expected_table():
    """On the expected table of M0 every model and form finds the total that made it."""
    p, total = 0.3, 10**8
    on = np.array([bin(value).count("1") for value in range(1, 16)])
    counts = np.round(total * p**on * (1 - p) ** (4 - on)).astype(np.int64)
    h = CaptureHistories(("a", "b", "c", "d"), counts)
    assert sum(comb(4, k) for k in range(1, 5)) == len(counts)
    for model, form in [("M0", "chao"), ("Mt", "chao")] + [(m, f) for m in ("Mh", "Mth") for f in ("chao", *FORMS)]:
        assert closed_population(h, model=model, heterogeneity=form).n_hat == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("scale", [1, 10**9])
def test_an_estimate_that_does_not_exist_is_refused_however_many_persons_there_are(scale):
    """Nobody is on all three lists, so the bend of the log mean runs away; a billion times as many change nothing."""
    table = CaptureHistories(THREE, np.array([30, 28, 5, 33, 6, 4, 0]) * scale)
    with pytest.raises(NoFiniteMLE):
        closed_population(table, model="Mh", heterogeneity="darroch")
