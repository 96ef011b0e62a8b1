"""Which preprocessing steps are objectives, so that the stream can run them itself."""

import functools
from typing import Any

from t5mix.objectives.base import Objective
from t5mix.objectives.unsupervised import unsupervised


def as_objective(step: Any) -> Objective | None:
    """Returns the objective that a preprocessing step is, or None: itself, or a partial of one.

    `unsupervised`, and a partial of it, is the objective it runs.
    """
    if isinstance(step, Objective):
        return step
    if step is unsupervised:
        return as_objective(unsupervised())
    if not isinstance(step, functools.partial) or step.args:
        return None
    if step.func is unsupervised:
        made = unsupervised(**step.keywords)
        return made if isinstance(made, Objective) else None
    inner = as_objective(step.func)
    return None if inner is None else inner(**step.keywords)
