"""Every answer of other packages that the offered methods can give, recomputed and compared.

The answers are in `peers.csv`, one row each with package, version, function and method, as the packages returned them
(R 4.2.2, run 2026-11-22; its README says more). The inputs are the shipped tables, whose bytes the index pins by
SHA-256; `simdat` is pinned here.
"""

import hashlib
import json
import re
from collections import Counter
from functools import cache
from itertools import combinations
from math import log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from mse.datasets import load_dataset
from mse.errors import NoFiniteMLE, NoOverlap, NotIdentified
from mse.histories import read_histories
from mse.models.loglinear.fitting import fit_loglinear
from mse.models.loglinear.search import select_loglinear
from mse.models.lower_bound import chao_lower_bound
from mse.models.two_lists import chapman, lincoln_petersen

HERE = Path(__file__).parent
PEERS_SHA256 = "59324bbd9dcb0abd9bd979d46ff6e2d02ceb20d714174d71e45f86f22789b931"
SIMDAT_SHA256 = "d17489d72586bebb50fbed209ed73645896cc3f1d9ff7e8a0e02b743ed752e1e"
Z95 = 1.959963984540054

RTOL_SAME_MLE = 1e-6  # R stops iterating at a relative change of the deviance of 1e-8
RTOL_DIVERGED_TERM = 1e-4  # terms that are -inf here merely ran to -18 or so there
RTOL_STANDARD_ERROR = 1e-4  # R inverts the information of the last but one iteration
RTOL_STIRLING = 5e-4  # the peer's multinomial profile approximates factorials: see test_multinomial_gap_is_stirling
ATOL_DEVIANCE = 1e-6  # absolute, in units of -2 log L, with counts up to 4.4 million
RTOL_PRINTED = 2e-9  # the column `estimate` holds ten digits


def _peers():
    frame = pd.read_csv(HERE / "peers.csv")
    frame["other"] = frame["other"].map(json.loads)
    return frame


PEERS = _peers()


@cache
def table(name):
    """The capture histories that a peer was run on, covariates summed over."""
    if name == "simdat":
        covariates = ("X1", "X2", "X3", "X4", "Y")
        return read_histories(HERE / "data" / "simdat.csv", covariates=covariates).collapse_strata()
    return load_dataset(name)


def _rows(*functions, method=".*"):
    """The peer rows of these functions whose method matches, as test parameters."""
    chosen = PEERS[PEERS["function"].isin(functions) & PEERS["method"].map(lambda text: bool(re.search(method, text)))]
    return [pytest.param(row, id=f"{row.dataset}-{row.function}-{row.method}") for row in chosen.itertuples()]


def _all_pairs(n_lists):
    return f"[{','.join(f'{i}{j}' for i, j in combinations(range(1, n_lists + 1), 2))}]"


def _model(row):
    """The model of a Rcapture row in position form."""
    bracket = re.search(r"\[[\d,]+\]", row.method)
    if bracket:
        return bracket[0]
    return _all_pairs(table(row.dataset).n_lists) if row.method.startswith("all two-way") else "independence"


def _refusal(dataset, model):
    """The refusal that is due where the peer prints a number for a model without one; else None."""
    reasons = {
        ("Artificial_3", "[12,3]"): NoFiniteMLE,
        ("Artificial_3", "[12,13]"): NoFiniteMLE,
        ("Artificial_3", "[12,23]"): NoFiniteMLE,
        ("Artificial_3", "[12,13,23]"): NotIdentified,
        ("Korea", "[12,13]"): NoFiniteMLE,
        ("Korea", "[12,13,23]"): NoFiniteMLE,
        ("simdat", "[12,13,14,23,24,34]"): NoFiniteMLE,
    }
    return reasons.get((dataset, model))


def _se_log_hidden(estimate):
    return log((estimate.interval().high - estimate.n_observed) / (estimate.n_hat - estimate.n_observed)) / Z95


RCAPTURE_MODELS = r"^Mt( \(|$)|^all two-way|\[[\d,]+\]"


