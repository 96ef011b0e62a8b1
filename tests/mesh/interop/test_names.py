"""Names of weights, and sizes counted from them, against the engine's own."""

import math

import pytest

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.hugging_face.config import config_json
from t5mix.mesh.interop.names import weights_of
from t5mix.mesh.interop.sizes import ModelSize
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.programs import Programs
from t5mix.mesh.t5.config import T5Config


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_names_and_shapes_are_the_engines(gated, tied):
    config = T5Config(
        vocab_size=300,
        d_model=16,
        d_ff=24,
        num_heads=2,
        d_kv=4,
        num_encoder_layers=2,
        num_decoder_layers=3,
        activations=("gelu", "linear") if gated else ("relu",),
        tied_embeddings=tied,
    )
    engine = Programs(config, MeshConfig(), 2, {"inputs": 4, "targets": 4}, 1).arrays.weights
    ours = {weight.name: weight.shape for weight in weights_of(Architecture.of(config))}
    assert ours == {variable.name: variable.shape for variable in engine}


ARCHITECTURES = [
    {"architecture": "shared_encoder_decoder", "num_encoder_layers": 3},
    {"architecture": "language_model", "num_encoder_layers": 0},
    {"architecture": "prefix_lm", "num_encoder_layers": 0, "tied_embeddings": False},
    {"architecture": "shared_encoder_decoder", "num_encoder_layers": 3, "per_layer_bias": True},
    {"architecture": "language_model", "num_encoder_layers": 0, "per_layer_bias": True, "block_loop": "kept"},
    {"num_encoder_layers": 2, "per_layer_bias": True, "activations": ("silu", "linear")},
    {"num_encoder_layers": 2, "d_model": 160, "d_ff": 192, "num_heads": 16, "block_loop": "kept"},
]


@pytest.mark.parametrize("changes", ARCHITECTURES)
def test_every_architecture_has_the_engines_weights_and_slots(changes):
    settings = {"vocab_size": 300, "d_model": 16, "d_ff": 24, "num_heads": 2, "d_kv": 8, "num_decoder_layers": 3}
    config = T5Config(**{**settings, **changes})
    arrays = Programs(config, MeshConfig(), 2, {"inputs": 4, "targets": 4}, 1).arrays
    ours = {weight.name: weight.shape for weight in weights_of(Architecture.of(config))}
    assert ours == {variable.name: variable.shape for variable in arrays.weights}
    size = ModelSize.of(config)
    numbers = {kind: sum(math.prod(v.shape) for v in arrays.variables if v.trainable is kind) for kind in (True, False)}
    assert (size.parameters, size.adafactor_slots) == (numbers[True], numbers[False])
    assert size.bytes()["train_adafactor"] == 4 * (2 * numbers[True] + numbers[False])


@pytest.mark.parametrize("changes", ARCHITECTURES[:5])
def test_architectures_that_others_lack_are_not_written_for_them(changes):
    settings = {"vocab_size": 300, "d_model": 16, "d_ff": 24, "num_heads": 2, "d_kv": 8, "num_decoder_layers": 3}
    model = Architecture.of(T5Config(**{**settings, **changes}))
    with pytest.raises(ValueError, match=r"T5Config.architecture is .*transformers has T5's encoder_decoder alone"):
        config_json(model, "float32")
