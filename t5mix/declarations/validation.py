"""What declared tasks and mixtures must be, checked when they are made, and examples when they are read."""

import functools
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from t5mix.internal.code import signatures
from t5mix.metrics.output_types import OUTPUT_TYPES, ModelOutputType
from t5mix.preprocessors.trim_and_pack import axis_lengths
from t5mix.sources import DataSource
from t5mix.vocabularies.features import Feature

if TYPE_CHECKING:
    import tensorflow as tf

METRIC_ARGUMENTS = tuple(OUTPUT_TYPES)


def refuse_task(task: str, field: str, what: str, fix: str) -> NoReturn:
    """Raises the ValueError of a task: its name, the field, what is wrong and the fix."""
    raise ValueError(f"task {task!r}: {field} {what}; {fix}")


def source(task: str, given: object) -> DataSource:
    """Returns a source that is one."""
    if not isinstance(given, DataSource):
        refuse_task(task, "source", f"is {given!r}", "give a DataSource, such as TfdsDataSource(...)")
    return given


def output_features(task: str, given: object) -> dict[str, Feature]:
    """Returns the features, sorted by name."""
    if not isinstance(given, Mapping) or not given:
        refuse_task(task, "output_features", f"is {given!r}", "give a dict such as {'targets': Feature(...)}")
    for key, feature in given.items():
        if not isinstance(key, str) or not isinstance(feature, Feature):
            refuse_task(task, "output_features", f"has {key!r}: {feature!r}", "give names and Features")
    return dict(sorted(given.items()))


def sequence(task: str, field: str, given: Any) -> tuple[Any, ...]:
    """Returns what was given as a list, in order; None is an empty one."""
    if given is not None and (not isinstance(given, Iterable) or isinstance(given, str)):
        refuse_task(task, field, f"is {given!r}", "give a list, also for one")
    if isinstance(given, set | frozenset):
        refuse_task(task, field, "is a set, which has no order", "give a list")
    return tuple(given or ())


