"""The place of an objective in T5's unsupervised tasks, which leave open which one."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.objectives.span_corruption import span_corruption


def unsupervised(
    dataset: Any = None,
    preprocessors: Sequence[Callable[..., Any]] = (span_corruption,),
    output_features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, int] | None = None,
) -> Any:
    """Runs steps one after the other, or returns the step that does.

    A task that declares it leaves its objective open: a run's `Run.objective`, or `with_objective`, chooses
    another one.  In T5 a gin file binds `preprocessors`, and without one the tasks are silently plain text; here
    `unsupervised` alone is span corruption, and `unsupervised(preprocessors=[iid_denoising])` another default.
    Where it is but one objective, the stream runs it like any other.

    Args:
      dataset: examples with `targets`, or None.
      preprocessors: the steps; T5's released models were trained with span corruption.
      output_features: the task's.
      sequence_length: the lengths of the task's features.

    Raises:
      ValueError: when there is no step.
    """
    steps = tuple(preprocessors)
    if not steps:
        raise ValueError("unsupervised: preprocessors is empty; name an objective, such as span_corruption")
    if dataset is None:
        return functools.partial(unsupervised, preprocessors=steps)
    return Steps(steps)(dataset, sequence_length, output_features)


def is_open(step: Any) -> bool:
    """Tells whether a preprocessing step is `unsupervised`, with whatever default."""
    return step is unsupervised or (isinstance(step, functools.partial) and step.func is unsupervised)


@dataclasses.dataclass(frozen=True)
class Steps:
    """Several preprocessors as one.

    Attributes:
      steps: functions from dataset to dataset, which may take sequence_length and output_features.
    """

    steps: tuple[Callable[..., Any], ...]

    def __call__(self, dataset: Any, sequence_length: Any = None, output_features: Any = None) -> Any:
        """Returns the dataset after the steps."""
        given = {"sequence_length": sequence_length, "output_features": output_features}
        for step in self.steps:
            taken = inspect.signature(step).parameters
            dataset = step(dataset, **{name: value for name, value in given.items() if name in taken})
        return dataset
