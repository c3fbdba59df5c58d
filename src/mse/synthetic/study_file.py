"""The study file (TOML) that merges the synthetic lists into the lists of an estimate."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import tomli_w

from mse.synthetic.layouts import MARK

__all__ = ["study_text"]

N_DRAWS = 100
# Filters find the misspelt names that match keys miss, see decisions/0016; synthetic persons: nobody is given away.
ENCODING = "bloom"
ACCEPT_RISKS = ["small_groups", "january_first", "similarity"]


def study_text(
    about: Mapping[str, Any],
    paths: Mapping[str, str],
    period: tuple[date, date],
    *,
    name: str,
    truth: str = f"{MARK}-truth.csv",
) -> str:
    """The text of a study file.

    Parameters
    ----------
    about : mapping
        ``title``, ``target_population``, ``differences``, ``lists``, and optionally ``models``.
    paths : mapping of str to str
        File of each register, relative to the study file.
    period : tuple of two dates
    name : str
    truth : str
        The truth file, relative to the study file; only for judging the linkage afterwards.
    """
    study = {
        "name": name,
        "title": about["title"],
        "target_population": about["target_population"],
        "period": {"start": period[0], "end": period[1]},
        "population": "adults",
        "presence": "in contact",
        "project": f"{MARK}-{name}",
        "seed": period[1].year,
        "synthetic": True,
        "truth": truth,
        "key": f"{MARK}-{name}.key",
    }
    lists = [
        {"name": one["name"], "label": one["label"], "registers": [paths[register] for register in one["registers"]]}
        for one in about["lists"]
    ]
    independence = "".join(f"[{one['name']}]" for one in lists)
    document = {
        "study": study,
        "differences": about["differences"],
        "list": lists,
        "pseudonyms": {"encoding": ENCODING, "accept_risks": ACCEPT_RISKS},
        "linkage": {"n_draws": N_DRAWS},
        "models": {
            "fit": [independence, *about.get("models", [])],
            "select": {"by": ["bic", "aic"], "max_order": 2, "n_boot": 1000, "n_top": 100},
            "bayes": {"prior": "horseshoe", "max_order": 2},
        },
        "report": {"suppress_below": 3},
    }
    return tomli_w.dumps(document)
