"""Rows of prefix language modelling."""

from collections.abc import Iterator

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.preprocessors import mapping

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


ROWS = [list(range(2 + 8 * n, 10 + 8 * n)) for n in range(3)]


def test_rows_for_prefix_lm_are_full() -> None:
    lengths = {"inputs": 4, "targets": 4}
    data = dataset_of([7, 8], [9, 10, 11])
    made = preprocessors.targets_for_prefix_lm_objective(data, lengths, ID_FEATURES)
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