def buffer_size(task: str, given: int | None) -> int | None:
    """Returns the size of a shuffle buffer, or None."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        refuse_task(task, "shuffle_buffer_size", f"is {given!r}", "give 1, 2, ... or None")
    return given


def metric_arguments(task: str, fn: object) -> tuple[str, ...]:
    """Returns which of METRIC_ARGUMENTS a metric takes."""
    if not callable(fn):
        refuse_task(task, "metric_fns", f"has {fn!r}, which cannot be called", "give functions")
    arguments = _required_arguments(fn)
    if arguments not in METRIC_ARGUMENTS:
        *others, last = sorted(METRIC_ARGUMENTS, key=lambda names: (len(names), names != ("targets", "scores")))
        allowed = f"{', '.join(map(str, others))} or {last}"
        refuse_task(
            task,
            "metric_fns",
            f"has {signatures.name(fn)!r}. Metric functions must have positional arguments matching either {allowed}. "
            f"Got: {arguments}",
            "use these names",
        )
    return arguments


def metric_objects(task: str, given: Any) -> tuple[Any, ...]:
    """Returns the metric objects, in order; of a class its empty object."""
    objects = tuple(
        each.empty() if isinstance(each, type) and hasattr(each, "empty") else each
        for each in sequence(task, "metric_objs", given)
    )
    for each in objects:
        if not callable(getattr(each, "from_model_output", None)):
            refuse_task(
                task,
                "metric_objs",
                f"has {each!r}, which has no from_model_output",
                "give objects of t5mix.metrics.Metric or CollectingMetric, and functions as metric_fns",
            )
        kind = getattr(each, "model_output_type", None)
        if kind not in list(ModelOutputType):
            refuse_task(
                task,
                "metric_objs",
                f"has {each!r}, whose model_output_type is {kind!r}",
                "give one of t5mix.metrics.ModelOutputType",
            )
        if not callable(getattr(each, "actual_compute", None)) and not callable(getattr(each, "compute", None)):
            refuse_task(task, "metric_objs", f"has {each!r}, which has no compute", "define it, or actual_compute")
    return objects


def _required_arguments(fn: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return _remembered(fn)
    except TypeError:  # a callable that cannot be hashed
        return signatures.required_arguments(fn)


@functools.lru_cache(maxsize=4096)
def _remembered(fn: Callable[..., Any]) -> tuple[str, ...]:
    return signatures.required_arguments(fn)


def check_lengths(task: str, sequence_length: Mapping[str, Any] | None) -> None:
    """Refuses lengths that are no positive numbers.

    Raises:
        ValueError: naming the task and the feature.
    """
    for feature, length in (sequence_length or {}).items():
        for number in axis_lengths(length):
            if number is not None and (
                isinstance(number, bool) or not isinstance(number, numbers.Integral) or number < 1
            ):
                refuse_task(task, "sequence_length", f"has {feature!r}: {length!r}", "give 1, 2, ...")


def check_examples(task: str, dataset: "tf.data.Dataset", output_features: Mapping[str, Feature]) -> None:
    """Refuses examples without a required feature, or with one of another dtype or rank.

    Raises:
        ValueError: naming the task and the feature.
    """
    spec = dataset.element_spec
    if not isinstance(spec, Mapping):
        refuse_task(task, "preprocessors", f"end in {spec}", "examples must be dicts of features")
    for key, feature in output_features.items():
        if key in spec:
            _check_feature(task, key, feature, spec[key])
        elif feature.required:
            error = ValueError(f"Task dataset is missing expected output feature after preprocessing: {key}")
            error.add_note(
                f"of task {task!r}, which has {', '.join(sorted(spec))}; make it in a preprocessor, or declare it "
                "required=False"
            )
            raise error


def _check_feature(task: str, key: str, feature: Feature, spec: Any) -> None:
    dtype, rank = spec.dtype.name, spec.shape.rank
    for what, got, expected in (("type", dtype, feature.dtype), ("rank", rank, feature.rank)):
        if got != expected:
            error = ValueError(
                f"Task dataset has incorrect {what} for feature {key!r} after preprocessing: Got {got}, expected "
                f"{expected}"
            )
            error.add_note(f"in task {task!r}; is tokenize missing?")
            raise error


def refuse_mixture(mixture: str, what: str, fix: str) -> NoReturn:
    """Raises the ValueError of a mixture: its name, what is wrong and the fix."""
    raise ValueError(f"mixture {mixture!r} {what}; {fix}")


def check_same_features(mixture: str, tasks: Iterable[tuple[str, Mapping[str, Feature]]]) -> None:
    """Refuses tasks whose features differ in name, vocabulary, dtype or rank.

    Args:
        mixture: its name.
        tasks: of each task its name and its output features.

    Raises:
        ValueError: naming two tasks that differ.
    """
    (first, expected), *rest = tasks
    for task, got in rest:
        if got.keys() != expected.keys():
            refuse_mixture(
                mixture,
                "has tasks with different output_features: it contains Tasks with different output features: "
                f"{first!r} {list(expected)}, {task!r} {list(got)}",
                "give every task the same; declare what some lack required=False",
            )
        for key, feature in got.items():
            _check_same_feature(mixture, key, (first, expected[key]), (task, feature))


def _check_same_feature(mixture: str, key: str, one: tuple[str, Feature], other: tuple[str, Feature]) -> None:
    if one[1] is other[1]:
        return
    for field, plural in (("vocabulary", "vocabularies"), ("dtype", "dtypes"), ("rank", "ranks")):
        first, second = getattr(one[1], field), getattr(other[1], field)
        if first is not second and first != second:
            refuse_mixture(
                mixture,
                f"feeds feature {key!r} with two {plural}: {first!r} of task {one[0]!r} and "
                f"{second!r} of task {other[0]!r}. Features across tasks in a mixture must use the same {field}.",
                "declare both tasks with the same",
            )
