"""Which settings of a model its weights decide."""

import dataclasses

import pytest

from t5mix.mesh.t5.config import T5Config
from t5mix.runs.preflight.same_model import DECIDED, differences

MODEL = T5Config(vocab_size=264, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=1, num_decoder_layers=1)

# What training, or the program that is compiled, may have otherwise for the same weights.
FREE = {"loss_on_targets_only", "dropout_rate", "label_smoothing", "z_loss", "activation_dtype", "block_loop"}


def test_each_setting_is_decided_by_the_weights_or_free() -> None:
    assert {*DECIDED} | FREE == {field.name for field in dataclasses.fields(T5Config)}
    assert not {*DECIDED} & FREE


NUMBERS = [name for name in DECIDED if isinstance(getattr(MODEL, name), int) and name != "vocab_size"]


@pytest.mark.parametrize("name", NUMBERS)
def test_what_differs_is_named_with_both_values(name: str) -> None:
    value = getattr(MODEL, name)
    other = not value if isinstance(value, bool) else value * 2
    there = dataclasses.replace(MODEL, **{name: other})
    assert differences(there, MODEL) == [f"T5Config.{name} ({other!r} there, {value!r} here)"]


def test_vocabularies_of_the_same_rows_are_alike() -> None:
    assert differences(dataclasses.replace(MODEL, vocab_size=300), MODEL) == []
    assert differences(dataclasses.replace(MODEL, vocab_size=500), MODEL) == [
        "T5Config.vocab_size (500 there, 264 here)"
    ]
    assert differences(dataclasses.replace(MODEL, dropout_rate=0.5, z_loss=0.0), MODEL) == []
