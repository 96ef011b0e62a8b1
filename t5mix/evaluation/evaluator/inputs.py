"""Which tasks of a mixture are evaluated, their examples kept in memory, and how long these are."""

import dataclasses
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.declarations.task import Task
from t5mix.internal.code import signatures
from t5mix.internal.lazy import tensorflow as tf

_log = logging.getLogger(__name__)


def get_valid_eval_tasks(tasks: Sequence[Task], split: str) -> list[Task]:
    """Returns the tasks that have the split and a metric; warns of each other one."""
    valid = []
    for task in tasks:
        if split not in task.splits:
            _log.warning("task %s has no split %r, so it is not evaluated", task.name, split)
        elif not task.metric_fns and not task.metric_objs:
            _log.warning("task %s has no metrics, so it is not evaluated", task.name)
        else:
            valid.append(task)
    return valid


def check_length_names(tasks: Sequence[Task], sequence_length: Mapping[str, Any]) -> None:
    """Refuses a length for a feature that the tasks have not.

    Raises:
        ValueError: naming the feature.
    """
    for name in sequence_length:
        if name not in tasks[0].output_features:
            raise ValueError(
                f"sequence_length has {name!r}, and task {tasks[0].name!r} has only the features "
                f"{', '.join(tasks[0].output_features)}; leave it out"
            )


def check_automatic_lengths(tasks: Sequence[Task]) -> None:
    """Refuses tasks whose examples depend on sequence lengths, which then cannot be found out from the examples.

    Raises:
        ValueError: naming the task and the preprocessor.
    """
    for task in tasks:
        for step in task.preprocessors:
            parameter = inspect.signature(step).parameters.get("sequence_length")
            if parameter is not None and parameter.default is inspect.Parameter.empty:
                raise ValueError(
                    f"Preprocessor {signatures.name(step)!r} in task {task.name!r} has a `sequence_length` argument, "
                    "making it incompatible with automatic sequence length detection. Pass a valid `sequence_length` "
                    "to `Evaluator` and try again."
                )


def cache_and_measure_examples(
    tasks: Sequence[Task],
    dataset_fn: "Callable[[Task], tf.data.Dataset]",
    sequence_dims: Mapping[str, int],
    num_examples: int | None = None,
    use_memory_cache: bool = True,
) -> "tuple[dict[str, tf.data.Dataset], dict[str, int]]":
    """Reads every example once.

    Args:
        tasks: what to read; all with the same output features.
        dataset_fn: gives the examples of a task.
        sequence_dims: for features whose length is not along their first axis, which axis it is.
        num_examples: examples of each task at most, the first ones; None is all.
        use_memory_cache: whether the examples stay in memory.

    Returns:
        Datasets that know their number of examples, by task; the greatest length of each feature.

    Raises:
        ValueError: if the tasks have unlike features, or one gives no examples.
    """
    names = list(tasks[0].output_features)
    longest = dict.fromkeys(names, 0)
    for task in tasks:
        if list(task.output_features) != names:
            raise ValueError(
                f"task {tasks[0].name!r} has the features {', '.join(names)}, task {task.name!r} has "
                f"{', '.join(task.output_features)}; evaluate them one by one"
            )
    datasets = {}
    for task in tasks:
        dataset = dataset_fn(task)
        if num_examples is not None:
            dataset = dataset.take(num_examples)
        if use_memory_cache:
            dataset = dataset.cache()
        count = 0
        for example in dataset:
            count += 1
            for name in longest:
                if name in example:
                    longest[name] = max(longest[name], _length(example[name], sequence_dims.get(name, 0)))
        if not count:
            raise ValueError(f"task {task.name!r} gives no examples to evaluate; do its preprocessors leave all out?")
        datasets[task.name] = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return datasets, longest


def _length(value: Any, axis: int) -> int:
    if not value.shape.rank:
        return 0
    return int(value.bounding_shape(axis) if isinstance(value, tf.RaggedTensor) else value.shape[axis])


# seqio's own tests call it by this name.
_cache_and_measure_examples = cache_and_measure_examples


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How long features are to be for the model.

    Attributes:
        given: by the user, for some features or all; None where nothing is given.
        longest: of all examples, as they were read with what is given.
    """

    given: Mapping[str, Any] | None
    longest: Mapping[str, int]

    def chosen(self) -> dict[str, Any]:
        """Returns each feature's length: the given one, else the longest example's. Warns of lengths that lose."""
        given = self.given or {}
        for name, length in given.items():
            if not isinstance(length, int):
                continue
            if self.longest[name] >= length:
                _log.warning(
                    "some %s fill the given length of %d tokens and may have been truncated; without a length for "
                    "them they are kept whole",
                    name,
                    length,
                )
            elif length > self.longest[name]:
                _log.info("%s are at most %d tokens long, %d were given", name, self.longest[name], length)
        return {name: given.get(name, longest) for name, longest in self.longest.items()}
