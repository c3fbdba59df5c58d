"""The models whose calibration is studied, in the order of the table."""

from simulations.calibration import Calibration
from simulations.calibration_averaging import AVERAGING
from simulations.calibration_decomposable import DECOMPOSABLE
from simulations.calibration_heterogeneity import HETEROGENEITY
from simulations.calibration_latent_class import LATENT_CLASS
from simulations.calibration_loglinear import LOGLINEARS
from simulations.calibration_multilevel import MULTILEVEL

__all__ = ["CALIBRATIONS"]

CALIBRATIONS: tuple[Calibration, ...] = (
    DECOMPOSABLE,
    HETEROGENEITY,
    LATENT_CLASS,
    AVERAGING,
    *LOGLINEARS,
    MULTILEVEL,
)
