"""Examples of a task after preprocessing: whether they are what was declared, and their trimming."""

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix import task_checks
from t5mix.features import Feature
from t5mix.lazy import lazy_import

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


def check_lengths(task: str, sequence_length: Mapping[str, Any] | None) -> None:
    """Refuses lengths that are no positive numbers.

    Raises:
      ValueError: naming the task and the feature.
    """
    for feature, length in (sequence_length or {}).items():
        for number in _lengths(length):
            if number is not None and (
                isinstance(number, bool) or not isinstance(number, numbers.Integral) or number < 1
            ):
                task_checks.refuse(task, "sequence_length", f"has {feature!r}: {length!r}", "give 1, 2, ...")


def check(task: str, dataset: "tf.data.Dataset", output_features: Mapping[str, Feature]) -> None:
    """Refuses examples without a required feature, or with one of another dtype or rank.

    Raises:
      ValueError: naming the task and the feature.
    """
    spec = dataset.element_spec
    if not isinstance(spec, Mapping):
        task_checks.refuse(task, "preprocessors", f"end in {spec}", "examples must be dicts of features")
    for key, feature in output_features.items():
        if key in spec:
            _check_feature(task, key, feature, spec[key])
        elif feature.required:
            raise ValueError(
                f"Task dataset is missing expected output feature after preprocessing: {key} of task {task!r}, which "
                f"has {', '.join(sorted(spec))}; make it in a preprocessor, or declare it required=False"
            )


def _check_feature(task: str, key: str, feature: Feature, spec: Any) -> None:
    dtype, rank = spec.dtype.name, spec.shape.rank
    for what, got, expected in (("type", dtype, feature.dtype), ("rank", rank, feature.rank)):
        if got != expected:
            raise ValueError(
                f"Task dataset has incorrect {what} for feature {key!r} after preprocessing: Got {got}, expected "
                f"{expected} in task {task!r}; is tokenize missing?"
            )


def trim(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, Any], output_features: Mapping[str, Feature]
) -> "tf.data.Dataset":
    """Returns examples whose output features have at most the given lengths, one for each axis.

    Before, with sequence_length `{"targets": 2}`: `{"targets": [7, 8, 9]}`; after: `{"targets": [7, 8]}`.
    """
    limits = {
        key: tuple(slice(0, number) for number in _lengths(length))
        for key, length in sequence_length.items()
        if key in output_features
    }

    def one(example: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value[limits[key]] if key in limits else value for key, value in example.items()}

    return dataset.map(one, num_parallel_calls=tf.data.AUTOTUNE)


def _lengths(length: Any) -> tuple[Any, ...]:
    return tuple(length) if isinstance(length, tuple | list) else (length,)
