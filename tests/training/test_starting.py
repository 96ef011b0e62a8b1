"""Weights of one training, for another: slots anew, LoRA added up, adapters kept or refused."""

import numpy as np
import pytest

from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import adapters, lora, matching, prompt_tuning
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import STEP, as_trained, same_arrays, step_of, to_train
from tests.training import toy


@pytest.fixture(scope="module")
def plain():
    return toy.engine()


def saved(tmp_path, engine, change=lambda name, value: value):
    state = engine.initialize(seed=5)
    for name in list(state):
        state[name] = change(name, state[name])
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(3, state, {STEP: engine.step.description()})
    return checkpoints, {name: np.asarray(value) for name, value in state.items()}


def test_the_same_training_goes_on_with_its_slots(plain, tmp_path):
    checkpoints, before = saved(tmp_path, plain, lambda name, value: value + 1.0)
    state = to_train(checkpoints, 3, plain, seed=0, new_slots=False)
    for name, value in state.items():
        np.testing.assert_array_equal(np.asarray(value), before[name], err_msg=name)
    assert state.slots_since == -3


def test_new_slots_are_zero_and_count_from_now_on(plain, tmp_path):
    checkpoints, before = saved(tmp_path, plain, lambda name, value: value + 1.0)
    state = to_train(checkpoints, 3, plain, seed=0, new_slots=True)
    for name, value in state.items():
        expected = np.zeros(value.shape) if "_slot_" in name else before[name]
        np.testing.assert_array_equal(np.asarray(value), expected, err_msg=name)
    assert any("_slot_" in name for name in state) and state.slots_since == 0


@pytest.mark.parametrize("step", [StepConfig(optimizer=adamw()), StepConfig(trained=matching(patterns=("rms",)))])
def test_another_training_has_its_weights_and_slots_that_are_zero(plain, tmp_path, step):
    checkpoints, before = saved(tmp_path, plain, lambda name, value: value + 1.0)
    state = to_train(checkpoints, 3, plain.with_step(step), seed=0, new_slots=False)
    for name, value in state.items():
        expected = np.zeros(value.shape) if "_slot_" in name else before[name]
        np.testing.assert_array_equal(np.asarray(value), expected, err_msg=name)
    assert state.slots_since == 0


def test_what_is_added_is_drawn_and_a_prompt_is_made_of_the_checkpoints_words(plain, tmp_path):
    checkpoints, before = saved(tmp_path, plain, lambda name, value: value * 2.0)
    engine = plain.with_step(StepConfig(trained=prompt_tuning(length=4)))
    state = to_train(checkpoints, 3, engine, seed=1, new_slots=True)
    words = before["shared/embedding"]
    for vector in np.asarray(state["prompt/embedding"]):
        assert (words == vector).all(1).any()


def test_lora_is_added_up_for_use_and_for_another_training(plain, tmp_path):
    """Its products, by hand."""
    engine = plain.with_step(StepConfig(trained=lora(rank=2, alpha=4.0)))
    checkpoints, before = saved(tmp_path, engine, lambda name, value: value + 0.5 if "lora" in name else value)
    used, trained = as_trained(checkpoints, 3, plain), to_train(checkpoints, 3, plain, seed=0, new_slots=True)
    for state in (used, trained):
        assert not any("lora" in name for name in state)
        for name in ("encoder/layer_000/SelfAttention/q", "decoder/layer_001/EncDecAttention/v"):
            expected = before[name] + 2.0 * before[f"{name}/lora_a"] @ before[f"{name}/lora_b"]
            np.testing.assert_allclose(np.asarray(state[name]), expected, rtol=1e-5, atol=1e-6)
            assert not np.allclose(expected, before[name])
    again = to_train(checkpoints, 3, engine, seed=0, new_slots=False)
    np.testing.assert_array_equal(
        np.asarray(again["encoder/layer_000/SelfAttention/q"]), before["encoder/layer_000/SelfAttention/q"]
    )


def test_adapters_stay_part_of_the_model(plain, tmp_path):
    engine = plain.with_step(StepConfig(trained=adapters(inner_size=2)))
    checkpoints, before = saved(tmp_path, engine)
    state = as_trained(checkpoints, 3, plain)
    assert state.trained == adapters(inner_size=2)
    name = "encoder/layer_001/DenseReluDense/adapter/wi/kernel"
    np.testing.assert_array_equal(np.asarray(state[name]), before[name])
    with pytest.raises(ValueError, match=r"was trained with adapters\(.*train it further with the same"):
        to_train(checkpoints, 3, plain, seed=0, new_slots=True)


def test_a_checkpoint_without_a_note_of_its_optimizer_is_adafactors():
    assert step_of({}) == StepConfig()
    assert same_arrays(step_of({"training_step": StepConfig().description()}), StepConfig(clip_norm=1.0))
    with pytest.raises(ValueError, match="unknown to this version of t5mix"):
        step_of({"training_step": {"optimizer": {"kind": "lion"}}})
