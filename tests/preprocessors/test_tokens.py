"""Steps that make tokens, end, trim and pad them."""

from collections.abc import Callable

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.internal import paths

ID_VOCABULARY = t5mix.PassThroughVocabulary(size=1000, eos_id=1)
ID_FEATURES = {"inputs": t5mix.Feature(ID_VOCABULARY), "targets": t5mix.Feature(ID_VOCABULARY)}


def dataset_of(*texts: list[int]) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: ({"targets": text} for text in texts), output_signature={"targets": tf.TensorSpec([None], tf.int32)}
    )


def targets(dataset: tf.data.Dataset) -> list[list[int]]:
    return [row["targets"].tolist() for row in dataset.as_numpy_iterator()]


def test_the_front_is_cut_off(rows_of: Callable) -> None:
    example = {"inputs": [7, 8, 9], "targets": [4, 5, 6]}
    left = preprocessors.truncate_inputs_left
    assert rows_of(left, example, sequence_length={"inputs": 2, "targets": 1}) == [{**example, "inputs": [8, 9]}]
    assert rows_of(left, example, sequence_length=None) == rows_of(left, example, sequence_length={}) == [example]
    with pytest.raises(ValueError, match=r"sequence_length\['inputs'\] is 0"):  # [-0:] would keep everything
        rows_of(left, example, sequence_length={"inputs": 0})

    front = preprocessors.trim_tokens_at_front
    lengths = {"inputs": 3, "targets": 1}
    assert rows_of(front, example, sequence_length=lengths) == [{"inputs": [8, 9], "targets": []}]
    only = rows_of(front, example, sequence_length={"inputs": 9, "targets": 2}, keys_to_trim=["inputs"])
    assert only == [example]
    with pytest.raises(ValueError, match="needs the length of 'targets'"):
        rows_of(front, example, sequence_length={"inputs": 3}, keys_to_trim=["targets"])


def test_eos_needs_room(rows_of: Callable) -> None:
    step = preprocessors.append_eos_after_trim
    assert rows_of(step, {"targets": [7, 8]}, output_features=ID_FEATURES, sequence_length={"targets": 1}) == [
        {"targets": [1]}
    ]
    with pytest.raises(ValueError, match=r"sequence_length\['targets'\] is 0"):
        rows_of(step, {"targets": [7, 8]}, output_features=ID_FEATURES, sequence_length={"targets": 0})


def test_trim_and_pad_and_converters_are_steps() -> None:
    data = dataset_of([7, 8, 9], [4])
    assert targets(preprocessors.trim_and_pad_dataset(data, {"targets": 2})) == [[7, 8], [4, 0]]
    converter = t5mix.LMFeatureConverter(pack=False)
    [row, _] = preprocessors.apply_feature_converter(data, {"targets": 4}, converter).as_numpy_iterator()
    assert row["decoder_input_tokens"].tolist() == [0, 7, 8, 9]


VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {
    "inputs": t5mix.Feature(VOCABULARY, add_eos=False),
    "targets": t5mix.Feature(VOCABULARY),
}


def ids(text: str) -> list[int]:
    return VOCABULARY.encode(text)


def rows(dataset: tf.data.Dataset) -> list[dict]:
    return [
        {key: value.to_list() if isinstance(value, tf.RaggedTensor) else value.numpy() for key, value in row.items()}
        for row in dataset
    ]


def texts() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices({"inputs": ["ab", "c"], "targets": ["xyz", ""], "idx": [7, 8]})


def test_tokenize_encodes_output_features_only() -> None:
    first, second = rows(preprocessors.tokenize(texts(), FEATURES))
    assert first["inputs"].tolist() == ids("ab") and first["targets"].tolist() == ids("xyz")
    assert first["inputs_pretokenized"] == b"ab" and first["idx"] == 7 and second["targets"].tolist() == []
    first, _ = rows(preprocessors.tokenize(texts(), FEATURES, copy_pretokenized=False))
    assert set(first) == {"inputs", "targets", "idx"}


