"""`simulate_norway`: the one call that makes the synthetic data."""

from pathlib import Path

from mse.errors import BadInput
from mse.synthetic.norway import SyntheticNorway
from mse.synthetic.one_year import simulate_2020
from mse.synthetic.six_years import simulate_six_years

__all__ = ["COMMITTED_SEED", "COMMITTED_TRUE_N", "SCENARIOS", "simulate_norway"]

SCENARIOS = ("2020", "2017-2022")
COMMITTED_SEED = 2020
COMMITTED_TRUE_N = 700
SMALLEST_TRUE_N = 300


def simulate_norway(
    *, scenario: str = "2020", true_n: int = COMMITTED_TRUE_N, seed: int, out: Path | str | None = None
) -> SyntheticNorway:
    """Make synthetic adults with a known number, and the lists of the agencies that met them.

    Parameters
    ----------
    scenario : {"2020", "2017-2022"}
        The year 2020, with a list for each agency of KOM's annual report whose totals, new persons and sexes (and form
        and region, where published) are exactly the published ones; or six years of merged lists, with the arrival
        from Ukraine in 2022.
    true_n : int
        Adults a year, met by an agency or not; 300, 700 and 1,500 are the scenarios in use. Those who fled Ukraine
        in 2022 come on top.
    seed : int
        Same seed, same bytes. `COMMITTED_SEED` gives the files under ``data/synthetic``.
    out : Path or str, optional
        Folder to write everything to: lists with their codebooks, persons, truth, and the study files.

    Returns
    -------
    SyntheticNorway

    Raises
    ------
    BadInput
        For another scenario, a negative seed, or a `true_n` that is too small to hold the published lists.

    References
    ----------
    Koordineringsenheten for ofre for menneskehandel (KOM), annual report 2020, published in June 2021.

    Examples
    --------
    >>> norway = simulate_norway(scenario="2020", true_n=700, seed=2020)
    >>> len(norway.persons), norway.lists["rosa"].n_persons, len(norway.on("rosa", "adora"))
    (700, 74, 74)
    """
    if scenario not in SCENARIOS:
        raise BadInput.option("scenario", scenario, SCENARIOS)
    if seed < 0:
        raise BadInput(f"seed={seed!r} is negative; give a number from 0 on")
    if true_n < SMALLEST_TRUE_N:
        raise BadInput(
            f"true_n={true_n!r} cannot hold the published lists with persons left whom no agency met; "
            f"give {SMALLEST_TRUE_N} or more"
        )
    make = simulate_2020 if scenario == "2020" else simulate_six_years
    made = make(true_n=true_n, seed=seed)
    if out is not None:
        made.write(out)
    return made
