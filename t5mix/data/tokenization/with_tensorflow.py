"""Examples that `tf.data` makes: any source, any steps.

Where the last step is known to tokenize, it is left out here, and the texts are tokenized many at once; see
`thread_pool`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.data.tokenization import arrow
from t5mix.data.tokenization.source_count import SourceCount
from t5mix.data.tokenization.task_shard import Chunk, NotCacheableError, ShardId, TaskShard
from t5mix.data.tokenization.tokenizers import TokenizeStep
from t5mix.declarations.task import Task
from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import lazy_import
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.preprocessors.pipeline import Step

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# Examples that are taken from a dataset at once.
_EXAMPLES_AT_ONCE = 1024
# Examples that are made twice, to see whether they come out the same.
_COMPARED = 256


def chunks(shard: TaskShard, shard_id: ShardId = (0, 0)) -> Iterator[Chunk]:
    """Yields the examples of a shard as its steps leave them, in source order.

    Raises:
        ValueError: naming the task and the feature, when a required feature is missing or an id lies outside its
            vocabulary; naming the task, when its examples are others each time.
    """
    step, counter = TokenizeStep.of(shard.steps, shard.task.output_features), SourceCount(shard)
    if step is not None:
        dataset = _dataset(shard, shard.steps[:-1], counter)
        if _has_texts(dataset.element_spec, shard.task):
            yield from _texts(shard, shard_id, step, dataset, counter)
            return
    dataset = _dataset(shard, shard.steps, counter)
    spec = shard.check_features(dataset.element_spec)
    features = shard.task.output_features
    ranks = {name: _rank(shard.task, name, spec[name]) for name in spec if shard.keep_all or name in features}
    for batch in _batches(shard, dataset, ranks, counter):
        columns = {name: _column(shard.task, name, value) for name, value in batch.items()}
        yield Chunk(shard_id, {}, None, columns)


def _has_texts(spec: Any, task: Task) -> bool:
    """Tells whether all features of a dataset's examples are texts."""
    return isinstance(spec, dict) and all(_is_text(spec[name]) for name in spec if name in task.output_features)


def _is_text(spec: Any) -> bool:
    return isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string and spec.shape.rank == 0


def _texts(
    shard: TaskShard, shard_id: ShardId, step: TokenizeStep, dataset: "tf.data.Dataset", counter: SourceCount
) -> Iterator[Chunk]:
    """Yields the examples of a dataset whose features are texts."""
    task = shard.task
    spec = shard.check_features(dataset.element_spec)
    texts = [name for name in spec if name in task.output_features]
    others = [name for name in spec if name not in task.output_features and shard.keep_all]
    ranks = {**dict.fromkeys(texts, 0), **{name: _rank(task, name, spec[name]) for name in others}}
    for batch in _batches(shard, dataset, ranks, counter):
        columns = {name: _column(task, name, batch[name]) for name in others}
        plain = {name: batch[name].numpy() for name in texts}
        if shard.keep_all and step.copy_pretokenized:
            columns |= {f"{name}_pretokenized": arrow.plain_column(plain[name]) for name in texts}
        yield Chunk(shard_id, {name: column.tolist() for name, column in plain.items()}, step, columns)


def _dataset(shard: TaskShard, steps: Sequence[Step], counter: SourceCount) -> "tf.data.Dataset":
    dataset = shard.task.source.get_dataset(split=shard.split, shuffle=False, shard_info=shard.info)
    with map_seed_manager(0):
        return shard.task.run_steps(counter.counted(dataset), list(steps))


