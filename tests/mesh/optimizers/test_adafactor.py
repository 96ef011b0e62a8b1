"""Adafactor against Mesh-TensorFlow's and Hugging Face's, and layers of a stack against layers alone."""

import numpy as np
import pytest

from t5mix.mesh.compiling.compilation import fingerprint
from t5mix.mesh.compiling.costs.hlo_text import parse_module
from t5mix.mesh.compiling.costs.program_costs import COLLECTIVES
from t5mix.mesh.compiling.executables import Executables, shapes_of
from t5mix.mesh.devices import jax
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers import adafactor as module
from t5mix.mesh.optimizers.settings import adafactor
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.optimizers.update import new_values, slot_arrays
from t5mix.mesh.state import ZEROS, Stored, Variable
from tests.mesh.optimizers.steps import RATE, ours, upstreams

SHAPES = [(7,), (130, 20), (130, 200), (200, 130), (128, 128)]


def drawn(shape, count=3):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=shape).astype(np.float32)
    return weight, [rng.normal(size=shape).astype(np.float32) * np.float32(10.0**-n) for n in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_equal_hugging_face(shape):
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    weight, gradients = drawn(shape)
    found, _ = ours(module, adafactor(), weight, gradients)
    if len(shape) == 2 and min(shape) < 128:
        return  # Hugging Face factors every matrix
    parameter = torch.nn.Parameter(torch.tensor(weight))
    theirs = optimization.Adafactor([parameter], lr=RATE, relative_step=False, scale_parameter=True, warmup_init=False)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_weight_decay_equals_hugging_faces():
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    weight, gradients = drawn((130, 140))
    found, _ = ours(module, adafactor(weight_decay=0.1), weight, gradients)
    parameter = torch.nn.Parameter(torch.tensor(weight))
    theirs = optimization.Adafactor(
        [parameter], lr=RATE, relative_step=False, scale_parameter=True, warmup_init=False, weight_decay=0.1
    )
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(7,), (130, 200)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"multiply_by_parameter_scale": False},
        {"clipping_threshold": None},
        {"clipping_threshold": 0.5},
        {"beta1": 0.9},
        {"beta1": 0.5, "multiply_by_parameter_scale": False, "clipping_threshold": 2.0},
        {"factored": False},
        {"min_dim_size_to_factor": 131},
    ],
)
def test_every_option_equals_upstreams(shape, options):
    weight, gradients = drawn(shape)
    found, _ = ours(module, adafactor(decay_rate=0.7, **options), weight, gradients)
    np.testing.assert_allclose(found, upstreams(weight, gradients, decay_rate=0.7, **options), rtol=2e-5, atol=1e-6)


def test_the_decay_rate_is_t5s():
    assert adafactor().numbers(0) == (0.0,)
    assert adafactor().numbers(999) == (1 - 1000**-0.8,)
    assert adafactor(decay_rate_exponent=0.5).numbers(3) == (0.5,)
    assert adafactor(step_offset=1000).numbers(1999) == adafactor().numbers(999)
    assert adafactor(decay_rate=0.9).numbers(5) == (0.9,)


def test_weights_may_be_excluded_from_the_parameter_scale():
    options = adafactor(exclude_from_parameter_scale=("rms_norm", "bias"))
    assert not options.of_weight("encoder/rms_norm/scale").multiply_by_parameter_scale
    assert options.of_weight("encoder/layer_000/SelfAttention/q").multiply_by_parameter_scale
    assert not adafactor(multiply_by_parameter_scale=False).of_weight("x").multiply_by_parameter_scale


@pytest.mark.parametrize("shape", [(5,), (130, 140), (4, 6)])
@pytest.mark.parametrize("options", [adafactor(), adafactor(beta1=0.9, weight_decay=0.1)])
def test_a_stack_is_updated_as_its_layers_are_alone(shape, options):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, *shape)).astype(np.float32) * np.array([1.0, 10.0, 0.1], np.float32).reshape(
        3, *[1] * len(shape)
    )
    gradients = [rng.normal(size=(3, *shape)).astype(np.float32) for _ in range(3)]
    together, slots = ours(module, options, weights, gradients, stacked=True)
    for layer in range(3):
        alone, own = ours(module, options, weights[layer], [gradient[layer] for gradient in gradients])
        np.testing.assert_allclose(together[layer], alone, rtol=1e-5, atol=1e-7)
        for name, slot in own.items():
            np.testing.assert_allclose(slots[name][layer], slot, rtol=1e-5, atol=1e-7 if name == "_slot_m" else 0)


@pytest.mark.parametrize("stacked", [False, True])
def test_moments_of_long_rows_are_those_of_short_ones(stacked):
    rows, columns = 136, 2**14 + 64
    rng = np.random.default_rng(2)
    scale = rng.uniform(0.1, 1.0, (rows, 1)).astype(np.float32) * rng.uniform(1.0, 2.0, columns).astype(np.float32)
    gradient = rng.permutation(scale.reshape(-1)).reshape(rows, columns) * np.float32(1e-2)
    weight = np.ones_like(gradient)
    whole = (weight[None], gradient[None]) if stacked else (weight, gradient)
    found, slots = ours(module, adafactor(), whole[0], [whole[1]], stacked=stacked)
    squares = np.square(gradient, dtype=np.float64)
    np.testing.assert_allclose(np.reshape(slots["_slot_vr"], -1), squares.mean(1), rtol=1e-5)
    np.testing.assert_allclose(np.reshape(slots["_slot_vc"], -1), squares.mean(0), rtol=1e-5)
    x = gradient / np.sqrt(squares.mean(1, keepdims=True) / squares.mean() * squares.mean(0))
    expected = weight - RATE * x / max(1.0, np.sqrt(np.square(x).mean()))
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-5)


def test_devices_that_share_long_rows_out_send_sums_and_no_rows():
    columns = 2**14 + 64

    def array(name):  # 34 rows a device: sums of eight neighbors would be of rows of two
        return Stored((Variable(name, (136, columns), (0, -1), True, ZEROS),), False)

    weight, gradient = array("weight"), array("gradient")
    slots = slot_arrays(weight, adafactor())

    def program(rates, weight_value, gradient_value, *values):
        old = dict(zip((one.name for one in slots), values, strict=True)) | {"weight": weight_value}
        norm, new = new_values([weight], old, {"weight": gradient_value}, rates, StepConfig())
        return (norm, *(new[one.name] for one in (weight, *slots)))

    spec = jax.ShapeDtypeStruct
    compiled = Executables(MeshConfig(shape="batch:4", layout="batch:batch"), fingerprint({}), 0).compile(
        "long rows",
        program,
        [spec((2,), np.float32)],
        [spec((), np.float32), *shapes_of([weight, *slots])],
        arguments=[weight, gradient, *slots],
        results=[weight, *slots],
    )
    computations = parse_module(compiled.as_text()).computations.values()
    found = [one for computation in computations for one in computation.instructions.values()]
    sent = [one for one in found if one.opcode.removesuffix("-start") in COLLECTIVES]
    assert sent and {one.opcode for one in sent} == {"all-reduce"}


def test_slots_follow_upstream():
    assert [slot.name for slot in module.slots(adafactor(), (127, 4000))] == ["_slot_v"]
    row, column = module.slots(adafactor(), (128, 512))
    assert (row.name, row.dimensions, column.name, column.dimensions) == ("_slot_vr", (0,), "_slot_vc", (1,))
    assert [slot.name for slot in module.slots(adafactor(beta1=0.9), (3,))] == ["_slot_v", "_slot_m"]
