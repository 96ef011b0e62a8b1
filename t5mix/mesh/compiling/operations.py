"""Operations that TensorFlow's compiler bridge translates slowly, and that are left to StableHLO.

The bridge hands each of them to MLIR by itself, which makes all its rewriting rules anew: 5 ms, where others take 0.1,
and a training step has hundreds. And it computes what is constant, arrays of zeros as large as a layer included. So
while `tensorflow_to_stablehlo` traces, these are custom calls, named after what takes their place in the module: the
program stays the same. Elsewhere, in tests, they are made of TensorFlow's own.
"""

import contextlib
import contextvars
import json
from collections.abc import Iterator, Sequence
from typing import Any

from t5mix.mesh.mesh_tensorflow import tf

# What the names of the calls begin with.
PREFIX = "t5mix."

_left = contextvars.ContextVar("left to StableHLO", default=False)


@contextlib.contextmanager
def left_to_stablehlo(left: bool = True) -> Iterator[None]:
    """Leaves these operations out of what is traced meanwhile, for `xla` to put in; or lets TensorFlow make them."""
    token = _left.set(left)
    try:
        yield
    finally:
        _left.reset(token)


def rsqrt(x: tf.Tensor) -> tf.Tensor:
    """Returns 1 / sqrt(x), of any shape."""
    return _call("rsqrt", x.shape, x.dtype, x) if _left.get() else tf.math.rsqrt(x)


def sqrt(x: tf.Tensor) -> tf.Tensor:
    """Returns the square root, of any shape."""
    return _call("sqrt", x.shape, x.dtype, x) if _left.get() else tf.sqrt(x)


def exp(x: tf.Tensor) -> tf.Tensor:
    """Returns e^x, of any shape."""
    return _call("exponential", x.shape, x.dtype, x) if _left.get() else tf.exp(x)


def tanh(x: tf.Tensor) -> tf.Tensor:
    """Returns the hyperbolic tangent, of any shape."""
    return _call("tanh", x.shape, x.dtype, x) if _left.get() else tf.tanh(x)


def zeros(shape: Sequence[int], dtype: tf.DType) -> tf.Tensor:
    """Returns zeros that nobody makes before the program runs."""
    return _call("zeros", tf.TensorShape(shape), dtype) if _left.get() else tf.zeros(shape, dtype)


def softmax(x: tf.Tensor) -> tf.Tensor:
    """Returns the softmax over the last dimension, of float32."""
    exponentials = exp(x - tf.reduce_max(x, -1, keepdims=True))
    return exponentials / tf.reduce_sum(exponentials, -1, keepdims=True)


def log_sum_exp(x: tf.Tensor) -> tf.Tensor:
    """Returns log(sum(exp(x))) over the last dimension, of finite float32."""
    largest = tf.reduce_max(x, -1, keepdims=True)
    return tf.math.log(tf.reduce_sum(exp(x - largest), -1)) + largest[..., 0]


def dot_general(left: str, right: str, output: str, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns an einsum of two tensors: XLA's dot_general, and a transpose where the result's dimensions need one.

    Args:
        left: a letter for each dimension of `x`.
        right: for each of `y`.
        output: for each of the result.
        x: of any shape.
        y: of any shape.
    """
    batch = [d for d in left if d in right and d in output]
    summed = [d for d in left if d in right and d not in output]
    alone = [[d for d in term if d not in output and d not in summed] for term in (left, right)]
    assert not alone[0] and not alone[1], f"{left},{right}->{output} sums over a dimension of one tensor"
    numbers = {
        "lhs_batch_dimensions": [left.index(d) for d in batch],
        "rhs_batch_dimensions": [right.index(d) for d in batch],
        "lhs_contracting_dimensions": [left.index(d) for d in summed],
        "rhs_contracting_dimensions": [right.index(d) for d in summed],
    }
    made = [*batch, *(d for d in left if d not in batch + summed), *(d for d in right if d not in batch + summed)]
    if _left.get():
        sizes = dict(zip([*left, *right], [*x.shape, *y.shape], strict=True))
        shape = tf.TensorShape([sizes[d] for d in made])
        product = _call("dot_general", shape, x.dtype, x, y, settings=numbers)
    else:
        product = _dot(numbers, x, y)
    return product if made == list(output) else tf.transpose(product, [made.index(d) for d in output])


def _dot(numbers: dict[str, list[int]], x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops
    from tensorflow.compiler.xla import xla_data_pb2

    return gen_xla_ops.xla_dot_v2(
        lhs=x,
        rhs=y,
        dimension_numbers=xla_data_pb2.DotDimensionNumbers(**numbers).SerializeToString(),
        precision_config="",
        preferred_element_type=x.dtype,
    )


def _call(name: str, shape: tf.TensorShape, dtype: tf.DType, *inputs: tf.Tensor, settings: Any = None) -> tf.Tensor:
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    (result,) = gen_xla_ops.xla_custom_call_v2(
        operands=inputs,
        call_target_name=PREFIX + name,
        backend_config=json.dumps(settings),
        has_side_effect=False,
        result_dtypes=[dtype],
        result_shapes=[shape],
    )
    return result
