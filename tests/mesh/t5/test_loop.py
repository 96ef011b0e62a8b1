"""A loop over blocks computes what blocks written out compute, whatever it keeps; outside nothing shows of it."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.config import LOOP_FROM
from t5mix.mesh.t5.loop import POLICIES
from tests.mesh.small import BATCH, LENGTHS, batch, config

LAYERS = {"num_encoder_layers": 3, "num_decoder_layers": 2}


def engine(block_loop: str, shape: str = "batch:1", **changes) -> Engine:
    model = config(block_loop=block_loop, **{**LAYERS, **changes})
    return Engine(model, MeshConfig(shape=shape), batch_size=BATCH, lengths=LENGTHS)


def train(on: Engine, state, steps: int = 3):
    losses = []
    for step in range(steps):
        decay = 1 - (step + 1) ** -0.8
        state, metrics = on.train_step(state, batch(step), learning_rate=1e-2, decay_rate=decay, step=step, seed=0)
        losses.append(float(metrics.loss))
    return state, losses


@pytest.fixture(scope="module")
def written_out():
    on = engine("off")
    before = on.initialize(seed=0)
    first = {name: np.asarray(value) for name, value in before.items()}
    after, losses = train(on, before)
    return on, first, after, losses


@pytest.mark.parametrize("policy", POLICIES)
def test_losses_weights_and_names_equal_those_of_blocks_written_out(written_out, policy):
    _, first, expected, losses = written_out
    looped = engine(policy)
    state = looped.initialize(seed=0)
    assert set(state) == set(first) == {variable.name for variable in looped.variables}
    for variable in looped.variables:
        np.testing.assert_allclose(state[variable.name], first[variable.name], rtol=1e-6, atol=1e-7)
        assert state[variable.name].shape == variable.shape
    state, found = train(looped, state)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for name in expected:
        # Sums of float32 in another order; Adafactor divides by the root of small squares.
        np.testing.assert_allclose(state[name], expected[name], rtol=2e-3, atol=2e-4, err_msg=name)


def test_a_state_passes_between_a_loop_and_blocks_written_out(written_out):
    on, *_ = written_out
    looped = engine("kept")
    state = looped.initialize(seed=1)
    named = {name: np.asarray(value) for name, value in state.items()}
    data = batch(0)
    expected = looped.score(state, data)
    np.testing.assert_allclose(on.score(state, data), expected, rtol=1e-5)
    np.testing.assert_allclose(looped.score(named, data), expected, rtol=1e-5)
    inputs = data["inputs"] * (data["inputs_segment_ids"] == 1)
    np.testing.assert_array_equal(looped.greedy_decode(state, inputs), on.greedy_decode(named, inputs))
    np.testing.assert_allclose(looped.logits(state, data), on.logits(named, data), rtol=1e-4, atol=1e-5)


def test_setting_one_layer_of_a_stacked_state_changes_that_layer_alone():
    looped = engine("kept")
    state = looped.initialize(seed=0)
    name, other = "encoder/layer_002/SelfAttention/q", "encoder/layer_000/SelfAttention/q"
    before = np.asarray(state[other])
    size = len(state)
    state[name] = state[name] * 0
    assert not np.any(state[name]) and len(state) == size
    np.testing.assert_array_equal(state[other], before)
    assert np.isfinite(looped.score(state, batch(0))).all()


@pytest.mark.slow
def test_a_loop_means_the_same_on_a_mesh(written_out):
    _, first, _, losses = written_out
    split = engine("kept", "batch:2;model:2")
    state = split.initialize(seed=0)
    for name, value in first.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-6, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(train(split, state)[1], losses, rtol=1e-5)


def test_bfloat16_in_a_loop(written_out):
    losses = [
        train(on, on.initialize(seed=0))[1] for on in (engine(p, activation_dtype="bfloat16") for p in ("off", "kept"))
    ]
    np.testing.assert_allclose(losses[0], written_out[3], rtol=2e-2)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-2)


def test_the_switch():
    assert config(block_loop="auto").loop_policy(LOOP_FROM - 1) is None
    assert config(block_loop="auto").loop_policy(LOOP_FROM) == "kept"
    assert config(block_loop="recomputed").loop_policy(2) == "recomputed"
    assert config(block_loop="kept").loop_policy(1) is None
    with pytest.raises(ValueError, match=r"T5Config\.block_loop"):
        config(block_loop="yes")
