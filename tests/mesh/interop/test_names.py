"""Names of weights against the engine's own, and against published sizes."""

import pytest

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import weights_of
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
    engine = Programs(config, MeshConfig(), 2, {"inputs": 4, "targets": 4}, 1).weights
    ours = {weight.name: weight.shape for weight in weights_of(Architecture.of(config))}
    assert ours == {variable.name: variable.shape for variable in engine}


SMALL = {"d_model": 512, "d_kv": 64, "num_heads": 8, "num_encoder_layers": 6, "num_decoder_layers": 6, "d_ff": 2048}
SMALL_1_1 = {**SMALL, "num_heads": 6, "d_ff": 1024, "num_encoder_layers": 8, "num_decoder_layers": 8}
GATED = {"activations": ("gelu", "linear"), "tied_embeddings": False}


@pytest.mark.parametrize(
    ("settings", "published"),
    [
        ({**SMALL, "vocab_size": 32128}, 60_506_624),  # t5-small
        ({**SMALL_1_1, **GATED, "vocab_size": 32128}, 76_961_152),  # t5-v1_1-small, flan-t5-small
        ({**SMALL_1_1, **GATED, "vocab_size": 250112}, 300_176_768),  # mt5-small
    ],
)
def test_parameter_counts_are_those_of_published_models(settings, published):
    count = 0
    for weight in weights_of(Architecture(**settings)):
        size = 1
        for dimension in weight.shape:
            size *= dimension
        count += size
    assert count == published
