"""How many examples a source gives: one that ends early makes a short cache, and nobody else would know."""

from typing import TYPE_CHECKING, Any

from t5mix.data.tokenization.task_shard import TaskShard
from t5mix.internal.lazy import lazy_import
from t5mix.preprocessors.mapping import makes_one_of_each

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


class SourceCount:
    """Counts the examples that a source gives, where it declares how many these are.

    To count each by itself costs time, so it is only done where steps may filter them, or make several of one.

    Args:
        shard: the part of the source; it is told the number.
    """

    def __init__(self, shard: TaskShard) -> None:
        self._shard = shard
        plain = all(map(makes_one_of_each, shard.steps))
        self._declared = None if plain else shard.task.source.num_input_examples(shard.split) or None
        if self._declared is not None:
            with tf.device("/CPU:0"):
                self._given, self._ends = (tf.Variable(0, dtype=tf.int64, trainable=False) for _ in range(2))

    def counted(self, dataset: "tf.data.Dataset") -> "tf.data.Dataset":
        """Returns the same examples, which are counted when they are asked for, as is their end."""
        if self._declared is None:
            return dataset

        def count(*example: Any) -> Any:
            self._given.assign_add(1)
            return example[0] if len(example) == 1 else example

        def note_end(_: Any) -> Any:
            return self._ends.assign_add(1) < 0  # never: this only notes that the end has come

        nothing = tf.data.Dataset.range(1).filter(note_end).flat_map(lambda _: dataset.take(0))
        return dataset.map(count).concatenate(nothing)

    def begin(self) -> None:
        """Forgets what was read so far."""
        if self._declared is not None:
            self._given.assign(0)
            self._ends.assign(0)

    def end(self) -> None:
        """Notes how many were given, where they were read just once and to their end, or are too many already."""
        if self._declared is None:
            return
        given, ends = int(self._given.numpy()), int(self._ends.numpy())
        if ends == 1 or (ends == 0 and given > self._declared):
            self._shard.given[self._shard.index] = given
