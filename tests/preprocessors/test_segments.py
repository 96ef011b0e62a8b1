"""Preprocessors that cut, join, trim and pack tokens."""

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

VOCABULARY = t5mix.PassThroughVocabulary(size=1000, eos_id=1)
FEATURES = {"inputs": t5mix.Feature(VOCABULARY), "targets": t5mix.Feature(VOCABULARY)}


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


# A random part.


def chunks(count: int, size: int, **settings: Any) -> collections.Counter:
    data = dataset_of(*[list(range(2, 2 + size))] * count)
    return collections.Counter(map(tuple, targets(preprocessors.select_random_chunk(data, FEATURES, **settings))))


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
        data, FEATURES, max_length=4, additional_feature_keys=["more"], passthrough_feature_keys=["idx"]
    ).as_numpy_iterator()
    assert row["more"].tolist() == [[n, -n] for n in row["targets"]] and row["idx"] == 3 and "left" not in row
    with pytest.raises(ValueError, match="passthrough_feature_keys has 'more', which select_random_chunk makes anew"):
        step(data, FEATURES, 4, additional_feature_keys=["more"], passthrough_feature_keys=["more"])
    with pytest.raises(ValueError, match="no feature 'nothing'"):
        step(data, FEATURES, 4, additional_feature_keys=["nothing"])
    short = tf.data.Dataset.from_tensors({**example, "more": [1]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="more is not as long as targets"):
        list(step(short, FEATURES, 4, additional_feature_keys=["more"]))


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


# Joining and cutting.


def test_texts_are_joined_with_the_zeros_inside() -> None:
    data = dataset_of([3, 4], [], [5, 0, 6, 0], [7])
    assert targets(preprocessors.reduce_concat_tokens(data, batch_size=3)) == [[3, 4, 5, 0, 6], [7]]
    static = tf.data.Dataset.from_tensor_slices({"targets": [[3, 4], [5, 6]], "idx": [1, 2]})
    assert targets(preprocessors.reduce_concat_tokens(static, output_features=FEATURES)) == [[3, 4, 5, 6]]
    with pytest.raises(TypeError, match="no argument 'batch'"):
        preprocessors.reduce_concat_tokens(data, batch=3)


def test_segments_are_whole_but_for_the_last() -> None:
    data = dataset_of([3, 4, 5, 6, 7], [], [8])
    split = preprocessors.split_tokens(data, max_tokens_per_segment=2)
    assert targets(split) == [[3, 4], [5, 6], [7], [8]]
    given = {"sequence_length": {"inputs": 3, "targets": 4}, "output_features": FEATURES}
    assert targets(preprocessors.split_tokens_to_inputs_length(data, **given)) == [[3, 4], [5, 6], [7], [8]]
    assert targets(preprocessors.split_tokens_to_targets_length(data, **given)) == [[3, 4, 5], [6, 7], [8]]
    fixed = preprocessors.concatenate_and_split_to_fixed_length(dataset_of([3, 4], [5], [6, 7, 8, 9]), **given)
    assert targets(fixed) == [[3, 4, 5], [6, 7, 8], [9]]


def test_segments_of_a_random_length() -> None:
    data = dataset_of(*[list(range(100))] * 150)
    found = collections.Counter()
    rows = collections.deque(targets(
        preprocessors.split_tokens_to_random_length(data, sequence_length={"inputs": 33}, output_features=FEATURES)
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


# Trimming.


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
    assert rows_of(step, {"targets": [7, 8]}, output_features=FEATURES, sequence_length={"targets": 1}) == [
        {"targets": [1]}
    ]
    with pytest.raises(ValueError, match=r"sequence_length\['targets'\] is 0"):
        rows_of(step, {"targets": [7, 8]}, output_features=FEATURES, sequence_length={"targets": 0})


def test_trim_and_pad_and_converters_are_steps() -> None:
    data = dataset_of([7, 8, 9], [4])
    assert targets(preprocessors.trim_and_pad_dataset(data, {"targets": 2})) == [[7, 8], [4, 0]]
    converter = t5mix.LMFeatureConverter(pack=False)
    [row, _] = preprocessors.apply_feature_converter(data, {"targets": 4}, converter).as_numpy_iterator()
    assert row["decoder_input_tokens"].tolist() == [0, 7, 8, 9]


# Rows of prefix language modelling.

ROWS = [list(range(2 + 8 * n, 10 + 8 * n)) for n in range(3)]


def test_rows_for_prefix_lm_are_full() -> None:
    lengths = {"inputs": 4, "targets": 4}
    data = dataset_of([7, 8], [9, 10, 11])
    made = preprocessors.targets_for_prefix_lm_objective(data, lengths, FEATURES)
    assert targets(made) == [[7, 8, 1, 9], [10, 11, 1, 0]]


def test_encoder_and_decoder_share_two_rows() -> None:
    lengths, cuts = {"inputs": 8, "targets": 8}, set()
    packed = preprocessors.pack_prefix_lm_encoder_decoder(dataset_of(*ROWS[:2] * 40), lengths)
    for row in packed.as_numpy_iterator():
        for side, tokens in (("encoder", row["encoder_input_tokens"]), ("decoder", row["decoder_target_tokens"])):
            segments, positions = row[f"{side}_segment_ids"], row[f"{side}_positions"]
            assert [p for n in (1, 2) for p in range((segments == n).sum())] == positions.tolist()
            row[side] = [tokens[segments == n].tolist() for n in (1, 2)]
        assert [prefix + rest for prefix, rest in zip(row["encoder"], row["decoder"], strict=True)] == ROWS[:2]
        shifted = [[0, *rest[:-1]] for rest in row["decoder"]]
        assert row["decoder_input_tokens"].tolist() == [*shifted[0], *shifted[1]]
        assert row["decoder_loss_weights"].tolist() == [1] * 8
        cuts.add(len(row["encoder"][0]))
    assert cuts == set(range(1, 8))


def test_the_last_of_an_odd_number_is_packed_with_padding() -> None:
    *_, last = preprocessors.pack_prefix_lm_encoder_decoder(dataset_of(*ROWS), {"targets": 8}).as_numpy_iterator()
    cut = (last["encoder_segment_ids"] == 1).sum()
    assert [*last["encoder_input_tokens"][:cut], *last["decoder_target_tokens"][: 8 - cut]] == ROWS[2]
    assert not last["encoder_input_tokens"][cut:].any() and not last["decoder_target_tokens"][8 - cut :].any()
    assert last["decoder_loss_weights"].tolist() == [1] * (8 - cut) + [0] * cut


def test_a_decoder_sees_its_prefix_as_a_whole() -> None:
    step, cuts = preprocessors.pack_prefix_lm_decoder_only, set()
    padded = [*ROWS[0][:6], 0, 0]
    for row in step(dataset_of(*[padded] * 60), {"length": 8}).as_numpy_iterator():
        cut = row["decoder_causal_attention"].sum() - 1  # inputs begin with 0, and are one behind
        assert row["decoder_causal_attention"].tolist() == [1] * (cut + 1) + [0] * (7 - cut)
        assert row["decoder_loss_weights"].tolist() == [int(cut <= place < 6) for place in range(8)]
        assert row["decoder_input_tokens"].tolist() == [0, *padded[:-1]]
        cuts.add(int(cut))
    assert cuts == set(range(1, 8))
    [row] = step(dataset_of(padded), {"length": 8}, loss_on_targets_only=False).as_numpy_iterator()
    assert row["decoder_loss_weights"].tolist() == [1] * 6 + [0] * 2


@pytest.mark.parametrize("lengths", [{"inputs": 8, "targets": 6}, {"targets": 7}, {}, {"targets": 0}])
def test_rows_that_cannot_be_packed(lengths: dict) -> None:
    for step in (preprocessors.pack_prefix_lm_encoder_decoder, preprocessors.pack_prefix_lm_decoder_only):
        with pytest.raises(ValueError, match="give all features one even length"):
            step(dataset_of(*ROWS), lengths)


@pytest.mark.parametrize(
    "step",
    [
        lambda data: preprocessors.select_random_chunk(data, FEATURES, max_length=5),
        lambda data: preprocessors.split_tokens(data, 2, 50),
        lambda data: preprocessors.pack_prefix_lm_decoder_only(
            preprocessors.targets_for_prefix_lm_objective(data, {"targets": 50}, FEATURES), {"targets": 50}
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
