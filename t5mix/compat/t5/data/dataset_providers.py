"""Names of T5's module of this name: tasks as they were declared before seqio, with steps on text and on tokens apart.

They are tasks like any other, registered where `t5mix.TaskRegistry` finds them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from t5mix import preprocessors
from t5mix.declarations import registry
from t5mix.declarations.task import Task
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.sources import (
    DataSource,
    FunctionDataSource,
    TextLineDataSource,
    TfdsDataSource,
    TFExampleDataSource,
)
from t5mix.sources.base import SHUFFLE_BUFFER_SIZE
from t5mix.vocabularies import T5Vocabulary
from t5mix.vocabularies.features import Feature

__all__ = ["SHUFFLE_BUFFER_SIZE", "FunctionTask", "TFExampleTask", "TaskRegistry", "TextLineTask", "TfdsTask"]

Steps = Step | Iterable[Step] | None
Features = Mapping[str, Feature] | Feature | Sequence[str] | None


class FunctionTask(Task):
    """A task whose examples a function makes, or a source.

    Its steps are those on text, tokenization, the place of the token cache, those on tokens, and EOS after trimming.

    Args:
        name: see `t5mix.Task`.
        dataset_fn: see `t5mix.FunctionDataSource`; None with a source.
        splits: names of the splits; None with a source.
        text_preprocessor: a step on text, or several in order.
        metric_fns: see `t5mix.Task`.
        postprocess_fn: see `t5mix.Task`; several run one after the other.
        token_preprocessor: a step on tokens, or several in order.
        output_features: by name; one for `inputs` and `targets`; names, with T5's vocabulary; None is `inputs` and
            `targets` with T5's vocabulary.
        num_input_examples: number of raw examples of splits, where it is known; None with a source.
        supports_caching: whether tokens are cached before the steps on tokens.
        shuffle_buffer_size: see `t5mix.Task`.
        source: where examples come from, in place of dataset_fn.

    Raises:
        ValueError: naming the task, when the declaration cannot work.
    """

    def __init__(
        self,
        name: str,
        dataset_fn: Callable[..., Any] | None = None,
        splits: Iterable[str] | None = None,
        text_preprocessor: Steps = None,
        metric_fns: Sequence[Callable[..., Any]] | None = None,
        postprocess_fn: Callable[..., Any] | Iterable[Callable[..., Any]] | None = None,
        token_preprocessor: Steps = None,
        output_features: Features = None,
        num_input_examples: Mapping[str, int] | None = None,
        supports_caching: bool = True,
        shuffle_buffer_size: int | None = SHUFFLE_BUFFER_SIZE,
        source: DataSource | None = None,
    ) -> None:
        cache: list[Step] = [CacheDatasetPlaceholder()] if supports_caching else []
        super().__init__(
            name=name,
            source=_source(name, dataset_fn, splits, num_input_examples, source),
            output_features=_features(name, output_features),
            preprocessors=[
                *_listed(text_preprocessor),
                preprocessors.tokenize,
                *cache,
                *_listed(token_preprocessor),
                preprocessors.append_eos_after_trim,
            ],
            postprocess_fn=_one(postprocess_fn),
            metric_fns=metric_fns,
            shuffle_buffer_size=shuffle_buffer_size,
        )

    def replace(self, **changes: Any) -> Task:
        """Returns a new task, not registered, as `t5mix.Task.replace` does; it is a `t5mix.Task`."""
        task = Task.__new__(Task)
        vars(task).update(vars(self))
        return task.replace(**changes)


def _source(
    name: str,
    dataset_fn: Callable[..., Any] | None,
    splits: Iterable[str] | None,
    num_input_examples: Mapping[str, int] | None,
    source: DataSource | None,
) -> DataSource:
    if (dataset_fn is None) == (source is None):
        raise ValueError(f"task {name!r}: Exactly one of either `dataset_fn` or `source` must be provided.")
    if source is None:
        assert dataset_fn is not None
        return FunctionDataSource(dataset_fn, splits or (), num_input_examples)
    if splits or num_input_examples:
        raise ValueError(
            f"task {name!r}: If `source` is provided, `splits` and `num_input_examples` should not also be provided to "
            "the Task."
        )
    return source


def _features(name: str, given: Features) -> Mapping[str, Feature]:
    if given is None:
        given = Feature(T5Vocabulary())
    if isinstance(given, Feature):
        return dict.fromkeys(("inputs", "targets"), given)
    if not len(given):
        raise ValueError(f"task {name!r}: output_features must be non-empty.")
    if isinstance(given, Mapping):
        return given
    if isinstance(given, str) or not all(isinstance(feature, str) for feature in given):
        raise ValueError(f"task {name!r}: output_features must be a dict, Feature, list of str, or None")
    return {feature: Feature(T5Vocabulary()) for feature in given}


def _listed(steps: Steps) -> list[Step]:
    if steps is None:
        return []
    return list(steps) if isinstance(steps, Iterable) else [steps]


def _one(given: Any) -> Callable[..., Any] | None:
    """Returns several postprocessors as one."""
    if not isinstance(given, Iterable):
        return given
    functions = list(given)

    def postprocess_in_order(decoded: Any, **kwargs: Any) -> Any:
        for function in functions:
            decoded = function(decoded, **kwargs)
        return decoded

    return postprocess_in_order


class TfdsTask(FunctionTask):
    """A task of a TFDS data set.

    Args:
        name: see `FunctionTask`.
        tfds_name: see `t5mix.TfdsDataSource`.
        text_preprocessor: see `FunctionTask`.
        metric_fns: see `FunctionTask`.
        tfds_data_dir: see `t5mix.TfdsDataSource`.
        splits: see `t5mix.TfdsDataSource`.
        **task_kwargs: of `FunctionTask`.
    """

    def __init__(
        self,
        name: str,
        tfds_name: str,
        text_preprocessor: Steps,
        metric_fns: Sequence[Callable[..., Any]],
        tfds_data_dir: str | None = None,
        splits: Any = None,
        **task_kwargs: Any,
    ) -> None:
        source = TfdsDataSource(tfds_name, tfds_data_dir, splits)
        super().__init__(name, source=source, text_preprocessor=text_preprocessor, metric_fns=metric_fns, **task_kwargs)


class TextLineTask(FunctionTask):
    """A task of the lines of text files, of which the steps on text make features, as `preprocessors.parse_tsv` does.

    Args:
        name: see `FunctionTask`.
        split_to_filepattern: see `t5mix.TextLineDataSource`.
        text_preprocessor: see `FunctionTask`.
        metric_fns: see `FunctionTask`.
        skip_header_lines: see `t5mix.TextLineDataSource`.
        **task_kwargs: of `FunctionTask`.
    """

    def __init__(
        self,
        name: str,
        split_to_filepattern: Mapping[str, str],
        text_preprocessor: Steps,
        metric_fns: Sequence[Callable[..., Any]],
        skip_header_lines: int = 0,
        **task_kwargs: Any,
    ) -> None:
        counts = task_kwargs.pop("num_input_examples", None)
        source = TextLineDataSource(split_to_filepattern, skip_header_lines, counts)
        super().__init__(name, source=source, text_preprocessor=text_preprocessor, metric_fns=metric_fns, **task_kwargs)


class TFExampleTask(FunctionTask):
    """A task of files of `tf.train.Example`.

    Args:
        name: see `FunctionTask`.
        split_to_filepattern: see `t5mix.TFExampleDataSource`.
        feature_description: see `t5mix.TFExampleDataSource`.
        text_preprocessor: see `FunctionTask`.
        metric_fns: see `FunctionTask`.
        reader: a class of TensorFlow's that reads records; None is `tf.data.TFRecordDataset`.
        **task_kwargs: of `FunctionTask`.
    """

    def __init__(
        self,
        name: str,
        split_to_filepattern: Mapping[str, str],
        feature_description: Mapping[str, Any],
        text_preprocessor: Steps,
        metric_fns: Sequence[Callable[..., Any]],
        reader: Any = None,
        **task_kwargs: Any,
    ) -> None:
        counts = task_kwargs.pop("num_input_examples", None)
        source = TFExampleDataSource(
            split_to_filepattern,
            feature_description,
            reader_cls=reader or tf.data.TFRecordDataset,
            num_input_examples=counts,
        )
        super().__init__(name, source=source, text_preprocessor=text_preprocessor, metric_fns=metric_fns, **task_kwargs)


class _TaskRegistry(registry.TaskRegistryType):
    """T5's old registry: `add` takes a class of tasks and its arguments. Names are shared with `t5mix.TaskRegistry`."""

    def add(self, name: str, task_cls: Any = FunctionTask, **kwargs: Any) -> Task:  # type: ignore[override]
        """Makes a task of `task_cls`, registers it and returns it.

        What is declared in seqio's words, with `preprocessors`, becomes a `t5mix.Task`, as later releases of T5 do.

        Raises:
            ValueError: when the declaration cannot work or the name is taken.
        """
        if not isinstance(task_cls, type):  # seqio's second argument
            kwargs["source"], task_cls = task_cls, FunctionTask
        if task_cls is FunctionTask and "preprocessors" in kwargs:
            task_cls = Task
        task = task_cls(name, **kwargs)
        self.add_provider(name, task)
        return task


TaskRegistry = _TaskRegistry("task", registry.TaskRegistry._namespace)
