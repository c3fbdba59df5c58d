"""One log-linear model: notation, refusals, intervals, and statsmodels' result beside it."""

import math

import numpy as np
import pytest
import statsmodels.api as sm

import mse
from mse.errors import BadInput, NoFiniteMLE, NotIdentified
from mse.histories import CaptureHistories


def test_main_effects_on_the_uk_table_are_the_published_ones() -> None:
    """Point, deviance, degrees of freedom and both intervals (R's glm and Rcapture 1.4-4)."""
    table = mse.load_dataset("UKdat_5")
    wald = mse.fit_loglinear(table, "independence", interval="log-normal")
    assert wald.n_hat == pytest.approx(13444.1312, abs=5e-5)
    assert wald.diagnostics["deviance"] == pytest.approx(118.53163, abs=5e-6)
    assert wald.diagnostics["df"] == 25
    assert (wald.interval().low, wald.interval().high) == pytest.approx((11985.17, 15133.43), abs=5e-3)
    profile = mse.fit_loglinear(table, "independence", likelihood="multinomial")
    assert profile.n_hat == pytest.approx(13437.924, rel=1e-6)
    assert (profile.interval().low, profile.interval().high) == pytest.approx((11985.12, 15165.90), rel=1e-6)


@pytest.mark.parametrize(
    ("dataset", "model", "error"),
    [
        ("Korea", "[12,13]", NoFiniteMLE),
        ("Artificial_3", "[12,3]", NoFiniteMLE),
        ("Artificial_3", "[12,13,23]", NotIdentified),
    ],
)
def test_models_without_an_answer_are_refused(dataset: str, model: str, error: type[Exception]) -> None:
    """No finite MLE and no identified total are two refusals; a plain GLM prints a number for each."""
    with pytest.raises(error):
        mse.fit_loglinear(mse.load_dataset(dataset), model)


def test_an_empty_overlap_makes_its_term_minus_infinity() -> None:
    """The cells with that pair leave the fit, and the term counts as a parameter."""
    estimate = mse.fit_loglinear(mse.load_dataset("Artificial_3"), "[13,23,1,2]")
    assert estimate.coefficients["A:C"] == estimate.coefficients["B:C"] == -math.inf
    assert estimate.diagnostics["n_parameters"] == 6
    assert estimate.diagnostics["n_zero_terms"] == 2
    assert estimate.n_hat == pytest.approx(296.0)


def test_statsmodels_gives_the_same_fit() -> None:
    """`glm` is a GLM result with a summary, on the finite cells and terms."""
    estimate = mse.fit_loglinear(mse.load_dataset("UKdat_5"), "[12,15]")
    assert np.exp(estimate.glm.params["intercept"]) == pytest.approx(estimate.n_hat - 2744, rel=1e-8)
    assert "LA:GP" not in estimate.glm.params
    assert "LA:NG" in str(estimate.glm.summary())


def test_a_profile_that_never_comes_down_ends_at_infinity() -> None:
    """One person on both lists: the data do not bound the total at a high level."""
    table = CaptureHistories.from_counts(("a", "b"), {(1, 0): 8, (0, 1): 9, (1, 1): 1})
    wide = mse.fit_loglinear(table, "independence").interval(0.999999)
    assert wide.high > 1e5
    assert mse.fit_loglinear(table, "independence").interval(0.5).high < 1e3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "hdi"}, "interval='hdi' is not offered; use one of 'profile', 'log-normal', 'bca', 'percentile'"),
        ({"likelihood": "normal"}, "likelihood='normal' is not offered"),
    ],
)
def test_unknown_options_are_named(options: dict[str, str], message: str) -> None:
    """The message lists what is offered."""
    with pytest.raises(BadInput, match=message):
        mse.fit_loglinear(mse.load_dataset("Korea"), "independence", **options)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.1])
def test_levels_outside_zero_and_one_are_refused(level: float) -> None:
    """95 is not 0.95."""
    with pytest.raises(BadInput, match=r"0\.95 asks for a 95 % interval"):
        mse.fit_loglinear(mse.load_dataset("Korea"), "independence").interval(level)


def test_a_stratified_table_is_not_pooled_silently() -> None:
    """The error names the two ways out."""
    table = CaptureHistories(("a", "b"), np.array([[3, 4], [5, 6], [7, 8]]), ("m", "w"), ("sex",))
    with pytest.raises(BadInput, match="2 strata by sex"):
        mse.fit_loglinear(table, "independence")


def test_an_estimate_shows_itself_in_one_line_and_in_a_table() -> None:
    """`str` for a terminal, `_repr_html_` for a notebook."""
    estimate = mse.fit_loglinear(mse.load_dataset("Korea"), "[12,23]", interval="log-normal")
    assert str(estimate).startswith("[b,c][c,d]: N 157, 95 % confidence interval")
    assert "<th>deviance</th>" in estimate._repr_html_()
    assert isinstance(estimate, mse.Estimate)
    assert estimate.draws.shape == (0, 1)


def test_the_provenance_says_what_was_fitted_to_what() -> None:
    """Input hash, options and versions; no clock time."""
    table = mse.load_dataset("Korea")
    told = mse.fit_loglinear(table, "[12,23]").provenance
    assert told["input_sha256"] == table.sha256
    assert told["options"] == {"model": "[b,c][c,d]", "interval": "profile", "likelihood": "poisson"}
    assert "numpy" in told["versions"]


def test_terms_that_structural_zeros_make_alike_leave_the_total_identified() -> None:
    """Lists a and b meet only on c, so a:b and a:b:c are one column; the means are those without the repeat."""
    possible = {f"{v:04b}": 5 + 3 * v for v in range(1, 16) if f"{v:04b}"[:3] != "110"}
    counts = {tuple(map(int, history)): n for history, n in possible.items()}
    zeros = [(1, 1, 0, 0), (1, 1, 0, 1)]
    table = CaptureHistories.from_counts(("a", "b", "c", "d"), counts, structural_zeros=zeros)
    estimate = mse.fit_loglinear(table, "[123,4]", interval="log-normal")
    rows = [history for history in counts]
    columns = [(), (0,), (1,), (2,), (3,), (0, 2), (1, 2), (0, 1, 2)]
    design = np.array([[all(row[j] for j in column) for column in columns] for row in rows], dtype=float)
    twin = sm.GLM([counts[row] for row in rows], design, family=sm.families.Poisson())
    fit = twin.fit(tol=1e-14, tol_criterion="params")
    assert estimate.n_hat == pytest.approx(table.n_observed + np.exp(fit.params[0]), rel=1e-8)
    assert estimate.mle.se_log_hidden == pytest.approx(fit.bse[0], rel=1e-6)
    ranking = mse.select_loglinear(table).ranking.set_index("positions")
    assert ranking.n_hat["[123,4]"] == pytest.approx(estimate.n_hat, rel=1e-8)
