"""Running a task's steps before the cache, and writing what they make as Arrow record batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix import fingerprints
from t5mix.data.tokenization import thread_pool, without_tensorflow
from t5mix.data.tokenization.tokenizers import TokenizeStep
from t5mix.lazy import lazy_import
from t5mix.mapping import map_seed_manager
from t5mix.sources import TextLineDataSource

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# Examples tokenized at once, and tokens after which a record batch is written.
_EXAMPLES_AT_ONCE = 1024
_TOKENS_IN_BATCH = 1 << 20
# Examples that are made twice, to see whether they come out the same.
_COMPARED = 256


def record_batches(job: Any, shard: int) -> "Iterator[pa.RecordBatch]":
    """Yields the examples of a shard as the steps before the cache leave them, in source order.

    Args:
      job: what to make, a `writing.Job`.
      shard: which part of the source.

    Raises:
      ValueError: naming the task and the feature, when a required feature is missing or an id lies
        outside its vocabulary; naming the task, when its examples are others each time.
    """
    texts = plain_texts(job, shard)
    if texts is None:
        return _batches(_columns(job, shard))
    return plain_batches(ids for _, ids in thread_pool.tokenized(texts))


def plain_texts(job: Any, shard: int) -> Iterator[thread_pool.Texts] | None:
    """Returns a shard's texts for `thread_pool.tokenized`, whose ids `plain_batches` takes; one or more.

    None is returned when it takes `tf.data` to make them.
    """
    if type(job.task.source) is not TextLineDataSource or job.keep_all or not job.steps:
        return None
    step = TokenizeStep.of(job.steps[-1], job.task.output_features)
    if step is None:
        return None
    columns = without_tensorflow.batches(job.task.source, job.source_shards[shard], job.steps[:-1])
    return None if columns is None else _plain_texts(job, shard, step, columns)


def _plain_texts(
    job: Any, shard: int, step: TokenizeStep, columns: Iterable[without_tensorflow.Columns]
) -> Iterator[thread_pool.Texts]:
    place = (0, shard)
    empty = True
    for some in columns:
        _checked_spec(job.task, some)
        empty = False
        yield thread_pool.Texts(place, step, {name: some[name] for name in some if name in job.task.output_features})
    if empty:
        yield thread_pool.Texts(place, step, {})


def plain_batches(found: Iterable[thread_pool.Ids]) -> "Iterator[pa.RecordBatch]":
    """Yields the record batches of a shard of tokenized texts; see `record_batches`."""
    return _batches({name: _of_texts(*of) for name, of in ids.items()} for ids in found if ids)


def _batches(columns: "Iterable[dict[str, pa.Array]]") -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    tokens = 0
    for arrays in columns:
        names = sorted(arrays)
        held.append(pa.RecordBatch.from_arrays([arrays[name] for name in names], names))
        tokens += sum(array.nbytes for array in arrays.values()) // 4
        if tokens >= _TOKENS_IN_BATCH:
            yield _joined(held)
            held, tokens = [], 0
    if held:
        yield _joined(held)


def empty_schema(task: Any) -> "pa.Schema":
    """Returns the columns of a shard without examples."""
    import pyarrow as pa

    return pa.schema([(name, pa.large_list(pa.int32())) for name in sorted(task.output_features)])


def _columns(job: Any, shard: int) -> "Iterator[dict[str, pa.Array]]":
    """Yields examples as Arrow arrays, tokenized in batches where the last step is known to tokenize."""
    task = job.task
    last = TokenizeStep.of(job.steps[-1], task.output_features) if job.steps else None
    if last is not None:
        dataset = _dataset(job, shard, job.steps[:-1])
        spec = dataset.element_spec
        if isinstance(spec, dict) and all(_is_text(spec[name]) for name in spec if name in task.output_features):
            yield from _tokenized_columns(job, shard, last, dataset)
            return
    dataset = _dataset(job, shard, job.steps)
    spec = _checked_spec(task, dataset.element_spec)
    ranks = {name: _rank(task, name, spec[name]) for name in spec if job.keep_all or name in task.output_features}
    for batch in _batched(job, shard, dataset, ranks):
        yield {name: _arrow(task, name, value) for name, value in batch.items()}


def _dataset(job: Any, shard: int, steps: Sequence[Any]) -> "tf.data.Dataset":
    dataset = job.task.source.get_dataset(split=job.split, shuffle=False, shard_info=job.shard_info(shard))
    with map_seed_manager(0):
        return job.task.run_steps(dataset, list(steps))


def _batched(
    job: Any, shard: int, dataset: "tf.data.Dataset", ranks: Mapping[str, int]
) -> "Iterator[dict[str, tf.Tensor | tf.RaggedTensor]]":
    """Yields examples, many at once.

    Raises:
      ValueError: naming the task and the file, when TensorFlow finds the file damaged: it names only the byte.
    """
    # Steps that run Python code forget shapes; without its rank, a tensor cannot be batched.
    dataset = dataset.map(
        lambda example: {name: tf.ensure_shape(example[name], [None] * rank) for name, rank in ranks.items()}
    )
    dataset = ordered(dataset)
    try:
        check_repeatable(job.task, dataset, "before the cache")
        yield from dataset.ragged_batch(_EXAMPLES_AT_ONCE)
    except tf.errors.DataLossError as error:
        files = job.task.source.list_shards(job.split)[shard :: job.num_shards]
        place = files[0] if len(files) == 1 else f"one of the {len(files)} files {files[0]} to {files[-1]}"
        raise ValueError(
            f"task {job.task.name!r}, split {job.split!r}: {place} is damaged ({error.message}); copy or make it anew"
        ) from error


def _is_text(spec: Any) -> bool:
    return isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string and spec.shape.rank == 0


def _tokenized_columns(
    job: Any, shard: int, step: TokenizeStep, dataset: "tf.data.Dataset"
) -> "Iterator[dict[str, pa.Array]]":
    """Yields the examples of a dataset of texts, tokenized many at once."""
    task = job.task
    spec = _checked_spec(task, dataset.element_spec)
    texts = [name for name in spec if name in task.output_features]
    others = [name for name in spec if name not in task.output_features and job.keep_all]
    ranks = {**dict.fromkeys(texts, 0), **{name: _rank(task, name, spec[name]) for name in others}}
    for batch in _batched(job, shard, dataset, ranks):
        kept = {name: _arrow(task, name, batch[name]) for name in others}
        plain = {name: batch[name].numpy().tolist() for name in texts}
        if job.keep_all and step.copy_pretokenized:
            kept |= {f"{name}_pretokenized": _plain(batch[name].numpy()) for name in texts}
        for name, column in plain.items():
            kept[name] = _of_texts(*step.ended(name, *step.tokenizers[name](column)))
        yield kept


def _of_texts(values: np.ndarray, lengths: np.ndarray) -> "pa.Array":
    """Returns the column of the ids of texts, joined, int32, and their lengths."""
    import pyarrow as pa

    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    # Of buffers: `pyarrow.array` would load pandas, to see whether an array is pandas'.
    ids = pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)])
    return pa.Array.from_buffers(pa.large_list(pa.int32()), len(lengths), [None, pa.py_buffer(splits)], children=[ids])


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


def _joined(batches: "list[pa.RecordBatch]") -> "pa.RecordBatch":
    import pyarrow as pa

    if len(batches) == 1:
        return batches[0]
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


def _arrow(task: Any, name: str, value: Any) -> "pa.Array":
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
    return _lists(splits, flat)


def _lists(splits: np.ndarray, flat: np.ndarray) -> "pa.Array":
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array(splits, pa.int64()), _plain(flat))


def _plain(values: np.ndarray) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values.tolist(), pa.large_binary()) if values.dtype == object else pa.array(values)


def _checked_ids(task: Any, name: str, ids: np.ndarray) -> np.ndarray:
    size = task.output_features[name].vocabulary.vocab_size or np.iinfo(np.int32).max
    if len(ids) and not 0 <= ids.min() <= ids.max() < size:
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(
            f"task {task.name!r}, feature {name!r}: token id {wrong} lies outside its vocabulary of {size} ids"
        )
    return ids.astype(np.int32)
