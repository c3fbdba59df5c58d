"""Synthetic Norway: persons with a known N, agencies and referrals; writes the committed data."""

from mse.synthetic.norway import SyntheticList, SyntheticNorway
from mse.synthetic.scenario import COMMITTED_SEED, COMMITTED_TRUE_N, SCENARIOS, simulate_norway

__all__ = ["COMMITTED_SEED", "COMMITTED_TRUE_N", "SCENARIOS", "SyntheticList", "SyntheticNorway", "simulate_norway"]
