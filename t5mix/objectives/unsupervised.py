"""The place of an objective in T5's unsupervised tasks, which leave open which one."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.objectives.base import Objective
from t5mix.objectives.span_corruption import span_corruption


def unsupervised(
    dataset: Any = None,
    preprocessors: Sequence[Callable[..., Any]] = (span_corruption,),
    output_features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, int] | None = None,
) -> Any:
    """Runs steps one after the other, or returns them as one step.

    In T5 a gin file chooses; here `unsupervised(preprocessors=[iid_denoising])` does.  With one objective
    and no dataset it returns that objective itself, so the stream runs it like any other.

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
        return steps[0] if len(steps) == 1 and isinstance(steps[0], Objective) else Steps(steps)
    return Steps(steps)(dataset, sequence_length, output_features)


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
