"""Steps that join and cut tokens: what they keep, and with which chance."""

import collections
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.preprocessors import mapping, pipeline

ID_VOCABULARY = t5mix.PassThroughVocabulary(size=1000, eos_id=1)
ID_FEATURES = {"inputs": t5mix.Feature(ID_VOCABULARY), "targets": t5mix.Feature(ID_VOCABULARY)}


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same draws in every run of the tests."""
    with mapping.map_seed_manager(94043):
        yield


def dataset_of(*texts: list[int]) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: ({"targets": text} for text in texts), output_signature={"targets": tf.TensorSpec([None], tf.int32)}
    )


def targets(dataset: tf.data.Dataset) -> list[list[int]]:
    return [row["targets"].tolist() for row in dataset.as_numpy_iterator()]


def chunks(count: int, size: int, **settings: Any) -> collections.Counter:
    data = dataset_of(*[list(range(2, 2 + size))] * count)
    return collections.Counter(map(tuple, targets(preprocessors.select_random_chunk(data, ID_FEATURES, **settings))))


def test_a_chunk_is_one_of_the_parts_with_equal_chance() -> None:
    found = chunks(300, 5, max_length=2)
    assert set(found) == {(2, 3), (4, 5), (6,)} and min(found.values()) > 60
    assert set(chunks(5, 5, max_length=5)) == set(chunks(5, 5, max_length=9)) == {(2, 3, 4, 5, 6)}
    assert set(chunks(60, 5, sequence_length={"targets": 4})) == {(2, 3, 4), (5, 6)}


def test_with_a_uniform_start_each_token_is_as_likely() -> None:
    found = chunks(1500, 5, max_length=3, uniform_random_start=True)
    starts = [(2,), (2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 6), (5, 6), (6,)]
    assert sorted(found) == sorted(starts)
    counts = collections.Counter(itertools.chain.from_iterable(tuple(key) * n for key, n in found.items()))
    assert all(abs(count / 1500 - 3 / 7) < 0.08 for count in counts.values())


def test_lengths_are_drawn_from_least_to_greatest() -> None:
    found = chunks(400, 12, min_length=2, max_length=4)
    whole = {len(key) for key in found if key[-1] < 13}
    assert whole == {2, 3, 4}
    assert {len(key) for key in chunks(20, 12, min_length=4, max_length=4)} == {4}


def test_a_chunk_is_cut_from_other_features_too() -> None:
    example = {"targets": list(range(9)), "more": [[n, -n] for n in range(9)], "idx": 3, "left": "out"}
    data = tf.data.Dataset.from_tensors(example)
    step = preprocessors.select_random_chunk
    [row] = step(
        data, ID_FEATURES, max_length=4, additional_feature_keys=["more"], passthrough_feature_keys=["idx"]
    ).as_numpy_iterator()
    assert row["more"].tolist() == [[n, -n] for n in row["targets"]] and row["idx"] == 3 and "left" not in row
    with pytest.raises(ValueError, match="passthrough_feature_keys has 'more', which select_random_chunk makes anew"):
        step(data, ID_FEATURES, 4, additional_feature_keys=["more"], passthrough_feature_keys=["more"])
    with pytest.raises(ValueError, match="no feature 'nothing'"):
        step(data, ID_FEATURES, 4, additional_feature_keys=["nothing"])
    short = tf.data.Dataset.from_tensors({**example, "more": [1]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="more is not as long as targets"):
        list(step(short, ID_FEATURES, 4, additional_feature_keys=["more"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs the length of 'targets'"),
        ({"max_length": 0}, "max_length 0; give 1 or more"),
        ({"max_length": 3, "min_length": 4}, "min_length is 4"),
        ({"sequence_length": {"targets": 1}}, "which EOS takes"),
    ],
)
def test_chunks_that_cannot_be(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chunks(1, 5, **settings)
    with pytest.raises(TypeError, match="no argument 'maximum'"):
        chunks(1, 5, maximum=4)


def test_seeds_of_other_dtypes_are_cast() -> None:
    key = preprocessors.maybe_cast_seed(np.array([0, 2**32 - 1], np.uint32))
    assert key.dtype == tf.int64 and key.numpy().tolist() == [0, 2**32 - 1]
    pair = preprocessors.maybe_cast_seed((np.int32(4), np.uint32(5)))
    assert [part.dtype for part in pair] == [tf.int32, tf.int64]


def test_texts_are_joined_with_the_zeros_inside() -> None:
    data = dataset_of([3, 4], [], [5, 0, 6, 0], [7])
    assert targets(preprocessors.reduce_concat_tokens(data, batch_size=3)) == [[3, 4, 5, 0, 6], [7]]
    static = tf.data.Dataset.from_tensor_slices({"targets": [[3, 4], [5, 6]], "idx": [1, 2]})
    assert targets(preprocessors.reduce_concat_tokens(static, output_features=ID_FEATURES)) == [[3, 4, 5, 6]]
    with pytest.raises(TypeError, match="no argument 'batch'"):
        preprocessors.reduce_concat_tokens(data, batch=3)


def test_segments_are_whole_but_for_the_last() -> None:
    data = dataset_of([3, 4, 5, 6, 7], [], [8])
    split = preprocessors.split_tokens(data, max_tokens_per_segment=2)
    assert targets(split) == [[3, 4], [5, 6], [7], [8]]
    given = {"sequence_length": {"inputs": 3, "targets": 4}, "output_features": ID_FEATURES}
    assert targets(preprocessors.split_tokens_to_inputs_length(data, **given)) == [[3, 4], [5, 6], [7], [8]]
    assert targets(preprocessors.split_tokens_to_targets_length(data, **given)) == [[3, 4, 5], [6, 7], [8]]
    fixed = preprocessors.concatenate_and_split_to_fixed_length(dataset_of([3, 4], [5], [6, 7, 8, 9]), **given)
    assert targets(fixed) == [[3, 4, 5], [6, 7, 8], [9]]


def test_segments_of_a_random_length() -> None:
    data = dataset_of(*[list(range(100))] * 150)
    found = collections.Counter()
    rows = collections.deque(targets(
        preprocessors.split_tokens_to_random_length(data, sequence_length={"inputs": 33}, output_features=ID_FEATURES)
    ))  # fmt: skip
    while rows:
        size = len(rows[0])
        text = list(itertools.chain.from_iterable(rows.popleft() for _ in range(-(-100 // size))))
        assert text == list(range(100))
        found[size] += 1
    assert min(found) >= 8 and max(found) <= 32 and sum(found.values()) == 150
    assert 45 < sum(count for size, count in found.items() if size < 16) < 105


def test_segments_carry_other_features() -> None:
    example = {"targets": list(range(5)), "more": [[n, -n] for n in range(5)], "idx": 3, "left": "out"}
    settings = {"additional_feature_keys": ["more"], "passthrough_feature_keys": ["idx"]}
    split = preprocessors.split_tokens(tf.data.Dataset.from_tensors(example), max_tokens_per_segment=2, **settings)
    rows = list(split.as_numpy_iterator())
    assert [row["more"].tolist() for row in rows] == [[[0, 0], [1, -1]], [[2, -2], [3, -3]], [[4, -4]]]
    assert all(row["idx"] == 3 and row.keys() == {"targets", "more", "idx"} for row in rows)
    with pytest.raises(ValueError, match="'targets', which split_tokens makes anew"):
        preprocessors.split_tokens(split, max_tokens_per_segment=2, passthrough_feature_keys=["targets"])
    with pytest.raises(ValueError, match="no feature 'nothing'"):
        preprocessors.split_tokens(split, max_tokens_per_segment=2, passthrough_feature_keys=["nothing"])


@pytest.mark.parametrize("settings", [{}, {"max_tokens_per_segment": 0}, {"min_tokens_per_segment": 0},
                                      {"min_tokens_per_segment": 4, "max_tokens_per_segment": 3}])  # fmt: skip
def test_segments_that_cannot_be(settings: dict) -> None:
    with pytest.raises(ValueError, match="split_tokens: min_tokens_per_segment is"):
        preprocessors.split_tokens(dataset_of([3]), **settings)


@pytest.mark.parametrize(
    "step",
    [
        lambda data: preprocessors.select_random_chunk(data, ID_FEATURES, max_length=5),
        lambda data: preprocessors.split_tokens(data, 2, 50),
        lambda data: preprocessors.pack_prefix_lm_decoder_only(
            preprocessors.targets_for_prefix_lm_objective(data, {"targets": 50}, ID_FEATURES), {"targets": 50}
        ),
    ],
)
def test_the_same_seed_draws_the_same_and_another_seed_another(step: Callable) -> None:
    def made(seed: int) -> list:
        with mapping.map_seed_manager(seed):
            return [{key: value.tolist() for key, value in row.items()} for row in step(long).as_numpy_iterator()]

    long = dataset_of(*[list(range(2, 202))] * 4)
    assert made(3) == made(3) != made(4)


def test_random_steps_say_so() -> None:
    for name in ("select_random_chunk", "split_tokens", "split_tokens_to_inputs_length", "pack_prefix_lm_decoder_only"):
        assert pipeline.is_random(getattr(preprocessors, name))
    assert not pipeline.is_random(preprocessors.reduce_concat_tokens)
