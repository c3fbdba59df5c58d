"""The page of the studies, computed from the rows."""

from pathlib import Path

from mse.writing import write_text
from simulations import calibration, coverage, linkage, linkage_ours, linkage_splink, strata, thresholding
from simulations.calibration_tables import BOUND, LEVEL, calibration_part
from simulations.coverage_tables import coverage_part
from simulations.febrl_tables import febrl_part
from simulations.linkage_groups import LISTS as GROUP_LISTS
from simulations.linkage_groups import groups_part
from simulations.linkage_tables import linkage_part
from simulations.strata_tables import strata_part
from simulations.threshold_tables import threshold_part
from simulations.thresholding_tables import thresholding_part

__all__ = ["write"]

INTRODUCTION = """\
# Recovery studies

Written by `python -m simulations tables` from the rows in `results/`; not to be edited. `make recovery` completes
the rows and writes this page again; a run that was stopped goes on where it ended, and the rows do not depend on
the order or on the number of processes. Standard errors of the simulation in brackets. Rows that are fewer than
{data_sets} are those of a run that is not complete.
"""
COVERAGE = """\
## Coverage

The study of Chan, Silverman and Vincent (2021), section 3.4, doi:10.1080/01621459.2019.1708748, and on the same data
sets what they could not afford. Truth: the model that stepwise choice ends in on the five-list UK table,
{model}, with its total of {true_n:,} and its probabilities. Each data set draws the
history of every person. {n_boot:,} resamples, which keep the number observed unless the name says binomial. Root mean
square errors (RMSE) are over the data sets with an estimate; an interval that is not defined covers nothing.
`stepwise` with BCa and `bic-pairs-profile` are the two published methods. `true-model` is no method, since nobody knows
the true model, but shows what choosing costs.
"""
THRESHOLD = """\
## Threshold of the stepwise choice

Section 4.3 of the same paper: seven tables, four generating models each, and for every data set the hidden number under
the model that each threshold ends in. The score is the mean over the settings of the log of the mean squared error of
the log of the hidden number.
"""
LINKAGE = """\
## Linkage

Five lists of invented persons, of 2,000 records from {large_n:,} persons (`large`) or 300 from {sparse_n:,}
(`sparse`), with 10 % slips in names and dates and 10 % or 30 % of all values missing; independent, or `dependent`:
{visible:.0f} % of the persons come to every list at {visibility:g} times the rate of the others, and a person on the
first list is on the second with probability {referred} for that reason alone (`linkage_lists.py`). The same lists are
linked as plain fields, as field filters (`-bloom`) and as match keys (`-keys`), which bring sex and region in the
clear; all methods get the records that are not left out as too scarce, by the rule of `mse.link` for the encoding.

`ours` is `mse.link` with {n_draws} draws; N is that of `mse.propagate`. Splink is trained as its manual says
(`linkage_splink.py`) and its pairs joined from a probability on: the most probable pair first and at most one record
per list in a person (one to one), or all of them (components). On match keys, which hardly agree by chance, the
random pairs that its u is taken from are true ones when they agree, and no probability reaches 0.9. `exact` joins who
agrees to the letter on given name, family name and date of birth, `four passes` then on one of three keys more
(`linkage_exact.py`). N is the estimate of independent lists, and its error is against that estimate under the true
partition; mean over the data sets. No interval covers the true N but by luck where the lists depend on each other, so
that it stands in brackets there. Pairs by probability: mean probability, then the share of the pairs that are one
person, over all data sets and settings of an encoding; pairs that no draw joins, and those to which Splink gives less
than {least}, are not counted.
"""
GROUPS = """\
### Evidence of a group of three or more

{n_lists} lists of {list_size} records from {n_persons:,} persons, with the same slips and missing values, as plain
fields. `hub`, which `mse.link` takes: in each field one record tells the person's value, and the others are copies of
it. `mean`: a record is held against the mean of a person's records, field by field, which no joint distribution has as
its conditionals. Pairs are those that some draw joins; the squared error is the sum over them of (probability - truth)
squared.
"""
CALIBRATION = """\
## Simulation-based calibration

Truth drawn from the prior, data from the truth, and the rank of the truth among 99 thinned draws of the posterior,
which is uniform when the sampler is right (Talts and others 2020, arXiv:1804.06788; `calibration*.py`). The prior 1/N
has no sum: N is drawn from it between the ends shown, of each stratum in `multilevel`, and of the posterior the draws
between them are taken. A data set whose chains do not converge is run {longer} times as long and its rank is kept,
converged or not; a refusal for another reason is counted and has no rank. The bound on chi-squared is {bound:.1f},
which {level:.0%} of right samplers go beyond.
"""
THRESHOLDING = """\
## Bayesian thresholding

`bayes_threshold` chooses interactions, and is then the posterior of a chosen model: no one posterior, and nothing whose
ranks would be uniform. An interaction near the threshold falls either side by chance of the draws. First table: seeds 1
to {seeds} of the choice on published tables, the sets that they keep, and the chance of the same set under another seed
that the answers themselves tell (median). Second: {n} persons on four lists, list effects {effects} in log-odds,
interactions as shown; normal priors with variance 1, threshold 2, interactions of two lists. Intervals take the
choice as given.
"""
STRATA = """\
## Strata

{n} strata of one population, of {sizes} persons, on four lists; each data set draws its strata anew, and the history of
every person. `differing`: capture, the lists' reach and their dependence vary between strata; `alike`: they do not,
which is what taking all as one supposes. In both about as many persons are hidden as seen, which is where the default
prior of a single table has its middle. `hidden`: strata differ, the odds of being listed are a third, and strata are
{times} times as large, so that some three persons are hidden for each one seen. Priors are the defaults, normal
interactions for the single tables. Errors of the strata are root mean squares over strata and data sets; standard
errors are over data sets; methods are compared on the strata that both give.
"""
FEBRL = """\
## FEBRL

FEBRL 1 to 3 (`tests/reference/data/README.md`): 1,000, 5,000 and 5,000 records of 500, 4,000 and 2,000 invented
Australians, up to six records a person, which differ by slips, swaps and missing values. Taken as one list with
duplicates, and split into clean lists: originals, first duplicates, second duplicates, and so on. Precision and recall
are of pairs of records. Both linkers see the same columns and no truth: `mse.link` with `scarce="keep"`; plain Splink
with its own comparisons, adjustment for frequent values and expectation-maximisation (`febrl_splink.py`), clustered by
connected components, or with at most one record per list. One row is one linkage, or the mean of 100 draws.
"""


