"""Dicts of tensors as `tf.train.Example` and back, and nested dicts as flat ones.

A `tf.train.Example` holds lists of int64, float32 and bytes alone. What it cannot hold stands in features of its own,
named as seqio names them, so that either reads what the other wrote: "_rl:0:x" has the lengths of the rows of a ragged
`x` along its first ragged axis, "_sp:0:x" the indices of a sparse one along its first axis, and "_sh:x" a shape.
"""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf

# Tensors by name: dense, ragged or sparse ones, or arrays; in the second also dicts of these.
TFDict = dict[str, Any]
NestedTFDict = dict[str, Any]

_RAGGED, _SPARSE, _SHAPE = "_rl", "_sp", "_sh"
_DELIMITER = "/"


def tfexample_ragged_length_key(key: str, dim: int) -> str:
    """Returns the name of the feature with the row lengths of `key` along its ragged axis number `dim`."""
    return f"{_RAGGED}:{dim}:{key}"


def tfexample_sparse_indices_key(key: str, dim: int) -> str:
    """Returns the name of the feature with the indices of `key` along axis `dim`."""
    return f"{_SPARSE}:{dim}:{key}"


def dict_to_tfexample(dct: TFDict, store_shapes: bool = False) -> "tf.train.Example":
    """Returns tensors as a `tf.train.Example`; bools and integers become int64, floats float32.

    Args:
        dct: tensors by name.
        store_shapes: whether to write the shapes of sparse tensors and of those with several axes, which
            `tfexample_to_dict` needs.

    Raises:
        ValueError: for a dtype that no feature holds.
    """
    features: dict[str, Any] = {}
    for key, value in dct.items():
        shape = None
        if isinstance(value, tf.RaggedTensor):
            features[key] = _feature(key, value.flat_values)
            for dim, lengths in enumerate(value.nested_row_lengths()):
                features[tfexample_ragged_length_key(key, dim)] = _feature(key, lengths)
        elif isinstance(value, tf.SparseTensor):
            features[key] = _feature(key, value.values)
            for dim, indices in enumerate(tf.transpose(value.indices)):
                features[tfexample_sparse_indices_key(key, dim)] = _feature(key, indices)
            shape = value.shape.as_list()
        else:
            value = tf.constant(value)
            features[key] = _feature(key, value)
            shape = value.shape.as_list() if value.shape.rank > 1 else None
        if store_shapes and shape is not None:
            features[f"{_SHAPE}:{key}"] = _feature(key, tf.constant(shape))
    return tf.train.Example(features=tf.train.Features(feature=features))


def _feature(key: str, tensor: "tf.Tensor") -> "tf.train.Feature":
    if tensor.dtype.is_bool:
        tensor = tf.cast(tensor, tf.int64)
    values = tf.reshape(tensor, [-1]).numpy().tolist()
    if tensor.dtype == tf.string:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[tf.compat.as_bytes(value) for value in values]))
    if tensor.dtype.is_integer:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if tensor.dtype.is_floating:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    raise ValueError(f"feature {key!r}: Unsupported type {tensor.dtype}; cast it to an integer, a float or a string")


def tfexample_to_dict(example: "tf.train.Example") -> TFDict:
    """Returns the tensors of a `tf.train.Example` that `dict_to_tfexample` made, whatever its features are.

    `tf.io.parse_single_example` is faster, where the features are known.

    Raises:
        ValueError: naming the tensor of which a row length, an index or the shape is missing.
    """
    values: TFDict = {}
    lengths: dict[str, dict[int, Any]] = {}
    indices: dict[str, dict[int, Any]] = {}
    shapes: dict[str, Any] = {}
    for name, feature in example.features.feature.items():
        mark, _, rest = name.partition(":")
        value = _tensor(feature)
        if mark in (_RAGGED, _SPARSE) and ":" in rest:
            dim, _, key = rest.partition(":")
            (lengths if mark == _RAGGED else indices).setdefault(key, {})[int(dim)] = value
        elif mark == _SHAPE and rest:
            shapes[rest] = value
        else:
            values[name] = value
    for key, found in lengths.items():
        rows = _in_order(key, found, "ragged length")
        values[key] = tf.RaggedTensor.from_nested_row_lengths(values[key], rows)
    for key, found in indices.items():
        if key not in shapes:
            raise ValueError(f"Couldn't find dense shape for sparse tensor {key}; write it with store_shapes=True")
        positions = tf.stack(_in_order(key, found, "sparse indices"), axis=1)
        values[key] = tf.SparseTensor(positions, values[key], shapes.pop(key))
    return values | {key: tf.reshape(values[key], shape) for key, shape in shapes.items()}


def _tensor(feature: "tf.train.Feature") -> "tf.Tensor":
    if feature.int64_list.value:
        return tf.constant(list(feature.int64_list.value), tf.int64)
    if feature.float_list.value:
        return tf.constant(list(feature.float_list.value), tf.float32)
    return tf.constant(list(feature.bytes_list.value), tf.string)  # an empty list does not say its dtype


def _in_order(key: str, found: Mapping[int, Any], what: str) -> list[Any]:
    for dim in range(len(found)):
        if dim not in found:
            raise ValueError(f"Couldn't find {dim}-th {what} for {key}")
    return [found[dim] for dim in range(len(found))]


def flatten_dict(nested_dct: NestedTFDict, delimiter: str = _DELIMITER) -> TFDict:
    """Returns a nested dict as a flat one: `{"a": {"b": 1, "c": 2}}` becomes `{"a/b": 1, "a/c": 2}`."""
    flat: TFDict = {}
    for key, value in nested_dct.items():
        if isinstance(value, dict):
            inner = flatten_dict(value, delimiter)
            flat.update((f"{key}{delimiter}{name}", each) for name, each in inner.items())
        else:
            flat[key] = value
    return flat


def unflatten_dict(dct: TFDict, delimiter: str = _DELIMITER) -> NestedTFDict:
    """Returns a flat dict as a nested one: `{"a/b": 1, "a/c": 2}` becomes `{"a": {"b": 1, "c": 2}}`."""
    nested: NestedTFDict = {}
    for path, value in dct.items():
        *outer, last = path.split(delimiter)
        inner = nested
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return nested
