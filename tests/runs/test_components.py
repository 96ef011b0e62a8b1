"""What a run computes with: a model whose answers do not depend on the length of the rows they are decoded in."""

import random

import pytest

from t5mix.declarations.registry import get_mixture_or_task
from t5mix.evaluation import decoding
from t5mix.mesh.t5.config import T5Config
from t5mix.runs.components import Components
from t5mix.runs.config.settings import Run

MODEL = T5Config(vocab_size=264, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=1, num_decoder_layers=1)


@pytest.mark.slow
def test_rows_of_other_lengths_give_the_same_answers(toy, monkeypatch, tmp_path):
    lengths = {"inputs": 32, "targets": 8}
    run = Run(folder=str(tmp_path), mixture="toy", sequence_length=lengths, batch_size=4, model=MODEL)
    components = Components(run, get_mixture_or_task("toy"))
    state = components.engine().initialize(0)
    source = random.Random(0)
    inputs = [[*(source.randint(3, 258) for _ in range(source.randint(0, 31))), 1] for _ in range(60)]
    whole = components.predictor(state)(inputs)
    monkeypatch.setattr(decoding, "_EXAMPLES", 4)
    assert components.predictor(state)(inputs) == whole
    assert set(components._decoding_engines) == {4, 8, 16}
    assert len({tuple(output) for output in whole}) > 3
