"""Caches that seqio made, read as they are: a user's terabytes need not be tokenized again.

seqio finds a cache by the name of its task alone, so one that another version of the task made is read too. Nothing is
read, therefore, but with both `set_global_cache_dirs` and `use_cached=True`. t5mix's own token cache, which `Stream`
makes, is found by content.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources import tfrecords
from t5mix.sources.data_dirs import data_dirs
from t5mix.sources.files import FileDataSource

# What tf.train.Example cannot hold is held as int64.
_STORED_AS = {"int32": "int64", "bool": "int64"}


class NotCachedError(ValueError, AssertionError):
    """A task has no cache in the folders that were named; seqio raises an AssertionError."""


def find(task: str) -> str | None:
    """Returns the folder of the cache of a task, complete, or None; a colon in the name divides it into folders."""
    for cache_dir in data_dirs.cache_dirs:
        folder = os.path.join(cache_dir, *task.split(":"))
        if tf.io.gfile.exists(os.path.join(folder, "COMPLETED")):
            return folder
    return None


def require(task: str) -> str:
    """Returns the folder of the cache of a task.

    Raises:
        NotCachedError: when there is none.
    """
    folder = find(task)
    if folder is None:
        searched = ", ".join(data_dirs.cache_dirs) or "none; name them with t5mix.set_global_cache_dirs"
        # The original's words, which tests of others compare, and more beside them.
        error = NotCachedError(f"{task!r} does not exist in any of the task cache directories.")
        error.add_note(f"these are {searched}; cache the task there with seqio, or leave out use_cached=True")
        raise error
    return folder


def stats(task: str, split: str) -> dict[str, Any]:
    """Returns what was counted when `split` of a task was cached: "examples", "inputs_tokens", ...

    Raises:
        NotCachedError: when the task is not cached.
        ValueError: when that split is not.
    """
    return _json(task, require(task), "stats", split)


def _json(task: str, folder: str, kind: str, split: str) -> dict[str, Any]:
    path = os.path.join(folder, f"{kind}.{split}.json")
    if not tf.io.gfile.exists(path):
        error = ValueError(f"{kind.capitalize()} do not exist for {task!r} split: {split}")
        error.add_note(f"there is no {path}; cache that split too")
        raise error
    with tf.io.gfile.GFile(path) as file:
        return json.load(file)


class CachedDataSource(FileDataSource):
    """One split of a cache that seqio made; its shards can be read apart.

    Args:
        task: name of the task.
        split: name of the split.
        file_shuffle_buffer_size: how many paths are shuffled at a time; None is all.

    Raises:
        NotCachedError: when the task is not cached.
        ValueError: when that split is not.
    """

    def __init__(self, task: str, split: str, file_shuffle_buffer_size: int | None = None) -> None:
        self._task = task
        self._folder = require(task)
        info = _json(task, self._folder, "info", split)
        self._num_shards = int(info["num_shards"])
        self._features: dict[str, Mapping[str, Any]] = info["features"]
        if "seqio_version" not in info:  # before seqio said its version, it wrote every int32 down as an int64
            self._features = {
                name: {**spec, "dtype": "int32" if spec["dtype"] == "int64" else spec["dtype"]}
                for name, spec in self._features.items()
            }
        super().__init__(
            self._read,
            {split: os.path.join(self._folder, f"{split}.tfrecord-*")},
            {split: int(stats(task, split)["examples"])},
            file_shuffle_buffer_size=file_shuffle_buffer_size,
        )

    def list_shards(self, split: str) -> list[str]:
        """Returns the paths of the shards.

        Raises:
            ValueError: when there are more or fewer than seqio wrote, or all are empty.
        """
        self._check_split(split)
        [pattern] = self._patterns[split]
        shard_suffix = re.compile(rf"-\d+-of-0*{self._num_shards}$")
        paths = sorted(path for path in tf.io.gfile.glob(pattern) if shard_suffix.search(path))
        if len(paths) != self._num_shards:
            raise ValueError(
                f"the cache of task {self._task!r} in {self._folder} has {len(paths)} shards of split {split!r}, and "
                f"{self._num_shards} were written; copy it again, or cache the task again"
            )
        # Some may be empty: seqio writes 64 of them, also of 10 examples.
        if self._num_input_examples[split] and not any(tf.io.gfile.stat(path).length for path in paths):
            raise ValueError(f"the cache of task {self._task!r} in {self._folder} has only empty files of {split!r}")
        return paths

    def _reader(self, split: str, paths: Sequence[str]) -> Callable[..., "tf.data.Dataset"]:
        tfrecords.check_ends(paths)
        return super()._reader(split, paths)

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        description = {name: _stored(name, **spec) for name, spec in self._features.items()}

        def example(record: "tf.Tensor") -> dict[str, Any]:
            found = tf.io.parse_single_example(record, description)
            return {_renamed(name): tf.cast(found[name], spec["dtype"]) for name, spec in self._features.items()}

        return tf.data.TFRecordDataset(path).map(example, num_parallel_calls=tf.data.AUTOTUNE)

    def _reading(self) -> object:
        return self._features


def _stored(name: str, shape: Sequence[int | None], dtype: str) -> Any:
    """Returns how a feature of that shape and dtype stands in a `tf.train.Example`."""
    stored = tf.as_dtype(_STORED_AS.get(dtype, dtype))
    inner = list(shape[1:])
    if None in inner:
        return tf.io.RaggedFeature(value_key=name, partitions=_partitions(name, inner), dtype=stored)
    if shape and shape[0] is None:
        return tf.io.FixedLenSequenceFeature(inner, stored, allow_missing=True)
    return tf.io.FixedLenFeature(list(shape), stored)


def _partitions(name: str, inner: Sequence[int | None]) -> list[Any]:
    """Returns how the inner axes are told apart: an axis of unknown length has its lengths in a feature of its own."""
    partitions: list[Any] = []
    ragged = 0
    for length in inner:
        if length is None:
            partitions.append(tf.io.RaggedFeature.RowLengths(f"_rl:{ragged}:{name}"))
            ragged += 1
        else:
            partitions.append(tf.io.RaggedFeature.UniformRowLength(length))
    return partitions


def _renamed(name: str) -> str:
    """Returns the present name of what old caches call `inputs_plaintext`."""
    return name.removesuffix("_plaintext") + "_pretokenized" if name.endswith("_plaintext") else name
