"""Feature converters: known outputs of seqio, and what they refuse."""

from typing import ClassVar

import pytest

import t5mix
from t5mix.data import feature_converters


def dataset(examples):
    import tensorflow as tf

    spec = {name: tf.TensorSpec([None], tf.int32) for name in examples[0]}
    return tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)


def convert(converter, examples, lengths):
    made = converter(dataset(examples), lengths)
    for name, length in converter.get_model_feature_lengths(lengths).items():
        assert made.element_spec[name].shape == [length]
    return [{name: value.tolist() for name, value in row.items()} for row in made.as_numpy_iterator()]


PAIRS = [{"inputs": [7, 8, 5, 1], "targets": [3, 9, 1]}, {"inputs": [8, 4, 9, 3, 1], "targets": [4, 1]}]


def test_encoder_decoder_packed():
    (row,) = convert(t5mix.EncDecFeatureConverter(), PAIRS, {"inputs": 10, "targets": 7})
    assert row == {
        "encoder_input_tokens": [7, 8, 5, 1, 8, 4, 9, 3, 1, 0],
        "encoder_segment_ids": [1, 1, 1, 1, 2, 2, 2, 2, 2, 0],
        "encoder_positions": [0, 1, 2, 3, 0, 1, 2, 3, 4, 0],
        "decoder_target_tokens": [3, 9, 1, 4, 1, 0, 0],
        "decoder_input_tokens": [0, 3, 9, 0, 4, 0, 0],
        "decoder_loss_weights": [1, 1, 1, 1, 1, 0, 0],
        "decoder_segment_ids": [1, 1, 1, 2, 2, 0, 0],
        "decoder_positions": [0, 1, 2, 0, 1, 0, 0],
    }


def test_encoder_decoder_unpacked_with_a_first_token():
    first, _ = convert(t5mix.EncDecFeatureConverter(pack=False, bos_id=6), PAIRS, {"inputs": 6, "targets": 5})
    assert first == {
        "encoder_input_tokens": [7, 8, 5, 1, 0, 0],
        "decoder_target_tokens": [3, 9, 1, 0, 0],
        "decoder_input_tokens": [6, 3, 9, 1, 0],
        "decoder_loss_weights": [1, 1, 1, 0, 0],
    }


def test_a_0_inside_targets_has_loss_packed_or_not():
    examples = [{"inputs": [2, 1], "targets": [5, 0, 7, 1]}]
    for pack in (True, False):
        (row,) = convert(t5mix.EncDecFeatureConverter(pack=pack), examples, {"inputs": 3, "targets": 6})
        assert row["decoder_loss_weights"] == [1, 1, 1, 1, 0, 0]


def test_pre_packed_encoder_decoder_gives_what_packing_gives():
    lengths = {"inputs": 10, "targets": 7}
    packed = t5mix.trim_and_pack_dataset(dataset(PAIRS), lengths)
    every = {name: 10 if name.startswith("inputs") else 7 for name in packed.element_spec}
    (row,) = t5mix.PrePackedEncDecFeatureConverter(pack=False)(packed, every).as_numpy_iterator()
    (expected,) = convert(t5mix.EncDecFeatureConverter(), PAIRS, lengths)
    assert {name: value.tolist() for name, value in row.items()} == expected
    with pytest.raises(ValueError, match="'pack=True' is not allowed"):
        t5mix.PrePackedEncDecFeatureConverter(pack=True)


def test_language_model():
    targets = [{"targets": example["targets"]} for example in PAIRS]
    (row,) = convert(t5mix.LMFeatureConverter(), targets, {"targets": 6})
    assert row == {
        "decoder_target_tokens": [3, 9, 1, 4, 1, 0],
        "decoder_input_tokens": [0, 3, 9, 0, 4, 0],
        "decoder_loss_weights": [1, 1, 1, 1, 1, 0],
        "decoder_positions": [0, 1, 2, 0, 1, 0],
        "decoder_segment_ids": [1, 1, 1, 2, 2, 0],
    }
    assert convert(t5mix.DecoderFeatureConverter(), targets, {"targets": 6}) == [row]


