"""The steps of a task: what may be one, where the token cache cuts them, and how they run."""

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from t5mix.internal.code import signatures
from t5mix.internal.lazy import tensorflow as tf

Step = Callable[..., Any]
# Types of annotations, by seqio's and T5's names.
OutputFeaturesType = Mapping[str, Any]
SequenceLengthType = Mapping[str, int | Sequence[int]]
FeatureType = Mapping[str, Any]

_TOKENIZERS = ("tokenize", "tokenize_and_append_eos")


@dataclasses.dataclass(frozen=True)
class CacheDatasetPlaceholder:
    """Marks the position among the preprocessors where tokens are cached; it is never called.

    Attributes:
        required: refuse `get_dataset(use_cached=False)`.
        file_shuffle_buffer_size: how many files of a cache that seqio made are shuffled at a time; None is all.
    """

    required: bool = False
    file_shuffle_buffer_size: int | None = None

    def __call__(self, dataset: object) -> NoReturn:
        """Refuses to be called."""
        raise RuntimeError("CacheDatasetPlaceholder marks a place; it is not a preprocessor to call")


def check(task: str, steps: Sequence[Step], caching_permitted: bool) -> None:
    """Refuses steps that cannot work.

    Raises:
        ValueError: naming the task and the step.
    """
    for position, step in enumerate(steps):
        if not callable(step):
            raise ValueError(
                f"task {task!r}: preprocessors[{position}] is {step!r}, which cannot be called; "
                "give functions that take a dataset and return one"
            )
    marks = [i for i, step in enumerate(steps) if isinstance(step, CacheDatasetPlaceholder)]
    if len(marks) > 1:
        raise ValueError(
            "`CacheDatasetPlaceholder` can appear at most once in the preprocessing pipeline. Found multiple in "
            f"{task!r}."
        )
    if marks and not caching_permitted:
        raise ValueError(
            f"Caching was requested for {task!r}, but the underlying data source prohibits caching. Please remove "
            "`CacheDatasetPlaceholder` and try again."
        )
    for step in steps[: marks[0]] if marks else ():
        _check_cached_step(task, step)


def _check_cached_step(task: str, step: Step) -> None:
    if signatures.takes(step, "sequence_length"):
        raise ValueError(
            f"{signatures.name(step)!r} has a `sequence_length` argument but occurs before `CacheDatasetPlaceholder` "
            f"in {task!r}. This is not allowed since the sequence length is specified at run time."
        )
    if is_random(step):
        warnings.warn(
            f"task {task!r}: preprocessor {signatures.name(step)!r} is random and stands before "
            "CacheDatasetPlaceholder, so every epoch sees the same noise; move it behind for fresh",
            stacklevel=2,
        )


def is_random(step: Step) -> bool:
    """Tells whether a step draws seeds, by `map_over_dataset(num_seeds=...)`."""
    while hasattr(step, "func") and not hasattr(step, "num_seeds"):
        step = step.func
    return bool(getattr(step, "num_seeds", 0))


def cut(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Returns the steps before and after the token cache.

    A CacheDatasetPlaceholder is the cut. Without one it is right after tokenization, or at the end
    when nothing tokenizes; but never behind a step that is random or depends on the lengths of a
    run, whose result a cache must not hold.
    """
    for i, step in enumerate(steps):
        if isinstance(step, CacheDatasetPlaceholder):
            return tuple(steps[:i]), tuple(steps[i + 1 :])
    split = len(steps)
    for i, step in enumerate(steps):
        if is_random(step) or signatures.takes(step, "sequence_length"):
            split = i
            break
        if signatures.name(step) in _TOKENIZERS:
            split = i + 1
            break
    return tuple(steps[:split]), tuple(steps[split:])


def run(
    task: str,
    dataset: "tf.data.Dataset",
    steps: Sequence[Step],
    sequence_length: Mapping[str, Any] | None,
    output_features: Mapping[str, Any],
) -> "tf.data.Dataset":
    """Returns the dataset after `steps`, in order.

    A step that has an argument `sequence_length` or `output_features`, not bound by a partial, gets
    it.

    Raises:
        ValueError: when a step returns no dataset. Whatever a step raises carries a note that names
            the step and the task.
    """
    for step in steps:
        given = {"sequence_length": sequence_length, "output_features": output_features}
        arguments = {key: value for key, value in given.items() if signatures.takes(step, key)}
        try:
            result = step(dataset, **arguments)
        except Exception as error:
            error.add_note(f"in preprocessor {signatures.name(step)!r} of task {task!r}")
            raise
        if not isinstance(result, tf.data.Dataset):
            hint = "; is map_over_dataset missing?" if inspect.isfunction(step) else ""
            raise ValueError(
                f"task {task!r}: preprocessor {signatures.name(step)!r} returned "
                f"{type(result).__name__} instead of a tf.data.Dataset{hint}"
            )
        dataset = result
    return dataset
