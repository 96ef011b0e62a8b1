"""Tasks: a source of examples, steps that make text-to-text of them, and how to judge answers.

The names, arguments and defaults are seqio's.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from t5mix import names, signatures
from t5mix import steps as steps_lib
from t5mix.features import Feature
from t5mix.lazy import lazy_import
from t5mix.mapping import map_seed_manager
from t5mix.sources import DataSource, ShardInfo
from t5mix.steps import CacheDatasetPlaceholder, Step

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

SHUFFLE_BUFFER_SIZE = 1000
# A source with fewer raw examples is kept in memory by `get_dataset`, as in seqio.
_MEMORY_CACHE_EXAMPLES = 10_000
# What `get_dataset` adds to the seed for each step before the cache, so that the steps behind it do
# not draw the same noise; seqio's number.
_SEED_STRIDE = 42

MetricFn = Callable[..., Mapping[str, Any]]

_METRIC_ARGUMENTS = (
    ("targets", "predictions"),
    ("targets", "scores"),
    ("targets", "predictions", "aux_values"),
)


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """Where something was declared: accepted for seqio's sake; `declared_at` needs no help."""

    file_path: str | None = None
    line_number: int | None = None


class Task:
    """One text-to-text task.

    Args:
      name: letters, digits and . : # _ -; a colon divides it into folders.
      source: where raw examples come from.
      output_features: what every example has after preprocessing, by name.
      preprocessors: functions from dataset to dataset, run in order; one that has the argument
        `sequence_length` or `output_features` gets it.  At most one CacheDatasetPlaceholder.
      postprocess_fn: `fn(decoded, example=..., is_target=...)` turns text into what metrics
        compare.
      metric_fns: functions of (targets, predictions), (targets, scores) or (targets, predictions,
        aux_values), by these names, that return a dict of numbers.
      metric_objs: not supported: give metric_fns.
      shuffle_buffer_size: how many examples `get_dataset` shuffles at a time; None disallows it.
      source_info: where the task was declared, if a tool knows better than the stack.

    Raises:
      ValueError: naming the task, the field and the mend, when the declaration cannot work.
    """

    def __init__(
        self,
        name: str,
        source: DataSource,
        output_features: Mapping[str, Feature],
        preprocessors: Sequence[Step] | None = None,
        postprocess_fn: Callable[..., Any] | None = None,
        metric_fns: Sequence[MetricFn] | None = None,
        metric_objs: Sequence[Any] | None = None,
        shuffle_buffer_size: int | None = SHUFFLE_BUFFER_SIZE,
        source_info: SourceInfo | None = None,
    ) -> None:
        names.check("task", name)
        self._name = name
        self._source_info = source_info
        self._declared_at = names.declaring_place()
        self._check_source(source)
        self._source = source
        self._output_features = self._checked_features(output_features)
        self._preprocessors = self._checked_sequence("preprocessors", preprocessors)
        steps_lib.check(name, self._preprocessors, source.caching_permitted)
        if postprocess_fn is not None and not callable(postprocess_fn):
            self._refuse("postprocess_fn", f"is {postprocess_fn!r}", "give a function or None")
        self._postprocessor = postprocess_fn
        self._metric_fns = self._checked_sequence("metric_fns", metric_fns)
        self._metric_arguments = tuple(self._checked_metric(fn) for fn in self._metric_fns)
        if metric_objs:
            self._refuse("metric_objs", "are clu objects", "give functions as metric_fns instead")
        self._check_buffer(shuffle_buffer_size)
        self._shuffle_buffer_size = shuffle_buffer_size

    # Checks of the declaration.

    def _refuse(self, field: str, what: str, mend: str) -> NoReturn:
        raise ValueError(f"task {self._name!r}: {field} {what}; {mend}")

    def _check_source(self, source: object) -> None:
        if not isinstance(source, DataSource):
            self._refuse("source", f"is {source!r}", "give a DataSource, such as TfdsDataSource(...)")

    def _checked_features(self, features: object) -> dict[str, Feature]:
        if not isinstance(features, Mapping) or not features:
            self._refuse(
                "output_features",
                f"is {features!r}",
                "give a dict such as {'targets': Feature(...)}",
            )
        for key, feature in features.items():
            if not isinstance(key, str) or not isinstance(feature, Feature):
                self._refuse("output_features", f"has {key!r}: {feature!r}", "give names and Features")
        return dict(sorted(features.items()))

    def _checked_sequence(self, field: str, given: Any) -> tuple[Any, ...]:
        if given is not None and (not isinstance(given, Iterable) or isinstance(given, str)):
            self._refuse(field, f"is {given!r}", "give a list, also for one")
        if isinstance(given, set | frozenset):
            self._refuse(field, "is a set, which has no order", "give a list")
        return tuple(given or ())

    def _checked_metric(self, fn: object) -> tuple[str, ...]:
        if not callable(fn):
            self._refuse("metric_fns", f"has {fn!r}, which cannot be called", "give functions")
        arguments = _required_arguments(fn)
        if arguments not in _METRIC_ARGUMENTS:
            allowed = " or ".join(f"({', '.join(allowed)})" for allowed in _METRIC_ARGUMENTS)
            self._refuse(
                "metric_fns",
                f"has {signatures.name(fn)!r}, which takes ({', '.join(arguments)})",
                f"a metric takes {allowed}, by these names",
            )
        return arguments

    def _check_buffer(self, size: object) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            self._refuse("shuffle_buffer_size", f"is {size!r}", "give 1, 2, ... or None")

    # What was declared.

    @property
    def name(self) -> str:
        """The task's name."""
        return self._name

    @property
    def declared_at(self) -> str:
        """The line that declared the task, "file:line"."""
        info = self._source_info
        if info is not None and info.file_path:
            return f"{info.file_path}:{info.line_number or 0}"
        return self._declared_at

    @property
    def source_info(self) -> SourceInfo | None:
        """What was given as source_info."""
        return self._source_info

    @property
    def source(self) -> DataSource:
        """Where raw examples come from."""
        return self._source

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits of the source.

        Raises:
          ValueError: when it has none.
        """
        splits = tuple(self._source.splits)
        if not splits:
            self._refuse("source", "has no splits", "prepare or declare one")
        return splits

    @property
    def output_features(self) -> dict[str, Feature]:
        """What every example has after preprocessing, sorted by name."""
        return dict(self._output_features)

    @property
    def preprocessors(self) -> tuple[Step, ...]:
        """The steps as declared, with the CacheDatasetPlaceholder."""
        return self._preprocessors

    @property
    def postprocessor(self) -> Callable[..., Any] | None:
        """The function given as postprocess_fn."""
        return self._postprocessor

    @property
    def shuffle_buffer_size(self) -> int | None:
        """How many examples are shuffled at a time."""
        return self._shuffle_buffer_size

    @property
    def metric_fns(self) -> list[MetricFn]:
        """Every metric, in declared order."""
        return list(self._metric_fns)

    @property
    def predict_metric_fns(self) -> list[MetricFn]:
        """The metrics of (targets, predictions), in declared order."""
        return self._metrics_of(_METRIC_ARGUMENTS[0])

    @property
    def score_metric_fns(self) -> list[MetricFn]:
        """The metrics of (targets, scores), in declared order."""
        return self._metrics_of(_METRIC_ARGUMENTS[1])

    @property
    def predict_with_aux_metric_fns(self) -> list[MetricFn]:
        """The metrics of (targets, predictions, aux_values), in declared order."""
        return self._metrics_of(_METRIC_ARGUMENTS[2])

    def _metrics_of(self, arguments: tuple[str, ...]) -> list[MetricFn]:
        pairs = zip(self._metric_fns, self._metric_arguments, strict=True)
        return [fn for fn, taken in pairs if taken == arguments]

    @property
    def supports_caching(self) -> bool:
        """Whether the preprocessors have a CacheDatasetPlaceholder."""
        return any(isinstance(step, CacheDatasetPlaceholder) for step in self._preprocessors)

    @property
    def requires_caching(self) -> bool:
        """Whether that placeholder says `required`."""
        return any(isinstance(step, CacheDatasetPlaceholder) and step.required for step in self._preprocessors)

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of `split`, or None when it is not known."""
        self._check_split(split)
        return self._source.num_input_examples(split)

    def postprocess_fn(self, decoded_model_output: Any, **postprocess_kwargs: Any) -> Any:
        """Returns the output ready for metrics; unchanged when the task declares no function."""
        if self._postprocessor is None:
            return decoded_model_output
        return self._postprocessor(decoded_model_output, **postprocess_kwargs)

    def replace(self, **changes: Any) -> "Task":
        """Returns a new task, not registered, with some arguments of the constructor changed."""
        arguments = {
            "name": self._name,
            "source": self._source,
            "output_features": self._output_features,
            "preprocessors": self._preprocessors,
            "postprocess_fn": self._postprocessor,
            "metric_fns": self._metric_fns,
            "shuffle_buffer_size": self._shuffle_buffer_size,
        }
        unknown = sorted(changes.keys() - arguments.keys())
        if unknown:
            self._refuse("replace", f"got {unknown}", f"it takes {', '.join(arguments)}")
        return type(self)(**{**arguments, **changes})

    # Examples.

    @functools.cached_property
    def _cut(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        return steps_lib.cut(self._preprocessors)

    @property
    def steps_before_cache(self) -> tuple[Step, ...]:
        """The steps whose result the token cache holds; see `t5mix.steps.cut`."""
        return self._cut[0]

    @property
    def steps_after_cache(self) -> tuple[Step, ...]:
        """The steps that run on cached tokens, anew each epoch."""
        return self._cut[1]

    def run_steps(
        self,
        dataset: "tf.data.Dataset",
        steps: Sequence[Step],
        sequence_length: Mapping[str, int] | None = None,
    ) -> "tf.data.Dataset":
        """Returns `dataset` after `steps`; see `t5mix.steps.run`."""
        return steps_lib.run(self._name, dataset, steps, sequence_length, self._output_features)

    def preprocess_precache(self, dataset: "tf.data.Dataset", seed: int | None = None) -> "tf.data.Dataset":
        """Returns `dataset` after the steps before a CacheDatasetPlaceholder, if there is one."""
        if not self.supports_caching:
            return dataset
        with map_seed_manager(seed):
            return self.run_steps(dataset, self.steps_before_cache)

    def preprocess_postcache(
        self,
        dataset: "tf.data.Dataset",
        sequence_length: Mapping[str, int] | None,
        seed: int | None = None,
    ) -> "tf.data.Dataset":
        """Returns `dataset` after the steps behind a CacheDatasetPlaceholder; without one, all."""
        steps = self._preprocessors
        if self.supports_caching:
            steps = self.steps_after_cache
            if seed is not None:
                seed += _SEED_STRIDE * len(self.steps_before_cache)
        with map_seed_manager(seed):
            return self.run_steps(dataset, steps, sequence_length)

    def get_dataset(
        self,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        shuffle_buffer_size: int | None = None,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = 1,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> "tf.data.Dataset":
        """Returns the preprocessed examples of a split.

        The order is seqio's: source and its shard, memory cache, steps before the cache,
        repetition, steps behind it, checks, trimming, shuffling, prefetching.

        Args:
          sequence_length: for each feature its greatest length in tokens; None trims nothing.
          split: name of the split.
          use_cached: accepted for seqio's sake; the examples are the same either way.  Training
            reads tokens from a cache of its own.
          shuffle: whether to shuffle files and examples.
          shuffle_buffer_size: how many examples to shuffle at a time; None is the task's.
          seed: makes shuffling and random steps repeatable.
          shard_info: which part of the split to read.
          num_epochs: how often to repeat the split, with fresh noise; None is without end.
          trim_output_features: whether to trim features to sequence_length.
          try_in_mem_cache: whether to keep the raw examples of a small split in memory.

        Raises:
          ValueError: for an unknown split, a length that is no positive number, shuffling that the
            task disallows, or a feature that preprocessing left missing or of another kind.
        """
        self._check_split(split)
        self._check_lengths(sequence_length)
        if self.requires_caching and not use_cached:
            self._refuse("preprocessors", "requires caching", "call get_dataset(use_cached=True)")
        buffer = self._buffer(shuffle, shuffle_buffer_size)
        dataset = self._raw(split, shuffle, seed, shard_info)
        if try_in_mem_cache and self._is_small(split, shard_info):
            dataset = dataset.cache()
        dataset = self.preprocess_precache(dataset, seed)
        if num_epochs != 1:
            dataset = dataset.repeat(num_epochs)
        dataset = self.preprocess_postcache(dataset, sequence_length, seed)
        self._check_examples(dataset)
        if trim_output_features and sequence_length:
            dataset = self._trim(dataset, sequence_length)
        if buffer:
            dataset = dataset.shuffle(buffer, seed=seed)
        return dataset.prefetch(tf.data.AUTOTUNE)

    def _check_split(self, split: str) -> None:
        if split not in self.splits:
            raise ValueError(f"task {self._name!r} has no split {split!r}; its splits: {', '.join(self.splits)}")

    def _check_lengths(self, sequence_length: Mapping[str, Any] | None) -> None:
        for feature, length in (sequence_length or {}).items():
            lengths = length if isinstance(length, tuple | list) else (length,)
            if any(n is not None and (isinstance(n, bool) or n < 1) for n in lengths):
                self._refuse("sequence_length", f"has {feature!r}: {length!r}", "give 1, 2, ...")

    def _buffer(self, shuffle: bool, size: int | None) -> int | None:
        if not shuffle:
            return None
        if self._shuffle_buffer_size is None and not self._source.performs_internal_shuffling:
            self._refuse("shuffle_buffer_size", "is None, which disallows shuffling", "pass shuffle=False")
        return self._shuffle_buffer_size and (size or self._shuffle_buffer_size)

    def _raw(self, split: str, shuffle: bool, seed: int | None, shard_info: ShardInfo | None) -> "tf.data.Dataset":
        source = self._source
        if shard_info is None:
            return source.get_dataset(split=split, shuffle=shuffle, seed=seed)
        enough = len(source.list_shards(split)) >= shard_info.num_shards
        if source.supports_arbitrary_sharding or enough:
            return source.get_dataset(split=split, shuffle=shuffle, seed=seed, shard_info=shard_info)
        dataset = source.get_dataset(split=split, shuffle=shuffle, seed=seed)
        return dataset.shard(shard_info.num_shards, shard_info.index)

    def _is_small(self, split: str, shard_info: ShardInfo | None) -> bool:
        examples = self._source.num_input_examples(split)
        shards = shard_info.num_shards if shard_info else 1
        return examples is not None and 0 < examples < _MEMORY_CACHE_EXAMPLES * shards

    def _check_examples(self, dataset: "tf.data.Dataset") -> None:
        spec = dataset.element_spec
        if not isinstance(spec, Mapping):
            self._refuse("preprocessors", f"end in {spec}", "examples must be dicts of features")
        for key, feature in self._output_features.items():
            if key not in spec:
                if feature.required:
                    self._refuse(
                        f"output feature {key!r}",
                        f"is missing after preprocessing, which leaves {', '.join(sorted(spec))}",
                        "make it in a preprocessor, or declare it required=False",
                    )
                continue
            got = (spec[key].dtype.name, spec[key].shape.rank)
            if got != (feature.dtype, feature.rank):
                self._refuse(
                    f"output feature {key!r}",
                    f"is {got[0]} of rank {got[1]} after preprocessing",
                    f"it is declared as {feature.dtype} of rank {feature.rank}; is tokenize missing?",
                )

    def _trim(self, dataset: "tf.data.Dataset", sequence_length: Mapping[str, Any]) -> "tf.data.Dataset":
        lengths = {
            key: tuple(length) if isinstance(length, tuple | list) else (length,)
            for key, length in sequence_length.items()
            if key in self._output_features and length is not None
        }

        def trim(example: Mapping[str, Any]) -> dict[str, Any]:
            return {
                key: value[tuple(slice(0, n) for n in lengths[key])] if key in lengths else value
                for key, value in example.items()
            }

        return dataset.map(trim, num_parallel_calls=tf.data.AUTOTUNE)

    def __repr__(self) -> str:
        return f"Task({self._name!r}, source={self._source!r})"


@functools.lru_cache(maxsize=4096)
def _cached_required_arguments(fn: MetricFn) -> tuple[str, ...]:
    return signatures.required_arguments(fn)


def _required_arguments(fn: MetricFn) -> tuple[str, ...]:
    try:
        return _cached_required_arguments(fn)
    except TypeError:  # a callable that cannot be hashed
        return signatures.required_arguments(fn)
