"""Tasks: a source of examples, steps that make text-to-text of them, and how to judge answers.

The names, arguments and defaults are seqio's.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from t5mix.declarations import validation
from t5mix.declarations.declaration import Declared, SourceInfo
from t5mix.internal.code import user_errors
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import pipeline
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.preprocessors.trim_and_pack import trim_dataset
from t5mix.sources import DataSource, ShardInfo, seqio_caches
from t5mix.sources.base import SHUFFLE_BUFFER_SIZE
from t5mix.sources.data_dirs import data_dirs
from t5mix.vocabularies.features import Feature

_log = logging.getLogger(__name__)

# A source with fewer raw examples is kept in memory by `get_dataset`, as in seqio.
_MEMORY_CACHE_EXAMPLES = 10_000
# What `get_dataset` adds to the seed for each step before the cache, so that the steps behind it do
# not draw the same noise; seqio's number.
_SEED_STRIDE = 42

MetricFn = Callable[..., Mapping[str, Any]]


class Task(Declared):
    """One text-to-text task.

    Args:
        name: letters, digits and . : # _ -; a colon divides it into folders.
        source: where raw examples come from.
        output_features: what every example has after preprocessing, by name.
        preprocessors: functions from dataset to dataset, run in order; one that has the argument
            `sequence_length` or `output_features` gets it. At most one CacheDatasetPlaceholder.
        postprocess_fn: `fn(decoded, example=..., is_target=...)` turns text into what metrics
            compare.
        metric_fns: functions of (targets, predictions), (targets, scores) or (targets, predictions,
            aux_values), by these names, that return a dict of numbers.
        metric_objs: metrics as objects, see `t5mix.metrics.Metric` and `CollectingMetric`.
        shuffle_buffer_size: how many examples `get_dataset` shuffles at a time; None disallows it.
        source_info: where the task was declared, if a tool knows better than the stack.

    Raises:
        ValueError: naming the task, the field and the fix, when the declaration cannot work.
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
        super().__init__("task", name, source_info)
        self._source = validation.source(name, source)
        self._output_features = validation.output_features(name, output_features)
        self._preprocessors = validation.sequence(name, "preprocessors", preprocessors)
        pipeline.check(name, self._preprocessors, source.caching_permitted)
        if postprocess_fn is not None and not callable(postprocess_fn):
            self._refuse("postprocess_fn", f"is {postprocess_fn!r}", "give a function or None")
        self._postprocessor = postprocess_fn
        self._metric_fns = validation.sequence(name, "metric_fns", metric_fns)
        self._metric_arguments = tuple(validation.metric_arguments(name, fn) for fn in self._metric_fns)
        self._metric_objs = validation.metric_objects(name, metric_objs)
        self._shuffle_buffer_size = validation.buffer_size(name, shuffle_buffer_size)

    def _refuse(self, field: str, what: str, fix: str) -> NoReturn:
        validation.refuse_task(self._name, field, what, fix)

    # What was declared.

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
        return self._metrics_of(validation.METRIC_ARGUMENTS[0])

    @property
    def score_metric_fns(self) -> list[MetricFn]:
        """The metrics of (targets, scores), in declared order."""
        return self._metrics_of(validation.METRIC_ARGUMENTS[1])

    @property
    def predict_with_aux_metric_fns(self) -> list[MetricFn]:
        """The metrics of (targets, predictions, aux_values), in declared order."""
        return self._metrics_of(validation.METRIC_ARGUMENTS[2])

    @property
    def metric_objs(self) -> list[Any]:
        """Every metric as an object: those given as metric_objs, then metric_fns, each in declared order."""
        from t5mix.metrics.metric_objects import PassthroughLegacyMetric  # loads NumPy, which declaring does not need

        adapt = PassthroughLegacyMetric.from_metric_fn
        return [*self._metric_objs, *(adapt(fn, self._postprocessor) for fn in self._metric_fns)]

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
        with user_errors.within(f"the postprocessor of task {self._name!r}"):
            return self._postprocessor(decoded_model_output, **postprocess_kwargs)

    def replace(self, **changes: Any) -> "Task":
        """Returns a new task, not registered, with some arguments of the constructor changed.

        Unless it gets a name of its own, it is declared where this one is.
        """
        arguments = {
            "name": self._name,
            "source_info": None,
            "source": self._source,
            "output_features": self._output_features,
            "preprocessors": self._preprocessors,
            "postprocess_fn": self._postprocessor,
            "metric_fns": self._metric_fns,
            "metric_objs": self._metric_objs,
            "shuffle_buffer_size": self._shuffle_buffer_size,
        }
        unknown = sorted(changes.keys() - arguments.keys())
        if unknown:
            self._refuse("replace", f"got {unknown}", f"Expected keys: {', '.join(arguments)}")
        made = type(self)(**{**arguments, **changes})
        if made.name == self._name:
            made._take_line_of(self)
        return made

    # Examples.

    @functools.cached_property
    def _cut(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        return pipeline.cut(self._preprocessors)

    @property
    def steps_before_cache(self) -> tuple[Step, ...]:
        """The steps whose result the token cache holds; see `t5mix.preprocessors.pipeline.cut`."""
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
        """Returns `dataset` after `steps`; see `t5mix.preprocessors.pipeline.run`."""
        return pipeline.run(self._name, dataset, steps, sequence_length, self._output_features)

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
            use_cached: read the cache that seqio made, in the folders that
                `t5mix.set_global_cache_dirs` named; when it named none, the examples are made anew,
                and are the same. Training reads tokens from a cache of its own.
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
            NotCachedError: with use_cached, when folders were named and none has a cache of the task.
        """
        self._check_split(split)
        validation.check_lengths(self._name, sequence_length)
        if self.requires_caching and not use_cached:
            raise ValueError(f"Task {self._name!r} requires caching, but was called with `use_cached=False`.")
        buffer = self._buffer(shuffle, shuffle_buffer_size)
        from_cache = use_cached and self._reads_offline_cache()
        source = self._get_cached_source(split) if from_cache else self._source
        dataset = _raw(source, split, shuffle, seed, shard_info)
        if try_in_mem_cache and _is_small(source, split, shard_info):
            dataset = dataset.cache()
        if not from_cache:
            dataset = self.preprocess_precache(dataset, seed)
        if num_epochs != 1:
            dataset = dataset.repeat(num_epochs)
        dataset = self.preprocess_postcache(dataset, sequence_length, seed)
        validation.check_examples(self._name, dataset, self._output_features)
        if trim_output_features and sequence_length:
            dataset = trim_dataset(dataset, sequence_length, self._output_features)
        if buffer:
            dataset = dataset.shuffle(buffer, seed=seed)
        return dataset.prefetch(tf.data.AUTOTUNE)

    def _check_split(self, split: str) -> None:
        if split not in self.splits:
            raise ValueError(f"task {self._name!r} has no split {split!r}; its splits: {', '.join(self.splits)}")

    def _buffer(self, shuffle: bool, size: int | None) -> int | None:
        if not shuffle:
            return None
        if self._shuffle_buffer_size is None and not self._source.performs_internal_shuffling:
            error = ValueError(
                f"Shuffling is disallowed for Task {self._name!r} since its `shuffle_buffer_size` was set to `None` on "
                "construction."
            )
            error.add_note("pass shuffle=False")  # beside the original's words, which tests of others compare
            raise error
        return self._shuffle_buffer_size and (size or self._shuffle_buffer_size)

    # Caches that seqio made.

    @property
    def cache_dir(self) -> str | None:
        """The folder of the cache that seqio made of this task, in those named by `set_global_cache_dirs`, or None."""
        return seqio_caches.find(self._name)

    def assert_cached(self) -> None:
        """Raises a NotCachedError when there is no such cache."""
        seqio_caches.require(self._name)

    def get_cached_stats(self, split: str = "train") -> Mapping[str, Any]:
        """Returns what seqio counted when it cached `split`: "examples", "inputs_tokens", ...

        Raises:
            NotCachedError: when the task is not cached.
            ValueError: when that split is not.
        """
        return seqio_caches.stats(self._name, split)

    def _reads_offline_cache(self) -> bool:
        if data_dirs.cache_dirs and not self.supports_caching:
            _log.warning("task %r has no CacheDatasetPlaceholder, so use_cached=True reads no cache", self._name)
        return self.supports_caching and bool(data_dirs.cache_dirs)

    def _get_cached_source(self, split: str) -> DataSource:
        marks = [step for step in self._preprocessors if isinstance(step, CacheDatasetPlaceholder)]
        return seqio_caches.CachedDataSource(self._name, split, marks[0].file_shuffle_buffer_size)

    def __repr__(self) -> str:
        return f"Task({self._name!r}, source={self._source})"


def _raw(
    source: DataSource, split: str, shuffle: bool, seed: int | None, shard_info: ShardInfo | None
) -> "tf.data.Dataset":
    """Returns the raw examples, or a shard of them: of the files when there are enough, else of the examples."""
    if shard_info is None:
        return source.get_dataset(split=split, shuffle=shuffle, seed=seed)
    if source.supports_arbitrary_sharding or len(source.list_shards(split)) >= shard_info.num_shards:
        return source.get_dataset(split=split, shuffle=shuffle, seed=seed, shard_info=shard_info)
    dataset = source.get_dataset(split=split, shuffle=shuffle, seed=seed)
    return dataset.shard(shard_info.num_shards, shard_info.index)


def _is_small(source: DataSource, split: str, shard_info: ShardInfo | None) -> bool:
    count = source.num_input_examples(split)
    shards = shard_info.num_shards if shard_info else 1
    return count is not None and 0 < count < _MEMORY_CACHE_EXAMPLES * shards
