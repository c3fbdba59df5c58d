"""One model over many linkage draws, pooled; and second opinions on what linkage error does to the total."""

from mse.propagation.agreement_thresholds import threshold_curve
from mse.propagation.by_stratum import each_stratum
from mse.propagation.linkage_errors import LinkageErrors, di_consiglio_tuoto, ding_fienberg, linkage_errors
from mse.propagation.pooling import Mixed, Pooled, propagate
from mse.propagation.questions import question_list

__all__ = [
    "LinkageErrors",
    "Mixed",
    "Pooled",
    "di_consiglio_tuoto",
    "ding_fienberg",
    "each_stratum",
    "linkage_errors",
    "propagate",
    "question_list",
    "threshold_curve",
]
