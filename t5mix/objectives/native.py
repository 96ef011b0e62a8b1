"""Which preprocessing steps are objectives, so that the stream can run them itself."""

import functools
from typing import Any

from t5mix.objectives.base import Objective
from t5mix.objectives.span_corruption import span_corruption
from t5mix.objectives.unsupervised import is_open


def as_objective(step: Any) -> Objective | None:
    """Returns the objective that a preprocessing step is, or None: itself, or a partial of one.

    `unsupervised`, and a partial of it, is the objective it runs, if that is but one.
    """
    if isinstance(step, Objective):
        return step
    if is_open(step):
        given = step.keywords if isinstance(step, functools.partial) else {}
        steps = given.get("preprocessors", (span_corruption,))
        return as_objective(steps[0]) if len(steps) == 1 else None
    if not isinstance(step, functools.partial) or step.args:
        return None
    inner = as_objective(step.func)
    return None if inner is None else inner(**step.keywords)