def test_tokenize_with_eos_ends_features_that_want_it() -> None:
    for dataset in (
        preprocessors.tokenize(texts(), FEATURES, with_eos=True),
        preprocessors.tokenize_and_append_eos(texts(), FEATURES),
    ):
        first, second = rows(dataset)
        assert first["inputs"].tolist() == ids("ab")
        assert first["targets"].tolist() == [*ids("xyz"), 1] and second["targets"].tolist() == [1]


def test_of_several_texts_only_the_last_is_ended() -> None:
    dataset = tf.data.Dataset.from_tensors({"targets": ["ab", "c"]})
    (row,) = rows(preprocessors.tokenize(dataset, FEATURES, with_eos=True))
    assert row["targets"] == [ids("ab"), [*ids("c"), 1]]
    (row,) = rows(preprocessors.append_eos(preprocessors.tokenize(dataset, FEATURES), FEATURES))
    assert row["targets"] == [[*ids("ab"), 1], [*ids("c"), 1]]


def test_of_lists_of_texts_the_last_of_each_is_ended() -> None:
    vocabulary = t5mix.SentencePieceVocabulary(str(paths.shipped("tasks") / "offline.model"))
    features = {"targets": t5mix.Feature(vocabulary)}
    a, b = vocabulary.encode("It rains"), vocabulary.encode("at noon")
    lists = tf.ragged.constant([[["It rains", "at noon"], []], [["at noon"]]])
    for value, expected in (
        (tf.constant([["It rains", "at noon"], ["at noon", "It rains"]]), [[a, [*b, 1]], [b, [*a, 1]]]),
        (tf.constant([["It rains"], ["at noon"]]), [[[*a, 1]], [[*b, 1]]]),
        (lists, [[[a, [*b, 1]], []], [[[*b, 1]]]]),
    ):
        dataset = tf.data.Dataset.from_tensors({"targets": value})
        (row,) = preprocessors.tokenize(dataset, features, with_eos=True)
        assert row["targets"].to_list() == expected


def test_rows_of_a_ragged_list_of_matrices_are_ended() -> None:
    rows_of_two = tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1)
    ended = preprocessors._append_to_innermost_axis(rows_of_two, -1)
    assert ended.to_list() == [[[1, 2, -1], [3, 4, -1]], [[5, 6, -1]]]


def test_append_eos_does_not_trim() -> None:
    dataset = tf.data.Dataset.from_tensors({"inputs": [5, 6], "targets": [7, 8, 9], "other": [3]})
    (row,) = rows(preprocessors.append_eos(dataset, FEATURES))
    assert {key: value.tolist() for key, value in row.items()} == {
        "inputs": [5, 6], "targets": [7, 8, 9, 1], "other": [3],
    }  # fmt: skip


@pytest.mark.parametrize(("length", "expected"), [(None, [7, 8, 9, 1]), (4, [7, 8, 9, 1]), (3, [7, 8, 1]), (1, [1])])
def test_append_eos_after_trim_leaves_room(length: int | None, expected: list[int]) -> None:
    dataset = tf.data.Dataset.from_tensors({"inputs": [5, 6], "targets": [7, 8, 9]})
    lengths = None if length is None else {"targets": length, "inputs": 1}
    (row,) = rows(preprocessors.append_eos_after_trim(dataset, FEATURES, lengths))
    assert row["targets"].tolist() == expected and row["inputs"].tolist() == [5, 6]


def test_matrices_are_ended_along_their_innermost_axis() -> None:
    dataset = tf.data.Dataset.from_tensors({"targets": [[1, 2], [3, 4]]})
    (row,) = rows(preprocessors.append_eos(dataset, FEATURES))
    assert row["targets"].tolist() == [[1, 2, 1], [3, 4, 1]]
    deep = tf.data.Dataset.from_tensors({"targets": tf.ragged.constant([[[5], []], [[6, 7]]], tf.int32)})
    (row,) = rows(preprocessors.append_eos(deep, FEATURES))
    assert row["targets"] == [[[5, 1], [1]], [[6, 7, 1]]]


def test_a_vocabulary_without_eos_is_refused() -> None:
    features = {"targets": t5mix.Feature(t5mix.PassThroughVocabulary(10))}
    with pytest.raises(ValueError, match="feature 'targets' has add_eos"):
        preprocessors.append_eos(tf.data.Dataset.from_tensors({"targets": [3]}), features)
