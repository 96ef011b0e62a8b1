"""LoRA: nothing at first, and merged the same as unmerged."""

import numpy as np
import pytest

from t5mix.mesh.t5.fine_tuning.lora_merged import merged
from t5mix.mesh.t5.fine_tuning.settings import lora
from tests.mesh.small import batch
from tests.mesh.t5.fine_tuning.trained import LOOP, after, engine, trained_names, values

ALL = lora(rank=3, alpha=6.0, projections=("q", "k", "v", "o", "wi", "wo"))


@pytest.mark.parametrize("loop", ["kept", "off"])
def test_at_first_it_changes_nothing(loop):
    changes = {**LOOP, "block_loop": loop}
    plain, adapted = engine(**changes), engine(ALL, **changes)
    np.testing.assert_array_equal(
        adapted.logits(adapted.initialize(seed=3), batch(0)), plain.logits(plain.initialize(seed=3), batch(0))
    )


def test_merged_weights_give_the_same_outputs():
    """By a plain engine: logits and decoding; the products are not small."""
    on, plain = engine(ALL, **LOOP), engine(**LOOP)
    rng = np.random.default_rng(0)
    second = {
        variable.name: rng.normal(size=variable.shape).astype(np.float32) * 0.3
        for variable in on.trained_weights
        if variable.name.endswith("lora_b")
    }
    _, state, _ = after(on, 2, second)
    weights = merged({name: value for name, value in state.items() if "_slot_" not in name}, ALL)
    full = plain.initialize(seed=1)
    assert set(weights) == {name for name in full if "_slot_" not in name}
    before = values(full)
    for name, value in weights.items():
        full[name] = value
    expected = on.logits(on.state(state), batch(1))
    np.testing.assert_allclose(plain.logits(full, batch(1)), expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(plain.logits(plain.state(before), batch(1)), expected, atol=0.1)
    inputs = batch(1)["inputs"]
    np.testing.assert_array_equal(plain.greedy_decode(full, inputs), on.greedy_decode(on.state(state), inputs))


def test_the_scale_is_alpha_over_rank():
    weights = {
        "a/q": np.zeros((3, 4), np.float32),
        "a/q/lora_a": np.ones((3, 2), np.float32),
        "a/q/lora_b": np.ones((2, 4), np.float32),
        "a/k": np.ones((3, 4), np.float32),
    }
    found = merged(weights, lora(rank=2, alpha=5.0))
    assert set(found) == {"a/q", "a/k"}
    np.testing.assert_array_equal(found["a/q"], np.full((3, 4), 5.0))
    np.testing.assert_array_equal(found["a/k"], weights["a/k"])


def test_gradients_are_those_of_the_full_weight_times_the_other_factor():
    """With B zero the gradient of A is zero, so a first step changes B alone."""
    on = engine(lora(rank=2, projections=("q",)))
    before, found, _ = after(on, 1)
    assert all(np.array_equal(before[name], found[name]) == name.endswith("lora_a") for name in trained_names(on))


def test_gated_layers_and_an_output_layer_have_projections_too():
    on = engine(
        lora(rank=2, projections=("wi_0", "wi_1", "logits")), activations=("gelu", "linear"), tied_embeddings=False
    )
    assert {name.rpartition("/lora")[0].split("/")[-2] for name in trained_names(on)} == {"wi_0", "wi_1", "logits"}


@pytest.mark.parametrize("loop", ["kept", "off"])
def test_the_sum_is_made_before_a_weight_is_rounded_to_bfloat16(loop):
    """As merged weights are: a product that is less than a bfloat16 weight can show counts all the same."""
    changes = {**LOOP, "block_loop": loop, "activation_dtype": "bfloat16"}
    on, plain = engine(ALL, **changes), engine(**changes)
    state, full, rng = on.initialize(seed=3), plain.initialize(seed=3), np.random.default_rng(0)
    for variable in on.trained_weights:
        if variable.name.endswith("lora_b"):
            state[variable.name] = rng.normal(size=variable.shape).astype(np.float32) * 2e-3
    for name, value in merged({name: value for name, value in state.items() if "_slot_" not in name}, ALL).items():
        full[name] = value
    found, expected = on.logits(state, batch(0)), plain.logits(full, batch(0))
    assert not np.array_equal(plain.logits(plain.initialize(seed=3), batch(0)), expected)
    np.testing.assert_array_equal(found, expected)