def test_reference_files_are_the_recorded_ones():
    """The stored answers and the test table have the bytes that were recorded."""
    assert hashlib.sha256((HERE / "peers.csv").read_bytes()).hexdigest() == PEERS_SHA256
    assert hashlib.sha256((HERE / "data" / "simdat.csv").read_bytes()).hexdigest() == SIMDAT_SHA256


@pytest.mark.parametrize("row", _rows("closedp.t", "closedpCI.t", "closedpMS.t", method=RCAPTURE_MODELS))
def test_loglinear_models_of_rcapture(row):
    """Total, standard error, deviance, df, AIC and BIC of every log-linear model; a refusal where none exists."""
    h, model, theirs = table(row.dataset), _model(row), row.other
    refusal = _refusal(row.dataset, model)
    if refusal:
        with pytest.raises(refusal):
            fit_loglinear(h, model)
        return
    ours = fit_loglinear(h, model, interval="log-normal")
    rtol = RTOL_DIVERGED_TERM if ours.diagnostics["n_zero_terms"] else RTOL_SAME_MLE
    assert ours.n_hat == pytest.approx(theirs.get("abundance", row.estimate), rel=rtol)
    n_hidden = ours.n_hat - ours.n_observed
    standard_error = sqrt((n_hidden * _se_log_hidden(ours)) ** 2 + n_hidden)
    assert standard_error == pytest.approx(theirs["stderr"], rel=RTOL_STANDARD_ERROR)
    assert ours.diagnostics["df"] == theirs["df"]
    for key, value in (("deviance", theirs["deviance"]), ("aic", theirs["AIC"]), ("bic", theirs["BIC"])):
        assert ours.diagnostics[key] == pytest.approx(value, abs=ATOL_DEVIANCE)


@pytest.mark.parametrize("row", _rows("closedpCI.t", "MSEfit", method=RCAPTURE_MODELS + "|^main effects"))
def test_multinomial_profile_of_rcapture(row):
    """Maximum and 95 % profile limits of Cormack's multinomial likelihood; a limit not reached there lies beyond."""
    h, model = table(row.dataset), _model(row)
    refusal = _refusal(row.dataset, model)
    if refusal:
        with pytest.raises(refusal):
            fit_loglinear(h, model, likelihood="multinomial")
        return
    ours = fit_loglinear(h, model, likelihood="multinomial")
    interval = ours.interval(row.level if row.level == row.level else 0.95)
    assert ours.n_hat == pytest.approx(row.estimate, rel=RTOL_STIRLING)
    assert interval.low == pytest.approx(row.lower, rel=RTOL_STIRLING)
    if np.isnan(row.upper):
        assert interval.high > float(row.other["CI_text"][1].removeprefix(">"))
    else:
        assert interval.high == pytest.approx(row.upper, rel=RTOL_STIRLING)


def test_multinomial_gap_is_stirling():
    """Korea [12,23]: the peer's 151.6760 is the maximum with Stirling's factorials, and 151.7130 that with exact ones.

    Lists b and d are independent given c, so with n_hidden added the expected share of the missing cell and of the
    others has a closed form, and the profile can be written down.
    """
    h = table("Korea")
    y = dict(zip(h.histories, h.counts.tolist(), strict=True))

    def log_likelihood(n_hidden, factorial):
        full = y | {(0, 0, 0): n_hidden}
        total = sum(full.values())
        terms = factorial(total) - factorial(n_hidden)
        for (b, c, d), count in full.items():
            of_c = sum(v for (_, k, _), v in full.items() if k == c)
            b_and_c = sum(v for (j, k, _), v in full.items() if (j, k) == (b, c))
            c_and_d = sum(v for (_, k, m), v in full.items() if (k, m) == (c, d))
            if count:
                terms += count * np.log(b_and_c * c_and_d / of_c / total)
        return terms

    def stirling(x):
        return x * np.log(x) - x + np.log(2 * np.pi * x) / 2

    def maximum(factorial):
        found = minimize_scalar(
            lambda x: -log_likelihood(x, factorial), bounds=(1, 500), method="bounded", options={"xatol": 1e-8}
        )
        return h.n_observed + found.x

    theirs = PEERS[(PEERS.dataset == "Korea") & PEERS.method.str.startswith("best BIC (maxorder=2): [12,23]")]
    assert maximum(stirling) == pytest.approx(theirs.estimate.iloc[0], rel=1e-6)
    assert fit_loglinear(h, "[12,23]", likelihood="multinomial").n_hat == pytest.approx(
        maximum(lambda x: gammaln(x + 1)), rel=1e-6
    )


