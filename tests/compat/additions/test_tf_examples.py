"""Dicts of tensors survive the way into a `tf.train.Example` and back."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import t5mix

TENSORS: dict[str, Any] = {
    "one": tf.constant([1, 2, 3], tf.int64),
    "two": tf.constant([[1.5, 2.5], [3.5, 4.5]], tf.float32),
    "three": tf.zeros([2, 0, 3], tf.int64),
    "text": tf.constant("ä:b"),
    "texts": tf.constant(["a", ""]),
    "_sh:odd": tf.constant([1], tf.int64),
    "ragged": tf.ragged.constant([[[1, 2], []], [[3]]], tf.int64),
    "ragged:with:colons": tf.ragged.constant([["a"], []]),
    "sparse": tf.SparseTensor([[0, 1], [2, 0]], tf.constant([5, 6], tf.int64), [3, 2]),
}


@pytest.mark.parametrize("name", [name for name in TENSORS if name not in ("three", "_sh:odd")])
def test_what_was_written_is_read(name: str) -> None:
    example = t5mix.dict_to_tfexample({name: TENSORS[name]}, store_shapes=True)
    found = t5mix.tfexample_to_dict(tf.train.Example.FromString(example.SerializeToString()))
    assert list(found) == [name]
    expected, value = TENSORS[name], found[name]
    if isinstance(expected, tf.SparseTensor):
        assert isinstance(value, tf.SparseTensor)
        expected, value = tf.sparse.to_dense(expected), tf.sparse.to_dense(value)
    elif isinstance(expected, tf.RaggedTensor):
        assert isinstance(value, tf.RaggedTensor) and value.to_list() == expected.to_list()
        return
    np.testing.assert_array_equal(value, expected if expected.shape.rank else [expected.numpy()])


def test_tensorflow_parses_ragged_lengths_by_their_key() -> None:
    example = t5mix.dict_to_tfexample({"x": TENSORS["ragged"]})
    lengths = [tf.io.RaggedFeature.RowLengths(t5mix.tfexample_ragged_length_key("x", dim)) for dim in (0, 1)]
    description = {"x": tf.io.RaggedFeature(tf.int64, value_key="x", partitions=lengths)}
    parsed = tf.io.parse_single_example(example.SerializeToString(), description)
    assert parsed["x"].to_list() == TENSORS["ragged"].to_list()


def test_bools_and_integers_become_int64() -> None:
    example = t5mix.dict_to_tfexample({"flag": tf.constant([True, False]), "small": tf.constant([7], tf.int8)})
    found = t5mix.tfexample_to_dict(example)
    assert found["flag"].dtype == found["small"].dtype == tf.int64 and found["flag"].numpy().tolist() == [1, 0]


def test_what_cannot_be_written_or_read_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="feature 'x': Unsupported type"):
        t5mix.dict_to_tfexample({"x": tf.constant([1j])})
    with pytest.raises(ValueError, match="Couldn't find dense shape for sparse tensor x"):
        t5mix.tfexample_to_dict(t5mix.dict_to_tfexample({"x": TENSORS["sparse"]}))
    broken = t5mix.dict_to_tfexample({"x": TENSORS["ragged"]})
    del broken.features.feature[t5mix.tfexample_ragged_length_key("x", 0)]
    with pytest.raises(ValueError, match="Couldn't find 0-th ragged length for x"):
        t5mix.tfexample_to_dict(broken)


def test_nested_dicts_become_flat_and_nested_again() -> None:
    nested = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert t5mix.flatten_dict(nested) == {"a/b": 1, "a/c/d": 2, "e": 3}
    assert t5mix.unflatten_dict(t5mix.flatten_dict(nested, "."), ".") == nested
