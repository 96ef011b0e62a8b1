"""Choosing the objective of tasks that leave it open."""

import dataclasses

from t5mix.objectives.base import Objective
from t5mix.objectives.unsupervised import is_open
from t5mix.preprocessors.tokens import append_eos, append_eos_after_trim
from t5mix.task import Task


def with_objective(task: Task, objective: Objective) -> Task:
    """Returns the task with this objective in the place of `unsupervised`, or the task itself if it has none.

    Before: steps tokenize, CacheDatasetPlaceholder(), unsupervised, append_eos; after, with `prefix_lm`: tokenize,
    CacheDatasetPlaceholder(), prefix_lm, append_eos.

    An objective that ends documents itself (`full_lm`) leaves room for the EOS that a step behind it appends.
    """
    steps = list(task.preprocessors)
    places = [place for place, step in enumerate(steps) if is_open(step)]
    if not places:
        return task
    for place in places:
        appends = any(step in (append_eos, append_eos_after_trim) for step in steps[place:])
        steps[place] = _with_room(objective) if appends and objective.ends_documents else objective
    return task.replace(preprocessors=steps)


def _with_room(objective: Objective) -> Objective:
    return dataclasses.replace(objective, reserved_for_packing=(objective.reserved_for_packing or 0) + 1)
