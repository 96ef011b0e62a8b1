"""A split of a task through the token cache: tokenized once, then read for every checkpoint and every run.

The examples are those of `Task.get_dataset` without shuffling, field for field and in its order: texts, labels and
whatever else a postprocessor or a metric reads lie in the cache beside the tokens. Steps behind the cache, such as an
objective, run on what is read, with the noise of seed 0, so that a test set is the same at each evaluation.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix import preprocessors
from t5mix.data.cache import store
from t5mix.data.cache.cached_tokens import CachedTokens
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.examples import epoch_examples
from t5mix.data.examples.trim_and_eos import trim_and_eos_of
from t5mix.data.tokenization.task_shard import NotCacheableError
from t5mix.declarations import validation
from t5mix.declarations.task import Task
from t5mix.internal.lazy import lazy_import
from t5mix.internal.terminal import Progress
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.preprocessors.trim_and_pack import trim_dataset
from t5mix.sources.data_dirs import data_dirs

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# An example: its fields, as NumPy arrays and numbers, and bytes.
Fields = Mapping[str, Any]

# The length of a feature that nobody limits.
_UNLIMITED = np.iinfo(np.int32).max


@dataclasses.dataclass(frozen=True)
class SplitJob(CacheJob):
    """The cache of a whole split, every field of it, in one file.

    Training has a file for each file of the source, and takes examples in any order. `get_dataset` reads several files
    by turns, so here they are read together.
    """

    keep_all: bool = True

    @property
    def num_shards(self) -> int:
        """One."""
        return 1


def read_split(
    task: Task, split: str, lengths: Mapping[str, int] | None, limit: int | None = None, *, trim: bool = True
) -> Iterator[Fields]:
    """Yields the examples of a split, in its own order.

    They are read through the token cache, which is made when it is missing. Read without it are:

    *   a part of a split, since the whole of it may be large;
    *   what cannot be kept: a source that forbids it; fields other than numbers, texts and lists of these; and features
        that are tokenized by or behind a step that is random or depends on lengths;
    *   a split of a cache that seqio made, of a task that requires one.

    Args:
        task: the task.
        split: name of the split.
        lengths: greatest number of tokens of each feature; None is for tasks whose steps need none.
        limit: examples to give at most, the first ones; None is the whole split.
        trim: whether features are trimmed to `lengths`.

    Raises:
        ValueError: if the split is unknown, or a step before the cache gives other examples each time.
    """
    tokens = _tokens(task, split, limit)
    eos_step = _only_eos(task)
    if tokens is not None and eos_step is not None:
        return itertools.islice(_rows(task, tokens.table, eos_step, lengths or {}, trim), limit)
    if tokens is None:
        dataset = task.get_dataset(
            lengths,
            split=split,
            use_cached=task.requires_caching,
            shuffle=False,
            seed=0,
            trim_output_features=trim,
            try_in_mem_cache=False,
        )
    else:
        dataset = _finished(task, _with_dtypes(task, epoch_examples.as_dataset(tokens.table)), lengths, trim)
    return itertools.islice(dataset.as_numpy_iterator(), limit)


def read_cached(task: Task, split: str) -> CachedTokens | None:
    """Returns all examples of a split as its steps before the cache leave them; None where there can be no cache.

    Raises:
        ValueError: as `read_split`.
    """
    return _tokens(task, split, None)


def _tokens(task: Task, split: str, limit: int | None) -> CachedTokens | None:
    """Returns the split before the steps behind the cache, or None where it is read without a cache."""
    if split not in task.splits or not task.steps_before_cache or not task.source.caching_permitted:
        return None
    if task.requires_caching and data_dirs.cache_dirs:
        return None
    count = task.num_input_examples(split)
    if limit is not None and (count is None or limit < count):
        return None
    job = SplitJob(task, split, task.steps_before_cache)
    with Progress() as shown:
        try:
            return store.find_or_make(
                job,
                store.folder_of(),
                lambda name, done, total: shown.tell(f"reading and tokenizing {name}, {split}", done, total),
            )
        except NotCacheableError:
            return None


def _with_dtypes(task: Task, dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Gives features their declared dtype: the cache holds all token ids as int32."""
    dtypes = {name: feature.dtype for name, feature in task.output_features.items() if feature.dtype != "int32"}
    ranks = {name: spec.shape.rank for name, spec in dataset.element_spec.items()}

    def one(example: Mapping[str, "tf.Tensor"]) -> dict[str, "tf.Tensor"]:
        return {
            name: tf.ensure_shape(tf.cast(value, dtypes[name]) if name in dtypes else value, [None] * ranks[name])
            for name, value in example.items()
        }

    return dataset.map(one, num_parallel_calls=tf.data.AUTOTUNE)


def _finished(
    task: Task, dataset: "tf.data.Dataset", lengths: Mapping[str, int] | None, trim: bool
) -> "tf.data.Dataset":
    """Does what `Task.get_dataset` does behind the cache."""
    validation.check_lengths(task.name, lengths)
    if task.supports_caching:
        dataset = task.preprocess_postcache(dataset, lengths, seed=0)
    else:
        with map_seed_manager(0):
            dataset = task.run_steps(dataset, task.steps_after_cache, lengths)
    validation.check_examples(task.name, dataset, task.output_features)
    if trim and lengths:
        dataset = trim_dataset(dataset, lengths, task.output_features)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _only_eos(task: Task) -> str | None:
    """Returns the step behind the cache that appends EOS, "" if there is no step; None if `tf.data` must run others."""
    if not task.steps_after_cache:
        return ""
    names = ("append_eos", "append_eos_after_trim")
    return next((name for name in names if task.steps_after_cache == (getattr(preprocessors, name),)), None)


def _rows(task: Task, table: "pa.Table", eos_step: str, lengths: Mapping[str, int], trim: bool) -> Iterator[Fields]:
    """Yields the rows of a cache, many of which are trimmed and ended at once, without TensorFlow."""
    import pyarrow as pa

    validation.check_lengths(task.name, lengths)
    columns: dict[str, Sequence[Any]] = {}
    for name in table.column_names:
        array = pa.concat_arrays(table.column(name).chunks)
        feature = task.output_features.get(name)
        if feature is None:
            columns[name] = _plain_column(array)
            continue
        is_trimmed = trim or (eos_step == "append_eos_after_trim" and feature.add_eos)
        limit = lengths.get(name, _UNLIMITED) if is_trimmed else _UNLIMITED
        splits = array.offsets.to_numpy()
        finished = trim_and_eos_of(
            task, name, limit, eos_step or None, {name: feature.vocabulary.eos_id} if feature.add_eos else {}
        )
        ids, sizes = finished.apply_to_rows(array.values.to_numpy()[splits[0] : splits[-1]], np.diff(splits))
        columns[name] = _lists(ids.astype(feature.dtype), np.append(0, np.cumsum(sizes)))
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _plain_column(array: "pa.LargeListArray | pa.Array") -> Sequence[Any]:
    import pyarrow as pa

    if pa.types.is_large_list(array.type):
        return _lists(array.values.to_numpy(zero_copy_only=False), array.offsets.to_numpy())
    return array.to_numpy(zero_copy_only=False)


def _lists(values: np.ndarray, splits: np.ndarray) -> list[np.ndarray]:
    """Returns the rows of joined values, which begin and end at `splits`."""
    values.setflags(write=False)  # as tf.data's arrays are
    return [values[start:stop] for start, stop in itertools.pairwise(splits.tolist())]
