"""What a run computes with: a model whose answers do not depend on the length of the rows they are decoded in."""

import dataclasses
import random

import pytest

from t5mix.declarations.registry import get_mixture_or_task
from t5mix.evaluation import decoding
from t5mix.mesh.decoding.settings import Decoding
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
    assert {length for _, length, _ in components._engines} == {4, 8, 16, 32}
    assert len({tuple(output) for output in whole}) > 3


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        (Decoding(), Decoding(seed=1), True),  # nothing is drawn
        (Decoding(), Decoding(beams=4), False),
        (Decoding(beams=4), Decoding(beams=4), True),
        (Decoding(beams=4), Decoding(beams=4, length_penalty=1.0), False),
        (Decoding(temperature=1.0), Decoding(temperature=1.0, seed=1), False),
    ],
)
def test_what_decides_an_answer_is_named(toy, tmp_path, one, other, is_equal):
    lengths = {"inputs": 32, "targets": 8}
    made = [
        Components(
            Run(
                folder=str(tmp_path),
                mixture="toy",
                sequence_length=lengths,
                batch_size=4,
                model=MODEL,
                decoding=decoding,
            ),
            get_mixture_or_task("toy"),
        )
        for decoding in (one, other)
    ]
    assert (made[0].decoding == made[1].decoding) is is_equal


def test_a_language_model_of_targets_alone_has_an_engine(toy, tmp_path):
    model = dataclasses.replace(MODEL, architecture="language_model", num_encoder_layers=0)
    run = Run(folder=str(tmp_path), mixture="toy", sequence_length={"targets": 24}, batch_size=4, model=model)
    assert Components(run, get_mixture_or_task("toy")).engine().lengths == {"targets": 24}