@pytest.mark.parametrize("row", _rows("estimatepopulation.0", method="^(main effects|stepwise|fixed)"))
def test_models_of_sparsemse(row):
    """The model that SparseMSE ended in: total, Wald limits on the log dark figure, deviance, AIC."""
    h, theirs = table(row.dataset), row.other
    if row.method.startswith("fixed"):
        model = _all_pairs(h.n_lists)
        if np.isnan(row.estimate):
            with pytest.raises(_refusal(row.dataset, model)):
                fit_loglinear(h, model)
            return
    else:
        names = [name for name in theirs["coefs"] if ":" in name] + list(theirs["emptyoverlaps"])
        model = "".join(f"[{name.replace(':', ',')}]" for name in names) or "independence"
    ours = fit_loglinear(h, model, interval="log-normal")
    interval = ours.interval()
    rtol = RTOL_DIVERGED_TERM if ours.diagnostics["n_zero_terms"] else RTOL_SAME_MLE
    assert ours.n_hat == pytest.approx(row.estimate, rel=rtol)
    assert (interval.low, interval.high) == pytest.approx((row.lower, row.upper), rel=RTOL_STANDARD_ERROR)
    assert ours.diagnostics["deviance"] == pytest.approx(theirs["deviance"], abs=ATOL_DEVIANCE)
    assert ours.diagnostics["aic"] == pytest.approx(theirs["AIC"], abs=ATOL_DEVIANCE)


@pytest.mark.parametrize("row", _rows("checkident", method="^all two-list effects"))
def test_code_of_the_model_with_all_pairs_of_sparsemse(row):
    """The model with all two-list terms has an answer, or is refused for the reason that the peer's code gives."""
    h = table(row.dataset)
    refusal = {0: None, 1: NoFiniteMLE, 2: NotIdentified}[row.estimate]
    assert row.other["main_effects_code"] == 0
    assert fit_loglinear(h, "independence").n_hat > h.n_observed
    if refusal:
        with pytest.raises(refusal):
            fit_loglinear(h, _all_pairs(h.n_lists))
    else:
        assert fit_loglinear(h, _all_pairs(h.n_lists)).n_hat > h.n_observed


@pytest.mark.parametrize("row", _rows("checkident", method="^codes over all"))
def test_existence_and_identifiability_codes_of_sparsemse(row):
    """How many of all two-list models are fine, have no MLE, or do not identify the total."""
    ranking = select_loglinear(table(row.dataset), max_order=2).ranking
    codes = {"ok": "0", "no_mle": "1", "not_identified": "2", "no_mle_not_identified": "3"}
    assert Counter(codes[status] for status in ranking["status"]) == row.other["codes"]


@pytest.mark.parametrize("row", _rows("checkallmodels", method="^number of models"))
def test_number_of_models_without_mle_of_sparsemse(row):
    """How many of all two-list models have no extended MLE."""
    ranking = select_loglinear(table(row.dataset), max_order=2).ranking
    assert len(ranking) == row.other["all_models"]
    assert ranking["status"].str.startswith("no_mle").sum() == row.estimate


@pytest.mark.parametrize("row", _rows("closedpMS.t", method="^all hierarchical models"))
def test_number_of_hierarchical_models_of_rcapture(row):
    """How many hierarchical models there are up to an order."""
    ranking = select_loglinear(table(row.dataset), max_order=row.other["maxorder"]).ranking
    assert len(ranking) == row.other["models"]


@cache
def _searched(name):
    return select_loglinear(table(name)).ranking


