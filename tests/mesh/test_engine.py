"""The engine: the same on every mesh, examples that do not see each other, a state that no mesh changes."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config


def engine(shape: str = "batch:1", **changes) -> Engine:
    return Engine(config(**changes), MeshConfig(shape=shape), batch_size=BATCH, lengths=LENGTHS, num_tasks=3)


@pytest.fixture(scope="module")
def single() -> Engine:
    return engine()


def train(on: Engine, state, steps: int, seed: int = 0):
    losses = []
    for step in range(steps):
        state, metrics = on.train_step(
            state, batch(step), learning_rate=1e-2, decay_rate=1 - (step + 1) ** -0.8, step=step, seed=seed
        )
        losses.append(float(metrics.loss))
    return state, losses, metrics


def test_initial_values_follow_t5(single):
    state = single.initialize(seed=0)
    assert np.std(state["shared/embedding"]) == pytest.approx(1.0, rel=0.05)
    # Attention's 1/sqrt(d_kv) is folded into the queries' initial values.
    queries = np.std(state["encoder/layer_000/SelfAttention/q"])
    assert queries == pytest.approx((32 * 8) ** -0.5, rel=0.1)
    assert np.all(np.asarray(state["encoder/rms_norm/scale"]) == 1)
    slots = [name for name in state if "_slot_" in name]
    assert slots and all(not np.any(state[name]) for name in slots)
    other = single.initialize(seed=1)
    assert not np.array_equal(state["shared/embedding"], other["shared/embedding"])


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["batch:2", "model:2", "batch:2;model:2"])
def test_training_means_the_same_on_every_mesh(single, shape):
    other = engine(shape)
    state = other.initialize(seed=0)
    for name, value in single.initialize(seed=0).items():
        np.testing.assert_allclose(state[name], value, rtol=1e-6, atol=1e-7, err_msg=name)
    if "model" in shape:  # really split, not copied
        kernel = state["encoder/layer_001/DenseReluDense/wi/kernel"]
        assert {shard.data.shape for shard in kernel.addressable_shards} == {(32, 32)}
    _, expected, _ = train(single, single.initialize(seed=0), 5)
    _, losses, _ = train(other, state, 5)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_no_device_ever_holds_a_whole_weight_that_is_split():
    model = config(vocab_size=4096, d_ff=512)
    split = Engine(model, MeshConfig(shape="model:4"), batch_size=BATCH, lengths=LENGTHS)
    state = split.initialize(seed=0)
    assert {shard.data.shape for shard in state["shared/embedding"].addressable_shards} == {(1024, 32)}
    program = split.compiled("initialize shared/embedding").as_text()
    assert "[1024,32]" in program and "[4096,32]" not in program


def test_dropout_is_a_function_of_seed_and_step(single):
    _, first, _ = train(single, single.initialize(seed=0), 2)
    _, again, _ = train(single, single.initialize(seed=0), 2)
    _, other, _ = train(single, single.initialize(seed=0), 2, seed=1)
    assert first == again
    assert first != other
    settings = {"learning_rate": 1e-2, "decay_rate": 0.0, "seed": 0}
    at_step = [single.train_step(single.initialize(seed=0), batch(0), step=step, **settings)[1].loss for step in (0, 1)]
    assert float(at_step[0]) != float(at_step[1])


def test_losses_are_reported_by_task(single):
    _, losses, metrics = train(single, single.initialize(seed=0), 1)
    tokens = np.asarray(metrics.task_tokens)
    np.testing.assert_array_equal(tokens, [np.sum(batch(0)["targets_task"] == task) for task in range(3)])
    assert float(np.sum(metrics.task_nats) / tokens.sum()) == pytest.approx(losses[0], rel=1e-5)
    assert losses[0] == pytest.approx(np.log(128), rel=0.5)


def test_training_lowers_the_loss(single):
    state, losses = single.initialize(seed=0), []
    for step in range(30):
        state, metrics = single.train_step(
            state, batch(0), learning_rate=3e-2, decay_rate=1 - (step + 1) ** -0.8, step=step, seed=0
        )
        losses.append(float(metrics.loss))
    assert losses[-1] < losses[0] - 1.0


def test_packed_examples_do_not_see_each_other(single):
    state, data = single.initialize(seed=0), batch(0)
    before = single.logits(state, data)
    changed = {name: value.copy() for name, value in data.items()}
    for name in ("inputs", "targets"):
        second = changed[f"{name}_segment_ids"] == 2
        changed[name][second] = (changed[name][second] + 7) % 100 + 2
    after = single.logits(state, changed)
    first = data["targets_segment_ids"] == 1
    np.testing.assert_array_equal(after[first], before[first])
    assert not np.allclose(after[data["targets_segment_ids"] == 2], before[data["targets_segment_ids"] == 2])


def test_a_packed_row_scores_as_its_examples_do_alone(single):
    state, data = single.initialize(seed=0), batch(0)
    packed = single.score(state, data)
    alone = np.zeros(BATCH)
    for segment in (1, 2):
        row = {}
        for name in ("inputs", "targets"):
            ids = np.zeros_like(data[name])
            for r in range(BATCH):
                example = data[name][r, data[f"{name}_segment_ids"][r] == segment]
                ids[r, : len(example)] = example
            row[name], row[f"{name}_segment_ids"] = ids, np.minimum(ids, 1)
        alone += single.score(state, row)
    np.testing.assert_allclose(packed, alone, rtol=1e-4)


def test_greedy_decoding_follows_the_logits(single):
    state, data = single.initialize(seed=2), batch(0)
    inputs = data["inputs"] * (data["inputs_segment_ids"] == 1)
    ids = single.greedy_decode(state, inputs)
    row = {
        "inputs": inputs,
        "targets": ids,
        "inputs_segment_ids": np.minimum(inputs, 1),
        "targets_segment_ids": np.ones_like(ids),
    }
    chosen = single.logits(state, row).argmax(-1)
    ended = np.cumsum(ids == 1, axis=1) - (ids == 1) > 0
    np.testing.assert_array_equal(np.where(ended, 0, chosen), ids)


def test_a_batch_that_the_mesh_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="splits batch in 4"):
        Engine(config(), MeshConfig(shape="batch:4"), batch_size=6, lengths=LENGTHS)
    with pytest.raises(ValueError, match="needs 8 devices"):
        Engine(config(), MeshConfig(shape="batch:8"), batch_size=8, lengths=LENGTHS)


def test_the_norm_of_the_gradient_is_reported_and_a_step_that_has_none_changes_nothing(single):
    state = single.initialize(seed=0)
    settings = {"learning_rate": 1e-2, "decay_rate": 0.0, "step": 0, "seed": 0}
    state, metrics = single.train_step(state, batch(0), **settings)
    assert 0 < float(metrics.gradient_norm) < 1e3
    name = "encoder/rms_norm/scale"
    state[name] = state[name].at[0].set(np.inf)
    before = {name: np.asarray(value).copy() for name, value in state.items()}
    state, metrics = single.train_step(state, batch(1), **settings)
    assert not np.isfinite(float(metrics.loss)) and not np.isfinite(float(metrics.gradient_norm))
    for name, value in state.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
