"""Checks of tasks on their own examples, as `t5mix check` runs them.

`t5mix.evaluation.checks.check_task.check_task` runs them; it loads NumPy, which the help of the command does without.
"""

from t5mix.evaluation.checks.findings import CHECKS, Finding, Limits, Report, Result

__all__ = ["CHECKS", "Finding", "Limits", "Report", "Result"]
