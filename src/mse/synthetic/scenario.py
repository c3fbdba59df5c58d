"""`simulate_norway`: the one call that makes the synthetic data."""

from pathlib import Path

from mse.errors import BadInput
from mse.synthetic.norway import SyntheticNorway
from mse.synthetic.one_year import simulate_2020

__all__ = ["COMMITTED_SEED", "COMMITTED_TRUE_N", "SCENARIOS", "simulate_norway"]

SCENARIOS = ("2020", "2017-2022")
COMMITTED_SEED = 2020
COMMITTED_TRUE_N = 700


def simulate_norway(
    *, scenario: str = "2020", true_n: int = COMMITTED_TRUE_N, seed: int, out: Path | str | None = None
) -> SyntheticNorway:
    """Make synthetic adults with a known number, and the lists of the agencies that met them."""
    made = simulate_2020(true_n=true_n, seed=seed)
    if out is not None:
        made.write(out)
    return made
