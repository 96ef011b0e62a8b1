"""Trimming, padding and packing: nothing is lost, mixed up or split, and seqio's rows come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix

LENGTHS = {"inputs": 8, "targets": 6}


def dataset(examples):
    import tensorflow as tf

    spec = {name: tf.TensorSpec([None], tf.int32) for name in examples[0]}
    return tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)


def rows(packed):
    return [{name: value.tolist() for name, value in row.items()} for row in packed.as_numpy_iterator()]


def _unpacked(found):
    """The examples in rows, by segment."""
    examples = []
    for row in found:
        segments = {name: np.array(row[f"{name}_segment_ids"]) for name in LENGTHS}
        for number in range(1, max(ids.max() for ids in segments.values()) + 1):
            example = {}
            for name, ids in segments.items():
                places = np.flatnonzero(ids == number)
                example[name] = np.array(row[name])[places].tolist()
                assert np.array(row[f"{name}_positions"])[places].tolist() == list(range(len(places)))
                assert not len(places) or places[-1] - places[0] + 1 == len(places)
            examples.append(example)
        for name, ids in segments.items():
            assert not np.array(row[name])[ids == 0].any() and (np.diff(ids[ids > 0]) >= 0).all()
            assert len(ids) == LENGTHS[name]
    return examples


ids = st.integers(1, 99)
sequences = st.builds(
    lambda inner, last: [*inner, *last], st.lists(st.integers(0, 99), max_size=5), st.lists(ids, min_size=1, max_size=1)
)
some = st.one_of(st.just([]), sequences)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({"inputs": some, "targets": some}), min_size=1, max_size=20))
def test_rows_hold_every_example_whole_and_in_order(examples):
    found = rows(t5mix.trim_and_pack_dataset(dataset(examples), LENGTHS))
    assert _unpacked(found) == [example for example in examples if example["inputs"] or example["targets"]]


def test_an_empty_feature_does_not_shift_the_segments_of_the_other():
    examples = [{"inputs": [], "targets": [3, 1]}, {"inputs": [7, 8], "targets": [4, 1]}]
    (row,) = rows(t5mix.trim_and_pack_dataset(dataset(examples), LENGTHS))
    assert row["inputs_segment_ids"] == [2, 2, 0, 0, 0, 0, 0, 0]
    assert row["targets_segment_ids"] == [1, 1, 2, 2, 0, 0]


def test_an_id_0_inside_an_example_cuts_nothing_off_and_padding_behind_it_is_left_out():
    (row,) = rows(t5mix.trim_and_pack_dataset(dataset([{"targets": [5, 0, 7, 1, 0, 0]}]), {"targets": 8}))
    assert row["targets"] == [5, 0, 7, 1, 0, 0, 0, 0]
    assert row["targets_segment_ids"] == [1, 1, 1, 1, 0, 0, 0, 0]


def test_longer_examples_are_trimmed():
    (row,) = rows(t5mix.trim_and_pack_dataset(dataset([{"targets": [5, 6, 7, 8]}]), {"targets": 3}))
    assert row["targets"] == [5, 6, 7]


def test_what_cannot_be_packed_is_refused():
    import tensorflow as tf

    with pytest.raises(ValueError, match="Feature 'inputs' not found in dataset, which has targets"):
        t5mix.trim_and_pack_dataset(dataset([{"targets": [1]}]), LENGTHS)
    with pytest.raises(ValueError, match=r"must be one-dimensional\. 'targets' has the shape"):
        t5mix.trim_and_pack_dataset(tf.data.Dataset.from_tensors({"targets": [[1]]}), {"targets": 3})


def test_padding_by_axes_leaves_others_as_they_are():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensors({"a": [[1, 2, 3], [4, 5, 6]], "b": [1, 2], "c": "text", "d": [[1, 2]]})
    found = next(t5mix.trim_and_pad_dataset(data, {"a": (3, 2), "b": 1, "d": (None, 3)}).as_numpy_iterator())
    assert found["a"].tolist() == [[1, 2], [4, 5], [0, 0]]
    assert (found["b"].tolist(), found["c"], found["d"].tolist()) == ([1], b"text", [[1, 2, 0]])


@pytest.mark.parametrize(
    ("targets", "segments", "bos", "expected"),
    [
        ([3, 8, 1, 9, 1, 0], None, 0, [0, 3, 8, 1, 9, 1]),
        ([3, 8, 1, 9, 1, 0], [1, 1, 1, 2, 2, 0], 0, [0, 3, 8, 0, 9, 0]),
        ([3, 8, 1, 9, 1], [1, 1, 1, 2, 2], 7, [7, 3, 8, 7, 9]),
    ],
)
def test_a_decoder_reads_what_stands_before(targets, segments, bos, expected):
    import tensorflow as tf

    segments = None if segments is None else tf.constant(segments)
    found = t5mix.make_autoregressive_inputs(tf.constant(targets), segments, bos_id=bos)
    assert found.numpy().tolist() == expected
    wide = t5mix.make_autoregressive_inputs(tf.constant([[1, 2], [3, 4]]), output_dtype="int64")
    assert wide.numpy().tolist() == [[0, 0], [1, 2]] and wide.dtype == tf.int64
