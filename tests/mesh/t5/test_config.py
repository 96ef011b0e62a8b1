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
    ],
)
def test_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        config(**changes)
