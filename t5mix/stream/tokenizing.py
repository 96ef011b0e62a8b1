"""Running a task's steps before the cache, and writing what they make as Arrow record batches."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from t5mix import fingerprints
from t5mix.lazy import lazy_import
from t5mix.mapping import map_seed_manager

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# Examples tokenized at once, and tokens after which a record batch is written.
_EXAMPLES_AT_ONCE = 1024
_TOKENS_IN_BATCH = 1 << 22
# Examples that are made twice, to see whether they come out the same.
_COMPARED = 256
# Whoever writes a cache writes the same, also where a step before it is random.
_SEED = 0


def record_batches(task: Any, split: str, steps: tuple[Any, ...], keep_all: bool) -> Iterator[pa.RecordBatch]:
    """Yields the examples of a task as its steps before the cache leave them, in source order.

    Args:
      task: the task.
      split: the split of its source.
      steps: the steps to run.
      keep_all: keep every column, not only the task's features.

    Raises:
      ValueError: naming the task and the feature, when a required feature is missing or an id lies
        outside its vocabulary; naming the task, when its examples are others each time.
    """
    dataset = task.source.get_dataset(split=split, shuffle=False)
    with map_seed_manager(_SEED):
        dataset = task.run_steps(dataset, list(steps))
    features = task.output_features
    spec = _checked_spec(task, dataset.element_spec)
    names = [name for name in spec if keep_all or name in features]
    ranks = {name: _rank(task, name, spec[name]) for name in names}
    # Steps that run Python code forget shapes; without its rank, a tensor cannot be batched.
    dataset = dataset.map(
        lambda example: {name: tf.ensure_shape(example[name], [None] * ranks[name]) for name in names}
    )
    dataset = ordered(dataset)
    check_repeatable(task, dataset, "before the cache")
    held: list[pa.RecordBatch] = []
    tokens = 0
    for batch in dataset.ragged_batch(_EXAMPLES_AT_ONCE):
        arrays = {name: _arrow(task, name, value) for name, value in batch.items()}
        held.append(pa.RecordBatch.from_pydict(arrays))
        tokens += sum(array.nbytes for array in arrays.values()) // 4
        if tokens >= _TOKENS_IN_BATCH:
            yield _joined(held)
            held, tokens = [], 0
    if held:
        yield _joined(held)


def ordered(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Returns the dataset in an order that no thread changes."""
    options = tf.data.Options()
    options.deterministic = True
    return dataset.with_options(options)


def check_repeatable(task: Any, dataset: "tf.data.Dataset", place: str) -> None:
    """Makes the first examples twice, and compares.

    Raises:
      ValueError: naming the task and `place`, when they differ, as with `dataset.shuffle` without a seed, or
        `tf.random.uniform`: a run could not be resumed, and hosts would not agree.
    """
    head = dataset.take(_COMPARED)
    first, second = (fingerprints.digest(list(head.as_numpy_iterator())) for _ in range(2))
    if first != second:
        raise ValueError(
            f"task {task.name!r}: the preprocessors {place} make other examples each time they run, so a run could "
            "not be resumed; draw noise from the seeds of map_over_dataset(num_seeds=...), and leave shuffling to the "
            "stream"
        )


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _checked_spec(task: Any, spec: Any) -> dict[str, Any]:
    if not isinstance(spec, dict):
        raise ValueError(
            f"task {task.name!r}: its examples are {spec!r} when they come to the cache, but must be "
            "dictionaries of features"
        )
    for name, feature in task.output_features.items():
        if feature.required and name not in spec:
            raise ValueError(
                f"task {task.name!r} has no feature {name!r} when its examples come to the cache, only "
                f"{sorted(spec)}; name it in the preprocessors, or declare it with required=False"
            )
    return spec


def _rank(task: Any, name: str, spec: Any) -> int:
    feature = task.output_features.get(name)
    rank = spec.shape.rank if isinstance(spec, tf.TensorSpec) else None
    if rank is None and feature is not None and isinstance(spec, tf.TensorSpec):
        rank = feature.rank
    if rank not in (0, 1):
        raise ValueError(
            f"task {task.name!r}, feature {name!r}: the token cache holds numbers and lists of "
            f"numbers, not {spec}; drop or flatten it in the preprocessors"
        )
    if feature is not None and (rank != 1 or not spec.dtype.is_integer):
        raise ValueError(
            f"task {task.name!r}, feature {name!r}: it comes to the cache as {spec.dtype.name} of rank "
            f"{rank}, but the stream takes lists of token ids; is `tokenize` among the preprocessors?"
        )
    return rank


def _arrow(task: Any, name: str, value: Any) -> pa.Array:
    """Turns a batch of one column, dense or ragged, into an Arrow array."""
    if isinstance(value, tf.RaggedTensor):
        flat, splits = value.flat_values.numpy(), value.row_splits.numpy()
    else:
        dense = value.numpy()
        if dense.ndim == 1:
            return _plain(dense)
        flat = dense.reshape(-1)
        splits = np.arange(len(dense) + 1) * dense.shape[1]
    if name in task.output_features:
        flat = _checked_ids(task, name, flat)
    return pa.LargeListArray.from_arrays(pa.array(splits, pa.int64()), _plain(flat))


def _plain(values: np.ndarray) -> pa.Array:
    return pa.array(values.tolist(), pa.large_binary()) if values.dtype == object else pa.array(values)


def _checked_ids(task: Any, name: str, ids: np.ndarray) -> np.ndarray:
    size = task.output_features[name].vocabulary.vocab_size or np.iinfo(np.int32).max
    if len(ids) and not 0 <= ids.min() <= ids.max() < size:
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(
            f"task {task.name!r}, feature {name!r}: token id {wrong} lies outside its vocabulary of {size} ids"
        )
    return ids.astype(np.int32)
