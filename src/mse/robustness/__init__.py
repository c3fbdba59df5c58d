"""Can these data carry an estimate at all, and how much does the answer depend on what was assumed?"""

from mse.robustness.list_by_list import leave_one_list_out
from mse.robustness.verdict import Finding, Verdict, feasibility

__all__ = ["Finding", "Verdict", "feasibility", "leave_one_list_out"]