@pytest.mark.parametrize("row", _rows("estimate_population_bic", method="^min-BIC"))
def test_best_models_of_multiplesystemsestimation(row):
    """The five best of all hierarchical models by BIC, with their totals and BICs."""
    ranking = _searched(row.dataset)
    for (_, ours), theirs in zip(ranking.head(5).iterrows(), row.other["top5"], strict=False):
        assert ours["positions"] == theirs["model"]
        assert ours["n_hat"] == pytest.approx(theirs["N"], rel=RTOL_SAME_MLE)
        assert ours["bic"] == pytest.approx(theirs["BIC"], abs=ATOL_DEVIANCE)


@pytest.mark.parametrize("row", _rows("estimate_population_bic", method="^min-BIC"))
def test_number_of_models_of_multiplesystemsestimation(row):
    """How many hierarchical models have an answer, but for those with a four-list term that holds nobody.

    Such a term is -inf, like any other without persons, and the rest of the model is estimated: 6,519 of UKdat_5 have
    an answer. The peer treats empty terms of two and three lists so, and drops models with an empty one of four.
    """
    h, ranking = table(row.dataset), _searched(row.dataset)

    def has_empty_four(positions):
        terms = positions.strip("[]").split(",")
        return any(len(term) == 4 and not h.overlap(*(h.lists[int(digit) - 1] for digit in term)) for term in terms)

    answered = ranking.loc[ranking["status"] == "ok", "positions"]
    assert (~answered.map(has_empty_four)).sum() == row.other["models"]


@pytest.mark.parametrize("row", _rows("estN.pair"))
def test_pairs_of_care1(row):
    """Petersen and Chapman for every pair of lists, with standard error and log-normal limits."""
    h, theirs = table(row.dataset), row.other
    first, second = (h.lists[int(digit) - 1] for digit in re.search(r"pa(\d)(\d)", row.method).groups())
    if not h.overlap(first, second):
        with pytest.raises(NoOverlap):
            chapman(h, lists=(first, second))
        return
    petersen, ours = lincoln_petersen(h, lists=(first, second)), chapman(h, lists=(first, second))
    interval = ours.interval()
    assert petersen.n_hat == pytest.approx(row.estimate, rel=RTOL_PRINTED)
    assert ours.n_hat == pytest.approx(theirs["Chapman"], rel=RTOL_PRINTED)
    assert ours.diagnostics["standard_error"] == pytest.approx(theirs["se"], rel=RTOL_PRINTED)
    assert (interval.low, interval.high) == pytest.approx((theirs["cil"], theirs["ciu"]), rel=1e-4)  # 1.96 there


@pytest.mark.parametrize("row", _rows("closedp.bc", method="^Mh Chao$"))
def test_bias_corrected_bound_of_rcapture(row):
    """The bias-corrected bound for lists of equal size is Rcapture's bias-corrected Mh Chao on every table."""
    ours = chao_lower_bound(table(row.dataset), list_sizes="equal", bias_corrected=True)
    assert ours.n_hat == pytest.approx(row.estimate, rel=RTOL_PRINTED)


@pytest.mark.parametrize("row", _rows("closedpCI.t", method="^Mh Chao"))
def test_bound_of_rcapture(row):
    """The bound for lists of equal size is the model Mh Chao, value and error, where that model fits f1 and f2.

    The log mean of its k-th class is a line in k with a free kink at 2, 3, ... lists (eta3, eta4, ...), and negative
    kinks are dropped. By its score equations it fits those on one and on two lists exactly if the first two kinks
    stay, and then its total is the bound; if one of them is dropped the total is another.
    """
    h, theirs = table(row.dataset), row.other
    ours = chao_lower_bound(h, list_sizes="equal")
    first_kinks = {"eta3", "eta4"} if h.n_lists > 3 else {"eta3"}
    gap = abs(ours.n_hat / theirs["abundance"] - 1)
    if first_kinks <= set(theirs["coefs"]):
        assert gap < RTOL_SAME_MLE
        assert ours.diagnostics["standard_error"] == pytest.approx(theirs["stderr"], rel=RTOL_STANDARD_ERROR)
    else:
        assert gap > 1e-4
