"""Trimming, padding and packing of datasets, under seqio's names.

Two things differ from seqio, where they fail silently: all features of an example get the same segment
number, also when one of them is empty; and an id 0 inside an example does not cut off what follows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from t5mix.internal.lazy import tensorflow as tf

_SUFFIXES = ("", "_segment_ids", "_positions")


def trim_dataset(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, Any] | None, output_features: Mapping[str, Any]
) -> "tf.data.Dataset":
    """Returns examples whose output features have at most the given lengths, one for each axis; None trims nothing.

    Before, with sequence_length `{"targets": 2}`: `{"targets": [7, 8, 9]}`; after: `{"targets": [7, 8]}`.
    """
    limits = {
        key: tuple(slice(0, number) for number in axis_lengths(length))
        for key, length in (sequence_length or {}).items()
        if key in output_features and length is not None
    }

    def one(example: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value[limits[key]] if key in limits else value for key, value in example.items()}

    return dataset.map(one, num_parallel_calls=tf.data.AUTOTUNE)


def axis_lengths(length: Any) -> tuple[Any, ...]:
    """Returns the lengths of the axes of a feature, of which the first may be given alone."""
    return tuple(length) if isinstance(length, tuple | list) else (length,)


def trim_and_pad_dataset(dataset: "tf.data.Dataset", feature_lengths: Mapping[str, Any]) -> "tf.data.Dataset":
    """Trims features, and pads them with 0, to their lengths.

    Before, with `{"targets": 4}`: `{"targets": [7, 8], "idx": 3}`; after: `{"targets": [7, 8, 0, 0], "idx": 3}`.

    Args:
        dataset: examples; features without a length stay as they are.
        feature_lengths: for each feature its length, or one length for each axis, None leaving it free.
    """

    def one(example: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: _trimmed_and_padded(value, feature_lengths[name]) if name in feature_lengths else value
            for name, value in example.items()
        }

    return dataset.map(one, num_parallel_calls=tf.data.AUTOTUNE)


def _trimmed_and_padded(value: Any, length: Any) -> Any:
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor()
    lengths = list(length) if isinstance(length, tuple | list) else [length]
    rest = value.shape.as_list()[len(lengths) :]
    value = value[tuple(slice(0, number) for number in lengths)]
    sizes = tf.unstack(tf.shape(value), num=value.shape.rank)
    missing = [0 if number is None else number - size for number, size in zip(lengths, sizes, strict=False)]
    padded = tf.pad(value, [[0, number] for number in missing] + [[0, 0]] * len(rest))
    return tf.ensure_shape(padded, [*lengths, *rest])


def strip_padding(tokens: "tf.Tensor") -> "tf.Tensor":
    """Returns tokens, of one axis, without the zeros at their end."""
    return tf.boolean_mask(tokens, not_padding(tokens))


def not_padding(tokens: "tf.Tensor", dtype: Any = "bool") -> "tf.Tensor":
    """Tells which tokens are no padding: of one axis, those up to the last that is not 0."""
    real = tf.not_equal(tokens, 0)
    if tokens.shape.rank == 1:
        real = tf.cumsum(tf.cast(real, tf.int32), reverse=True) > 0
    return tf.cast(real, tf.as_dtype(dtype))


def non_padding_position(tensor: "tf.Tensor", dtype: Any = "int32", pad_id: int = 0) -> "tf.Tensor":
    """Returns 1 where a tensor is not `pad_id` and 0 where it is, in its shape; seqio's function of this name."""
    return tf.cast(tf.not_equal(tensor, pad_id), tf.as_dtype(dtype))


def trim_and_pack_dataset(
    dataset: "tf.data.Dataset", feature_lengths: Mapping[str, int], use_custom_ops: bool = False
) -> "tf.data.Dataset":
    """Puts several examples into one row, without splitting any.

    Before, with a length of 6 for both: `{"inputs": [8, 7, 1], "targets": [4, 1], "idx": 0}` and
    `{"inputs": [2, 1], "targets": [5, 6, 1], "idx": 1}`; after: `{"inputs": [8, 7, 1, 2, 1, 0],
    "inputs_segment_ids": [1, 1, 1, 2, 2, 0], "inputs_positions": [0, 1, 2, 0, 1, 0], "targets": [4, 1, 5, 6,
    1, 0], "targets_segment_ids": [1, 1, 2, 2, 2, 0], "targets_positions": [0, 1, 0, 1, 2, 0]}`.

    Rows are filled in order, as in seqio: the next example goes into the open row or begins a new one, and
    a row ends after as many examples as the longest length counts. Training packs better, in the stream.

    Args:
        dataset: examples; features without a length are left out.
        feature_lengths: for each feature its length in a row; longer examples are trimmed.
        use_custom_ops: accepted for seqio's sake; there is one way to pack.

    Raises:
        ValueError: naming the feature that is missing or has more than one axis.
    """
    _check_packable(dataset, feature_lengths)

    def strip(example: Mapping[str, Any]) -> dict[str, Any]:
        return {name: strip_padding(example[name]) for name in feature_lengths}

    return pack_dataset(dataset.map(strip, num_parallel_calls=tf.data.AUTOTUNE), feature_lengths)