def _batches(
    shard: TaskShard, dataset: "tf.data.Dataset", ranks: Mapping[str, int], counter: SourceCount
) -> "Iterator[dict[str, tf.Tensor | tf.RaggedTensor]]":
    """Yields examples, many at once.

    Raises:
        ValueError: naming the task and the file, when TensorFlow finds the file damaged: it names only the byte.
    """
    # Steps that run Python code forget shapes; without its rank, a tensor cannot be batched.
    dataset = dataset.map(
        lambda example: {name: tf.ensure_shape(example[name], [None] * rank) for name, rank in ranks.items()}
    )
    dataset = in_order(dataset)
    try:
        check_repeatable(shard.task, dataset, "before the cache")
        counter.begin()
        yield from dataset.ragged_batch(_EXAMPLES_AT_ONCE)
        counter.end()
    except tf.errors.DataLossError as error:
        files = shard.files
        named = files[0] if len(files) == 1 else f"one of the {len(files)} files {files[0]} to {files[-1]}"
        raise ValueError(
            f"task {shard.task.name!r}, split {shard.split!r}: {named} is damaged ({error.message}); copy or make it "
            "anew"
        ) from error


def in_order(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Returns the dataset in an order that no thread changes."""
    options = tf.data.Options()
    options.deterministic = True
    return dataset.with_options(options)


def check_repeatable(task: Task, dataset: "tf.data.Dataset", where: str) -> None:
    """Makes the first examples twice, and compares.

    Raises:
        ValueError: naming the task and `where`, when they differ, as with `dataset.shuffle` without a seed, or
            `tf.random.uniform`: a run could not be resumed, and hosts would not agree.
    """
    head = dataset.take(_COMPARED)
    first, second = (fingerprints.digest(list(head.as_numpy_iterator())) for _ in range(2))
    if first != second:
        raise ValueError(
            f"task {task.name!r}: the preprocessors {where} make other examples each time they run, so a run could "
            "not be resumed; draw noise from the seeds of map_over_dataset(num_seeds=...), and leave shuffling to the "
            "stream"
        )


def _rank(task: Task, name: str, spec: Any) -> int:
    """Returns the rank of a column.

    Raises:
        NotCacheableError: naming the task and the feature, when the cache or the stream cannot hold it.
    """
    feature = task.output_features.get(name)
    rank = spec.shape.rank if isinstance(spec, tf.TensorSpec) else None
    if rank is None and feature is not None and isinstance(spec, tf.TensorSpec):
        rank = feature.rank
    if rank not in (0, 1) or np.dtype(spec.dtype.as_numpy_dtype).kind not in "biufO":
        raise NotCacheableError(
            f"task {task.name!r}, feature {name!r}: the token cache holds numbers and lists of "
            f"numbers, not {spec}; drop or flatten it in the preprocessors"
        )
    if feature is not None and (rank != 1 or not spec.dtype.is_integer):
        raise NotCacheableError(
            f"task {task.name!r}, feature {name!r}: it comes to the cache as {spec.dtype.name} of rank "
            f"{rank}, but the stream takes lists of token ids; is `tokenize` among the preprocessors?"
        )
    return rank


def _column(task: Task, name: str, value: "tf.Tensor | tf.RaggedTensor") -> "pa.Array":
    """Returns a batch of one column, dense or ragged, as Arrow holds it."""
    if isinstance(value, tf.RaggedTensor):
        values, splits = value.flat_values.numpy(), value.row_splits.numpy()
    else:
        dense = value.numpy()
        if dense.ndim == 1:
            return arrow.plain_column(dense)
        values = dense.reshape(-1)
        splits = np.arange(len(dense) + 1) * dense.shape[1]
    if name in task.output_features:
        values = _checked_ids(task, name, values)
    return arrow.lists_column(values, splits)


def _checked_ids(task: Task, name: str, ids: np.ndarray) -> np.ndarray:
    size = task.output_features[name].vocabulary.vocab_size or np.iinfo(np.int32).max
    if len(ids) and not 0 <= ids.min() <= ids.max() < size:
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(
            f"task {task.name!r}, feature {name!r}: token id {wrong} lies outside its vocabulary of {size} ids"
        )
    return ids.astype(np.int32)
