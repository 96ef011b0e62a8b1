"""Adafactor against Hugging Face's, an independent implementation, and layers of a stack against layers alone."""

import numpy as np
import pytest

from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.optimizers import adafactor


def steps(weight, gradients, *, stacked=False):
    weight = tf.constant(weight)
    inner = weight.shape.as_list()[int(stacked) :]
    prefix = weight.shape.as_list()[: int(stacked)]
    slots = {slot.name: tf.zeros(prefix + [inner[d] for d in slot.dimensions]) for slot in adafactor.slots(inner)}
    for number, gradient in enumerate(gradients):
        decay = tf.constant(1.0 - (number + 1.0) ** -0.8)
        step = adafactor.update(weight, tf.constant(gradient), slots, tf.constant(1e-2), decay, stacked=stacked)
        np.testing.assert_allclose(step.squared_norm, np.sum(gradient**2), rtol=1e-4)
        weight, slots = step.weight, step.slots
    return weight.numpy(), slots


@pytest.mark.parametrize("shape", [(7,), (130, 20), (130, 200), (200, 130), (128, 128)])
def test_steps_equal_hugging_face(shape):
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    rng = np.random.default_rng(0)
    weight = rng.normal(size=shape).astype(np.float32)
    gradients = [rng.normal(size=shape).astype(np.float32) * 10.0**-n for n in range(3)]
    found, _ = steps(weight, gradients)
    if len(shape) == 2 and min(shape) < 128:
        return  # Hugging Face factors every matrix
    parameter = torch.nn.Parameter(torch.tensor(weight))
    theirs = optimization.Adafactor([parameter], lr=1e-2, relative_step=False, scale_parameter=True, warmup_init=False)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (130, 140), (4, 6)])
def test_a_stack_is_updated_as_its_layers_are_alone(shape):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, *shape)).astype(np.float32) * np.array([1.0, 10.0, 0.1], np.float32).reshape(
        3, *[1] * len(shape)
    )
    gradients = [rng.normal(size=(3, *shape)).astype(np.float32) for _ in range(3)]
    together, slots = steps(weights, gradients, stacked=True)
    for layer in range(3):
        alone, own = steps(weights[layer], [gradient[layer] for gradient in gradients])
        np.testing.assert_allclose(together[layer], alone, rtol=1e-5, atol=1e-7)
        for name, slot in own.items():
            np.testing.assert_allclose(slots[name][layer], slot, rtol=1e-5)


def test_slots_follow_upstream():
    assert [slot.name for slot in adafactor.slots((127, 4000))] == ["_slot_v"]
    row, column = adafactor.slots((128, 512))
    assert (row.name, row.dimensions, column.name, column.dimensions) == ("_slot_vr", (0,), "_slot_vc", (1,))
