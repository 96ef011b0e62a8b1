"""Operations that are left to StableHLO are what TensorFlow's own translation makes, and none of them is left to it."""

import re

import jax
import ml_dtypes
import numpy as np
import pytest
from jax.extend.mlir import ir
from jax.interpreters import mlir

from t5mix.mesh.compiling.operations import (
    dot_general,
    exp,
    left_to_stablehlo,
    log_sum_exp,
    rsqrt,
    softmax,
    sqrt,
    tanh,
    zeros,
)
from t5mix.mesh.compiling.xla import stablehlo_to_jax, tensorflow_to_stablehlo
from t5mix.mesh.devices import configure_cpu
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.programs import Programs
from t5mix.mesh.t5.config import T5Config

# What the bridge hands to MLIR.
SLOW = {"XlaDotV2", "XlaEinsum", "Einsum", "Rsqrt", "Sqrt", "Exp", "Tanh", "Softmax", "XlaDynamicSlice"}


def values(*shape, dtype=np.float32):
    """Numbers of either sign, large and small ones; a row of them as masks make logits."""
    x = np.random.default_rng(0).normal(size=shape) * np.geomspace(0.01, 8, shape[-1])
    x[0, ::2] -= 1e9
    return x.astype(dtype)


def by_tensorflow(function):
    """The same function, of which nothing is left to StableHLO."""

    def whole(*tensors):
        with left_to_stablehlo(False):
            return function(*tensors)

    return whole


def text_of(module: bytes) -> str:
    with mlir.make_ir_context():
        return str(ir.Module.parse(module))


def computed(function, *arrays):
    """The result of a function that t5mix compiles, and the text of its module."""
    configure_cpu()  # before the first use of JAX, for other tests of this process
    found = []

    def program(*tensors):
        found.append(function(*tensors))
        return found

    module = tensorflow_to_stablehlo(program, [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays])
    result = jax.ShapeDtypeStruct(tuple(found[0].shape), found[0].dtype.as_numpy_dtype)
    return np.asarray(jax.jit(stablehlo_to_jax(lambda inputs: module, [result]))(*arrays)[0]), text_of(module)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("function", [rsqrt, sqrt, exp, tanh])
def test_a_function_is_tensorflows_bit_for_bit(function, dtype):
    x = values(5, 130, dtype=dtype)
    x = np.abs(x) if function in (rsqrt, sqrt) else x
    found, text = computed(function, x)
    expected, translated = computed(by_tensorflow(function), x)
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(found.view(np.uint8), expected.view(np.uint8))
    assert "custom_call" not in text and "custom_call" not in translated


COMPOSED = {
    "softmax": (softmax, lambda x: tf.nn.softmax(x)),
    "log_sum_exp": (log_sum_exp, lambda x: tf.reduce_logsumexp(x, -1)),
}


@pytest.mark.parametrize("name", list(COMPOSED))
def test_what_is_composed_is_tensorflows_bit_for_bit(name):
    ours, tensorflows = COMPOSED[name]
    x = values(5, 130)
    np.testing.assert_array_equal(computed(ours, x)[0], computed(by_tensorflow(tensorflows), x)[0])


EQUATIONS = ["ab,bc->ac", "ab,cb->ca", "abc,cde->abde", "bhqd,bhkd->bhqk", "abc,abd->cd", "a,b->ba"]


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_a_product_is_tensorflows_bit_for_bit_and_an_einsum(equation, dtype):
    left, right, output = re.split(",|->", equation)
    sizes = {letter: 3 + number for number, letter in enumerate("abcdehkq")}
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=[sizes[d] for d in term]).astype(dtype) for term in (left, right))

    def product(x, y):
        return dot_general(left, right, output, x, y)

    found, text = computed(product, x, y)
    expected, _ = computed(by_tensorflow(product), x, y)
    np.testing.assert_array_equal(found.view(np.uint8), expected.view(np.uint8))
    exact = np.einsum(equation, x.astype(np.float64), y.astype(np.float64))
    tolerance = 1e-5 if dtype is np.float32 else 0.05  # of bfloat16's 8 bits
    np.testing.assert_allclose(found.astype(np.float64), exact, rtol=tolerance, atol=tolerance)
    assert text.count("stablehlo.dot_general") == 1 and "custom_call" not in text


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.int32, tf.uint32, tf.bool])
def test_zeros_are_made_by_the_program(dtype):
    found, text = computed(
        lambda x: tf.concat([zeros([3000, 7], dtype), tf.cast(x, dtype)], 0), np.ones((1, 7), np.float32)
    )
    assert found.dtype == dtype.as_numpy_dtype and not found[:-1].any() and found[-1].all()
    assert len(text) < 2000, "the zeros are written out"


def kinds_of_operations(definition):
    """The kinds of operations in a graph and in the functions that it calls, those called by these included."""
    functions = {function.signature.name: function.node_def for function in definition.library.function}
    found, nodes, seen = set(), list(definition.node), set()
    while nodes:
        node = nodes.pop()
        found.add(node.op)
        for attribute in node.attr.values():
            if (name := attribute.func.name) and name not in seen:
                seen.add(name)
                nodes += functions[name]
    return found


@pytest.mark.parametrize("block_loop", ["off", "products", "recomputed"])
@pytest.mark.parametrize("architecture", ["encoder_decoder", "prefix_lm"])
def test_a_training_step_leaves_nothing_slow_to_tensorflow(architecture, block_loop):
    is_alone = architecture == "prefix_lm"
    config = T5Config(
        vocab_size=64, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=0 if is_alone else 3,
        num_decoder_layers=3, activations=("gelu", "linear"), architecture=architecture, block_loop=block_loop,
    )  # fmt: skip
    programs = Programs(config, MeshConfig(), 2, {"inputs": 8, "targets": 4}, 1)
    arrays, names = programs.arrays, (*programs.arrays.features, "targets_task")
    rates = np.shape(programs.step.rates(0.0, 0, 0, arrays.first_steps, None))

    def program(features, rates, key, *values):
        return programs.train_step(features, rates, key, values)

    features = {name: tf.TensorSpec([2, programs.length_of(name)], tf.int32) for name in names}
    values = [tf.TensorSpec(one.shape, tf.float32) for one in [*arrays.frozen, *arrays.changing]]
    with left_to_stablehlo():
        given = (features, tf.TensorSpec(rates), tf.TensorSpec([2], tf.uint32), *values)
        graph = tf.function(program, autograph=False).get_concrete_function(*given).graph
    kinds = kinds_of_operations(graph.as_graph_def())
    assert not kinds & SLOW and "XlaCustomCallV2" in kinds
