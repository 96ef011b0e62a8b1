"""Checks of tasks on their own examples, as `t5mix check` runs them."""

from t5mix.checking.findings import CHECKS, Finding, Limits, Report, Result
from t5mix.checking.task import check_task

__all__ = ["CHECKS", "Finding", "Limits", "Report", "Result", "check_task"]
