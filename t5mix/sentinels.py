"""Tasks with sentinels on their examples, which helps models pre-trained by span corruption."""

import functools
from collections.abc import Callable
from typing import Any

from t5mix import preprocessors
from t5mix.metrics import postprocessors
from t5mix.registry import TaskRegistry
from t5mix.task import Task

# T5 names the splits of some tasks; the suffix goes before these.
_LAST_PARTS = ("_train", "_dev", "_test", "_eval", ".")


def with_sentinels(task: Task, num_sentinels: int = 1) -> Task:
    """Returns a task, not registered, with sentinels behind its inputs and before its targets.

    Before: "Where is Rome?" -> "Italy"; after: "Where is Rome? <extra_id_0>" -> "<extra_id_0> Italy".  They stay when a
    sequence is trimmed, and are taken from what is decoded before the task's own postprocessor.

    Args:
      task: a task of `inputs` and `targets`.
      num_sentinels: how many.

    Raises:
      ValueError: when num_sentinels is no positive number.
    """
    if num_sentinels < 1:
        raise ValueError(f"with_sentinels of task {task.name!r}: num_sentinels is {num_sentinels}; give 1 or more")
    steps = list(task.preprocessors)
    add = functools.partial(preprocessors.add_sentinels, num_sentinels=num_sentinels)
    if steps and steps[-1] is preprocessors.append_eos_after_trim:
        keep = functools.partial(
            preprocessors.append_eos_after_trim_and_preserve, preserve_final_n_tokens_when_trimming=num_sentinels
        )
        steps[-1:] = [add, keep]
    else:
        steps.append(add)
    return task.replace(
        name=name_with_sentinels(task.name, num_sentinels),
        preprocessors=steps,
        postprocess_fn=_without(task, num_sentinels),
    )


def add_task_with_sentinels(task_name: str, num_sentinels: int = 1) -> Task:
    """Registers the task with sentinels behind its inputs and before its targets, and returns it.

    Its name has "_1_sentinel" behind it, but before "_train", "_dev", "_test", "_eval" and "."; see
    `with_sentinels`.

    Raises:
      ValueError: when there is no such task, the name is taken, or num_sentinels is no positive number.
    """
    task = with_sentinels(TaskRegistry.get(task_name), num_sentinels)
    TaskRegistry.add_provider(task.name, task)
    return task


def name_with_sentinels(name: str, num_sentinels: int = 1) -> str:
    """Returns the name that T5 gives such a task: "wsc_eval" becomes "wsc_1_sentinel_eval"."""
    suffix = f"_{num_sentinels}_sentinel"
    for part in _LAST_PARTS:
        if part in name:
            place = name.index(part)
            return name[:place] + suffix + name[place:]
    return name + suffix


def _without(task: Task, num_sentinels: int) -> Callable[..., Any]:
    return functools.partial(
        postprocessors.remove_sentinels,
        vocabulary=task.output_features["targets"].vocabulary,
        num_sentinels=num_sentinels,
        postprocess_fn=task.postprocessor,
    )
