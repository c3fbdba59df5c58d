"""A small study for the tests: made-up names on three lists, written where the test says."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from mse.linkage.evidence import Evidence
    from mse.study import StudyResult

# The first example of a law may compile for seconds; speed is measured in benchmarks/, never by a test. The suite tries
# the same examples each time, so that a change is judged by what it changes; `make laws` looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("same")

SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")
CAPTURE = {"alfa": 0.55, "beta": 0.45, "gamma": 0.4}

CODEBOOK = """\
[register]
name = "{name}"
agency = "Agency {name}"
population = "{population}"
presence = "{presence}"
period = {{ start = {year}-01-01, end = {year}-12-31 }}
case_definition = "presumed victim"
case_definition_id = "{case_definition_id}"
counting_rule = "{counting_rule}"
population_covered = "whole country"

[columns.SYNTHETIC]
kind = "ignore"

[columns.fornavn]
kind = "name"
field = "given_name"
identifier = true

[columns.etternavn]
kind = "name"
field = "family_name"
identifier = true

[columns.fodt]
kind = "date"
field = "birth_date"
identifier = true

[columns.kjonn]
kind = "category"
field = "sex"
codes = {{ K = "woman", M = "man" }}
"""

STUDY = """\
[study]
name = "small"
title = {{ nb = "Liten", en = "Small" }}
target_population = {{ nb = "oppdiktede", en = "made-up persons" }}
period = {{ start = 2020-01-01, end = 2020-12-31 }}
population = "adults"
presence = "in contact"
project = "small"
seed = 7
synthetic = true
truth = "SYNTHETIC-truth.csv"
key = "small.key"

[[list]]
name = "A"
label = {{ nb = "Liste A", en = "List A" }}
registers = ["SYNTHETIC-alfa.csv"]

[[list]]
name = "B"
label = {{ nb = "Liste B", en = "List B" }}
registers = ["SYNTHETIC-beta.csv"]

[[list]]
name = "C"
label = {{ nb = "Liste C", en = "List C" }}
registers = ["SYNTHETIC-gamma.csv"]

[pseudonyms]
accept_risks = ["small_groups"]

[linkage]
n_draws = 8

[models]
fit = ["independence"]
select = {{ by = ["bic"], max_order = 2, n_boot = 40 }}
{more}
"""


@pytest.fixture(scope="session")
def write_small_study() -> Callable[..., Path]:
    """A function that writes a small study into a folder and gives the path of its study file."""
    return _write_small_study


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "StudyResult"]:
    """The study file of a small study that was run to its end, and its result; not to be changed."""
    from mse.study import run_study

    study = _write_small_study(tmp_path_factory.mktemp("finished"))
    return study, run_study(study, out=study.parent / "results")


def _write_small_study(folder: Path, *, n_persons: int = 90, models: str = "", **differing: dict[str, str]) -> Path:
    """Three lists of made-up persons with their codebooks, truth, key and study file.

    `differing` replaces declarations of a register's codebook, as in ``beta={"year": "2019"}``.
    """
    from mse.pseudonyms import new_key

    random = Random(11)
    folder.mkdir(parents=True, exist_ok=True)
    persons = [_person(random) for _ in range(n_persons)]
    truth = ["SYNTHETIC,register,row,person"]
    for name, probability in CAPTURE.items():
        caught = [number for number in range(n_persons) if random.random() < probability]
        random.shuffle(caught)
        rows = ["SYNTHETIC,fornavn,etternavn,fodt,kjonn", *(f"SYNTHETIC,{','.join(persons[n])}" for n in caught)]
        truth += [f"SYNTHETIC,{name},{row},P{number}" for row, number in enumerate(caught, start=1)]
        (folder / f"SYNTHETIC-{name}.csv").write_text("\n".join(rows) + "\n", "utf-8")
        declared = {
            "name": name,
            "population": "adults",
            "presence": "in contact",
            "year": "2020",
            "case_definition_id": "presumed-victim",
            "counting_rule": "anyone met",
        }
        codebook = CODEBOOK.format(**{**declared, **differing.get(name, {})})
        (folder / f"SYNTHETIC-{name}.toml").write_text(codebook, "utf-8")
    (folder / "SYNTHETIC-truth.csv").write_text("\n".join(truth) + "\n", "utf-8")
    if not (folder / "small.key").exists():
        new_key(folder / "small.key", project="small")
    study = folder / "study.toml"
    study.write_text(STUDY.format(more=models), "utf-8")
    return study


def _person(random: Random) -> tuple[str, str, str, str]:
    name = "".join(random.choice(SYLLABLES) for _ in range(3)).title()
    family = "".join(random.choice(SYLLABLES) for _ in range(4)).title()
    born = f"{random.randrange(1, 29):02}.{random.randrange(1, 13):02}.{random.randrange(1970, 2000)}"
    return name, family, born, random.choice("KM")


@pytest.fixture(scope="session")
def evidence_of() -> "Callable[..., Evidence]":
    """Linkage evidence with any log-likelihood ratio of each field of each listed pair."""
    from mse.linkage.all_pairs import Listed
    from mse.linkage.evidence import Evidence
    from mse.linkage.ladders import Ladders, OwnChances
    from mse.linkage.weights import Weights

    def made(
        lists: Sequence[int],
        ratios: Mapping[tuple[int, int], Sequence[float]],
        *,
        fine: Sequence[int] = (),
        prior: float = 0.05,
        unclean: Sequence[int] = (),
    ) -> "Evidence":
        """Each ratio is a level of its own in each field; 0 is silence. `fine` tell the first field more finely."""
        pairs = sorted(ratios)
        values = np.array([ratios[pair] for pair in pairs], float)
        n_pairs, n_fields = values.shape
        known = np.unique(values)[::-1]  # the first level is that of agreement
        levels = np.where(values != 0.0, np.searchsorted(-known, -values), -1).astype(np.int8)
        u = np.tile([0.5 / len(known)] * len(known) + [0.5], n_fields)[:, None]
        m = u[:, 0] * np.tile(np.exp([*known, 0.0]), n_fields)
        ladder = Ladders(
            np.arange(n_fields + 1) * (len(known) + 1),
            np.arange(n_fields),
            np.full((n_fields, 0, 1), -1),
            np.zeros(n_fields, np.int64),
            np.zeros(n_fields, np.bool_),
            np.full(len(u), -1),
            1,
        )
        detail = np.zeros((len(lists), n_fields + 1), np.int64)
        detail[list(fine), 0] = 1
        is_clean = np.array([own not in unclean for own in range(max(lists) + 1)])
        left, right = (np.array([pair[end] for pair in pairs], np.int64) for end in (0, 1))
        weights = Weights(m, m, u, np.zeros_like(u), OwnChances.nothing(len(lists)))
        return Evidence(
            np.array(lists),
            is_clean,
            Listed(left, right, levels),
            np.zeros(n_pairs, np.int8),
            np.ones(n_pairs),
            detail,
            ladder,
            weights,
            prior,
        )

    return made
