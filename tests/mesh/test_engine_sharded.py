"""Fully sharded weights: the same training, and each device keeps a part of every weight and slot."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import T5_LAYOUT, MeshConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config


def losses(engine: Engine, steps: int = 3) -> tuple[list[float], dict]:
    state, found = engine.initialize(0), []
    for step in range(steps):
        state, metrics = engine.train_step(state, batch(step), learning_rate=1e-2, step=step, seed=0)
        found.append(float(metrics.loss))
    return found, state


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])  # written out, and as a loop
def test_weights_are_split_over_the_data_axis_and_losses_stay(layers):
    found, biggest = {}, {}
    for layout in (T5_LAYOUT, f"{T5_LAYOUT},weights:batch"):
        model = config(num_encoder_layers=layers, num_decoder_layers=layers, block_loop="kept" if layers > 1 else "off")
        mesh = MeshConfig(shape="batch:2", layout=layout)
        engine = Engine(model, mesh, batch_size=BATCH, lengths=LENGTHS, num_tasks=2)
        found[layout], state = losses(engine)
        biggest[layout] = {
            name: value.addressable_shards[0].data.size / value.size for name, value in state.items() if value.ndim > 1
        }
        answers = engine.greedy_decode(state, batch()["inputs"])
        assert answers.shape == (BATCH, LENGTHS["targets"])
    whole, split = found.values()
    np.testing.assert_allclose(split, whole, rtol=1e-5)
    assert set(biggest[T5_LAYOUT].values()) == {1.0}
    assert set(list(biggest.values())[1].values()) == {0.5}