PREFIX_ROW = {
    "decoder_target_tokens": [7, 8, 5, 1, 3, 9, 1, 8, 4, 9, 3, 1, 4, 1, 0],
    "decoder_input_tokens": [0, 7, 8, 5, 1, 3, 9, 0, 8, 4, 9, 3, 1, 4, 0],
    "decoder_loss_weights": [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0],
    "decoder_positions": [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0],
    "decoder_segment_ids": [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 0],
    "decoder_causal_attention": [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
}


def test_prefix_language_model():
    lengths = {"inputs": 7, "targets": 8}
    assert convert(t5mix.PrefixLMFeatureConverter(), PAIRS, lengths) == [PREFIX_ROW]
    assert convert(t5mix.DecoderFeatureConverter(), PAIRS, lengths) == [PREFIX_ROW]
    (row,) = convert(t5mix.PrefixLMFeatureConverter(loss_on_targets_only=False), PAIRS, lengths)
    assert row == {**PREFIX_ROW, "decoder_loss_weights": [1] * 14 + [0]}
    first, _ = convert(t5mix.PrefixLMFeatureConverter(pack=False), PAIRS, lengths)
    assert first["decoder_loss_weights"] == [0] * 4 + [1] * 3 + [0] * 8
    assert first["decoder_causal_attention"] == [1] * 5 + [0] * 10
    assert first["decoder_input_tokens"][:8] == [0, 7, 8, 5, 1, 3, 9, 1]


def test_inputs_without_targets_do_not_shift_what_follows():
    examples = [{"inputs": [7, 8], "targets": []}, {"inputs": [4], "targets": [5, 1]}]
    (row,) = convert(t5mix.PrefixLMFeatureConverter(), examples, {"inputs": 4, "targets": 4})
    assert row["decoder_target_tokens"] == [7, 8, 0, 4, 5, 1, 0, 0]
    assert row["decoder_loss_weights"] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert row["decoder_causal_attention"] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert row["decoder_segment_ids"] == [1, 1, 1, 2, 2, 2, 0, 0]


def test_suffixes():
    examples = [
        {"inputs": [9, 4, 6], "targets": [3, 9], "suffixes": [2, 1]},
        {"inputs": [3, 2], "targets": [4], "suffixes": []},
    ]
    lengths = {"inputs": 5, "targets": 4, "suffixes": 4}
    (row,) = convert(t5mix.PrefixSuffixLMFeatureConverter(), examples, lengths)
    assert row["decoder_target_tokens"] == [9, 4, 6, 3, 9, 2, 1, 3, 2, 4, 0, 0, 0]
    assert row["decoder_loss_weights"] == [0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0]
    assert row["target_suffix_weights"] == [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0]
    assert row["decoder_causal_attention"] == [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert convert(t5mix.DecoderFeatureConverter(), examples, lengths) == [row]


def test_encoder():
    examples = [
        {"inputs": [8, 9, 9, 3, 4, 1], "targets": [8, 7, 4, 3, 4, 1]},
        {"inputs": [8, 3, 9, 1], "targets": [8, 3, 6, 1]},
    ]
    converter = t5mix.EncoderFeatureConverter(mask_id=9)
    assert convert(converter, examples, {"inputs": 11, "targets": 11}) == [
        {
            "encoder_input_tokens": [8, 9, 9, 3, 4, 1, 8, 3, 9, 1, 0],
            "encoder_target_tokens": [8, 7, 4, 3, 4, 1, 8, 3, 6, 1, 0],
            "encoder_segment_ids": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0],
            "encoder_positions": [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 0],
            "encoder_loss_weights": [0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0],
        }
    ]


@pytest.mark.parametrize("kind", ["EncDec", "PrefixLM", "Encoder"])
def test_features_pass_through_unpacked_only(kind):
    arguments = {"mask_id": 9} if kind == "Encoder" else {}
    kind = getattr(t5mix, f"{kind}FeatureConverter")
    passed = {"idx": t5mix.FeatureConverter.FeatureSpec("int32")}
    examples = [{**PAIRS[0], "idx": [5]}]
    lengths = {"inputs": 5, "targets": 5, "idx": 2}
    (row,) = convert(kind(pack=False, passthrough_features=passed, **arguments), examples, lengths)
    assert row["idx"] == [5, 0]
    with pytest.raises(ValueError, match="Packing is incompatible"):
        kind(passthrough_features=passed, **arguments)


def test_pre_packed_and_pass_through():
    lm = dataset([{**PREFIX_ROW, "extra": [1]}])
    (row,) = t5mix.PrePackedPrefixLMFeatureConverter()(lm, {"inputs": 7, "targets": 8}).as_numpy_iterator()
    assert {name: value.tolist() for name, value in row.items()} == PREFIX_ROW
    made = t5mix.PrePackedLMFeatureConverter()(lm, {"targets": 15})
    assert sorted(made.element_spec) == sorted(PREFIX_ROW.keys() - {"decoder_causal_attention"})
    assert t5mix.PassThroughFeatureConverter(pack=True)(lm, {}) is lm
    with pytest.raises(ValueError, match="no feature 'decoder_input_tokens'"):
        t5mix.PrePackedLMFeatureConverter()(dataset(PAIRS), {"targets": 15})
    with pytest.raises(ValueError, match="no 'inputs'"):
        t5mix.PrePackedPrefixLMFeatureConverter()(lm, {"targets": 15})


@pytest.mark.parametrize(
    ("examples", "lengths", "message"),
    [
        (PAIRS, {"inputs": 5}, "task_feature_lengths is missing .* TASK_FEATURES: {'targets'}"),
        (PAIRS, {"inputs": 5, "targets": 5, "other": 5}, "extra features .*{'other'}"),
        ([{"targets": [1]}], {"inputs": 5, "targets": 5}, "missing an expected feature .*'inputs'"),
    ],
)
def test_features_that_do_not_match_are_refused_by_name(examples, lengths, message):
    with pytest.raises(ValueError, match=message):
        t5mix.EncDecFeatureConverter()(dataset(examples), lengths)


def test_other_dtypes_ranks_and_lengths_are_refused():
    import tensorflow as tf

    def one(**features):
        return tf.data.Dataset.from_tensors(features)

    converter, lengths = t5mix.EncDecFeatureConverter(pack=False), {"inputs": 3, "targets": 3}
    with pytest.raises(ValueError, match=r"incorrect type for feature 'inputs' .*Got string, expected int32"):
        converter(one(inputs=["a"], targets=[1]), lengths)
    with pytest.raises(ValueError, match=r"incorrect rank for feature 'targets' .*Got 2, expected 1"):
        converter(one(inputs=[1], targets=[[1]]), lengths)
    long = dataset([{"inputs": [1, 2, 3, 4], "targets": [1]}])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"inputs.* has length not less than or equal to"):
        list(converter(long, lengths))
    trims = t5mix.EncDecFeatureConverter(pack=False, apply_length_check=False)
    assert next(iter(trims(long, lengths)))["encoder_input_tokens"].numpy().tolist() == [1, 2, 3]


def test_a_converter_of_ones_own():
    class Weighted(t5mix.EncDecFeatureConverter):
        MODEL_FEATURES: ClassVar = {
            **t5mix.EncDecFeatureConverter.MODEL_FEATURES,
            "decoder_weights": feature_converters.FeatureSpec("float32"),
        }

        def _convert_example(self, features):
            made = super()._convert_example(features)
            weights = feature_converters.non_padding_position(features["targets"], "float32")
            return {**made, "decoder_weights": weights * 2}

    (row, _) = convert(Weighted(pack=False), PAIRS, {"inputs": 5, "targets": 4})
    assert row["decoder_weights"] == [2.0, 2.0, 2.0, 0.0]


def test_rows_of_unlike_length_are_named_before_their_length() -> None:
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensors({"inputs": tf.ragged.constant([[1, 2, 3], [4, 5]])})
    checked = feature_converters._check_lengths(rows, {"inputs": 4}, {"inputs": 1}, strict=True, error_label="initial")
    for _ in range(5):  # both checks fail; which is told must not be left to chance
        with pytest.raises(tf.errors.InvalidArgumentError, match="requires all RaggedTensor dimensions to be equal"):
            list(checked)