def _check_packable(dataset: "tf.data.Dataset", lengths: Mapping[str, int]) -> None:
    spec = dataset.element_spec
    for name in lengths:
        if name not in spec:
            raise ValueError(f"Feature '{name}' not found in dataset, which has {', '.join(spec)}; make it or drop it")
        if not spec[name].shape.is_compatible_with([None]):
            raise ValueError(
                f"Features to be packed must be one-dimensional. '{name}' has the shape {spec[name].shape}; "
                "use a converter with pack=False"
            )


def pack_dataset(dataset: "tf.data.Dataset", lengths: Mapping[str, int]) -> "tf.data.Dataset":
    """Packs examples that have no padding; see `trim_and_pack_dataset`."""
    names = list(lengths)
    keys = [name + suffix for name in names for suffix in _SUFFIXES]

    def trim(example: Mapping[str, Any]) -> Any:
        values = [tf.cast(example[name][: lengths[name]], tf.int32) for name in names]
        return tuple(values), tf.stack([tf.size(value) for value in values])

    def pack(values: Any, sizes: Any) -> dict[str, Any]:
        def run(sizes: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
            return _packed(sizes, values, [lengths[name] for name in names])

        made = tf.numpy_function(run, [sizes, *values], [tf.int32] * len(keys), stateful=False)
        widths = [lengths[name] for name in names for _ in _SUFFIXES]
        pairs = zip(keys, made, widths, strict=True)
        return {key: tf.ensure_shape(value, [None, width]) for key, value, width in pairs}

    shapes = (tuple([None] for _ in names), [len(names)])
    batches = dataset.map(trim, num_parallel_calls=tf.data.AUTOTUNE).padded_batch(max(lengths.values()), shapes)
    return batches.map(pack, num_parallel_calls=tf.data.AUTOTUNE).unbatch()


def _packed(sizes: np.ndarray, values: tuple[np.ndarray, ...], widths: list[int]) -> list[np.ndarray]:
    """Packs one batch.

    Args:
        sizes: int32 [examples, features], tokens of each.
        values: for each feature int32 [examples, longest], padded.
        widths: for each feature the length of a row.

    Returns:
        For each feature tokens, segment ids and positions, int32 [rows, width].
    """
    rows = _rows(sizes, np.array(widths))
    packed = []
    for feature, width in enumerate(widths):
        tokens, segments, positions = (np.zeros((len(rows), width), np.int32) for _ in _SUFFIXES)
        for row, examples in enumerate(rows):
            start = 0
            for segment, example in enumerate(examples, 1):
                size = sizes[example, feature]
                columns = slice(start, start + size)
                tokens[row, columns] = values[feature][example, :size]
                segments[row, columns] = segment
                positions[row, columns] = np.arange(size)
                start += size
        packed += [tokens, segments, positions]
    return packed


def _rows(sizes: np.ndarray, widths: np.ndarray) -> list[list[int]]:
    """Returns the examples of each row, leaving out those without any token."""
    rows: list[list[int]] = [[]]
    used = np.zeros(len(widths), dtype=np.int64)
    for example, size in enumerate(sizes):
        if not size.any():
            continue
        if (used + size > widths).any():
            rows.append([])
            used = np.zeros(len(widths), dtype=np.int64)
        rows[-1].append(example)
        used = used + size
    return rows if rows[-1] else rows[:-1]


def make_autoregressive_inputs(
    targets: "tf.Tensor", sequence_id: Any = None, output_dtype: Any = None, bos_id: int = 0
) -> "tf.Tensor":
    """Returns what a decoder reads to predict `targets`: the same, one position later.

    With targets [3, 8, 1, 9, 1, 0] and sequence_id [1, 1, 1, 2, 2, 0]: [0, 3, 8, 0, 9, 0].

    Args:
        targets: int [length, ...].
        sequence_id: int [length], segment ids of a packed row: each segment begins with `bos_id`.
        output_dtype: dtype of the result; None is that of the targets.
        bos_id: what stands before the first target.

    Raises:
        ValueError: for segments that are no integers, or of targets with more than one axis.
    """
    if sequence_id is not None and not sequence_id.dtype.is_integer:
        raise ValueError("The sequence_id should be integer-valued tensors for a packed dataset.")
    if sequence_id is not None and targets.shape.rank != 1:
        raise ValueError(
            f"Only 1-D sequences are supported with packing. Got a packed {targets.shape.rank}-D sequence."
        )
    dtype = tf.as_dtype(output_dtype or targets.dtype)
    inputs = tf.cast(_shifted_right(targets, bos_id), dtype)
    if sequence_id is None:
        return inputs
    return tf.where(tf.equal(sequence_id, _shifted_right(sequence_id, 0)), inputs, tf.cast(bos_id, dtype))


def _shifted_right(tensor: "tf.Tensor", first: int) -> "tf.Tensor":
    begin = tf.fill(tf.concat([[1], tf.shape(tensor)[1:]], axis=0), tf.cast(first, tensor.dtype))
    return tf.ensure_shape(tf.concat([begin, tensor[:-1]], axis=0), tensor.shape)
