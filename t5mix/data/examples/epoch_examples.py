"""Epochs that `tf.data` makes: for steps behind the cache that have no NumPy form."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from t5mix.data.cache import columns
from t5mix.data.examples.base import CachedExamples, Examples, Ragged
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.data.tokenization import with_tensorflow
from t5mix.declarations.task import Task
from t5mix.internal import splitmix
from t5mix.internal.lazy import lazy_import
from t5mix.preprocessors.mapping import map_seed_manager, next_map_seed

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# Epochs kept in memory: a batch may need the end of one and the beginning of the next; of a small task, a
# window holds many, in random order, so the examples are kept of more epochs than a window holds.
_EPOCHS, _EXAMPLES = 3, 1 << 16


class WholeEpochs:
    """Runs a task's steps behind the cache over all of its examples, once for each epoch.

    Their map seeds follow from (seed, task, epoch), so an epoch is the same whenever it is made. Steps
    that take no map seed run once.

    Args:
        task: the task.
        table: its cached examples, all columns.
        lengths: for each feature of the stream its length.
        key: the seed and the task.

    Attributes:
        count: number of examples in an epoch.
        is_random: whether one epoch is not like another.
    """

    def __init__(self, task: Task, table: "pa.Table", lengths: dict[str, int], key: tuple[str | int, ...]) -> None:
        self._task, self._table, self._lengths, self._key = task, table, lengths, key
        self.is_random = True
        held = max(_EPOCHS, _EXAMPLES // max(table.num_rows, 1))
        self._epoch = functools.lru_cache(maxsize=held)(self._make_epoch)
        with_tensorflow.check_repeatable(task, self._pipeline(0), "behind the cache")
        self.count = self._epoch(0)[0].count

    def features(self, epoch: int) -> tuple[columns.TokenColumn, ...]:
        """Returns the features of an epoch.

        Raises:
            ValueError: naming the task, when it has another number of examples than the first epoch.
        """
        made = self._epoch(epoch if self.is_random else 0)
        count = made[0].count
        if count != self.count:
            raise ValueError(
                f"task {self._task.name!r}: the preprocessors behind the cache leave {self.count} "
                f"examples in epoch 0, but {count} in epoch {epoch}; move the one that filters or "
                "repeats before CacheDatasetPlaceholder"
            )
        return made

    def _make_epoch(self, epoch: int) -> tuple[columns.TokenColumn, ...]:
        rows: dict[str, list[np.ndarray]] = {name: [] for name in self._lengths}
        for example in self._pipeline(epoch).as_numpy_iterator():
            for name, arrays in rows.items():
                arrays.append(example[name] if name in example else np.empty(0, np.int32))
        return tuple(_column(arrays) for arrays in rows.values())

    def _pipeline(self, epoch: int) -> "tf.data.Dataset":
        # Seeds of maps count up from the first; half the range leaves them room.
        seed = splitmix.key_words(("map seeds", *self._key, epoch), 1)[0] >> 2
        dataset = as_dataset(self._table)
        with map_seed_manager(seed):
            dataset = self._task.run_steps(dataset, self._task.steps_after_cache, self._lengths)
            self.is_random = next_map_seed() != seed
        names = [name for name in self._lengths if name in dataset.element_spec]
        dataset = dataset.map(
            lambda example: {name: tf.ensure_shape(tf.cast(example[name], tf.int32), [None]) for name in names}
        )
        return with_tensorflow.in_order(dataset)


@dataclasses.dataclass(frozen=True)
class EpochExamples(Examples):
    """Examples that `tf.data` makes, an epoch at a time, kept in memory."""

    epochs: WholeEpochs
    trims: tuple[TrimAndEos, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of examples in an epoch."""
        return self.epochs.count

    @property
    def lengths_vary(self) -> bool:  # type: ignore[override]
        """Whether an epoch's lengths may be others than another's."""
        return self.epochs.is_random

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths; see `Examples`."""
        return self._cached(epoch).lengths(epoch, indices)

    def gather(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns tokens; see `Examples`."""
        return self._cached(epoch).gather(epoch, indices)

    def lost(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns what trimming cuts; see `Examples`."""
        return self._cached(epoch).lost(epoch, indices)

    def _cached(self, epoch: int) -> CachedExamples:
        return CachedExamples(self.epochs.features(epoch), self.trims)


def _column(rows: list[np.ndarray]) -> columns.TokenColumn:
    offsets = np.cumsum([0] + [len(row) for row in rows])
    return columns.ArrayColumn((np.concatenate([*rows, np.empty(0, np.int32)]),), (offsets,))


def as_dataset(table: "pa.Table") -> "tf.data.Dataset":
    """Returns cached examples as a dataset, every column with its dtype and rank."""
    tensors = {name: _tensor(table.column(name).combine_chunks()) for name in table.column_names}
    return tf.data.Dataset.from_tensor_slices(tensors)


def _tensor(array: "pa.Array | pa.ChunkedArray") -> "tf.Tensor | tf.RaggedTensor":
    """Turns a column into a tensor, ragged when it has lists."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):  # older pyarrow, when there is nothing to combine
        array = pa.concat_arrays(array.chunks)
    if not pa.types.is_large_list(array.type):
        return tf.constant(_numpy(array))
    splits = array.offsets.to_numpy()
    return tf.RaggedTensor.from_row_splits(tf.constant(_numpy(array.values)), splits)


def _numpy(array: "pa.Array") -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
