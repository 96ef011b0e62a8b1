"""T5Config refuses what no model can be."""

import pytest

from tests.mesh.small import config


def test_vocabulary_is_padded_to_a_multiple_of_128():
    assert config(vocab_size=128).padded_vocab_size == 128
    assert config(vocab_size=129).padded_vocab_size == 256


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"d_model": 0}, "T5Config.d_model is 0"),
        ({"dropout_rate": 1.0}, "T5Config.dropout_rate is 1.0"),
        ({"label_smoothing": -0.1}, "T5Config.label_smoothing"),
        ({"activations": ("rellu",)}, "choose from relu"),
        ({"activations": ()}, "T5Config.activations"),
        ({"z_loss": -1.0}, "z_loss"),
        ({"activation_dtype": "float16"}, "float32 or bfloat16"),
        ({"architecture": "decoder"}, r"T5Config.architecture is 'decoder': choose from encoder_decoder, .*prefix_lm"),
        (
            {"architecture": "prefix_lm"},
            r"T5Config.num_encoder_layers is 1, and a prefix_lm has no encoder: bind it to 0",
        ),
        ({"num_encoder_layers": 0}, r"T5Config.num_encoder_layers is 0: .*T5Config.architecture = 'language_model' or"),
        ({"architecture": "shared_encoder_decoder", "num_decoder_layers": 2}, r"have as many layers"),
        ({"relative_attention_buckets": 2}, r"T5Config.relative_attention_buckets is 2: it must be at least 4"),
        (
            {"relative_attention_max_distance": 16},
            r"buckets is 32: .*at most 31, less than twice T5Config.relative_attention_max_distance \(16\)",
        ),
    ],
)
def test_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        config(**changes)


def test_activations_are_a_tuple_and_silu_is_swish():
    assert config(activations=["silu", "linear"]) == config(activations=("swish", "linear"))