def write(folder: Path, page: Path) -> None:
    """Write the page from the rows in a folder."""
    truth = coverage.TRUTH
    parts = [
        INTRODUCTION.format(data_sets=coverage.DATA_SETS),
        COVERAGE.format(model=truth.model, true_n=truth.true_n, n_boot=coverage.N_BOOT),
        coverage_part(folder),
        THRESHOLD,
        threshold_part(folder),
        LINKAGE.format(
            large_n=linkage.LARGE["n_persons"],
            sparse_n=linkage.SPARSE["n_persons"],
            **linkage.DEPENDENCE | {"visible": 100 * linkage.DEPENDENCE["visible"]},
            n_draws=linkage_ours.N_DRAWS,
            least=linkage_splink.LEAST,
        ),
        linkage_part(folder),
        GROUPS.format(**GROUP_LISTS),
        groups_part(folder),
        THRESHOLDING.format(
            seeds=thresholding.SEEDS, n=thresholding.N, effects=", ".join(map(str, thresholding.LIST_EFFECTS))
        ),
        thresholding_part(folder),
        STRATA.format(
            n=len(strata.SIZES), sizes=", ".join(map(str, strata.SIZES)), times=strata.SETTINGS["hidden"].times_as_large
        ),
        strata_part(folder),
        CALIBRATION.format(longer=calibration.LONGER, bound=BOUND, level=LEVEL),
        calibration_part(folder),
        FEBRL,
        febrl_part(folder),
    ]
    write_text(page, "\n".join(parts))
