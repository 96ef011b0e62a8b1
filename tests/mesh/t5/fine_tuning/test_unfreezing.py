"""Gradual unfreezing: the paper's table, and that a layer which is still frozen does not change."""

import numpy as np
import pytest

from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing
from t5mix.mesh.t5.fine_tuning.unfreezing import first_steps, trained_yet
from tests.mesh.t5.fine_tuning.trained import LOOP, after, changed, engine, unpacked, values

LAYERS = {"encoder": 2, "decoder": 3}


def names_of(encoder: int, decoder: int) -> list[str]:
    names = ["shared/embedding", "encoder/layer_000/SelfAttention/relative_attention_bias"]
    for stack, blocks, parts in (
        ("encoder", encoder, ("SelfAttention/q", "DenseReluDense/wi/kernel")),
        ("decoder", decoder, ("SelfAttention/q", "EncDecAttention/q", "DenseReluDense/wi/kernel")),
    ):
        for layer in range(blocks * len(parts)):
            names += [
                f"{stack}/layer_{layer:03d}/{parts[layer % len(parts)]}",
                f"{stack}/layer_{layer:03d}/rms_norm/scale",
            ]
        names.append(f"{stack}/rms_norm/scale")
    return names


def test_gradients_of_what_is_not_trained_yet_are_0_even_where_they_are_no_numbers():
    jnp = pytest.importorskip("jax.numpy")
    one, stack = jnp.array([np.nan, 1.0]), jnp.array([[1.0, 2.0], [np.nan, 4.0], [5.0, 6.0]])
    at_0 = trained_yet([one, stack], [1, 3], [7, 0, 7, 3], 0)
    np.testing.assert_array_equal(at_0[0], [0.0, 0.0])
    np.testing.assert_array_equal(at_0[1], [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    at_7 = trained_yet([one, stack], [1, 3], [7, 0, 7, 3], 7)
    assert at_7[0] is one and at_7[1] is stack
    assert trained_yet([one], [1], None, 0) == [one]


def test_the_papers_table():
    """12 blocks a stack, 2^18 steps: one more from the top every 2^18 / 12 steps."""
    names = names_of(12, 12)
    table = dict(zip(names, first_steps(gradual_unfreezing(), names, LAYERS), strict=True))
    assert table["shared/embedding"] == table["encoder/rms_norm/scale"] == table["decoder/rms_norm/scale"] == 0
    for block in range(12):
        expected = -(-(11 - block) * 2**18 // 12)
        assert table[f"encoder/layer_{2 * block:03d}/SelfAttention/q"] == expected
        assert table[f"encoder/layer_{2 * block + 1:03d}/rms_norm/scale"] == expected
        assert table[f"decoder/layer_{3 * block + 1:03d}/EncDecAttention/q"] == expected
        assert table[f"decoder/layer_{3 * block + 2:03d}/DenseReluDense/wi/kernel"] == expected
    assert (
        table["encoder/layer_000/SelfAttention/relative_attention_bias"] == table["encoder/layer_000/SelfAttention/q"]
    )
    assert max(table.values()) == -(-11 * 2**18 // 12) < 2**18


def test_stacks_of_different_heights_go_down_side_by_side():
    names = names_of(3, 1)
    table = dict(zip(names, first_steps(gradual_unfreezing(steps_per_layer=10), names, LAYERS), strict=True))
    assert [table[f"encoder/layer_{layer:03d}/rms_norm/scale"] for layer in range(6)] == [20, 20, 10, 10, 0, 0]
    assert [table[f"decoder/layer_{layer:03d}/rms_norm/scale"] for layer in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("loop", "optimizer"),
    [
        ("kept", None),
        pytest.param("off", None, marks=pytest.mark.slow),
        pytest.param("kept", adamw(), marks=pytest.mark.slow),
    ],
)
def test_layers_begin_to_change_when_it_is_their_turn(loop, optimizer):
    on = engine(gradual_unfreezing(steps_per_layer=2), optimizer=optimizer, **{**LOOP, "block_loop": loop})
    state, before = on.initialize(seed=0), None
    for step in range(4):
        before = values(state)
        state, metrics = on.train_step(state, unpacked(step), learning_rate=1e-2, step=step, seed=0)
        found = values(state)
        lower = {
            name for name in before if name.startswith(("encoder/layer_000", "encoder/layer_001", "decoder/layer_000"))
        }
        assert lower
        moved = {name for name in before if not np.array_equal(before[name], found[name])}  # slots too
        assert {"shared/embedding", "decoder/layer_005/DenseReluDense/wi/kernel", "encoder/rms_norm/scale"} <= moved
        assert (lower & moved == set()) if step < 2 else (lower <= moved), step
        assert float(metrics.gradient_norm) > 0


def test_a_layer_whose_turn_has_come_is_trained_as_from_its_first_step():
    """Its optimizer counts from there: AdamW's first step is of the size of the learning rate."""
    on = engine(gradual_unfreezing(steps_per_layer=3), optimizer=adamw(), **LOOP)
    before, found, _ = after(on, 4)
    name = "encoder/layer_000/SelfAttention/q"
    assert name in changed(before, found)
    steps = np.abs(found[name] - before[name])
    assert np.median(steps) == pytest.approx(1e-2, rel=0.01)
    state, _ = on.train_step(on.state(found), unpacked(4), learning_rate=1e-2, step=4, seed=0, slots_since=4)
    assert not np.array_equal(np.asarray(state[name]), found[name])  # with new slots it is not frozen again


def test_layers_that_are_trained_stay_so_when_the_optimizer_is_another():
    """Slots are new at step 5: every layer counts from there, or from its own first step where that is later."""
    config = StepConfig(optimizer=adamw(), trained=gradual_unfreezing(steps_per_layer=3))
    anew = [config.rates(0.1, step, 5, [0, 3, 6]) for step in (5, 6, 7)]
    assert [[row[0] for row in rows] for rows in anew] == [[1, 1, 0], [1, 1, 1], [1, 1, 1]]
    assert [[tuple(row[2:]) for row in rows] for rows in anew] == [
        [adamw().numbers(age) for age in ages] for ages in ((0, 0, 0), (1, 1, 0), (2, 2, 1))
    ]


def test_slots_of_an_earlier_training_are_as_old_as_their_layer_was_trained_there():
    config = StepConfig(optimizer=adamw(), trained=gradual_unfreezing(steps_per_layer=3))
    rows = config.rates(0.1, 4, -5, [0, 3, 6])
    assert [row[0] for row in rows] == [1, 1, 0]
    assert [tuple(row[2:]) for row in rows] == [adamw().numbers(age) for age in (9, 2 + 1, 0)]
