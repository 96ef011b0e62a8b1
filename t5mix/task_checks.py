"""What the declaration of a task must be, checked when it is made."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from t5mix import signatures
from t5mix.features import Feature
from t5mix.metrics.output_types import OUTPUT_TYPES, ModelOutputType
from t5mix.sources import DataSource

METRIC_ARGUMENTS = tuple(OUTPUT_TYPES)


def refuse(task: str, field: str, what: str, mend: str) -> NoReturn:
    """Raises the ValueError of a task: its name, the field, what is wrong and the mend."""
    raise ValueError(f"task {task!r}: {field} {what}; {mend}")


def source(task: str, given: object) -> DataSource:
    """Returns a source that is one."""
    if not isinstance(given, DataSource):
        refuse(task, "source", f"is {given!r}", "give a DataSource, such as TfdsDataSource(...)")
    return given


def output_features(task: str, given: object) -> dict[str, Feature]:
    """Returns the features, sorted by name."""
    if not isinstance(given, Mapping) or not given:
        refuse(task, "output_features", f"is {given!r}", "give a dict such as {'targets': Feature(...)}")
    for key, feature in given.items():
        if not isinstance(key, str) or not isinstance(feature, Feature):
            refuse(task, "output_features", f"has {key!r}: {feature!r}", "give names and Features")
    return dict(sorted(given.items()))


def sequence(task: str, field: str, given: Any) -> tuple[Any, ...]:
    """Returns what was given as a list, in order; None is an empty one."""
    if given is not None and (not isinstance(given, Iterable) or isinstance(given, str)):
        refuse(task, field, f"is {given!r}", "give a list, also for one")
    if isinstance(given, set | frozenset):
        refuse(task, field, "is a set, which has no order", "give a list")
    return tuple(given or ())


def buffer_size(task: str, given: int | None) -> int | None:
    """Returns the size of a shuffle buffer, or None."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        refuse(task, "shuffle_buffer_size", f"is {given!r}", "give 1, 2, ... or None")
    return given


def metric_arguments(task: str, fn: object) -> tuple[str, ...]:
    """Returns which of METRIC_ARGUMENTS a metric takes."""
    if not callable(fn):
        refuse(task, "metric_fns", f"has {fn!r}, which cannot be called", "give functions")
    arguments = _required_arguments(fn)
    if arguments not in METRIC_ARGUMENTS:
        *others, last = sorted(METRIC_ARGUMENTS, key=lambda names: (len(names), names != ("targets", "scores")))
        allowed = f"{', '.join(map(str, others))} or {last}"
        refuse(
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
            refuse(
                task,
                "metric_objs",
                f"has {each!r}, which has no from_model_output",
                "give objects of t5mix.metrics.Metric or CollectingMetric, and functions as metric_fns",
            )
        kind = getattr(each, "model_output_type", None)
        if kind not in list(ModelOutputType):
            refuse(
                task,
                "metric_objs",
                f"has {each!r}, whose model_output_type is {kind!r}",
                "give one of t5mix.metrics.ModelOutputType",
            )
        if not callable(getattr(each, "actual_compute", None)) and not callable(getattr(each, "compute", None)):
            refuse(task, "metric_objs", f"has {each!r}, which has no compute", "define it, or actual_compute")
    return objects


def _required_arguments(fn: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return _remembered(fn)
    except TypeError:  # a callable that cannot be hashed
        return signatures.required_arguments(fn)


@functools.lru_cache(maxsize=4096)
def _remembered(fn: Callable[..., Any]) -> tuple[str, ...]:
    return signatures.required_arguments(fn)
